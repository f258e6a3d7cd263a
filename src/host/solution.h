/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Solution - the life of one solution, as a machine that decides and does nothing.
 *
 *              start                ready               proven
 *   stopped ----------> starting ----------> shadow ----------> active
 *      ^                 ^    |                |                 |  ^
 *      | stop (from      |    |                | stalls,      stalls,|
 *      | anywhere)       |    |                | loses events    v  | keeps up
 *      +------------     |    |                +--------------> degraded
 *                        |    |                                   |
 *                back-off|    +------------------+----------------+
 *              (a strike)|                       | ends, hangs: a strike
 *                        +-----------------------+
 *                        |                       | 3 in 10 min, 5 in 1 h,
 *               cool-down|                       v or 1 on trial
 *               (on trial)-------------------- suspended
 *                                                | third time in a row
 *                                  reset         v
 *                        stopped <---------- quarantined
 *
 *   starting     waits for its back-off, or runs and has not opened its channel yet
 *   shadow       reads events; its content has not earned trust yet
 *   active       reads events and keeps up
 *   degraded     runs, but makes no progress or loses events
 *   suspended    does not run, will again after a cool-down; then it is on trial for ten minutes
 *   quarantined  does not run until the operator resets it
 *
 * The caller tells what happened and when; solution_step() says what to do now and when to call again
 * if nothing happens.  No time is read, nothing is started or killed here.  One owner, one thread;
 * plain data, no release.  Times are nanoseconds of a monotonic clock.
 */
#ifndef RINGFORT_HOST_SOLUTION_H
#define RINGFORT_HOST_SOLUTION_H

#include <stdbool.h>
#include <stdint.h>

#define SOLUTION_SECOND 1000000000ull
#define SOLUTION_BACKOFF_FIRST (SOLUTION_SECOND / 10)
#define SOLUTION_BACKOFF_MOST (30 * SOLUTION_SECOND)
#define SOLUTION_GOOD (60 * SOLUTION_SECOND)      /* runs that long: back-off begins anew */
#define SOLUTION_START (60 * SOLUTION_SECOND)     /* to open its channel: many rules, a slow machine */
#define SOLUTION_STALL (5 * SOLUTION_SECOND)      /* without progress: degraded */
#define SOLUTION_HANG (15 * SOLUTION_SECOND)      /* without progress: killed */
#define SOLUTION_LOOK SOLUTION_SECOND             /* between looks at its progress */
#define SOLUTION_KILL (5 * SOLUTION_SECOND)       /* between attempts to kill */
#define SOLUTION_RECOVER (5 * SOLUTION_SECOND)    /* keeps up that long: active again */
#define SOLUTION_TRIAL (600 * SOLUTION_SECOND)    /* after a suspension: one strike suspends */
#define SOLUTION_COOL_DOWN (300 * SOLUTION_SECOND) /* the first; doubled each time in a row */
#define SOLUTION_FORGET (3600 * SOLUTION_SECOND)  /* without a strike: suspensions are forgotten */
#define SOLUTION_SUSPENSIONS 3                    /* the third in a row quarantines */
#define SOLUTION_STRIKES 5                        /* remembered */
#define SOLUTION_FEW 3                            /* strikes within SOLUTION_SHORT suspend ... */
#define SOLUTION_SHORT (600 * SOLUTION_SECOND)
#define SOLUTION_LONG (3600 * SOLUTION_SECOND)    /* ... as do SOLUTION_STRIKES within this */

enum solution_state {
	SOLUTION_STOPPED,
	SOLUTION_STARTING,
	SOLUTION_SHADOW,
	SOLUTION_ACTIVE,
	SOLUTION_DEGRADED,
	SOLUTION_SUSPENDED,
	SOLUTION_QUARANTINED,
	_SOLUTION_STATE_N
};

enum solution_event {
	SOLUTION_TICK,         /* time passed; carries .pending, .progress, .lost */
	SOLUTION_OPERATOR_START, /* also ends a suspension; a quarantine it does not */
	SOLUTION_OPERATOR_STOP,
	SOLUTION_OPERATOR_RESET, /* forget strikes and suspensions, end a quarantine */
	SOLUTION_SPAWNED,      /* the answer to SOLUTION_SPAWN */
	SOLUTION_SPAWN_FAILED, /* likewise; carries .error; the host's fault, no strike */
	SOLUTION_READY,        /* it opened its channel */
	SOLUTION_PROVEN,       /* its content has earned trust */
	SOLUTION_EXITED,       /* carries .code, .signal, .out_of_memory */
	SOLUTION_MISBEHAVED,   /* it broke the rules of its mailbox: carries .what */
	_SOLUTION_EVENT_N
};

struct solution_input {
	enum solution_event event;
	bool pending;       /* TICK: there is something that it has not read */
	uint64_t progress;  /* TICK: grows whenever it reads or answers */
	uint64_t lost;      /* TICK: events that it was too slow for, since it was spawned */
	int error;          /* SPAWN_FAILED: negative errno */
	int code;           /* EXITED */
	int signal;         /* EXITED: or 0 */
	bool out_of_memory; /* EXITED: its cgroup counted an OOM kill */
	const char *what;   /* MISBEHAVED: "wrote noise into its mailbox" */
};

enum solution_action {
	SOLUTION_NOTHING,
	SOLUTION_SPAWN,  /* start it, then answer with SPAWNED or SPAWN_FAILED before any other input */
	SOLUTION_KILL_IT /* kill it; tell EXITED when it has ended */
};

struct solution_output {
	enum solution_action action;
	uint64_t deadline; /* call with TICK then at the latest; UINT64_MAX: nothing to wait for */
};

struct solution {
	enum solution_state state;
	bool wanted;            /* by the operator */
	bool running;           /* there is a process */
	bool ready;             /* it opened its channel */
	bool proven;            /* SOLUTION_PROVEN came since it was spawned */
	bool killing;
	bool on_trial;
	char reason[96];        /* of the last change of state, or why it could not be started */
	char fault[96];         /* why it is being killed, "" when it is not for a fault */
	uint64_t since;         /* when the state was entered */
	uint64_t next;          /* when to spawn, or the next attempt to kill */
	uint64_t spawned_at;
	uint64_t moved_at;      /* when progress was last seen, or nothing was pending */
	uint64_t trouble_at;    /* when it was last seen stalled or losing events */
	uint64_t progress;
	uint64_t lost;
	uint64_t trial_until;
	uint64_t strikes[SOLUTION_STRIKES]; /* times, newest first */
	uint32_t n_strikes;     /* remembered ones */
	uint32_t n_in_a_row;    /* spawns without a good run: the exponent of the back-off */
	uint32_t n_suspensions; /* in a row */
	uint32_t n_restarts;    /* spawns after the first */
	uint32_t n_spawned;
	/* Called by the setter after each change; "a -> b" is the caller's to log.  May be NULL. */
	void (*changed)(void *userdata, enum solution_state from, enum solution_state to,
			const char *reason);
	void *userdata;
};

/** solution_init() - stopped, with no history */
void solution_init(struct solution *solution,
		   void (*changed)(void *userdata, enum solution_state from, enum solution_state to,
				   const char *reason),
		   void *userdata);

/** solution_step() - take one input; inputs that make no sense in this state change nothing */
struct solution_output solution_step(struct solution *solution, const struct solution_input *input,
				     uint64_t now);

/** solution_state_name() - "starting" and its like */
const char *solution_state_name(enum solution_state state);

#endif
