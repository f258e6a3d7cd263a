/* SPDX-License-Identifier: Apache-2.0 */
/* Tool: ringfort-yara scan */
#include "scan.h"
#include "tool.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_PATHS 64
#define MAX_MATCHES 1000 /* told of one file */

static void usage(FILE *stream)
{
	fprintf(stream,
		"Usage: ringfort-yara scan [--rules PATH]... [--json] FILE...\n"
		"\n"
		"Say what rules find in each file: FILE: ACTION: RULE, and where in the file.  It is the\n"
		"engine of the solution, without its limit of time.  Links are followed.  Rules that are\n"
		"refused are told on standard error, and the rest is used.\n"
		"\n"
		"Options:\n"
		"  --rules PATH  file or folder of rules and policies; may be given several times.\n"
		"                Default: those of the package\n"
		"  --json        print JSON lines: file, path, verdict, not_scanned, detail, more and\n"
		"                matches, each with rule, action, level, title, author, strings,\n"
		"                references, tags, source; null where there is none\n"
		"  --help        this text\n"
		"\n"
		"Exit codes: 0 nothing was found; 1 something was; 2 wrong usage, or a file or\n"
		"folder of rules that cannot be read.\n"
		"\n"
		"Example:\n"
		"  ringfort-yara scan --rules /etc/ringfort/yara /tmp/installer.run\n");
}

struct options {
	const char *paths[MAX_PATHS];
	size_t n_paths;
	bool json, help;
};

/* ---- what is printed ---------------------------------------------------------------------- */

static void set_text(json_t *object, const char *key, const char *text)
{
	/* Paths are bytes; JSON is not. */
	json_t *value = text && *text ? json_string(text) : json_null();

	json_object_set_new(object, key, value ? value : json_null());
}

static void set_texts(json_t *object, const char *key, const char *const *texts, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++) {
		json_t *text = json_string(texts[i]);

		json_array_append_new(list, text ? text : json_null());
	}
	json_object_set_new(object, key, list);
}

static json_t *match_json(const struct match *match)
{
	json_t *object = json_object();

	set_text(object, "rule", match->rule);
	set_text(object, "action", match->deny ? "deny" : "report");
	set_text(object, "level", level_name(match->level));
	set_text(object, "title", match->title);
	set_text(object, "author", match->author);
	set_text(object, "strings", match->strings);
	set_texts(object, "references", match->references, match->n_references);
	set_texts(object, "tags", match->tags, match->n_tags);
	set_text(object, "source", match->source);
	return object;
}

static void print_json(const char *file, const char *path, const struct result *result)
{
	json_t *object = json_object(), *matches = json_array();

	for (size_t i = 0; i < result->n_matches; i++)
		json_array_append_new(matches, match_json(&result->matches[i]));
	set_text(object, "file", file);
	set_text(object, "path", path);
	set_text(object, "verdict", result->deny ? "deny" : "allow");
	set_text(object, "not_scanned", outcome_text(result->outcome));
	set_text(object, "detail", result->detail);
	json_object_set_new(object, "more", json_integer((json_int_t)result->n_more));
	json_object_set_new(object, "matches", matches);
	json_dumpf(object, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(object);
}

static void print_text(const char *file, const struct result *result)
{
	if (result->outcome != OUTCOME_SCANNED)
		printf("%s: not scanned: %s%s%s\n", file, outcome_text(result->outcome),
		       *result->detail ? ": " : "", result->detail);
	else if (!result->n_matches)
		printf("%s: nothing found\n", file);
	for (size_t i = 0; i < result->n_matches; i++) {
		const struct match *match = &result->matches[i];

		printf("%s: %s: %s (%s, %s): %s%s%s%s\n", file, match->deny ? "deny" : "report", match->rule,
		       level_name(match->level), match->source, match->title, *match->strings ? " [" : "",
		       match->strings, *match->strings ? "]" : "");
	}
	if (result->n_more)
		printf("%s: %zu more rules match\n", file, result->n_more);
}

/* ---- files -------------------------------------------------------------------------------- */

/* The path as the kernel has it, of the file that is open. */
static int path_of(int fd, char ret[PATH_MAX])
{
	char link[40];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, ret, PATH_MAX - 1);
	if (n < 0)
		return -errno;
	ret[n] = 0;
	return 0;
}

/* Return: 0 nothing was found; 1 something was; a negative errno. */
static int scan_file(const struct rules *rules, const char *file, bool json)
{
	/* Not blocking: it may be a FIFO. */
	_cleanup_(cleanup_close) int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	_cleanup_(result_unrefp) struct result *result = NULL;
	struct subject subject = { .fd = fd, .max_matches = MAX_MATCHES };
	char path[PATH_MAX];
	struct stat status;
	int r;

	if (fd < 0 || fstat(fd, &status) < 0)
		return -errno;
	if (!S_ISREG(status.st_mode))
		return -EACCES; /* as execve(2) answers */
	r = path_of(fd, path);
	if (r < 0)
		return r;
	subject.path = path_is_nameless(path, status.st_nlink) ? "" : path;
	subject.size = (uint64_t)status.st_size;
	subject.uid = status.st_uid;
	result = scan(rules, &subject);
	if (!result)
		return -ENOMEM;
	if (json)
		print_json(file, path, result);
	else
		print_text(file, result);
	return result_is_told(result);
}

/* ---- rules -------------------------------------------------------------------------------- */

/* The folder beside this program. */
static int find_own_rules(char ret[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", ret, PATH_MAX - 1);
	char *slash;

	if (n < 0)
		return -errno;
	ret[n] = 0;
	slash = strrchr(ret, '/');
	if (!slash || (size_t)(slash - ret) + sizeof("/rules") > PATH_MAX)
		return -ENOENT;
	strcpy(slash, "/rules");
	return 0;
}

static int load(const struct options *options, struct rules **ret)
{
	struct rules_loading loading = { .report = { .tell = content_print_refusal, .userdata = stderr } };
	char own[PATH_MAX];
	const char *own_paths[] = { own };
	int r;

	if (options->n_paths)
		return rules_load(ret, options->paths, options->n_paths, &loading);
	r = find_own_rules(own);
	return r < 0 ? r : rules_load(ret, own_paths, ARRAY_LENGTH(own_paths), &loading);
}

static int parse_options(struct options *options, int argc, char **argv)
{
	static const struct option long_options[] = { { "rules", required_argument, NULL, 'r' },
						      { "json", no_argument, NULL, 'j' },
						      { "help", no_argument, NULL, 'h' },
						      { 0 } };
	int c;

	while ((c = getopt_long(argc, argv, "r:jh", long_options, NULL)) >= 0) {
		if (c == '?' || (c == 'r' && options->n_paths == MAX_PATHS))
			return TOOL_USAGE;
		if (c == 'r')
			options->paths[options->n_paths++] = optarg;
		options->json |= c == 'j';
		options->help |= c == 'h';
	}
	if (options->help || optind < argc)
		return TOOL_OK;
	usage(stderr);
	return TOOL_USAGE;
}

int tool_scan(int argc, char **argv)
{
	_cleanup_(rules_freep) struct rules *rules = NULL;
	struct options options = { 0 };
	int r, code = parse_options(&options, argc, argv);

	if (code)
		return code;
	if (options.help) {
		usage(stdout);
		return TOOL_OK;
	}
	r = load(&options, &rules);
	if (r < 0) {
		fprintf(stderr, "ringfort-yara: %s\n", strerror(-r));
		return TOOL_USAGE;
	}
	/* What looks through nothing finds nothing: that is no good news. */
	if (!rules_count(rules))
		code = TOOL_USAGE;
	for (int i = optind; i < argc; i++) {
		r = scan_file(rules, argv[i], options.json);
		if (r < 0)
			fprintf(stderr, "ringfort-yara: %s: %s\n", argv[i], strerror(-r));
		if (r < 0)
			code = TOOL_USAGE;
		else if (r && code == TOOL_OK)
			code = TOOL_NEGATIVE;
	}
	return code;
}
