/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mounts - which mounts are the host's, so that a path can be told from another world's claim.
 *
 * Anybody may make a mount namespace and show his own file as /usr/bin/dpkg in it.  The attributes of an
 * open file have the id of the mount that it was reached by; the host's ids stand in its table.
 * They are read again when one is not among them and the table has changed since.
 *
 * The kernel tells of a change once, to whoever polls: so not through an epoll inside another, which polls
 * twice.
 */
#ifndef RINGFORT_GATE_MOUNTS_H
#define RINGFORT_GATE_MOUNTS_H

#include <stdbool.h>
#include <stdint.h>

struct mounts;

#define MOUNTS_OF_HOST "/proc/1/mountinfo"

/** mounts_new() - opens the host's table, once, and reads it */
int mounts_new(struct mounts **ret_mounts, const char *table);
struct mounts *mounts_free(struct mounts *mounts);

/** mounts_changed() - since the last call?  Then they were read again */
bool mounts_changed(struct mounts *mounts);

/** mounts_has() - is it one of the host's? */
bool mounts_has(struct mounts *mounts, uint64_t id);

#endif
