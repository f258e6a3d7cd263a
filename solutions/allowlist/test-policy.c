/* SPDX-License-Identifier: Apache-2.0 */
/* Test-policy - what is taken, and what is refused, on which line and why */
#include "test-support.h"

#define HEX "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define RULE "rules:\n  - id: a\n    action: deny\n"

static void a_policy_with_everything_is_taken(void **state)
{
	struct policy *policy = load_good("# a comment\nmode: lockdown\nmax_hash_mb: 0\nrules:\n"
					  "  - {id: a, action: deny, path: /tmp/, reason: 'no: really'}\n"
					  "  - id: b-1\n    action: audit\n    sha256: " HEX "\n    owner: root\n"
					  "  - id: c\n    action: allow\n    sha256:\n      - " HEX "\n      - \"" HEX "\"\n"
					  "    path: /x?\n    owner: 1000\n    package: false\n"
					  "    writable_by_others: false\n    foreign_ns: true\n");

	assert_int_equal(policy_count(policy), 3);
	assert_int_equal(policy_refused(policy), 0);
	assert_true(policy_is_lockdown(policy));
	policy_monitor(policy);
	assert_false(policy_is_lockdown(policy));
	policy_free(policy);

	policy = load_good("rules: []\n");
	assert_false(policy_is_lockdown(policy));
	policy_free(policy);
}

static void each_fault_is_refused_with_its_line(void **state)
{
	static const struct {
		const char *text, *told;
	} cases[] = {
		/* the file */
		{ "", "p:1: a policy is a map" },
		{ "- a\n", "p:1: a policy is a map" },
		{ "\n\nx\n", "p:3: a policy is a map" },
		{ "rules: [\n", "p:2: not YAML" },
		{ "mode: monitor\nrules: \"\xff\"\n", "p:2: not YAML" },
		{ "mode: monitor\n---\nmode: monitor\n", "p:2: a file holds one policy" },
		{ "mode: &a monitor\n", "p:1: anchors" },
		{ "mode: monitor\nrules: *a\n", "p:2: aliases" },
		{ "mode: !!str monitor\n", "p:1: tags" },
		{ RULE "    path: [[[[[[[[[[]]]]]]]]]]\n", "p:4: nested deeper than 8" },
		{ "modes: monitor\n", "p:1: a policy has no key `modes'" },
		{ "mode: monitor\nmode: monitor\n", "p:2: key `mode' appears twice" },
		{ "[a]: b\n", "p:1: a policy has no key `?'" },
		{ "mode: enforce\n", "p:1: a mode is one of" },
		{ "mode: [lockdown]\n", "p:1: a mode is one of" },
		{ "\nmax_hash_mb: -1\n", "p:2: max_hash_mb is a number" },
		{ "max_hash_mb: 65537\n", "p:1: max_hash_mb is a number" },
		{ "max_hash_mb: 1M\n", "p:1: max_hash_mb is a number" },
		{ "rules: {}\n", "p:1: rules are a list" },
		/* a rule */
		{ "rules:\n  - text\n", "p:2: a rule is a map" },
		{ "rules:\n  - action: deny\n    path: /x\n", "p:2: a rule needs an id" },
		{ "rules:\n  - id: a\n    path: /x\n", "p:2: a rule needs an action" },
		{ RULE, "p:2: a rule without a condition" },
		{ RULE "    foreign_ns: true\n", "p:2: a rule without a condition" },
		{ RULE "    owner: root\n    foreign_ns: true\n", "p:2: foreign_ns says something of" },
		{ RULE "    pth: /x\n", "p:4: a rule has no key `pth'" },
		{ RULE "    path: /x\n    path: /y\n", "p:5: a key appears twice" },
		{ RULE "    [path]: /x\n", "p:4: a rule has no key `?'" },
		{ "rules:\n  - id: A\n", "p:2: an id is" },
		{ "rules:\n  - id: ''\n", "p:2: an id is" },
		{ "rules:\n  - id: a_b\n", "p:2: an id is" },
		{ "rules:\n  - id: [a]\n", "p:2: an id is" },
		{ "rules:\n  - id: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n", "p:2: an id is" },
		{ "rules:\n  - id: not-allowed\n", "p:2: the id not-allowed stands for" },
		{ "rules:\n  - id: a\n    action: block\n", "p:3: an action is one of" },
		{ "rules:\n  - id: a\n    action: none\n", "p:3: an action is one of" },
		{ "rules:\n  - id: a\n    action: {deny: 1}\n", "p:3: an action is one of" },
		{ RULE "    path: x\n", "p:4: a path must begin with a slash" },
		{ RULE "    path: [/x]\n", "p:4: a path is text" },
		{ RULE "    path: \"/a\\0b\"\n", "p:4: a path is text" },
		{ RULE "    sha256: abc\n", "p:4: a sha256 is 64" },
		{ RULE "    sha256:\n      - " HEX "\n      - x\n", "p:6: a sha256 is 64" },
		{ RULE "    sha256: [[" HEX "]]\n", "p:4: a sha256 is 64" },
		{ RULE "    sha256: []\n", "p:4: the list is empty" },
		{ RULE "    sha256: {}\n", "p:4: a sha256 is 64" },
		{ RULE "    owner: nobody\n", "p:4: an owner is" },
		{ RULE "    owner: -1\n", "p:4: an owner is" },
		{ RULE "    owner: 4294967295\n", "p:4: an owner is" },
		{ RULE "    owner: 99999999999999999999\n", "p:4: an owner is" },
		{ RULE "    package: yes\n", "p:4: it is true or false" },
		{ RULE "    package: 'true'\n", "p:4: it is true or false" },
		{ RULE "    writable_by_others: 1\n", "p:4: it is true or false" },
		{ RULE "    path: /x\n    foreign_ns: [true]\n", "p:5: it is true or false" },
		{ RULE "    path: /x\n    reason: ''\n", "p:5: a reason is text" },
		{ RULE "    path: /x\n    reason: \"a\\nb\"\n", "p:5: a reason is one line" },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct told told;
		struct policy *policy = load_told(cases[i].text, &told);

		if (strncmp(told.text, cases[i].told, strlen(cases[i].told)) ||
		    strchr(told.text, '\n') != strrchr(told.text, '\n'))
			fail_msg("%s---\nwanted `%s', told:\n%s", cases[i].text, cases[i].told, told.text);
		assert_int_equal(policy_refused(policy), 1);
		assert_int_equal(policy_count(policy), 0);
		policy_free(policy);
	}
}

static void a_refused_rule_does_not_touch_the_others(void **state)
{
	struct told told;
	struct policy *policy = load_told("rules:\n"
					  "  - {id: a, action: deny, path: /a}\n"
					  "  - {id: [{x: [y]}], action: deny, pth: {a: [b]}, path: [/b, /c]}\n"
					  "  - {id: c, action: deny, path: /c}\n"
					  "  - {id: d, action: [deny, {e: f}], path: /d, sha256: [x, y]}\n"
					  "  - {id: e, action: deny, path: /e}\n"
					  "extra: {a: [1, 2]}\nmode: lockdown\n", &told);

	assert_string_equal(told.text, "p:3: an id is 1 to 64 of a-z, 0-9 and -\n"
				       "p:5: an action is one of deny, allow, audit\n"
				       "p:7: a policy has no key `extra'\n");
	assert_int_equal(policy_count(policy), 3);
	assert_true(policy_is_lockdown(policy));
	policy_free(policy);
}

static void rules_before_a_fault_of_syntax_are_kept(void **state)
{
	struct told told;
	struct policy *policy = load_told("rules:\n  - {id: a, action: deny, path: /a}\n  - {id: b\n", &told);

	assert_int_equal(policy_count(policy), 1);
	assert_int_equal(policy_refused(policy), 1);
	policy_free(policy);
}

static void an_id_means_one_rule_the_first(void **state)
{
	struct told told;
	struct policy *policy = load_told("rules:\n"
					  "  - {id: b, action: allow, path: /1}\n"
					  "  - {id: a, action: allow, path: /2}\n"
					  "  - {id: b, action: deny, path: /3}\n"
					  "  - {id: b, action: deny, path: /4}\n", &told);

	assert_string_equal(told.text, "p:4: the id b is also that of p:2\np:5: the id b is also that of p:2\n");
	assert_int_equal(policy_count(policy), 2);
	policy_free(policy);
}

static void folders_are_read_as_one_policy(void **state)
{
	char folder[64], path[128], wanted[512];
	const char *paths[] = { folder };
	struct policy *policy = NULL;
	struct told told = { 0 };

	make_folder(folder);
	snprintf(path, sizeof(path), "%s/deep", folder);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/pipe.yaml", folder);
	assert_int_equal(mkfifo(path, 0600), 0);
#define PUT(name, text) snprintf(path, sizeof(path), "%s/" name, folder), write_file(path, text)
	PUT("a.yaml", "mode: monitor\nrules:\n  - {id: a, action: deny, path: /a}\n");
	PUT("deep/b.yml", "mode: lockdown\nrules:\n  - {id: a, action: deny, path: /b}\n");
	PUT("deep/c.txt", "not: read\n");
	PUT(".d.yaml", "not: read\n");
	assert_int_equal(policy_load(&policy, paths, 1, on_refusal, &told), 0);
	snprintf(wanted, sizeof(wanted), "%s/deep/b.yml:1: it is set already by %s/a.yaml:1\n"
					 "%s/pipe.yaml:0: cannot be read: Invalid argument\n"
					 "%s/deep/b.yml:3: the id a is also that of %s/a.yaml:3\n",
		 folder, folder, folder, folder, folder);
	assert_string_equal(told.text, wanted);
	assert_false(policy_is_lockdown(policy));
	assert_int_equal(policy_count(policy), 1);
	policy_free(policy);
	remove_folder(folder);
}

static void a_folder_without_a_policy_is_refused(void **state)
{
	char folder[64];
	const char *paths[] = { folder };
	struct policy *policy = NULL;

	make_folder(folder);
	assert_int_equal(policy_load(&policy, paths, 1, NULL, NULL), 0);
	assert_int_equal(policy_refused(policy), 1);
	policy_free(policy);
	remove_folder(folder);
	assert_int_equal(policy_load(&policy, paths, 1, NULL, NULL), 0);
	assert_int_equal(policy_refused(policy), 1);
	policy_free(policy);
}

static void many_rules_are_loaded_and_too_large_a_file_is_not(void **state)
{
	char *text = malloc(POLICY_MAX_BYTES + 2), *at = text;
	struct policy *policy = NULL;
	struct told told = { 0 };

	assert_non_null(text);
	at += sprintf(at, "rules:\n");
	for (unsigned int i = 0; i < POLICY_MAX_RULES + 1; i++)
		at += sprintf(at, "- {id: r%u, action: allow, path: /opt/%u}\n", i, i);
	assert_int_equal(policy_load_text(&policy, "p", text, (size_t)(at - text), on_refusal, &told), 0);
	assert_int_equal(policy_count(policy), POLICY_MAX_RULES);
	assert_string_equal(told.text, "p:100002: there are too many rules\n");
	policy_free(policy);

	memset(text, '\n', POLICY_MAX_BYTES + 1);
	told = (struct told){ 0 };
	assert_int_equal(policy_load_text(&policy, "p", text, POLICY_MAX_BYTES + 1, on_refusal, &told), 0);
	assert_string_equal(told.text, "p:0: a policy has at most 16 MiB\n");
	policy_free(policy);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_policy_with_everything_is_taken),
		cmocka_unit_test(each_fault_is_refused_with_its_line),
		cmocka_unit_test(a_refused_rule_does_not_touch_the_others),
		cmocka_unit_test(rules_before_a_fault_of_syntax_are_kept),
		cmocka_unit_test(an_id_means_one_rule_the_first),
		cmocka_unit_test(folders_are_read_as_one_policy),
		cmocka_unit_test(a_folder_without_a_policy_is_refused),
		cmocka_unit_test(many_rules_are_loaded_and_too_large_a_file_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
