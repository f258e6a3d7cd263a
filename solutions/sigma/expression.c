/* SPDX-License-Identifier: Apache-2.0 */
/* Expression - see expression.h */
#include "expression.h"

#include "engine.h"
#include "text.h"

#include <errno.h>
#include <string.h>

struct node *node_new(struct arena *arena, enum node_kind kind, size_t n_children)
{
	struct node *node = arena_alloc(arena, sizeof(*node));

	if (!node)
		return NULL;
	node->kind = kind;
	node->n_children = n_children;
	node->children = arena_alloc_array(arena, n_children, sizeof(*node->children));
	return node->children ? node : NULL;
}

struct node *node_join(struct arena *arena, enum node_kind kind, struct node **children, size_t n)
{
	struct node *node;

	if (n == 1)
		return children[0];
	node = node_new(arena, kind, n);
	if (node && n)
		memcpy(node->children, children, n * sizeof(*children));
	return node;
}

struct node *node_not(struct arena *arena, struct node *child)
{
	struct node *node = node_new(arena, NODE_NOT, 1);

	if (node)
		node->children[0] = child;
	return node;
}

static bool relates(enum relation relation, long double left, long double right)
{
	switch (relation) {
	case RELATION_LT:
		return left < right;
	case RELATION_LTE:
		return left <= right;
	case RELATION_GT:
		return left > right;
	case RELATION_GTE:
		return left >= right;
	default:
		return left == right;
	}
}

/* Does what stands at value begin with all of other, and end there too where it must? */
static bool stands_here(const struct atom *atom, const unsigned char *p, const unsigned char *p_end,
			const struct sigma_string *other)
{
	const unsigned char *q = (const unsigned char *)other->text, *q_end = q + other->n;

	while (q < q_end) {
		uint32_t wanted, found;

		if (p == p_end)
			return false;
		wanted = text_next(&q, q_end);
		found = text_next(&p, p_end);
		if (wanted != found && (atom->cased || text_fold(wanted) != text_fold(found)))
			return false;
	}
	return p == p_end || atom->open_end;
}

static bool test_field(const struct atom *atom, const struct sigma_string *value,
		       const struct sigma_string *other)
{
	const unsigned char *p = (const unsigned char *)value->text, *end = p + value->n;

	if (!atom->open_start)
		return stands_here(atom, p, end, other);
	/* Both lengths are the attacker's choice, and the work is their product. */
	if (other->n > EXPRESSION_MAX_SOUGHT)
		return false;
	for (;;) {
		if (stands_here(atom, p, end, other))
			return true;
		if (p == end)
			return false;
		text_next(&p, end);
	}
}

static int test_string(const struct atom *atom, const struct sigma_string *value)
{
	long double number;
	long part;

	switch (atom->kind) {
	case ATOM_STRING:
		return pattern_match(&atom->pattern, atom->cased, value->text, value->n);
	case ATOM_REGEX:
		return regex_match(atom->regex, value->text, value->n);
	case ATOM_NETWORK:
		return network_has(&atom->network, value->text, value->n);
	case ATOM_NUMBER:
		return compare_number(value->text, value->n, &number) &&
		       relates(atom->relation, number, atom->number);
	case ATOM_DATE:
		return date_part(value->text, value->n, atom->part, &part) &&
		       relates(atom->relation, part, atom->number);
	default:
		return 0;
	}
}

static const struct sigma_string *strings_of(const struct sigma_value *value, size_t *ret_n)
{
	*ret_n = 0;
	if (!value)
		return NULL;
	if (value->type == SIGMA_LIST) {
		*ret_n = value->n_list;
		return value->list;
	}
	*ret_n = value->type == SIGMA_STRING;
	return &value->string;
}

int atom_test(const struct atom *atom, const struct sigma_value *value,
	      const struct sigma_value *other)
{
	bool there = value && value->type != SIGMA_ABSENT;
	const struct sigma_string *strings, *others;
	size_t n, n_others;
	int r, result = 0;

	if (atom->kind == ATOM_EXISTS)
		return there == atom->exists;
	if (atom->kind == ATOM_NULL)
		return !there || value->type == SIGMA_NULL;

	strings = strings_of(value, &n);
	others = strings_of(other, &n_others);
	for (size_t i = 0; i < n; i++) {
		if (atom->kind == ATOM_FIELD) {
			for (size_t j = 0; j < n_others; j++)
				if (test_field(atom, &strings[i], &others[j]))
					return 1;
			continue;
		}
		r = test_string(atom, &strings[i]);
		if (r > 0)
			return 1;
		if (r < 0)
			result = r;
	}
	return result;
}
