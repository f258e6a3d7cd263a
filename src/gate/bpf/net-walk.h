/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Net walk - one decision by a table: the very steps that the kernel runs, which the unit tests run too.
 *
 * net_walk_begin(), net_walk_step() until it returns 1 (at most NET_STEPS times), net_walk_end().  Indices
 * are masked before each use: that is what the verifier understands, and what keeps a table that changes
 * under our eyes from leading anywhere.
 */
#ifndef RINGFORT_GATE_BPF_NET_WALK_H
#define RINGFORT_GATE_BPF_NET_WALK_H

#include "net-table.h"

#define NET_STEPS (NET_RULES + NET_MAX_DEPTH)
#define NET_INLINE static inline __attribute__((always_inline))

struct net_walk {
	const struct net_table *table;
	struct net_act act;
	uint32_t node;
	uint32_t at, end; /* in the rules of the node */
	uint32_t best[NET_PARTIES]; /* order << 16 | rule, the least; NET_UNHEARD */
};

NET_INLINE int net_before(const struct net_bound *bound, const struct net_act *act)
{
	return bound->high < act->high || (bound->high == act->high && bound->low <= act->low);
}

/*
 * How many bounds there are at the address or before it.  The verifier would follow each outcome of each step
 * with the number that it makes, 2^13 ways; after the addition they are all the same to it.
 */
NET_INLINE uint32_t net_interval(const struct net_table *table, const struct net_act *act)
{
	uint32_t n = table->n_bounds, at = 0;

	for (uint32_t step = NET_BOUNDS; step; step >>= 1) {
		uint32_t next = at + step;

		if (next <= n && net_before(&table->bounds[(next - 1) & (NET_BOUNDS - 1)], act))
			at = next;
		at = (at + table->zero) & (2 * NET_BOUNDS - 1);
	}
	return at;
}

NET_INLINE void net_walk_enter(struct net_walk *walk)
{
	const struct net_node *node = &walk->table->nodes[walk->node & (NET_NODES - 1)];

	walk->at = node->first;
	walk->end = walk->at + node->n;
}

NET_INLINE void net_walk_begin(struct net_walk *walk)
{
	const struct net_table *table = walk->table;

	for (uint32_t i = 0; i < NET_PARTIES; i++)
		walk->best[i] = NET_UNHEARD;
	walk->node = table->innermost[net_interval(table, &walk->act) & (2 * NET_BOUNDS - 1)];
	walk->at = walk->end = 0;
	if (walk->node != NET_NONE)
		net_walk_enter(walk);
}

NET_INLINE int net_fits(const struct net_rule *rule, const struct net_act *act)
{
	return rule->acts & act->act && rule->families & act->family && act->port >= rule->port_first &&
	       act->port <= rule->port_last && (rule->protocol == 0 || rule->protocol == act->protocol) &&
	       (rule->uid == 0xffffffffu || rule->uid == act->uid);
}

/* One rule, or the way to the next node.  1: there is no more. */
NET_INLINE int net_walk_step(struct net_walk *walk)
{
	const struct net_rule *rule;
	uint32_t index, entry;

	if (walk->node == NET_NONE)
		return 1;
	if (walk->at >= walk->end) {
		walk->node = walk->table->nodes[walk->node & (NET_NODES - 1)].parent;
		if (walk->node == NET_NONE)
			return 1;
		net_walk_enter(walk);
		return 0;
	}
	index = walk->at++ & (NET_RULES - 1);
	rule = &walk->table->rules[index];
	if (net_fits(rule, &walk->act)) {
		entry = (uint32_t)rule->order << 16 | index;
		if (entry < walk->best[rule->party & (NET_PARTIES - 1)])
			walk->best[rule->party & (NET_PARTIES - 1)] = entry;
	}
	return 0;
}

/* What the parties say together: the rule that denies, and the first that would in shadow; or NET_NONE. */
struct net_outcome {
	uint32_t denied;
	uint32_t shadow;
};

NET_INLINE struct net_outcome net_walk_end(const struct net_walk *walk)
{
	struct net_outcome outcome = { NET_NONE, NET_NONE };

	for (uint32_t party = 0; party < NET_PARTIES; party++) {
		uint32_t index = walk->best[party] & (NET_RULES - 1);
		uint32_t what;

		if (walk->best[party] == NET_UNHEARD)
			continue;
		what = walk->table->rules[index].what;
		if (what & NET_PROTECT)
			break;
		if (what & NET_SHADOW && what & NET_DENY && outcome.shadow == NET_NONE)
			outcome.shadow = index;
		else if (!(what & NET_SHADOW) && what & NET_DENY && outcome.denied == NET_NONE)
			outcome.denied = index;
	}
	return outcome;
}

#endif
