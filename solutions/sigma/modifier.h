/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Modifier - from `field|modifier|...: value' to an expression.
 *
 * Modifiers are applied in the order in which they stand.  A value may become several on the
 * way (base64offset, expand, ...): these are alternatives, joined by or even under `all'.
 */
#ifndef SIGMA_MODIFIER_H
#define SIGMA_MODIFIER_H

#include "expression.h"
#include "placeholders.h"

#define MODIFIER_MAX_ALTERNATIVES 4096 /* of one value */
#define MODIFIER_MAX_ATOMS 65536       /* of one rule */

/* What building the expressions of one rule shares. */
struct expression_builder {
	struct arena *arena;
	const struct sigma_placeholders *placeholders;
	struct refusal *refusal;
	struct atom *with_regex; /* every compiled regular expression, to be released */
	size_t n_atoms;
};

/**
 * modifier_build() - the expression of one item of a map, or of a list of keywords
 * @key:    NUL-terminated, as in the file; NULL: keywords without modifiers
 * @line:   of the key
 * @values: a scalar or a list of scalars
 *
 * Return: 0, E_REFUSED, -ENOMEM.
 */
int modifier_build(struct expression_builder *builder, const char *key, unsigned int line,
		   const struct yaml_node *values, struct node **ret);

#endif
