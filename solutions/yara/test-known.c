/* SPDX-License-Identifier: Apache-2.0 */
/* Test-known - a result is found for the very file that it is of, and for no other */
#include "known.h"
#include "test-support.h"

static const struct known_key key = { .dev = 1, .ino = 2, .size = 3, .ctime_ns = 4 };

static bool finds(struct known *known, struct known_key other, const struct result *result)
{
	struct result *found = known_find(known, &other);
	bool same = found == result;

	result_unref(found);
	return found && same;
}

static void each_part_of_the_identity_counts(void **state)
{
	struct result *result = result_new(1);
	struct known *known;
	struct known_key other;

	assert_int_equal(known_new(&known), 0);
	assert_null(known_find(known, &key));
	known_put(known, &key, result);
	assert_true(finds(known, key, result));
	other = key, other.dev++;
	assert_false(finds(known, other, result));
	other = key, other.ino++;
	assert_false(finds(known, other, result));
	other = key, other.size++;
	assert_false(finds(known, other, result));
	other = key, other.ctime_ns++;
	assert_false(finds(known, other, result));
	other = key, other.path = "/x";
	assert_false(finds(known, other, result));
	known_free(known);
	assert_int_equal(result->n_users, 1);
	result_unref(result);
}

static void where_names_count_each_has_a_result_of_its_own(void **state)
{
	struct result *one = result_new(1), *two = result_new(1);
	struct known_key first = key, second = key;
	char path[] = "/one";
	struct known *known;

	first.path = path;
	second.path = "/two";
	assert_int_equal(known_new(&known), 0);
	known_put(known, &first, one);
	known_put(known, &second, two);
	path[1] = 'x';
	first.path = "/one";
	assert_true(finds(known, first, one));
	assert_true(finds(known, second, two));
	known_free(known);
	result_unref(one);
	result_unref(two);
}

static void the_one_that_was_not_asked_for_goes(void **state)
{
	struct result *result = result_new(1);
	struct known_key next = key;
	struct known *known;

	assert_int_equal(known_new(&known), 0);
	for (size_t i = 0; i < KNOWN_WAYS; i++, next.size++) {
		assert_false(finds(known, next, result));
		known_put(known, &next, result);
	}
	assert_true(finds(known, key, result));
	known_put(known, &next, result);
	assert_true(finds(known, key, result));
	assert_true(finds(known, next, result));
	next = key;
	next.size++;
	assert_false(finds(known, next, result));
	known_clear(known);
	assert_false(finds(known, key, result));
	assert_int_equal(result->n_users, 1);
	known_free(known);
	result_unref(result);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_part_of_the_identity_counts),
		cmocka_unit_test(where_names_count_each_has_a_result_of_its_own),
		cmocka_unit_test(the_one_that_was_not_asked_for_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
