/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz-allowlist-policy - whatever a policy holds, it is loaded or refused
 *
 * What is loaded is asked about files; the answer must be the same each time, and lockdown must never
 * allow what no rule allows.
 */
#include "judge.h"
#include "policy.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_refusal(const char *file, unsigned int line, const char *reason, void *userdata)
{
	size_t *n_told = userdata;

	if (!*reason || strchr(reason, '\n'))
		abort();
	++*n_told;
}

static void ask(const struct policy *policy, const struct subject *subject)
{
	struct judgement once = judge(policy, subject), again = judge(policy, subject);

	if (once.rule != again.rule || once.deny != again.deny)
		abort();
	if (!once.rule && once.deny != policy_is_lockdown(policy))
		abort();
	if (once.rule && once.deny != (once.action == ACTION_DENY))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const paths[] = { "/", "/a", "/usr/bin/ls", "/tmp/x/y", "/a (deleted)", "/\xff*" };
	struct policy *policy = NULL;
	size_t n_told = 0;

	if (policy_load_text(&policy, "fuzz", (const char *)data, size, on_refusal, &n_told) < 0)
		abort();
	if (policy_refused(policy) != n_told)
		abort();
	for (size_t i = 0; i < ARRAY_LENGTH(paths); i++)
		for (uint32_t bits = 0; bits < 16; bits++) {
			struct subject subject = { .path = paths[i], .fd = -1, .uid = bits & 1,
						   .mode = bits & 2 ? 0777 : 0755, .foreign_ns = bits & 4,
						   .nameless = bits & 8 };

			ask(policy, &subject);
		}
	policy_free(policy);
	return 0;
}
