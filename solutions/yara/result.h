/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Result - what was found in one file.
 *
 * It holds copies, so it outlives the rules, and never changes once it is made.  It is shared: whoever
 * keeps it holds a reference.
 *
 * Bounded: the matches of most weight are kept (denials first, then by level), the others counted; every
 * text is cut to what a finding takes without filling a mailbox.
 */
#ifndef YARA_RESULT_H
#define YARA_RESULT_H

#include "../common/util.h"

#include <ringfort/finding.h>

#define RESULT_MAX_MATCHES 8 /* of a file that is asked about */
#define RESULT_MAX_TEXT 256
#define RESULT_MAX_REFERENCES 4
#define RESULT_MAX_TAGS 8

enum outcome {
	OUTCOME_SCANNED,
	/* The others: not scanned, or not to its end. */
	OUTCOME_TOO_LARGE,
	OUTCOME_OUT_OF_TIME,
	OUTCOME_NO_FILE,
	OUTCOME_UNREADABLE,
	OUTCOME_FAILED,
	_OUTCOME_N
};

struct match {
	bool deny;
	enum ringfort_level level;
	const char *rule;
	const char *source; /* the file of the rule */
	const char *title;
	const char *author; /* "" when there is none */
	const char *strings; /* as `yara -s' has them: "0x0:$a, 0x44:$b" */
	const char *references[RESULT_MAX_REFERENCES];
	const char *tags[RESULT_MAX_TAGS];
	uint32_t n_references, n_tags;
};

struct result {
	unsigned int n_users;
	struct arena arena;
	enum outcome outcome;
	bool deny;
	bool changed;   /* the file did, while it was read */
	bool cut_short; /* out of time because of others: another time it may end well */
	uint64_t content; /* where something matches, a hash of what was scanned */
	const char *detail; /* of a failure, else "" */
	struct match *matches; /* the one of most weight first */
	size_t n_matches, max_matches;
	size_t n_more; /* that were not kept */
};

/** result_new() - with one reference; NULL when there is no memory */
struct result *result_new(size_t max_matches);
struct result *result_ref(struct result *result);
struct result *result_unref(struct result *result);
void result_unrefp(struct result **result);

/**
 * result_place() - where to put a match, its level and deny are set; the rest is the caller's to set
 *
 * Return: NULL when weightier ones leave no room for it: it is counted then.
 */
struct match *result_place(struct result *result, bool deny, enum ringfort_level level);

/** result_text() - a copy that lives as long as the result, cut to RESULT_MAX_TEXT; "" without memory */
const char *result_text(struct result *result, const char *text);

/** result_is_told() - is it worth a finding? */
bool result_is_told(const struct result *result);

/** outcome_text() - why a file was not scanned, for people */
const char *outcome_text(enum outcome outcome);

const char *level_name(enum ringfort_level level);

#endif
