/* SPDX-License-Identifier: Apache-2.0 */
/* Process state - two small files of /proc. */
#include "ringfortd/process-state.h"

#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *line(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at ? at + strlen(name) : NULL;
}

int process_state_read(pid_t pid, struct process_state *ret_state)
{
	char path[64], text[2048], score[16];
	const char *state, *tracer;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	n = fs_read_at(AT_FDCWD, path, text, sizeof(text));
	if (n < 0)
		return (int)n;
	state = line(text, "\nState:\t");
	tracer = line(text, "\nTracerPid:\t");
	if (!state || !tracer)
		return -EBADMSG;
	if (*state == 'Z' || *state == 'X')
		return -ESRCH;
	snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", pid);
	n = fs_read_at(AT_FDCWD, path, score, sizeof(score));
	if (n < 0)
		return (int)n;
	*ret_state = (struct process_state){ .stopped = *state == 'T',
					     .tracer = (pid_t)strtol(tracer, NULL, 10),
					     .oom_score = (int)strtol(score, NULL, 10) };
	return 0;
}

bool process_state_frozen(pid_t pid, const char *root)
{
	char path[PATH_MAX], text[PATH_MAX];
	const char *cgroup;

	snprintf(path, sizeof(path), "/proc/%d/cgroup", pid);
	if (!root || fs_read_at(AT_FDCWD, path, text, sizeof(text)) < 0)
		return false;
	cgroup = strncmp(text, "0::", 3) == 0 ? text + 3 : line(text, "\n0::");
	if (!cgroup || snprintf(path, sizeof(path), "%s%.*s/cgroup.events", root, (int)strcspn(cgroup, "\n"), cgroup) >=
			       (int)sizeof(path))
		return false;
	return fs_read_at(AT_FDCWD, path, text, sizeof(text)) >= 0 && strstr(text, "frozen 1");
}

int process_state_set_oom(pid_t pid, int oom_score)
{
	char path[64], text[16];

	snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", pid);
	snprintf(text, sizeof(text), "%d", oom_score);
	return fs_write_at(AT_FDCWD, path, text);
}
