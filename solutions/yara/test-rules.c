/* SPDX-License-Identifier: Apache-2.0 */
/* Test-rules - which files of rules are taken, which are refused and why, and what becomes of each rule */
#include "counts.h"
#include "test-support.h"

#define ALWAYS "{ condition: true }\n"

static void write_file(const char *folder, const char *name, const char *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void remove_folder(const char *path)
{
	char command[96];

	snprintf(command, sizeof(command), "rm -rf %s", path);
	assert_int_equal(system(command), 0);
}

static void on_pause(void *userdata)
{
	++*(size_t *)userdata;
}

static void each_fault_is_refused_with_its_line(void **state)
{
	static const struct {
		const char *text, *told;
	} cases[] = {
		{ "rule a\n{\n  condition: tru }", "r.yar:3: undefined identifier \"tru\"" },
		{ "rule a " ALWAYS "rule a " ALWAYS, "r.yar:2: duplicated identifier \"a\"" },
		{ "rule a {", "r.yar:1: syntax error" },
		{ "\ninclude \"other.yar\"\nrule a " ALWAYS, "r.yar:2: includes are disabled" },
		{ "\nimport \"nothing\"\nrule a " ALWAYS, "r.yar:2: unknown module \"nothing\"" },
		{ "rule a { strings: $a = /(/ condition: $a }", "r.yar:1: " },
		{ "YARA\1\2\3", "r.yar:0: compiled rules are never loaded" },
		{ "rule a { meta: ringfort = \"Deny\" condition: true }",
		  "r.yar:0: rule `a': meta `ringfort' is one of" },
		{ "rule a { meta: ringfort = 1 condition: true }", "r.yar:0: rule `a': meta" },
		{ "rule a { condition: md5 == \"\" }", "r.yar:1: undefined identifier \"md5\"" },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct told told;
		struct rules *rules = load_told(cases[i].text, NULL, &told);

		if (strncmp(told.text, cases[i].told, strlen(cases[i].told)))
			fail_msg("`%s': told `%s', not `%s'", cases[i].text, told.text, cases[i].told);
		assert_int_equal(rules_count(rules), 0);
		assert_int_equal(rules_refused(rules), 1);
		rules_free(rules);
	}
}

static void a_bad_file_does_not_touch_the_others(void **state)
{
	char folder[] = "/tmp/ringfort-yara-XXXXXX";
	size_t n_pauses = 0;
	struct told told = { 0 };
	struct rules_loading loading = { .report = { .tell = on_refusal, .userdata = &told },
					 .pause = on_pause, .userdata = &n_pauses };
	const char *paths[] = { folder };
	struct rules *rules;
	char expected[256];

	assert_non_null(mkdtemp(folder));
	write_file(folder, "a.yar", "rule a " ALWAYS);
	write_file(folder, "b.yar", "rule b\n");
	/* a namespace of its own: a may be there twice */
	write_file(folder, "c.yara", "rule a " ALWAYS "private rule c " ALWAYS);
	write_file(folder, "d.yarc", "YARA");
	write_file(folder, "e.txt", "rule e\n");
	write_file(folder, ".f.yar", "rule f\n");
	write_file(folder, "p.yaml", "deny: [c]\n");
	assert_int_equal(rules_load(&rules, paths, 1, &loading), 0);
	snprintf(expected, sizeof(expected),
		 "%s/d.yarc:0: compiled rules are never loaded: give their source\n"
		 "%s/b.yar:1: syntax error", folder, folder);
	assert_memory_equal(told.text, expected, strlen(expected));
	assert_int_equal(rules_count(rules), 3);
	assert_int_equal(rules_count_denying(rules), 1);
	assert_int_equal(rules_refused(rules), 2);
	assert_true(n_pauses > 3);
	rules_free(rules);
	remove_folder(folder);
}

static void a_folder_without_rules_and_a_missing_one_are_refused(void **state)
{
	char folder[] = "/tmp/ringfort-yara-XXXXXX";
	struct told told = { 0 };
	struct rules_loading loading = { .report = { .tell = on_refusal, .userdata = &told } };
	const char *paths[] = { folder };
	struct rules *rules;

	assert_non_null(mkdtemp(folder));
	assert_int_equal(rules_load(&rules, paths, 1, &loading), 0);
	assert_non_null(strstr(told.text, ":0: there is no *.yar and no *.yara here\n"));
	assert_int_equal(rules_count(rules), 0);
	rules_free(rules);
	remove_folder(folder);
	told.text[0] = 0;
	loading.report.n = 0;
	assert_int_equal(rules_load(&rules, paths, 1, &loading), 0);
	assert_non_null(strstr(told.text, ":0: cannot be read: No such file"));
	rules_free(rules);
}

static void a_nul_byte_hides_no_rules(void **state)
{
	char folder[] = "/tmp/ringfort-yara-XXXXXX", path[64];
	struct told told = { 0 };
	struct rules_loading loading = { .report = { .tell = on_refusal, .userdata = &told } };
	const char *paths[] = { folder };
	static const char text[] = "rule a " ALWAYS "\0rule b " ALWAYS;
	struct rules *rules;
	FILE *file;

	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/a.yar", folder);
	file = fopen(path, "we");
	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, sizeof(text) - 1, file), sizeof(text) - 1);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(rules_load(&rules, paths, 1, &loading), 0);
	assert_non_null(strstr(told.text, "a.yar:2: there is a NUL byte\n"));
	rules_free(rules);
	remove_folder(folder);
}

static void whether_names_are_used_is_known(void **state)
{
	static const struct {
		const char *condition;
		bool use_names;
	} cases[] = {
		{ "true", false },
		{ "filetype == \"ELF\" and owner == \"root\"", false },
		{ "filename == \"x\"", true },
		{ "filepath contains \"x\"", true },
		{ "extension == \".x\"", true },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct rules *rules;
		char text[128];

		snprintf(text, sizeof(text), "rule a { condition: %s }", cases[i].condition);
		rules = load_good(text, NULL);
		assert_int_equal(rules_use_names(rules), cases[i].use_names);
		rules_free(rules);
	}
}

static void the_policy_is_about_rules_that_are_there(void **state)
{
	struct told told;
	struct rules *rules = load_told("rule a : t " ALWAYS "rule b { meta: ringfort = \"deny\" condition: true }",
					"deny: [t, u]\n", &told);

	assert_string_equal(told.text, "p.yaml:1: no rule and no tag is called `u'\n");
	assert_int_equal(rules_count_denying(rules), 2);
	rules_free(rules);
}

static void counts_that_libyara_fails_at_are_seen(void **state)
{
	assert_int_equal(counts_line("condition:\n #a in (1..2) == 1"), 2);
	assert_int_equal(counts_line("#a\tin\n( filesize - 4 .. filesize)"), 1);
	assert_int_equal(counts_line("# in (0x10..2)"), 1);
	assert_int_equal(counts_line("#a in (0..2) or #b in ( 0 .. 9)"), 0);
	assert_int_equal(counts_line("for all i in (1..#a) : ( @a[i] in (1..2) )"), 0);
	assert_int_equal(counts_line("#a inside (1..2)"), 0);
	/* where it is none */
	assert_int_equal(counts_line("$a = \"\\\"#a in (1..2)\" // #a in (1..2)\n/* #a in (1..2) */"), 0);
	assert_int_equal(counts_line("$a = /\\/#a in (1..2)/ and\n#b in (1..2)"), 2);
	assert_int_equal(counts_line("/* #a in (1..2)"), 0);
	assert_int_equal(counts_line("\"\\"), 0);
}

static void a_count_that_libyara_fails_at_is_refused(void **state)
{
	struct told told;
	struct rules *rules = load_told("rule a {\n strings: $a = \"abcd\"\n condition: #a in (1..5) > 0 }", NULL, &told);

	/* With a libyara without the fault it is as good as any. */
	if (counts_work())
		assert_string_equal(told.text, "");
	else
		assert_string_equal(told.text, "r.yar:3: libyara fails at counts in a range that does not begin with 0\n");
	rules_free(rules);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_fault_is_refused_with_its_line),
		cmocka_unit_test(a_bad_file_does_not_touch_the_others),
		cmocka_unit_test(a_folder_without_rules_and_a_missing_one_are_refused),
		cmocka_unit_test(a_nul_byte_hides_no_rules),
		cmocka_unit_test(whether_names_are_used_is_known),
		cmocka_unit_test(the_policy_is_about_rules_that_are_there),
		cmocka_unit_test(counts_that_libyara_fails_at_are_seen),
		cmocka_unit_test(a_count_that_libyara_fails_at_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
