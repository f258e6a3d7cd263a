/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Net sets - the rules of every solution as they were given, checked.
 *
 * Plain data, changed as a whole: a new one is made from the old, so that whoever keeps both can go back.
 * What a solution writes comes in as bytes, and is looked at here, every one.  Pure: no clock, no memory, no
 * I/O.
 */
#ifndef RINGFORT_GATE_NET_SETS_H
#define RINGFORT_GATE_NET_SETS_H

#include "gate/bpf/net-table.h"
#include "gate/decision.h"
#include "ring/ask.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NET_PROTECTED 64u /* rules of the operator, beside them */
#define NET_SETS_RULES (NET_RULES - NET_PROTECTED) /* of all solutions */
#define NET_SETS_MAX (NET_PARTIES - 1)             /* solutions that have any */
#define NET_NAME 33u

/* What the supervisor says of a solution. */
struct net_terms {
	uint32_t slot;
	uint32_t run;     /* number of its life */
	uint32_t granted; /* 1u << enum ringfort_net_act */
	enum decision_mode mode;
	enum decision_miss miss;
	char name[NET_NAME];
};

struct net_set {
	struct net_terms terms;
	uint32_t first, n; /* in rules */
};

struct net_sets {
	uint32_t n_rules;
	uint32_t reserved;
	struct net_set of[DECISION_VOICES]; /* by slot; in the order of slots, rules of one together */
	struct ask_net_rule rules[NET_SETS_RULES];
};

/**
 * net_sets_replace() - another set of one solution
 * @ret_next: made from `sets`; untouched on failure
 * @data:     what the solution wrote: struct ask_net_rule, one after the other
 *
 * Return: 0; -EBADMSG this is no set of rules, or names an act that is not granted; -ENOSPC all solutions
 *         together would have too many rules, or too many have any.
 */
int net_sets_replace(struct net_sets *ret_next, const struct net_sets *sets, const struct net_terms *terms,
		     const void *data, size_t size);

/** net_sets_drop() - without the rules of that slot */
void net_sets_drop(struct net_sets *ret_next, const struct net_sets *sets, uint32_t slot);

/** net_sets_sound() - is it one that these functions may have made?  Asked of memory that an earlier gate wrote */
bool net_sets_sound(const struct net_sets *sets);

#endif
