/* SPDX-License-Identifier: Apache-2.0 */
/* Tool: ringfort-allowlist learn */
#include "learn.h"
#include "tool.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LINE (16u * 1024 * 1024)

static void usage(FILE *stream)
{
	fprintf(stream,
		"Usage: ringfort-allowlist learn [OPTION]... < EVENTS > POLICY\n"
		"\n"
		"Read what `ringfort events --json' prints, and write a policy with a rule for each\n"
		"file that was executed: programs, scripts, and the loaders that programs name.\n"
		"Of `ringfort findings --json' take what ran though no rule allowed it.  What no rule\n"
		"can name is told in comments.  An interrupt ends the reading, and the policy is\n"
		"written.\n"
		"\n"
		"Options:\n"
		"  --from FILE  read this, not standard input\n"
		"  --owner      the file's owner must stay whoever it is today\n"
		"  --hash       the file's contents must stay what they are today\n"
		"  --help       this text\n"
		"\n"
		"With --owner and --hash the files are looked at now; those that are gone, or another\n"
		"file than the one that was executed, are left out.\n"
		"\n"
		"Exit codes: 0 the policy is written; 2 wrong usage, or a line that is not an event\n"
		"(its number is told, and nothing is written).\n"
		"\n"
		"Example:\n"
		"  ringfort events --type process.exec --timeout 1h --json |\n"
		"      ringfort-allowlist learn >/etc/ringfort/allowlist/learned.yaml\n");
}

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal_number)
{
	interrupted = 1;
}

static int read_stream(struct learned *learned, FILE *stream)
{
	_cleanup_(cleanup_free) char *line = NULL;
	struct refusal refusal = { 0 };
	unsigned long long number = 0;
	size_t n_allocated = 0;
	ssize_t n;
	int r = 0;

	while (!r && (n = getline(&line, &n_allocated, stream)) >= 0) {
		/* An interrupt may have cut the line that was being written. */
		if (interrupted)
			break;
		number++;
		if (strspn(line, " \t\r\n") == (size_t)n)
			continue;
		r = (size_t)n > MAX_LINE ? refuse(&refusal, 0, "longer than 16 MiB") :
					   learn_line(learned, line, (size_t)n, &refusal);
	}
	if (!r && ferror(stream) && !interrupted)
		r = refuse(&refusal, 0, "cannot be read: %s", strerror(errno));
	if (r)
		fprintf(stderr, "ringfort-allowlist: line %llu: %s\n", number,
			r > 0 ? refusal.reason : strerror(-r));
	return r ? TOOL_USAGE : TOOL_OK;
}

static int learn(FILE *stream, const struct learn_options *options)
{
	_cleanup_(learn_done) struct learned learned = { 0 };
	int code, r = learn_init(&learned);

	if (!r) {
		code = read_stream(&learned, stream);
		if (code)
			return code;
		r = learn_loaders(&learned);
	}
	if (!r)
		r = learn_print(&learned, options, stdout);
	if (r < 0)
		fprintf(stderr, "ringfort-allowlist: %s\n", strerror(-r));
	return r < 0 ? TOOL_USAGE : TOOL_OK;
}

struct arguments {
	struct learn_options options;
	const char *from;
	bool help;
};

static int parse_arguments(struct arguments *arguments, int argc, char **argv)
{
	static const struct option options[] = { { "from", required_argument, NULL, 'f' },
						 { "owner", no_argument, NULL, 'o' },
						 { "hash", no_argument, NULL, 's' },
						 { "help", no_argument, NULL, 'h' },
						 { 0 } };
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
		if (c == '?')
			return TOOL_USAGE;
		if (c == 'f')
			arguments->from = optarg;
		arguments->options.owner |= c == 'o';
		arguments->options.hash |= c == 's';
		arguments->help |= c == 'h';
	}
	if (optind == argc)
		return TOOL_OK;
	usage(stderr);
	return TOOL_USAGE;
}

int tool_learn(int argc, char **argv)
{
	const struct sigaction action = { .sa_handler = on_interrupt };
	struct arguments arguments = { 0 };
	FILE *stream = stdin;
	int code = parse_arguments(&arguments, argc, argv);

	if (code)
		return code;
	if (arguments.help) {
		usage(stdout);
		return TOOL_OK;
	}
	if (arguments.from)
		stream = fopen(arguments.from, "re");
	if (!stream) {
		fprintf(stderr, "ringfort-allowlist: %s: %s\n", arguments.from, strerror(errno));
		return TOOL_USAGE;
	}
	sigaction(SIGINT, &action, NULL); /* without SA_RESTART: the read ends */
	code = learn(stream, &arguments.options);
	if (stream != stdin)
		fclose(stream);
	return code;
}
