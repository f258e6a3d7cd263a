/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Question - what solutions were asked, from the kernel's event to the last of their answers.
 *
 * While its descriptor is there somebody waits for the verdict.  Behind that the question stays open for
 * those who have not answered yet (in shadow, or overtaken by a denial) until its deadline, so that the
 * reason vector is whole.  One that is held for the operator waits beyond its deadline, in a list of its own.
 *
 * About a file of the critical set nobody waits at all: the question is behind, asked when the opener has gone.
 * Who does not answer it has missed nothing; who denies it harms the host that he runs on.
 *
 * A table of fixed size, in the order of deadlines (there is one length of deadline, so the order is that
 * of asking).  An id names a place in the table and a use of it; ids of an earlier life of the gate fit no
 * question.  A place keeps what it was about until its next use, to tell a late answer from one to a
 * request that never was.
 */
#ifndef RINGFORT_GATE_QUESTION_H
#define RINGFORT_GATE_QUESTION_H

#include "gate/decision.h"
#include "gate/file.h"
#include "gate/history.h"

#include <stdbool.h>
#include <stdint.h>

#define QUESTION_PLACES 4096u /* openers that can wait at once; more are answered by miss modes */
#define QUESTION_VOICES 16u   /* solutions that can be asked at once */

struct question {
	uint64_t id;          /* 0: never used */
	bool open;
	int fd;               /* -1: the verdict was given */
	bool behind;          /* nobody ever waited */
	int group;            /* that asked, and is answered */
	uint32_t scope;       /* of an open: from 1; 0: an execution */
	uint32_t act;
	uint32_t pid;
	bool foreign_ns;
	struct file file;     /* as it was when it was asked about */
	uint64_t generation;  /* of the gate, when it was */
	uint64_t asked_ns;    /* monotonic */
	uint64_t deadline_ns;
	uint64_t soft_ns;     /* 0: no last known verdict will do, or none was there */
	uint64_t time_ns;     /* realtime */
	uint32_t n_voices;
	struct decision_voice voices[QUESTION_VOICES];
	uint32_t quiet;       /* voices that wake nobody to allow, a bit each (see ASK_QUIET in ring/ask.h) */
	bool unheard;         /* no other is waited for: they are looked for behind this turn */
	struct decision decision; /* once fd is -1 */
	uint64_t verdict_id;      /* in the history */
	uint32_t us;              /* that the opener waited */
	bool steady;              /* when it was asked about, nobody could change it without a trace */
	enum file_memory memory;  /* where the verdict may be kept */
	enum history_hold hold;   /* beyond its deadline, for the operator's word */
	uint64_t hold_id;
	uint64_t hold_ns;         /* since when */
	uint64_t hold_until_ns;
	uint32_t held_us;         /* in all, once it has ended */
	char path[HISTORY_PATH];
	struct question *earlier, *later; /* in its list; the free ones, by later */
};

struct questions;

/** questions_new() - all memory that there will be.  `epoch`: grows from one life of the gate to the next */
int questions_new(struct questions **ret_questions, uint32_t epoch);
struct questions *questions_free(struct questions *questions);

/** question_begin() - a place with an id, everything else zero, fd -1; NULL: all are taken */
struct question *question_begin(struct questions *questions);

/** question_end() - close it; its descriptor is the caller's matter, before */
void question_end(struct questions *questions, struct question *question);

/** question_find() - by its id, also when it is closed; NULL: there was none, or its place has another */
struct question *question_find(struct questions *questions, uint64_t id);

/** question_voice() - what is expected of the solution in that slot, or NULL */
struct decision_voice *question_voice(struct question *question, uint32_t slot);

/**
 * question_hold() - from the list of deadlines to that of those who are held, at its end
 *
 * There is one length of a hold, so the order is that of their ends.  Set question->hold first.
 */
void question_hold(struct questions *questions, struct question *question);

/**
 * questions_first() - the open one with the nearest deadline that is not held, or NULL; question->later leads on
 * questions_first_held() - the one whose hold ends next, or NULL; likewise
 * questions_n() - all that are open
 */
struct question *questions_first(struct questions *questions);
struct question *questions_first_held(struct questions *questions);
uint32_t questions_n(const struct questions *questions);
uint32_t questions_n_held(const struct questions *questions);

#endif
