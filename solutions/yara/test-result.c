/* SPDX-License-Identifier: Apache-2.0 */
/* Test-result - which matches are kept, and what is cut */
#include "test-support.h"

static void place(struct result *result, const char *rule, bool deny, enum ringfort_level level)
{
	struct match *match = result_place(result, deny, level);

	if (match)
		match->rule = rule;
}

static const char *kept(const struct result *result)
{
	static char text[64];

	text[0] = 0;
	for (size_t i = 0; i < result->n_matches; i++)
		strcat(text, result->matches[i].rule);
	return text;
}

static void matches_of_most_weight_are_kept_and_come_first(void **state)
{
	struct result *result = result_new(3);

	place(result, "a", false, RINGFORT_LEVEL_MEDIUM);
	place(result, "b", false, RINGFORT_LEVEL_CRITICAL);
	place(result, "c", false, RINGFORT_LEVEL_MEDIUM);
	assert_string_equal(kept(result), "bac");
	assert_false(result->deny);
	place(result, "d", false, RINGFORT_LEVEL_LOW);
	assert_string_equal(kept(result), "bac");
	place(result, "e", true, RINGFORT_LEVEL_HIGH);
	assert_string_equal(kept(result), "eba");
	assert_true(result->deny);
	assert_int_equal(result->n_more, 2);
	result_unref(result);
}

static void a_denial_counts_also_when_it_is_not_kept(void **state)
{
	struct result *result = result_new(1);

	place(result, "a", true, RINGFORT_LEVEL_CRITICAL);
	place(result, "b", true, RINGFORT_LEVEL_HIGH);
	assert_string_equal(kept(result), "a");
	assert_true(result->deny);
	result_unref(result);
}

static void texts_are_cut_between_characters(void **state)
{
	struct result *result = result_new(1);
	char text[RESULT_MAX_TEXT + 10];

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = 0;
	assert_int_equal(strlen(result_text(result, text)), RESULT_MAX_TEXT);
	/* the last byte that would fit begins an e acute */
	memcpy(text + RESULT_MAX_TEXT - 1, "\xc3\xa9", 2);
	assert_int_equal(strlen(result_text(result, text)), RESULT_MAX_TEXT - 1);
	assert_string_equal(result_text(result, ""), "");
	result_unref(result);
}

static void what_was_not_scanned_is_told_and_a_clean_file_is_not(void **state)
{
	struct result *result = result_new(1);

	assert_false(result_is_told(result));
	result->outcome = OUTCOME_TOO_LARGE;
	assert_true(result_is_told(result));
	result->outcome = OUTCOME_SCANNED;
	place(result, "a", false, RINGFORT_LEVEL_LOW);
	assert_true(result_is_told(result));
	result_unref(result);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(matches_of_most_weight_are_kept_and_come_first),
		cmocka_unit_test(a_denial_counts_also_when_it_is_not_kept),
		cmocka_unit_test(texts_are_cut_between_characters),
		cmocka_unit_test(what_was_not_scanned_is_told_and_a_clean_file_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
