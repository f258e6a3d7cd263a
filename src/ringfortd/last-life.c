/* SPDX-License-Identifier: Apache-2.0 */
/* Last life - a file that names the boot while the daemon lives. */
#include "ringfortd/last-life.h"

#include "base/cleanup.h"
#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BOOT_ID "/proc/sys/kernel/random/boot_id"

static int file_of(const char *state, char path[PATH_MAX])
{
	return snprintf(path, PATH_MAX, "%s/alive", state) < PATH_MAX ? 0 : -ENAMETOOLONG;
}

int last_life_begin(const char *state)
{
	char path[PATH_MAX], boot[64], before[64] = "";
	_cleanup_(closep) int fd = -1;
	ssize_t n = fs_read_at(AT_FDCWD, BOOT_ID, boot, sizeof(boot));
	int r = file_of(state, path);

	if (n < 0 || r < 0)
		return n < 0 ? (int)n : r;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	if (read(fd, before, sizeof(before) - 1) < 0 || pwrite(fd, boot, (size_t)n, 0) != n)
		return -EIO;
	return strcmp(boot, before) == 0;
}

void last_life_end(const char *state)
{
	char path[PATH_MAX];

	if (file_of(state, path) == 0)
		unlink(path);
}
