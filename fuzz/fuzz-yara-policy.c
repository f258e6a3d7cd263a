/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz-yara-policy - whatever a policy holds, it is taken or refused
 *
 * What is taken is asked about rules; a word decides what its list says, and each refusal is one line.
 */
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t n_told = 0;
	struct report report = { .tell = on_refusal, .userdata = &n_told };
	struct policy policy = { 0 };

	if (policy_read(&policy, "fuzz", (const char *)data, size, &report) < 0)
		abort();
	policy_finish(&policy, &report);
	if (report.n != n_told)
		abort();
	for (size_t i = 0; i < policy.n_words; i++) {
		enum action action = policy.words[i].action;

		if (i && strcmp(policy.words[i - 1].text, policy.words[i].text) >= 0)
			abort();
		if (policy_decide(&policy, policy.words[i].text, "a\0b\0", ACTION_DENY) != action)
			abort();
	}
	/* All were used now. */
	policy_refuse_unused(&policy, &report);
	if (report.n != n_told || policy.max_file_bytes > 256u << 20)
		abort();
	policy_done(&policy);
	return 0;
}
