/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fan - the kernel's questions: a fanotify group for permission events.
 *
 * Only the gate opens one, and it never forks and never passes it on: when its last descriptor goes,
 * the kernel lets everybody through who waits.  What the kernel does with it was tried and written down
 * with its sources: an answer names a descriptor by its NUMBER, so the descriptor of an event is never
 * closed before it is answered; a full queue lets the opener through unless the queue is unlimited;
 * running out of descriptors denies, so there must always be some left.
 */
#ifndef RINGFORT_GATE_FAN_H
#define RINGFORT_GATE_FAN_H

#include <ringfort/verdict.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/fanotify.h>

#define FAN_EVENTS 128 /* read at once; each opens a descriptor */

struct fan_event {
	int fd;       /* the file, read-only, yours; -1: the kernel's queue was full, or it could not be opened */
	uint32_t pid;
	uint32_t act; /* enum ringfort_act */
	int group;      /* that it came from */
	uint32_t scope; /* of an open, from 1: the reader's to set */
	bool unread;    /* fd tells what file it is, and is for nobody to read: likewise */
};

/** fan_open() - a group: close-on-exec, non-blocking.  -EPERM, -ENOSYS, -EINVAL where there is none */
int fan_open(int *ret_group);

/**
 * fan_open_shown() - a group whose events nobody waits for
 *
 * Its queue has the length that the kernel thinks right (fs.fanotify.max_queued_events): what does not fit
 * comes as one event without a file.  What lies in it holds its file system mounted.
 */
int fan_open_shown(int *ret_group);

/**
 * fan_mark() - ask about executions on the file system that holds `file` (a descriptor, O_PATH will do)
 *
 * Return: 0; -EINVAL the kernel has no permission events there (procfs, memfd).
 */
int fan_mark(int group, int file);
int fan_unmark(int group, int file);

/**
 * fan_marked() - is the mark of fan_mark() there?
 *
 * Who holds our group (by pidfd_getfd, by ptrace) can take marks away, and nothing tells us.  A removal of a
 * bit that no mark of ours has changes nothing, and fails where there is no mark.
 *
 * Return: 1, 0, or a negative errno.
 */
int fan_marked(int group, int file);

/**
 * fan_mark_scope() - ask about opens (RINGFORT_ACT_OPEN), or tell of what was written (RINGFORT_ACT_MODIFY)
 * @whole: on the file system that holds `file`; else of the files in this one folder, by whatever mount
 *
 * The mark of a folder goes with it; a hard link of a file into another folder leads past it.
 */
int fan_mark_scope(int group, enum ringfort_act act, bool whole, int file);

/** fan_marked_scope() - as fan_marked(), of the mark of fan_mark_scope() */
int fan_marked_scope(int group, enum ringfort_act act, bool whole, int file);

/** fan_unmark_folder() - take that of a folder away.  Return: 1; 0 there was none; or a negative errno */
int fan_unmark_folder(int group, enum ringfort_act act, int folder);

/** fan_read() - the next events, at most so many.  Return: how many, 0 none now, or a negative errno */
int fan_read(int group, struct fan_event events[FAN_EVENTS], uint32_t most);

/** fan_answer() - let the opener through or not.  Return: 0; -ENOENT nobody waits any more */
int fan_answer(int group, int fd, enum ringfort_verdict verdict);

/**
 * fan_remember() - do not ask about this act on this very inode again, until it is written to
 *
 * The kernel silently does not do it while the file is open for writing, and does not see a write
 * through a shared mapping; which files it is sound for is remember.h's matter.
 */
int fan_remember(int group, enum ringfort_act act, int fd);
int fan_forget(int group, enum ringfort_act act, int fd);

/**
 * fan_forget_all() - drop every fan_remember(): the kernel stands still for 0.5 us each
 *
 * Marks of folders go with them, as they are marks of inodes too.
 */
int fan_forget_all(int group);

#endif
