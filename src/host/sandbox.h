/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sandbox - the steps that a child takes between its birth and its program (folder-internal).
 *
 * They run in the child, in the order of the table in spawn.c, and end in execve(2).  Each returns
 * 0 or a negative errno, upon which the child reports the step and exits; its namespaces, and with
 * them every mount, go when it does.  Nothing needs undoing.  After sandbox_limits() nothing is
 * allocated any more: the limits are the program's, the heap is still a copy of the supervisor's.
 */
#ifndef RINGFORT_HOST_SANDBOX_H
#define RINGFORT_HOST_SANDBOX_H

#include "host/spawn.h"

struct sock_filter;

struct sandbox {
	const struct spawn_options *options;
	int socket;              /* to the parent */
	int output;              /* write end of the output pipe */
	int bind;                /* the bind that is being mounted, -1: none */
	int landlock_abi;
	bool memory_controller;  /* a cgroup bounds its memory */
	char *executable;        /* the path, at the address that the seccomp filter lets pass */
	struct sock_filter *filter;
	size_t n_filter;
};

/* mounts.c: a root in memory with read-only views; the old root is gone afterwards */
int sandbox_root(struct sandbox *sandbox);

/* identity.c */
int sandbox_descriptors(struct sandbox *sandbox); /* only what was asked for stays open */
int sandbox_limits(struct sandbox *sandbox);
int sandbox_groups(struct sandbox *sandbox);
int sandbox_identity(struct sandbox *sandbox);    /* uid, no capabilities, no_new_privs */

/* landlock.c */
int sandbox_landlock(struct sandbox *sandbox);

/* seccomp.c */
int sandbox_executable(struct sandbox *sandbox);  /* sets sandbox->executable */
int sandbox_filter(struct sandbox *sandbox);      /* sets sandbox->filter; allocates */
int sandbox_seccomp(struct sandbox *sandbox);     /* the last step; allocates nothing */

#endif
