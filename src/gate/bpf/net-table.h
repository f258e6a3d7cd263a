/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Net table - the rules of all solutions as the program in the kernel reads them.
 *
 * Addresses are 128 bits: an IPv4 address is ::ffff:a.b.c.d, so both families live in one table.  The
 * prefixes that rules name cut the space into intervals; for each the table knows the longest prefix that
 * holds it (a node), and each node its parent, the next longer one around it.  A connection finds its
 * interval by bisection, then looks at the rules of its node, of the parent, and so on: only rules whose
 * prefix fits are looked at at all.
 *
 * Of each solution (a party) the rule that stands first in its own order counts.  There are two tables; one
 * is active, the other is written.  A reader compares the version before and behind.
 *
 * Shared with the program in the kernel, so it includes no more than <stdint.h>.
 */
#ifndef RINGFORT_GATE_BPF_NET_TABLE_H
#define RINGFORT_GATE_BPF_NET_TABLE_H

#include "event/denial.h"

#include <stdint.h>

#define NET_RULES 2048u             /* of all solutions, with those of the operator */
#define NET_BOUNDS (2 * NET_RULES)
#define NET_NODES NET_RULES
#define NET_PARTIES 32u             /* solutions that have rules at the same time, and the operator */
#define NET_MAX_DEPTH 130u          /* prefixes around one address: one of each length, and an end */
#define NET_NONE 0xffffu
#define NET_UNHEARD 0xffffffffu     /* no rule of this party fits */
#define NET_OPERATOR 0u             /* the party whose rules protect */

/* In net_rule.families: the act's address is of one of them. */
#define NET_IP4 1u
#define NET_IP6 2u

/* In net_rule.what */
#define NET_DENY 1u
#define NET_SHADOW 2u
#define NET_PROTECT 4u

struct net_bound {
	uint64_t high, low; /* of the first address of an interval, as numbers */
};

struct net_node {
	uint16_t first, n; /* in rules */
	uint16_t parent;   /* or NET_NONE */
	uint16_t reserved;
};

struct net_rule {
	uint32_t uid;
	uint32_t id;
	uint16_t port_first, port_last;
	uint16_t order; /* of all rules: those of a party together, in its order */
	uint8_t acts;   /* 1u << enum ringfort_net_act */
	uint8_t families;
	uint8_t protocol;
	uint8_t what;
	uint8_t party;
	uint8_t slot; /* of the solution */
};

struct net_table {
	uint32_t version; /* odd while it is written */
	uint32_t acts;    /* that any rule is for */
	uint32_t n_bounds;
	uint32_t n_parties;
	uint32_t n_rules;
	uint32_t n_nodes;
	struct net_bound bounds[NET_BOUNDS]; /* ascending, without 0 */
	uint16_t innermost[2 * NET_BOUNDS];  /* node of the interval before bound 0, 1, ...; or NET_NONE */
	struct net_node nodes[NET_NODES];
	struct net_rule rules[NET_RULES];
	char text[NET_RULES][DENIAL_TEXT]; /* "solution:rule" */
};

/* What is to be decided. */
struct net_act {
	uint64_t high, low; /* address */
	uint32_t act;       /* 1u << enum ringfort_net_act */
	uint32_t uid;
	uint16_t port;
	uint8_t family; /* NET_IP4 or NET_IP6 */
	uint8_t protocol;
};

/* A match, as the gate is told: a denial, or one that shadow would have been. */
struct net_match {
	uint64_t time_ns; /* CLOCK_MONOTONIC */
	uint64_t high, low;
	uint32_t pid;
	uint32_t uid;
	uint32_t rule_id;
	uint16_t port;
	uint8_t slot;
	uint8_t what; /* NET_DENY, and NET_SHADOW when it was allowed all the same */
	uint8_t act;  /* enum ringfort_net_act */
	uint8_t protocol;
	uint8_t reserved[6];
};

#endif
