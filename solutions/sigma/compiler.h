/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compiler - what the files that make a group out of rules share.
 *
 * group.c leads: predicate.c gives every distinct atom a number, group.c writes the programs over
 * them, trigger.c finds what makes a rule a candidate, scan.c builds the databases.  A compiler
 * lives during group_new() only.
 *
 * Functions return 0 or -ENOMEM.
 */
#ifndef SIGMA_COMPILER_H
#define SIGMA_COMPILER_H

#include "group.h"

struct known_atom;

struct compiler {
	struct group *group;
	struct known_atom *atoms; /* by what they say (predicate.c) */
	struct arena arena;
	/* The pair lists from which index_lists are made. */
	struct pair {
		uint32_t of, entry;
	} *pairs[4];
	size_t n_pairs[4], n_pairs_allocated[4];
	uint32_t *last_seen; /* per predicate: the last rule that counted it */
};

enum { PAIR_PREDICATE, PAIR_PRESENCE, PAIR_OTHER, PAIR_POSITIVE };

/** group_add_field() - the index of a field, which is added when it is new */
int group_add_field(struct group *group, const char *name, uint32_t *ret);

/** compiler_add_predicate() - give the atom its number: that of an equal one, or the next */
int compiler_add_predicate(struct compiler *compiler, struct atom *atom);

/** compiler_forget_atoms() - when all have their numbers */
void compiler_forget_atoms(struct compiler *compiler);

/** compiler_count_uses() - note the predicates that stand in a rule */
void compiler_count_uses(struct compiler *compiler, const struct node *node, uint32_t rule);

/** compiler_choose_triggers() - fill the pair lists, and group->always, for every rule */
int compiler_choose_triggers(struct compiler *compiler);

#endif
