/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ringfort - the command line of Ringfort: look at ringfortd, and ask it to do things.
 *
 * The table of subcommands below is all there is to know about them; each is a file of its name.
 */
#include "cli/cli.h"
#include "cli/completion.h"
#include "cli/help.h"
#include "cli/when.h"
#include "wire/wire.h"

#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STREAM_OPTIONS (OPTION_BIT(COUNT) | OPTION_BIT(TIMEOUT) | OPTION_BIT(SINCE) | OPTION_BIT(TYPE) | \
			OPTION_BIT(VERBOSE))

static const struct command commands[] = {
	{ "status", "", "", "is everything well? what was lost, how each solution is", 0, 0,
	  "Prints what was lost, the state of every solution and the count of every event type.\n"
	  "\n"
	  "Exit code: 0 healthy, 1 degraded, 3 ringfortd is not running, 4 no permission.\n"
	  "\n"
	  "Examples:\n"
	  "  ringfort status\n"
	  "  ringfort status --json | jq '.solutions[] | select(.state != \"active\")'\n"
	  "  ringfort status >/dev/null || echo look at this machine\n",
	  command_status },
	{ "events", "", "", "watch what happens on this machine, as solutions see it",
	  STREAM_OPTIONS | OPTION_BIT(SELFTESTS) | OPTION_BIT(SCHEMA), 0,
	  "Follows the live stream, one line per event, until --count, --timeout or Ctrl-C.\n"
	  "Events are not kept: --since can only leave out those that are too old.\n"
	  "What this command itself misses because it reads too slowly is told on standard error.\n"
	  "With --json every line is an OCSF object; \"ringfort\" in it has each field by its name\n"
	  "(ringfort events --schema lists them).\n"
	  "\n"
	  "Exit code: 0, also when --timeout ends it; 3 not running, or gone while following;\n"
	  "4 no permission.\n"
	  "\n"
	  "Examples:\n"
	  "  ringfort events\n"
	  "  ringfort events --type process.exec --type net\n"
	  "  ringfort events --type file --json --count 100 > events.jsonl\n"
	  "  ringfort events --timeout 10 --json | jq -r .ringfort.process.exe | sort | uniq -c\n"
	  "  ringfort events --schema | less\n",
	  command_events },
	{ "findings", "", "", "what the solutions found", STREAM_OPTIONS | OPTION_BIT(FOLLOW), 0,
	  "Prints the findings that are on disk, oldest first, and ends; -f goes on with new ones.\n"
	  "On a terminal -f keeps a line at the bottom: events/s, what was lost, every solution.\n"
	  "With --json every line is an OCSF Detection Finding.\n"
	  "\n"
	  "Exit code: 0, also when --timeout ends it; 3 not running, or gone while following;\n"
	  "4 no permission.\n"
	  "\n"
	  "Examples:\n"
	  "  ringfort findings --since 24h\n"
	  "  ringfort findings -f -v\n"
	  "  ringfort findings --json | jq -r '.ringfort | [.level, .title] | @tsv'\n"
	  "  ringfort findings -f --count 1 --timeout 60 --type process.exec\n",
	  command_findings },
	{ "solution", "[list | start NAME | stop NAME | reset NAME | output NAME]",
	  "list start stop reset output", "list, start and stop solutions, see what they print", 0, 2,
	  "list    every solution, its state and why it is in it (also without a word)\n"
	  "start   start one that was stopped\n"
	  "stop    stop one; it stays stopped until it is started\n"
	  "reset   take one out of 'suspended' or 'quarantined' and start it anew\n"
	  "output  the last lines that it printed\n"
	  "\n"
	  "Exit code: 0, 1 ringfortd refused, 3 not running, 4 no permission.\n"
	  "\n"
	  "Examples:\n"
	  "  ringfort solution\n"
	  "  ringfort solution output sigma\n"
	  "  ringfort solution reset sigma\n",
	  command_solution },
	{ "doctor", "", "", "what can be seen on this kernel, proved by a self-test", 0, 0,
	  "For every event type: the guarantee on this host, the hook in use, why it is not a better\n"
	  "one, and the self-test: the act is performed in namespaces of its own and must come back\n"
	  "through the whole pipeline.  Below: what Ringfort has put into the kernel.\n"
	  "\n"
	  "Exit code: 0, 1 a self-test failed, 3 not running, 4 no permission.\n"
	  "\n"
	  "Examples:\n"
	  "  ringfort doctor\n"
	  "  ringfort doctor --json | jq '.types[] | select(.selftest != \"passed\")'\n",
	  command_doctor },
	{ "reload", "[NAME]", "", "give solutions their new content, without losing an event",
	  OPTION_BIT(TOLERATE), 1,
	  "New content is tried in a throw-away process first.  When parts of it are refused the running\n"
	  "content stays, unless --tolerate says that the rest is to be used.  Without NAME: all.\n"
	  "\n"
	  "Exit code: 0 all were reloaded, 1 any was not, 3 not running, 4 no permission.\n"
	  "\n"
	  "Examples:\n"
	  "  ringfort reload\n"
	  "  ringfort reload sigma --tolerate\n",
	  command_reload },
	{ "why", "PATH | PID | '#VERDICT'", "/", "why a file was allowed or denied: who said what, and when",
	  OPTION_BIT(ID), 1,
	  "What was decided about a file or for a process, newest first, at most 20 verdicts; each with\n"
	  "the answer of every solution that was asked, how long it took, whether it counts (enforce)\n"
	  "or is only recorded (shadow), and which content it answered by.\n"
	  "A number is a process; a verdict with --id, or with a # before it, in quotes, as a shell\n"
	  "takes # for a comment.  Anything else is a path; links are not followed, so a file that is\n"
	  "gone can be asked about; say ./123 for a file of that name.\n"
	  "The last 4096 verdicts are kept.\n"
	  "\n"
	  "Exit code: 0, 1 nothing is known of it, 3 not running, 4 no permission.\n"
	  "\n"
	  "Examples:\n"
	  "  ringfort why /usr/local/bin/tool\n"
	  "  ringfort why 4711\n"
	  "  ringfort why --id 17\n"
	  "  ringfort why ./tool --json | jq -r '.reasons[] | [.solution, .answer, .us] | @tsv'\n",
	  command_why },
	{ "gate", "[status | on | off]", "status on off", "does the gate decide, what did it; switch it off and on",
	  0, 1,
	  "status  what was asked and decided, and how every solution answers (also without a word)\n"
	  "off     let everything through: nothing is denied any more, no solution is asked,\n"
	  "        until 'on', or until ringfortd is started again\n"
	  "on      decide again\n"
	  "\n"
	  "A solution that misses too often is demoted: for a while it is not asked.\n"
	  "LATE, FULL and GONE are its misses, for which its miss mode stood; AFTER are answers that\n"
	  "came when another had already denied, which is no fault; WRONG are answers to nothing.\n"
	  "SELF-HARM are denials of what the host needs ('ringfort critical'), let through all the same.\n"
	  "\n"
	  "Exit code: 0, 1 ringfortd refused, or status found the gate off or a solution demoted,\n"
	  "3 not running, 4 no permission.\n"
	  "\n"
	  "Examples:\n"
	  "  ringfort gate\n"
	  "  ringfort gate off\n"
	  "  ringfort gate --json | jq '.solutions[] | select(.demoted)'\n",
	  command_gate },
	{ "hold", "[list | allow ID | deny ID]", "list allow deny", "who waits for you at the gate; let him go, or deny",
	  0, 2,
	  "Where the configuration says hold_ms, who is not answered by the solutions in time is held,\n"
	  "so long and no longer; then the miss modes of those that did not answer decide.\n"
	  "\n"
	  "list   who is held now: how long still, what follows then, who did not answer (also without\n"
	  "       a word)\n"
	  "allow  let this one act happen\n"
	  "deny   deny this one act\n"
	  "\n"
	  "When a hold runs out, nobody is held for the next ten minutes, or until you speak about one\n"
	  "that still is, or say 'ringfort gate on'.\n"
	  "Nothing is remembered: who does the same again is asked about again.\n"
	  "Ids go on from 1 for as long as ringfortd runs; 'ringfort why' tells how a hold ended.\n"
	  "\n"
	  "Exit code: 0, 1 nothing is held under this ID, or it ended before, 3 not running,\n"
	  "4 no permission.\n"
	  "\n"
	  "Examples:\n"
	  "  ringfort hold\n"
	  "  ringfort hold allow 3\n"
	  "  ringfort hold --json | jq -r '[.hold_id, .path] | @tsv'\n"
	  "  ringfort hold --json | jq .hold_id | xargs -rn1 ringfort hold deny\n",
	  command_hold },
	{ "critical", "[list]", "list", "what this host needs to live, and who could change it", 0, 1,
	  "list    every file that is let through at once (also without a word), why the host needs it,\n"
	  "        and whether it is here: matched, by device and inode; missing; or not taken, as somebody\n"
	  "        else than root could change it\n"
	  "\n"
	  "Told is what the gate of ringfortd goes by.  Where that is not to be asked, or has no gate, the\n"
	  "command looks at the host as ringfortd would, but for the programs of Ringfort itself.\n"
	  "\n"
	  "Exit code: 0, 1 a file was not taken though it is here.\n"
	  "\n"
	  "Examples:\n"
	  "  ringfort critical\n"
	  "  ringfort critical --json | jq -r '.rows[] | select(.state != \"missing\") | .path'\n",
	  command_critical },
	{ 0 },
};

static const struct command *find_command(const char *name)
{
	const struct command *command = commands;

	while (command->name && strcmp(command->name, name) != 0)
		command++;
	return command->name ? command : NULL;
}

static int unknown_command(const char *name)
{
	char names[256] = "", nearest[64];

	for (const struct command *command = commands; command->name; command++) {
		strcat(names, command->name);
		strcat(names, command[1].name ? " " : "");
	}
	nearest_word(name, names, nearest, sizeof(nearest));
	if (nearest[0])
		return cli_usage("there is no subcommand '%s'; did you mean '%s'?", name, nearest);
	return cli_usage("there is no subcommand '%s'; there are: %s", name, names);
}

static bool wants_color(const struct options *options)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	if (options->color != COLOR_AUTO)
		return options->color == COLOR_ALWAYS;
	if (no_color && no_color[0])
		return false;
	return isatty(STDOUT_FILENO) && term && strcmp(term, "dumb") != 0;
}

/* What is the same for all subcommands: 0 go on, or the exit code in *ret_code and 1. */
static int answer_global(struct cli *cli, const struct command *command, int *ret_code)
{
	const struct options *options = cli->options;

	if (options->given & OPTION_BIT(HELP)) {
		if (command)
			help_command(&cli->out, command);
		else
			help_all(&cli->out, commands);
	} else if (options->given & OPTION_BIT(VERSION)) {
		fprintf(cli->out.file, "ringfort %s\n", RINGFORT_VERSION);
	} else if (options->given & OPTION_BIT(COMPLETION)) {
		if (strcmp(options->completion, "bash") != 0) {
			*ret_code = cli_usage("--completion: there is one for bash, none for '%s'",
					      options->completion);
			return 1;
		}
		completion_print(cli->out.file, commands);
	} else {
		return 0;
	}
	*ret_code = cli_finish(cli, CLI_OK);
	return 1;
}

static int run_command(struct cli *cli, const struct command *command)
{
	const struct options *options = cli->options;
	enum option_id refused = options_refused(options, command->options | OPTIONS_GLOBAL);

	if (refused != _OPTION_N)
		return cli_usage("'ringfort %s' does not take --%s; see 'ringfort %s --help'",
				 command->name, option_rows[refused].name, command->name);
	if (options->n_words - 1 > command->max_words)
		return cli_usage("'ringfort %s' has no use for '%s'; see 'ringfort %s --help'",
				 command->name, options->words[command->max_words + 1], command->name);
	return cli_finish(cli, command->run(cli));
}

int main(int argc, char **argv)
{
	const char *socket = getenv("RINGFORT_SOCKET");
	const struct command *command = NULL;
	struct options options;
	struct cli cli = { .options = &options, .out.file = stdout };
	char complaint[512];
	int code;

	setlocale(LC_CTYPE, "");
	if (options_parse(argc, argv, when_now(), &options, complaint, sizeof(complaint)) < 0)
		return cli_usage("%s", complaint);
	cli.out.color = wants_color(&options);
	cli.out.utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	cli.socket = options.socket ? options.socket : socket && socket[0] ? socket : WIRE_SOCKET;
	if (options.n_words > 0) {
		command = find_command(options.words[0]);
		if (!command)
			return unknown_command(options.words[0]);
	}
	if (answer_global(&cli, command, &code))
		return code;
	if (!command)
		return cli_usage("a subcommand is missing; see 'ringfort --help'");
	return run_command(&cli, command);
}
