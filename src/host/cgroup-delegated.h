/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cgroup-delegated - live below the folder that a service manager delegates to us.
 *
 * The manager owns the rest of the hierarchy and may take back the controllers of what it does not know.
 * Below a delegated folder we are the only ones, and what we leave there goes with the service.
 */
#ifndef RINGFORT_HOST_CGROUP_DELEGATED_H
#define RINGFORT_HOST_CGROUP_DELEGATED_H

/**
 * cgroup_delegated_open() - our own folder, when it is delegated; we move into a leaf of it
 * @root: where the unified hierarchy is mounted
 *
 * Return: its descriptor, yours to close; -ENOENT nobody delegated anything; or what the kernel said.
 */
int cgroup_delegated_open(int root);

#endif
