/* SPDX-License-Identifier: Apache-2.0 */
/* Fs - small files in one call, paths name by name. */
#include "base/fs.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

ssize_t fs_read_at(int dirfd, const char *path, char *buffer, size_t size)
{
	_cleanup_(closep) int fd = -1;
	size_t used = 0;

	fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return -errno;
	while (used < size - 1) {
		ssize_t n = read(fd, buffer + used, size - 1 - used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		used += (size_t)n;
	}
	buffer[used] = '\0';
	return (ssize_t)used;
}

int fs_write_at(int dirfd, const char *path, const char *text)
{
	_cleanup_(closep) int fd = -1;
	size_t size = strlen(text);
	ssize_t n;

	fd = openat(dirfd, path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return -errno;
	/* The kernel's files take a value whole or not at all. */
	n = write(fd, text, size);
	if (n < 0)
		return -errno;
	return (size_t)n == size ? 0 : -EIO;
}

int fs_write_u64_at(int dirfd, const char *path, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	return fs_write_at(dirfd, path, text);
}

int fs_walk(int from, const char *path, int (*step)(int folder, const char *name))
{
	_cleanup_(closep) int at = fcntl(from, F_DUPFD_CLOEXEC, 0);
	char name[NAME_MAX + 1];

	if (at < 0)
		return -errno;
	for (path += strspn(path, "/"); *path; path += strspn(path, "/")) {
		size_t n = strcspn(path, "/");
		int next;

		if (n > NAME_MAX)
			return -ENAMETOOLONG;
		memcpy(name, path, n);
		name[n] = '\0';
		next = step(at, name);
		if (next < 0)
			return next;
		close_fd(at);
		at = next;
		path += n;
	}
	return take_fd(&at);
}
