/* SPDX-License-Identifier: Apache-2.0 */
/* Group: what makes a rule a candidate - see compiler.h and group.h */
#include "compiler.h"

#include <math.h>
#include <string.h>

/* Found by measuring. */
#define ANYWHERE 8
#define REGEX 100

static int add_pair(struct compiler *compiler, int list, uint32_t of, uint32_t entry)
{
	int r = grow(&compiler->pairs[list], compiler->n_pairs[list],
		     &compiler->n_pairs_allocated[list]);

	if (r < 0)
		return r;
	compiler->pairs[list][compiler->n_pairs[list]++] = (struct pair){ of, entry };
	return 0;
}

/* How often a predicate is likely to make its rule a candidate; infinite: it may be true with
 * nothing in the event to see. */
static double likelihood(const struct predicate *predicate)
{
	const struct atom *atom = predicate->atom;
	double weight;
	bool anywhere;

	if (atom->kind == ATOM_NULL || (atom->kind == ATOM_EXISTS && !atom->exists))
		return INFINITY;
	if (predicate->best == WAY_TEST)
		return 1e6;
	/* What a regular expression needs is not known; and scanning for it costs each event more
	 * than a candidate now and then. */
	if (atom->kind != ATOM_STRING && !atom->needed)
		return REGEX * (1 + predicate->n_uses);
	weight = (double)(atom->needed ? atom->n_needed : pattern_weight(&atom->pattern));
	/* What may stand anywhere has as many chances as the value has characters; and values that
	 * rules look into so are the long ones, which cost most to scan. */
	anywhere = atom->kind != ATOM_STRING || (atom->open_start && atom->open_end);
	return (1 + predicate->n_uses) / (1 + (weight < 12 ? weight : 12)) * (anywhere ? ANYWHERE : 1);
}

/* Does the node behave as an and, seen through an odd number of negations? */
static bool is_conjunction(const struct node *node, bool negated)
{
	return (node->kind == NODE_AND) != negated;
}

static double cost_of(const struct compiler *compiler, const struct node *node, bool negated)
{
	bool conjunction = is_conjunction(node, negated);
	double total = conjunction ? INFINITY : 0, cost;

	if (node->kind == NODE_NOT)
		return cost_of(compiler, node->children[0], !negated);
	if (node->kind == NODE_ATOM)
		return negated ? INFINITY :
				 likelihood(&compiler->group->predicates[node->atom->predicate]);
	for (size_t i = 0; i < node->n_children; i++) {
		cost = cost_of(compiler, node->children[i], negated);
		if (!conjunction)
			total += cost;
		else if (cost < total)
			total = cost;
	}
	return total;
}

static int add_trigger(struct compiler *compiler, uint32_t rule, uint32_t index)
{
	struct group *group = compiler->group;
	const struct predicate *predicate = &group->predicates[index];
	uint32_t field = predicate->field == NO_FIELD ? (uint32_t)group->n_fields : predicate->field;
	int r = 0;

	if (predicate->best != WAY_TEST)
		r = add_pair(compiler, PAIR_PREDICATE, index, rule);
	if (!r && predicate->best == WAY_SCAN_ASCII)
		r = add_pair(compiler, PAIR_OTHER, field, rule);
	if (!r && predicate->best == WAY_TEST)
		r = add_pair(compiler, PAIR_PRESENCE, field, rule);
	return r;
}

/* Collect the cheapest set.  Only called where its cost is finite. */
static int collect_triggers(struct compiler *compiler, const struct node *node, bool negated,
			    uint32_t rule)
{
	const struct node *cheapest = NULL;
	double least = INFINITY, cost;
	int r = 0;

	if (node->kind == NODE_NOT)
		return collect_triggers(compiler, node->children[0], !negated, rule);
	if (node->kind == NODE_ATOM)
		return add_trigger(compiler, rule, node->atom->predicate);
	for (size_t i = 0; i < node->n_children && !r; i++) {
		if (!is_conjunction(node, negated)) {
			r = collect_triggers(compiler, node->children[i], negated, rule);
			continue;
		}
		cost = cost_of(compiler, node->children[i], negated);
		if (cost < least) {
			least = cost;
			cheapest = node->children[i];
		}
	}
	return r || !cheapest ? r : collect_triggers(compiler, cheapest, negated, rule);
}

/* Predicates that speak for the rule when they are true: those under an even number of nots. */
static int collect_positive(struct compiler *compiler, const struct node *node, bool negated,
			    uint32_t rule)
{
	int r = 0;

	if (node->kind == NODE_ATOM)
		return negated ? 0 : add_pair(compiler, PAIR_POSITIVE, rule, node->atom->predicate);
	for (size_t i = 0; i < node->n_children && !r; i++)
		r = collect_positive(compiler, node->children[i],
				     negated ^ (node->kind == NODE_NOT), rule);
	return r;
}

/* In how many rules does each predicate stand? */
void compiler_count_uses(struct compiler *compiler, const struct node *node, uint32_t rule)
{
	if (node->kind == NODE_ATOM && compiler->last_seen[node->atom->predicate] != rule + 1) {
		compiler->last_seen[node->atom->predicate] = rule + 1;
		compiler->group->predicates[node->atom->predicate].n_uses++;
	}
	for (size_t i = 0; i < node->n_children; i++)
		compiler_count_uses(compiler, node->children[i], rule);
}

int compiler_choose_triggers(struct compiler *compiler)
{
	struct group *group = compiler->group;
	int r = 0;

	memset(compiler->n_pairs, 0, sizeof(compiler->n_pairs));
	memset(group->always, 0, group->n_rule_words * sizeof(*group->always));
	for (uint32_t i = 0; i < group->n_rules && !r; i++) {
		const struct node *root = group->rules[i]->root;

		if (isinf(cost_of(compiler, root, false)))
			bit_set(group->always, i);
		else
			r = collect_triggers(compiler, root, false, i);
		if (!r)
			r = collect_positive(compiler, root, false, i);
	}
	return r;
}
