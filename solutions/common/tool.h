/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tool - a program of subcommands: each gets its own name as argv[0] and returns the exit code.
 */
#ifndef COMMON_TOOL_H
#define COMMON_TOOL_H

#include <stddef.h>

enum {
	TOOL_OK = 0,
	TOOL_NEGATIVE = 1, /* it worked, and the answer is bad */
	TOOL_USAGE = 2,    /* wrong arguments, or input that cannot be read */
	TOOL_BROKEN = 3,   /* run: it cannot go on */
};

struct tool_command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *about;
};

struct tool {
	const char *name, *version;
	const char *about; /* lines before the commands */
	const char *more;  /* and behind them: exit codes, where to read on */
	const struct tool_command *commands;
	size_t n_commands;
};

int tool_main(const struct tool *tool, int argc, char **argv);

#endif
