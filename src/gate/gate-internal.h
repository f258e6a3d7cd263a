/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gate internal - what the files of the gate share.
 *
 *   gate-ask.c      the kernel asks: whom do we ask?
 *   gate-voices.c   solutions answer, or do not
 *   gate-hold.c     who missed its deadline is held for the operator
 *   gate-verdict.c  the kernel is answered; what is kept of it
 *   gate-canary.c   an opener of ours, by whom somebody else sees whether we answer
 *   gate-scope.c    where opens are decided; what was written there is shown, and nobody waits
 *   gate.c          its loop, what the supervisor tells it, its life
 *
 * Only these include it.
 */
#ifndef RINGFORT_GATE_GATE_INTERNAL_H
#define RINGFORT_GATE_GATE_INTERNAL_H

#include "base/cleanup.h"
#include "gate/gate.h"
#include "gate/question.h"

#include <sys/types.h>
#include <time.h>

struct cache_key;
struct fan_event;

struct gate {
	struct gate_options options;
	struct history_numbers *numbers;
	struct questions *questions;
	struct cache *cache;
	struct cache *asked_behind; /* critical files about which everybody was asked, under which generation */
	struct mounts *mounts;
	struct backstop *backstop; /* NULL: nobody looks behind us */
	uint64_t devices[GATE_PLACES]; /* of what is guarded */
	struct voter *voters[DECISION_VOICES];
	uint32_t n_voters;
	uint32_t n_waiting;      /* openers: questions with a descriptor */
	uint32_t n_waiting_most; /* for whom there is room */
	uint64_t left;    /* slots that were demoted in this turn, a bit each: nobody waits for them any more */
	uint32_t guarded; /* places, a bit each */
	dev_t marked[GATE_PLACES]; /* the file system that has the place's mark, 0: none, or mounts changed since */
	uint32_t own[GATE_OWN_MAX];
	uint32_t n_own;
	uint64_t generation;   /* of all that was remembered */
	uint32_t n_remembered; /* ignore marks set since they were dropped last */
	struct scope {
		int group;     /* that asks about opens; -1: none yet */
		uint32_t acts; /* 0: nobody named it */
		uint64_t unmarked_ns; /* when a mark of it was missed last, and told */
		bool whole;    /* a file system: ignore marks can be dropped there, and folders' cannot be told apart */
	} scopes[GATE_SCOPES];
	struct shown {
		int group;          /* that tells of what was written, for one solution; -1: none */
		uint32_t scopes;    /* where, a bit each */
		uint64_t since_ns;  /* and since when */
		bool paused;        /* nobody looks at its events: the solution has no room, or is not there */
		bool lost;          /* something was not shown, and the solution does not know yet */
		uint64_t paused_ns;
		uint64_t given_back; /* see voter_given_back() */
		uint64_t moved_ns;   /* when that was another number last, of this pause */
	} shown[DECISION_VOICES];
	struct {
		uint32_t pid; /* 0: there is none */
		int root;     /* of the file system that it opens a file on; -1 */
		dev_t device; /* of that */
	} canary;
	uint64_t n_shown; /* in ids of what is shown */
	uint64_t now_ns;
	uint64_t alone_until_ns; /* no operator is there: nobody is held */
	uint64_t unheard[VOTER_MESSAGES]; /* questions of which all that is missing may be there: gate_gather() */
	uint32_t n_unheard;
	uint64_t quiet_ns; /* since when somebody may have allowed without waking us; 0: nobody */
	uint64_t timer_ns; /* when the timer goes off; 0: it does not */
	int group, epoll_fd, timer_fd, names;
	struct file_path path; /* of the event that is looked at, once path_fd says so */
	int path_fd;
};

uint64_t gate_clock_ns(clockid_t clock);
void gate_tell(const struct gate *gate, enum gate_news news, uint32_t slot, const struct history_entry *entry);

/* ---- gate-verdict.c ---------------------------------------------------------------------------- */

/* scope: of an open, from 1; others decide in another. */
struct cache_key gate_cache_key(const struct file *file, uint32_t act, uint32_t scope);

/** gate_critical() - is it a file that the host needs? */
bool gate_critical(const struct gate *gate, const struct file *file);

/** gate_fill_entry() - a question as the history has it */
void gate_fill_entry(struct history_entry *entry, const struct question *question);

/** gate_decide() - what its voices come to, miss modes for those that were not heard */
struct decision gate_decide(const struct gate *gate, const struct question *question);

/*
 * Where an image is asked about whose process was stopped, there is no group: in its place stands a number
 * below -1, which the caller of gate_stopped() knows it by.
 */
#define GROUP_OF_STOPPED(number) (-2 - (int)(number))
#define STOPPED_OF_GROUP(group) ((uint32_t)(-2 - (group)))
#define IS_STOPPED(group) ((group) < -1)

/** gate_answer() - to the group that asked; file: of an image, where it is known; or NULL */
void gate_answer(struct gate *gate, int group, int fd, const struct file *file, enum ringfort_verdict verdict);

/** gate_at_once() - allow, and close it */
void gate_at_once(struct gate *gate, int group, int fd);

/** gate_give() - the verdict of a question for which somebody waits */
void gate_give(struct gate *gate, struct question *question, struct decision decision);

/** gate_record() - into the history at once, with what was heard so far, and where it may be into the table */
void gate_record(struct gate *gate, struct question *question);

/** gate_advance() - what can be done with a question now that something is known of it: it may be gone then */
void gate_advance(struct gate *gate, struct question *question);

/** gate_settle() - the last words are there, or will not come: the question ends */
void gate_settle(struct gate *gate, struct question *question);

/* ---- gate-voices.c ----------------------------------------------------------------------------- */

/** gate_missed() - a solution had no answer; it may be demoted for it */
void gate_missed(struct gate *gate, uint32_t slot, enum decision_answer how);

/** gate_hear() - what a solution has to say, so much a turn */
void gate_hear(struct gate *gate, struct voter *voter);

/** gate_gather_later() - nobody will wake us for the rest of a question: look for it behind this turn */
void gate_gather_later(struct gate *gate, struct question *question);

/** gate_gather() - hear who answered without waking us; who did not, does so now */
void gate_gather(struct gate *gate);

/** gate_gather_old() - the same where who should have woken us takes longer than ASK_QUIET_NS */
void gate_gather_old(struct gate *gate);

/** gate_arm_timer() - not later than then; 0: nothing */
void gate_arm_timer(struct gate *gate, uint64_t at_ns);

/** gate_expire() - the timer: deadlines, soft and hard, and the ends of holds */
void gate_expire(struct gate *gate);

/** gate_release_from() - nobody waits for an answer of that slot, which cannot come */
void gate_release_from(struct gate *gate, uint32_t slot);

/** gate_release_left() - the same for all that were demoted in this turn */
void gate_release_left(struct gate *gate);

/* ---- gate-hold.c ------------------------------------------------------------------------------- */

/** gate_hold() - its deadline has passed: does it wait for the operator?  False: the miss modes decide now */
bool gate_hold(struct gate *gate, struct question *question);

/** gate_expire_holds() - of those whose time ran out the miss modes decide.  Return: when the next one's does, or 0 */
uint64_t gate_expire_holds(struct gate *gate);

/** gate_shed_hold() - there is no room to hold: the miss modes decide of who is held longest.  False: nobody is */
bool gate_shed_hold(struct gate *gate);

/** gate_let_go_held() - that process, or 0: all of them, are let through */
void gate_let_go_held(struct gate *gate, uint32_t pid, struct decision decision);

/** gate_hold_again() - the operator is there */
void gate_hold_again(struct gate *gate);

/** gate_bury_held() - who is held and has gone frees the place */
void gate_bury_held(struct gate *gate);

/* ---- gate-ask.c -------------------------------------------------------------------------------- */

/** gate_read_events() - the kernel's questions.  0 or more, or a negative errno: it cannot go on */
int gate_read_events(struct gate *gate, int group, uint32_t scope);

/** gate_is_ours() - one of ours, a child of ours, what the kernel itself started, or somebody outside */
bool gate_is_ours(const struct gate *gate, uint32_t pid);

/* ---- gate-canary.c ----------------------------------------------------------------------------- */

/** gate_canary_is() - does our opener ask? */
bool gate_canary_is(const struct gate *gate, const struct fan_event *event);

/** gate_canary_answer() - let it through */
void gate_canary_answer(struct gate *gate, const struct fan_event *event);

/** gate_canary_mark() - by every group that there is by now: said again and again, a mark that was taken is back */
int gate_canary_mark(struct gate *gate);

/* ---- gate-scope.c ------------------------------------------------------------------------------ */

void gate_scopes_init(struct gate *gate);
void gate_scopes_done(struct gate *gate);

/** gate_scope_voter() - a solution that may be shown files: it has a group, over all its lives */
int gate_scope_voter(struct gate *gate, const struct voter *voter);

/** gate_show() - some of what was written to */
void gate_show(struct gate *gate, uint32_t slot);

/** gate_show_again() - the solution may have room again, or never will */
void gate_show_again(struct gate *gate, uint32_t slot);

/* ---- gate.c ------------------------------------------------------------------------------------ */

/* In epoll's data: a slot, or one of these. */
enum gate_source {
	SOURCE_FAN = DECISION_VOICES,
	SOURCE_TIMER,
	SOURCE_CALLER,
	SOURCE_NET,
	SOURCE_OPENS,                            /* and the scope */
	SOURCE_SHOWN = SOURCE_OPENS + GATE_SCOPES, /* and the slot */
};

int gate_watch_source(struct gate *gate, int fd, uint32_t source);

#endif
