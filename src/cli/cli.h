/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command line - what every subcommand of `ringfort` is given, and what it answers with.
 *
 * A subcommand is one file with one function, and one row of the table in main.c: name, help,
 * which options it takes.  Help, the check of options and the shell completions come from that
 * row.  Standard output carries the answer, standard error what went wrong.
 */
#ifndef RINGFORT_CLI_CLI_H
#define RINGFORT_CLI_CLI_H

#include "cli/options.h"
#include "cli/screen.h"

enum cli_exit {
	CLI_OK = 0,
	CLI_FAILED = 1, /* or: degraded */
	CLI_USAGE = 2,
	CLI_NOT_RUNNING = 3,
	CLI_NO_PERMISSION = 4,
};

struct cli {
	const struct options *options;
	const char *socket;
	struct screen out; /* standard output */
};

struct command {
	const char *name;
	const char *words;    /* what stands behind the name, for the usage line; "" for nothing */
	const char *choices;  /* what the first word may be, for completion; "" for anything, "/" for files */
	const char *summary;  /* one line */
	uint32_t options;     /* mask of 1u << enum option_id, beside OPTIONS_GLOBAL */
	unsigned max_words;
	const char *help;     /* what it does, its exit codes and examples */
	int (*run)(struct cli *cli); /* returns enum cli_exit */
};

/** cli_usage() - say what was wrong with the call; returns CLI_USAGE */
int cli_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** cli_error() - say what went wrong, "ringfort: ..." on standard error */
void cli_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** cli_finish() - flush standard output; code, or CLI_FAILED (and said) when that failed */
int cli_finish(struct cli *cli, int code);

int command_status(struct cli *cli);
int command_events(struct cli *cli);
int command_findings(struct cli *cli);
int command_solution(struct cli *cli);
int command_doctor(struct cli *cli);
int command_reload(struct cli *cli);
int command_why(struct cli *cli);
int command_gate(struct cli *cli);
int command_hold(struct cli *cli);
int command_critical(struct cli *cli);

#endif
