/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Process - birth, death, credentials, and taking hold of one another. */
#ifndef RINGFORT_SENSOR_BPF_PROCESS_BPF_H
#define RINGFORT_SENSOR_BPF_PROCESS_BPF_H

#include "path.bpf.h"

#define MAX_TRACEES 64

struct setid_record {
	struct probe_record head;
	struct ringfort_process_setid body;
};

struct ptrace_record {
	struct probe_record head;
	struct ringfort_process_ptrace body;
};

struct fork_record {
	struct probe_record head;
	struct ringfort_process_fork body;
};

struct exit_record {
	struct probe_record head;
	struct ringfort_process_exit body;
};

/* task_newtask is where a child exists, has its number and has not run; it also tells the flags
 * of clone, which sched_process_fork does not. */
SEC("tp_btf/task_newtask")
int BPF_PROG(process_fork, struct task_struct *child, uint64_t clone_flags)
{
	struct scratch *s = scratch_get();
	struct fork_record *record;

	/* Threads, io_uring's workers among them, and the idle tasks of a new CPU. */
	if (!s || child->pid != child->tgid || child->pid == 0)
		return 0;
	record = (struct fork_record *)s->record;
	record->body.child.pid = child->tgid;
	record->body.child.reserved = 0;
	record->body.child.start_ns = child->start_boottime;
	record->body.clone_flags = clone_flags;
	s->call.via = RINGFORT_VIA_SYSCALL;
	send(ringfort_type_process_fork, sizeof(*record));
	return 0;
}

static __always_inline int report_exit(struct task_struct *task)
{
	struct scratch *s = scratch_get();
	struct exit_record *record;
	int code = task->signal->group_exit_code;

	if (!s)
		return 0;
	record = (struct exit_record *)s->record;
	record->body.exit_code = code >> 8 & 0xff;
	record->body.signal = code & 0x7f;
	record->body.core_dumped = code >> 7 & 1;
	s->call.via = RINGFORT_VIA_SYSCALL;
	send(ringfort_type_process_exit, sizeof(*record));
	return 0;
}

/* Newer kernels say which thread was the last. */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(process_exit, struct task_struct *task, bool group_dead)
{
	return group_dead ? report_exit(task) : 0;
}

/* Processes whose exit was told of late; see process_exit_live. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, uint64_t);
	__type(value, uint32_t);
} exited SEC(".maps");

/* Older ones do not, and two threads that leave at once may both find the count at 0: the first
 * to enter itself reports.  The key is the address of the signal struct, which the reaper still
 * holds while any thread is here, with the start of the process against its next use. */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(process_exit_live, struct task_struct *task)
{
	struct scratch *s = scratch_get();
	uint64_t key;
	uint32_t none = 0;

	if (!s || task->signal->live.counter != 0)
		return 0;
	key = address_of(s, task->signal) ^ task->group_leader->start_boottime;
	if (bpf_map_update_elem(&exited, &key, &none, BPF_NOEXIST))
		return 0;
	return report_exit(task);
}

/* What the ids are now; what they were is the reader's to know. */
__noinline int handle_setid(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	const struct cred *cred = task->cred;
	struct scratch *s = scratch_get();
	struct ringfort_process_setid *body;

	if (!s)
		return 0;
	body = &((struct setid_record *)s->record)->body;
	__builtin_memset(body, 0, sizeof(*body));
	body->uid = cred->uid.val;
	body->euid = cred->euid.val;
	body->suid = cred->suid.val;
	body->fsuid = cred->fsuid.val;
	body->gid = cred->gid.val;
	body->egid = cred->egid.val;
	body->sgid = cred->sgid.val;
	body->fsgid = cred->fsgid.val;
	bpf_probe_read_kernel(&body->cap_effective, sizeof(body->cap_effective),
			      &cred->cap_effective);
	send(ringfort_type_process_setid, sizeof(struct setid_record));
	return 0;
}

/* The number of a task in the pid namespace of level `level`. */
static __always_inline int pid_at_level(uint64_t task, uint32_t level)
{
	uint64_t pid = LOAD_ADDRESS(task, struct task_struct, thread_pid);

	return LOAD(pid + level * bpf_core_type_size(struct upid), struct pid, numbers[0].nr);
}

struct tracee_search {
	uint64_t head;
	uint64_t at;
	uint32_t level;
	int pid;
	struct ringfort_proc found;
};

static long tracee_step(uint32_t index, struct tracee_search *search)
{
	uint64_t task = search->at - OFFSET(struct task_struct, ptrace_entry), leader;

	if (search->at == search->head || !search->at)
		return 1;
	if (pid_at_level(task, search->level) == search->pid) {
		leader = LOAD_ADDRESS(task, struct task_struct, group_leader);
		search->found.pid = LOAD(task, struct task_struct, tgid);
		search->found.start_ns = LOAD(leader, struct task_struct, start_boottime);
		return 1;
	}
	search->at = LOAD_ADDRESS(search->at, struct list_head, next);
	return 0;
}

/*
 * The process that a pid argument names.  The argument counts in the caller's pid namespace and
 * may name a thread.  Those that the caller traces can be asked; for others the number itself
 * stands where the namespace is the host's, and nothing where it is not.
 */
static __always_inline struct ringfort_proc find_target(struct scratch *s, int pid)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct tracee_search search = { .pid = pid };

	search.level = task->thread_pid->level;
	search.head = address_of(s, &task->ptraced);
	search.at = address_of(s, task->ptraced.next);
	bpf_loop(MAX_TRACEES, tracee_step, &search, 0);
	if (!search.found.pid && search.level == 0)
		search.found.pid = pid;
	return search.found;
}

static __always_inline bool is_ptrace_of_interest(uint64_t request)
{
	switch (request) {
	case RINGFORT_PTRACE_REQUEST_TRACEME:
	case RINGFORT_PTRACE_REQUEST_POKETEXT:
	case RINGFORT_PTRACE_REQUEST_POKEDATA:
	case RINGFORT_PTRACE_REQUEST_POKEUSR:
	case RINGFORT_PTRACE_REQUEST_SETREGS:
	case RINGFORT_PTRACE_REQUEST_ATTACH:
	case RINGFORT_PTRACE_REQUEST_SETREGSET:
	case RINGFORT_PTRACE_REQUEST_SEIZE:
		return true;
	default:
		return false;
	}
}

/* ptrace(2) and process_vm_writev(2). */
__noinline int handle_ptrace(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct scratch *s = scratch_get();
	struct ringfort_process_ptrace *body;
	const struct call *call;

	if (!s)
		return 0;
	call = &s->call;
	if (call->is.handler == PROBE_HANDLE_PTRACE && !is_ptrace_of_interest(call->args[0]))
		return 0;
	body = &((struct ptrace_record *)s->record)->body;
	__builtin_memset(body, 0, sizeof(*body));
	body->error = error_of(call);
	if (call->is.handler == PROBE_HANDLE_VM_WRITE) {
		body->request = RINGFORT_PTRACE_REQUEST_VM_WRITEV;
		body->target = find_target(s, call->args[0]);
	} else if (call->args[0] == RINGFORT_PTRACE_REQUEST_TRACEME) {
		/* Who asks to be traced is the one that is taken hold of. */
		body->target.pid = task->tgid;
		body->target.start_ns = task->group_leader->start_boottime;
	} else {
		body->request = call->args[0];
		body->target = find_target(s, call->args[1]);
	}
	send(ringfort_type_process_ptrace, sizeof(struct ptrace_record));
	return 0;
}

#endif
