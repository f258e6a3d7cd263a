/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names - of cgroups and terminals, by the numbers that the kernel gives.
 *
 * A cgroup of version 2 is found by its id (a file handle of cgroupfs) in a few µs and then
 * remembered; ids are not used again.  A cgroup that is gone before it is asked for has no name.
 * Containers are told by the 64 hexadecimal digits that every engine writes into the path.
 */
#ifndef RINGFORT_SENSOR_NAMES_H
#define RINGFORT_SENSOR_NAMES_H

#include <stdint.h>

struct names;

/** names_new() - cgroup_path: where cgroup v2 is mounted, or NULL: then cgroups have no names */
int names_new(struct names **ret_names, const char *cgroup_path);
struct names *names_free(struct names *names);

/* Both are NUL-terminated; "" is unknown or none. */
struct cgroup_name {
	uint32_t path_length, container_length;
	const char *path;
	const char *container;
};

/** names_cgroup() - the result is good until the next call of it */
struct cgroup_name names_cgroup(struct names *names, uint64_t id);

/** names_tty() - of a device number (major << 20 | minor); good until the next call of it */
const char *names_tty(struct names *names, uint32_t device);

/** names_container_id() - the innermost container in a cgroup's path: 64 digits, or NULL */
const char *names_container_id(const char *path);

#endif
