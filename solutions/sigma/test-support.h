/* SPDX-License-Identifier: Apache-2.0 */
/* Test-support - what the tests of this folder share */
#ifndef SIGMA_TEST_SUPPORT_H
#define SIGMA_TEST_SUPPORT_H

#undef NDEBUG
#include "../common/util.h"
#include "engine.h"

#include <assert.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* What was reported of the last document. */
struct told {
	enum sigma_verdict verdict;
	unsigned int line;
	char reason[300];
};

static inline void tell(const struct sigma_report *report, void *userdata)
{
	struct told *told = userdata;

	told->verdict = report->verdict;
	told->line = report->line;
	snprintf(told->reason, sizeof(told->reason), "%s", report->reason ? report->reason : "");
}

static inline struct sigma_rules *load_text(const char *text, struct told *told)
{
	struct sigma_rules *rules = NULL;

	*told = (struct told){ .verdict = _SIGMA_VERDICT_N };
	assert_int_equal(sigma_rules_load_text(&rules, "test.yml", text, strlen(text),
					       &(struct sigma_options){ .report = tell,
									.userdata = told }),
			 0);
	return rules;
}

#define HEAD "title: t\nlogsource:\n  product: linux\n  category: process_creation\n"

/* A rule with one selection: the text of its map, indented by four. */
static inline struct sigma_rules *load_selection(const char *selection, struct told *told)
{
	char text[4096];

	snprintf(text, sizeof(text), HEAD "detection:\n  sel:\n    %s\n  condition: sel\n", selection);
	return load_text(text, told);
}

/* Pairs of name and value up to NULL.  A value of "\x01" is null. */
static inline int match_fields(struct sigma_rules *rules, const char *const *pairs)
{
	struct sigma_value values[16] = { 0 };
	const char *names[16];
	int ids[16];
	size_t n = 0;

	for (; pairs[2 * n]; n++) {
		names[n] = pairs[2 * n];
		values[n].type = strcmp(pairs[2 * n + 1], "\x01") ? SIGMA_STRING : SIGMA_NULL;
		values[n].string = (struct sigma_string){ pairs[2 * n + 1],
							  strlen(pairs[2 * n + 1]) };
	}
	sigma_bind(rules, 0, names, n, ids);
	return sigma_match(rules, 0, ids, values, n, NULL, NULL);
}

#define match(rules, ...) match_fields(rules, (const char *const[]){ __VA_ARGS__, NULL })

#endif
