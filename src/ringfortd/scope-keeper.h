/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scope keeper - the supervisor's side of the process that walks scopes (role-scopes.c).
 *
 * One for each life of the gate, as marks go with it; started again when it ends.  Where nobody may take part
 * in opens there is none.
 */
#ifndef RINGFORT_RINGFORTD_SCOPE_KEEPER_H
#define RINGFORT_RINGFORTD_SCOPE_KEEPER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct supervisor;

struct scope_keeper {
	pid_t pid;          /* 0: none runs */
	bool condemned;     /* ended by us */
	uint64_t born_ns;
};

/** scope_keeper_wanted() - does the configuration name scopes that anybody may take part in? */
bool scope_keeper_wanted(const struct supervisor *supervisor);

/**
 * scope_keeper_start() - unless one runs, or has been too short ago
 *
 * Return: the gate's end of its socket, to be told and closed; -1: none was started.
 */
int scope_keeper_start(struct supervisor *supervisor);

/** scope_keeper_end() - the gate has gone, or all ends: killed, to be buried by scope_keeper_ended() */
void scope_keeper_end(struct scope_keeper *keeper);

/** scope_keeper_ended() - a child ended; was it this one? */
bool scope_keeper_ended(struct supervisor *supervisor);

#endif
