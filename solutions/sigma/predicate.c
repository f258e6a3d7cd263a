/* SPDX-License-Identifier: Apache-2.0 */
/* Group: atoms become predicates, and how each can be answered - see compiler.h */
#include "compiler.h"

#include <errno.h>
#include <string.h>
#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(element) (out_of_memory = true)
#include <uthash.h>

#define MIN_NEEDED 2 /* bytes; what is shorter stands nearly everywhere */

/* A predicate by what it says; only needed while compiling. */
struct known_atom {
	UT_hash_handle hh;
	uint32_t predicate;
	size_t n_key;
	char key[];
};

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
	    (atom->needed ? atom->n_needed < MIN_NEEDED : !pattern_weight(pattern)) || pattern_has(pattern, PATTERN_ANY) ||
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
	if (atom->kind == ATOM_REGEX && atom->n_needed > MIN_NEEDED)
		return WAY_HINT;
	if (atom->kind == ATOM_REGEX)
		return group_scan_can(atom) ? WAY_SCAN_ASCII : WAY_TEST;
	if (atom->kind != ATOM_STRING || !pattern_weight(&atom->pattern))
		return WAY_TEST;
	if (!pattern_needs_beyond_ascii(&atom->pattern)) {
		if (atom->n_needed < MIN_NEEDED)
			return WAY_TEST;
		return is_exact(atom) ? WAY_SCAN : WAY_HINT;
	}
	if (pattern_has(&atom->pattern, PATTERN_ANY))
		return WAY_SCAN_ASCII;
	if (!atom->cased && pattern_folds_beyond_ascii(&atom->pattern))
		return WAY_SCAN_ASCII;
	return WAY_SCAN;
}

int compiler_add_predicate(struct compiler *compiler, struct atom *atom)
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
		r = group_add_field(group, atom->field, &predicate.field);
	else
		group->has_keywords = true;
	if (!r && atom->kind == ATOM_FIELD)
		r = group_add_field(group, atom->text, &predicate.other);
	if (!r)
		r = grow(&group->predicates, group->n_predicates, &group->n_predicates_allocated);
	if (r)
		return r;
	known->predicate = atom->predicate = (uint32_t)group->n_predicates;
	group->predicates[group->n_predicates++] = predicate;
	HASH_ADD(hh, compiler->atoms, key, known->n_key, known);
	return out_of_memory ? -ENOMEM : 0;
}

void compiler_forget_atoms(struct compiler *compiler)
{
	HASH_CLEAR(hh, compiler->atoms);
}
