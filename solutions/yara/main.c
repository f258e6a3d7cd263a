/* SPDX-License-Identifier: Apache-2.0 */
/* ringfort-yara - look into files before they are executed; check rules, and try them on files */
#include "tool.h"

static const struct tool_command commands[] = {
	{ "check", tool_check, "say whether rules and policies are good" },
	{ "scan", tool_scan, "say what rules find in files, offline" },
	{ "run", tool_run, "be the solution; ringfortd calls this" },
};

int main(int argc, char **argv)
{
	static const struct tool tool = {
		.name = "ringfort-yara",
		.version = RINGFORT_VERSION,
		.about = "YARA for Ringfort: what is in a file is looked at before it is executed.\n",
		.commands = commands,
		.n_commands = ARRAY_LENGTH(commands),
		.more = "Exit codes: 0 good; 1 the answer is bad (rules were refused, something was\n"
			"found); 2 wrong usage, or input that cannot be read.\n"
			"\n"
			"See also ringfort-yara(7) for rules and the policy.\n",
	};

	return tool_main(&tool, argc, argv);
}
