/* SPDX-License-Identifier: Apache-2.0 */
/* Completion - the script for bash, written from the tables so that it cannot fall behind. */
#include "cli/completion.h"

#include <ringfort/event.h>
#include <string.h>

static void print_types(FILE *file)
{
	const char *blank = "";

	for (uint32_t type = 1; type < RINGFORT_MAX_TYPES; type++) {
		const struct ringfort_type_info *info = ringfort_type_info(type);

		if (!info)
			continue;
		fprintf(file, "%s%s", blank, info->name);
		blank = " ";
	}
}

/* What may follow an option, as a case of the shell. */
static void print_values(FILE *file)
{
	for (size_t id = 0; id < _OPTION_N; id++) {
		const struct option_row *row = &option_rows[id];

		if (!row->argument)
			continue;
		fprintf(file, "\t--%s", row->name);
		if (row->letter)
			fprintf(file, "|-%c", row->letter);
		fputs(")\n\t\t", file);
		if (id == OPTION_SOCKET)
			fputs("COMPREPLY=($(compgen -f -- \"$current\"))", file);
		else if (id == OPTION_TYPE) {
			fputs("COMPREPLY=($(compgen -W '", file);
			print_types(file);
			fputs("' -- \"$current\"))", file);
		} else if (row->choices)
			fprintf(file, "COMPREPLY=($(compgen -W '%s' -- \"$current\"))", row->choices);
		else
			fputs(":", file);
		fputs("\n\t\treturn\n\t\t;;\n", file);
	}
}

static void print_options(FILE *file, uint32_t mask)
{
	for (size_t id = 0; id < _OPTION_N; id++)
		if (mask & 1u << id)
			fprintf(file, " --%s", option_rows[id].name);
}

static void print_commands(FILE *file, const struct command *commands)
{
	fputs("\tcase $command in\n\t\"\")\n\t\twords='", file);
	for (const struct command *command = commands; command->name; command++)
		fprintf(file, "%s ", command->name);
	fputs("'\n\t\toptions='", file);
	print_options(file, OPTIONS_GLOBAL | OPTION_BIT(COMPLETION));
	fputs("'\n\t\t;;\n", file);
	for (const struct command *command = commands; command->name; command++) {
		fprintf(file, "\t%s)\n\t\twords='%s'\n\t\toptions='", command->name, command->choices);
		print_options(file, command->options | OPTIONS_GLOBAL);
		fputs("'\n\t\t;;\n", file);
	}
	fputs("\tesac\n", file);
}

void completion_print(FILE *file, const struct command *commands)
{
	fputs("# bash completion for ringfort, printed by 'ringfort --completion bash'\n"
	      "_ringfort()\n{\n"
	      "\tlocal current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}\n"
	      "\tlocal command= words= options= i\n"
	      "\tCOMPREPLY=()\n"
	      "\tcase $previous in\n", file);
	print_values(file);
	fputs("\tesac\n"
	      "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	      "\t\tcase ${COMP_WORDS[i]} in\n", file);
	for (const struct command *command = commands; command->name; command++)
		fprintf(file, "\t\t%s) command=%s; break ;;\n", command->name, command->name);
	fputs("\t\tesac\n\tdone\n", file);
	print_commands(file, commands);
	fputs("\tif [[ $current == -* ]]; then\n"
	      "\t\tCOMPREPLY=($(compgen -W \"$options\" -- \"$current\"))\n"
	      "\telif [[ $words == / ]]; then\n"
	      "\t\tCOMPREPLY=($(compgen -f -- \"$current\"))\n"
	      "\telse\n"
	      "\t\tCOMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
	      "\tfi\n}\n"
	      "complete -F _ringfort ringfort\n", file);
}
