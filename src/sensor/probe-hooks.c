/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Probe, hooks - which program serves which types, and what is attached.
 *
 * A hook is a place in the kernel with the programs that can sit there, in order of preference:
 * which of them fits is found by asking the kernel's BTF, never by its version.
 */
#include "sensor/probe-internal.h"
#include "probe.skel.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TYPE(ident) (1ull << ringfort_type_##ident)

#define CALL_TYPES \
	(TYPE(process_setid) | TYPE(process_ptrace) | TYPE(file_open_write) | TYPE(file_create) | \
	 TYPE(file_rename) | TYPE(file_unlink) | TYPE(file_attr) | TYPE(net_connect) | \
	 TYPE(net_bind) | TYPE(net_listen) | TYPE(net_accept))
#define URING_TYPES (CALL_TYPES & ~(TYPE(process_setid) | TYPE(process_ptrace)))

/* One program that can serve a hook. */
struct candidate {
	const char *program;
	const char *tracepoint; /* NULL: needs none */
	uint32_t n_arguments;   /* that the tracepoint must have at least */
};

struct hook {
	const char *name;
	uint64_t types; /* served here first of all */
	uint64_t also;  /* types that have a part of their acts here */
	struct candidate candidates[3];
};

static const struct hook hooks[] = {
	{ "tp_btf/sched_process_exec", TYPE(process_exec), 0, { { "process_exec", "sched_process_exec", 3 } } },
	{ "tp_btf/task_newtask", TYPE(process_fork), 0, { { "process_fork", "task_newtask", 2 } } },
	{ "tp_btf/sched_process_exit", TYPE(process_exit), 0,
	  { { "process_exit", "sched_process_exit", 2 },
	    { "process_exit_live", "sched_process_exit", 1 } } },
	{ "tp_btf/io_uring_submit_req", 0, URING_TYPES,
	  { { "uring_submit_req", "io_uring_submit_req", 1 },
	    { "uring_submit_sqe", "io_uring_submit_sqe", 1 } } },
	{ "tp_btf/io_uring_complete", 0, URING_TYPES,
	  { { "uring_complete_parts", "io_uring_complete", 4 },
	    { "uring_complete", "io_uring_complete", 3 } } },
	{ "tp_btf/io_uring_cqe_overflow", 0, URING_TYPES,
	  { { "uring_overflow", "io_uring_cqe_overflow", 3 } } },
	{ "tp_btf/sys_exit", CALL_TYPES, TYPE(process_exec), { { "sys_exit", "sys_exit", 2 } } },
};

#define N_HOOKS (sizeof(hooks) / sizeof(hooks[0]))
_Static_assert(N_HOOKS <= PROBE_MAX_HOOKS, "more hooks than room");

/* How many arguments a tracepoint has, or -1 when the kernel has none of that name. */
static int tracepoint_arguments(const struct btf *btf, const char *tracepoint)
{
	const struct btf_type *type;
	char name[96];
	int32_t id;

	snprintf(name, sizeof(name), "btf_trace_%s", tracepoint);
	id = btf__find_by_name_kind(btf, name, BTF_KIND_TYPEDEF);
	if (id < 0)
		return -1;
	type = btf__type_by_id(btf, btf__type_by_id(btf, (uint32_t)id)->type);
	type = btf__type_by_id(btf, type->type);
	/* The first is the tracepoint's own. */
	return btf_is_func_proto(type) ? btf_vlen(type) - 1 : -1;
}

static bool fits(const struct btf *btf, const struct candidate *candidate)
{
	if (!candidate->tracepoint)
		return true;
	return tracepoint_arguments(btf, candidate->tracepoint) >= (int)candidate->n_arguments;
}

int probe_hooks_choose(struct probe *probe)
{
	struct btf *btf = btf__load_vmlinux_btf();
	struct bpf_program *program;

	if (!btf)
		return -EOPNOTSUPP;
	for (size_t i = 0; i < N_HOOKS; i++) {
		for (const struct candidate *c = hooks[i].candidates; c->program; c++) {
			program = bpf_object__find_program_by_name(probe->bpf->obj, c->program);
			if (!probe->hooks[i].program && fits(btf, c))
				probe->hooks[i].program = program;
			else
				bpf_program__set_autoload(program, false);
		}
		if (!probe->hooks[i].program)
			snprintf(probe->hooks[i].why, sizeof(probe->hooks[i].why),
				 "this kernel has no %s", hooks[i].name);
	}
	btf__free(btf);
	return 0;
}

static void attach(struct probe *probe, size_t index)
{
	struct probe_hook_state *state = &probe->hooks[index];

	if (!state->program || state->link)
		return;
	state->why[0] = '\0';
	state->link = bpf_program__attach(state->program);
	if (state->link)
		return;
	snprintf(state->why, sizeof(state->why), "%s: %s", hooks[index].name, strerror(errno));
	probe_log(probe, "cannot attach %s", state->why);
}

static void detach(struct probe *probe, size_t index)
{
	bpf_link__destroy(probe->hooks[index].link);
	probe->hooks[index].link = NULL;
}

void probe_hooks_detach(struct probe *probe)
{
	for (size_t i = 0; i < N_HOOKS; i++)
		detach(probe, i);
}

int probe_attach(struct probe *probe, uint64_t types)
{
	uint64_t *subscribed = (uint64_t *)&probe->bpf->bss->subscribed;

	/* Programs that stay must know of a type before the hook that brings it. */
	__atomic_store_n(subscribed, types, __ATOMIC_RELEASE);
	probe_calls_fill(probe, types);
	for (size_t i = 0; i < N_HOOKS; i++) {
		if ((hooks[i].types | hooks[i].also) & types)
			attach(probe, i);
		else
			detach(probe, i);
	}
	return 0;
}

void probe_describe(const struct probe *probe, uint32_t type,
		    struct probe_description *ret_description)
{
	struct probe_description description = { PROBE_UNAVAILABLE, "", "no hook of the probe" };

	for (size_t i = 0; i < N_HOOKS; i++) {
		if (type >= RINGFORT_MAX_TYPES || !(hooks[i].types >> type & 1))
			continue;
		description.hook = hooks[i].name;
		description.why = probe->hooks[i].why;
		description.level = description.why[0] ? PROBE_UNAVAILABLE : PROBE_NOTIFY;
	}
	/* Some of its acts pass elsewhere: that part may be missing. */
	for (size_t i = 0; i < N_HOOKS; i++)
		if (description.level != PROBE_UNAVAILABLE && hooks[i].also >> type & 1 &&
		    !description.why[0])
			description.why = probe->hooks[i].why;
	*ret_description = description;
}
