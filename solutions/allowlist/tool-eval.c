/* SPDX-License-Identifier: Apache-2.0 */
/* Tool: ringfort-allowlist eval */
#include "judge.h"
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

static void usage(FILE *stream)
{
	fprintf(stream,
		"Usage: ringfort-allowlist eval --policy PATH [OPTION]... FILE...\n"
		"\n"
		"Say what would become of the execution of each file: FILE: VERDICT: and why.\n"
		"Links are followed, as the kernel does.  What is refused of the policy is told on\n"
		"standard error, and the rest is used.\n"
		"\n"
		"Options:\n"
		"  --policy PATH  file or folder; may be given several times.  For rules that ask\n"
		"                 for packages add --policy /var/lib/dpkg/info\n"
		"  --json         print JSON lines: file, path, verdict, action, rule, at, reason,\n"
		"                 sha256, note; null where there is none\n"
		"  --help         this text\n"
		"\n"
		"Exit codes: 0 all would be allowed; 1 some would be denied; 2 wrong usage, or a\n"
		"file or policy that cannot be read.\n"
		"\n"
		"Example:\n"
		"  ringfort-allowlist eval --policy /etc/ringfort/allowlist /tmp/installer.run\n");
}

struct options {
	const char *paths[MAX_PATHS];
	size_t n_paths;
	bool json, help;
};

static void set_text(json_t *object, const char *key, const char *text)
{
	/* Paths are bytes; JSON is not. */
	json_t *value = text && *text ? json_string(text) : json_null();

	json_object_set_new(object, key, value ? value : json_null());
}

static void print_json(const char *file, const char *path, const struct judgement *judgement)
{
	const struct rule *rule = judgement->rule;
	char at[PATH_MAX + 16] = "", hex[DIGEST_HEX] = "";
	json_t *object = json_object();

	if (rule)
		snprintf(at, sizeof(at), "%s:%u", rule->file, rule->line);
	if (judgement->hashing == HASHING_DONE)
		digest_format(&judgement->digest, hex);
	set_text(object, "file", file);
	set_text(object, "path", path);
	set_text(object, "verdict", judgement->deny ? "deny" : "allow");
	set_text(object, "action", action_name(judgement->action));
	set_text(object, "rule", rule ? rule->id : NULL);
	set_text(object, "at", at);
	set_text(object, "reason", rule ? rule->reason : NULL);
	set_text(object, "sha256", hex);
	set_text(object, "note", hashing_note(judgement->hashing));
	json_dumpf(object, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(object);
}

static void print_text(const char *file, const struct policy *policy,
		       const struct judgement *judgement)
{
	const struct rule *rule = judgement->rule;
	const char *note = hashing_note(judgement->hashing);

	printf("%s: %s: ", file, judgement->deny ? "deny" : "allow");
	if (rule)
		printf("%s by rule %s (%s:%u)%s%s", action_name(rule->action), rule->id, rule->file,
		       rule->line, *rule->reason ? ": " : "", rule->reason);
	else
		printf("no rule allows it; the mode is %s",
		       policy_is_lockdown(policy) ? "lockdown" : "monitor");
	printf("%s%s\n", note ? "; " : "", note ? note : "");
}

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

/* Return: 0 allowed; 1 denied; a negative errno. */
static int eval_file(const struct policy *policy, const char *file, bool json)
{
	/* Not blocking: it may be a FIFO. */
	_cleanup_(cleanup_close) int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct subject subject = { .fd = fd };
	struct judgement judgement;
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
	subject.path = path;
	subject.size = (uint64_t)status.st_size;
	subject.mode = status.st_mode;
	subject.uid = status.st_uid;
	subject.nameless = path_is_nameless(path, status.st_nlink);
	judgement = judge(policy, &subject);
	if (json)
		print_json(file, path, &judgement);
	else
		print_text(file, policy, &judgement);
	return judgement.deny;
}

static int parse_options(struct options *options, int argc, char **argv)
{
	static const struct option long_options[] = { { "policy", required_argument, NULL, 'p' },
						      { "json", no_argument, NULL, 'j' },
						      { "help", no_argument, NULL, 'h' },
						      { 0 } };
	int c;

	while ((c = getopt_long(argc, argv, "p:jh", long_options, NULL)) >= 0) {
		if (c == '?' || (c == 'p' && options->n_paths == MAX_PATHS))
			return TOOL_USAGE;
		if (c == 'p')
			options->paths[options->n_paths++] = optarg;
		options->json |= c == 'j';
		options->help |= c == 'h';
	}
	if (options->help || (options->n_paths && optind < argc))
		return TOOL_OK;
	usage(stderr);
	return TOOL_USAGE;
}

int tool_eval(int argc, char **argv)
{
	_cleanup_(policy_freep) struct policy *policy = NULL;
	struct options options = { 0 };
	int r, code = parse_options(&options, argc, argv);

	if (code)
		return code;
	if (options.help) {
		usage(stdout);
		return TOOL_OK;
	}
	r = policy_load(&policy, options.paths, options.n_paths, content_print_refusal, stderr);
	if (r < 0) {
		fprintf(stderr, "ringfort-allowlist: %s\n", strerror(-r));
		return TOOL_USAGE;
	}
	for (int i = optind; i < argc; i++) {
		r = eval_file(policy, argv[i], options.json);
		if (r < 0)
			fprintf(stderr, "ringfort-allowlist: %s: %s\n", argv[i], strerror(-r));
		if (r < 0)
			code = TOOL_USAGE;
		else if (r && code == TOOL_OK)
			code = TOOL_NEGATIVE;
	}
	return code;
}
