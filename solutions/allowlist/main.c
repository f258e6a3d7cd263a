/* SPDX-License-Identifier: Apache-2.0 */
/* ringfort-allowlist - decide what may be executed; check, try and learn the policy for it */
#include "tool.h"

static const struct tool_command commands[] = {
	{ "check", tool_check, "say whether policies are good" },
	{ "eval", tool_eval, "say what a policy makes of files, offline" },
	{ "learn", tool_learn, "write a policy that allows what was executed" },
	{ "run", tool_run, "be the solution; ringfortd calls this" },
};

int main(int argc, char **argv)
{
	static const struct tool tool = {
		.name = "ringfort-allowlist",
		.version = RINGFORT_VERSION,
		.about = "The allow-list of Ringfort: which files may be executed on this machine.\n",
		.commands = commands,
		.n_commands = ARRAY_LENGTH(commands),
		.more = "Exit codes: 0 good; 1 the answer is bad (a rule was refused, a file would be\n"
			"denied); 2 wrong usage, or input that cannot be read.\n"
			"\n"
			"See also ringfort-allowlist(7) for the policy.\n",
	};

	return tool_main(&tool, argc, argv);
}
