/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fs - small files of the kernel and of the configuration, read and written in one call; paths, name by name.
 *
 * Paths are relative to dirfd (AT_FDCWD for the working directory).  Nothing here logs.
 */
#ifndef RINGFORT_BASE_FS_H
#define RINGFORT_BASE_FS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/**
 * fs_read_at() - the beginning of a file, NUL-terminated
 * @buffer: size bytes, at least 1; at most size - 1 are read
 *
 * Return: number of bytes read, or a negative errno.
 */
ssize_t fs_read_at(int dirfd, const char *path, char *buffer, size_t size);

/** fs_write_at() - open an existing file and write the text with one write(2).  0 or -errno. */
int fs_write_at(int dirfd, const char *path, const char *text);

/** fs_write_u64_at() - the same with a decimal number */
int fs_write_u64_at(int dirfd, const char *path, uint64_t value);

/**
 * fs_walk() - from an open folder along a path, each name by itself
 * @step: opens a name of a folder and says whether the way leads over it: a descriptor, or a negative errno
 *
 * For ways that may lead over no link or no mount, where openat2(2) is not to be had: a service with
 * RestrictSUIDSGID= has none.
 *
 * Return: the last descriptor, the caller's (a copy of `from` where there is no name); what step() refused with;
 * -ENAMETOOLONG.
 */
int fs_walk(int from, const char *path, int (*step)(int folder, const char *name));

#endif
