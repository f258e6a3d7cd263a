/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trial - what this kernel grants us to block with, asked of itself.
 *
 * On a file system that nobody else sees, and with a program that lets everything pass: nothing on the host
 * changes by it.
 */
#ifndef RINGFORT_GATE_TRIAL_H
#define RINGFORT_GATE_TRIAL_H

/* Each 0, or a negative errno: why not. */
struct trial {
	int exec; /* permission events for executions on a whole file system */
	int open; /* for opens, in a folder */
	int net;  /* a program of ours at the root of the cgroups decides about connections */
};

/**
 * trial_run() - try all of it
 * @cgroup_path: where cgroup v2 is mounted, or NULL
 */
void trial_run(struct trial *ret_trial, const char *cgroup_path);

#endif
