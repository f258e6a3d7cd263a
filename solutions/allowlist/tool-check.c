/* SPDX-License-Identifier: Apache-2.0 */
/* Tool: ringfort-allowlist check */
#include "tool.h"

#include <stdio.h>
#include <string.h>

static void usage(FILE *stream)
{
	fprintf(stream,
		"Usage: ringfort-allowlist check PATH...\n"
		"\n"
		"Read policies from files, and from folders with all their *.yaml and *.yml, as one\n"
		"policy, and say what is wrong with it: a line FILE:LINE: REASON for each refusal.\n"
		"The last line is `N rules, N refused'.\n"
		"\n"
		"Exit codes: 0 nothing was refused; 1 something was; 2 wrong usage.\n"
		"\n"
		"Example:\n"
		"  ringfort-allowlist check /etc/ringfort/allowlist\n");
}

int tool_check(int argc, char **argv)
{
	_cleanup_(policy_freep) struct policy *policy = NULL;
	int r;

	if (argc > 1 && !strcmp(argv[1], "--help")) {
		usage(stdout);
		return TOOL_OK;
	}
	if (argc < 2 || argv[1][0] == '-') {
		usage(stderr);
		return TOOL_USAGE;
	}
	setvbuf(stdout, NULL, _IOLBF, 0); /* what was found stays told if the next file kills us */
	r = policy_load(&policy, (const char *const *)argv + 1, (size_t)argc - 1, content_print_refusal,
			stdout);
	if (r < 0) {
		fprintf(stderr, "ringfort-allowlist: %s\n", strerror(-r));
		return TOOL_USAGE;
	}
	printf("%zu rules, %zu refused\n", policy_count(policy), policy_refused(policy));
	return policy_refused(policy) ? TOOL_NEGATIVE : TOOL_OK;
}
