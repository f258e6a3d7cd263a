/* SPDX-License-Identifier: Apache-2.0 */
/* Fan - fanotify permission events. */
#include "gate/fan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* Linux 6.13: an event whose file could not be opened says so. */
#ifndef FAN_REPORT_FD_ERROR
#define FAN_REPORT_FD_ERROR 0x00002000
#endif
#ifndef FAN_MARK_EVICTABLE
#define FAN_MARK_EVICTABLE 0x00000200
#endif

int fan_open(int *ret_group)
{
	const unsigned int flags = FAN_CLASS_CONTENT | FAN_CLOEXEC | FAN_NONBLOCK |
				   FAN_UNLIMITED_QUEUE | FAN_UNLIMITED_MARKS;
	const unsigned int file_flags = O_RDONLY | O_LARGEFILE | O_CLOEXEC | O_NOATIME;
	int group = fanotify_init(flags | FAN_REPORT_FD_ERROR, file_flags);

	if (group < 0 && errno == EINVAL)
		group = fanotify_init(flags, file_flags);
	if (group < 0)
		return -errno;
	*ret_group = group;
	return 0;
}

int fan_open_shown(int *ret_group)
{
	int group = fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK | FAN_UNLIMITED_MARKS,
				  O_RDONLY | O_LARGEFILE | O_CLOEXEC | O_NOATIME);

	if (group < 0)
		return -errno;
	*ret_group = group;
	return 0;
}

static uint64_t mask_of(enum ringfort_act act)
{
	switch (act) {
	case RINGFORT_ACT_OPEN:
		return FAN_OPEN_PERM;
	case RINGFORT_ACT_MODIFY:
		return FAN_CLOSE_WRITE;
	default:
		return FAN_OPEN_EXEC_PERM;
	}
}

static uint32_t act_of(uint64_t mask)
{
	if (mask & FAN_OPEN_EXEC_PERM)
		return RINGFORT_ACT_EXEC;
	return mask & FAN_OPEN_PERM ? RINGFORT_ACT_OPEN : RINGFORT_ACT_MODIFY;
}

static int mark(int group, unsigned int flags, uint64_t mask, int file)
{
	char path[32];

	/* By the descriptor's own name: one of O_PATH is refused where a path is not. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	return fanotify_mark(group, flags, mask, AT_FDCWD, path) < 0 ? -errno : 0;
}

int fan_mark(int group, int file)
{
	return mark(group, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, FAN_OPEN_EXEC_PERM, file);
}

int fan_unmark(int group, int file)
{
	return mark(group, FAN_MARK_REMOVE | FAN_MARK_FILESYSTEM, FAN_OPEN_EXEC_PERM, file);
}

int fan_marked(int group, int file)
{
	int r = mark(group, FAN_MARK_REMOVE | FAN_MARK_FILESYSTEM, FAN_OPEN_PERM, file);

	return r == -ENOENT ? 0 : r < 0 ? r : 1;
}

int fan_mark_scope(int group, enum ringfort_act act, bool whole, int file)
{
	if (whole)
		return mark(group, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, mask_of(act), file);
	return mark(group, FAN_MARK_ADD | FAN_MARK_ONLYDIR, mask_of(act) | FAN_EVENT_ON_CHILD, file);
}

int fan_marked_scope(int group, enum ringfort_act act, bool whole, int file)
{
	const uint64_t absent = act == RINGFORT_ACT_OPEN ? FAN_OPEN_EXEC_PERM : FAN_MODIFY;
	int r = mark(group, FAN_MARK_REMOVE | (whole ? FAN_MARK_FILESYSTEM : FAN_MARK_ONLYDIR), absent, file);

	return r == -ENOENT ? 0 : r < 0 ? r : 1;
}

int fan_unmark_folder(int group, enum ringfort_act act, int folder)
{
	int r = mark(group, FAN_MARK_REMOVE | FAN_MARK_ONLYDIR, mask_of(act) | FAN_EVENT_ON_CHILD, folder);

	return r == -ENOENT ? 0 : r < 0 ? r : 1;
}

static int take_events(int group, const char *buffer, ssize_t n, struct fan_event events[FAN_EVENTS])
{
	const struct fanotify_event_metadata *event = (const void *)buffer;
	int n_events = 0;

	for (; FAN_EVENT_OK(event, n); event = FAN_EVENT_NEXT(event, n)) {
		if (event->vers != FANOTIFY_METADATA_VERSION)
			return -EPROTO;
		events[n_events++] = (struct fan_event){
			.fd = event->mask & FAN_Q_OVERFLOW || event->fd < 0 ? -1 : event->fd,
			.pid = (uint32_t)event->pid,
			.act = act_of(event->mask),
			.group = group,
		};
	}
	return n_events;
}

/*
 * Before Linux 6.13 the error of opening one event's file is that of the whole read.  Anybody can make a
 * file that does not open (one encrypted, without its key): that ends no gate.
 */
static int read_failed(int error, struct fan_event events[FAN_EVENTS])
{
	if (error == EAGAIN || error == EINTR)
		return 0;
	if (error == EBADF || error == EFAULT || error == EINVAL)
		return -error;
	events[0] = (struct fan_event){ .fd = -1, .act = RINGFORT_ACT_EXEC };
	return 1;
}

int fan_read(int group, struct fan_event events[FAN_EVENTS], uint32_t most)
{
	_Alignas(struct fanotify_event_metadata)
	char buffer[FAN_EVENTS * sizeof(struct fanotify_event_metadata)];
	ssize_t n;

	if (most > FAN_EVENTS)
		most = FAN_EVENTS;
	n = read(group, buffer, most * sizeof(struct fanotify_event_metadata));
	return n < 0 ? read_failed(errno, events) : take_events(group, buffer, n, events);
}

int fan_answer(int group, int fd, enum ringfort_verdict verdict)
{
	const struct fanotify_response response = {
		.fd = fd,
		.response = verdict == RINGFORT_VERDICT_DENY ? FAN_DENY : FAN_ALLOW,
	};

	return write(group, &response, sizeof(response)) < 0 ? -errno : 0;
}

/* By the number: the file itself, and no name that could lead elsewhere. */
static int remember(int group, unsigned int flags, enum ringfort_act act, int fd)
{
	return fanotify_mark(group, flags | FAN_MARK_IGNORED_MASK, mask_of(act), fd, NULL) < 0 ? -errno : 0;
}

int fan_remember(int group, enum ringfort_act act, int fd)
{
	int r = remember(group, FAN_MARK_ADD | FAN_MARK_EVICTABLE, act, fd);

	return r == -EINVAL ? remember(group, FAN_MARK_ADD, act, fd) : r;
}

int fan_forget(int group, enum ringfort_act act, int fd)
{
	return remember(group, FAN_MARK_REMOVE, act, fd);
}

int fan_forget_all(int group)
{
	return fanotify_mark(group, FAN_MARK_FLUSH, 0, AT_FDCWD, NULL) < 0 ? -errno : 0;
}
