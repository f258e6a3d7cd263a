/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stopped - processes that were stopped before the first instruction of an image, until it is judged.
 *
 * They stand in the backstop (event/backstop.h), which outlives whoever was about to have them judged: what he
 * leaves behind is let go by the next, or by the supervisor.  One that is given back to its user without a
 * verdict runs, as it does where the kernel waits for a gate that dies.
 */
#ifndef RINGFORT_RINGFORTD_STOPPED_H
#define RINGFORT_RINGFORTD_STOPPED_H

#include "event/backstop.h"

#include <ringfort/verdict.h>
#include <stdbool.h>
#include <sys/types.h>

enum stopped_state {
	STOPPED_STILL,  /* it stands still, or is about to: it has executed nothing */
	STOPPED_TAKEN,  /* somebody else let it go, or holds it: it has executed something, or can be made to */
	STOPPED_GONE,
};

/** stopped_look() - by its number; whose that is only its pidfd tells */
enum stopped_state stopped_look(pid_t pid);

/** stopped_is() - by its number: does it stand still by a signal? */
bool stopped_is(pid_t pid);

/** stopped_open() - a pidfd of the process that has this number and has begun then; or a negative errno */
int stopped_open(pid_t pid, uint64_t start_ns);

/** stopped_end() - let it go or kill it, and give its place back.  pidfd: -1 it has gone */
void stopped_end(struct backstop_stop *stop, int pidfd, enum ringfort_verdict verdict);

/** stopped_waits() - does somebody wait there?  With acquire: then the rest of it is written */
bool stopped_waits(const struct backstop_stop *stop);

/*
 * Where none of us is left, killed all at once, the memory of the backstop goes too.  So they stand in a small file
 * as well, at the same places, for the next daemon.
 */
struct stopped_entry {
	uint64_t start_ns;
	uint32_t pid; /* 0: none */
	uint32_t reserved;
};

/** stopped_write() - to the place of that number; pid 0: nobody is there any more */
void stopped_write(int file, uint32_t place, pid_t pid, uint64_t start_ns);

/** stopped_let_go_left() - those whom a daemon before us left in the file, which is empty then.  Return: how many */
uint32_t stopped_let_go_left(int file);

/** stopped_let_go_all() - without a verdict.  Return: how many */
uint32_t stopped_let_go_all(struct backstop *backstop);

#endif
