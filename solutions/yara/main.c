/* SPDX-License-Identifier: Apache-2.0 */
/* ringfort-yara - look into files before they are executed; check rules, and try them on files */
#include "tool.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *about;
} commands[] = {
	{ "check", tool_check, "say whether rules and policies are good" },
	{ "scan", tool_scan, "say what rules find in files, offline" },
	{ "run", tool_run, "be the solution; ringfortd calls this" },
};

static void usage(FILE *stream)
{
	fprintf(stream, "Usage: ringfort-yara COMMAND ...\n"
			"\n"
			"YARA for Ringfort: what is in a file is looked at before it is executed.\n"
			"\n"
			"Commands:\n");
	for (size_t i = 0; i < ARRAY_LENGTH(commands); i++)
		fprintf(stream, "  %-8s %s\n", commands[i].name, commands[i].about);
	fprintf(stream, "\n"
			"  ringfort-yara COMMAND --help explains one of them, with examples.\n"
			"  --help and --version do what they say.\n"
			"\n"
			"Exit codes: 0 good; 1 the answer is bad (rules were refused, something was\n"
			"found); 2 wrong usage, or input that cannot be read.\n"
			"\n"
			"See also ringfort-yara(7) for rules and the policy.\n");
}

void tool_print_refusal(const char *file, unsigned int line, const char *reason, void *userdata)
{
	fprintf(userdata, "%s:%u: %s\n", file, line, reason);
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
		printf("ringfort-yara %s\n", RINGFORT_VERSION);
		return TOOL_OK;
	}
	for (size_t i = 0; i < ARRAY_LENGTH(commands); i++)
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	fprintf(stderr, "ringfort-yara: there is no command `%s'; see ringfort-yara --help\n", argv[1]);
	return TOOL_USAGE;
}
