/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules from a solution's bytes to a decision: sentences, and thousands of random sets against an oracle.
 *
 * The steps are those that run in the kernel (bpf/net-walk.h).
 */
#undef NDEBUG
#include "gate/bpf/net-walk.h"
#include "gate/net-book.h"
#include "gate/net-table.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <ringfort/net.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ALL 7u
#define CONNECT (1u << RINGFORT_NET_CONNECT)
#define BIND (1u << RINGFORT_NET_BIND)

static struct net_sets sets, next;
static struct net_table table;

static void set_rules(uint32_t slot, enum decision_mode mode, const struct ask_net_rule *rules, uint32_t n)
{
	struct net_terms terms = { .slot = slot, .granted = ALL, .mode = mode };

	snprintf(terms.name, sizeof(terms.name), "s%u", slot);
	assert(net_sets_replace(&next, &sets, &terms, rules, n * sizeof(*rules)) == 0);
	assert(net_sets_sound(&next));
	sets = next;
}

static struct ask_net_rule rule_of(const char *text, enum ringfort_verdict verdict)
{
	struct ask_net_rule rule = { .id = 1, .acts = CONNECT, .verdict = verdict, .uid = RINGFORT_NET_ANY_UID,
				     .port_last = 65535 };
	struct prefix prefix = { 0 };

	assert(!text || prefix_parse(&prefix, text) == 0);
	rule.family = prefix.family;
	rule.prefix = prefix.bits;
	memcpy(rule.ip, prefix.ip, sizeof(rule.ip));
	return rule;
}

/* An IPv4 address is told as the program does. */
static struct net_act act_to(const char *text)
{
	struct net_act act = { .act = CONNECT, .port = 80, .protocol = IPPROTO_TCP, .uid = 1000 };
	struct in6_addr ip = { 0 };

	act.family = strchr(text, ':') ? NET_IP6 : NET_IP4;
	if (act.family == NET_IP6) {
		assert(inet_pton(AF_INET6, text, &ip) == 1);
	} else {
		ip.s6_addr[10] = ip.s6_addr[11] = 0xff;
		assert(inet_pton(AF_INET, text, &ip.s6_addr[12]) == 1);
	}
	for (int i = 0; i < 8; i++) {
		act.high = act.high << 8 | ip.s6_addr[i];
		act.low = act.low << 8 | ip.s6_addr[8 + i];
	}
	return act;
}

static uint32_t find(const struct net_act *act)
{
	struct net_search search = { .table = &table, .act = *act, .step = NET_BOUNDS };

	for (int i = 0; i < NET_BISECTIONS; i++)
		net_search_step(&search);
	return net_search_end(&search);
}

static struct net_walk walk_it(const struct net_act *act)
{
	struct net_walk walk = { .table = &table, .act = *act };
	uint32_t steps = 0;

	net_walk_begin(&walk, find(act));
	while (!net_walk_step(&walk))
		assert(++steps < NET_STEPS);
	for (uint32_t party = 0; party < NET_PARTIES && !net_walk_hear(&walk, party); party++)
		;
	return walk;
}

static bool denied(const char *text)
{
	struct net_act act = act_to(text);

	net_compile(&table, &sets, NULL, 0);
	return walk_it(&act).denied != NET_NONE;
}

static void begin(void)
{
	memset(&sets, 0, sizeof(sets));
}

/* ---- sentences ---------------------------------------------------------------------------------- */

static void without_rules_everything_is_allowed(void)
{
	begin();
	assert(!denied("192.0.2.1") && !denied("::1") && !denied("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"));
	assert(table.acts == 0);
}

static void a_prefix_ends_where_it_ends(void)
{
	struct ask_net_rule rules[] = { rule_of("192.0.2.64/26", RINGFORT_VERDICT_DENY),
					rule_of("2001:db8:1::/48", RINGFORT_VERDICT_DENY),
					rule_of("2001:db8::5", RINGFORT_VERDICT_DENY) };

	begin();
	set_rules(3, DECISION_ENFORCE, rules, 3);
	assert(!denied("192.0.2.63") && denied("192.0.2.64") && denied("192.0.2.127") && !denied("192.0.2.128"));
	assert(!denied("2001:db8::ffff") && denied("2001:db8:1::") && denied("2001:db8:1:ffff:ffff:ffff:ffff:ffff") &&
	       !denied("2001:db8:2::"));
	assert(!denied("2001:db8::4") && denied("2001:db8::5") && !denied("2001:db8::6"));
	assert(table.acts == CONNECT);
}

static void all_of_a_family_is_not_all_of_the_other(void)
{
	struct ask_net_rule four = rule_of("0.0.0.0/0", RINGFORT_VERDICT_DENY);
	struct ask_net_rule six = rule_of("::/0", RINGFORT_VERDICT_DENY), both = rule_of(NULL, RINGFORT_VERDICT_DENY);

	begin();
	set_rules(0, DECISION_ENFORCE, &four, 1);
	assert(denied("0.0.0.0") && denied("255.255.255.255") && !denied("::") && !denied("::fffe:ffff:ffff"));
	set_rules(0, DECISION_ENFORCE, &six, 1);
	assert(!denied("192.0.2.1") && denied("::1") && denied("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"));
	set_rules(0, DECISION_ENFORCE, &both, 1);
	assert(denied("192.0.2.1") && denied("::1"));
}

static void of_one_solution_the_first_rule_that_fits_decides(void)
{
	struct ask_net_rule rules[] = { rule_of("192.0.2.7", RINGFORT_VERDICT_ALLOW),
					rule_of("192.0.0.0/16", RINGFORT_VERDICT_DENY),
					rule_of("192.0.2.8", RINGFORT_VERDICT_ALLOW) };

	begin();
	set_rules(0, DECISION_ENFORCE, rules, 3);
	assert(!denied("192.0.2.7") && denied("192.0.2.8") && denied("192.0.2.9") && !denied("192.1.0.0"));
}

static void of_several_solutions_the_most_restrictive_decides(void)
{
	struct ask_net_rule allow = rule_of("192.0.2.1", RINGFORT_VERDICT_ALLOW);
	struct ask_net_rule deny = rule_of("192.0.2.0/24", RINGFORT_VERDICT_DENY);
	struct net_act act = act_to("192.0.2.1");

	begin();
	set_rules(1, DECISION_ENFORCE, &allow, 1);
	set_rules(2, DECISION_ENFORCE, &deny, 1);
	assert(denied("192.0.2.1"));
	assert(strcmp(table.text[walk_it(&act).denied], "s2:1") == 0);
	set_rules(2, DECISION_ENFORCE, NULL, 0);
	assert(!denied("192.0.2.1"));
}

static void shadow_is_told_and_denies_nothing(void)
{
	struct ask_net_rule deny = rule_of("192.0.2.0/24", RINGFORT_VERDICT_DENY);
	struct net_act act = act_to("192.0.2.1");
	struct net_walk outcome;

	begin();
	set_rules(1, DECISION_SHADOW, &deny, 1);
	assert(!denied("192.0.2.1"));
	outcome = walk_it(&act);
	assert(outcome.shadow != NET_NONE && table.rules[outcome.shadow].slot == 1);
	set_rules(2, DECISION_ENFORCE, &deny, 1);
	assert(denied("192.0.2.1"));
}

static void what_the_operator_protects_nobody_denies(void)
{
	const struct net_protected protect[] = { { { .family = AF_INET, .bits = 32, .ip = { 192, 0, 2, 53 } }, 53, 53, 0 } };
	struct ask_net_rule deny = rule_of(NULL, RINGFORT_VERDICT_DENY);
	struct net_act act = act_to("192.0.2.53");

	begin();
	set_rules(1, DECISION_ENFORCE, &deny, 1);
	net_compile(&table, &sets, protect, 1);
	assert(walk_it(&act).denied != NET_NONE);
	act.port = 53;
	assert(walk_it(&act).denied == NET_NONE && walk_it(&act).shadow == NET_NONE);
	act.act = BIND;
	assert(walk_it(&act).denied == NET_NONE);
}

static void what_is_no_set_of_rules_is_refused_and_changes_nothing(void)
{
	const struct net_terms terms = { .slot = 1, .granted = CONNECT, .name = "s" };
	static struct ask_net_rule rules[RINGFORT_NET_MAX_RULES + 1];
	struct ask_net_rule rule = rule_of("192.0.2.0/24", RINGFORT_VERDICT_DENY);

	begin();
	set_rules(1, DECISION_ENFORCE, &rule, 1);
	memset(&next, 0x5a, sizeof(next));
#define REFUSED(change) \
	do { \
		rule = rule_of("192.0.2.0/24", RINGFORT_VERDICT_DENY); \
		change; \
		assert(net_sets_replace(&next, &sets, &terms, &rule, sizeof(rule)) == -EBADMSG); \
	} while (0)
	REFUSED(rule.acts = BIND);
	REFUSED(rule.acts = 0);
	REFUSED(rule.acts |= 1u << 31);
	REFUSED(rule.verdict = 2);
	REFUSED(rule.protocol = 1);
	REFUSED(rule.prefix = 33);
	REFUSED(rule.prefix = UINT32_MAX);
	REFUSED(rule.ip[15] = 1);
	REFUSED(rule.family = 1);
	REFUSED(rule.port_first = 1; rule.port_last = 0);
	REFUSED(rule.reserved = 1);
#undef REFUSED
	assert(net_sets_replace(&next, &sets, &terms, &rule, sizeof(rule) - 1) == -EBADMSG);
	for (uint32_t i = 0; i < RINGFORT_NET_MAX_RULES + 1; i++)
		rules[i] = rule_of("192.0.2.0/24", RINGFORT_VERDICT_DENY);
	assert(net_sets_replace(&next, &sets, &terms, rules, sizeof(rules)) == -EBADMSG);
	assert(*(unsigned char *)&next == 0x5a && sets.of[1].n == 1);
}

static void all_solutions_together_have_so_many_and_no_more(void)
{
	static struct ask_net_rule rules[RINGFORT_NET_MAX_RULES];
	struct net_terms terms = { .granted = ALL };

	begin();
	for (uint32_t i = 0; i < RINGFORT_NET_MAX_RULES; i++)
		rules[i] = rule_of("192.0.2.0/24", RINGFORT_VERDICT_DENY);
	set_rules(0, DECISION_ENFORCE, rules, RINGFORT_NET_MAX_RULES);
	terms.slot = 1;
	assert(net_sets_replace(&next, &sets, &terms, rules,
				(NET_SETS_RULES - RINGFORT_NET_MAX_RULES + 1) * sizeof(rules[0])) == -ENOSPC);
	set_rules(1, DECISION_ENFORCE, rules, NET_SETS_RULES - RINGFORT_NET_MAX_RULES);
	assert(denied("192.0.2.1"));
	/* In its own place it may have as many as it had. */
	set_rules(0, DECISION_ENFORCE, rules, RINGFORT_NET_MAX_RULES);
	net_sets_drop(&next, &sets, 0);
	assert(next.n_rules == NET_SETS_RULES - RINGFORT_NET_MAX_RULES && net_sets_sound(&next));
	begin();
	for (uint32_t slot = 0; slot < NET_SETS_MAX; slot++)
		set_rules(slot, DECISION_ENFORCE, rules, 1);
	terms.slot = NET_SETS_MAX;
	assert(net_sets_replace(&next, &sets, &terms, rules, sizeof(rules[0])) == -ENOSPC);
	assert(denied("192.0.2.1"));
}

static void the_book_keeps_what_holds_and_takes_noise_for_nothing(void)
{
	struct ask_net_rule rule = rule_of("192.0.2.0/24", RINGFORT_VERDICT_DENY);
	struct net_book *book;
	int fd;

	assert(net_book_create(&fd) == 0 && net_book_open(&book, fd) == 0);
	assert(net_book_now(book)->n_rules == 0);
	begin();
	set_rules(5, DECISION_ENFORCE, &rule, 1);
	*net_book_next(book) = sets;
	assert(net_book_now(book)->n_rules == 0);
	net_book_turn(book);
	net_book_close(book);
	assert(net_book_open(&book, fd) == 0 && net_book_now(book)->of[5].n == 1);
	net_book_next(book)->n_rules = 17;
	net_book_turn(book);
	net_book_close(book);
	assert(net_book_open(&book, fd) == 0 && net_book_now(book)->n_rules == 0);
	net_book_close(book);
	close(fd);
}

/* ---- random sets against an oracle ------------------------------------------------------------------ */

static uint32_t seed = 1;

static uint32_t pick(uint32_t n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

/* Few bits are set, and near each other: so prefixes hold one another, touch, and end together. */
static struct ask_net_rule random_rule(uint32_t id)
{
	static const uint32_t families[] = { AF_UNSPEC, AF_INET, AF_INET6 };
	struct ask_net_rule rule = { .id = id, .acts = 1 + pick(ALL), .verdict = pick(2), .family = families[pick(3)] };
	uint32_t most = rule.family == AF_INET ? 32 : rule.family == AF_INET6 ? 128 : 0;

	rule.prefix = most ? pick(most + 1) : 0;
	for (uint32_t bit = 0; bit < rule.prefix; bit++)
		if (pick(4) == 0 || bit + 3 > rule.prefix)
			rule.ip[bit / 8] |= pick(2) ? 0x80u >> bit % 8 : 0;
	rule.protocol = (uint32_t[]){ 0, IPPROTO_TCP, IPPROTO_UDP }[pick(3)];
	rule.uid = pick(2) ? RINGFORT_NET_ANY_UID : pick(3);
	rule.port_first = (uint16_t)(pick(2) ? 0 : pick(10));
	rule.port_last = (uint16_t)(pick(2) ? 65535 : rule.port_first + pick(5));
	return rule;
}

/* At the edge of some rule, or one beside it. */
static struct net_act random_act(void)
{
	struct net_act act = { .act = 1u << pick(3), .uid = pick(3), .port = (uint16_t)pick(14),
			       .protocol = pick(2) ? IPPROTO_TCP : IPPROTO_UDP };
	const struct net_bound *bound = &table.bounds[table.n_bounds ? pick(table.n_bounds) : 0];

	act.high = table.n_bounds ? bound->high : pick(2);
	act.low = table.n_bounds ? bound->low - pick(2) : pick(2);
	if (pick(5) == 0)
		act.high ^= 1ull << pick(64);
	if (pick(5) == 0)
		act.low ^= 1ull << pick(64);
	act.family = act.high == 0 && act.low >> 32 == 0xffff ? NET_IP4 : NET_IP6;
	return act;
}

static bool oracle_fits(const struct ask_net_rule *rule, const struct net_act *act)
{
	uint8_t ip[16];

	for (int i = 0; i < 8; i++) {
		ip[i] = (uint8_t)(act->high >> (56 - 8 * i));
		ip[8 + i] = (uint8_t)(act->low >> (56 - 8 * i));
	}
	if (rule->family != AF_UNSPEC && (rule->family == AF_INET) != (act->family == NET_IP4))
		return false;
	for (uint32_t bit = 0; bit < rule->prefix; bit++) {
		uint32_t at = bit + (rule->family == AF_INET ? 96 : 0);

		if ((rule->ip[bit / 8] >> (7 - bit % 8) & 1) != (ip[at / 8] >> (7 - at % 8) & 1))
			return false;
	}
	return rule->acts & act->act && act->port >= rule->port_first && act->port <= rule->port_last &&
	       (!rule->protocol || rule->protocol == act->protocol) &&
	       (rule->uid == RINGFORT_NET_ANY_UID || rule->uid == act->uid);
}

/* The slot that denies first of those in that mode, or -1. */
static int oracle(const struct net_act *act, enum decision_mode mode)
{
	for (uint32_t slot = 0; slot < DECISION_VOICES; slot++) {
		const struct net_set *set = &sets.of[slot];

		for (uint32_t i = 0; i < set->n && set->terms.mode == mode; i++) {
			const struct ask_net_rule *rule = &sets.rules[set->first + i];

			if (!oracle_fits(rule, act))
				continue;
			if (rule->verdict == RINGFORT_VERDICT_DENY)
				return (int)slot;
			break;
		}
	}
	return -1;
}

static int slot_of(uint32_t index)
{
	return index == NET_NONE ? -1 : table.rules[index].slot;
}

static void a_table_says_what_its_rules_say_one_by_one(void)
{
	static struct ask_net_rule rules[RINGFORT_NET_MAX_RULES];
	uint32_t n_denied = 0, n_acts = 0;

	for (int round = 0; round < 400; round++) {
		begin();
		for (uint32_t solution = 0; solution < 1 + pick(4); solution++) {
			uint32_t n = pick(round % 20 == 0 ? 400 : 20);

			for (uint32_t i = 0; i < n; i++)
				rules[i] = random_rule(i);
			set_rules(pick(DECISION_VOICES), pick(4) ? DECISION_ENFORCE : DECISION_SHADOW, rules, n);
		}
		net_compile(&table, &sets, NULL, 0);
		for (int i = 0; i < 300; i++, n_acts++) {
			struct net_act act = random_act();
			struct net_walk outcome = walk_it(&act);

			assert(slot_of(outcome.denied) == oracle(&act, DECISION_ENFORCE));
			assert(slot_of(outcome.shadow) == oracle(&act, DECISION_SHADOW));
			n_denied += outcome.denied != NET_NONE;
		}
	}
	/* Both answers were tried. */
	assert(n_denied > n_acts / 20 && n_denied < n_acts - n_acts / 20);
}

static void the_largest_table_has_room(void)
{
	static struct ask_net_rule rules[RINGFORT_NET_MAX_RULES];
	static struct net_protected protect[NET_PROTECTED];

	begin();
	/* Each on its own, with a gap on both sides: as many bounds as can be. */
	for (uint32_t slot = 0; slot < 2; slot++) {
		uint32_t n = slot ? NET_SETS_RULES - RINGFORT_NET_MAX_RULES : RINGFORT_NET_MAX_RULES;

		for (uint32_t i = 0; i < n; i++) {
			rules[i] = rule_of("2001:db8::1", RINGFORT_VERDICT_DENY);
			rules[i].ip[12] = (uint8_t)(i >> 8);
			rules[i].ip[13] = (uint8_t)i;
			rules[i].ip[11] = (uint8_t)slot;
		}
		set_rules(slot, DECISION_ENFORCE, rules, n);
	}
	for (uint32_t i = 0; i < NET_PROTECTED; i++)
		protect[i] = (struct net_protected){ { AF_INET, 32, { 192, 0, (uint8_t)i, 1 } }, 0, 65535, 0 };
	net_compile(&table, &sets, protect, NET_PROTECTED);
	assert(table.n_rules == NET_RULES && table.n_bounds == NET_BOUNDS && table.n_nodes == NET_NODES);
	for (uint32_t i = 0; i < NET_BOUNDS; i++) {
		struct net_act act = { .high = table.bounds[i].high, .low = table.bounds[i].low, .act = CONNECT,
				       .family = NET_IP6, .port = 1 };

		assert((walk_it(&act).denied != NET_NONE) == (act.high != 0 && (act.low & 0xff) == 1));
	}
}

int main(void)
{
	without_rules_everything_is_allowed();
	a_prefix_ends_where_it_ends();
	all_of_a_family_is_not_all_of_the_other();
	of_one_solution_the_first_rule_that_fits_decides();
	of_several_solutions_the_most_restrictive_decides();
	shadow_is_told_and_denies_nothing();
	what_the_operator_protects_nobody_denies();
	what_is_no_set_of_rules_is_refused_and_changes_nothing();
	all_solutions_together_have_so_many_and_no_more();
	the_book_keeps_what_holds_and_takes_noise_for_nothing();
	a_table_says_what_its_rules_say_one_by_one();
	the_largest_table_has_room();
	return 0;
}
