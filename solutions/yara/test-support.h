/* SPDX-License-Identifier: Apache-2.0 */
/* Test-support - what the tests of this folder share */
#ifndef YARA_TEST_SUPPORT_H
#define YARA_TEST_SUPPORT_H

#undef NDEBUG
#include "rules.h"
#include "scan.h"

#include <assert.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* All refusals of one load, as FILE:LINE: REASON, each with a newline. */
struct told {
	char text[4096];
};

static inline void on_refusal(const char *file, unsigned int line, const char *reason, void *userdata)
{
	struct told *told = userdata;
	size_t n = strlen(told->text);

	snprintf(told->text + n, sizeof(told->text) - n, "%s:%u: %s\n", file, line, reason);
}

static inline struct rules *load_told(const char *text, const char *policy, struct told *told)
{
	struct rules_loading loading = { .report = { .tell = on_refusal, .userdata = told } };
	struct rules *rules = NULL;

	*told = (struct told){ 0 };
	assert_int_equal(rules_load_text(&rules, text, policy, &loading), 0);
	return rules;
}

/* Rules that are good; policy may be NULL. */
static inline struct rules *load_good(const char *text, const char *policy)
{
	struct told told;
	struct rules *rules = load_told(text, policy, &told);

	assert_string_equal(told.text, "");
	return rules;
}

/* An open file without a name that has these bytes. */
static inline int make_file(const void *bytes, size_t n)
{
	char path[] = "/tmp/ringfort-yara-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(write(fd, bytes, n), n);
	return fd;
}

#endif
