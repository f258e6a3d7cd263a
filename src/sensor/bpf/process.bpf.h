/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Process - birth, death, credentials, and taking hold of one another. */
#ifndef RINGFORT_SENSOR_BPF_PROCESS_BPF_H
#define RINGFORT_SENSOR_BPF_PROCESS_BPF_H

#include "scratch.bpf.h"

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

#endif
