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

static bool look(pid_t pid, struct ancestor *ret)
{
	char path[32], text[512];
	const char *at;
	uint32_t flags;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (fs_read_at(AT_FDCWD, path, text, sizeof(text)) < 0)
		return false;
	/* Its name may have anything in it.  Behind it: state, parent, group, session, terminal, its group, flags. */
	at = strrchr(text, ')');
	if (!at || sscanf(at, ") %*c %d %*d %*d %*d %*d %u", &ret->parent, &flags) != 2)
		return false;
	ret->kernel_thread = flags & KERNEL_THREAD;
	return true;
}

/* Return: 1 it comes from a kernel thread, 0 it does not, -1 an ancestor has gone while we looked. */
static int walk(pid_t pid)
{
	struct ancestor ancestor;

	for (int i = 0; i < MOST_ANCESTORS && pid > 1; i++, pid = ancestor.parent) {
		if (!look(pid, &ancestor))
			return -1;
		if (ancestor.kernel_thread)
			return 1;
	}
	return 0;
}

bool kernel_helper_is(pid_t pid)
{
	struct ancestor ancestor;
	int r = -1;

	/* Who loses an ancestor is handed to another: the second walk finds that one. */
	for (int i = 0; i < MOST_WALKS && r < 0; i++) {
		if (!look(pid, &ancestor))
			return true;
		r = walk(pid);
	}
	return r > 0;
}
