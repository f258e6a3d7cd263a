/* SPDX-License-Identifier: Apache-2.0 */
/* Test-support - what the tests of this folder share */
#ifndef ALLOWLIST_TEST_SUPPORT_H
#define ALLOWLIST_TEST_SUPPORT_H

#undef NDEBUG
#include "judge.h"
#include "policy.h"

#include <assert.h>
#include <fcntl.h>
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

static inline struct policy *load_told(const char *text, struct told *told)
{
	struct policy *policy = NULL;

	*told = (struct told){ 0 };
	assert_int_equal(policy_load_text(&policy, "p", text, strlen(text), on_refusal, told), 0);
	return policy;
}

/* A policy that is good. */
static inline struct policy *load_good(const char *text)
{
	struct told told;
	struct policy *policy = load_told(text, &told);

	assert_string_equal(told.text, "");
	return policy;
}

static inline void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

/* A new folder, for remove_folder() to take away. */
static inline void make_folder(char ret[64])
{
	snprintf(ret, 64, "/tmp/ringfort-allowlist-XXXXXX");
	assert_non_null(mkdtemp(ret));
}

static inline void remove_folder(const char *path)
{
	char command[96];

	snprintf(command, sizeof(command), "rm -rf %s", path);
	assert_int_equal(system(command), 0);
}

#endif
