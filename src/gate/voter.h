/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Voter - one solution as the gate sees it: how it is asked, what it says, whether it still is asked.
 *
 * Its channel is in ring/ask.h.  The solution is hostile by assumption: nothing that it writes or leaves
 * unread makes the gate wait, and what the gate looks at a turn is bounded.
 *
 * Circuit breaker: too many misses within a while, or too much nonsense, and it is not asked for a time
 * that doubles with each repetition; the operator sees it, and may end it.  Asked again, it is on trial: until
 * it has answered in time one miss is too many, so that who hangs costs one opener its deadline.  Misses of a solution in shadow
 * do not count: nobody waits for it.  Nor does a full mailbox: anybody could fill it by executing a lot at
 * once, and so have it not asked; if it stands still, its deadlines tell.
 */
#ifndef RINGFORT_GATE_VOTER_H
#define RINGFORT_GATE_VOTER_H

#include "gate/decision.h"
#include "gate/file.h"
#include "gate/history.h"
#include "ring/ask.h"

#include <stdbool.h>
#include <stdint.h>

#define VOTER_SECOND 1000000000ull
#define VOTER_MISSES 5                        /* within VOTER_WINDOW: not asked for a while */
#define VOTER_WINDOW (10 * VOTER_SECOND)
#define VOTER_WRONG 1000                      /* answers that are none, within the window: likewise */
#define VOTER_DEMOTED_FIRST (10 * VOTER_SECOND)
#define VOTER_DEMOTED_MOST (600 * VOTER_SECOND)
#define VOTER_MESSAGES 256                    /* that are looked at a turn */

struct mailbox_writer;
struct mailbox_reader;

/* What the supervisor says of it. */
struct voter_terms {
	uint32_t slot;
	uint32_t run;     /* number of its life */
	uint32_t granted; /* acts, 1u << enum ringfort_act */
	uint32_t net;     /* 1u << enum ringfort_net_act */
	uint32_t scopes;  /* where its part in opens is, a bit each */
	const char *name; /* the caller's: read by gate_voter_up() only */
	enum decision_mode mode;
	enum decision_miss miss;
};

/* Descriptors of its channel; voter_open() takes them over, also when it fails. */
struct voter_channel {
	int requests; /* mailbox that we write */
	int answers;  /* mailbox that we read */
	int files;    /* our end of the socket */
	int wake;     /* its pipe, to write */
	int woken;    /* ours, to read */
};

#define VOTER_NO_CHANNEL ((struct voter_channel){ -1, -1, -1, -1, -1 })

struct voter {
	struct voter_terms terms;
	struct voter_channel channel;
	struct mailbox_writer *requests;
	struct mailbox_reader *answers;
	struct history_voice *numbers; /* what the operator sees */
	uint32_t generation;           /* of its content: its life, and how often it authorized in it */
	uint32_t n_misses, n_wrong;    /* in the window */
	uint64_t window_ns;            /* when that began */
	uint64_t wanted;               /* the last id of voter_want() */
	const void *rules;             /* of the last message, when that was VOTER_RULES */
	size_t rules_bytes;
	bool on_trial;                 /* it is asked again, and has not answered since */
	bool demoted;                  /* it is not asked, until then: */
	uint64_t demoted_until_ns;
	uint64_t demoted_ns;           /* for how long, the last time */
};

int voter_open(struct voter **ret_voter, const struct voter_terms *terms, struct voter_channel *channel,
	       struct history_voice *numbers);
struct voter *voter_close(struct voter *voter);

/** voter_takes_part() - is it to be asked about this act now? */
bool voter_takes_part(const struct voter *voter, uint32_t act);

/** voter_ask() - Return: 0, or -EAGAIN there is no room for the question */
struct voter_question {
	uint64_t id;    /* with ASK_QUIET or ASK_SHOWN in it */
	uint64_t deadline_ns;
	uint32_t act;
	uint32_t pid;
	uint32_t flags; /* RINGFORT_REQUEST_* */
	int fd;         /* the file; stays the caller's */
	const struct file *file;
	const struct file_path *path;
};
int voter_ask(struct voter *voter, const struct voter_question *question);

/** voter_want() - its answer to this question, and to earlier ones, is to wake us again.  Look once more then */
void voter_want(struct voter *voter, uint64_t id);

/** voter_has_room() - to be shown something for which nobody waits */
bool voter_has_room(const struct voter *voter);

/** voter_given_back() - a number that changes when it gives back what it was shown, as it says */
uint64_t voter_given_back(const struct voter *voter);

/** voter_hear() - empty its pipe, as far as is looked at in one turn */
void voter_hear(struct voter *voter);

enum voter_message {
	VOTER_NONE,
	VOTER_ANSWER,  /* any numbers in it */
	VOTER_CHANGED, /* it takes part in other acts, or has new content: what was remembered is void */
	VOTER_RULES,   /* its net rules: any bytes, in voter->rules until the next call */
};

/** voter_take() - the next message, an enum voter_message; -EBADMSG nonsense: voter_wrong() and go on */
int voter_take(struct voter *voter, struct ask_answer *ret_answer);

/* It answered in time. */
void voter_answered(struct voter *voter);

/* What became of a question, for its numbers and its breaker.  True: it has just been demoted. */
bool voter_missed(struct voter *voter, enum decision_answer how, uint64_t now_ns);
bool voter_wrong(struct voter *voter, uint64_t now_ns);

/*
 * Asked again: when its time is over, or by the operator's word, which also forgets its faults.  True: it
 * was demoted until now, and what was remembered meanwhile has not its voice in it.
 */
bool voter_readmit(struct voter *voter, uint64_t now_ns);
bool voter_reset(struct voter *voter);

#endif
