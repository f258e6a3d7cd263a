/* SPDX-License-Identifier: Apache-2.0 */
/* Kernel helper - see kernel-helper.h */
#include "gate/kernel-helper.h"

#include "base/fs.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define KERNEL_THREAD 0x00200000 /* PF_KTHREAD of include/linux/sched.h, in the ninth field of /proc/PID/stat */
#define MOST_ANCESTORS 64
#define MOST_WALKS 3

struct ancestor {
	pid_t parent; /* 0: it has none here */
	bool kernel_thread;
};

/* Of its first thread alone: for a whole process the kernel sums over all of them. */
static bool look(pid_t pid, struct ancestor *ret)
{
	char path[48], text[512];
	const char *at;
	uint32_t flags;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", pid, pid);
	if (fs_read_at(AT_FDCWD, path, text, sizeof(text)) < 0)
		return false;
	/* Its name may have anything in it.  Behind it: state, parent, group, session, terminal, its group, flags. */
	at = strrchr(text, ')');
	if (!at || sscanf(at, ") %*c %d %*d %*d %*d %*d %u", &ret->parent, &flags) != 2)
		return false;
	ret->kernel_thread = flags & KERNEL_THREAD;
	return true;
}

/* In a container there are none, and what the kernel starts is outside; nor where /proc hides the processes of others. */
static bool sees_kernel_threads(void)
{
	struct ancestor second;

	return look(2, &second) && second.kernel_thread;
}

enum walk {
	WALK_ENDED,  /* at process 1, or too far up */
	WALK_KERNEL, /* at a kernel thread */
	WALK_LOST,   /* at an ancestor that has gone while we looked */
};

static enum walk walk(pid_t pid)
{
	struct ancestor ancestor;

	for (int i = 0; i < MOST_ANCESTORS && pid > 1; i++, pid = ancestor.parent) {
		if (!look(pid, &ancestor))
			return WALK_LOST;
		if (ancestor.kernel_thread)
			return WALK_KERNEL;
	}
	return WALK_ENDED;
}

bool kernel_helper_is(pid_t pid)
{
	enum walk end = WALK_LOST;

	if (!sees_kernel_threads())
		return false;
	/* Who loses an ancestor is handed to another: the next walk finds that one. */
	for (int i = 0; i < MOST_WALKS && end == WALK_LOST; i++)
		end = walk(pid);
	return end == WALK_KERNEL;
}
