/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Test-match - matching all rules in one pass gives what looking at each rule alone gives
 *
 * Random rules against random events; the other opinion comes from a plain evaluator that walks
 * a rule's expression and matches strings by trying everything.
 */
#include "rule.h"
#include "test-support.h"
#include "text.h"

#define N_SETS 60
#define N_RULES 40
#define N_EVENTS 150
#define N_FIELDS 4

static uint64_t seed = 42;

static unsigned int any(unsigned int n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned int)(seed >> 11) % n;
}

/* ---- the plain evaluator ---------------------------------------------------------------- */

static bool plain_match(const uint32_t *units, size_t n_units, bool cased, const unsigned char *p,
			const unsigned char *end)
{
	const unsigned char *next = p;
	uint32_t c;

	if (!n_units)
		return p == end;
	if (*units == PATTERN_STAR) {
		for (;;) {
			if (plain_match(units + 1, n_units - 1, cased, next, end))
				return true;
			if (next == end)
				return false;
			text_next(&next, end);
		}
	}
	if (p == end)
		return false;
	c = text_next(&next, end);
	if (*units == PATTERN_DASH && !(c == '-' || c == '/' || (c >= 0x2013 && c <= 0x2015)))
		return false;
	if (!(*units & PATTERN_SPECIAL) && *units != c &&
	    (cased || text_fold(*units) != text_fold(c)))
		return false;
	return plain_match(units + 1, n_units - 1, cased, next, end);
}

static bool plain_atom_on(const struct atom *atom, const struct sigma_value *values,
			  const char *const *names, size_t i)
{
	const struct sigma_value *other = NULL;

	if (atom->kind == ATOM_STRING) {
		const struct sigma_value *value = &values[i];
		size_t n = value->type == SIGMA_LIST ? value->n_list : value->type == SIGMA_STRING;

		for (size_t k = 0; k < n; k++) {
			const struct sigma_string *string =
				value->type == SIGMA_LIST ? &value->list[k] : &value->string;
			const unsigned char *p = (const unsigned char *)string->text;

			if (plain_match(atom->pattern.units, atom->pattern.n, atom->cased, p,
					p + string->n))
				return true;
		}
		return false;
	}
	for (size_t k = 0; atom->kind == ATOM_FIELD && k < N_FIELDS; k++)
		if (!strcmp(names[k], atom->text))
			other = &values[k];
	return atom_test(atom, &values[i], other) > 0;
}

static bool plain_atom(const struct atom *atom, const struct sigma_value *values,
		       const char *const *names)
{
	for (size_t i = 0; i < N_FIELDS; i++)
		if (!atom->field ? plain_atom_on(atom, values, names, i) :
				   !strcmp(atom->field, names[i]))
			return !atom->field || plain_atom_on(atom, values, names, i);
	return false;
}

static bool plain_node(const struct node *node, const struct sigma_value *values,
		       const char *const *names)
{
	size_t n = 0;

	if (node->kind == NODE_ATOM)
		return plain_atom(node->atom, values, names);
	for (size_t i = 0; i < node->n_children; i++)
		n += plain_node(node->children[i], values, names);
	if (node->kind == NODE_NOT)
		return !n;
	return node->kind == NODE_AND ? n == node->n_children : n;
}

/* ---- random rules and events ------------------------------------------------------------- */

static const char *const names[N_FIELDS] = { "f0", "f1", "f2", "f3" };

static void put_random(char *out, const char *const *pieces, unsigned int n_pieces,
		       unsigned int max)
{
	*out = 0;
	for (unsigned int n = any(max + 1); n; n--)
		strcat(out, pieces[any(n_pieces)]);
}

static void put_value(char *out)
{
	static const char *const pieces[] = { "a",  "b", "A",   "bc", "*",        "?",	  "\\*",
					      "\\", " ", " -a", "/b", "\xc3\xa9", "\xc3\x89", "1" };

	put_random(out, pieces, ARRAY_LENGTH(pieces), 4);
}

static void put_item(char *out)
{
	static const char *const modifiers[] = { "",		   "|contains",
						 "|startswith",	   "|endswith",
						 "|contains|cased", "|cased",
						 "|neq",	   "|contains|neq",
						 "|windash|contains", "|wide|contains" };
	static const char *const special[] = {
		"|re: 'a+b'",	    "|re: '^[ab ]*$'", "|re|i: 'B.a'",	  "|re: 'a(?!b)'",
		"|re: '\\bbc\\b'",  "|re: '.'",	       "|exists: true",	  "|exists: false",
		": null",	    "|gt: 0",	       "|fieldref: f1",	  "|fieldref|contains: f2",
		"|re|m: '^a$'",	    "|re: '[^a]$'",    "|re: '(a|b){2}'", "|lte: 11",
	};
	char value[64];

	out += sprintf(out, "    %s", names[any(N_FIELDS)]);
	if (!any(4)) {
		sprintf(out, "%s\n", special[any(ARRAY_LENGTH(special))]);
		return;
	}
	out += sprintf(out, "%s%s:\n", modifiers[any(ARRAY_LENGTH(modifiers))], "");
	for (unsigned int n = any(8) ? 1 + any(3) : 12; n; n--) {
		put_value(value);
		out += sprintf(out, "      - '%s'\n", value);
	}
}

static void put_keywords(char *out)
{
	char value[64];

	for (unsigned int n = 1 + any(3); n; n--) {
		put_value(value);
		out += sprintf(out, "    - 'k%s'\n", value);
	}
}

static void put_rule(char *out, unsigned int number)
{
	static const char *const conditions[] = {
		"s1",		       "not s1",	    "s1 and s2",	  "s1 or s2",
		"s1 and not s2",       "not (s1 or s2)",    "1 of s*",		  "all of them",
		"not 1 of s*",	       "s1 and (s2 or s3)", "not s1 and not s2",  "not all of s*",
		"s3 or not (s1 and s2)",
	};

	out += sprintf(out, "title: '%u'\nlogsource: {product: linux}\ndetection:\n", number);
	for (unsigned int i = 1; i <= 3; i++) {
		out += sprintf(out, "  s%u:\n", i);
		if (!any(10)) {
			put_keywords(out);
		} else {
			put_item(out);
		}
		out += strlen(out);
	}
	sprintf(out, "  condition: %s\n---\n", conditions[any(ARRAY_LENGTH(conditions))]);
}

static void put_event(struct sigma_value *values, char texts[][2][128],
		      struct sigma_string lists[][2])
{
	static const char *const pieces[] = { "a",  "b",    "A",	"bc",	  "*",	  "\\",
					      " ",  " -a",  " /a",	"/b",	  "\xc3\xa9", "\xc3\x89",
					      "\xff", "\xc3", "\n",	"1",	  "k",	  "",
					      "\xe2\x80\x93", "z" };

	for (size_t i = 0; i < N_FIELDS; i++) {
		unsigned int type = any(16);

		for (size_t k = 0; k < 2; k++) {
			put_random(texts[i][k], pieces, ARRAY_LENGTH(pieces), 7);
			lists[i][k] = (struct sigma_string){ texts[i][k], strlen(texts[i][k]) };
		}
		values[i].type = type == 0 ? SIGMA_ABSENT : type == 1 ? SIGMA_NULL : SIGMA_STRING;
		if (type == 2)
			values[i].type = SIGMA_LIST;
		values[i].string = lists[i][0];
		values[i].list = lists[i];
		values[i].n_list = any(3);
	}
}

/* ---- the comparison ---------------------------------------------------------------------- */

struct answers {
	bool found[N_RULES];
};

static void on_match(const struct sigma_match *match, void *userdata)
{
	struct answers *answers = userdata;

	answers->found[atoi(sigma_rule_info(match->rule)->title)] = true;
}

static void compare_event(struct sigma_rules *rules, struct sigma_rule *const *alone,
			  const char *text)
{
	struct sigma_value values[N_FIELDS];
	struct sigma_string lists[N_FIELDS][2];
	char texts[N_FIELDS][2][128];
	struct answers answers = { 0 };
	int ids[N_FIELDS];

	put_event(values, texts, lists);
	sigma_bind(rules, 0, names, N_FIELDS, ids);
	assert_true(sigma_match(rules, 0, ids, values, N_FIELDS, on_match, &answers) >= 0);
	for (size_t i = 0; i < N_RULES; i++) {
		if (!alone[i] || answers.found[i] == plain_node(alone[i]->root, values, names))
			continue;
		for (size_t k = 0; k < N_FIELDS; k++)
			fprintf(stderr, "%s (type %d): `%s' or `%s'\n", names[k], values[k].type,
				texts[k][0], texts[k][1]);
		fail_msg("rule %zu is %s in one pass; all rules:\n%s", i,
			 answers.found[i] ? "found" : "not found", text);
	}
}

static void one_pass_equals_every_rule_alone(void **state)
{
	static char text[N_RULES * 2048];
	struct arena arena = { 0 };

	for (size_t set = 0; set < N_SETS; set++) {
		struct sigma_rule *alone[N_RULES] = { 0 };
		struct sigma_rules *rules = NULL;
		struct yaml_documents documents;
		struct refusal refusal;
		char *p = text;

		for (unsigned int i = 0; i < N_RULES; i++) {
			put_rule(p, i);
			p += strlen(p);
		}
		assert_int_equal(yaml_parse(&arena, text, strlen(text), &documents, &refusal), 0);
		for (size_t i = 0; i < documents.n; i++)
			if (rule_read(&alone[i], documents.roots[i], "t", NULL, &refusal))
				alone[i] = rule_free(alone[i]);
		assert_int_equal(sigma_rules_load_text(&rules, "t", text, strlen(text),
						       &(struct sigma_options){ 0 }),
				 0);
		assert_true(sigma_rules_count(rules, SIGMA_LOADED) > N_RULES / 2);
		for (size_t i = 0; i < N_EVENTS; i++)
			compare_event(rules, alone, text);
		sigma_rules_free(rules);
		for (size_t i = 0; i < N_RULES; i++)
			rule_free(alone[i]);
		arena_done(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_pass_equals_every_rule_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
