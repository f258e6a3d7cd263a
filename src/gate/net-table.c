/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Net table, compiled - prefixes in order, the tree that they are, and the intervals that they cut.
 *
 * Prefixes never overlap but by holding one another.  Sorted by their first address, the longer behind, each
 * comes right after those that hold it: one pass with a stack gives parents and intervals.
 */
#include "gate/net-table.h"

#include <assert.h>
#include <netinet/in.h>
#include <ringfort/net.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAPPED_BITS 96

/* A rule on its way: a span of the space, and who says it. */
struct entry {
	struct net_bound first, last;
	uint32_t bits; /* of 128 */
	struct net_rule rule;
	char text[DENIAL_TEXT];
};

struct compiler {
	struct net_table *table;
	struct entry *entries;
	uint32_t n_entries;
	uint32_t n_parties;
	/* nodes that are open: each holds the next */
	uint16_t open[NET_MAX_DEPTH];
	struct net_bound open_until[NET_MAX_DEPTH];
	uint32_t n_open;
};

static int compare_bounds(const struct net_bound *a, const struct net_bound *b)
{
	if (a->high != b->high)
		return a->high < b->high ? -1 : 1;
	return a->low == b->low ? 0 : a->low < b->low ? -1 : 1;
}

/* ---- entries ------------------------------------------------------------------------------------ */

static uint64_t read_number(const uint8_t *bytes)
{
	uint64_t number = 0;

	for (int i = 0; i < 8; i++)
		number = number << 8 | bytes[i];
	return number;
}

static void set_span(struct entry *entry, uint32_t family, const uint8_t *ip, uint32_t bits)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	uint8_t address[16] = { 0 };

	if (family == AF_INET) {
		memcpy(address, mapped, sizeof(mapped));
		memcpy(address + sizeof(mapped), ip, 4);
		bits += MAPPED_BITS;
	} else {
		memcpy(address, ip, sizeof(address));
	}
	entry->bits = bits;
	entry->first = (struct net_bound){ read_number(address), read_number(address + 8) };
	entry->last.high = entry->first.high | (bits < 64 ? UINT64_MAX >> bits : 0);
	entry->last.low = entry->first.low | (bits <= 64 ? UINT64_MAX : bits < 128 ? UINT64_MAX >> (bits - 64) : 0);
	entry->rule.families = family == AF_INET ? NET_IP4 : family == AF_INET6 ? NET_IP6 : NET_IP4 | NET_IP6;
}

static struct entry *add_entry(struct compiler *compiler, uint32_t party)
{
	struct entry *entry = &compiler->entries[compiler->n_entries];

	assert(compiler->n_entries < NET_RULES && party < NET_PARTIES);
	memset(entry, 0, sizeof(*entry));
	entry->rule.order = (uint16_t)compiler->n_entries++;
	entry->rule.party = (uint8_t)party;
	return entry;
}

static void add_protected(struct compiler *compiler, const struct net_protected *protect)
{
	struct entry *entry = add_entry(compiler, NET_OPERATOR);

	set_span(entry, protect->prefix.family, protect->prefix.ip, protect->prefix.bits);
	entry->rule.uid = RINGFORT_NET_ANY_UID;
	entry->rule.port_first = protect->port_first;
	entry->rule.port_last = protect->port_last;
	entry->rule.acts = (1u << _RINGFORT_NET_ACT_N) - 1;
	entry->rule.protocol = protect->protocol;
	entry->rule.what = NET_PROTECT;
}

static void add_rule(struct compiler *compiler, uint32_t party, const struct net_terms *terms,
		     const struct ask_net_rule *from)
{
	struct entry *entry = add_entry(compiler, party);
	struct net_rule *rule = &entry->rule;

	set_span(entry, from->family, from->ip, from->prefix);
	rule->uid = from->uid;
	rule->id = from->id;
	rule->port_first = from->port_first;
	rule->port_last = from->port_last;
	rule->acts = (uint8_t)from->acts;
	rule->protocol = (uint8_t)from->protocol;
	rule->slot = (uint8_t)terms->slot;
	rule->what = (from->verdict == RINGFORT_VERDICT_DENY ? NET_DENY : 0) |
		     (terms->mode == DECISION_SHADOW ? NET_SHADOW : 0);
	snprintf(entry->text, sizeof(entry->text), "%s:%u", terms->name, from->id);
}

static void add_set(struct compiler *compiler, const struct net_sets *sets, const struct net_set *set)
{
	uint32_t party = ++compiler->n_parties;

	for (uint32_t i = 0; i < set->n; i++)
		add_rule(compiler, party, &set->terms, &sets->rules[set->first + i]);
}

static int compare_entries(const void *left, const void *right)
{
	const struct entry *a = left, *b = right;
	int order = compare_bounds(&a->first, &b->first);

	if (order == 0)
		order = a->bits == b->bits ? 0 : a->bits < b->bits ? -1 : 1;
	return order ? order : a->rule.order - b->rule.order;
}

/* ---- nodes and intervals ------------------------------------------------------------------------- */

static uint16_t innermost(const struct compiler *compiler)
{
	return compiler->n_open ? compiler->open[compiler->n_open - 1] : NET_NONE;
}

/* From this address on another node is the innermost. */
static void cut(struct compiler *compiler, const struct net_bound *at)
{
	struct net_table *table = compiler->table;
	uint32_t n = table->n_bounds;

	if ((at->high || at->low) && (n == 0 || compare_bounds(&table->bounds[n - 1], at) != 0)) {
		assert(n < NET_BOUNDS);
		table->bounds[n] = *at;
		table->n_bounds = ++n;
	}
	table->innermost[n] = innermost(compiler);
}

/* The address behind; 0 behind the last of all. */
static struct net_bound behind(const struct net_bound *bound)
{
	struct net_bound next = { bound->high, bound->low + 1 };

	next.high += next.low == 0;
	return next;
}

/* Leave the nodes that end before this address (NULL: all). */
static void leave(struct compiler *compiler, const struct net_bound *before)
{
	while (compiler->n_open) {
		struct net_bound last = compiler->open_until[compiler->n_open - 1], next = behind(&last);

		if (before && compare_bounds(&last, before) >= 0)
			return;
		compiler->n_open--;
		if (next.high || next.low)
			cut(compiler, &next);
	}
}

static void enter(struct compiler *compiler, const struct entry *entry, uint32_t first_rule)
{
	struct net_table *table = compiler->table;
	uint16_t node = (uint16_t)table->n_nodes++;

	table->nodes[node] = (struct net_node){ .first = (uint16_t)first_rule, .parent = innermost(compiler) };
	assert(compiler->n_open < NET_MAX_DEPTH);
	compiler->open[compiler->n_open] = node;
	compiler->open_until[compiler->n_open++] = entry->last;
	cut(compiler, &entry->first);
}

static bool same_span(const struct entry *a, const struct entry *b)
{
	return a->bits == b->bits && compare_bounds(&a->first, &b->first) == 0;
}

static void lay_out(struct compiler *compiler)
{
	struct net_table *table = compiler->table;

	for (uint32_t i = 0; i < compiler->n_entries; i++) {
		const struct entry *entry = &compiler->entries[i];

		if (i == 0 || !same_span(entry, entry - 1)) {
			leave(compiler, &entry->first);
			enter(compiler, entry, i);
		}
		table->nodes[table->n_nodes - 1].n++;
		table->rules[i] = entry->rule;
		memcpy(table->text[i], entry->text, DENIAL_TEXT);
	}
	leave(compiler, NULL);
}

static void clear(struct net_table *table)
{
	table->acts = table->n_bounds = table->n_parties = table->n_rules = table->n_nodes = 0;
	table->innermost[0] = NET_NONE;
}

void net_compile(struct net_table *table, const struct net_sets *sets, const struct net_protected *protect,
		 uint32_t n_protect)
{
	static struct entry entries[NET_RULES];
	struct compiler compiler = { .table = table, .entries = entries };

	clear(table);
	/* To protect is nothing without anybody who denies. */
	for (uint32_t i = 0; sets->n_rules > 0 && i < n_protect; i++)
		add_protected(&compiler, &protect[i]);
	for (uint32_t slot = 0; slot < DECISION_VOICES; slot++)
		if (sets->of[slot].n)
			add_set(&compiler, sets, &sets->of[slot]);
	qsort(entries, compiler.n_entries, sizeof(entries[0]), compare_entries);
	lay_out(&compiler);
	table->n_rules = compiler.n_entries;
	table->n_parties = compiler.n_parties + 1;
	for (uint32_t slot = 0; slot < DECISION_VOICES; slot++)
		for (uint32_t i = 0; i < sets->of[slot].n; i++)
			table->acts |= sets->rules[sets->of[slot].first + i].acts;
}
