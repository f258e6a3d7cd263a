/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Modifier, inside - the value that modifiers work on, and one function for each kind of them.
 *
 * modifier.c reads key and values, and calls what its table names; modifier-text.c has those that
 * leave text, modifier-type.c those that make something else of it.  Only for these files.
 *
 * Functions return 0, E_REFUSED, -E2BIG (the value is too long) or -ENOMEM.
 */
#ifndef SIGMA_MODIFIER_INTERNAL_H
#define SIGMA_MODIFIER_INTERNAL_H

#include "modifier.h"

/* What a value is by now; type modifiers make TEXT or NUMBER into something else. */
enum value_kind {
	VALUE_TEXT,
	VALUE_NUMBER,
	VALUE_BOOL,
	VALUE_NULL,
	VALUE_REGEX,
	VALUE_TYPED, /* finished: an address, a comparison, ... */
};

/* One value of the list with what became of it: alternatives, all of the same kind. */
struct value {
	const struct yaml_node *node;
	enum value_kind kind;
	struct atom *alternatives;
	size_t n;
	size_t n_allocated;
};

struct item {
	struct expression_builder *builder;
	const char *field; /* NULL: keyword */
	unsigned int line;
	bool with_placeholders;
	bool all, negated;
	size_t n_applied; /* modifiers that changed the value so far */
	size_t n_values;
	const char *modifier; /* the one being applied */
};

/* Which ends of the value are open: both are `contains'. */
enum { OPEN_START = 1, OPEN_END = 2 };

/** value_refuse() - the modifier that is being applied cannot be: it `needs a number' */
int value_refuse(struct item *item, const struct value *value, const char *why);

/** value_need_text() - refuse what is no text */
int value_need_text(struct item *item, const struct value *value);

/** value_add() - one more alternative; the atom is copied */
int value_add(struct value *value, const struct atom *atom);

/* Text: argument is OPEN_START | OPEN_END, the number of offsets, enum encode_utf16. */
int apply_open(struct item *item, struct value *value, int argument);
int apply_windash(struct item *item, struct value *value, int argument);
int apply_cased(struct item *item, struct value *value, int argument);
int apply_base64(struct item *item, struct value *value, int argument);
int apply_utf16(struct item *item, struct value *value, int argument);
int apply_expand(struct item *item, struct value *value, int argument);

/* Types: argument is a flag of regex, enum relation, enum date_part. */
int apply_re(struct item *item, struct value *value, int argument);
int apply_regex_flag(struct item *item, struct value *value, int argument);
int apply_cidr(struct item *item, struct value *value, int argument);
int apply_exists(struct item *item, struct value *value, int argument);
int apply_fieldref(struct item *item, struct value *value, int argument);
int apply_relation(struct item *item, struct value *value, int argument);
int apply_date(struct item *item, struct value *value, int argument);

#endif
