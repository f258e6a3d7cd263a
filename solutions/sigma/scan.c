/* SPDX-License-Identifier: Apache-2.0 */
/* Group: the vectorscan databases - see group.h */
#include "group.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_EXPRESSION 15000 /* bytes; vectorscan's own limit is 16000 */

/* Expressions of one field while its database is made. */
struct expressions {
	struct arena arena;
	const char **texts;
	size_t *lengths;
	unsigned int *flags;
	unsigned int *ids;
	unsigned int n;
};

static void expressions_done(struct expressions *expressions)
{
	arena_done(&expressions->arena);
	free(expressions->texts);
	free(expressions->lengths);
	free(expressions->flags);
	free(expressions->ids);
}

static int expressions_init(struct expressions *expressions, size_t n)
{
	expressions->texts = calloc(n + 1, sizeof(*expressions->texts));
	expressions->lengths = calloc(n + 1, sizeof(*expressions->lengths));
	expressions->flags = calloc(n + 1, sizeof(*expressions->flags));
	expressions->ids = calloc(n + 1, sizeof(*expressions->ids));
	return expressions->texts && expressions->lengths && expressions->flags && expressions->ids ?
		       0 :
		       -ENOMEM;
}

/* Once per expression and value is enough, so a value cannot cause a flood of hits. */
static unsigned int flags_of(const struct atom *atom)
{
	unsigned int flags = HS_FLAG_SINGLEMATCH | HS_FLAG_ALLOWEMPTY;

	if (atom->kind == ATOM_STRING)
		return flags | HS_FLAG_DOTALL | (atom->cased ? 0 : HS_FLAG_CASELESS);
	flags |= atom->regex_flags & REGEX_CASELESS ? HS_FLAG_CASELESS : 0;
	flags |= atom->regex_flags & REGEX_MULTILINE ? HS_FLAG_MULTILINE : 0;
	flags |= atom->regex_flags & REGEX_DOTALL ? HS_FLAG_DOTALL : 0;
	return flags;
}

bool group_scan_can(const struct atom *atom)
{
	hs_compile_error_t *error = NULL;
	hs_expr_info_t *info = NULL;
	bool can;

	can = hs_expression_info(atom->text, flags_of(atom), &info, &error) == HS_SUCCESS;
	free(info);
	hs_free_compile_error(error);
	return can;
}

static int add_expression(struct expressions *expressions, struct predicate *predicate,
			  unsigned int id)
{
	const struct atom *atom = predicate->atom;
	const char *text = atom->text;

	if (atom->kind == ATOM_STRING)
		text = pattern_regex(&expressions->arena, &atom->pattern, true);
	if (!text)
		return -ENOMEM;
	if (strlen(text) > MAX_EXPRESSION) {
		predicate->best = WAY_TEST;
		return 1;
	}
	expressions->texts[expressions->n] = text;
	expressions->flags[expressions->n] = flags_of(atom);
	expressions->ids[expressions->n++] = id;
	return 0;
}

/* Return: 0; 1 the expression at *@ret_at is too much for vectorscan; a negative errno. */
static int compile(struct expressions *expressions, bool are_literals, hs_database_t **ret,
		   unsigned int *ret_at)
{
	hs_compile_error_t *error = NULL;
	hs_error_t failed;
	int at = -1;

	if (!expressions->n)
		return 0;
	failed = are_literals ?
			 hs_compile_lit_multi(expressions->texts, expressions->flags, expressions->ids,
					      expressions->lengths, expressions->n, HS_MODE_BLOCK,
					      NULL, ret, &error) :
			 hs_compile_multi(expressions->texts, expressions->flags, expressions->ids,
					  expressions->n, HS_MODE_BLOCK, NULL, ret, &error);
	if (failed == HS_COMPILER_ERROR && error)
		at = error->expression;
	hs_free_compile_error(error);
	if (failed == HS_SUCCESS)
		return 0;
	if (failed == HS_NOMEM)
		return -ENOMEM;
	if (at < 0 || (unsigned int)at >= expressions->n)
		return -EINVAL;
	*ret_at = expressions->ids[at];
	return 1;
}

/* ---- a field's databases ---------------------------------------------------------------- */

enum part {
	PART_LITERALS,
	PART_PATTERNS,
	PART_BEYOND,
};

static enum part part_of(const struct predicate *predicate)
{
	const struct atom *atom = predicate->atom;

	if (atom->kind != ATOM_STRING)
		return PART_PATTERNS;
	return pattern_needs_beyond_ascii(&atom->pattern) ? PART_BEYOND : PART_LITERALS;
}

/* What is the same literal stands behind each other. */
static int compare_literals(const void *a, const void *b, void *userdata)
{
	const struct group *group = userdata;
	const struct atom *p = group->predicates[*(const uint32_t *)a].atom;
	const struct atom *q = group->predicates[*(const uint32_t *)b].atom;

	if (p->cased != q->cased)
		return p->cased ? 1 : -1;
	if (p->n_needed != q->n_needed)
		return p->n_needed < q->n_needed ? -1 : 1;
	return p->n_needed ? memcmp(p->needed, q->needed, p->n_needed) : 0;
}

/* Not once per value only: that would cost more than the hits do, and of these there are no more
 * at one byte than lengths of literals. */
static void add_literal(struct group *group, struct expressions *expressions,
			const struct atom *atom)
{
	expressions->texts[expressions->n] = atom->needed;
	expressions->lengths[expressions->n] = atom->n_needed;
	expressions->flags[expressions->n] = atom->cased ? 0 : HS_FLAG_CASELESS;
	expressions->ids[expressions->n++] = (unsigned int)group->n_literals++;
}

static int compile_literals(struct group *group, struct group_field *field, uint32_t *predicates,
			    size_t n)
{
	_cleanup_(expressions_done) struct expressions expressions = { 0 };
	struct index_lists *lists = &group->by_literal;
	const uint32_t *last = NULL;
	unsigned int at;
	int r;

	if (expressions_init(&expressions, n) < 0)
		return -ENOMEM;
	qsort_r(predicates, n, sizeof(*predicates), compare_literals, group);
	for (size_t i = 0; i < n; i++) {
		if (part_of(&group->predicates[predicates[i]]) != PART_LITERALS)
			continue;
		if (!last || compare_literals(last, &predicates[i], group)) {
			add_literal(group, &expressions, group->predicates[predicates[i]].atom);
			lists->first[group->n_literals] = lists->first[group->n_literals - 1];
		}
		last = &predicates[i];
		lists->entries[lists->first[group->n_literals]++] = predicates[i];
	}
	r = compile(&expressions, true, &field->literals, &at);
	for (uint32_t k = r > 0 ? lists->first[at] : 0; r > 0 && k < lists->first[at + 1]; k++)
		group->predicates[lists->entries[k]].best = WAY_TEST;
	return r;
}

static int compile_part(struct group *group, const uint32_t *predicates, size_t n, enum part part,
			hs_database_t **ret)
{
	_cleanup_(expressions_done) struct expressions expressions = { 0 };
	unsigned int at;
	int r = 0;

	if (expressions_init(&expressions, n) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < n && !r; i++)
		if (part_of(&group->predicates[predicates[i]]) == part)
			r = add_expression(&expressions, &group->predicates[predicates[i]],
					   predicates[i]);
	if (r)
		return r;
	r = compile(&expressions, false, ret, &at);
	if (r > 0)
		group->predicates[at].best = WAY_TEST;
	return r;
}

/* vectorscan is not asked about empty values: the answers are found here, once. */
static int find_empty_hits(struct group *group, const uint32_t *predicates, size_t n,
			   struct group_field *field)
{
	static const struct sigma_value empty = { .type = SIGMA_STRING, .string = { "", 0 } };

	field->empty_hits = calloc(n + 1, sizeof(*field->empty_hits));
	if (!field->empty_hits)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		if (atom_test(group->predicates[predicates[i]].atom, &empty, NULL) > 0)
			field->empty_hits[field->n_empty_hits++] = predicates[i];
	return 0;
}

static int compile_field(struct group *group, struct group_field *field, uint32_t *predicates,
			 size_t n)
{
	int r;

	for (size_t i = 0; i < n; i++)
		field->asks_ascii |= group->predicates[predicates[i]].way == WAY_SCAN_ASCII;
	r = compile_literals(group, field, predicates, n);
	if (!r)
		r = compile_part(group, predicates, n, PART_PATTERNS, &field->patterns);
	if (!r)
		r = compile_part(group, predicates, n, PART_BEYOND, &field->beyond);
	field->asks_ascii |= field->beyond != NULL;
	return r ? r : find_empty_hits(group, predicates, n, field);
}

static uint32_t slot_of(const struct group *group, const struct predicate *predicate)
{
	return predicate->field == NO_FIELD ? (uint32_t)group->n_fields : predicate->field;
}

int group_scan_compile(struct group *group)
{
	_cleanup_(cleanup_free) uint32_t *list = calloc(group->n_predicates + 1, sizeof(*list));
	_cleanup_(cleanup_free) size_t *first = calloc(group->n_fields + 3, sizeof(*first));
	int r = 0;

	group->by_literal.first = calloc(group->n_predicates + 2, sizeof(uint32_t));
	group->by_literal.entries = calloc(group->n_predicates + 1, sizeof(uint32_t));
	if (!list || !first || !group->by_literal.first || !group->by_literal.entries)
		return -ENOMEM;
	/* Sort the predicates by field: count, sum up, place. */
	for (size_t i = 0; i < group->n_predicates; i++)
		first[slot_of(group, &group->predicates[i]) + 2] +=
			group->predicates[i].way != WAY_TEST;
	for (size_t i = 0; i <= group->n_fields; i++)
		first[i + 2] += first[i + 1];
	for (size_t i = 0; i < group->n_predicates; i++)
		if (group->predicates[i].way != WAY_TEST)
			list[first[slot_of(group, &group->predicates[i]) + 1]++] = (uint32_t)i;

	for (size_t i = 0; i <= group->n_fields && !r; i++)
		if (first[i + 1] > first[i])
			r = compile_field(group,
					  i < group->n_fields ? &group->fields[i] : &group->keywords,
					  list + first[i], first[i + 1] - first[i]);
	if (r)
		group_scan_done(group);
	return r;
}

static void field_done(struct group_field *field)
{
	hs_free_database(field->literals);
	hs_free_database(field->patterns);
	hs_free_database(field->beyond);
	free(field->empty_hits);
	*field = (struct group_field){ .name = field->name };
}

void group_scan_done(struct group *group)
{
	for (size_t i = 0; i < group->n_fields; i++)
		field_done(&group->fields[i]);
	field_done(&group->keywords);
	free(group->by_literal.first);
	free(group->by_literal.entries);
	group->by_literal = (struct index_lists){ 0 };
	group->n_literals = 0;
}

static int add_scratch(const hs_database_t *database, hs_scratch_t **scratch)
{
	if (!database)
		return 0;
	switch (hs_alloc_scratch(database, scratch)) {
	case HS_SUCCESS:
		return 0;
	case HS_NOMEM:
		return -ENOMEM;
	default:
		return -EINVAL;
	}
}

int group_scan_scratch(struct group *group, hs_scratch_t **scratch)
{
	int r = 0;

	for (size_t i = 0; i <= group->n_fields && !r; i++) {
		const struct group_field *field =
			i < group->n_fields ? &group->fields[i] : &group->keywords;

		r = add_scratch(field->literals, scratch);
		if (!r)
			r = add_scratch(field->patterns, scratch);
		if (!r)
			r = add_scratch(field->beyond, scratch);
	}
	return r;
}
