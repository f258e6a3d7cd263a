/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Group - the rules of one source, compiled so that an event costs little.
 *
 * Every distinct atom of all rules becomes one predicate.  A rule's condition becomes a small
 * program of tests and jumps over predicates.
 *
 * A rule is run only when it has a chance.  For each, trigger.c finds a set of predicates of
 * which at least one must be true when the rule is (its triggers), the one that is likely to be
 * hit least: a hit on one of them makes the rule a candidate.  A rule that can be true without
 * any hit, `not ...', always is one.
 *
 * Triggers go into vectorscan databases per field, so that a value is read once, however many
 * rules there are; and so do the members of long lists.  What else a candidate asks for is
 * tested one by one: that is less work than to scan for it in every event.
 *
 * vectorscan is several times faster when it has literals only.  So every string goes in as one:
 * all of it, its place in the value checked at the hit, or, if there are wildcards inside, its
 * longest part, as a hint.  Strings that many predicates share go in once.  Regular expressions
 * have a database of their own; and so have strings with a character beyond ASCII (rules list
 * emoji by the thousand), which only values that are not ASCII are scanned with.
 *
 * Four ways to the truth of a predicate:
 *   SCAN        the hit of vectorscan is the answer;
 *   SCAN_ASCII  likewise while the value is ASCII; else it is tested when a program asks (a
 *               dot of vectorscan is a byte, and folding `ü' needs to know letters);
 *   HINT        no hit is no; after a hit it is tested when a program asks;
 *   TEST        tested when a program asks, at most once per event.
 */
#ifndef SIGMA_GROUP_H
#define SIGMA_GROUP_H

#include "engine.h"
#include "expression.h"
#include "rule.h"

#include <hs.h>

enum way {
	WAY_SCAN,
	WAY_SCAN_ASCII,
	WAY_HINT,
	WAY_TEST,
};

#define NO_FIELD UINT32_MAX

struct predicate {
	const struct atom *atom;
	enum way best;   /* what vectorscan is able to do */
	enum way way;    /* what is done */
	uint32_t field;  /* NO_FIELD: a keyword */
	uint32_t other;  /* of ATOM_FIELD; NO_FIELD elsewhere */
	uint32_t n_uses; /* in rules: what many rules ask for says little */
};

/* A list of rules or predicates per something: entries first[i] to first[i + 1]. */
struct index_lists {
	uint32_t *first;
	uint32_t *entries;
};

struct group_field {
	const char *name;        /* NULL: the keywords */
	/* What to scan for; NULL: nothing. */
	hs_database_t *literals; /* ASCII strings: by far the most, and the quickest to scan for */
	hs_database_t *patterns; /* of what has no such string in it */
	hs_database_t *beyond;   /* what only values beyond ASCII can have */
	bool asks_ascii;         /* does it matter whether a value is ASCII? */
	uint32_t *empty_hits;    /* scanned predicates that an empty value makes true */
	size_t n_empty_hits;
};

#define GROUP_MAX_JOINED (256u * 1024) /* bytes; larger events are searched value by value */

#define TARGET_TRUE UINT32_MAX
#define TARGET_FALSE (UINT32_MAX - 1)

/* Test a predicate, go on at one of two targets. */
struct instruction {
	uint32_t predicate;
	uint32_t if_true;
	uint32_t if_false;
};

struct field_name {
	const char *name;
	uint32_t index;
};

struct group {
	const struct sigma_rule **rules;
	uint32_t *entries; /* of each rule's program */
	size_t n_rules;

	struct instruction *program;
	size_t n_instructions, n_instructions_allocated;

	struct predicate *predicates;
	size_t n_predicates, n_predicates_allocated;

	struct group_field *fields;
	size_t n_fields, n_fields_allocated;
	struct group_field keywords;
	bool has_keywords;
	uint32_t *name_slots; /* hash table over fields: index + 1, 0 free */
	size_t n_slots;       /* a power of two */

	struct index_lists by_literal;   /* predicates to look at when the literal is hit */
	size_t n_literals;
	struct index_lists by_predicate; /* rules to run when the predicate is hit */
	struct index_lists by_presence;  /* ... when the field is there (a keyword: n_fields) */
	struct index_lists by_other;     /* ... when its value is not ASCII */
	struct index_lists positive;     /* predicates of a rule that speak for it when true */
	uint64_t *always;                /* bits: rules that are candidates at every event */

	/* What one sigma_match() works on. */
	hs_scratch_t *scratch; /* borrowed from the set */
	const struct sigma_value **values; /* per field, NULL: absent */
	unsigned int *positions;           /* per field: index into the event */
	bool *is_ascii;                    /* per field */
	uint64_t *hit, *known, *hinted, *candidates;
	size_t n_predicate_words, n_rule_words;
	char *joined; /* all values behind each other, for keywords; NULL: not needed */
	const struct sigma_value *event;
	size_t n_event;
	uint64_t n_regex_limits;
};

/**
 * group_new() - compile rules
 * @rules: n of them; the pointers are copied, the rules must live longer
 *
 * Return: 0; -ENOMEM; -E2BIG a condition is too large; -EINVAL vectorscan failed.
 */
int group_new(struct group **ret, struct sigma_rule *const *rules, size_t n);
struct group *group_free(struct group *group);

/**
 * group_scan_compile() - build the databases (scan.c)
 *
 * Return: 0; 1 some predicate proved too large for vectorscan: its best way is now WAY_TEST, and
 *         there are no databases; -ENOMEM; -EINVAL vectorscan failed.
 */
int group_scan_compile(struct group *group);
void group_scan_done(struct group *group);

/** group_scan_can() - does vectorscan know all that is in this regular expression? */
bool group_scan_can(const struct atom *atom);
int group_scan_scratch(struct group *group, hs_scratch_t **scratch);

/** group_find_field() - index, or NO_FIELD */
uint32_t group_find_field(const struct group *group, const char *name, size_t n);

int group_match(struct group *group, const int *ids, const struct sigma_value *values, size_t n,
		sigma_match_fn found, void *userdata, struct sigma_counters *counters);
uint64_t group_scan_only(struct group *group, const int *ids, const struct sigma_value *values,
			 size_t n);

static inline bool bit_is_set(const uint64_t *bits, size_t i)
{
	return bits[i / 64] >> (i % 64) & 1;
}

static inline void bit_set(uint64_t *bits, size_t i)
{
	bits[i / 64] |= UINT64_C(1) << (i % 64);
}

#endif
