/* SPDX-License-Identifier: Apache-2.0 */
/* Role config - one fork per question; the child may be the attacker's once it parses. */
#include "ringfortd/role-config.h"

#include "base/cleanup.h"
#include "host/scopes.h"
#include "ringfortd/drop.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define MAX_FILES 65
#define NOBODY 65534
#define CHILD_SECONDS 10

struct source {
	char path[PATH_MAX];
	char *data;
	size_t size;
};

struct answer {
	int32_t result;
	char error[1024];
	union {
		struct config config;
		struct manifest manifest;
	};
};

static int read_source(struct source *source)
{
	_cleanup_(closep) int fd = open(source->path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t n;

	if (fd < 0)
		return -errno;
	/* One more than the ceiling, so that the parser sees it exceeded. */
	source->data = malloc(YAML_MAX_BYTES + 1);
	if (!source->data)
		return -ENOMEM;
	while ((n = read(fd, source->data + source->size, YAML_MAX_BYTES + 1 - source->size)) > 0)
		source->size += (size_t)n;
	return n < 0 ? -errno : 0;
}

/* What a parser needs, and nothing else: the first other call ends the child. */
static int parser_calls_only(void)
{
	static const int calls[] = { SCMP_SYS(read),  SCMP_SYS(write),	SCMP_SYS(exit_group),
				     SCMP_SYS(brk),   SCMP_SYS(mmap),	SCMP_SYS(munmap),
				     SCMP_SYS(mremap), SCMP_SYS(futex), SCMP_SYS(rt_sigreturn),
				     SCMP_SYS(madvise), SCMP_SYS(getpid) };
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int r = filter ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < sizeof(calls) / sizeof(calls[0]); i++)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
	if (r == 0)
		r = seccomp_load(filter);
	seccomp_release(filter);
	return r;
}

/* The user is dropped in the child alone; glibc's wrappers would be the same, it has one thread. */
static int become_nobody(void)
{
	int r = drop_control(NOBODY, NOBODY);

	if (r < 0 && geteuid() != 0)
		r = 0; /* --check-config by an ordinary user */
	return r < 0 ? r : parser_calls_only();
}

typedef int parse_fn(struct answer *answer, const struct source *source, struct yaml_error *error);

static int parse_config(struct answer *answer, const struct source *source, struct yaml_error *error)
{
	return config_parse(&answer->config, source->data, source->size, error);
}

static int parse_manifest(struct answer *answer, const struct source *source, struct yaml_error *error)
{
	return manifest_parse(&answer->manifest, source->data, source->size, error);
}

static void child(int out, struct source *sources, size_t n, parse_fn *parse, struct answer *answer)
{
	struct yaml_error error = { 0 };
	const char *bytes = (const char *)answer;
	size_t left = sizeof(*answer);
	ssize_t written;

	/* It may write and map: nothing of the supervisor's is to be there for it. */
	if (dup2(out, 3) < 0 || close_range(4, ~0u, 0) < 0)
		_exit(2);
	out = 3;
	for (size_t i = 0; i < n && answer->result == 0; i++) {
		answer->result = read_source(&sources[i]);
		if (answer->result < 0)
			snprintf(answer->error, sizeof(answer->error), "%.800s: %s", sources[i].path,
				 strerror(-answer->result));
	}
	if (answer->result == 0 && become_nobody() < 0)
		_exit(2);
	for (size_t i = 0; i < n && answer->result == 0; i++) {
		answer->result = parse(answer, &sources[i], &error);
		if (answer->result)
			snprintf(answer->error, sizeof(answer->error), "%.800s:%u: %s",
				 sources[i].path, error.line, error.reason);
	}
	while (left && (written = write(out, bytes, left)) > 0) {
		bytes += written;
		left -= (size_t)written;
	}
	_exit(left ? 1 : 0);
}

static int collect(int in, struct answer *answer)
{
	char *bytes = (char *)answer;
	size_t got = 0;
	ssize_t n;

	while (got < sizeof(*answer) && (n = read(in, bytes + got, sizeof(*answer) - got)) != 0) {
		if (n < 0 && errno != EINTR)
			return -errno;
		got += n < 0 ? 0 : (size_t)n;
	}
	return got == sizeof(*answer) ? 0 : -EPROTO;
}

static int parse_in_child(struct source *sources, size_t n, parse_fn *parse, struct answer *answer)
{
	_cleanup_(closep) int in = -1;
	_cleanup_(closep) int out = -1;
	int ends[2], status, r;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	in = ends[0];
	out = ends[1];
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		alarm(CHILD_SECONDS);
		child(out, sources, n, parse, answer);
	}
	out = close_fd(out);
	r = collect(in, answer);
	if (r < 0)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return r;
}

static int answer_result(struct answer *answer, int r, bool checked, char ret_error[1024])
{
	answer->error[sizeof(answer->error) - 1] = '\0';
	if (r < 0)
		snprintf(ret_error, 1024, "the process that reads YAML failed: %s", strerror(-r));
	else if (answer->result)
		memcpy(ret_error, answer->error, 1024);
	else if (!checked)
		snprintf(ret_error, 1024, "the process that reads YAML gave an impossible answer");
	if (r < 0)
		return r;
	if (answer->result)
		return answer->result;
	return checked ? 0 : -EPROTO;
}

static int is_yaml(const struct dirent *entry)
{
	size_t n = strlen(entry->d_name);

	return n > 5 && strcmp(entry->d_name + n - 5, ".yaml") == 0 && entry->d_name[0] != '.';
}

/* ringfortd.d beside the file, in order of name. */
static size_t add_drop_ins(struct source *sources, size_t n, const char *config)
{
	char folder[PATH_MAX];
	struct dirent **entries;
	char *dot;
	int count;

	snprintf(folder, sizeof(folder), "%s", config);
	dot = strrchr(folder, '.');
	if (!dot || strchr(dot, '/'))
		return n;
	strcpy(dot, ".d");
	count = scandir(folder, &entries, is_yaml, alphasort);
	for (int i = 0; i < count; i++) {
		if (n < MAX_FILES && snprintf(sources[n].path, PATH_MAX, "%s/%s", folder,
					      entries[i]->d_name) < PATH_MAX)
			n++;
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	return n;
}

/* Files may name in any order; what no file named at the end is a mistake. */
static int check_scopes(const struct config *config, char ret_error[1024])
{
	for (uint32_t i = 0; i < config->n_solutions; i++) {
		const char *unknown = scopes_unknown(config, &config->solutions[i]);

		if (!unknown)
			continue;
		snprintf(ret_error, 1024, "solution '%s': scopes: '%s' stands neither in gate: open nor in gate: "
			 "open_filesystems", config->solutions[i].name, unknown);
		return YAML_REFUSED;
	}
	return 0;
}

int read_config(const struct paths *paths, bool must_exist, struct config *ret_config,
		char ret_error[1024])
{
	_cleanup_(freep) struct source *sources = calloc(MAX_FILES, sizeof(*sources));
	_cleanup_(freep) struct answer *answer = calloc(1, sizeof(*answer));
	size_t n = 0;
	int r;

	if (!sources || !answer)
		return -ENOMEM;
	if (must_exist || access(paths->config, F_OK) == 0)
		memcpy(sources[n++].path, paths->config, PATH_MAX);
	n = add_drop_ins(sources, n, paths->config);
	config_default(&answer->config);
	r = parse_in_child(sources, n, parse_config, answer);
	r = answer_result(answer, r, config_check(&answer->config), ret_error);
	if (r == 0)
		r = check_scopes(&answer->config, ret_error);
	if (r == 0)
		*ret_config = answer->config;
	return r;
}

int read_manifest(const char *package, struct manifest *ret_manifest, char ret_error[1024])
{
	_cleanup_(freep) struct source *source = calloc(1, sizeof(*source));
	_cleanup_(freep) struct answer *answer = calloc(1, sizeof(*answer));
	int r;

	if (!source || !answer)
		return -ENOMEM;
	if (snprintf(source->path, PATH_MAX, "%s/manifest.yaml", package) >= PATH_MAX)
		return -ENAMETOOLONG;
	r = parse_in_child(source, 1, parse_manifest, answer);
	r = answer_result(answer, r, manifest_check(&answer->manifest), ret_error);
	if (r == 0)
		*ret_manifest = answer->manifest;
	return r;
}
