/* SPDX-License-Identifier: Apache-2.0 */
/* Modify - file.modify: files that were open for writing and are closed, told by fanotify. */
#include "sensor/modify.h"

#include "base/cleanup.h"
#include "sensor/mounts.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/fanotify.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <uthash.h>

#define MAX_COLLECTED 512
#define REMARK_NS 50000000ull
#define MAX_HANDLE 128 /* MAX_HANDLE_SZ */
#define RECORD_BYTES (sizeof(struct modify_record) + PATH_MAX + NAME_MAX + 10)

struct modify_record {
	struct probe_record head;
	struct ringfort_file_modify body;
};

/* A file system that is marked by handle: where to open its handles. */
struct file_system {
	fsid_t fsid;
	char *point;
	bool whole;
	UT_hash_handle hh;
};

/* One fanotify group and what was read from it. */
struct group {
	int fd; /* -1: not needed so far */
	size_t at, size;
	char buffer[8192] __attribute__((aligned(8)));
};

struct modify {
	int epoll_fd;
	int mounts_fd;  /* in the epoll set, where looking at it may eat its news */
	int changes_fd; /* the same file once more, asked for the news themselves */
	uint32_t host_mnt_ns;
	pid_t self;
	bool stale; /* mounts have changed */
	bool listening;
	uint64_t marked_ns;
	uint64_t n_lost;
	struct group by_handle, by_file;
	struct file_system *file_systems;

	/* Of the running collection: the file system that was opened last. */
	int root_fd;
	fsid_t root_fsid;

	/* Also of this collection: the folder that was named last, by file system and handle. */
	size_t folder_size; /* 0: none */
	char folder[sizeof(fsid_t) + sizeof(struct file_handle) + MAX_HANDLE];
	size_t folder_length;
	char folder_path[PATH_MAX];

	size_t used; /* of records */
	size_t n_records;
	char records[256 * 1024] __attribute__((aligned(8)));
};

/* ---- marks -------------------------------------------------------------------------------- */

static int listen_to(struct modify *modify, struct group *group)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = group };

	return epoll_ctl(modify->epoll_fd, EPOLL_CTL_ADD, group->fd, &event) < 0 ? -errno : 0;
}

static int open_group(struct modify *modify, struct group *group, unsigned int flags)
{
	if (group->fd >= 0)
		return 0;
	group->fd = fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK | flags,
				  O_RDONLY | O_LARGEFILE | O_CLOEXEC | O_NOATIME);
	if (group->fd < 0)
		return -errno;
	return modify->listening ? listen_to(modify, group) : 0;
}

static int mark(struct group *group, int folder)
{
	if (fanotify_mark(group->fd, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, FAN_CLOSE_WRITE, folder,
			  NULL) < 0)
		return -errno;
	return 0;
}

/* Can a handle of this file system be opened again?  An overlay says so only when tried. */
static bool handles_open(int folder)
{
	union {
		struct file_handle handle;
		char bytes[sizeof(struct file_handle) + MAX_HANDLE];
	} u = { .handle = { .handle_bytes = MAX_HANDLE } };
	_cleanup_(closep) int fd = -1;
	int mount_id;

	if (name_to_handle_at(folder, "", &u.handle, &mount_id, AT_EMPTY_PATH) < 0)
		return false;
	fd = open_by_handle_at(folder, &u.handle, O_PATH | O_CLOEXEC);
	return fd >= 0;
}

/* Where several mounts show a file system, one that shows all of it names every file. */
static void remember(struct modify *modify, const fsid_t *fsid, const struct mount_line *line)
{
	bool whole = strcmp(line->root, "/") == 0;
	struct file_system *fs;
	char *point;

	HASH_FIND(hh, modify->file_systems, fsid, sizeof(*fsid), fs);
	if (fs && (fs->whole || !whole))
		return;
	point = strdup(line->point);
	if (!point)
		return;
	if (!fs) {
		fs = calloc(1, sizeof(*fs));
		if (!fs) {
			free(point);
			return;
		}
		fs->fsid = *fsid;
		HASH_ADD(hh, modify->file_systems, fsid, sizeof(fs->fsid), fs);
	}
	free(fs->point);
	fs->point = point;
	fs->whole = whole;
}

static void forget_file_systems(struct modify *modify)
{
	struct file_system *fs, *next;

	HASH_ITER(hh, modify->file_systems, fs, next) {
		HASH_DEL(modify->file_systems, fs);
		free(fs->point);
		free(fs);
	}
}

/* A mount that cannot be marked is served by nobody; the others go on. */
static int mark_mount(void *userdata, const struct mount_line *line)
{
	struct modify *modify = userdata;
	_cleanup_(closep) int folder = -1;
	struct statfs fs;

	if (!mounts_watchable(line))
		return 0;
	folder = open(line->point, O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC);
	if (folder < 0 || fstatfs(folder, &fs) < 0)
		return 0;
	if (strcmp(line->type, "devtmpfs") && handles_open(folder) &&
	    mark(&modify->by_handle, folder) == 0) {
		remember(modify, &fs.f_fsid, line);
	} else if (open_group(modify, &modify->by_file, 0) == 0) {
		mark(&modify->by_file, folder);
	}
	return 0;
}

static void mark_all(struct modify *modify, uint64_t now_ns)
{
	modify->stale = false;
	modify->marked_ns = now_ns;
	forget_file_systems(modify);
	mounts_each(mark_mount, modify);
}

/* ---- events ------------------------------------------------------------------------------- */

static uint64_t kernel_dev(dev_t dev)
{
	return (uint64_t)major(dev) << 20 | minor(dev);
}

/* Append a record; path needs not be NUL-terminated. */
static void add_record(struct modify *modify, uint32_t pid, const struct ringfort_file *file,
		       const char *path, size_t length)
{
	struct modify_record *record = (void *)(modify->records + modify->used);
	size_t size = (sizeof(*record) + length + 1 + 7) & ~(size_t)7;

	assert(modify->used + size <= sizeof(modify->records));
	*record = (struct modify_record){
		.head = { .size = (uint32_t)size, .type = ringfort_type_file_modify,
			  .via = RINGFORT_VIA_KERNEL, .pid = pid, .tid = pid },
		.body.file = *file,
	};
	if (length) {
		record->body.file.path = (struct ringfort_span){ .offset = sizeof(*record),
								 .length = (uint32_t)length };
		memcpy(record + 1, path, length);
	}
	((char *)(record + 1))[length] = '\0';
	modify->used += size;
	modify->n_records++;
}

static size_t link_of(int fd, char path[PATH_MAX])
{
	char link[32];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, PATH_MAX - 1);
	return n < 0 ? 0 : (size_t)n;
}

static void describe(const struct stat *st, struct ringfort_file *file)
{
	file->dev = kernel_dev(st->st_dev);
	file->ino = st->st_ino;
	if (st->st_nlink == 0)
		file->flags |= 1u << RINGFORT_FILE_DELETED;
}

/* An event with an open file.  Its path is one of whoever wrote: the sensor knows its namespace. */
static void take_file(struct modify *modify, const struct fanotify_event_metadata *event)
{
	static const char deleted[] = " (deleted)";
	_cleanup_(closep) int fd = event->fd;
	struct ringfort_file file = { .quality = RINGFORT_QUALITY_RESOLVED };
	char path[PATH_MAX];
	struct stat st;
	size_t length;

	if (event->pid == modify->self || fstat(fd, &st) < 0)
		return;
	describe(&st, &file);
	length = link_of(fd, path);
	if (st.st_nlink == 0 && length >= sizeof(deleted) &&
	    memcmp(path + length - (sizeof(deleted) - 1), deleted, sizeof(deleted) - 1) == 0)
		length -= sizeof(deleted) - 1;
	add_record(modify, (uint32_t)event->pid, &file, path, length);
}

/* A folder of the file system, opened for the time of this collection only: it keeps the mount busy. */
static int root_of(struct modify *modify, const fsid_t *fsid)
{
	struct file_system *entry;
	struct statfs fs;

	if (modify->root_fd >= 0 && memcmp(&modify->root_fsid, fsid, sizeof(*fsid)) == 0)
		return modify->root_fd;
	modify->root_fd = close_fd(modify->root_fd);
	HASH_FIND(hh, modify->file_systems, fsid, sizeof(*fsid), entry);
	if (!entry)
		return -ENOENT;
	modify->root_fd = open(entry->point, O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC);
	if (modify->root_fd < 0)
		return -errno;
	/* Something else may be mounted there by now. */
	if (fstatfs(modify->root_fd, &fs) < 0 || memcmp(&fs.f_fsid, fsid, sizeof(*fsid)) != 0) {
		modify->root_fd = close_fd(modify->root_fd);
		return -ESTALE;
	}
	modify->root_fsid = *fsid;
	return modify->root_fd;
}

/* The handle lies unaligned in the event. */
static int open_handle(struct modify *modify, const struct fanotify_event_info_fid *info)
{
	union {
		struct file_handle handle;
		char bytes[sizeof(struct file_handle) + MAX_HANDLE];
	} u;
	const char *from = (const char *)info->handle;
	fsid_t fsid;
	int root, fd;

	memcpy(&fsid, &info->fsid, sizeof(fsid));
	memcpy(&u.handle, from, sizeof(u.handle));
	if (u.handle.handle_bytes > MAX_HANDLE)
		return -EBADMSG;
	memcpy(u.bytes, from, sizeof(u.handle) + u.handle.handle_bytes);
	root = root_of(modify, &fsid);
	if (root < 0)
		return root;
	fd = open_by_handle_at(root, &u.handle, O_PATH | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Many files are written in one folder, so the last one is kept; its path is as it is now. */
static void name_folder(struct modify *modify, const struct fanotify_event_info_fid *info)
{
	const struct file_handle *handle = (const void *)info->handle;
	size_t size = sizeof(info->fsid) + sizeof(*handle) + handle->handle_bytes;
	_cleanup_(closep) int fd = -1;

	if (size == modify->folder_size && memcmp(modify->folder, &info->fsid, size) == 0)
		return;
	fd = open_handle(modify, info);
	modify->folder_length = fd < 0 ? 0 : link_of(fd, modify->folder_path);
	modify->folder_size = size <= sizeof(modify->folder) ? size : 0;
	memcpy(modify->folder, &info->fsid, modify->folder_size);
}

/* The folder, and the name as it was when the file was closed. */
static size_t name_path(struct modify *modify, const struct fanotify_event_info_fid *info,
			char *path, struct ringfort_file *file)
{
	const struct file_handle *handle = (const void *)info->handle;
	const char *name = (const char *)handle->f_handle + handle->handle_bytes;
	size_t length, n = strnlen(name, NAME_MAX);

	name_folder(modify, info);
	length = modify->folder_length;
	memcpy(path, modify->folder_path, length);
	/* A folder that is gone: the name alone is all that is left. */
	file->quality = length ? RINGFORT_QUALITY_RESOLVED : RINGFORT_QUALITY_NONE;
	if (length > 1)
		path[length++] = '/';
	memcpy(path + length, name, n);
	return length + n;
}

/* An event with handles: of the folder with the name, and of the file. */
static void take_handle(struct modify *modify, const struct fanotify_event_metadata *event,
			const char *at)
{
	struct ringfort_file file = { .mnt_ns = modify->host_mnt_ns };
	char path[PATH_MAX + NAME_MAX + 2];
	const char *end = at + event->event_len;
	struct stat st = { .st_mode = S_IFREG, .st_nlink = 0 };
	size_t length = 0;

	if (event->pid == modify->self)
		return;
	at += event->metadata_len;
	while (at + sizeof(struct fanotify_event_info_fid) <= end) {
		const struct fanotify_event_info_fid *info = (const void *)at;

		if (info->hdr.len < sizeof(*info) || info->hdr.len > end - at)
			break;
		if (info->hdr.info_type == FAN_EVENT_INFO_TYPE_DFID_NAME) {
			length = name_path(modify, info, path, &file);
		} else if (info->hdr.info_type == FAN_EVENT_INFO_TYPE_FID) {
			_cleanup_(closep) int fd = open_handle(modify, info);

			if (fd >= 0)
				fstat(fd, &st);
		}
		at += info->hdr.len;
	}
	/* Named pipes and devices; a file that is gone was most likely regular. */
	if (!S_ISREG(st.st_mode))
		return;
	describe(&st, &file);
	add_record(modify, (uint32_t)event->pid, &file, path, length);
}

static bool has_room(const struct modify *modify)
{
	return modify->n_records < MAX_COLLECTED &&
	       modify->used + RECORD_BYTES <= sizeof(modify->records);
}

/* Read more where all is taken.  1: there are events; 0: none waits; or a negative errno. */
static int fill_group(struct group *group)
{
	ssize_t n;

	if (group->at < group->size)
		return 1;
	n = read(group->fd, group->buffer, sizeof(group->buffer));
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	group->at = 0;
	group->size = (size_t)n;
	return n > 0;
}

/* 1: stopped though more may wait; 0: nothing waits */
static int collect_group(struct modify *modify, struct group *group)
{
	while (group->fd >= 0) {
		struct fanotify_event_metadata event;
		const char *at;
		int r = fill_group(group);

		if (r == 0)
			return 0;
		/* The event at the head could not be opened, and is gone. */
		if (r < 0) {
			modify->n_lost++;
			return 1;
		}
		if (!has_room(modify))
			return 1;
		/* Those with names do not end where the next could begin aligned. */
		at = group->buffer + group->at;
		memcpy(&event, at, sizeof(event));
		assert(event.event_len >= sizeof(event) && event.event_len <= group->size - group->at);
		group->at += event.event_len;
		if (event.mask & FAN_Q_OVERFLOW)
			modify->n_lost++;
		else if (group == &modify->by_handle)
			take_handle(modify, &event, at);
		else if (event.fd >= 0)
			take_file(modify, &event);
	}
	return 0;
}

int modify_collect(struct modify *modify, uint64_t now_ns)
{
	struct pollfd changes = { .fd = modify->changes_fd, .events = POLLPRI };
	int more;

	modify->used = 0;
	modify->n_records = 0;
	modify->folder_size = 0;
	if (poll(&changes, 1, 0) > 0)
		modify->stale = true;
	if (modify->stale && now_ns - modify->marked_ns >= REMARK_NS)
		mark_all(modify, now_ns);
	more = collect_group(modify, &modify->by_handle);
	more |= collect_group(modify, &modify->by_file);
	modify->root_fd = close_fd(modify->root_fd);
	return more;
}

struct probe_record *modify_next(struct modify *modify, struct probe_record *previous)
{
	char *next = previous ? (char *)previous + previous->size : modify->records;

	return next < modify->records + modify->used ? (struct probe_record *)next : NULL;
}

/* ---- life --------------------------------------------------------------------------------- */

uint64_t modify_take_lost(struct modify *modify)
{
	uint64_t n = modify->n_lost;

	modify->n_lost = 0;
	return n;
}

int modify_fd(const struct modify *modify)
{
	return modify->epoll_fd;
}

void modify_listen(struct modify *modify, bool listen)
{
	struct group *const groups[] = { &modify->by_handle, &modify->by_file };

	if (modify->listening == listen)
		return;
	modify->listening = listen;
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		if (groups[i]->fd < 0)
			continue;
		if (listen)
			listen_to(modify, groups[i]);
		else
			epoll_ctl(modify->epoll_fd, EPOLL_CTL_DEL, groups[i]->fd, NULL);
	}
}

static int watch_mounts(struct modify *modify)
{
	struct epoll_event event = { .events = EPOLLPRI };

	modify->changes_fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	modify->mounts_fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	if (modify->changes_fd < 0 || modify->mounts_fd < 0)
		return -errno;
	if (epoll_ctl(modify->epoll_fd, EPOLL_CTL_ADD, modify->mounts_fd, &event) < 0)
		return -errno;
	return 0;
}

int modify_new(struct modify **ret_modify, uint32_t host_mnt_ns)
{
	struct modify *modify = malloc(sizeof(*modify));
	int r;

	if (!modify)
		return -ENOMEM;
	/* Not the large buffers: their pages come when they are used. */
	memset(modify, 0, offsetof(struct modify, records));
	modify->epoll_fd = modify->mounts_fd = modify->changes_fd = modify->root_fd = -1;
	modify->by_handle.fd = modify->by_file.fd = -1;
	modify->host_mnt_ns = host_mnt_ns;
	modify->self = getpid();
	modify->listening = true;
	modify->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	r = modify->epoll_fd < 0 ? -errno : watch_mounts(modify);
	if (r == 0)
		r = open_group(modify, &modify->by_handle, FAN_REPORT_FID | FAN_REPORT_DFID_NAME);
	if (r < 0) {
		modify_free(modify);
		return r;
	}
	mark_all(modify, 0);
	*ret_modify = modify;
	return 0;
}

struct modify *modify_free(struct modify *modify)
{
	if (!modify)
		return NULL;
	forget_file_systems(modify);
	close_fd(modify->by_handle.fd);
	close_fd(modify->by_file.fd);
	close_fd(modify->mounts_fd);
	close_fd(modify->changes_fd);
	close_fd(modify->epoll_fd);
	free(modify);
	return NULL;
}
