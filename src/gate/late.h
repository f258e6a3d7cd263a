/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Late - does the gate still answer, as far as an opener can tell who has not come back yet?
 *
 * Looked at every LATE_LOOK_MS while it is out.  What counts is looks, not a clock: a machine that was stopped
 * as a whole has not been looked at meanwhile.  A look counts only while the opener really waits for an answer;
 * one that was let go, and only waits for a processor, is not late.
 *
 * Who comes behind a crowd waits for everybody before him, and a gate that opened for that would be opened by
 * anybody who can make a crowd.  So as long as others are answered it has five times as long.
 *
 * Pure: no clock, no process.
 */
#ifndef RINGFORT_GATE_LATE_H
#define RINGFORT_GATE_LATE_H

#include <stdbool.h>
#include <stdint.h>

#define LATE_LOOK_MS 450
#define LATE_SILENT 4   /* looks between which nobody was answered: 1.8 s, so nobody waits for 3 s */
#define LATE_IN_ALL 20  /* looks, whoever was answered */

struct late {
	uint32_t n_silent, n_in_all;
	uint64_t n_answered;
};

/** late_begin() - the opener goes out; n_answered: by the gate, so far */
void late_begin(struct late *late, uint64_t n_answered);

/** late_look() - it is not back.  Return: the gate does not answer */
bool late_look(struct late *late, bool waits, uint64_t n_answered);

#endif
