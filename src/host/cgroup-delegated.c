/* SPDX-License-Identifier: Apache-2.0 */
/* Cgroup-delegated - the folder that a service manager gave us, and our own place in it. */
#include "host/cgroup-delegated.h"

#include "base/cleanup.h"
#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#define OWN_LEAF "daemon"

/* The path behind "0::" in /proc/self/cgroup, relative: "system.slice/x.service".  0 or a negative errno. */
static int read_own_path(char *path, size_t size)
{
	char text[8192], *line, *end;
	ssize_t n = fs_read_at(AT_FDCWD, "/proc/self/cgroup", text, sizeof(text));

	if (n < 0)
		return (int)n;
	line = strncmp(text, "0::/", 4) == 0 ? text : strstr(text, "\n0::/");
	if (!line)
		return -ENOENT;
	line = strchr(line, '/') + 1;
	end = strchr(line, '\n');
	if (!end || (size_t)(end - line) >= size)
		return -ENAMETOOLONG;
	memcpy(path, line, (size_t)(end - line));
	path[end - line] = '\0';
	return 0;
}

/* Said by systemd on what it will not touch; "user." where the manager may not write the other. */
static bool is_delegated(int folder)
{
	static const char *const names[] = { "trusted.delegate", "user.delegate" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char value;

		if (fgetxattr(folder, names[i], &value, 1) == 1 && value == '1')
			return true;
	}
	return false;
}

/* A folder with processes in it hands no controllers down. */
static int enter_leaf(int folder)
{
	if (mkdirat(folder, OWN_LEAF, 0755) < 0 && errno != EEXIST)
		return -errno;
	return fs_write_at(folder, OWN_LEAF "/cgroup.procs", "0");
}

int cgroup_delegated_open(int root)
{
	_cleanup_(closep) int folder = -1;
	char path[4096];
	int r;

	r = read_own_path(path, sizeof(path));
	if (r < 0)
		return r;
	folder = openat(root, path[0] ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return -errno;
	if (!is_delegated(folder))
		return -ENOENT;
	r = enter_leaf(folder);
	return r < 0 ? r : take_fd(&folder);
}
