/* SPDX-License-Identifier: Apache-2.0 */
/* Ask - what both sides of the channel must agree on. */
#include "ring/ask.h"

#include <netinet/in.h>
#include <ringfort/net.h>
#include <sys/socket.h>

#define ALL_ACTS ((1u << _RINGFORT_NET_ACT_N) - 1)

/* Bits behind the prefix would say that the writer meant something else. */
static bool ends_at(const uint8_t *ip, uint32_t prefix, uint32_t n_bytes)
{
	for (uint32_t bit = prefix; bit < n_bytes * 8; bit++)
		if (ip[bit / 8] & 0x80u >> bit % 8)
			return false;
	return true;
}

static bool address_sound(const struct ask_net_rule *rule)
{
	switch (rule->family) {
	case AF_UNSPEC:
		return rule->prefix == 0 && ends_at(rule->ip, 0, 16);
	case AF_INET:
		return rule->prefix <= 32 && ends_at(rule->ip, rule->prefix, 16);
	case AF_INET6:
		return rule->prefix <= 128 && ends_at(rule->ip, rule->prefix, 16);
	default:
		return false;
	}
}

bool ask_net_rule_sound(const struct ask_net_rule *rule)
{
	if (rule->acts == 0 || rule->acts & ~ALL_ACTS || rule->verdict >= _RINGFORT_VERDICT_N || rule->reserved)
		return false;
	if (rule->protocol != 0 && rule->protocol != IPPROTO_TCP && rule->protocol != IPPROTO_UDP)
		return false;
	return rule->port_first <= rule->port_last && address_sound(rule);
}
