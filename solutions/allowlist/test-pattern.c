/* SPDX-License-Identifier: Apache-2.0 */
/* Test-pattern - which paths a rule means, and which texts mean none */
#include "test-support.h"

#include <time.h>

static bool matches(const char *text, const char *path)
{
	_cleanup_(arena_done) struct arena arena = { 0 };
	struct refusal refusal = { 0 };
	struct pattern pattern;

	assert_int_equal(pattern_parse(&pattern, &arena, text, 1, &refusal), 0);
	return pattern_matches(&pattern, path);
}

static void each_kind_matches_its_paths_and_no_others(void **state)
{
	static const struct {
		const char *pattern, *path;
		bool matches;
	} cases[] = {
		{ "/usr/bin/ls", "/usr/bin/ls", true },
		{ "/usr/bin/ls", "/usr/bin/lsx", false },
		{ "/usr/bin/ls", "/usr/bin", false },
		{ "/usr/bin/[", "/usr/bin/[", true },
		{ "/a\\b", "/a\\b", true },
		{ "/tmp/", "/tmp/x", true },
		{ "/tmp/", "/tmp/x/y/z", true },
		{ "/tmp/", "/tmp", false },
		{ "/tmp/", "/tmpfile", false },
		{ "/tmp/", "/var/tmp/x", false },
		{ "/", "/anything/at/all", true },
		{ "/opt/*/bin/x", "/opt/a/bin/x", true },
		{ "/opt/*/bin/x", "/opt/a/b/bin/x", false },
		{ "/opt/*", "/opt/a", true },
		{ "/opt/*", "/opt/a/b", false },
		{ "/opt/x?", "/opt/xy", true },
		{ "/opt/x?", "/opt/x", false },
		{ "/opt/x?", "/opt/x/", false },
		{ "/opt/[ab]*", "/opt/bin", true },
		{ "/opt/[ab]*", "/opt/cin", false },
		{ "/opt/a\\*", "/opt/a*", true },
		{ "/opt/a\\*", "/opt/ab", false },
		{ "/opt/.*", "/opt/.x", true },
		{ "/opt/*", "/opt/.x", true },
		{ "/opt/?", "/opt/\xff", true },
		{ "/home/*/bin/", "/home/u/bin/x", true },
		{ "/home/*/bin/", "/home/u/bin/x/y", true },
		{ "/home/*/bin/", "/home/u/bin", false },
		{ "/home/*/bin/", "/home/u/v/bin/x", false },
		{ "/home/*/", "/home/u/x", true },
		{ "/home/*/", "/home/u", false },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
		if (matches(cases[i].pattern, cases[i].path) != cases[i].matches)
			fail_msg("%s and %s", cases[i].pattern, cases[i].path);
}

static void a_pattern_that_never_matches_is_refused(void **state)
{
	static char long_text[PATTERN_MAX_BYTES + 2], stars[2 * PATTERN_MAX_STARS + 8];
	const struct {
		const char *text, *reason;
	} cases[] = {
		{ "", "begin with a slash" },
		{ "bin/ls", "begin with a slash" },
		{ "*", "begin with a slash" },
		{ "//bin", "two slashes" },
		{ "/bin//ls", "two slashes" },
		{ "/tmp//", "two slashes" },
		{ "/./x", "`.' or `..'" },
		{ "/a/../b", "`.' or `..'" },
		{ "/a/..", "`.' or `..'" },
		{ "/a/./", "`.' or `..'" },
		{ "/memfd:x", "memfd" },
		{ long_text, "at most 4095 bytes" },
		{ stars, "at most 16 stars" },
	};

	memset(long_text, 'a', sizeof(long_text) - 1);
	long_text[0] = '/';
	for (size_t i = 0; i <= PATTERN_MAX_STARS; i++)
		strcat(stars, "/*");
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		_cleanup_(arena_done) struct arena arena = { 0 };
		struct refusal refusal = { 0 };
		struct pattern pattern;

		if (pattern_parse(&pattern, &arena, cases[i].text, 7, &refusal) != E_REFUSED ||
		    refusal.line != 7 || !strstr(refusal.reason, cases[i].reason))
			fail_msg("%.20s: %s", cases[i].text, refusal.reason);
	}
	assert_true(matches("/.../x", "/.../x"));
	assert_true(matches("/.x", "/.x"));
}

/* The path is chosen by whoever runs the program: no path may make a pattern expensive. */
static void many_stars_take_no_long_time(void **state)
{
	char path[PATTERN_MAX_BYTES + 1];
	struct timespec begin, end;

	memset(path, 'a', sizeof(path) - 1);
	path[0] = '/';
	path[sizeof(path) - 1] = 0;
	clock_gettime(CLOCK_MONOTONIC, &begin);
	assert_false(matches("/*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", path));
	assert_false(matches("/*a?*a?*a?*a?*a?*a?*a?*a?[b]", path));
	clock_gettime(CLOCK_MONOTONIC, &end);
	assert_true(end.tv_sec - begin.tv_sec <= 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_matches_its_paths_and_no_others),
		cmocka_unit_test(a_pattern_that_never_matches_is_refused),
		cmocka_unit_test(many_stars_take_no_long_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
