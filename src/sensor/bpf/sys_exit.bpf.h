/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Sys_exit - the one program that every system call passes when it is attached.
 *
 * At this place the result is known, the registers still hold the arguments, and the strings of
 * the call were just read by the kernel, so that they are resident.  A call that concerns nobody
 * leaves after one look into the table.
 */
#ifndef RINGFORT_SENSOR_BPF_SYS_EXIT_BPF_H
#define RINGFORT_SENSOR_BPF_SYS_EXIT_BPF_H

#include "handle.bpf.h"

struct probe_call calls[PROBE_CALLS] SEC(".data.calls");

#if defined(__TARGET_ARCH_x86)
#define X32_BIT 0x40000000u
#define X32_CALLS 512 /* numbers that only x32 has; its pointers have four bytes */

/*
 * The place of the call in our table; beyond it for none.  Which of both tables it is in is asked only where
 * either knows the number: most calls of a machine leave before that.
 */
static __always_inline uint32_t call_number(const struct pt_regs *regs, bool *ret_compat)
{
	uint32_t number = regs->orig_ax & ~X32_BIT;

	*ret_compat = false;
	if (number >= PROBE_CALLS_COMPAT || (calls[number].handler == PROBE_HANDLE_NONE &&
					     calls[number + PROBE_CALLS_COMPAT].handler == PROBE_HANDLE_NONE))
		return PROBE_CALLS;
	*ret_compat = bpf_get_current_task_btf()->thread_info.status & TS_COMPAT;
	return *ret_compat ? number + PROBE_CALLS_COMPAT : number;
}

static __always_inline void take_arguments(uint64_t *args, const struct pt_regs *regs, bool compat)
{
	if (compat) {
		args[0] = (uint32_t)regs->bx;
		args[1] = (uint32_t)regs->cx;
		args[2] = (uint32_t)regs->dx;
		args[3] = (uint32_t)regs->si;
		args[4] = (uint32_t)regs->di;
		args[5] = (uint32_t)regs->bp;
	} else {
		args[0] = regs->di;
		args[1] = regs->si;
		args[2] = regs->dx;
		args[3] = regs->r10;
		args[4] = regs->r8;
		args[5] = regs->r9;
	}
}
#else
#error "say here where this architecture keeps the number and the arguments of a call"
#endif

SEC("tp_btf/sys_exit")
int BPF_PROG(sys_exit, struct pt_regs *regs, long result)
{
	const struct probe_call *is;
	struct scratch *s;
	uint32_t number;
	bool compat;

	number = call_number(regs, &compat);
	if (number >= PROBE_CALLS)
		return 0;
	is = &calls[number];
	if (is->handler == PROBE_HANDLE_NONE || (result < 0 && !(is->bits & PROBE_CALL_FAILED)))
		return 0;
	s = scratch_get();
	if (!s)
		return 0;
	take_arguments(s->call.args, regs, compat);
	s->call.args[PROBE_ARG_CWD] = (uint64_t)AT_FDCWD;
	s->call.args[PROBE_ARG_ZERO] = 0;
	/* Most opens are for reading: they leave here. */
	if (is->bits & PROBE_CALL_OPEN_FLAGS && is_read_only(s->call.args[is->flags & 7]))
		return 0;
	s->call.result = result;
	s->call.is = *is;
	s->call.file = 0;
	s->call.via = RINGFORT_VIA_SYSCALL;
	s->call.compat = compat || number >= X32_CALLS;
	return handle(&s->call);
}

#endif
