/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Canary keeper - the supervisor's side of the canary (role-canary.c) and of its opener.
 *
 * Both live as long as the daemon, over the lives of the gate, and are started again when one of them ends.
 * Where nobody can wait for the gate (rules about the network alone) there are none.
 */
#ifndef RINGFORT_RINGFORTD_CANARY_KEEPER_H
#define RINGFORT_RINGFORTD_CANARY_KEEPER_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct supervisor;

struct canary_keeper {
	pid_t canary, opener; /* 0: none runs */
	int fd;               /* messages to the canary, or -1 */
	int root;             /* of the opener's file system, or -1 */
	uint64_t born_ns;
	struct event *heard;
};

/** canary_keeper_start() - both, unless they run; nothing where nobody waits.  Call it a few times a second */
void canary_keeper_start(struct supervisor *supervisor);

/** canary_keeper_gate() - a gate has begun: it is told of the opener, and watched */
void canary_keeper_gate(struct supervisor *supervisor);

/** canary_keeper_hear() - what the canary says: gate_keeper_late() */
void canary_keeper_hear(struct supervisor *supervisor);

/** canary_keeper_ended() - a child ended; was it one of them? */
void canary_keeper_ended(struct supervisor *supervisor);

void canary_keeper_init(struct canary_keeper *keeper);
void canary_keeper_close(struct canary_keeper *keeper);

#endif
