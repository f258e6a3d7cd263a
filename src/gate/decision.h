/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decision - one verdict from what each solution answered, or did not.
 *
 * Pure: no clock, no memory, no I/O; the caller tells what came and when the deadline has passed.
 *
 * The most restrictive answer of the enforcing solutions wins.  One denial is enough to decide at once;
 * to allow, every enforcing solution must have been heard, or its miss mode taken for it.  What solutions
 * in shadow answer is recorded and never applied, and nobody waits for them.  Denying something critical
 * is overridden unless the operator's policy says otherwise.
 */
#ifndef RINGFORT_GATE_DECISION_H
#define RINGFORT_GATE_DECISION_H

#include <ringfort/verdict.h>
#include <stdbool.h>
#include <stdint.h>

#define DECISION_VOICES 64 /* solutions of one daemon */

enum decision_mode {
	DECISION_ENFORCE,
	DECISION_SHADOW, /* recorded, never applied */
	_DECISION_MODE_N
};

/* What stands for the answer of a solution that gave none. */
enum decision_miss {
	DECISION_FAIL_OPEN,
	DECISION_FAIL_CLOSED,
	_DECISION_MISS_N
};

/* What became of one question to one solution. */
enum decision_answer {
	DECISION_WAITING,    /* asked, nothing heard yet */
	DECISION_ALLOW,
	DECISION_DENY,
	DECISION_LAST_KNOWN_ALLOW, /* its last answer for this file, under older content: by policy only */
	DECISION_LAST_KNOWN_DENY,
	DECISION_LATE,       /* the deadline passed: its miss mode holds */
	DECISION_FULL,       /* no room to ask it: likewise */
	DECISION_GONE,       /* it ended, or was demoted, before it answered: likewise */
	_DECISION_ANSWER_N
};

/* One element of the reason vector. */
struct decision_voice {
	uint8_t slot;   /* of the solution */
	uint8_t mode;   /* enum decision_mode */
	uint8_t miss;   /* enum decision_miss */
	uint8_t answer; /* enum decision_answer */
	uint8_t remember; /* 1: the answer holds for this file until it changes */
	uint8_t reserved[3];
	uint32_t us;    /* from the question until the answer was heard, or to the deadline */
	uint32_t generation; /* of the content that answered */
};

struct decision {
	enum ringfort_verdict verdict;
	bool overridden; /* somebody denied something critical, and it is allowed all the same */
	bool remember;   /* every enforcing solution, at least one, said so; none by its miss mode or from */
			 /* last-known; never with overridden: each override is to be seen */
};

/** decision_ready() - can a verdict be given now?  With no enforcing voice at all: yes */
bool decision_ready(const struct decision_voice *voices, uint32_t n_voices);

/** decision_expire() - the deadline has passed: who still waits is late, in shadow too.  Return: how many */
uint32_t decision_expire(struct decision_voice *voices, uint32_t n_voices);

/**
 * decision_make() - the verdict; voices that still wait count as if they had allowed
 * @critical:  the host needs what is asked about
 * @deny_critical: the operator's policy lets solutions deny even that
 */
struct decision decision_make(const struct decision_voice *voices, uint32_t n_voices, bool critical,
			      bool deny_critical);

/** decision_answer_name() - "allow", "deny", "last-known allow", "late", ..., or NULL */
const char *decision_answer_name(uint32_t answer);
const char *decision_mode_name(uint32_t mode);       /* "enforce", "shadow" */
const char *decision_miss_name(uint32_t miss);       /* "fail-open", "fail-closed" */
const char *decision_verdict_name(uint32_t verdict); /* "allow", "deny" */

#endif
