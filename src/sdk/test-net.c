/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of a solution: which are refused before the gate hears of them, and what it hears. */
#undef NDEBUG
#include "sdk/straw.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <ringfort/net.h>
#include <string.h>

#define CONNECT (1u << RINGFORT_NET_CONNECT)
#define BIND (1u << RINGFORT_NET_BIND)

static struct ringfort_net_rule rule_of(uint32_t id)
{
	return (struct ringfort_net_rule){
		.size = sizeof(struct ringfort_net_rule), .id = id, .acts = CONNECT, .verdict = RINGFORT_VERDICT_DENY,
		.protocol = IPPROTO_TCP, .family = AF_INET, .ip = { 192, 0, 2 }, .prefix = 24,
		.uid = RINGFORT_NET_ANY_UID, .port_first = 80, .port_last = 443,
	};
}

static bool nothing_was_said(struct straw *f)
{
	return !mailbox_waiting(f->answers);
}

static void where_nothing_is_granted_no_rules_are_set(void)
{
	struct ringfort_net_rule rule = rule_of(1);
	struct straw f;

	straw_setup(&f, EXEC);
	assert(ringfort_client_net_granted(f.client) == 0);
	assert(ringfort_client_net_set(f.client, &rule, 1) == -EACCES);
	assert(ringfort_client_net_set(f.client, NULL, 0) == -EACCES);
	assert(nothing_was_said(&f));
	straw_teardown(&f);
}

static void the_gate_hears_the_rules_as_they_were_given_in_their_order(void)
{
	struct ringfort_net_rule rules[] = { rule_of(7), rule_of(3) };
	const struct ask_net_rule *heard;
	struct mailbox_message message;
	struct straw f;

	rules[1].uid = 1000;
	straw_setup_net(&f, 0, CONNECT);
	assert(ringfort_client_net_granted(f.client) == CONNECT);
	assert(ringfort_client_net_set(f.client, rules, 2) == 0);
	message = straw_hear(&f, ASK_NET_RULES);
	heard = message.data;
	assert(message.size == 2 * sizeof(*heard));
	assert(heard[0].id == 7 && heard[1].id == 3 && heard[1].uid == 1000);
	assert(heard[0].acts == CONNECT && heard[0].verdict == RINGFORT_VERDICT_DENY &&
	       heard[0].protocol == IPPROTO_TCP && heard[0].family == AF_INET && heard[0].prefix == 24 &&
	       heard[0].uid == RINGFORT_NET_ANY_UID && heard[0].port_first == 80 && heard[0].port_last == 443);
	assert(memcmp(heard[0].ip, rules[0].ip, sizeof(heard[0].ip)) == 0);
	assert(ringfort_client_net_set(f.client, NULL, 0) == 0);
	assert(straw_hear(&f, ASK_NET_RULES).size == 0);
	straw_teardown(&f);
}

static void a_rule_that_is_none_is_refused_with_its_whole_set(void)
{
	struct ringfort_net_rule rules[2];
	struct straw f;

	straw_setup_net(&f, 0, CONNECT);
#define REFUSED(expected, change) \
	do { \
		struct ringfort_net_rule *rule = &rules[1]; \
		rules[0] = rule_of(1); \
		rules[1] = rule_of(2); \
		change; \
		assert(ringfort_client_net_set(f.client, rules, 2) == (expected)); \
		assert(nothing_was_said(&f)); \
	} while (0)
	REFUSED(-EINVAL, rule->size = 0);
	REFUSED(-EINVAL, rule->size++);
	REFUSED(-EINVAL, rules[0].size = rule->size = sizeof(*rule) - 1);
	REFUSED(-EINVAL, rule->acts = 0);
	REFUSED(-EINVAL, rule->acts = 1u << _RINGFORT_NET_ACT_N);
	REFUSED(-EACCES, rule->acts = BIND);
	REFUSED(-EACCES, rule->acts = BIND | CONNECT);
	REFUSED(-EINVAL, rule->verdict = _RINGFORT_VERDICT_N);
	REFUSED(-EINVAL, rule->protocol = IPPROTO_ICMP);
	REFUSED(-EINVAL, rule->family = AF_UNIX);
	REFUSED(-EINVAL, rule->family = AF_UNSPEC);
	REFUSED(-EINVAL, rule->prefix = 33);
	REFUSED(-EINVAL, rule->prefix = 16; rule->ip[2] = 1);
	REFUSED(-EINVAL, rule->ip[4] = 1);
	REFUSED(-EINVAL, rule->family = AF_INET6; rule->prefix = 129);
	REFUSED(-EINVAL, rule->port_first = 444);
	REFUSED(-EINVAL, rule->reserved = 1);
#undef REFUSED
	straw_teardown(&f);
}

static void rules_of_a_later_version_are_read_as_far_as_they_say_nothing_new(void)
{
	struct {
		struct ringfort_net_rule rule;
		uint64_t more;
	} rules[2] = { { .rule = rule_of(1) }, { .rule = rule_of(2) } };
	struct mailbox_message message;
	struct straw f;

	straw_setup_net(&f, 0, CONNECT);
	rules[0].rule.size = rules[1].rule.size = sizeof(rules[0]);
	assert(ringfort_client_net_set(f.client, &rules[0].rule, 2) == 0);
	message = straw_hear(&f, ASK_NET_RULES);
	assert(message.size == 2 * sizeof(struct ask_net_rule));
	assert(((const struct ask_net_rule *)message.data)[1].id == 2);
	rules[1].more = 1;
	assert(ringfort_client_net_set(f.client, &rules[0].rule, 2) == -EINVAL);
	assert(nothing_was_said(&f));
	straw_teardown(&f);
}

static void as_many_rules_as_may_be_fit_and_not_one_more(void)
{
	static struct ringfort_net_rule rules[RINGFORT_NET_MAX_RULES + 1];
	struct straw f;

	for (uint32_t i = 0; i < RINGFORT_NET_MAX_RULES + 1; i++)
		rules[i] = rule_of(i);
	straw_setup_net(&f, 0, CONNECT);
	assert(ringfort_client_net_set(f.client, rules, RINGFORT_NET_MAX_RULES + 1) == -E2BIG);
	assert(ringfort_client_net_set(f.client, rules, RINGFORT_NET_MAX_RULES) == 0);
	assert(straw_hear(&f, ASK_NET_RULES).size == RINGFORT_NET_MAX_RULES * sizeof(struct ask_net_rule));
	straw_teardown(&f);
}

static void a_full_mailbox_changes_nothing_and_says_so(void)
{
	static struct ringfort_net_rule rules[RINGFORT_NET_MAX_RULES];
	struct straw f;
	int r, n = 0;

	for (uint32_t i = 0; i < RINGFORT_NET_MAX_RULES; i++)
		rules[i] = rule_of(i);
	straw_setup_net(&f, 0, CONNECT);
	while ((r = ringfort_client_net_set(f.client, rules, RINGFORT_NET_MAX_RULES)) == 0)
		n++;
	assert(r == -EAGAIN && n > 0);
	for (int i = 0; i < n; i++)
		straw_hear(&f, ASK_NET_RULES);
	assert(nothing_was_said(&f));
	straw_teardown(&f);
}

int main(void)
{
	where_nothing_is_granted_no_rules_are_set();
	the_gate_hears_the_rules_as_they_were_given_in_their_order();
	a_rule_that_is_none_is_refused_with_its_whole_set();
	rules_of_a_later_version_are_read_as_far_as_they_say_nothing_new();
	as_many_rules_as_may_be_fit_and_not_one_more();
	a_full_mailbox_changes_nothing_and_says_so();
	return 0;
}
