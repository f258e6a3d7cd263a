/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Net - sockets that are connected, bound, listen and accept. */
#ifndef RINGFORT_SENSOR_BPF_NET_BPF_H
#define RINGFORT_SENSOR_BPF_NET_BPF_H

#include "event/denial.h"
#include "path.bpf.h"

#define SUN_PATH 108

struct connect_record {
	struct probe_record head;
	struct ringfort_net_connect body;
};

struct bind_record {
	struct probe_record head;
	struct ringfort_net_bind body;
};

struct listen_record {
	struct probe_record head;
	struct ringfort_net_listen body;
};

struct accept_record {
	struct probe_record head;
	struct ringfort_net_accept body;
};

/* The parts of struct sockaddr_in, _in6 and _un that we read. */
struct address {
	uint16_t family;
	uint16_t port;
	uint8_t ip4[4]; /* _in6 has its flow label here */
	uint8_t ip6[16];
};

enum end { LOCAL_END, REMOTE_END };

/* Numbers of enum ringfort_net_act. */
enum denied_act { DENIED_CONNECT, DENIED_BIND };

/* The gate's program fills it, where there is one. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, DENIAL_ENTRIES);
	__type(key, uint64_t);
	__type(value, struct denial);
} denials SEC(".maps");

/* The socket of a file, or 0 for other files and for netlink, which is the kernel's own affair. */
static __always_inline uint64_t socket_of(uint64_t file)
{
	uint64_t inode, sk;

	if (!file)
		return 0;
	inode = LOAD_ADDRESS(file, struct file, f_inode);
	if ((LOAD(inode, struct inode, i_mode) & S_IFMT) != S_IFSOCK)
		return 0;
	sk = LOAD_ADDRESS(LOAD_ADDRESS(file, struct file, private_data), struct socket, sk);
	return LOAD(sk, struct sock, __sk_common.skc_family) == AF_NETLINK ? 0 : sk;
}

/* The socket that a call is about: the request's file, or argument 0. */
static __always_inline uint64_t called_socket(const struct call *call)
{
	return socket_of(call->file ? call->file : file_of(call->args[0]));
}

static __always_inline uint32_t protocol_of(uint64_t sk)
{
	return LOAD(sk, struct sock, sk_protocol);
}

static __always_inline struct ringfort_addr *addr_at(struct scratch *s, uint32_t offset)
{
	return (struct ringfort_addr *)&s->record[offset & HEAD_MASK & ~3u];
}

static __always_inline void put_unix_bytes(struct scratch *s, struct ringfort_addr *out,
					   uint32_t at, uint32_t length)
{
	uint8_t *path = &s->record[at & RECORD_MASK];

	/* A name that begins with a NUL byte is abstract and may have more of them. */
	if (path[0] == '\0')
		path[0] = '@';
	path[length & 0xff] = '\0';
	out->path = span_of(at, at + (length & 0xff) + 1);
}

/* Append the name of a UNIX socket, if it has one. */
static __always_inline uint32_t put_unix_name(struct scratch *s, uint64_t sk,
					      struct ringfort_addr *out, uint32_t at)
{
	uint64_t name = LOAD_ADDRESS(sk, struct unix_sock, addr);
	uint32_t length;

	at &= RECORD_MASK;
	if (!name)
		return at;
	length = LOAD(name, struct unix_address, len) - sizeof(uint16_t);
	if (length == 0 || length > SUN_PATH + 1)
		return at;
	name += OFFSET(struct unix_address, name[0].sun_path);
	if (bpf_probe_read_kernel(&s->record[at], length, (void *)name))
		return at;
	/* The length of a path counts its NUL byte, that of an abstract name has none. */
	if (s->record[at] != '\0')
		length--;
	put_unix_bytes(s, out, at, length);
	return at + length + 1;
}

static __always_inline void put_ip(struct ringfort_addr *out, uint64_t sk, enum end end)
{
	uint64_t *ip = (uint64_t *)out->ip, from = sk;

	if (end == LOCAL_END)
		out->port = LOAD(sk, struct sock, __sk_common.skc_num);
	else
		out->port = __builtin_bswap16(LOAD(sk, struct sock, __sk_common.skc_dport));
	if (out->family == AF_INET) {
		ip[0] = end == LOCAL_END ? LOAD(sk, struct sock, __sk_common.skc_rcv_saddr) :
					   LOAD(sk, struct sock, __sk_common.skc_daddr);
		return;
	}
	from += end == LOCAL_END ? OFFSET(struct sock, __sk_common.skc_v6_rcv_saddr) :
				   OFFSET(struct sock, __sk_common.skc_v6_daddr);
	ip[0] = load(from);
	ip[1] = load(from + 8);
}

/**
 * put_end() - describe one end of a socket as the kernel has it
 * @offset: of the struct ringfort_addr in the record
 *
 * Return: the offset behind.
 */
__noinline uint32_t put_end(uint64_t sk, uint32_t end, uint32_t offset, uint32_t at)
{
	struct scratch *s = scratch_get();
	struct ringfort_addr *out;

	if (!s)
		return at;
	out = addr_at(s, offset);
	__builtin_memset(out, 0, sizeof(*out));
	out->family = LOAD(sk, struct sock, __sk_common.skc_family);
	if (out->family == AF_UNIX) {
		if (end == REMOTE_END)
			sk = LOAD_ADDRESS(sk, struct unix_sock, peer);
		return sk ? put_unix_name(s, sk, out, at) : at;
	}
	if (out->family == AF_INET || out->family == AF_INET6)
		put_ip(out, sk, end);
	return at;
}

static __always_inline long read_address(const struct call *call, void *to, uint32_t size,
					 uint64_t from)
{
	if (call->via == RINGFORT_VIA_SYSCALL)
		return bpf_probe_read_user(to, size, (void *)from);
	return bpf_probe_read_kernel(to, size, (void *)from);
}

/**
 * put_address() - describe the address that a call gave
 * @offset: of the struct ringfort_addr in the record
 *
 * Return: the offset behind.
 */
__noinline uint32_t put_address(uint64_t from, uint32_t size, uint32_t offset, uint32_t at)
{
	struct address address = { 0 };
	struct scratch *s = scratch_get();
	struct ringfort_addr *out;
	uint32_t length = size - sizeof(uint16_t);

	at &= RECORD_MASK;
	if (!s)
		return at;
	out = addr_at(s, offset);
	__builtin_memset(out, 0, sizeof(*out));
	if (read_address(&s->call, &address.family, sizeof(address.family), from))
		return at;
	out->family = address.family;
	if (address.family == AF_UNIX) {
		if (length == 0 || length > SUN_PATH ||
		    read_address(&s->call, &s->record[at], length, from + sizeof(uint16_t)))
			return at;
		/* A path may be closed by a NUL byte before its length says so. */
		s->record[at + (length & 0xff)] = '\0';
		if (s->record[at] != '\0')
			length = bpf_probe_read_kernel_str(s->called, SUN_PATH + 1, &s->record[at]) - 1;
		put_unix_bytes(s, out, at, length);
		return at + (length & 0xff) + 1;
	}
	if (address.family != AF_INET && address.family != AF_INET6)
		return at;
	if (address.family == AF_INET)
		read_address(&s->call, &address, offsetof(struct address, ip6), from);
	else
		read_address(&s->call, &address, sizeof(address), from);
	out->port = __builtin_bswap16(address.port);
	if (address.family == AF_INET)
		__builtin_memcpy(out->ip, address.ip4, sizeof(address.ip4));
	else
		__builtin_memcpy(out->ip, address.ip6, sizeof(address.ip6));
	return at;
}

/**
 * put_denied() - tell which rule refused this socket, if one did
 * @offset: of the struct ringfort_span in the record
 *
 * Return: the offset behind.
 */
__noinline uint32_t put_denied(uint64_t sk, uint32_t act, uint32_t offset, uint32_t at)
{
	uint64_t cookie = LOAD_ADDRESS(sk, struct sock, __sk_common.skc_cookie);
	struct denial *denial = bpf_map_lookup_elem(&denials, &cookie);
	struct scratch *s = scratch_get();
	uint32_t length;

	at &= RECORD_MASK;
	if (!s || !denial || denial->act != act)
		return at;
	length = denial->length;
	if (length == 0 || length >= DENIAL_TEXT)
		return at;
	__builtin_memcpy(&s->record[at], denial->text, DENIAL_TEXT);
	*(struct ringfort_span *)&s->record[offset & HEAD_MASK & ~3u] = span_of(at, at + length + 1);
	bpf_map_delete_elem(&denials, &cookie);
	return at + length + 1;
}

__noinline int handle_connect(void)
{
	struct scratch *s = scratch_get();
	struct connect_record *record;
	uint32_t at = sizeof(*record), remote = offsetof(struct connect_record, body.remote);
	uint64_t sk;

	if (!s)
		return 0;
	sk = called_socket(&s->call);
	if (!sk)
		return 0;
	record = (struct connect_record *)s->record;
	record->body.protocol = protocol_of(sk);
	record->body.error = error_of(&s->call);
	record->body.denied_by = (struct ringfort_span){ 0 };
	at = put_end(sk, LOCAL_END, offsetof(struct connect_record, body.local), at);
	/* A failed attempt has left no peer in the socket, one not yet begun has none, and a UNIX
	 * peer may have no name. */
	if ((record->body.error && record->body.error != EINPROGRESS) ||
	    s->call.is.bits & PROBE_CALL_ASKED || record->body.local.family == AF_UNIX)
		at = put_address(s->call.args[1], s->call.args[2], remote, at);
	else
		at = put_end(sk, REMOTE_END, remote, at);
	if (record->body.error == EPERM)
		at = put_denied(sk, DENIED_CONNECT, offsetof(struct connect_record, body.denied_by), at);
	send(ringfort_type_net_connect, at);
	return 0;
}

__noinline int handle_bind(void)
{
	struct scratch *s = scratch_get();
	struct bind_record *record;
	uint32_t at = sizeof(*record), local = offsetof(struct bind_record, body.local);
	uint64_t sk;

	if (!s)
		return 0;
	sk = called_socket(&s->call);
	if (!sk)
		return 0;
	record = (struct bind_record *)s->record;
	record->body.protocol = protocol_of(sk);
	record->body.error = error_of(&s->call);
	record->body.denied_by = (struct ringfort_span){ 0 };
	if (record->body.error)
		at = put_address(s->call.args[1], s->call.args[2], local, at);
	else
		at = put_end(sk, LOCAL_END, local, at);
	if (record->body.error == EPERM)
		at = put_denied(sk, DENIED_BIND, offsetof(struct bind_record, body.denied_by), at);
	send(ringfort_type_net_bind, at);
	return 0;
}

__noinline int handle_listen(void)
{
	struct scratch *s = scratch_get();
	struct listen_record *record;
	uint32_t at = sizeof(*record);
	uint64_t sk;

	if (!s)
		return 0;
	sk = called_socket(&s->call);
	if (!sk)
		return 0;
	record = (struct listen_record *)s->record;
	record->body.protocol = protocol_of(sk);
	record->body.backlog = s->call.args[1];
	at = put_end(sk, LOCAL_END, offsetof(struct listen_record, body.local), at);
	send(ringfort_type_net_listen, at);
	return 0;
}

__noinline int handle_accept(void)
{
	struct scratch *s = scratch_get();
	struct accept_record *record;
	uint32_t at = sizeof(*record);
	uint64_t sk;

	if (!s)
		return 0;
	/* A direct descriptor of io_uring is not in the table: only the listening end is known. */
	if (s->call.is.bits & PROBE_CALL_NO_FD)
		sk = called_socket(&s->call);
	else
		sk = socket_of(file_of(s->call.result));
	if (!sk)
		return 0;
	record = (struct accept_record *)s->record;
	record->body.protocol = protocol_of(sk);
	at = put_end(sk, LOCAL_END, offsetof(struct accept_record, body.local), at);
	at = put_end(sk, REMOTE_END, offsetof(struct accept_record, body.remote), at);
	send(ringfort_type_net_accept, at);
	return 0;
}

enum { SOCKETCALL_BIND = 2, SOCKETCALL_CONNECT = 3, SOCKETCALL_LISTEN = 4, SOCKETCALL_ACCEPT = 5,
       SOCKETCALL_ACCEPT4 = 18 };

/* socketcall(2) of the 32-bit table: the number of the call, and where its arguments are. */
static __always_inline int handle_socketcall(struct call *call)
{
	uint64_t number = call->args[0];
	uint32_t args[3] = { 0 };

	bpf_probe_read_user(args, sizeof(args), (void *)call->args[1]);
	call->args[0] = args[0];
	call->args[1] = args[1];
	call->args[2] = args[2];
	if (number == SOCKETCALL_BIND && is_subscribed(ringfort_type_net_bind))
		return handle_bind();
	if (number == SOCKETCALL_CONNECT && is_subscribed(ringfort_type_net_connect))
		return handle_connect();
	if (call->result < 0)
		return 0;
	if (number == SOCKETCALL_LISTEN && is_subscribed(ringfort_type_net_listen))
		return handle_listen();
	if ((number == SOCKETCALL_ACCEPT || number == SOCKETCALL_ACCEPT4) &&
	    is_subscribed(ringfort_type_net_accept))
		return handle_accept();
	return 0;
}

#endif
