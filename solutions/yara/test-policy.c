/* SPDX-License-Identifier: Apache-2.0 */
/* Test-policy - what is taken, what is refused, and what is decided */
#include "policy.h"
#include "test-support.h"

static void read_told(struct policy *policy, const char *text, struct told *told)
{
	struct report report = { .tell = on_refusal, .userdata = told };

	*policy = (struct policy){ 0 };
	*told = (struct told){ 0 };
	assert_int_equal(policy_read(policy, "p", text, strlen(text), &report), 0);
	policy_finish(policy, &report);
}

static void a_policy_with_everything_is_taken(void **state)
{
	struct policy policy;
	struct told told;

	read_told(&policy, "# a comment\nmax_file_mb: 7\nmax_scan_ms: 20\ndeny: [a, 'b']\n"
			   "report:\n  - c\nignore: []\n", &told);
	assert_string_equal(told.text, "");
	assert_int_equal(policy.max_file_bytes, 7 << 20);
	assert_int_equal(policy.max_scan_ns, 20000000);
	assert_int_equal(policy.n_words, 3);
	policy_done(&policy);
}

static void each_fault_is_refused_with_its_line(void **state)
{
	static const struct {
		const char *text, *told;
	} cases[] = {
		{ "", "p:1: a policy is a map" },
		{ "\n- a\n", "p:2: a policy is a map" },
		{ "deny: [\n", "p:2: not YAML" },
		{ "deny: []\n---\ndeny: []\n", "p:2: a file holds one policy" },
		{ "deny: &a []\n", "p:1: anchors" },
		{ "\nallow: [a]\n", "p:2: a policy has no key `allow'" },
		{ "[a]: b\n", "p:1: a policy has no key `?'" },
		{ "deny: []\ndeny: []\n", "p:2: key `deny' appears twice" },
		{ "deny: a\n", "p:1: deny is a list" },
		{ "ignore: {a: b}\n", "p:1: ignore is a list" },
		{ "deny:\n  - a\n  - a b\n", "p:3: a list has names" },
		{ "deny: [[a]]\n", "p:1: a list has names" },
		{ "deny: ['']\n", "p:1: a list has names" },
		{ "deny: [a]\nreport: [a]\n", "p:2: `a' is in deny already, by p:1" },
		{ "deny:\n  - a\n  - a\n", "p:3: `a' is in deny already, by p:2" },
		{ "max_file_mb: 0\n", "p:1: max_file_mb is a number from 1 to 256" },
		{ "max_file_mb: 257\n", "p:1: max_file_mb is a number" },
		{ "max_scan_ms: 1s\n", "p:1: max_scan_ms is a number" },
		{ "max_scan_ms: [1]\n", "p:1: max_scan_ms is a number" },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct policy policy;
		struct told told;

		read_told(&policy, cases[i].text, &told);
		if (strncmp(told.text, cases[i].told, strlen(cases[i].told)))
			fail_msg("`%s': told `%s', not `%s'", cases[i].text, told.text, cases[i].told);
		policy_done(&policy);
	}
}

static void what_is_behind_a_refusal_is_still_read(void **state)
{
	struct policy policy;
	struct told told;

	read_told(&policy, "oops: {a: [b]}\ndeny: [x, 'y z', z]\nmax_scan_ms: no\nmax_file_mb: 2\n", &told);
	assert_int_equal(policy.n_words, 2);
	assert_int_equal(policy.max_file_bytes, 2 << 20);
	policy_done(&policy);
}

static void a_setting_is_made_in_one_file(void **state)
{
	struct told told = { 0 };
	struct report report = { .tell = on_refusal, .userdata = &told };
	struct policy policy = { 0 };

	policy_read(&policy, "a", "max_file_mb: 1\n", 15, &report);
	policy_read(&policy, "b", "max_file_mb: 2\n", 15, &report);
	assert_string_equal(told.text, "b:1: it is set already by a:1\n");
	assert_int_equal(policy.max_file_bytes, 1 << 20);
	policy_done(&policy);
}

static void names_go_before_tags_and_tags_before_wishes(void **state)
{
	struct policy policy;
	struct told told;

	read_told(&policy, "deny: [bad, Rule_D]\nreport: [odd, Rule_R]\nignore: [good, Rule_I]\n", &told);
	assert_int_equal(policy_decide(&policy, "x", NULL, ACTION_REPORT), ACTION_REPORT);
	assert_int_equal(policy_decide(&policy, "x", "", ACTION_DENY), ACTION_DENY);
	assert_int_equal(policy_decide(&policy, "x", "other\0", ACTION_DENY), ACTION_DENY);
	assert_int_equal(policy_decide(&policy, "x", "odd\0", ACTION_DENY), ACTION_REPORT);
	assert_int_equal(policy_decide(&policy, "x", "good\0bad\0odd\0", ACTION_REPORT), ACTION_DENY);
	assert_int_equal(policy_decide(&policy, "x", "good\0odd\0", ACTION_DENY), ACTION_REPORT);
	assert_int_equal(policy_decide(&policy, "Rule_R", "bad\0", ACTION_DENY), ACTION_REPORT);
	assert_int_equal(policy_decide(&policy, "Rule_I", "bad\0", ACTION_DENY), ACTION_IGNORE);
	assert_int_equal(policy_decide(&policy, "Rule_D", "good\0", ACTION_REPORT), ACTION_DENY);
	assert_int_equal(policy_decide(&policy, "rule_d", NULL, ACTION_REPORT), ACTION_REPORT);
	policy_done(&policy);
}

static void words_that_fit_nothing_are_refused(void **state)
{
	struct told told;
	struct report report = { .tell = on_refusal, .userdata = &told };
	struct policy policy;

	read_told(&policy, "deny: [bad, badd]\nignore: [x]\n", &told);
	policy_decide(&policy, "x", "bad\0", ACTION_REPORT);
	policy_refuse_unused(&policy, &report);
	assert_string_equal(told.text, "p:1: no rule and no tag is called `badd'\n");
	policy_done(&policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_policy_with_everything_is_taken),
		cmocka_unit_test(each_fault_is_refused_with_its_line),
		cmocka_unit_test(what_is_behind_a_refusal_is_still_read),
		cmocka_unit_test(a_setting_is_made_in_one_file),
		cmocka_unit_test(names_go_before_tags_and_tags_before_wishes),
		cmocka_unit_test(words_that_fit_nothing_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
