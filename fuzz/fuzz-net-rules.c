/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz-net-rules - any bytes as the rules of a solution, and as a book that an earlier gate left.
 *
 * What is accepted compiles, and every walk through what came of it ends where it may.
 */
#undef NDEBUG
#include "gate/bpf/net-walk.h"
#include "gate/net-table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct net_table table;

static uint32_t find(const struct net_act *act)
{
	struct net_search search = { .table = &table, .act = *act, .step = NET_BOUNDS };

	for (int i = 0; i < NET_BISECTIONS; i++)
		net_search_step(&search);
	return net_search_end(&search);
}

static void walk(uint64_t high, uint64_t low, uint32_t act)
{
	struct net_walk walk = { .table = &table,
				 .act = { .high = high, .low = low, .act = act, .family = NET_IP4 | NET_IP6, .port = 1 } };
	uint32_t steps = 0;

	net_walk_begin(&walk, find(&walk.act));
	while (!net_walk_step(&walk))
		assert(++steps < NET_STEPS);
	for (uint32_t party = 0; party < NET_PARTIES && !net_walk_hear(&walk, party); party++)
		;
	assert(walk.denied == NET_NONE || walk.denied < table.n_rules);
	assert(walk.shadow == NET_NONE || walk.shadow < table.n_rules);
}

static void compile_and_walk(const struct net_sets *sets)
{
	net_compile(&table, sets, NULL, 0);
	assert(table.n_rules == sets->n_rules && table.n_bounds <= NET_BOUNDS);
	walk(0, 0, 1);
	walk(UINT64_MAX, UINT64_MAX, 2);
	for (uint32_t i = 0; i < table.n_bounds; i++)
		walk(table.bounds[i].high, table.bounds[i].low - (i & 1), 1u << i % 3);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct net_terms terms = { .slot = size % DECISION_VOICES, .granted = 7, .name = "fuzz" };
	static struct net_sets sets, next;
	void *copy = malloc(size ? size : 1);

	assert(copy);
	memcpy(copy, data, size);
	memset(&sets, 0, sizeof(sets));
	if (net_sets_replace(&next, &sets, &terms, copy, size) == 0) {
		assert(net_sets_sound(&next));
		compile_and_walk(&next);
	}
	free(copy);
	memset(&sets, 0, sizeof(sets));
	memcpy(&sets, data, size < sizeof(sets) ? size : sizeof(sets));
	if (net_sets_sound(&sets))
		compile_and_walk(&sets);
	return 0;
}
