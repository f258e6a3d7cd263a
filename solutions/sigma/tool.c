/* SPDX-License-Identifier: Apache-2.0 */
/* ringfort-sigma - check Sigma rules, run them over events, test the engine */
#include "tool.h"

static const struct tool_command commands[] = {
	{ "check", tool_check, "say which rules load, and why the others do not" },
	{ "eval", tool_eval, "match events, given as JSON lines, against rules" },
	{ "conformance", tool_conformance, "run a table of rules, events and expected answers" },
};

int main(int argc, char **argv)
{
	static const struct tool tool = {
		.name = "ringfort-sigma",
		.version = RINGFORT_VERSION,
		.about = "The Sigma engine of Ringfort, offline: nothing is sent anywhere, no daemon\n"
			 "is needed.\n",
		.commands = commands,
		.n_commands = ARRAY_LENGTH(commands),
		.more = "Exit codes: 0 good; 1 the answer is bad (a rule was refused, a case failed);\n"
			"2 wrong usage, or input that cannot be read.\n"
			"\n"
			"See also ringfort-sigma(1) for what of Sigma is understood and how.\n",
	};

	return tool_main(&tool, argc, argv);
}
