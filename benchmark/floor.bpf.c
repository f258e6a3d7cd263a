/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Floor - the cheapest that our hooks and filters could be: 64 bytes an event, and nothing said.
 *
 * The program at sys_exit is the probe's own, by inclusion, with the same table of calls; below it
 * stands handle() of this file, which asks the same first questions as the probe's handlers and
 * then sends a record of fixed size.  The hooks of io_uring, which cost only its users, are left out.
 */
#define RINGFORT_SENSOR_BPF_HANDLE_BPF_H /* ours stands below */
#include "sensor/bpf/file.bpf.h"
#include "sensor/bpf/net.bpf.h"

struct floor_record {
	uint64_t time_ns;
	uint64_t pid_tgid;
	uint64_t type;
	uint64_t nothing[5];
};

_Static_assert(sizeof(struct floor_record) == 64, "as the target says");

uint64_t n_lost;
uint64_t uring_opcodes; /* the table of calls is filled by the probe's code, which sets it */

static __always_inline int floor_send(uint32_t type)
{
	struct floor_record *record = bpf_ringbuf_reserve(&bulk, sizeof(*record), 0);

	if (!record) {
		__sync_fetch_and_add(&n_lost, 1);
		return 0;
	}
	record->time_ns = bpf_ktime_get_ns();
	record->pid_tgid = bpf_get_current_pid_tgid();
	record->type = type;
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
	return 0;
}

static __always_inline int floor_open(struct call *call)
{
	uint32_t flags = open_flags(call);
	uint64_t file;

	if (is_read_only(flags))
		return 0;
	file = file_of(call->result);
	if (BPF_CORE_READ((struct file *)file, f_mode) & FMODE_CREATED)
		floor_send(ringfort_type_file_create);
	if (flags & WRITING)
		floor_send(ringfort_type_file_open_write);
	return 0;
}

static __always_inline int handle(struct call *call)
{
	switch (call->is.handler) {
	case PROBE_HANDLE_OPEN:
		return floor_open(call);
	case PROBE_HANDLE_EXEC:
		if (call->result >= 0 || call->args[call->is.flags & 7] & AT_EXECVE_CHECK)
			return 0;
		return floor_send(ringfort_type_process_exec);
	case PROBE_HANDLE_CONNECT:
	case PROBE_HANDLE_BIND:
	case PROBE_HANDLE_LISTEN:
		if (!called_socket(call))
			return 0;
		return floor_send(ringfort_type_net_connect);
	case PROBE_HANDLE_ACCEPT:
		if (!socket_of(file_of(call->result)))
			return 0;
		return floor_send(ringfort_type_net_accept);
	case PROBE_HANDLE_SOCKETCALL:
		return 0;
	default:
		return floor_send(call->is.handler);
	}
}

#include "sensor/bpf/sys_exit.bpf.h"

SEC("tp_btf/sched_process_exec")
int BPF_PROG(process_exec, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	return floor_send(ringfort_type_process_exec);
}

SEC("tp_btf/task_newtask")
int BPF_PROG(process_fork, struct task_struct *child, uint64_t clone_flags)
{
	if (child->pid != child->tgid || child->pid == 0)
		return 0;
	return floor_send(ringfort_type_process_fork);
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(process_exit, struct task_struct *task)
{
	if (task->signal->live.counter != 0)
		return 0;
	return floor_send(ringfort_type_process_exit);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
