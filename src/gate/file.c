/* SPDX-License-Identifier: Apache-2.0 */
/* File - attributes of an open file, and what may be remembered of it. */
#include "gate/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define XFS_MAGIC 0x58465342
/* Times of change move in ticks of the kernel: two changes within one look like none. */
#define SETTLED_NS 50000000
/* Not in the headers of Debian 12. */
#ifndef STATX_MNT_ID
#define STATX_MNT_ID 0x1000u
#endif

static int read_attributes(struct statx *ret_stx, int fd)
{
	return statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_BASIC_STATS | STATX_MNT_ID, ret_stx) < 0 ?
		       -errno :
		       0;
}

static int64_t nanoseconds(struct statx_timestamp time)
{
	return time.tv_sec * 1000000000 + time.tv_nsec;
}

int file_read(struct file *ret_file, int fd)
{
	struct statx stx;
	int r = read_attributes(&stx, fd);

	if (r < 0)
		return r;
	ret_file->dev = (uint64_t)stx.stx_dev_major << 20 | stx.stx_dev_minor;
	ret_file->ino = stx.stx_ino;
	ret_file->size = stx.stx_size;
	ret_file->ctime_ns = nanoseconds(stx.stx_ctime);
	ret_file->mount = stx.stx_mnt_id;
	ret_file->mode = stx.stx_mode;
	ret_file->uid = stx.stx_uid;
	ret_file->gid = stx.stx_gid;
	ret_file->links = stx.stx_nlink;
	return 0;
}

uint64_t file_device(int fd)
{
	struct statfs fs;
	struct file file;

	if (fstatfs(fd, &fs) < 0 || fs.f_type == OVERLAYFS_SUPER_MAGIC || fs.f_type == BTRFS_SUPER_MAGIC)
		return 0;
	return file_read(&file, fd) < 0 ? 0 : file.dev;
}

int file_open_names(int *ret_names)
{
	int names = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (names < 0)
		return -errno;
	*ret_names = names;
	return 0;
}

void file_path(struct file_path *ret_path, int names, int fd)
{
	char name[16];
	ssize_t n;

	snprintf(name, sizeof(name), "%d", fd);
	n = readlinkat(names, name, ret_path->text, sizeof(ret_path->text) - 1);
	ret_path->length = n > 0 ? (uint32_t)n : 0;
	ret_path->text[ret_path->length] = '\0';
}

bool file_same(const struct file *file, int fd)
{
	struct statx stx;

	return read_attributes(&stx, fd) == 0 && file->ino == stx.stx_ino && file->size == stx.stx_size &&
	       file->ctime_ns == nanoseconds(stx.stx_ctime) && file->mode == stx.stx_mode &&
	       file->uid == stx.stx_uid;
}

/* A read lease is granted only where nobody has the file open for writing. */
bool file_has_writer(int fd)
{
	if (fcntl(fd, F_SETLEASE, F_RDLCK) < 0)
		return true;
	fcntl(fd, F_SETLEASE, F_UNLCK);
	return false;
}

static bool on_local_disk(int fd)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return false;
	return fs.f_type == EXT4_SUPER_MAGIC || fs.f_type == XFS_MAGIC || fs.f_type == BTRFS_SUPER_MAGIC;
}

enum file_memory file_memory(const struct file *file, int fd, int64_t now_realtime_ns)
{
	if (!on_local_disk(fd) || file_has_writer(fd))
		return FILE_ASK_AGAIN;
	if (now_realtime_ns - file->ctime_ns < SETTLED_NS)
		return FILE_ASK_AGAIN;
	/* An access list shows in the bits of the group. */
	if (file->uid == 0 && !(file->mode & (S_IWGRP | S_IWOTH)))
		return FILE_IN_KERNEL;
	return FILE_IN_TABLE;
}
