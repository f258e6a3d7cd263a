/* SPDX-License-Identifier: Apache-2.0 */
/* Test-yaml-tree - what the strict reader takes, and what it does not */
#include "test-support.h"
#include "yaml-tree.h"

static int parse(const char *text, size_t n, struct arena *arena, struct yaml_documents *ret,
		 struct refusal *refusal)
{
	*refusal = (struct refusal){ 0 };
	return yaml_parse(arena, text, n, ret, refusal);
}

static void documents_become_trees_with_lines(void **state)
{
	static const char text[] = "a: 1\nb:\n  - x\n  - 'y z'\n---\nc: {d: [e, f]}\n---\n";
	_cleanup_(arena_done) struct arena arena = { 0 };
	struct yaml_documents documents;
	struct refusal refusal;
	const struct yaml_node *b;

	assert_int_equal(parse(text, strlen(text), &arena, &documents, &refusal), 0);
	assert_int_equal(documents.n, 2);
	b = yaml_get(documents.roots[0], "b");
	assert_int_equal(b->kind, YAML_LIST);
	assert_int_equal(b->key_line, 2);
	assert_int_equal(b->n_children, 2);
	assert_string_equal(b->first->next->text, "y z");
	assert_int_equal(b->first->next->line, 4);
	assert_int_equal(yaml_get(yaml_get(documents.roots[1], "c"), "d")->n_children, 2);
}

static void plain_scalars_have_types_and_quoted_ones_are_text(void **state)
{
	static const struct {
		const char *text;
		enum yaml_type type;
	} cases[] = {
		{ "null", YAML_TYPE_NULL }, { "~", YAML_TYPE_NULL },      { "", YAML_TYPE_NULL },
		{ "true", YAML_TYPE_BOOL }, { "False", YAML_TYPE_BOOL },  { "yes", YAML_TYPE_TEXT },
		{ "12", YAML_TYPE_INT },    { "-7", YAML_TYPE_INT },      { "0x1f", YAML_TYPE_INT },
		{ "0o17", YAML_TYPE_INT },  { "0x", YAML_TYPE_TEXT },     { "1.5", YAML_TYPE_FLOAT },
		{ "1e3", YAML_TYPE_FLOAT }, { "1e", YAML_TYPE_TEXT },     { ".", YAML_TYPE_TEXT },
		{ "-", YAML_TYPE_TEXT },    { ".inf", YAML_TYPE_FLOAT },  { "2026-11-22", YAML_TYPE_TEXT },
		{ "1_0", YAML_TYPE_TEXT },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct yaml_node node = { .kind = YAML_SCALAR, .plain = true, .text = cases[i].text,
					  .length = strlen(cases[i].text) };

		if (yaml_type(&node) != cases[i].type)
			fail_msg("`%s' is %d", cases[i].text, yaml_type(&node));
		node.plain = false;
		assert_int_equal(yaml_type(&node), YAML_TYPE_TEXT);
	}
}

static void what_is_not_allowed_is_refused_with_its_line(void **state)
{
	static const struct {
		const char *text;
		unsigned int line;
		const char *reason;
	} cases[] = {
		{ "a: 1\nb: &x 2\n", 2, "anchors" },
		{ "a: &x [1]\n", 1, "anchors" },
		{ "a: 1\nb: *x\n", 2, "alias" },
		{ "a: !!str 1\n", 1, "tags" },
		{ "a: !x {b: 1}\n", 1, "tags" },
		{ "a: 1\nb: 2\na: 3\n", 3, "twice" },
		{ "a:\n  b: 1\n  b: 2\n", 3, "twice" },
		{ "? [a, b]\n: 1\n", 1, "plain text" },
		{ "a: [1\nb: 2\n", 2, "not YAML" },
		{ "a: 'x\n", 2, "not YAML" },
		{ "a: \xff\n", 1, "not YAML" },
		{ "\tb: 1\n", 1, "not YAML" },
		{ "\"a\\0b\": 1\n", 1, "NUL" },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		_cleanup_(arena_done) struct arena arena = { 0 };
		struct yaml_documents documents;
		struct refusal refusal;

		if (parse(cases[i].text, strlen(cases[i].text), &arena, &documents, &refusal) !=
			    E_REFUSED ||
		    refusal.line != cases[i].line || !strstr(refusal.reason, cases[i].reason))
			fail_msg("case %zu: line %u: %s", i, refusal.line, refusal.reason);
	}
}

static void documents_before_the_fault_are_kept(void **state)
{
	static const char text[] = "a: 1\n---\nb: [\n";
	_cleanup_(arena_done) struct arena arena = { 0 };
	struct yaml_documents documents;
	struct refusal refusal;

	assert_int_equal(parse(text, strlen(text), &arena, &documents, &refusal), E_REFUSED);
	assert_int_equal(documents.n, 1);
}

static void size_and_depth_have_ceilings(void **state)
{
	static char text[YAML_MAX_BYTES + 1];
	_cleanup_(arena_done) struct arena arena = { 0 };
	struct yaml_documents documents;
	struct refusal refusal;

	memset(text, '[', sizeof(text));
	assert_int_equal(parse(text, sizeof(text), &arena, &documents, &refusal), E_REFUSED);
	assert_non_null(strstr(refusal.reason, "larger than 256 KiB"));
	assert_int_equal(parse(text, sizeof(text) - 1, &arena, &documents, &refusal),
			 E_REFUSED);
	assert_non_null(strstr(refusal.reason, "deeper than 32"));
	for (size_t i = 0; i + 4 < sizeof(text); i += 4)
		memcpy(text + i, "- a\n", 4);
	assert_int_equal(parse(text, sizeof(text) - 1, &arena, &documents, &refusal), E_REFUSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(documents_become_trees_with_lines),
		cmocka_unit_test(plain_scalars_have_types_and_quoted_ones_are_text),
		cmocka_unit_test(what_is_not_allowed_is_refused_with_its_line),
		cmocka_unit_test(documents_before_the_fault_are_kept),
		cmocka_unit_test(size_and_depth_have_ceilings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
