/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Critical watch - the critical set of this host, kept current by the supervisor.
 *
 * Our own programs belong to it: nothing of ours may wait for a verdict of ours.  The package manager
 * replaces files, so the set is loaded again when its database has changed, and while it runs with each
 * of its steps; the gate gets it as bytes in a sealed memory, and looks at no path itself.
 */
#ifndef RINGFORT_RINGFORTD_CRITICAL_WATCH_H
#define RINGFORT_RINGFORTD_CRITICAL_WATCH_H

#include "gate/critical.h"

#include <stdbool.h>
#include <time.h>

struct supervisor;

struct critical_watch {
	struct critical_set set;
	struct timespec packages, steps; /* when the package database changed last, as we saw it */
};

/** critical_watch_load() - look at all files again */
void critical_watch_load(struct critical_watch *watch, const struct supervisor *supervisor);

/** critical_watch_stale() - has the package manager run since? */
bool critical_watch_stale(const struct critical_watch *watch);

/** critical_watch_pack() - the set in a sealed memory of its own.  A descriptor, or a negative errno */
int critical_watch_pack(const struct critical_watch *watch);

/** critical_watch_unpack() - the gate: read it.  0, or -EBADMSG: *ret_set is untouched */
int critical_watch_unpack(int fd, struct critical_set *ret_set);

#endif
