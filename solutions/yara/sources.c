/* SPDX-License-Identifier: Apache-2.0 */
/* Rules: files and folders. */
#include "rules-internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_FOLDER_DEPTH 16
#define COMPILED_MAGIC "YARA" /* what libyara writes first into compiled rules */

static bool is_policy_name(const char *name)
{
	return has_suffix(name, ".yaml") || has_suffix(name, ".yml");
}

/* Compiled ones too: they are refused aloud, not passed over. */
static bool is_rules_name(const char *name)
{
	return has_suffix(name, ".yar") || has_suffix(name, ".yara") || has_suffix(name, ".yarc");
}

static int refuse_file(const char *path, int error, struct report *report)
{
	struct refusal refusal;

	if (error == ENOMEM)
		return -ENOMEM;
	refuse(&refusal, 0, "cannot be read: %s", strerror(error));
	report_refusal(report, path, &refusal);
	return 0;
}

/* ---- one file ----------------------------------------------------------------------------- */

/* The line on which the first NUL byte stands; 0: there is none. */
static unsigned int line_of_nul(const char *text, size_t n)
{
	const char *nul = memchr(text, 0, n);
	unsigned int line = 1;

	for (const char *c = text; nul && c < nul; c++)
		line += *c == '\n';
	return nul ? line : 0;
}

static int check(const char *text, size_t n, struct refusal *refusal)
{
	if (n >= strlen(COMPILED_MAGIC) && !memcmp(text, COMPILED_MAGIC, strlen(COMPILED_MAGIC)))
		return refuse(refusal, 0, "compiled rules are never loaded: give their source");
	if (n > RULES_MAX_BYTES)
		return refuse(refusal, 0, "a file of rules has at most 16 MiB");
	/* libyara would end there, and say nothing of the rest. */
	if (line_of_nul(text, n))
		return refuse(refusal, line_of_nul(text, n), "there is a NUL byte");
	return 0;
}

static int add_rules(struct rules *rules, const char *path, const char *text, size_t n,
		     struct report *report)
{
	struct refusal refusal;
	struct source *source;
	int r = check(text, n, &refusal);

	if (!r && rules->n_sources == RULES_MAX_FILES)
		r = refuse(&refusal, 0, "there are more than %u files", RULES_MAX_FILES);
	if (!r && rules->n_bytes + n > RULES_MAX_TOTAL)
		r = refuse(&refusal, 0, "all files together have more than 64 MiB");
	if (r) {
		report_refusal(report, path, &refusal);
		return 0;
	}
	r = grow(&rules->sources, rules->n_sources, &rules->n_sources_allocated);
	if (r < 0)
		return r;
	source = &rules->sources[rules->n_sources];
	*source = (struct source){ .path = arena_strndup(&rules->arena, path, strlen(path)),
				   .text = strndup(text, n) };
	if (!source->path || !source->text) {
		free(source->text);
		return -ENOMEM;
	}
	rules->n_sources++;
	rules->n_bytes += n;
	return 0;
}

int sources_add(struct rules *rules, const char *path, const char *text, size_t n, struct report *report)
{
	return is_policy_name(path) ? policy_read(&rules->policy, path, text, n, report) :
				      add_rules(rules, path, text, n, report);
}

static int read_file(struct rules *rules, const char *path, int fd, struct report *report)
{
	_cleanup_(cleanup_free) char *text = NULL;
	size_t n = 0, n_allocated = 0;

	/* One byte more than allowed, so that it is seen that there is more. */
	while (n <= RULES_MAX_BYTES) {
		ssize_t got;

		if (n == n_allocated) {
			char *grown = realloc(text, n_allocated += 1 + n + 65536);

			if (!grown)
				return -ENOMEM;
			text = grown;
		}
		got = read(fd, text + n, n_allocated - n);
		if (got < 0)
			return refuse_file(path, errno, report);
		if (!got)
			break;
		n += (size_t)got;
	}
	return sources_add(rules, path, text, n, report);
}

/* ---- folders ------------------------------------------------------------------------------ */

static bool is_folder(const char *path)
{
	struct stat status;

	return !stat(path, &status) && S_ISDIR(status.st_mode);
}

static int read_path(struct rules *rules, const char *path, unsigned int depth, struct report *report);

static int read_entry(struct rules *rules, const char *folder, const char *name, unsigned int depth,
		      struct report *report)
{
	_cleanup_(cleanup_free) char *path = NULL;

	if (asprintf(&path, "%s/%s", folder, name) < 0)
		return -ENOMEM;
	return is_policy_name(name) || is_rules_name(name) || is_folder(path) ?
		       read_path(rules, path, depth + 1, report) :
		       0;
}

static int read_folder(struct rules *rules, const char *path, unsigned int depth, struct report *report)
{
	struct dirent **entries;
	int n, r = 0;

	if (depth > MAX_FOLDER_DEPTH)
		return refuse_file(path, ELOOP, report);
	n = scandir(path, &entries, NULL, alphasort);
	if (n < 0)
		return refuse_file(path, errno, report);
	for (int i = 0; i < n; i++) {
		if (!r && entries[i]->d_name[0] != '.')
			r = read_entry(rules, path, entries[i]->d_name, depth, report);
		free(entries[i]);
	}
	free(entries);
	return r;
}

static int read_path(struct rules *rules, const char *path, unsigned int depth, struct report *report)
{
	/* Not blocking: the path may be a FIFO. */
	_cleanup_(cleanup_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat status;

	if (fd < 0 || fstat(fd, &status) < 0)
		return refuse_file(path, errno, report);
	if (S_ISDIR(status.st_mode))
		return read_folder(rules, path, depth, report);
	if (!S_ISREG(status.st_mode))
		return refuse_file(path, EINVAL, report);
	return read_file(rules, path, fd, report);
}

int sources_read(struct rules *rules, const char *path, struct report *report)
{
	return read_path(rules, path, 0, report);
}
