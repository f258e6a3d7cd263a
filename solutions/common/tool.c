/* SPDX-License-Identifier: Apache-2.0 */
/* Tool - see tool.h */
#include "tool.h"

#include <stdio.h>
#include <string.h>

static void usage(const struct tool *tool, FILE *stream)
{
	fprintf(stream, "Usage: %s COMMAND ...\n\n%s\nCommands:\n", tool->name, tool->about);
	for (size_t i = 0; i < tool->n_commands; i++)
		fprintf(stream, "  %-12s %s\n", tool->commands[i].name, tool->commands[i].about);
	fprintf(stream, "\n"
			"  %s COMMAND --help explains one of them, with examples.\n"
			"  --help and --version do what they say.\n"
			"\n%s",
		tool->name, tool->more);
}

int tool_main(const struct tool *tool, int argc, char **argv)
{
	if (argc < 2) {
		usage(tool, stderr);
		return TOOL_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		usage(tool, stdout);
		return TOOL_OK;
	}
	if (!strcmp(argv[1], "--version")) {
		printf("%s %s\n", tool->name, tool->version);
		return TOOL_OK;
	}
	for (size_t i = 0; i < tool->n_commands; i++)
		if (!strcmp(argv[1], tool->commands[i].name))
			return tool->commands[i].run(argc - 1, argv + 1);
	fprintf(stderr, "%s: there is no command `%s'; see %s --help\n", tool->name, argv[1], tool->name);
	return TOOL_USAGE;
}
