/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gate keeper - the supervisor's side of the gate: starts it, watches it, starts it again.
 *
 * A gate that dies lets everybody through, so the next one is started at once and handed everything:
 * processes of ours, file systems to guard, solutions to ask.  One that stops saying that it is alive is
 * killed first, which opens, executes and allocates nothing; so is one that does not answer our own opener
 * (canary-keeper.h), and the more often that happens the later the next one begins.  One that cannot even start (a kernel without
 * permission events) is given up after a few tries, aloud.
 */
#ifndef RINGFORT_RINGFORTD_GATE_KEEPER_H
#define RINGFORT_RINGFORTD_GATE_KEEPER_H

#include "gate/backstop.h"
#include "ringfortd/canary-keeper.h"
#include "ringfortd/critical-watch.h"
#include "ringfortd/message.h"
#include "ringfortd/scope-keeper.h"
#include "ringfortd/stop-keeper.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct supervisor;
struct unit;

struct gate_keeper {
	struct supervisor *supervisor;
	pid_t pid;             /* 0: none runs */
	int fd;                /* messages */
	int history_writer, history_reader; /* -1: there is no gate on this host */
	int backstop_fd;       /* the sensor's map, or -1 */
	int stops_fd;          /* its ring that tells of stopped images, or -1 */
	struct backstop *backstop;
	int book;              /* rules about the network, over the gate's lives; -1: nobody may set any */
	int denials;           /* map of event/denial.h, for gate and sensor; or -1 */
	uint32_t n_lives;
	uint32_t n_failed;     /* lives in a row that were too short to be one */
	uint64_t born_ns, alive_ns;
	bool open;             /* the operator's word, for the next life too */
	uint64_t named[BACKSTOP_PLACES]; /* devices of the file systems to guard, as far as it is known */
	uint32_t points;       /* places to guard that were mount points once, a bit each */
	bool disabled;         /* on the kernel's command line: none is started */
	bool condemned;        /* this life is ended by us */
	pid_t held;            /* an earlier life, dead, that its tracer does not let us bury; or 0 */
	uint32_t complained;   /* of places that cannot be guarded, a bit each: once */
	struct event *heard, *watch;
	struct critical_watch critical;
	struct scope_keeper scopes;
	struct stop_keeper stops;
	struct canary_keeper canary;
	uint32_t n_late;       /* lives, one after the other, that did not answer our opener */
	uint64_t late_ns;      /* when the last one was ended for it */
	uint64_t again_ns;     /* none begins before */
};

/** gate_keeper_open() - before the roles are forked: control reads the history.  0 or a negative errno */
int gate_keeper_open(struct gate_keeper *keeper, struct supervisor *supervisor);

/** gate_keeper_start() - the loop is there: the first life */
void gate_keeper_start(struct gate_keeper *keeper);

/** gate_keeper_ended() - a child ended; was it the gate? */
void gate_keeper_ended(struct gate_keeper *keeper);

/** gate_keeper_kill() - this life is no good; the next one begins at once.  Nothing without a gate */
void gate_keeper_kill(struct gate_keeper *keeper);

/** gate_keeper_late() - the canary has ended that life, which did not answer for so long */
void gate_keeper_late(struct gate_keeper *keeper, uint64_t waited_ms, uint64_t life);

/**
 * gate_keeper_spawn() - a process beside the gate, which is answered at once as all of ours
 * @run: in the child, with its end of a socket that the gate is to have the other end of; its exit status
 *
 * Return: that other end, or -1 there is no such process and *ret_pid is untouched
 */
int gate_keeper_spawn(struct gate_keeper *keeper, int (*run)(const struct supervisor *supervisor, int fd), pid_t *ret_pid);

/** gate_keeper_own() - a process of ours was born, or is gone */
void gate_keeper_own(struct gate_keeper *keeper, pid_t pid, bool alive);

/** gate_keeper_voter() - a solution that may decide was born, or (its channel closed) is gone */
void gate_keeper_voter(struct gate_keeper *keeper, const struct unit *unit);

/** gate_keeper_backstop() - the sensor has it, and the ring beside it; the descriptors are taken over */
void gate_keeper_backstop(struct gate_keeper *keeper, int fds[2]);

/** gate_keeper_message() - control's MESSAGE_GATE; an answer goes back */
void gate_keeper_message(struct gate_keeper *keeper, const struct message *message);

/** gate_keeper_hold() - control's MESSAGE_HOLD; what became of it is in the history, for control to see */
void gate_keeper_hold(struct gate_keeper *keeper, const struct message *message);
void gate_keeper_forgive(struct gate_keeper *keeper, uint32_t slot);

void gate_keeper_close(struct gate_keeper *keeper);

#endif
