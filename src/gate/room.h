/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Room - how many openers may wait, so that there is always a descriptor for the next question.
 *
 * An event that is read opens a descriptor, and an opener that waits holds one.  Where none is left the
 * kernel does not ask: it denies by itself.  So some are kept back for reading, and whoever comes when
 * the others are taken is answered at once by miss modes.
 *
 * Pure.  The limit is asked for each time: root may lower that of a process that runs.
 */
#ifndef RINGFORT_GATE_ROOM_H
#define RINGFORT_GATE_ROOM_H

#include <stdint.h>

#define ROOM_OTHERS 64u /* descriptors beside: the process' own, and those of a message that just came */
#define ROOM_VOTER 5u   /* of each solution */

struct room {
	uint32_t n_read; /* events that may be read now; 0: more wait than may, let some go first */
	uint32_t n_wait; /* openers that may wait; 0: there is no room at all, not even for one question */
};

/** room_of() - with this RLIMIT_NOFILE, so many solutions, and so many openers that wait already */
struct room room_of(uint64_t limit, uint32_t n_voters, uint32_t n_waiting);

#endif
