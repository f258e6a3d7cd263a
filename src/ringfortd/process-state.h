/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Process state - what /proc says of a process that somebody may have laid hands on.
 *
 * Only lines that the kernel writes are believed: a process chooses its own name, and the kernel escapes
 * the newlines in it.
 */
#ifndef RINGFORT_RINGFORTD_PROCESS_STATE_H
#define RINGFORT_RINGFORTD_PROCESS_STATE_H

#include <stdbool.h>
#include <sys/types.h>

struct process_state {
	bool stopped;  /* by a signal */
	pid_t tracer;  /* 0: none */
	int oom_score; /* oom_score_adj */
};

/** process_state_read() - 0, or a negative errno: it is gone */
int process_state_read(pid_t pid, struct process_state *ret_state);

/** process_state_frozen() - does its cgroup (version 2, mounted at `root`; NULL: none) keep it from running? */
bool process_state_frozen(pid_t pid, const char *root);

/** process_state_set_oom() - write oom_score_adj.  0 or a negative errno */
int process_state_set_oom(pid_t pid, int oom_score);

#endif
