/* SPDX-License-Identifier: Apache-2.0 */
/* Net sets - bytes of a solution to rules, and one set in place of another. */
#include "gate/net-sets.h"

#include <assert.h>
#include <errno.h>
#include <ringfort/net.h>
#include <string.h>

static int check_rules(const struct ask_net_rule *rules, uint32_t n, uint32_t granted)
{
	for (uint32_t i = 0; i < n; i++)
		if (!ask_net_rule_sound(&rules[i]) || rules[i].acts & ~granted)
			return -EBADMSG;
	return 0;
}

static uint32_t others_with_rules(const struct net_sets *sets, uint32_t slot)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < DECISION_VOICES; i++)
		n += i != slot && sets->of[i].n > 0;
	return n;
}

/* Every set but that of one slot, and in its place n rules. */
static void rebuild(struct net_sets *next, const struct net_sets *sets, const struct net_terms *terms,
		    const struct ask_net_rule *rules, uint32_t n)
{
	memset(next->of, 0, sizeof(next->of));
	next->n_rules = next->reserved = 0;
	for (uint32_t slot = 0; slot < DECISION_VOICES; slot++) {
		const struct net_set *old = &sets->of[slot];
		struct net_set *set = &next->of[slot];
		bool other = slot != terms->slot;
		const struct ask_net_rule *from = other ? &sets->rules[old->first] : rules;

		*set = (struct net_set){ .terms = other ? old->terms : *terms, .n = other ? old->n : n };
		set->first = set->n ? next->n_rules : 0;
		if (set->n)
			memcpy(&next->rules[next->n_rules], from, set->n * sizeof(*from));
		next->n_rules += set->n;
	}
	memset(&next->rules[next->n_rules], 0, (NET_SETS_RULES - next->n_rules) * sizeof(next->rules[0]));
}

int net_sets_replace(struct net_sets *ret_next, const struct net_sets *sets, const struct net_terms *terms,
		     const void *data, size_t size)
{
	uint32_t n = (uint32_t)(size / sizeof(struct ask_net_rule));
	int r;

	assert(terms->slot < DECISION_VOICES && ret_next != sets);
	if (size % sizeof(struct ask_net_rule) || n > RINGFORT_NET_MAX_RULES)
		return -EBADMSG;
	r = check_rules(data, n, terms->granted);
	if (r < 0)
		return r;
	if (sets->n_rules - sets->of[terms->slot].n + n > NET_SETS_RULES ||
	    (n && others_with_rules(sets, terms->slot) >= NET_SETS_MAX))
		return -ENOSPC;
	rebuild(ret_next, sets, terms, data, n);
	return 0;
}

void net_sets_drop(struct net_sets *ret_next, const struct net_sets *sets, uint32_t slot)
{
	const struct net_terms none = { .slot = slot };

	assert(slot < DECISION_VOICES && ret_next != sets);
	rebuild(ret_next, sets, &none, NULL, 0);
}

static bool terms_sound(const struct net_terms *terms, uint32_t slot)
{
	return terms->slot == slot && (unsigned int)terms->mode < _DECISION_MODE_N &&
	       (unsigned int)terms->miss < _DECISION_MISS_N && memchr(terms->name, '\0', NET_NAME);
}

bool net_sets_sound(const struct net_sets *sets)
{
	uint32_t n = 0;

	if (sets->n_rules > NET_SETS_RULES || others_with_rules(sets, DECISION_VOICES) > NET_SETS_MAX)
		return false;
	for (uint32_t slot = 0; slot < DECISION_VOICES; slot++) {
		const struct net_set *set = &sets->of[slot];

		if (set->n == 0)
			continue;
		if (set->n > RINGFORT_NET_MAX_RULES || set->first != n || set->n > sets->n_rules - n ||
		    !terms_sound(&set->terms, slot) ||
		    check_rules(&sets->rules[set->first], set->n, set->terms.granted) < 0)
			return false;
		n += set->n;
	}
	return n == sets->n_rules;
}
