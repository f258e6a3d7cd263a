/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of needed.h: a wrong answer here is a rule that never matches */
#include "needed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
/* cmocka.h comes last */
#include <cmocka.h>

static void check(const char *text, bool caseless, const char *expected)
{
	struct arena arena = { 0 };

	assert_string_equal(needed_find(&arena, text, caseless, 16), expected);
	arena_done(&arena);
}

static void the_longest_run_is_found(void **state)
{
	check("route\\s+print", false, "route");
	check("^/(tmp|var)/mining\\.x$", false, "/mining.x");
	check("a[]x]bcd[^]y]ef", false, "bcd");
	check("UPPER", false, "upper");
	check("ab+cde", false, "cde");
	check("0123456789abcdefgh", false, "0123456789abcdef");
}

static void what_may_be_missing_is_left_out(void **state)
{
	check("abc?d", false, "ab");
	check("abc*", false, "ab");
	check("abc{0,2}?d", false, "ab");
	check("abc(def)?g", false, "abc");
	check("(abcdef)+", false, "");
	check("0123456789abcdefg?h", false, "0123456789abcdef");
}

static void what_is_not_understood_gives_nothing(void **state)
{
	check("abc|def", false, "");
	check("abc(?i)def", false, "");
	check("abc(?!def)", false, "");
	check("abc(*ACCEPT)def", false, "");
	check("abc(x(*ACCEPT))def", false, "");
	check("(*UTF)abc", false, "");
	check("abc\\Qdef\\E", false, "");
	check("abc\\x41", false, "");
	check("abc\\1", false, "");
	check("abc{,3}", false, "ab");
	check("abc{d[}]e}", false, "");
	check("abc[[:alpha:]]", false, "");
	check("abc(d", false, "");
	check("abc\\", false, "");
}

static void letters_with_a_third_case_end_a_run(void **state)
{
	check("task", false, "task");
	check("task", true, "ta");
	check("(?i)desktop", false, "top");
	check("caf\xc3\xa9s", false, "caf");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_longest_run_is_found),
		cmocka_unit_test(what_may_be_missing_is_left_out),
		cmocka_unit_test(what_is_not_understood_gives_nothing),
		cmocka_unit_test(letters_with_a_third_case_end_a_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
