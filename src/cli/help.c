/* SPDX-License-Identifier: Apache-2.0 */
/* Help - and how the command line says what went wrong. */
#include "cli/help.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

static void say(const char *format, va_list args)
{
	const struct screen screen = { .file = stderr };
	char text[2048];

	/* Names of sockets and solutions, and what ringfortd says, are bytes of others. */
	vsnprintf(text, sizeof(text), format, args);
	fputs("ringfort: ", stderr);
	screen_text(&screen, text, strlen(text));
	fputc('\n', stderr);
}

int cli_usage(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args);
	va_end(args);
	return CLI_USAGE;
}

void cli_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args);
	va_end(args);
}

int cli_finish(struct cli *cli, int code)
{
	if (fflush(cli->out.file) == 0 && !ferror(cli->out.file))
		return code;
	cli_error("standard output: %s", strerror(errno));
	return CLI_FAILED;
}

static void help_options(const struct screen *screen, uint32_t mask)
{
	for (size_t id = 0; id < _OPTION_N; id++) {
		const struct option_row *row = &option_rows[id];
		char call[48];

		if (!(mask & 1u << id))
			continue;
		snprintf(call, sizeof(call), "%c%c%c --%s%s%s", row->letter ? '-' : ' ',
			 row->letter ? row->letter : ' ', row->letter ? ',' : ' ', row->name,
			 row->argument ? " " : "", row->argument ? row->argument : "");
		fprintf(screen->file, "  %-22s %s\n", call, row->help);
	}
}

void help_all(const struct screen *screen, const struct command *commands)
{
	fputs("Usage: ringfort SUBCOMMAND [OPTION...]\n"
	      "\n"
	      "Looks at ringfortd, the endpoint security that runs outside the kernel, and at the\n"
	      "solutions that it runs.\n"
	      "\n", screen->file);
	for (; commands->name; commands++)
		fprintf(screen->file, "  %-22s %s\n", commands->name, commands->summary);
	fputs("\nOptions, before or behind the subcommand:\n", screen->file);
	help_options(screen, OPTIONS_GLOBAL | OPTION_BIT(COMPLETION));
	fputs("\n'ringfort SUBCOMMAND --help' says more about each, with examples.\n"
	      "\n"
	      "Exit code: 0 well, 1 failed or degraded, 2 wrong usage, 3 ringfortd is not running,\n"
	      "4 no permission.\n"
	      "\n"
	      "Examples:\n"
	      "  ringfort status\n"
	      "  ringfort findings -f\n"
	      "  ringfort events --type process.exec --count 10\n"
	      "  ringfort doctor --json\n"
	      "  ringfort --socket /tmp/second/control.sock status\n", screen->file);
}

void help_command(const struct screen *screen, const struct command *command)
{
	fprintf(screen->file, "Usage: ringfort %s%s%s [OPTION...]\n\n%s\nOptions:\n", command->name,
		command->words[0] ? " " : "", command->words, command->help);
	help_options(screen, command->options | OPTIONS_GLOBAL);
}
