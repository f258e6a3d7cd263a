/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Net table, compiled - from sets of rules to what the program in the kernel reads.
 *
 * Pure.  The work is bounded by the number of rules (2048: about a millisecond).
 */
#ifndef RINGFORT_GATE_NET_TABLE_H
#define RINGFORT_GATE_NET_TABLE_H

#include "base/prefix.h"
#include "gate/bpf/net-table.h"
#include "gate/net-sets.h"

#include <stdint.h>

/* What no solution may deny: everything that is sent or connected there, and bound. */
struct net_protected {
	struct prefix prefix;
	uint16_t port_first, port_last;
	uint8_t protocol; /* 0: any */
};

/**
 * net_compile() - fill a table that nobody reads
 * @table:     its version is the caller's; everything else is written
 * @n_protect: at most NET_PROTECTED
 */
void net_compile(struct net_table *table, const struct net_sets *sets, const struct net_protected *protect,
		 uint32_t n_protect);

#endif
