/* SPDX-License-Identifier: Apache-2.0 */
/* Group: programs and lists - see group.h */
#include "compiler.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_INSTRUCTIONS (1u << 22)
#define MAX_TESTED 8 /* members of a list; found by measuring */

/* ---- programs --------------------------------------------------------------------------- */

static int emit(struct group *group, struct instruction instruction, uint32_t *ret)
{
	int r;

	if (group->n_instructions >= MAX_INSTRUCTIONS)
		return -E2BIG;
	r = grow(&group->program, group->n_instructions, &group->n_instructions_allocated);
	if (r < 0)
		return r;
	*ret = (uint32_t)group->n_instructions;
	group->program[group->n_instructions++] = instruction;
	return 0;
}

/*
 * Written from the end to the beginning, so that both targets are known: of `a and b', b goes
 * on to the targets of the whole, and a to b or to where the whole goes when false.
 */
static int compile_node(struct compiler *compiler, const struct node *node, uint32_t if_true,
			uint32_t if_false, uint32_t *ret)
{
	struct instruction instruction = { .if_true = if_true, .if_false = if_false };
	uint32_t entry = node->kind == NODE_AND ? if_true : if_false;
	int r = 0;

	if (node->kind == NODE_ATOM) {
		r = compiler_add_predicate(compiler, node->atom);
		instruction.predicate = node->atom->predicate;
		return r ? r : emit(compiler->group, instruction, ret);
	}
	if (node->kind == NODE_NOT)
		return compile_node(compiler, node->children[0], if_false, if_true, ret);
	for (size_t i = node->n_children; i-- > 0 && !r;)
		r = node->kind == NODE_AND ?
			    compile_node(compiler, node->children[i], entry, if_false, &entry) :
			    compile_node(compiler, node->children[i], if_true, entry, &entry);
	*ret = entry;
	return r;
}

/* ---- lists ------------------------------------------------------------------------------ */

static int compare_pairs(const void *a, const void *b)
{
	const struct pair *p = a, *q = b;

	if (p->of != q->of)
		return p->of < q->of ? -1 : 1;
	return p->entry < q->entry ? -1 : p->entry > q->entry;
}

static int make_lists(struct compiler *compiler, int list, size_t n, struct index_lists *ret)
{
	struct pair *pairs = compiler->pairs[list];
	size_t n_pairs = compiler->n_pairs[list], k = 0;

	ret->first = calloc(n + 1, sizeof(*ret->first));
	ret->entries = calloc(n_pairs + 1, sizeof(*ret->entries));
	if (!ret->first || !ret->entries)
		return -ENOMEM;
	if (n_pairs)
		qsort(pairs, n_pairs, sizeof(*pairs), compare_pairs);
	for (size_t i = 0, of = 0; of < n; of++) {
		ret->first[of] = (uint32_t)k;
		for (; i < n_pairs && pairs[i].of == of; i++)
			if (k == ret->first[of] || ret->entries[k - 1] != pairs[i].entry)
				ret->entries[k++] = pairs[i].entry;
	}
	ret->first[n] = (uint32_t)k;
	return 0;
}

/* A list whose members are tested one by one costs more than scanning for them, if it is long. */
static void scan_long_lists(struct group *group, const struct node *node)
{
	size_t n_atoms = 0;

	for (size_t i = 0; i < node->n_children; i++) {
		n_atoms += node->children[i]->kind == NODE_ATOM;
		scan_long_lists(group, node->children[i]);
	}
	if (node->kind != NODE_OR || n_atoms <= MAX_TESTED)
		return;
	for (size_t i = 0; i < node->n_children; i++)
		if (node->children[i]->kind == NODE_ATOM) {
			struct predicate *predicate =
				&group->predicates[node->children[i]->atom->predicate];

			predicate->way = predicate->best;
		}
}

/* What is scanned depends on the triggers, these on what vectorscan can do, and the last word on
 * that is said when it compiles. */
static int choose_ways(struct compiler *compiler)
{
	struct group *group = compiler->group;
	int r;

	do {
		r = compiler_choose_triggers(compiler);
		if (r)
			return r;
		for (size_t i = 0; i < group->n_predicates; i++)
			group->predicates[i].way = WAY_TEST;
		for (size_t i = 0; i < compiler->n_pairs[PAIR_PREDICATE]; i++) {
			uint32_t index = compiler->pairs[PAIR_PREDICATE][i].of;

			group->predicates[index].way = group->predicates[index].best;
		}
		for (size_t i = 0; i < group->n_rules; i++)
			scan_long_lists(group, group->rules[i]->root);
		r = group_scan_compile(group);
	} while (r > 0);
	return r;
}

static int make_all_lists(struct compiler *compiler)
{
	struct group *group = compiler->group;
	int r;

	r = make_lists(compiler, PAIR_PREDICATE, group->n_predicates, &group->by_predicate);
	if (!r)
		r = make_lists(compiler, PAIR_PRESENCE, group->n_fields + 1, &group->by_presence);
	if (!r)
		r = make_lists(compiler, PAIR_OTHER, group->n_fields + 1, &group->by_other);
	if (!r)
		r = make_lists(compiler, PAIR_POSITIVE, group->n_rules, &group->positive);
	return r;
}

static int compile_programs(struct compiler *compiler)
{
	struct group *group = compiler->group;
	int r = 0;

	for (uint32_t i = 0; i < group->n_rules && !r; i++)
		r = compile_node(compiler, group->rules[i]->root, TARGET_TRUE, TARGET_FALSE,
				 &group->entries[i]);
	if (r)
		return r;
	compiler->last_seen = calloc(group->n_predicates + 1, sizeof(*compiler->last_seen));
	if (!compiler->last_seen)
		return -ENOMEM;
	for (uint32_t i = 0; i < group->n_rules; i++)
		compiler_count_uses(compiler, group->rules[i]->root, i);
	return 0;
}

static int allocate_work(struct group *group)
{
	size_t n_fields = group->n_fields + 1;

	group->n_predicate_words = group->n_predicates / 64 + 1;
	group->values = calloc(n_fields, sizeof(*group->values));
	group->positions = calloc(n_fields, sizeof(*group->positions));
	group->is_ascii = calloc(n_fields, sizeof(*group->is_ascii));
	group->hit = calloc(group->n_predicate_words, sizeof(uint64_t));
	group->known = calloc(group->n_predicate_words, sizeof(uint64_t));
	group->hinted = calloc(group->n_predicate_words, sizeof(uint64_t));
	group->candidates = calloc(group->n_rule_words, sizeof(uint64_t));
	if (group->keywords.literals || group->keywords.patterns || group->keywords.beyond) {
		group->joined = malloc(GROUP_MAX_JOINED);
		if (!group->joined)
			return -ENOMEM;
	}
	return group->values && group->positions && group->is_ascii && group->hit && group->known &&
			       group->hinted && group->candidates ?
		       0 :
		       -ENOMEM;
}

static void compiler_done(struct compiler *compiler)
{
	compiler_forget_atoms(compiler);
	arena_done(&compiler->arena);
	for (size_t i = 0; i < ARRAY_LENGTH(compiler->pairs); i++)
		free(compiler->pairs[i]);
	free(compiler->last_seen);
}

static void group_freep(struct group **group)
{
	group_free(*group);
}

int group_new(struct group **ret, struct sigma_rule *const *rules, size_t n)
{
	_cleanup_(group_freep) struct group *group = calloc(1, sizeof(*group));
	_cleanup_(compiler_done) struct compiler compiler = { .group = group };
	int r;

	if (!group)
		return -ENOMEM;
	group->n_rules = n;
	group->n_rule_words = n / 64 + 1;
	group->rules = calloc(n + 1, sizeof(*group->rules));
	group->entries = calloc(n + 1, sizeof(*group->entries));
	group->always = calloc(group->n_rule_words, sizeof(*group->always));
	if (!group->rules || !group->entries || !group->always)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		group->rules[i] = rules[i];

	r = compile_programs(&compiler);
	if (!r)
		r = choose_ways(&compiler);
	if (!r)
		r = make_all_lists(&compiler);
	if (!r)
		r = allocate_work(group);
	if (r)
		return r;
	*ret = take_ptr(group);
	return 0;
}

static void lists_done(struct index_lists *lists)
{
	free(lists->first);
	free(lists->entries);
}

struct group *group_free(struct group *group)
{
	if (!group)
		return NULL;
	group_scan_done(group);
	lists_done(&group->by_predicate);
	lists_done(&group->by_presence);
	lists_done(&group->by_other);
	lists_done(&group->positive);
	free(group->rules);
	free(group->entries);
	free(group->program);
	free(group->predicates);
	free(group->fields);
	free(group->name_slots);
	free(group->always);
	free(group->values);
	free(group->positions);
	free(group->is_ascii);
	free(group->hit);
	free(group->known);
	free(group->hinted);
	free(group->candidates);
	free(group->joined);
	free(group);
	return NULL;
}
