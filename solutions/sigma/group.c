/* SPDX-License-Identifier: Apache-2.0 */
/* Group: predicates, programs and triggers - see group.h */
#include "group.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(element) (out_of_memory = true)
#include <uthash.h>

#define MAX_INSTRUCTIONS (1u << 22)
#define MAX_TESTED 8 /* members of a list; found by measuring, as is ANYWHERE */
#define ANYWHERE 8

/* A predicate by what it says; only needed while compiling. */
struct known_atom {
	UT_hash_handle hh;
	uint32_t predicate;
	size_t n_key;
	char key[];
};

struct compiler {
	struct group *group;
	struct known_atom *atoms;
	struct arena arena;
	/* The pair lists from which index_lists are made. */
	struct pair {
		uint32_t of, entry;
	} *pairs[4];
	size_t n_pairs[4], n_pairs_allocated[4];
	uint32_t *last_seen; /* per predicate: the last rule that counted it */
};

enum { PAIR_PREDICATE, PAIR_PRESENCE, PAIR_OTHER, PAIR_POSITIVE };

/* ---- fields ----------------------------------------------------------------------------- */

static uint32_t hash_name(const char *name, size_t n)
{
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < n; i++)
		hash = (hash ^ (unsigned char)name[i]) * 16777619u;
	return hash ^ hash >> 15;
}

uint32_t group_find_field(const struct group *group, const char *name, size_t n)
{
	size_t mask = group->n_slots - 1;

	if (!group->n_slots)
		return NO_FIELD;
	for (size_t i = hash_name(name, n) & mask; group->name_slots[i]; i = (i + 1) & mask) {
		uint32_t index = group->name_slots[i] - 1;

		if (!strncmp(group->fields[index].name, name, n) && !group->fields[index].name[n])
			return index;
	}
	return NO_FIELD;
}

static int index_fields(struct group *group)
{
	size_t n_slots = group->n_slots ? group->n_slots * 2 : 64, mask = n_slots - 1;
	uint32_t *slots = calloc(n_slots, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	for (size_t k = 0; k < group->n_fields; k++) {
		const char *name = group->fields[k].name;
		size_t i = hash_name(name, strlen(name)) & mask;

		while (slots[i])
			i = (i + 1) & mask;
		slots[i] = (uint32_t)k + 1;
	}
	free(group->name_slots);
	group->name_slots = slots;
	group->n_slots = n_slots;
	return 0;
}

static int add_field(struct group *group, const char *name, uint32_t *ret)
{
	size_t i;
	int r;

	*ret = group_find_field(group, name, strlen(name));
	if (*ret != NO_FIELD)
		return 0;
	r = grow(&group->fields, group->n_fields, &group->n_fields_allocated);
	if (r < 0)
		return r;
	group->fields[group->n_fields++] = (struct group_field){ .name = name };
	*ret = (uint32_t)group->n_fields - 1;
	if (group->n_fields * 2 > group->n_slots)
		return index_fields(group);
	for (i = hash_name(name, strlen(name)) & (group->n_slots - 1); group->name_slots[i];)
		i = (i + 1) & (group->n_slots - 1);
	group->name_slots[i] = *ret + 1;
	return 0;
}

/* ---- predicates ------------------------------------------------------------------------- */

/* The bytes that tell an atom from every other: its scalar members, then its texts. */
static struct known_atom *make_key(struct arena *arena, const struct atom *atom)
{
	const char *field = atom->field ? atom->field : "";
	const char *text = atom->text ? atom->text : "";
	long double rest = atom->number - (long double)(double)atom->number;
	double number[2] = { (double)atom->number, (double)rest };
	size_t n_units = atom->pattern.n * sizeof(uint32_t);
	size_t n_field = strlen(field) + 1, n_text = strlen(text) + 1;
	struct known_atom *known;
	char *p;

	known = arena_alloc(arena, sizeof(*known) + 128 + n_units + n_field + n_text);
	if (!known)
		return NULL;
	p = known->key;
	*p++ = (char)atom->kind;
	*p++ = (char)(atom->cased | atom->exists << 1 | atom->open_start << 2 | atom->open_end << 3 |
		      !atom->field << 4);
	*p++ = (char)atom->regex_flags;
	*p++ = (char)atom->relation;
	*p++ = (char)atom->part;
	*p++ = (char)atom->network.n_bits;
	*p++ = (char)atom->network.v6;
	memcpy(p, atom->network.address, 16);
	p += 16;
	/* Not the long double itself: some of its bytes are padding. */
	memcpy(p, number, sizeof(number));
	p += sizeof(number);
	memcpy(p, field, n_field);
	p += n_field;
	memcpy(p, text, n_text);
	p += n_text;
	if (n_units)
		memcpy(p, atom->pattern.units, n_units);
	p += n_units;
	known->n_key = (size_t)(p - known->key);
	return known;
}

/* Is the whole literal scanned for, so that a hit needs no test but of its place? */
static bool is_exact(const struct atom *atom)
{
	return atom->literal && atom->n_literal == atom->n_needed;
}

/*
 * Keywords are looked for in all values at once, put behind each other with a line's end between
 * (match.c).  That is right for plain text inside a value.  With a star inside, the parts may be
 * found in two values, so the hit is a hint; what has ends would miss them, and is tested.
 */
static enum way best_way_of_keyword(const struct atom *atom)
{
	const struct pattern *pattern = &atom->pattern;

	if (atom->kind != ATOM_STRING || !atom->open_start || !atom->open_end ||
	    !pattern_weight(pattern) || pattern_has(pattern, PATTERN_ANY) ||
	    (!atom->cased && pattern_folds_beyond_ascii(pattern)))
		return WAY_TEST;
	if (is_exact(atom) && !memchr(atom->literal, '\n', atom->n_literal))
		return WAY_SCAN;
	return WAY_HINT;
}

static enum way best_way(const struct atom *atom)
{
	if (!atom->field)
		return best_way_of_keyword(atom);
	if (atom->kind == ATOM_REGEX)
		return group_scan_can(atom) ? WAY_SCAN_ASCII : WAY_TEST;
	if (atom->kind != ATOM_STRING || !pattern_weight(&atom->pattern))
		return WAY_TEST;
	if (!pattern_needs_beyond_ascii(&atom->pattern))
		return is_exact(atom) ? WAY_SCAN : WAY_HINT;
	if (pattern_has(&atom->pattern, PATTERN_ANY))
		return WAY_SCAN_ASCII;
	if (!atom->cased && pattern_folds_beyond_ascii(&atom->pattern))
		return WAY_SCAN_ASCII;
	return WAY_SCAN;
}

static int add_predicate(struct compiler *compiler, struct atom *atom)
{
	struct group *group = compiler->group;
	struct predicate predicate = { .atom = atom, .field = NO_FIELD, .other = NO_FIELD };
	struct known_atom *known = make_key(&compiler->arena, atom), *found;
	bool out_of_memory = false;
	int r = 0;

	if (!known)
		return -ENOMEM;
	HASH_FIND(hh, compiler->atoms, known->key, known->n_key, found);
	if (found) {
		atom->predicate = found->predicate;
		return 0;
	}
	predicate.best = best_way(atom);
	if (atom->field)
		r = add_field(group, atom->field, &predicate.field);
	else
		group->has_keywords = true;
	if (!r && atom->kind == ATOM_FIELD)
		r = add_field(group, atom->text, &predicate.other);
	if (!r)
		r = grow(&group->predicates, group->n_predicates, &group->n_predicates_allocated);
	if (r)
		return r;
	known->predicate = atom->predicate = (uint32_t)group->n_predicates;
	group->predicates[group->n_predicates++] = predicate;
	HASH_ADD(hh, compiler->atoms, key, known->n_key, known);
	return out_of_memory ? -ENOMEM : 0;
}

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
		r = add_predicate(compiler, node->atom);
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

/* ---- triggers --------------------------------------------------------------------------- */

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
	/* The length of what a regular expression needs is not known: take it for short. */
	weight = atom->kind != ATOM_STRING ? 3 :
		 atom->needed	           ? (double)atom->n_needed :
					     (double)pattern_weight(&atom->pattern);
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
static void count_uses(struct compiler *compiler, const struct node *node, uint32_t rule)
{
	if (node->kind == NODE_ATOM && compiler->last_seen[node->atom->predicate] != rule + 1) {
		compiler->last_seen[node->atom->predicate] = rule + 1;
		compiler->group->predicates[node->atom->predicate].n_uses++;
	}
	for (size_t i = 0; i < node->n_children; i++)
		count_uses(compiler, node->children[i], rule);
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

static int choose_triggers(struct compiler *compiler)
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
		r = choose_triggers(compiler);
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
		count_uses(compiler, group->rules[i]->root, i);
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
	HASH_CLEAR(hh, compiler->atoms);
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
