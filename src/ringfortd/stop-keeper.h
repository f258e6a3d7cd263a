/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stop keeper - the supervisor's side of the process that has stopped images judged (role-stops.c).
 *
 * One for each life of the gate: it ends by itself when that does.  Where nothing is to be stopped there is none,
 * and while there is none nothing is stopped.
 */
#ifndef RINGFORT_RINGFORTD_STOP_KEEPER_H
#define RINGFORT_RINGFORTD_STOP_KEEPER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define STOP_KEEPER_FILE "stopped" /* in the runtime folder */

struct supervisor;

struct stop_keeper {
	pid_t pid;      /* 0: none runs */
	int left_fd;    /* file of those who are stopped, or -1 */
	bool gate_gone; /* it is about to end */
	uint64_t born_ns;
};

/** stop_keeper_open() - the file; whom a daemon that was killed left stopped is let go.  Alone in its runtime folder */
void stop_keeper_open(struct stop_keeper *keeper, const char *runtime);

/** stop_keeper_start() - as scope_keeper_start() */
int stop_keeper_start(struct supervisor *supervisor);

/** stop_keeper_ended() - a child ended; was it this one?  Then who was left behind is let go */
bool stop_keeper_ended(struct supervisor *supervisor);

/** stop_keeper_watch() - one that lets nobody go is ended; now and then */
void stop_keeper_watch(struct supervisor *supervisor);

/** stop_keeper_close() - the gate has gone for good: wait for it, and let go who was left behind */
void stop_keeper_close(struct supervisor *supervisor);

/** stop_keeper_stops() - is there somebody to let go whom the probe stops? */
bool stop_keeper_stops(const struct supervisor *supervisor);

#endif
