/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expression - what a rule says, as a tree: and, or, not, and atoms that look at one field.
 *
 * The tree is built from the rule's text (detection.c, condition.c) and never changed after;
 * group.c makes programs of it.  Search identifiers that a condition names twice are shared,
 * so it is a graph without cycles.  All of it lives in the rule's arena, but for the compiled
 * regular expressions, which rule.c releases.
 */
#ifndef SIGMA_EXPRESSION_H
#define SIGMA_EXPRESSION_H

#include "compare.h"
#include "pattern.h"
#include "pcre.h"

/* Bytes of another field that are looked for inside a value; longer ones do not match. */
#define EXPRESSION_MAX_SOUGHT 1024

#define EXPRESSION_MAX_NEEDED 64

enum atom_kind {
	ATOM_STRING,
	ATOM_REGEX,
	ATOM_NETWORK,
	ATOM_NUMBER,
	ATOM_DATE,
	ATOM_EXISTS,
	ATOM_NULL,
	ATOM_FIELD, /* compare with another field */
	_ATOM_KIND_N
};

enum relation {
	RELATION_EQ,
	RELATION_LT,
	RELATION_LTE,
	RELATION_GT,
	RELATION_GTE,
};

struct atom {
	enum atom_kind kind;
	const char *field; /* NULL: any value of the event (a keyword) */
	bool cased;
	bool exists;                    /* EXISTS */
	bool open_start, open_end;      /* FIELD, literal: endswith, startswith, both: contains */
	struct pattern pattern;         /* STRING */
	/* STRING: the pattern is these ASCII bytes (lower case, unless cased) between what
	 * open_start and open_end allow; NULL: it is not that simple. */
	const char *literal;
	size_t n_literal;
	/* STRING, REGEX: ASCII bytes that stand in every match: all of a literal, the longest part
	 * of another pattern; at most EXPRESSION_MAX_NEEDED; NULL: there are none.  Lower case
	 * stands for both, unless cased, and always in a regular expression. */
	const char *needed;
	size_t n_needed;
	size_t rare; /* index in it of the byte to look for first: the one that is least common */
	const char *text;               /* REGEX: its text; FIELD: name of the other field */
	unsigned int regex_flags;       /* REGEX */
	struct regex *regex;            /* REGEX */
	struct network network;         /* NETWORK */
	enum relation relation;         /* NUMBER, DATE */
	long double number;             /* NUMBER, DATE */
	enum date_part part;            /* DATE */
	struct atom *next_with_regex;   /* chain of the rule, to release them */
	uint32_t predicate;             /* its number while a group is compiled (predicate.c) */
};

enum node_kind {
	NODE_ATOM,
	NODE_AND,
	NODE_OR,
	NODE_NOT,
};

struct node {
	enum node_kind kind;
	struct atom *atom;
	struct node **children;
	size_t n_children;
};

/** node_new() - Return: NULL: no memory */
struct node *node_new(struct arena *arena, enum node_kind kind, size_t n_children);

/** node_join() - children under and/or; a single child stands for itself */
struct node *node_join(struct arena *arena, enum node_kind kind, struct node **children, size_t n);

struct node *node_not(struct arena *arena, struct node *child);

/** atom_prepare() - find the short cuts of a string's test.  Return: 0 or -ENOMEM. */
int atom_prepare(struct atom *atom, struct arena *arena);

/* A value of an event's field, as an atom sees it. */
struct sigma_value;

/**
 * atom_test() - evaluate one atom directly
 * @value: of the atom's field; for a keyword one of the event's values
 * @other: of the field that an ATOM_FIELD names, else unused
 *
 * Both may be NULL: the field is not in the event.
 *
 * Return: 1 true, 0 false, -E2BIG false because a regular expression ran into its limit.
 */
int atom_test(const struct atom *atom, const struct sigma_value *value,
	      const struct sigma_value *other);

#endif
