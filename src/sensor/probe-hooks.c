/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Probe, hooks - which program serves which types, and what is attached.
 *
 * A hook is a place in the kernel with the programs that can sit there, in order of preference:
 * which of them fits is found by asking the kernel's BTF, never by its version.
 */
#include "base/cleanup.h"
#include "sensor/probe-internal.h"
#include "probe.skel.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define TYPE(ident) (1ull << ringfort_type_##ident)

#define CALL_TYPES \
	(TYPE(process_setid) | TYPE(process_ptrace) | TYPE(file_open_write) | TYPE(file_create) | \
	 TYPE(file_rename) | TYPE(file_unlink) | TYPE(file_attr) | TYPE(net_connect) | \
	 TYPE(net_bind) | TYPE(net_listen) | TYPE(net_accept))
#define URING_TYPES (CALL_TYPES & ~(TYPE(process_setid) | TYPE(process_ptrace)))

/* One program that can serve a hook, and what it takes. */
struct candidate {
	const char *program;
	const char *tracepoint; /* that must exist */
	uint32_t n_arguments;   /* that the tracepoint must have at least */
	const char *function;   /* that must let itself be attached to */
};

struct hook {
	const char *name;
	uint64_t types;     /* served here first of all */
	uint64_t also;      /* types that have a part of their acts here */
	const char *remark; /* what it cannot do, or "" */
	struct candidate candidates[3];
};

static const struct hook hooks[] = {
	{ "tp_btf/sched_process_exec", TYPE(process_exec), 0, "",
	  { { "process_exec", "sched_process_exec", 3 } } },
	{ "tp_btf/task_newtask", TYPE(process_fork), 0, "",
	  { { "process_fork", "task_newtask", 2 } } },
	{ "tp_btf/sched_process_exit", TYPE(process_exit), 0, "",
	  { { "process_exit", "sched_process_exit", 2 },
	    { "process_exit_live", "sched_process_exit", 1 } } },
	{ "fentry/__fput", TYPE(file_modify), 0, "",
	  { { "file_modify", .function = "__fput" } } },
	/* Completions before submissions, so that none of a request we saw is missed. */
	{ "tp_btf/io_uring_complete", 0, URING_TYPES, "",
	  { { "uring_complete_parts", "io_uring_complete", 4 },
	    { "uring_complete", "io_uring_complete", 3 } } },
	{ "tp_btf/io_uring_cqe_overflow", 0, URING_TYPES, "",
	  { { "uring_overflow", "io_uring_cqe_overflow", 3 } } },
	{ "tp_btf/io_uring_submit_req", 0, URING_TYPES, "",
	  { { "uring_submit_req", "io_uring_submit_req", 1 },
	    { "uring_submit_sqe", "io_uring_submit_sqe", 1 } } },
	{ "tp_btf/sys_exit", CALL_TYPES, TYPE(process_exec),
	  "seen when the call is over: its strings are what the caller's memory says then",
	  { { "sys_exit", "sys_exit", 2 } } },
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

/*
 * Does this kernel let programs sit on a function of its own?  Tried with one that does nothing,
 * since one program that is refused would take the whole object with it.
 */
static int try_function(const char *function)
{
	struct bpf_insn nothing[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = BPF_TRACE_FENTRY);
	_cleanup_(closep) int program = -1, attached = -1;
	int id = libbpf_find_vmlinux_btf_id(function, BPF_TRACE_FENTRY);

	if (id < 0)
		return id;
	options.attach_btf_id = (uint32_t)id;
	program = bpf_prog_load(BPF_PROG_TYPE_TRACING, NULL, "Dual BSD/GPL", nothing,
				sizeof(nothing) / sizeof(nothing[0]), &options);
	if (program < 0)
		return -errno;
	attached = bpf_raw_tracepoint_open(NULL, program);
	return attached < 0 ? -errno : 0;
}

int probe_try_signal(void)
{
	struct bpf_insn signal[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_1, .imm = SIGKILL },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_send_signal },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = BPF_TRACE_RAW_TP);
	_cleanup_(closep) int program = -1;
	int id = libbpf_find_vmlinux_btf_id("sched_process_exec", BPF_TRACE_RAW_TP);

	if (id < 0)
		return id;
	options.attach_btf_id = (uint32_t)id;
	/* Loaded, attached to nothing. */
	program = bpf_prog_load(BPF_PROG_TYPE_TRACING, NULL, "Dual BSD/GPL", signal,
				sizeof(signal) / sizeof(signal[0]), &options);
	return program < 0 ? -errno : 0;
}

/* 0, or why not. */
static int try_candidate(const struct btf *btf, const struct candidate *candidate)
{
	if (candidate->function)
		return try_function(candidate->function);
	return tracepoint_arguments(btf, candidate->tracepoint) >= (int)candidate->n_arguments ? 0 : -ENOENT;
}

static void choose(struct probe *probe, size_t index, const struct btf *btf)
{
	struct probe_hook_state *state = &probe->hooks[index];
	int r = -ENOENT;

	for (const struct candidate *c = hooks[index].candidates; c->program; c++) {
		struct bpf_program *program = bpf_object__find_program_by_name(probe->bpf->obj, c->program);

		if (!state->program)
			r = try_candidate(btf, c);
		if (!state->program && r == 0)
			state->program = program;
		else
			bpf_program__set_autoload(program, false);
	}
	if (!state->program)
		snprintf(state->why, sizeof(state->why), "%s: %s", hooks[index].name,
			 r == -ENOENT ? "this kernel has none" : strerror(-r));
}

int probe_hooks_choose(struct probe *probe)
{
	struct btf *btf = btf__load_vmlinux_btf();

	if (!btf)
		return -EOPNOTSUPP;
	for (size_t i = 0; i < N_HOOKS; i++)
		choose(probe, i, btf);
	btf__free(btf);
	return 0;
}

/* The kernel's number of a link; 0 when the descriptor is none. */
static uint32_t link_id(const struct bpf_link *link, const struct bpf_program *program)
{
	struct bpf_link_info info = { 0 };
	struct bpf_prog_info of = { 0 };
	uint32_t size = sizeof(info), of_size = sizeof(of);

	if (bpf_obj_get_info_by_fd(bpf_link__fd(link), &info, &size) < 0 ||
	    bpf_obj_get_info_by_fd(bpf_program__fd(program), &of, &of_size) < 0 || info.prog_id != of.id)
		return 0;
	return info.id;
}

static void attach(struct probe *probe, size_t index)
{
	struct probe_hook_state *state = &probe->hooks[index];

	if (!state->program || state->link)
		return;
	state->link = bpf_program__attach(state->program);
	state->failed = !state->link;
	state->link_id = state->link ? link_id(state->link, state->program) : 0;
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

bool probe_hook_attached(const struct probe *probe, size_t index)
{
	const struct probe_hook_state *state = &probe->hooks[index];

	return state->link && link_id(state->link, state->program) == state->link_id;
}

const char *probe_hook_again(struct probe *probe, size_t index)
{
	struct probe_hook_state *state = &probe->hooks[index];

	/* Its descriptor may be somebody else's by now: it is not closed. */
	bpf_link__disconnect(state->link);
	bpf_link__destroy(state->link);
	state->link = NULL;
	attach(probe, index);
	return hooks[index].name;
}

void probe_hooks_detach(struct probe *probe)
{
	for (size_t i = 0; i < N_HOOKS; i++)
		detach(probe, i);
}

int probe_attach(struct probe *probe, uint64_t types)
{
	uint64_t *subscribed = (uint64_t *)&probe->bpf->bss->subscribed;

	probe->types = types;
	/* Programs that stay must know of a type before the hook that brings it. */
	__atomic_store_n(subscribed, types | probe->table_types, __ATOMIC_RELEASE);
	probe_calls_fill(probe, types);
	for (size_t i = 0; i < N_HOOKS; i++) {
		if (hooks[i].types & (types | probe->table_types) || hooks[i].also & types)
			attach(probe, i);
		else
			detach(probe, i);
	}
	return 0;
}

static bool serves(const struct probe *probe, size_t index)
{
	return probe->hooks[index].program && !probe->hooks[index].failed;
}

void probe_describe(const struct probe *probe, uint32_t type,
		    struct probe_description *ret_description)
{
	struct probe_description description = { PROBE_UNAVAILABLE, "", "no hook of the probe" };

	if (type >= RINGFORT_MAX_TYPES)
		type = 0;
	for (size_t i = 0; i < N_HOOKS; i++) {
		if (!(hooks[i].types >> type & 1))
			continue;
		description.hook = hooks[i].name;
		description.why = serves(probe, i) ? hooks[i].remark : probe->hooks[i].why;
		description.level = serves(probe, i) ? PROBE_NOTIFY : PROBE_UNAVAILABLE;
	}
	/* Some of its acts pass elsewhere: that part may be missing. */
	for (size_t i = 0; i < N_HOOKS; i++)
		if (description.level != PROBE_UNAVAILABLE && hooks[i].also >> type & 1 &&
		    !serves(probe, i))
			description.why = probe->hooks[i].why;
	*ret_description = description;
}
