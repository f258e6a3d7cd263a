/* SPDX-License-Identifier: Apache-2.0 */
/* Test-scan - what is found in a file, in how much time, and what is said of what was not scanned */
#include "test-support.h"

#include <fcntl.h>
#include <sys/resource.h>

static struct result *scan_bytes(const struct rules *rules, const void *bytes, size_t n, struct subject subject)
{
	int fd = make_file(bytes, n);
	struct result *result;

	subject.fd = fd;
	subject.size = n;
	if (!subject.path)
		subject.path = "/opt/tool.sh";
	if (!subject.max_matches)
		subject.max_matches = RESULT_MAX_MATCHES;
	result = scan(rules, &subject);
	assert_non_null(result);
	assert_int_equal(close(fd), 0);
	return result;
}

static struct result *scan_text(const struct rules *rules, const char *text)
{
	return scan_bytes(rules, text, strlen(text), (struct subject){ 0 });
}

static void a_match_says_all_that_the_rule_says(void **state)
{
	struct rules *rules = load_good("rule Found : one two { meta: description = \"d\" author = \"a\"\n"
					"reference = \"r1\" reference2 = \"r2\" severity = \"critical\"\n"
					"strings: $x = \"needle\" $y = { 01 02 } $z = \"absent\"\n"
					"condition: any of them and #x == 2 }", NULL);
	struct result *result = scan_text(rules, "a needle, a needle, \1\2");
	const struct match *match = result->matches;

	assert_int_equal(result->outcome, OUTCOME_SCANNED);
	assert_int_equal(result->n_matches, 1);
	assert_string_equal(match->rule, "Found");
	assert_string_equal(match->title, "d");
	assert_string_equal(match->author, "a");
	assert_string_equal(match->source, "r.yar");
	assert_string_equal(match->strings, "0x2:$x, 0xc:$x, 0x14:$y");
	assert_int_equal(match->level, RINGFORT_LEVEL_CRITICAL);
	assert_int_equal(match->n_references, 2);
	assert_string_equal(match->references[1], "r2");
	assert_int_equal(match->n_tags, 2);
	assert_string_equal(match->tags[1], "two");
	assert_false(result->deny);
	/* copies, all of them */
	rules_free(rules);
	assert_string_equal(match->title, "d");
	result_unref(result);
}

static void levels_are_read_from_severity_score_and_tags(void **state)
{
	static const struct {
		const char *head, *meta;
		enum ringfort_level level;
	} cases[] = {
		{ "", "", RINGFORT_LEVEL_MEDIUM },
		{ "", "severity = \"Low\"", RINGFORT_LEVEL_LOW },
		{ "", "severity = \"dreadful\"", RINGFORT_LEVEL_MEDIUM },
		{ "", "severity = 9 score = 80", RINGFORT_LEVEL_HIGH },
		{ "", "score = 79", RINGFORT_LEVEL_MEDIUM },
		{ "", "score = 40", RINGFORT_LEVEL_LOW },
		{ "", "score = 39", RINGFORT_LEVEL_INFORMATIONAL },
		{ ": linux critical", "", RINGFORT_LEVEL_CRITICAL },
		{ ": critical", "score = 0", RINGFORT_LEVEL_INFORMATIONAL },
		{ ": critical", "score = 0 severity = \"info\"", RINGFORT_LEVEL_INFORMATIONAL },
		{ "", "ringfort = \"deny\" score = 0", RINGFORT_LEVEL_HIGH },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct rules *rules;
		struct result *result;
		char text[256];

		snprintf(text, sizeof(text), "rule a %s { meta: x = 1 %s condition: true }", cases[i].head,
			 cases[i].meta);
		rules = load_good(text, NULL);
		result = scan_text(rules, "x");
		if (result->matches[0].level != cases[i].level)
			fail_msg("%s %s: level %s", cases[i].head, cases[i].meta,
				 level_name(result->matches[0].level));
		result_unref(result);
		rules_free(rules);
	}
}

static void what_is_ignored_or_private_is_not_told(void **state)
{
	struct rules *rules = load_good("private rule p { condition: true }\nrule a { condition: p }\nrule b { condition: a }",
					"ignore: [a]\ndeny: [b]\n");
	struct result *result = scan_text(rules, "x");

	assert_int_equal(result->n_matches, 1);
	assert_string_equal(result->matches[0].rule, "b");
	assert_true(result->deny && result->matches[0].deny);
	result_unref(result);
	rules_free(rules);
}

static void rules_are_told_of_the_file(void **state)
{
	struct rules *rules = load_good("rule a { condition: filename == \"tool.sh\" and filepath == \"/opt/tool.sh\" and\n"
					"extension == \".sh\" and filetype == \"ELF\" and owner == \"root\" }\n"
					"rule b { condition: filename == \"\" and filepath == \"\" and extension == \"\" and\n"
					"filetype == \"\" and owner == \"4294967295\" }", NULL);
	struct result *result = scan_text(rules, "\x7f" "ELF...");

	assert_int_equal(result->n_matches, 1);
	assert_string_equal(result->matches[0].rule, "a");
	result_unref(result);
	result = scan_bytes(rules, "", 0, (struct subject){ .path = "", .uid = UINT32_MAX });
	assert_int_equal(result->n_matches, 1);
	assert_string_equal(result->matches[0].rule, "b");
	result_unref(result);
	rules_free(rules);
}

static void one_file_leaves_nothing_to_the_next(void **state)
{
	struct rules *rules = load_good("import \"elf\"\nrule a { condition: elf.machine == elf.EM_X86_64 }", NULL);
	static const unsigned char header[256] = { 0x7f, 'E', 'L', 'F', 2, 1, 1, [16] = 2, [18] = 62, [20] = 1, [52] = 64 };
	struct result *result = scan_bytes(rules, header, sizeof(header), (struct subject){ 0 });

	assert_int_equal(result->n_matches, 1);
	result_unref(result);
	result = scan_text(rules, "none");
	assert_int_equal(result->n_matches, 0);
	result_unref(result);
	rules_free(rules);
}

static void the_offset_of_the_descriptor_stays(void **state)
{
	struct rules *rules = load_good("rule a { strings: $a = \"start\" condition: $a at 0 }", NULL);
	int fd = make_file("start", 5);
	struct subject subject = { .fd = fd, .size = 5, .path = "", .max_matches = 1 };
	struct result *result;

	assert_int_equal(lseek(fd, 3, SEEK_SET), 3);
	result = scan(rules, &subject);
	assert_int_equal(result->n_matches, 1);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 3);
	result_unref(result);
	close(fd);
	rules_free(rules);
}

static void what_cannot_be_scanned_says_why(void **state)
{
	struct rules *rules = load_good("rule a { condition: true }", "max_file_mb: 1\n");
	struct subject subject = { .fd = -1, .path = "", .max_matches = 1 };
	struct result *result = scan(rules, &subject);
	int fd = open("/tmp", O_PATH | O_CLOEXEC);

	assert_int_equal(result->outcome, OUTCOME_NO_FILE);
	assert_int_equal(result->n_matches, 0);
	result_unref(result);
	subject.fd = fd;
	result = scan(rules, &subject);
	assert_int_equal(result->outcome, OUTCOME_UNREADABLE);
	result_unref(result);
	subject.size = (1 << 20) + 1;
	result = scan(rules, &subject);
	assert_int_equal(result->outcome, OUTCOME_TOO_LARGE);
	result_unref(result);
	close(fd);
	rules_free(rules);
}

static void a_file_that_grew_or_shrank_is_known_as_changed(void **state)
{
	struct rules *rules = load_good("rule a { strings: $a = \"abcd\" condition: $a }", NULL);
	int fd = make_file("abcdef", 6);
	struct subject subject = { .fd = fd, .path = "", .max_matches = 1 };

	for (subject.size = 5; subject.size <= 7; subject.size++) {
		struct result *result = scan(rules, &subject);

		assert_int_equal(result->outcome, OUTCOME_SCANNED);
		assert_int_equal(result->n_matches, 1);
		assert_int_equal(result->changed, subject.size != 6);
		result_unref(result);
	}
	close(fd);
	rules_free(rules);
}

static void a_scan_ends_in_time(void **state)
{
	struct rules *rules = load_good("rule a { condition: filesize > 1 and for all i in (0..4000000000) : ( i >= 0 ) }",
					"max_scan_ms: 50\n");
	uint64_t begin = monotonic_ns();
	struct result *result = scan_bytes(rules, "xx", 2, (struct subject){ .in_time = true, .stop_ns = UINT64_MAX });

	assert_int_equal(result->outcome, OUTCOME_OUT_OF_TIME);
	assert_false(result->cut_short);
	assert_int_equal(result->n_matches, 0);
	assert_true(monotonic_ns() - begin >= 50000000);
	result_unref(result);

	begin = monotonic_ns();
	result = scan_bytes(rules, "xx", 2, (struct subject){ .in_time = true, .stop_ns = begin + 10000000 });
	assert_int_equal(result->outcome, OUTCOME_OUT_OF_TIME);
	assert_true(result->cut_short);
	result_unref(result);

	/* too late before it began */
	result = scan_bytes(rules, "xx", 2, (struct subject){ .in_time = true, .stop_ns = 0 });
	assert_int_equal(result->outcome, OUTCOME_OUT_OF_TIME);
	result_unref(result);
	rules_free(rules);
}

static void many_matches_fill_no_memory(void **state)
{
	struct rules *rules = load_good("rule a { strings: $a = \"aaaa\" condition: #a > 10 }", NULL);
	size_t n = 4 << 20;
	char *bytes = malloc(n);
	struct result *result;

	assert_non_null(bytes);
	memset(bytes, 'a', n);
	/* libyara counts to a million, and no further */
	result = scan_bytes(rules, bytes, n, (struct subject){ 0 });
	assert_int_equal(result->outcome, OUTCOME_SCANNED);
	assert_int_equal(result->n_matches, 1);
	assert_string_equal(result->matches[0].strings, "0x0:$a, 0x1:$a, 0x2:$a");
	result_unref(result);
	free(bytes);
	rules_free(rules);
}

static void without_memory_a_scan_gives_up_and_the_next_is_as_good_as_any(void **state)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	skip(); /* their allocators end the process */
#endif
	struct rules *rules = load_good("rule a { strings: $a = \"aaaa\" $b = \"aaaaa\" $c = \"aaaaaa\"\n"
					"condition: #a > 1 and #b > 1 and #c > 1 }", NULL);
	struct rlimit before, small;
	size_t n = 4 << 20;
	char *bytes = malloc(n);
	struct result *result;

	assert_non_null(bytes);
	memset(bytes, 'a', n);
	assert_int_equal(getrlimit(RLIMIT_DATA, &before), 0);
	small = before;
	small.rlim_cur = 64 << 20;
	assert_int_equal(setrlimit(RLIMIT_DATA, &small), 0);
	result = scan_bytes(rules, bytes, n, (struct subject){ 0 });
	assert_int_equal(result->outcome, OUTCOME_FAILED);
	assert_string_equal(result->detail, "not enough memory");
	assert_int_equal(result->n_matches, 0);
	result_unref(result);
	result = scan_bytes(rules, bytes, 100, (struct subject){ 0 });
	assert_int_equal(result->outcome, OUTCOME_SCANNED);
	assert_int_equal(result->n_matches, 1);
	result_unref(result);
	assert_int_equal(setrlimit(RLIMIT_DATA, &before), 0);
	free(bytes);
	rules_free(rules);
}

static void names_that_look_deleted_are_names(void **state)
{
	assert_false(path_is_nameless("/opt/x (deleted)", 1));
	assert_true(path_is_nameless("/opt/x (deleted)", 0));
	assert_true(path_is_nameless("/memfd:x (deleted)", 0));
	assert_false(path_is_nameless("/opt/x", 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_match_says_all_that_the_rule_says),
		cmocka_unit_test(levels_are_read_from_severity_score_and_tags),
		cmocka_unit_test(what_is_ignored_or_private_is_not_told),
		cmocka_unit_test(rules_are_told_of_the_file),
		cmocka_unit_test(one_file_leaves_nothing_to_the_next),
		cmocka_unit_test(the_offset_of_the_descriptor_stays),
		cmocka_unit_test(what_cannot_be_scanned_says_why),
		cmocka_unit_test(a_file_that_grew_or_shrank_is_known_as_changed),
		cmocka_unit_test(a_scan_ends_in_time),
		cmocka_unit_test(many_matches_fill_no_memory),
		cmocka_unit_test(without_memory_a_scan_gives_up_and_the_next_is_as_good_as_any),
		cmocka_unit_test(names_that_look_deleted_are_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
