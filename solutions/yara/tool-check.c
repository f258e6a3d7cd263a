/* SPDX-License-Identifier: Apache-2.0 */
/* Tool: ringfort-yara check */
#include "tool.h"

#include <stdio.h>
#include <string.h>

static void usage(FILE *stream)
{
	fprintf(stream,
		"Usage: ringfort-yara check PATH...\n"
		"\n"
		"Compile rules from files, and from folders with all their *.yar and *.yara, read the\n"
		"policies beside them (*.yaml, *.yml), and say what is wrong: a line\n"
		"FILE:LINE: REASON for each refusal.  A file of rules is refused as a whole, with its\n"
		"first fault.  The last line is `N rules, N refused'.\n"
		"\n"
		"Exit codes: 0 nothing was refused; 1 something was; 2 wrong usage.\n"
		"\n"
		"Example:\n"
		"  ringfort-yara check /etc/ringfort/yara\n");
}

int tool_check(int argc, char **argv)
{
	struct rules_loading loading = { .report = { .tell = content_print_refusal, .userdata = stdout } };
	_cleanup_(rules_freep) struct rules *rules = NULL;
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
	r = rules_load(&rules, (const char *const *)argv + 1, (size_t)argc - 1, &loading);
	if (r < 0) {
		fprintf(stderr, "ringfort-yara: %s\n", strerror(-r));
		return TOOL_USAGE;
	}
	printf("%zu rules, %zu refused\n", rules_count(rules), rules_refused(rules));
	return rules_refused(rules) ? TOOL_NEGATIVE : TOOL_OK;
}
