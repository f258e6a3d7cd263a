/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Detection - the search identifiers of a rule, and the condition over them.
 */
#ifndef SIGMA_DETECTION_H
#define SIGMA_DETECTION_H

#include "modifier.h"

#define CONDITION_MAX_DEPTH 64    /* of parentheses and negations */
#define CONDITION_MAX_TOKENS 4096 /* of one condition */

struct search {
	const char *name;
	struct node *node;
};

struct detection {
	struct search *searches;
	size_t n;
};

/**
 * detection_read() - the search identifiers of a map: every key that is not to be left out
 * @skip: NULL-terminated list of keys
 *
 * Return: 0, E_REFUSED, -ENOMEM.
 */
int detection_read(struct expression_builder *builder, const struct yaml_node *map,
		   const char *const *skip, struct detection *ret);

/**
 * condition_parse() - from the text of a condition to an expression
 * @ret_negated: where to store whether the outermost operator is `not'; may be NULL
 *
 * Operators are lower case, as in the specification; in `1 of', `any of' and `all of' a star
 * stands for any characters, and identifiers that begin with an underscore are only meant by a
 * pattern that begins with one.
 *
 * Return: 0, E_REFUSED, -ENOMEM.
 */
int condition_parse(struct expression_builder *builder, const struct detection *detection,
		    const struct yaml_node *condition, struct node **ret, bool *ret_negated);

/** condition_read() - a condition, or a list of them joined by or */
int condition_read(struct expression_builder *builder, const struct detection *detection,
		   const struct yaml_node *condition, struct node **ret);

#endif
