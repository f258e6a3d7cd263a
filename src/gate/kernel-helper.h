/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernel helper - does the kernel itself wait for this process?
 *
 * A program that the kernel executes (for core dumps, modules, keys; call_usermodehelper() in kernel/umh.c) may be
 * what a gate's own solutions need before they can answer, so nobody asks about it, nor about what it executes.  It
 * is a child of a kernel thread, and in no session.  The latter alone does not tell it: on a host whose process 1
 * never called setsid(2) (a shell, the agent of a virtual machine) most processes are in none, and in a container
 * so is what was entered from outside.
 */
#ifndef RINGFORT_GATE_KERNEL_HELPER_H
#define RINGFORT_GATE_KERNEL_HELPER_H

#include <stdbool.h>
#include <sys/types.h>

/**
 * kernel_helper_is() - of a process in no session: it comes from a kernel thread, whatever is in between
 *
 * Reads /proc, a line for each ancestor.  False where that cannot be told, also of who has gone: what the kernel
 * starts is then asked about as anything else, and nobody waits for longer than the deadline.
 */
bool kernel_helper_is(pid_t pid);

#endif
