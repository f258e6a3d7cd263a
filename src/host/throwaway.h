/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Throwaway - run a sandboxed program once, for its output and exit status, until a deadline.
 *
 * This is how new content is tried and how YAML is read: in a process that is nobody and is gone
 * afterwards.  The supervisor polls throwaway.spawned.pidfd and throwaway.spawned.output for
 * POLLIN, and calls throwaway_process() when one is readable or the deadline has come.  It owns a
 * cgroup of its own.  Nothing here logs; the output is the program's, so quote it before you do.
 */
#ifndef RINGFORT_HOST_THROWAWAY_H
#define RINGFORT_HOST_THROWAWAY_H

#include "host/cgroup.h"
#include "host/spawn.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct throwaway {
	struct spawned spawned;
	struct cgroup *cgroup;
	uint64_t deadline_ns; /* CLOCK_MONOTONIC */
	char *output;         /* NUL-terminated, size_output bytes; the rest was thrown away */
	size_t size_output;
	size_t max_output;
	bool output_cut;
	/* Set when throwaway_process() has returned 1: */
	struct spawned_exit exit;
	bool timed_out;       /* it was killed at the deadline */
	bool out_of_memory;   /* its cgroup killed it */
};

#define THROWAWAY_NONE ((struct throwaway){ .spawned = { .pidfd = -1, .output = -1 } })

/**
 * throwaway_start() - start it
 * @ret_run:    untouched on failure; release it with throwaway_done()
 * @tree, name: where its cgroup goes ("NAME+probe"); a NULL tree: none
 * @limits:     of the cgroup
 * @options:    as for host_spawn(); its cgroup is ignored
 * @max_output: bytes that are kept
 * @ret_step:   as for host_spawn()
 *
 * Return: 0; what cgroup_new() or host_spawn() return; -ENOMEM.
 */
int throwaway_start(struct throwaway *ret_run, struct cgroup_tree *tree, const char *name,
		    const struct cgroup_limits *limits, const struct spawn_options *options,
		    uint32_t timeout_ms, size_t max_output, const char **ret_step);

/**
 * throwaway_process() - collect output, kill at the deadline
 *
 * Reads at most 64 KiB a call, waits for nothing.
 *
 * Return: 1 it has ended, and everything is set; 0 not yet; or a negative errno.
 */
int throwaway_process(struct throwaway *run, uint64_t now_ns);

/** throwaway_wait() - the same until it has ended: for tests and for the start.  0 or -errno. */
int throwaway_wait(struct throwaway *run);

/** throwaway_succeeded() - ended by itself with status 0 */
bool throwaway_succeeded(const struct throwaway *run);

/** throwaway_done() - kill it if it lives, remove its cgroup, release; THROWAWAY_NONE is allowed */
void throwaway_done(struct throwaway *run);

#endif
