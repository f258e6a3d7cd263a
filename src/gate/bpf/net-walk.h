/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Net walk - one decision by a table: the very steps that the kernel runs, which the unit tests run too.
 *
 * net_search_step() NET_BISECTIONS times from step NET_BOUNDS, net_search_end(); net_walk_begin(),
 * net_walk_step() until it returns 1 (at most NET_STEPS times), net_walk_hear() for each party.  In the kernel
 * each of these steps is a callback: the verifier looks at it a few times, not at what all of them may make of
 * each other.  Indices are masked before each use, which it understands, and which keeps a table that changes
 * under our eyes from leading anywhere.
 */
#ifndef RINGFORT_GATE_BPF_NET_WALK_H
#define RINGFORT_GATE_BPF_NET_WALK_H

#include "net-table.h"

#define NET_STEPS (NET_RULES + NET_MAX_DEPTH)
#define NET_BISECTIONS 13 /* of NET_BOUNDS */
#define NET_INLINE static inline __attribute__((always_inline))

struct net_walk {
	const struct net_table *table;
	struct net_act act;
	uint32_t node;
	uint32_t at, end; /* in the rules of the node */
	uint32_t denied;  /* the rule that denies, and */
	uint32_t shadow;  /* the first that would in shadow; or NET_NONE */
	uint32_t best[NET_PARTIES]; /* order << 16 | rule, the least; NET_UNHEARD */
};

NET_INLINE int net_before(const struct net_bound *bound, const struct net_act *act)
{
	return bound->high < act->high || (bound->high == act->high && bound->low <= act->low);
}

/* How many bounds there are at the address or before it, by bisection: NET_BISECTIONS steps. */
struct net_search {
	const struct net_table *table;
	struct net_act act;
	uint32_t at;
	uint32_t step;
};

NET_INLINE void net_search_step(struct net_search *search)
{
	const struct net_table *table = search->table;
	uint32_t next = search->at + search->step;

	if (next <= table->n_bounds && net_before(&table->bounds[(next - 1) & (NET_BOUNDS - 1)], &search->act))
		search->at = next;
	search->step >>= 1;
}

NET_INLINE void net_walk_enter(struct net_walk *walk)
{
	const struct net_node *node = &walk->table->nodes[walk->node & (NET_NODES - 1)];

	walk->at = node->first;
	walk->end = walk->at + node->n;
}

/* The longest prefix around the address, or NET_NONE. */
NET_INLINE uint32_t net_search_end(const struct net_search *search)
{
	return search->table->innermost[search->at & (2 * NET_BOUNDS - 1)];
}

NET_INLINE void net_walk_begin(struct net_walk *walk, uint32_t node)
{
	for (uint32_t i = 0; i < NET_PARTIES; i++)
		walk->best[i] = NET_UNHEARD;
	walk->node = node;
	walk->at = walk->end = 0;
	walk->denied = walk->shadow = NET_NONE;
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

/*
 * What one party says, party after party: its first rule that fits.  1: the operator protects, nobody else is
 * heard.
 */
NET_INLINE int net_walk_hear(struct net_walk *walk, uint32_t party)
{
	uint32_t entry = walk->best[party & (NET_PARTIES - 1)], what;

	if (entry == NET_UNHEARD)
		return 0;
	entry &= NET_RULES - 1;
	what = walk->table->rules[entry].what;
	if (what & NET_PROTECT)
		return 1;
	if (!(what & NET_DENY))
		return 0;
	if (what & NET_SHADOW)
		walk->shadow = walk->shadow == NET_NONE ? entry : walk->shadow;
	else
		walk->denied = walk->denied == NET_NONE ? entry : walk->denied;
	return 0;
}

#endif
