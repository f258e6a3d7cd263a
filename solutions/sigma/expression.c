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

/* Bytes of command lines and paths, the most common first; a guess is good enough. */
static size_t rarest(const char *text, size_t n)
{
	static const char common[] = " /e-tsrinoalcd.pmubhgf10w2y:3k=_vx54,689\"'7jzq";
	size_t best = 0, best_rank = 0;

	for (size_t i = 0; i < n; i++) {
		const char *at = memchr(common, text_fold_ascii(text[i]), sizeof(common) - 1);
		size_t rank = at ? (size_t)(at - common) + 1 : sizeof(common);

		if (rank > best_rank) {
			best_rank = rank;
			best = i;
		}
	}
	return best;
}

static char *folded_bytes(const struct atom *atom, struct arena *arena, size_t from, size_t to,
			  size_t *ret_n)
{
	char *bytes = pattern_bytes(arena, &atom->pattern, from, to, ret_n);

	for (size_t i = 0; bytes && i < *ret_n && !atom->cased; i++)
		bytes[i] = text_fold_ascii(bytes[i]);
	return bytes;
}

/* The longest run of ASCII. */
static int find_needed(struct atom *atom, struct arena *arena)
{
	const struct pattern *pattern = &atom->pattern;
	size_t from = 0, best_from = 0, n_best = 0;

	for (size_t i = 0; i <= pattern->n; i++) {
		if (i < pattern->n && pattern->units[i] < 0x80)
			continue;
		if (i - from > n_best) {
			n_best = i - from;
			best_from = from;
		}
		from = i + 1;
	}
	if (!n_best)
		return 0;
	if (n_best > EXPRESSION_MAX_NEEDED)
		n_best = EXPRESSION_MAX_NEEDED;
	atom->needed = folded_bytes(atom, arena, best_from, best_from + n_best, &atom->n_needed);
	return atom->needed ? 0 : -ENOMEM;
}

int atom_prepare(struct atom *atom, struct arena *arena)
{
	const struct pattern *pattern = &atom->pattern;
	size_t from = 0, to = pattern->n;

	if (atom->kind != ATOM_STRING)
		return 0;
	atom->open_start = to && pattern->units[0] == PATTERN_STAR;
	from = atom->open_start;
	atom->open_end = to > from && pattern->units[to - 1] == PATTERN_STAR;
	to -= atom->open_end;
	for (size_t i = from; i < to; i++)
		if (pattern->units[i] >= 0x80)
			return find_needed(atom, arena);
	atom->literal = folded_bytes(atom, arena, from, to, &atom->n_literal);
	if (!atom->literal)
		return -ENOMEM;
	atom->rare = rarest(atom->literal, atom->n_literal);
	return find_needed(atom, arena);
}

/* Letters of ASCII have no other case outside it, so bytes can be compared. */
static bool literal_stands(const struct atom *atom, const char *text)
{
	if (atom->cased)
		return !memcmp(text, atom->literal, atom->n_literal);
	for (size_t i = 0; i < atom->n_literal; i++)
		if (text_fold_ascii(text[i]) != atom->literal[i])
			return false;
	return true;
}

/* Does it stand anywhere, with its rarest byte spelt as c? */
static bool literal_occurs(const struct atom *atom, const struct sigma_string *value,
			   const char *last, char c)
{
	const char *p = value->text;

	while (p <= last) {
		p = memchr(p + atom->rare, c, (size_t)(last - p) + 1);
		if (!p)
			return false;
		p -= atom->rare;
		if (literal_stands(atom, p))
			return true;
		p++;
	}
	return false;
}

static bool test_literal(const struct atom *atom, const struct sigma_string *value)
{
	size_t n = atom->n_literal;
	const char *last;
	char c;

	if (value->n < n || (!atom->open_start && !atom->open_end && value->n != n))
		return false;
	last = value->text + value->n - n;
	if (!atom->open_start)
		return literal_stands(atom, value->text);
	if (!atom->open_end)
		return literal_stands(atom, last);
	if (!n)
		return true;
	c = atom->literal[atom->rare];
	if (literal_occurs(atom, value, last, c))
		return true;
	return !atom->cased && c >= 'a' && c <= 'z' && literal_occurs(atom, value, last, c & ~0x20);
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
		if (atom->literal)
			return test_literal(atom, value);
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
