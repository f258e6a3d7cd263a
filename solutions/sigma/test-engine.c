/* SPDX-License-Identifier: Apache-2.0 */
/* Test-engine - each form of Sigma against events, and what is refused, where and why */
#include "test-support.h"

/* One selection, one event with the field `f' (NULL: it is not there), the answer. */
static const struct {
	const char *selection;
	const char *value;
	int answer;
} values[] = {
	/* strings and escapes */
	{ "f: abc", "ABC", 1 },
	{ "f: abc", "abcd", 0 },
	{ "f: 'a*c'", "a\nc", 1 },
	{ "f: 'a\\*c'", "a*c", 1 },
	{ "f: 'a\\*c'", "abc", 0 },
	{ "f: 'a\\\\*'", "a\\b", 1 },
	{ "f: 'a\\\\\\*'", "a\\*", 1 },
	{ "f: 'a\\\\\\*'", "a\\b", 0 },
	{ "f: 'a\\b'", "a\\b", 1 },
	{ "f: '\\'", "\\", 1 },
	{ "f: 'a?c'", "a\xc3\xa9" "c", 1 },
	{ "f: 'a?" "?c'", "a\xc3\xa9" "c", 0 },
	{ "f: 'a?c'", "a\xff" "c", 1 },
	{ "f: '?" "?" "?'", "a\xff\xfe", 1 },
	{ "f: '\xc3\xa9*'", "\xc3\x89t", 1 },
	{ "f|cased: '\xc3\xa9*'", "\xc3\x89t", 0 },
	{ "f: '*'", "", 1 },
	{ "f: ''", "", 1 },
	{ "f: ''", NULL, 0 },
	{ "f: ''", "x", 0 },
	{ "f: null", NULL, 1 },
	{ "f: null", "\x01", 1 },
	{ "f: null", "", 0 },
	{ "f: 12", "12", 1 },
	{ "f: 0x0c", "12", 1 },
	{ "f: true", "TRUE", 1 },
	/* modifiers */
	{ "f|contains: b", "aBc", 1 },
	{ "f|contains: ''", "", 1 },
	{ "f|startswith: ab", "abc", 1 },
	{ "f|startswith: bc", "abc", 0 },
	{ "f|endswith: bc", "abc", 1 },
	{ "f|endswith: '\\'", "a\\", 1 },
	{ "f|contains|all: [a, c]", "abc", 1 },
	{ "f|contains|all: [a, d]", "abc", 0 },
	{ "f|cased: A", "a", 0 },
	{ "f|contains|cased: B", "aBc", 1 },
	{ "f|neq: a", "b", 1 },
	{ "f|neq: a", "A", 0 },
	{ "f|neq: a", NULL, 1 },
	{ "f|contains|all|neq: [a, b]", "ac", 1 },
	{ "f|re: 'b.'", "abc", 1 },
	{ "f|re: 'B.'", "abc", 0 },
	{ "f|re|i: 'B.'", "abc", 1 },
	{ "f|re: 'a.b'", "a\nb", 0 },
	{ "f|re|s: 'a.b'", "a\nb", 1 },
	{ "f|re|m: '^b$'", "a\nb\nc", 1 },
	{ "f|re: '^a.b$'", "a\xc3\xa9" "b", 1 },
	{ "f|re: '^a..b$'", "a\xc3\xa9" "b", 0 },
	{ "f|re: 'x(?=y)'", "xy", 1 }, /* vectorscan has no lookahead */
	{ "f|re: '(a)\\1'", "aa", 1 },
	{ "f|re: '^$'", "", 1 },
	{ "f|re|startswith: 'b'", "ab", 0 },
	{ "f|re|endswith: 'b'", "ab", 1 },
	{ "f|cidr: 10.0.0.0/8", "10.9.8.7", 1 },
	{ "f|cidr: 10.0.0.0/8", "10.9.8", 0 },
	{ "f|cidr: 'fe80::/10'", "febf::1", 1 },
	{ "f|cidr: 'fe80::/10'", "fec0::1", 0 },
	{ "f|base64: abc", "YWJj", 1 },
	{ "f|base64offset|contains: 'abc'", "eGFiYw==", 1 },
	{ "f|wide|base64: ab", "YQBiAA==", 1 },
	{ "f|utf16be|base64: ab", "AGEAYg==", 1 },
	{ "f|utf16|base64: a", "//5hAA==", 1 },
	{ "f|windash|contains: ' -x'", "p /x", 1 },
	{ "f|windash|contains: ' -x'", "p \xe2\x80\x93x", 1 },
	{ "f|windash|contains: 'a-x'", "a/x", 0 },
	{ "f|windash|base64: '-x'", "L3g=", 1 },
	{ "f|exists: true", "\x01", 1 },
	{ "f|exists: false", NULL, 1 },
	{ "f|exists: false", "", 0 },
	{ "f|gt: 5", "6", 1 },
	{ "f|gt: 5", "5", 0 },
	{ "f|gte: 9223372036854775807", "9223372036854775806", 0 },
	{ "f|lt: 1.5", "1.25", 1 },
	{ "f|lte: -3", "-3.0", 1 },
	{ "f|gt: 5", "six", 0 },
	{ "f|gt: 5", "0x10", 0 },
	{ "f|hour: 13", "2025-08-02T13:45:10Z", 1 },
	{ "f|hour|gte: 13", "2025-08-02 14:45:10", 1 },
	{ "f|week: 1", "2024-12-30", 1 },
	{ "f|week: 53", "2021-01-01", 1 },
	{ "f|day: 29", "2024-02-29", 1 },
	{ "f|day: 29", "2023-02-29", 0 },
	{ "f|minute: 0", "2024-02-29", 0 },
};

static void a_value_matches_as_the_specification_says(void **state)
{
	for (size_t i = 0; i < ARRAY_LENGTH(values); i++) {
		_cleanup_(sigma_rules_freep) struct sigma_rules *rules = NULL;
		struct told told;
		int answer;

		rules = load_selection(values[i].selection, &told);
		if (told.verdict != SIGMA_LOADED)
			fail_msg("%s: %s", values[i].selection, told.reason);
		answer = values[i].value ? match(rules, "f", values[i].value) : match(rules, "g", "");
		if (answer != values[i].answer)
			fail_msg("%s against `%s': %d", values[i].selection,
				 values[i].value ? values[i].value : "(absent)", answer);
	}
}

/* Search identifiers a, b, c, _d and not_e are true when the field of their name is 1. */
static const struct {
	const char *condition;
	const char *truth; /* letters of those that are 1 */
	int answer;
} conditions[] = {
	{ "a and b or c", "c", 1 },
	{ "a or b and c", "b", 0 },
	{ "(a or b) and c", "bc", 1 },
	{ "not a and b", "b", 1 },
	{ "not (a and b)", "ab", 0 },
	{ "not not a", "a", 1 },
	{ "1 of them", "c", 1 },
	{ "1 of them", "d", 0 },
	{ "all of them", "abce", 1 },
	{ "all of them", "abc", 0 },
	{ "any of a*", "a", 1 },
	{ "1 of _*", "d", 1 },
	{ "1 of *", "d", 0 },
	{ "not_e", "e", 1 },
	{ "not not_e", "e", 0 },
	{ "1 of *e", "e", 1 },
	{ "1 of n*_*", "e", 1 },
	{ "[a, 'b and c']", "bc", 1 },
	{ "[a, 'b and c']", "b", 0 },
	{ "not 1 of a* and c", "c", 1 },
};

static int run_condition(const char *condition, const char *truth, struct told *told)
{
	_cleanup_(sigma_rules_freep) struct sigma_rules *rules = NULL;
	char text[1024];
	const char *pairs[11];
	static const char *const names[] = { "a", "b", "c", "d", "e" };

	snprintf(text, sizeof(text),
		 HEAD "detection:\n  a: {a: 1}\n  b: {b: 1}\n  c: {c: 1}\n  _d: {d: 1}\n"
		      "  not_e: {e: 1}\n  condition: %s\n",
		 condition);
	rules = load_text(text, told);
	for (size_t i = 0; i < 5; i++) {
		pairs[2 * i] = names[i];
		pairs[2 * i + 1] = strchr(truth, *names[i]) ? "1" : "0";
	}
	pairs[10] = NULL;
	return match_fields(rules, pairs);
}

static void a_condition_binds_as_the_specification_says(void **state)
{
	for (size_t i = 0; i < ARRAY_LENGTH(conditions); i++) {
		struct told told;
		int answer = run_condition(conditions[i].condition, conditions[i].truth, &told);

		if (told.verdict != SIGMA_LOADED || answer != conditions[i].answer)
			fail_msg("%s with %s: %d %s", conditions[i].condition, conditions[i].truth,
				 answer, told.reason);
	}
}

static void a_bad_condition_is_refused(void **state)
{
	static const struct {
		const char *condition;
		const char *reason;
	} cases[] = {
		{ "a and", "it ends where" },
		{ "a b", "`b' where" },
		{ "(a", "`)' is expected" },
		{ "a)", "`)' where" },
		{ "or a", "`or' where" },
		{ "nosuch", "no search identifier `nosuch'" },
		{ "1 of x*", "fits `x*'" },
		{ "2 of a*", "`1', `any' or `all'" },
		{ "a AND b", "`AND' where" },
		{ "a | count() > 5", "aggregations" },
		{ "1 of", "it ends where" },
		{ "''", "it ends where" },
		{ "[]", "an empty list" },
		{ "{x: 1}", "must be text, not a map" },
		{ "null", "must be text, not null" },
	};
	char deep[400];
	struct told told;

	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		run_condition(cases[i].condition, "", &told);
		if (told.verdict != SIGMA_REFUSED || told.line != 11 ||
		    !strstr(told.reason, cases[i].reason))
			fail_msg("%s: line %u: %s", cases[i].condition, told.line, told.reason);
	}
	memset(deep, '(', sizeof(deep));
	deep[sizeof(deep) - 1] = 0;
	run_condition(deep, "", &told);
	assert_non_null(strstr(told.reason, "nested deeper than 64"));
}

static void a_bad_rule_is_refused_with_line_and_reason(void **state)
{
	static const struct {
		const char *text;
		unsigned int line;
		const char *reason;
	} cases[] = {
		{ "x\n", 1, "must be a map" },
		{ "logsource: {product: a}\n", 1, "no `title'" },
		{ "title: t\n", 1, "no `logsource'" },
		{ "title: t\nlogsource: x\n", 2, "must be a map" },
		{ "title: t\nlogsource: {definition: x}\n", 2, "names no product" },
		{ "title: t\nlogsource: {product: [a]}\n", 2, "`product' must be text" },
		{ HEAD "level: severe\n", 5, "no level `severe'" },
		{ HEAD "status: done\n", 5, "no status `done'" },
		{ HEAD "references: x\n", 5, "must be a list" },
		{ HEAD "tags:\n  - [a]\n", 6, "list of texts" },
		{ HEAD, 1, "no `detection'" },
		{ HEAD "detection: []\n", 5, "must be a map" },
		{ HEAD "detection:\n  a: {b: 1}\n", 5, "no `condition'" },
		{ HEAD "detection:\n  condition: a\n", 6, "no search identifier" },
		{ HEAD "detection:\n  a: {}\n  condition: a\n", 6, "an empty map" },
		{ HEAD "detection:\n  a: []\n  condition: a\n", 6, "an empty list" },
		{ HEAD "detection:\n  a: {b: []}\n  condition: a\n", 6, "an empty list" },
		{ HEAD "detection:\n  a:\n    b: {c: 1}\n  condition: a\n", 7, "a map where" },
		{ HEAD "detection:\n  a:\n    b:\n      - x\n      - null\n  condition: a\n", 9, "null" },
		{ HEAD "detection:\n  a: [null]\n  condition: a\n", 6, "null cannot be a keyword" },
		{ HEAD "detection:\n  a: {b: 1}\n  timeframe: 5m\n  condition: a\n", 7, "timeframe" },
		{ "title: t\ncorrelation:\n  type: event_count\n", 2, "correlation rules are not supported" },
		{ HEAD "filter: {}\ndetection: {}\n", 5, "both" },
		{ HEAD "filter: {selection: {a: 1}, condition: selection}\n", 5, "names no rules" },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		_cleanup_(sigma_rules_freep) struct sigma_rules *rules = NULL;
		struct told told;

		rules = load_text(cases[i].text, &told);
		if (told.verdict != SIGMA_REFUSED || told.line != cases[i].line ||
		    !strstr(told.reason, cases[i].reason))
			fail_msg("case %zu: line %u: %s", i, told.line, told.reason);
		assert_int_equal(sigma_rules_count(rules, SIGMA_REFUSED), 1);
	}
}

static void a_bad_value_is_refused(void **state)
{
	static const char *const cases[][2] = {
		{ "f|nosuch: x", "unknown modifier `nosuch'" },
		{ "f|: x", "unknown modifier `'" },
		{ "f|contains|all: x", "`all' needs more than one" },
		{ "f|contains|all: [x]", "`all' needs more than one" },
		{ "f|all|all: [x, y]", "twice" },
		{ "f|contains|re: x", "must be the first" },
		{ "f|i: x", "must follow `re'" },
		{ "f|re: '(a'", "bad regular expression" },
		{ "f|re: '\\C'", "bad regular expression" },
		{ "f|re|cased: 'a'", "regular expression" },
		{ "f|base64: 'a*'", "wildcards" },
		{ "f|base64offset: ''", "too short" },
		{ "f|cidr: 10.0.0.0/33", "not an IPv4" },
		{ "f|cidr: 10.0.0.1/8", "behind its prefix" },
		{ "f|cidr: x", "not an IPv4" },
		{ "f|gt: x", "needs a number" },
		{ "f|gt: '5'", "needs a number" },
		{ "f|gt: .inf", "needs a decimal number" },
		{ "f|hour: x", "needs a number" },
		{ "f|exists: x", "true or false" },
		{ "f|exists: [true, false]", "one value" },
		{ "f|contains|exists: true", "must be the first" },
		{ "f|contains: null", "null" },
		{ "f|fieldref: 'a*b'", "wildcards" },
		{ "f|expand: '%x%'", "%x%" },
		{ "'|cidr': 10.0.0.0/8", "needs a field" },
		{ "'': x", "without a name" },
		{ "f: 0xfffffffffffffffff", "too large" },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		_cleanup_(sigma_rules_freep) struct sigma_rules *rules = NULL;
		struct told told;

		rules = load_selection(cases[i][0], &told);
		if (told.verdict != SIGMA_REFUSED || told.line != 7 ||
		    !strstr(told.reason, cases[i][1]))
			fail_msg("%s: line %u: %s", cases[i][0], told.line, told.reason);
	}
}

static void other_documents_load_when_one_is_refused(void **state)
{
	static const char text[] = HEAD "detection:\n  a: {f|no: 1}\n  condition: a\n---\n" HEAD
					"detection:\n  a: {f: 1}\n  condition: a\n";
	_cleanup_(sigma_rules_freep) struct sigma_rules *rules = NULL;
	struct told told;

	rules = load_text(text, &told);
	assert_int_equal(sigma_rules_count(rules, SIGMA_REFUSED), 1);
	assert_int_equal(sigma_rules_count(rules, SIGMA_LOADED), 1);
	assert_int_equal(match(rules, "f", "1"), 1);
}

static void fields_are_compared_with_each_other(void **state)
{
	_cleanup_(sigma_rules_freep) struct sigma_rules *rules = NULL;
	struct told told;

	rules = load_selection("f|fieldref|contains: g", &told);
	assert_int_equal(match(rules, "f", "xABCx", "g", "abc"), 1);
	assert_int_equal(match(rules, "f", "xABx", "g", "abc"), 0);
	assert_int_equal(match(rules, "f", "xABx"), 0);
	assert_int_equal(match(rules, "g", "xABx"), 0);
	sigma_rules_free(rules);
	rules = load_selection("f|fieldref|neq: g", &told);
	assert_int_equal(match(rules, "f", "a", "g", "A"), 0);
	assert_int_equal(match(rules, "f", "a", "g", "b"), 1);
}

static void keywords_are_searched_in_every_value(void **state)
{
	_cleanup_(sigma_rules_freep) struct sigma_rules *rules = NULL;
	struct told told;

	rules = load_text(HEAD "detection:\n  k:\n    - foo*bar\n    - '4?2'\n  n:\n    '|all': [x, y]\n"
			       "  condition: k or n\n",
			  &told);
	assert_int_equal(match(rules, "nobody", "a foo and bar", "b", "1"), 1);
	assert_int_equal(match(rules, "nobody", "foo", "b", "bar"), 0);
	assert_int_equal(match(rules, "q", "[4\xc3\xa9" "2]"), 1);
	assert_int_equal(match(rules, "q", "x", "r", "y"), 1);
	assert_int_equal(match(rules, "q", "x", "r", "z"), 0);
}

#define FILTERED HEAD "id: i1\nname: n1\ndetection:\n  a: {f: 1}\n  condition: a\n---\n"
#define FILTER "title: f\nlogsource: {category: process_creation}\nfilter:\n  rules: [%s]\n  sel: {u: bob}\n  condition: %s\n"

static void a_filter_excludes_from_the_rules_that_it_names(void **state)
{
	static const struct {
		const char *target, *condition;
		int bob;
		enum sigma_verdict verdict;
	} cases[] = {
		{ "i1", "sel", 0, SIGMA_LOADED },
		{ "n1", "sel", 0, SIGMA_LOADED },
		{ "i1", "not sel", 0, SIGMA_LOADED }, /* as pySigma writes it */
		{ "other, i1", "1 of sel*", 0, SIGMA_LOADED },
		{ "other", "sel", 1, SIGMA_NO_SOURCE },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		_cleanup_(sigma_rules_freep) struct sigma_rules *rules = NULL;
		char text[1024];
		struct told told;

		snprintf(text, sizeof(text), FILTERED FILTER, cases[i].target, cases[i].condition);
		rules = load_text(text, &told);
		assert_int_equal(told.verdict, cases[i].verdict);
		assert_int_equal(match(rules, "f", "1", "u", "bob"), cases[i].bob);
		assert_int_equal(match(rules, "f", "1", "u", "eve"), 1);
	}
}

static void placeholders_are_expanded_from_their_file(void **state)
{
	static const char names[] = "users: [bob, 'adm*']\none: x\n";
	static const char text[] = HEAD "detection:\n  a:\n    f|expand: '\\%a%users%-%one%'\n"
					"  condition: a\n";
	_cleanup_(sigma_placeholders_freep) struct sigma_placeholders *placeholders = NULL;
	_cleanup_(sigma_rules_freep) struct sigma_rules *rules = NULL;
	char reason[100];

	assert_int_equal(sigma_placeholders_read(&placeholders, "a: {}", 5, reason, sizeof(reason)), 1);
	assert_int_equal(sigma_placeholders_read(&placeholders, names, strlen(names), reason,
						 sizeof(reason)),
			 0);
	assert_int_equal(sigma_rules_load_text(&rules, "t", text, strlen(text),
					       &(struct sigma_options){ .placeholders = placeholders }),
			 0);
	assert_int_equal(sigma_rules_count(rules, SIGMA_LOADED), 1);
	assert_int_equal(match(rules, "f", "%aBOB-x"), 1);
	assert_int_equal(match(rules, "f", "%aadmin-x"), 1);
	assert_int_equal(match(rules, "f", "%aeve-x"), 0);
}

static void a_hostile_value_costs_little(void **state)
{
	_cleanup_(sigma_rules_freep) struct sigma_rules *rules = NULL;
	_cleanup_(cleanup_free) char *value = malloc(60001);
	struct sigma_counters counters;
	struct told told;

	memset(value, 'a', 60000);
	value[60000] = 0;
	rules = load_text(HEAD "detection:\n  a: {f|re: '^(a+)+$'}\n  b: {f|re: '^(a+)+(?=b)$'}\n"
			       "  c: {f: '*a*a*a*a*a*a*a*a*b'}\n  d: {f|fieldref|contains: g}\n"
			       "  condition: a or b or c or d\n",
			  &told);
	assert_int_equal(match(rules, "f", value), 1);
	sigma_rules_free(rules);
	rules = load_text(HEAD "detection:\n  b: {f|re: '^(a+)+(?=b)$'}\n"
			       "  c: {f: '*a?a*a*a?a*a*a*a*b'}\n  d: {f|fieldref|contains: g}\n"
			       "  condition: b or c or d\n",
			  &told);
	value[30000] = (char)0xff;
	assert_int_equal(match(rules, "f", value, "g", value), 0);
	sigma_rules_counters(rules, &counters);
	assert_int_equal(counters.n_regex_limits, 1);
}

static void a_rule_tells_what_it_is(void **state)
{
	_cleanup_(sigma_rules_freep) struct sigma_rules *rules = NULL;
	struct told told;

	rules = load_text("title: T\nid: I\nauthor: A\nlevel: high\nreferences: [R]\ntags: [x.y, z]\n"
			  "logsource: {product: linux, service: s}\n"
			  "detection: {a: {f: 1}, condition: a}\n",
			  &told);
	assert_int_equal(told.verdict, SIGMA_LOADED);
	assert_string_equal(sigma_level_name(SIGMA_LEVEL_HIGH), "high");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_value_matches_as_the_specification_says),
		cmocka_unit_test(a_condition_binds_as_the_specification_says),
		cmocka_unit_test(a_bad_condition_is_refused),
		cmocka_unit_test(a_bad_rule_is_refused_with_line_and_reason),
		cmocka_unit_test(a_bad_value_is_refused),
		cmocka_unit_test(other_documents_load_when_one_is_refused),
		cmocka_unit_test(fields_are_compared_with_each_other),
		cmocka_unit_test(keywords_are_searched_in_every_value),
		cmocka_unit_test(a_filter_excludes_from_the_rules_that_it_names),
		cmocka_unit_test(placeholders_are_expanded_from_their_file),
		cmocka_unit_test(a_hostile_value_costs_little),
		cmocka_unit_test(a_rule_tells_what_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
