/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Scratch - where one CPU puts a record together, and how it is sent.
 *
 * A record is written from its front: struct probe_record, the struct of the type, then bytes at
 * a rising offset `at`.  Offsets are masked before each use, which the verifier understands on
 * every kernel, and the buffer is longer than the mask by the longest single write.
 *
 * Tracepoint programs run with preemption off, and none of ours runs in an interrupt, so a CPU's
 * scratch has one user at a time.  A per-CPU map cannot hold values above 32 KiB; an array with
 * an element per CPU can.
 */
#ifndef RINGFORT_SENSOR_BPF_SCRATCH_BPF_H
#define RINGFORT_SENSOR_BPF_SCRATCH_BPF_H

#include "calls.h"
#include "kernel.h"
#include "record.h"

#define RECORD_MASK 0xffff
#define HEAD_MASK 0x3ff    /* the structs at the front of a record */
#define MAX_ARGV 32768
#define MAX_PATH 4096
#define MAX_NAME 256

/* One call as the handlers see it, whether a system call or a request of an io_uring. */
struct call {
	uint64_t args[8];
	int64_t result;
	struct probe_call is;
	uint64_t file;   /* io_uring: struct file of the request, else 0 */
	uint32_t via;    /* RINGFORT_VIA_*; strings of io_uring are in kernel memory */
	uint32_t compat; /* a 32-bit call: pointers in user memory have four bytes */
};

struct scratch {
	struct call call;
	uint64_t address; /* see address_of() */
	uint8_t record[RECORD_MASK + 1 + MAX_ARGV];
	uint8_t called[MAX_PATH + MAX_NAME];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1); /* set to the number of CPUs */
	__type(key, uint32_t);
	__type(value, struct scratch);
} scratches SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1); /* set to the number of CPUs */
	__type(key, uint32_t);
	__type(value, struct probe_counters);
} counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096); /* set from the options */
} rare SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096); /* set from the options */
} bulk SEC(".maps");

const volatile uint32_t host_mnt_ns;
uint64_t subscribed; /* mask of types; several handlers serve more than one */

/* Set while the reader sleeps; on a cache line that nobody else writes. */
struct {
	uint32_t flag;
	uint32_t pad[15];
} armed __attribute__((aligned(64)));

#define STREAM_RARE 1ull
#define STREAM_BULK 0ull
static const uint64_t rare_types = 0
#define RINGFORT_EVENT(number, ident, name, stream, since, class_uid, activity_id, sigma, meaning) \
	| STREAM_##stream << number
#include <ringfort/events.def>
	;

static __always_inline struct scratch *scratch_get(void)
{
	uint32_t cpu = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&scratches, &cpu);
}

/*
 * The address of a kernel object as a number.  The verifier refuses typed pointers where a global
 * function takes numbers; what was stored and loaded again is a number to it.
 */
static __always_inline uint64_t address_of(struct scratch *s, const void *object)
{
	*(volatile uint64_t *)&s->address = (uint64_t)object;
	return *(volatile uint64_t *)&s->address;
}

static __always_inline bool is_subscribed(uint32_t type)
{
	return subscribed & 1ull << type;
}

static __always_inline uint32_t mount_namespace(struct task_struct *task)
{
	struct nsproxy *nsproxy = task->nsproxy;

	return nsproxy ? nsproxy->mnt_ns->ns.inum : 0;
}

/* The device number of the controlling terminal, in the kernel's encoding. */
static __always_inline uint32_t task_tty(struct task_struct *task)
{
	struct tty_struct *tty = task->signal->tty;

	if (!tty)
		return 0;
	return (uint32_t)tty->driver->major << 20 |
	       (uint32_t)(tty->driver->minor_start + tty->index);
}

static __always_inline uint32_t task_loginuid(struct task_struct *task)
{
	return bpf_core_field_exists(task->loginuid) ? task->loginuid.val : UINT32_MAX;
}

static __always_inline uint32_t task_session(struct task_struct *task)
{
	return bpf_core_field_exists(task->sessionid) ? task->sessionid : UINT32_MAX;
}

static __always_inline void fill_actor(struct probe_record *record)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_struct *parent = task->real_parent;
	const struct cred *cred = task->cred;

	record->pid = task->tgid;
	record->tid = task->pid;
	record->start_ns = task->group_leader->start_boottime;
	/* The parent may be a thread: its leader has the time of the process. */
	record->ppid = parent->tgid;
	record->parent_start_ns = parent->group_leader->start_boottime;
	record->uid = cred->uid.val;
	record->gid = cred->gid.val;
	record->euid = cred->euid.val;
	record->egid = cred->egid.val;
	record->loginuid = task_loginuid(task);
	record->session = task_session(task);
	record->tty = task_tty(task);
	record->mnt_ns = mount_namespace(task);
	record->cgroup_id = task->cgroups->dfl_cgrp->kn->id;
}

/*
 * Wake the reader when it sleeps.  Asked after the record is in the ring, never before: a reader
 * that arms itself between the question and the record would sleep beside it.  Waking takes an
 * empty reservation, and whoever takes the flag down is the only one to do it.
 */
static __always_inline void wake(void)
{
	void *empty;

	if (!*(volatile uint32_t *)&armed.flag || !__sync_lock_test_and_set(&armed.flag, 0))
		return;
	empty = bpf_ringbuf_reserve(&rare, 8, 0);
	if (empty) {
		bpf_ringbuf_discard(empty, BPF_RB_FORCE_WAKEUP);
		return;
	}
	empty = bpf_ringbuf_reserve(&bulk, 8, 0);
	if (empty)
		bpf_ringbuf_discard(empty, BPF_RB_FORCE_WAKEUP);
}

/**
 * send_both() - number the record of this CPU's scratch, say who acts, and put it into its ring
 * @size: of the record, header included
 * @also: the type of a second event in it (PROBE_RECORD_OPENED), which has a number of its own; or 0
 *
 * The number is taken first and whatever follows: a record that finds its ring full is counted.
 * The time is taken right before the place in the ring, so that both orders agree but for an
 * interrupt in between.
 */
__noinline int send_both(uint32_t type, uint32_t size, uint32_t also)
{
	uint32_t cpu = bpf_get_smp_processor_id();
	struct probe_counters *count = bpf_map_lookup_elem(&counters, &cpu);
	struct scratch *s = scratch_get();
	struct probe_record *record;
	long error;

	if (!s || !count)
		return 0;
	type &= RINGFORT_MAX_TYPES - 1;
	also &= RINGFORT_MAX_TYPES - 1;
	size &= 0x1ffff;
	if (size > RINGFORT_MAX_EVENT)
		size = RINGFORT_MAX_EVENT;

	record = (struct probe_record *)s->record;
	fill_actor(record);
	record->n = ++count->n_performed[type];
	record->size = size;
	record->type = type;
	record->via = s->call.via;
	record->also = 0;
	if (also) {
		record->also = PROBE_RECORD_OPENED;
		((struct probe_open_record *)record)->opened_n = ++count->n_performed[also];
	}
	record->cpu = cpu;
	record->monotonic_ns = bpf_ktime_get_ns();
	if (rare_types >> type & 1)
		error = bpf_ringbuf_output(&rare, record, size, BPF_RB_NO_WAKEUP);
	else
		error = bpf_ringbuf_output(&bulk, record, size, BPF_RB_NO_WAKEUP);
	if (error) {
		count->n_lost[type]++;
		if (also)
			count->n_lost[also]++;
	}
	wake();
	return 0;
}

/** send() - a record of one event */
__noinline int send(uint32_t type, uint32_t size)
{
	return send_both(type, size, 0);
}

#endif
