/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File - what is known of a file that is asked about, and whether an answer may be remembered.
 *
 * Read through the descriptor of the event alone: nothing is opened, and no file system is asked that
 * might wait for a server (file systems like that are not marked, and attributes are taken as they are
 * cached).
 */
#ifndef RINGFORT_GATE_FILE_H
#define RINGFORT_GATE_FILE_H

#include "ring/ask.h"

#include <stdbool.h>
#include <stdint.h>

/* Which file it is, in which state. */
struct file {
	uint64_t dev, ino, size;
	int64_t ctime_ns;
	uint64_t mount;  /* id of the mount that it was reached by */
	uint32_t mode, uid, gid, links;
};

struct file_path {
	uint32_t length;
	char text[ASK_MAX_PATH]; /* NUL-terminated */
};

/* Where an answer for a file may be kept. */
enum file_memory {
	FILE_ASK_AGAIN, /* nowhere */
	FILE_IN_TABLE,  /* in our own, where every use looks whether the file is as it was */
	FILE_IN_KERNEL, /* as an ignore mark: the kernel does not ask us any more */
};

/** file_read() - attributes.  Return: 0 or a negative errno */
int file_read(struct file *ret_file, int fd);

/**
 * file_device() - of the file system behind a descriptor (O_PATH will do), in the kernel's encoding
 *
 * 0 where files have other numbers for us than for the kernel (overlayfs, btrfs).
 */
uint64_t file_device(int fd);

/** file_open_names() - the kernel's folder of the names of our descriptors.  0 or a negative errno */
int file_open_names(int *ret_names);

/** file_path() - the path, as the mount that it was opened by has it */
void file_path(struct file_path *ret_path, int names, int fd);

/** file_same() - is the file behind fd as it was? */
bool file_same(const struct file *file, int fd);

/**
 * file_memory() - where an answer may be kept
 *
 * Only of a file that has no writer now and changed long enough ago that its time of change tells, on
 * file systems of local disks: on tmpfs and overlayfs, whose files change without any trace, and on
 * whatever else, nothing.  In the kernel only what nobody but root could write to (owner, mode), as a
 * write through a shared mapping clears no ignore mark; the rest in our table.
 */
enum file_memory file_memory(const struct file *file, int fd, int64_t now_realtime_ns);

/** file_has_writer() - is it open for writing, or mapped so, by anybody?  True when in doubt */
bool file_has_writer(int fd);

#endif
