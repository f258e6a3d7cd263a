/* SPDX-License-Identifier: Apache-2.0 */
/* ringfort-sigma - check Sigma rules, run them over events, test the engine */
#include "tool.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *about;
} commands[] = {
	{ "check", tool_check, "say which rules load, and why the others do not" },
	{ "eval", tool_eval, "match events, given as JSON lines, against rules" },
	{ "conformance", tool_conformance, "run a table of rules, events and expected answers" },
};

static void usage(FILE *stream)
{
	fprintf(stream, "Usage: ringfort-sigma COMMAND ...\n"
			"\n"
			"The Sigma engine of Ringfort, offline: nothing is sent anywhere, no daemon\n"
			"is needed.\n"
			"\n"
			"Commands:\n");
	for (size_t i = 0; i < ARRAY_LENGTH(commands); i++)
		fprintf(stream, "  %-12s %s\n", commands[i].name, commands[i].about);
	fprintf(stream, "\n"
			"  ringfort-sigma COMMAND --help explains one of them, with examples.\n"
			"  --help and --version do what they say.\n"
			"\n"
			"Exit codes: 0 good; 1 the answer is bad (a rule was refused, a case failed);\n"
			"2 wrong usage, or input that cannot be read.\n"
			"\n"
			"See also ringfort-sigma(1) for what of Sigma is understood and how.\n");
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		usage(stderr);
		return TOOL_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		usage(stdout);
		return TOOL_OK;
	}
	if (!strcmp(argv[1], "--version")) {
		printf("ringfort-sigma %s\n", RINGFORT_VERSION);
		return TOOL_OK;
	}
	for (size_t i = 0; i < ARRAY_LENGTH(commands); i++)
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	fprintf(stderr, "ringfort-sigma: there is no command `%s'; see ringfort-sigma --help\n", argv[1]);
	return TOOL_USAGE;
}
