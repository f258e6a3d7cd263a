/* SPDX-License-Identifier: Apache-2.0 */
/* Role life - how a role begins, and how the supervisor ends it. */
#ifndef RINGFORT_RINGFORTD_ROLE_LIFE_H
#define RINGFORT_RINGFORTD_ROLE_LIFE_H

#include "host/config.h"

#include <stddef.h>
#include <sys/types.h>

/** role_begin() - in the new process: its name, its log, its signals */
void role_begin(const char *name, const struct config *config);

/** role_keep_only() - in the new process: every other descriptor above 2 is somebody else's */
void role_keep_only(int *fds, size_t n);

/** role_take_precedence() - before all that has no precedence, one of many that have it; aloud where it may not */
void role_take_precedence(const char *name);

/**
 * role_stay_in_memory() - nothing that was touched once is fetched from a disk again
 *
 * Most of what a role was forked with it never touches, and that is not kept for it.  CAP_IPC_LOCK has to stay:
 * without it a limit would hold, and what is locked could not grow, the stack among it.
 */
void role_stay_in_memory(const char *name);

/** role_end() - its socket was closed, so it ends; killed when it does not.  Nothing for pid 0 */
void role_end(pid_t pid);

#endif
