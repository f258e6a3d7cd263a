/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mounts - which file systems are mounted in our namespace, and which of them may be watched.
 *
 * Opening a file of FUSE or of a network waits for a server, which may be the attacker; so the
 * list is of those known to be local, and an overlay counts as what it lies above.
 */
#ifndef RINGFORT_SENSOR_MOUNTS_H
#define RINGFORT_SENSOR_MOUNTS_H

#include <stdbool.h>
#include <stdint.h>

struct mount_line {
	uint64_t dev;        /* of the super block: major << 20 | minor */
	const char *root;    /* what of the file system is mounted here */
	const char *point;
	const char *type;
	const char *options; /* of the super block */
};

/** mounts_each() - every line of /proc/self/mountinfo, unescaped; ends at non-zero and returns it */
int mounts_each(int (*each)(void *userdata, const struct mount_line *line), void *userdata);

/** mounts_parse() - one line, changed in place; 0 or -EBADMSG */
int mounts_parse(char *text, struct mount_line *ret_line);

/** mounts_watchable() - a file system of this machine, in which files are written */
bool mounts_watchable(const struct mount_line *line);

#endif
