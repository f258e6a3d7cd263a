/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Uring - the same acts, asked for through an io_uring.
 *
 * A request is seen when it is submitted, where the kernel's copies of its strings are at hand,
 * and when it completes, where the result is.  In between it waits in a map, in the form of the
 * system call that it stands for.  Completion runs in the submitter or in one of its worker
 * threads, which share its descriptors and working directory.
 *
 * Three kinds of success complete out of sight of io_uring_complete: those whose submitter wants
 * no completion entry (reported when they are asked for), those that find the completion queue
 * full (io_uring_cqe_overflow), and all but the last of a multishot accept (seen without their
 * request, and found by what the submitter called them).
 */
#ifndef RINGFORT_SENSOR_BPF_URING_BPF_H
#define RINGFORT_SENSOR_BPF_URING_BPF_H

#include "handle.bpf.h"

#include <linux/io_uring.h>

/* Mask of the operations that some subscribed type needs. */
uint64_t uring_opcodes;

#define REQ_F_CQE_SKIP (1u << 6)
#define URING_OP_BIND 56 /* younger than the headers of Debian 12 */
#define URING_OP_LISTEN 57
#define MAX_SOCKADDR 128
#define MAX_PENDING 4096

/* Where the arguments of a request are put. */
enum { ARG_DIRFD, ARG_PATH, ARG_TO_DIRFD, ARG_TO_PATH, ARG_FLAGS, ARG_VALUE };

struct pending {
	struct probe_call is;
	uint64_t args[6]; /* those of strings are not used */
	uint64_t ring;
	uint64_t user_data;
	uint32_t type; /* to count as lost when it cannot be kept */
	uint32_t opcode;
	char path[MAX_PATH]; /* or the address to connect to */
	char to_path[MAX_PATH];
};

_Static_assert(sizeof(struct pending) <= RECORD_MASK, "is put together in the scratch");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MAX_PENDING);
	__type(key, uint64_t); /* address of the request */
	__type(value, struct pending);
} pendings SEC(".maps");

struct accept_key {
	uint64_t ring;
	uint64_t user_data;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, MAX_PENDING);
	__type(key, struct accept_key);
	__type(value, uint32_t); /* how many */
} accepts SEC(".maps");

/* One that we could not keep: it will complete unseen. */
static __always_inline void count_lost(uint32_t type)
{
	uint32_t cpu = bpf_get_smp_processor_id();
	struct probe_counters *count = bpf_map_lookup_elem(&counters, &cpu);

	if (!count)
		return;
	count->n_performed[type & (RINGFORT_MAX_TYPES - 1)]++;
	count->n_lost[type & (RINGFORT_MAX_TYPES - 1)]++;
}

static __always_inline void keep_name(char *to, const struct filename *filename)
{
	bpf_probe_read_kernel_str(to, MAX_PATH, BPF_CORE_READ(filename, name));
}

static __always_inline int take_open(struct pending *p, const struct io_open *open)
{
	/* The kernel adds O_LARGEFILE before we see them. */
	uint32_t flags = BPF_CORE_READ(open, how.flags) & ~O_LARGEFILE;

	if (is_read_only(flags))
		return 0;
	p->type = flags & WRITING && is_subscribed(ringfort_type_file_open_write) ?
			  ringfort_type_file_open_write : ringfort_type_file_create;
	p->is.handler = PROBE_HANDLE_OPEN;
	p->is.bits = PROBE_CALL_OPEN_FLAGS;
	if (BPF_CORE_READ(open, file_slot))
		p->is.bits |= PROBE_CALL_NO_FD;
	p->args[ARG_DIRFD] = BPF_CORE_READ(open, dfd);
	p->args[ARG_FLAGS] = flags;
	keep_name(p->path, BPF_CORE_READ(open, filename));
	return 1;
}

static __always_inline int take_unlink(struct pending *p, const struct io_unlink *unlink)
{
	p->type = ringfort_type_file_unlink;
	p->is.handler = PROBE_HANDLE_UNLINK;
	p->args[ARG_DIRFD] = BPF_CORE_READ(unlink, dfd);
	p->args[ARG_FLAGS] = BPF_CORE_READ(unlink, flags);
	keep_name(p->path, BPF_CORE_READ(unlink, filename));
	return 1;
}

static __always_inline int take_rename(struct pending *p, const struct io_rename *rename)
{
	p->type = ringfort_type_file_rename;
	p->is.handler = PROBE_HANDLE_RENAME;
	p->args[ARG_DIRFD] = BPF_CORE_READ(rename, old_dfd);
	p->args[ARG_TO_DIRFD] = BPF_CORE_READ(rename, new_dfd);
	p->args[ARG_FLAGS] = BPF_CORE_READ(rename, flags);
	keep_name(p->path, BPF_CORE_READ(rename, oldpath));
	keep_name(p->to_path, BPF_CORE_READ(rename, newpath));
	return 1;
}

static __always_inline int take_mkdir(struct pending *p, const struct io_mkdir *mkdir)
{
	p->type = ringfort_type_file_create;
	p->is.handler = PROBE_HANDLE_CREATE;
	p->is.kind = RINGFORT_CREATE_DIRECTORY;
	p->args[ARG_DIRFD] = BPF_CORE_READ(mkdir, dfd);
	p->args[ARG_VALUE] = BPF_CORE_READ(mkdir, mode);
	keep_name(p->path, BPF_CORE_READ(mkdir, filename));
	return 1;
}

/* Symbolic and hard links: the new name, and what it leads to. */
static __always_inline int take_link(struct pending *p, const struct io_link *link, uint32_t kind)
{
	p->type = ringfort_type_file_create;
	p->is.handler = PROBE_HANDLE_CREATE;
	p->is.kind = kind;
	p->is.value = ARG_TO_PATH;
	p->args[ARG_DIRFD] = BPF_CORE_READ(link, new_dfd);
	keep_name(p->path, BPF_CORE_READ(link, newpath));
	keep_name(p->to_path, BPF_CORE_READ(link, oldpath));
	return 1;
}

static __always_inline int take_xattr(struct pending *p, const struct io_xattr *xattr, bool by_fd)
{
	p->type = ringfort_type_file_attr;
	p->is.handler = PROBE_HANDLE_ATTR;
	p->is.kind = RINGFORT_ATTR_CAPABILITIES;
	p->is.value = ARG_TO_PATH;
	/* The flags of a request are those of setxattr(2), not of a path. */
	p->is.flags = PROBE_ARG_ZERO;
	p->args[ARG_DIRFD] = AT_FDCWD;
	bpf_probe_read_kernel_str(p->to_path, MAX_NAME, BPF_CORE_READ(xattr, ctx.kname));
	if (by_fd)
		p->is.bits = PROBE_CALL_BY_FD;
	else
		keep_name(p->path, BPF_CORE_READ(xattr, filename));
	return 1;
}

static __always_inline int take_connect(struct pending *p, const struct io_connect *connect)
{
	uint32_t size = BPF_CORE_READ(connect, addr_len);

	p->type = ringfort_type_net_connect;
	p->is.handler = PROBE_HANDLE_CONNECT;
	p->is.bits = PROBE_CALL_FAILED;
	if (size > MAX_SOCKADDR)
		size = MAX_SOCKADDR;
	p->args[2] = size;
	bpf_probe_read_user(p->path, size, BPF_CORE_READ(connect, addr));
	return 1;
}

static __always_inline int take_bind(struct pending *p, const struct io_kiocb *request)
{
	const struct io_async_msghdr *message = BPF_CORE_READ(request, async_data);

	p->type = ringfort_type_net_bind;
	p->is.handler = PROBE_HANDLE_BIND;
	p->is.bits = PROBE_CALL_FAILED;
	p->args[2] = BPF_CORE_READ((const struct io_bind *)request, addr_len);
	if (bpf_core_field_exists(message->addr))
		bpf_core_read(p->path, MAX_SOCKADDR, &message->addr);
	return 1;
}

static __always_inline int take_accept(struct pending *p, const struct io_accept *accept)
{
	p->type = ringfort_type_net_accept;
	p->is.handler = PROBE_HANDLE_ACCEPT;
	if (BPF_CORE_READ(accept, file_slot))
		p->is.bits = PROBE_CALL_NO_FD;
	return 1;
}

static __always_inline int take_listen(struct pending *p, const struct io_listen *listen)
{
	p->type = ringfort_type_net_listen;
	p->is.handler = PROBE_HANDLE_LISTEN;
	p->args[1] = BPF_CORE_READ(listen, backlog);
	return 1;
}

/* Write down the call that a request stands for.  Return: 1, or 0 when it is none of ours. */
static __always_inline int take(struct pending *p, const struct io_kiocb *request, uint32_t opcode)
{
	const void *command = request;

	switch (opcode) {
	case IORING_OP_OPENAT:
	case IORING_OP_OPENAT2:
		return take_open(p, command);
	case IORING_OP_UNLINKAT:
		return take_unlink(p, command);
	case IORING_OP_RENAMEAT:
		return take_rename(p, command);
	case IORING_OP_MKDIRAT:
		return take_mkdir(p, command);
	case IORING_OP_SYMLINKAT:
		return take_link(p, command, RINGFORT_CREATE_SYMLINK);
	case IORING_OP_LINKAT:
		return take_link(p, command, RINGFORT_CREATE_HARDLINK);
	case IORING_OP_SETXATTR:
	case IORING_OP_FSETXATTR:
		return take_xattr(p, command, opcode == IORING_OP_FSETXATTR);
	case IORING_OP_CONNECT:
		return take_connect(p, command);
	case IORING_OP_ACCEPT:
		return take_accept(p, command);
	case URING_OP_BIND:
		return bpf_core_type_exists(struct io_bind) ? take_bind(p, request) : 0;
	case URING_OP_LISTEN:
		return bpf_core_type_exists(struct io_listen) ? take_listen(p, command) : 0;
	default:
		return 0;
	}
}

/* Report a pending call with its result, as if it were a system call. */
static __always_inline void report(struct scratch *s, struct pending *p, uint64_t file, int32_t result)
{
	struct call *call = &s->call;

	if (result < 0 && !(p->is.bits & PROBE_CALL_FAILED))
		return;
	if (!(subscribed & (1ull << (p->type & (RINGFORT_MAX_TYPES - 1)))))
		return;
	call->args[ARG_DIRFD] = p->args[ARG_DIRFD];
	call->args[ARG_PATH] = p->is.handler == PROBE_HANDLE_LISTEN ? p->args[1] : (uint64_t)p->path;
	call->args[ARG_TO_DIRFD] = p->args[ARG_TO_DIRFD];
	call->args[ARG_TO_PATH] = (uint64_t)p->to_path;
	call->args[ARG_FLAGS] = p->args[ARG_FLAGS];
	call->args[ARG_VALUE] = p->args[ARG_VALUE];
	call->args[PROBE_ARG_CWD] = (uint64_t)AT_FDCWD;
	call->args[PROBE_ARG_ZERO] = 0;
	call->is = p->is;
	call->result = result;
	call->file = file;
	call->via = RINGFORT_VIA_IO_URING;
	call->compat = 0;
	handle(call);
}

/* A success will pass unseen: tell of it now, as of one whose end is unknown.  Not of an accept:
 * it may wait for ever. */
static __always_inline void report_asked(struct scratch *s, uint64_t key, uint64_t file)
{
	struct pending *p = bpf_map_lookup_elem(&pendings, &key);

	if (!p || p->is.handler == PROBE_HANDLE_ACCEPT)
		return;
	p->is.bits |= PROBE_CALL_NO_FD | PROBE_CALL_ASKED;
	report(s, p, file, p->is.bits & PROBE_CALL_FAILED ? -EINPROGRESS : 0);
	bpf_map_delete_elem(&pendings, &key);
}

/* Remember that accepts may complete under this name of their submitter. */
static __always_inline void expect_accepts(const struct pending *p)
{
	struct accept_key key = { .ring = p->ring, .user_data = p->user_data };
	uint32_t *count = bpf_map_lookup_elem(&accepts, &key), one = 1;

	if (count)
		__sync_fetch_and_add(count, 1);
	else if (bpf_map_update_elem(&accepts, &key, &one, BPF_ANY))
		count_lost(ringfort_type_net_accept);
}

static __always_inline void forget_accepts(const struct pending *p)
{
	struct accept_key key = { .ring = p->ring, .user_data = p->user_data };
	uint32_t *count = bpf_map_lookup_elem(&accepts, &key);

	if (count && __sync_fetch_and_add(count, -1) <= 1)
		bpf_map_delete_elem(&accepts, &key);
}

static __always_inline bool is_wanted(uint32_t opcode)
{
	return uring_opcodes >> (opcode & 63) & 1;
}

static __always_inline int submit(struct io_kiocb *request)
{
	struct scratch *s = scratch_get();
	uint32_t opcode = request->opcode;
	struct pending *p;
	uint64_t key;

	/* Reads and writes are most of what a ring carries: they leave here. */
	if (!s || !is_wanted(opcode))
		return 0;
	key = address_of(s, request);
	p = (struct pending *)s->record;
	__builtin_memset(p, 0, offsetof(struct pending, path));
	p->is.path = ARG_PATH;
	p->is.to_dirfd = ARG_TO_DIRFD;
	p->is.to_path = ARG_TO_PATH;
	p->is.flags = ARG_FLAGS;
	p->is.value = ARG_VALUE;
	p->is.value2 = PROBE_ARG_ZERO;
	p->opcode = opcode;
	p->ring = address_of(s, request->ctx);
	p->user_data = request->cqe.user_data;
	if (!take(p, (const struct io_kiocb *)key, opcode))
		return 0;
	if (bpf_map_update_elem(&pendings, &key, p, BPF_ANY)) {
		count_lost(p->type);
		return 0;
	}
	if (opcode == IORING_OP_ACCEPT)
		expect_accepts(p);
	if (request->flags & REQ_F_CQE_SKIP)
		report_asked(s, key, address_of(s, request->file));
	return 0;
}

/* One of several accepts of one request. */
static __always_inline int complete_accept(uint64_t ring, uint64_t user_data, int32_t result)
{
	struct accept_key accept = { .ring = ring, .user_data = user_data };
	struct scratch *s = scratch_get();

	if (!s || result < 0 || !is_subscribed(ringfort_type_net_accept) ||
	    !bpf_map_lookup_elem(&accepts, &accept))
		return 0;
	s->call.is = (struct probe_call){ .handler = PROBE_HANDLE_ACCEPT };
	s->call.result = result;
	s->call.file = 0;
	s->call.via = RINGFORT_VIA_IO_URING;
	return handle_accept();
}

static __always_inline int complete(uint64_t key, uint64_t ring, uint64_t user_data, int32_t result)
{
	const struct io_kiocb *request = (const struct io_kiocb *)key;
	struct scratch *s = scratch_get();
	struct pending *p;
	uint8_t opcode;

	if (!key)
		return complete_accept(ring, user_data, result);
	opcode = BPF_CORE_READ(request, opcode);
	if (!s || !is_wanted(opcode))
		return 0;
	/* An entry whose request went unseen would be found by the next at that address. */
	p = bpf_map_lookup_elem(&pendings, &key);
	if (!p || p->opcode != opcode || p->user_data != user_data)
		return 0;
	report(s, p, (uint64_t)BPF_CORE_READ(request, file), result);
	if (opcode == IORING_OP_ACCEPT)
		forget_accepts(p);
	bpf_map_delete_elem(&pendings, &key);
	return 0;
}

SEC("tp_btf/io_uring_submit_req")
int BPF_PROG(uring_submit_req, struct io_kiocb *request)
{
	return submit(request);
}

/* Its name up to 6.3 */
SEC("tp_btf/io_uring_submit_sqe")
int BPF_PROG(uring_submit_sqe, struct io_kiocb *request)
{
	return submit(request);
}

SEC("tp_btf/io_uring_complete")
int BPF_PROG(uring_complete, uint64_t ring, uint64_t request, struct io_uring_cqe *cqe)
{
	return complete(request, ring, cqe->user_data, cqe->res);
}

/* Up to 6.14 or so the parts of the entry come one by one. */
SEC("tp_btf/io_uring_complete")
int BPF_PROG(uring_complete_parts, uint64_t ring, uint64_t request, uint64_t user_data, int result)
{
	return complete(request, ring, user_data, result);
}

struct overflow {
	uint64_t ring;
	uint64_t user_data;
	uint64_t found;
};

static long match_overflow(struct bpf_map *map, const uint64_t *key, struct pending *p,
			   struct overflow *overflow)
{
	if (p->ring != overflow->ring || p->user_data != overflow->user_data)
		return 0;
	overflow->found = *key;
	return 1;
}

SEC("tp_btf/io_uring_cqe_overflow")
int BPF_PROG(uring_overflow, uint64_t ring, uint64_t user_data, int result)
{
	struct overflow overflow = { .ring = ring, .user_data = user_data };

	bpf_for_each_map_elem(&pendings, match_overflow, &overflow, 0);
	return complete(overflow.found, ring, user_data, result);
}

#endif
