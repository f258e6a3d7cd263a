/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Probe - everything that we run in the kernel, in one object.
 *
 * Read kernel.h, record.h and calls.h first, then scratch (how a record is put together and
 * sent), path (how a file gets its name), and the subjects.
 */
#include "kernel.h"

#include "sys_exit.bpf.h"
#include "tasks.bpf.h"
#include "uring.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";
