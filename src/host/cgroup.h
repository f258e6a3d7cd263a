/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cgroup - limits and accounting of one solution, and the way to kill all of it.
 *
 * A tree is an instance's folder `ringfort-INSTANCE` in every hierarchy that we use: the unified
 * one (version 2) wherever it is mounted, and version 1 hierarchies for those of memory, pids and
 * cpu that version 2 does not offer (hybrid hosts).  A cgroup is one folder below it.  Where a service
 * manager delegates us a folder of the unified hierarchy, the tree is in that, beside a leaf for ourselves.
 *
 * The supervisor owns both, from one thread.  A tree holds a lock on its folder as long as it is
 * open: a second live instance of that name is refused, and the remains of a dead one are killed
 * and removed when the tree is opened.  Nothing here logs.  Memory in bytes or MiB as named.
 */
#ifndef RINGFORT_HOST_CGROUP_H
#define RINGFORT_HOST_CGROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct cgroup_tree;
struct cgroup;

/* Controllers, for cgroup_tree_missing(). */
#define CGROUP_MEMORY (1u << 0)
#define CGROUP_PIDS (1u << 1)
#define CGROUP_CPU (1u << 2)

struct cgroup_limits {
	uint32_t memory_mb;   /* MiB, swap included; 0: none */
	uint32_t pids;        /* processes and threads; 0: none */
	uint32_t cpu_percent; /* of one processor, so 200 is two; 0: none */
};

/* Zero where no controller tells. */
struct cgroup_usage {
	uint64_t memory_bytes;
	uint64_t memory_peak_bytes;
	uint64_t n_oom_kills;
	uint64_t cpu_us; /* only with a version 2 hierarchy */
	uint64_t n_pids;
};

/**
 * cgroup_tree_open() - make, or take over, the folders of an instance
 * @instance: 1 to 32 bytes of [a-z0-9-]
 *
 * Release it with cgroup_tree_close().
 *
 * Return: 0; -EBUSY a live process holds this instance, or remains of a dead one cannot be
 *         killed; -ENOENT no cgroup hierarchy is mounted; -EINVAL the name; or what the kernel
 *         said.  On failure nothing is left behind.
 */
int cgroup_tree_open(struct cgroup_tree **ret_tree, const char *instance);

/** cgroup_tree_close() - remove the folders; every cgroup must be freed before.  Returns NULL. */
struct cgroup_tree *cgroup_tree_close(struct cgroup_tree *tree);

/** cgroup_tree_missing() - mask of the controllers that this host offers nowhere */
uint32_t cgroup_tree_missing(const struct cgroup_tree *tree);

/**
 * cgroup_new() - make a cgroup with its limits
 * @name: 1 to 64 bytes of [a-z0-9+-]; solutions have no '+', so "NAME+probe" is free for probes
 *
 * Limits without a controller are passed over (cgroup_tree_missing() tells them).  The tree must
 * outlive the cgroup.
 *
 * Return: 0; -EEXIST; -EINVAL the name; or what the kernel said.
 */
int cgroup_new(struct cgroup **ret_cgroup, struct cgroup_tree *tree, const char *name,
	       const struct cgroup_limits *limits);

/**
 * cgroup_free() - kill what is in it, wait up to half a second until it is empty, remove it
 *
 * What is still busy then (a process that cannot die) stays, and is cleaned when the tree is
 * next opened.  NULL is allowed; returns NULL.
 */
struct cgroup *cgroup_free(struct cgroup *cgroup);

/** cgroup_unified_fd() - its version 2 folder for CLONE_INTO_CGROUP, or -1; stays owned here */
int cgroup_unified_fd(const struct cgroup *cgroup);

/** cgroup_bounds_memory() - does a controller hold its memory? */
bool cgroup_bounds_memory(const struct cgroup *cgroup);

/** cgroup_place() - put a process into the version 1 folders.  0 or -errno. */
int cgroup_place(struct cgroup *cgroup, pid_t pid);

/**
 * cgroup_kill() - SIGKILL to all processes in it
 *
 * Opens, executes and allocates nothing: usable when the host is out of everything.
 *
 * Return: 0 or -errno.
 */
int cgroup_kill(struct cgroup *cgroup);

/** cgroup_usage() - what it used so far */
void cgroup_usage(const struct cgroup *cgroup, struct cgroup_usage *ret_usage);

#endif
