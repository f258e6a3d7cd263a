/* SPDX-License-Identifier: Apache-2.0 */
/* Net - rules from the solution's array to one message. */
#include <ringfort/net.h>

#include "base/cleanup.h"
#include "ring/ask.h"
#include "sdk/client-internal.h"

#include <errno.h>
#include <string.h>

#define MAX_SIZE 4096u /* of a rule, of whatever version */

/* What a later version has appended must be unused: we would not say it. */
static bool ends_in_zeros(const char *rule, uint32_t size)
{
	for (uint32_t i = sizeof(struct ringfort_net_rule); i < size; i++)
		if (rule[i])
			return false;
	return true;
}

static int read_rule(struct ask_net_rule *ret_rule, const char *from, uint32_t size, uint32_t granted)
{
	struct ringfort_net_rule rule;

	memcpy(&rule, from, sizeof(rule));
	*ret_rule = (struct ask_net_rule){
		.id = rule.id, .acts = rule.acts, .verdict = rule.verdict, .protocol = rule.protocol,
		.family = rule.family, .prefix = rule.prefix, .uid = rule.uid,
		.port_first = rule.port_first, .port_last = rule.port_last, .reserved = rule.reserved,
	};
	memcpy(ret_rule->ip, rule.ip, sizeof(rule.ip));
	if (rule.size != size || !ends_in_zeros(from, size) || !ask_net_rule_sound(ret_rule))
		return -EINVAL;
	return ret_rule->acts & ~granted ? -EACCES : 0;
}

_public_ uint32_t ringfort_client_net_granted(const struct ringfort_client *client)
{
	return requests_net_granted(client->requests);
}

_public_ int ringfort_client_net_set(struct ringfort_client *client, const struct ringfort_net_rule *rules,
				     uint32_t n)
{
	_cleanup_(freep) struct ask_net_rule *all = NULL;
	uint32_t granted = ringfort_client_net_granted(client), size = n ? rules->size : 0;
	int r = 0;

	if (!granted)
		return -EACCES;
	if (n > RINGFORT_NET_MAX_RULES)
		return -E2BIG;
	if (n && (size < sizeof(*rules) || size > MAX_SIZE))
		return -EINVAL;
	all = calloc(n + 1, sizeof(*all));
	if (!all)
		return -ENOMEM;
	for (uint32_t i = 0; i < n && r == 0; i++)
		r = read_rule(&all[i], (const char *)rules + (size_t)i * size, size, granted);
	return r < 0 ? r : requests_tell(client->requests, ASK_NET_RULES, all, n * sizeof(*all));
}
