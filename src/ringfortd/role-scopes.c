/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Role scopes - walks the folders where opens are decided, so that the gate need not.
 *
 * A mark on a folder counts for the files in it and not for folders below, so each gets its own: this process
 * opens them and hands them to the gate, which marks them.  inotify tells of folders that are made or moved
 * in; between that and the mark lies a moment in which their files are opened unasked.  Of one that is moved out
 * the mark is taken away, as nobody said that opens are decided there: where it is now nobody tells, so each
 * folder is found by the kernel's own handle of it.
 *
 * Whoever owns a folder below a scope can put links and mounts there while we walk: each step is one name
 * below an open folder, over neither.  A folder on another file system is in no scope.
 *
 * Whoever has got hold of the gate's groups can take marks away, and nobody tells: each scope's own folder is shown
 * to the gate twice a second, and some of those in it, a round of them all in turn.
 *
 * It may wait for a disk, and it may die: the gate needs it only for what is new.
 */
#include "ringfortd/role.h"

#include "base/cleanup.h"
#include "base/fs.h"
#include "base/log.h"
#include "gate/superblock.h"
#include "host/scopes.h"
#include "ringfortd/drop.h"
#include "ringfortd/message.h"
#include "ringfortd/scope-folders.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOOK_MS 500      /* at the scopes themselves: mounted over, made, deleted, without marks */
#define FOLDERS_A_LOOK 64 /* of all, to see whether they have theirs */
#define PATIENCE_MS 5000 /* for a gate that does not read */
#define DESCRIPTORS 8192 /* a walk keeps those of the way down to where it is */
#define BUFFER_BYTES 65536
#ifndef STATX_MNT_ID
#define STATX_MNT_ID 0x1000u
#endif
#define TOO_DEEP "its folders lie too deep"
#define FILES_MS 1 /* after files were made, and nothing else, until we look again */
#define MOVED_MS 20 /* between the two events of one move, when they are not read together */
#define NEWS (IN_CREATE | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR | IN_EXCL_UNLINK)

/* One that was moved, from here; where to may follow. */
struct moved {
	uint32_t cookie; /* 0: none */
	uint32_t scope;
	char path[PATH_MAX];
};

/* No descriptor of it: that would keep its file system mounted. */
struct root {
	bool there;
	uint64_t dev, ino, mount;
	bool was_point;
	bool complained;
	char why[96]; /* why not all of it */
};

struct walker {
	const struct config *config;
	int gate_fd, inotify;
	struct scope_folders folders;
	uint32_t round, n_looks;
	uint64_t looked_ms;
	struct moved moved;
	char path[PATH_MAX]; /* where a walk is, below the scope */
	struct root roots[SCOPES_MAX];
	bool ended; /* the gate has gone */
};

static void closedirp(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

/* ---- to the gate ------------------------------------------------------------------------------ */

static void tell(struct walker *walker, const struct message *message, int fd)
{
	struct pollfd room = { .fd = walker->gate_fd, .events = POLLOUT };
	int r;

	while (!walker->ended) {
		r = message_send_fd(walker->gate_fd, message, &fd, fd >= 0);
		if (r == 0)
			return;
		if (r != -EAGAIN || poll(&room, 1, PATIENCE_MS) <= 0)
			walker->ended = true;
	}
}

static void tell_scope(struct walker *walker, uint32_t scope, int fd)
{
	const struct config *config = walker->config;
	struct message message = { .kind = MESSAGE_SCOPE, .scope = {
		.scope = scope, .acts = scopes_acts(config, scope), .whole = scopes_whole(config, scope) } };

	snprintf(message.scope.path, sizeof(message.scope.path), "%s", scopes_path(config, scope));
	memcpy(message.scope.why, walker->roots[scope].why, sizeof(message.scope.why));
	tell(walker, &message, fd);
}

/* The first reason counts, until it is walked again. */
static void complain(struct walker *walker, uint32_t scope, const char *why)
{
	struct root *root = &walker->roots[scope];

	if (root->why[0])
		return;
	snprintf(root->why, sizeof(root->why), "%s", why);
	if (!root->complained)
		log_error("does not guard opens in %s: %s", log_quote(scopes_path(walker->config, scope)), why);
	root->complained = true;
}

/* ---- folders ------------------------------------------------------------------------------------ */

static int watch_folder(struct walker *walker, uint32_t scope, int fd)
{
	char name[32];
	int watch;

	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	watch = inotify_add_watch(walker->inotify, name, NEWS);
	return watch < 0 ? -errno : scope_folders_keep(&walker->folders, watch, scope, walker->round, walker->path, fd);
}

static int mount_of(int fd, uint64_t *ret_mount)
{
	struct statx stx;

	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_MNT_ID, &stx) < 0)
		return -errno;
	*ret_mount = stx.stx_mnt_id;
	return 0;
}

/* Looked at before it is opened: what is mounted there may wait for a server. */
static int find_folder(int from, const char *name)
{
	_cleanup_(closep) int fd = openat(from, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	uint64_t here = 0, there = 0;
	struct stat st;
	int r = fd < 0 ? -errno : mount_of(from, &here);

	if (r == 0)
		r = mount_of(fd, &there);
	if (r < 0)
		return r;
	if (here != there)
		return -EXDEV;
	if (fstat(fd, &st) < 0)
		return -errno;
	return S_ISDIR(st.st_mode) ? take_fd(&fd) : -ENOTDIR;
}

/* Over no link and no mount. */
static int open_folder(int from, const char *path)
{
	_cleanup_(closep) int folder = fs_walk(from, path, find_folder);
	int fd = folder < 0 ? -1 : openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (folder < 0)
		return folder;
	return fd < 0 ? -errno : fd;
}

static void tell_folder(struct walker *walker, uint32_t scope, int fd)
{
	/* Not on the stack of a walk. */
	static struct message message = { .kind = MESSAGE_SCOPE_FOLDER };

	message.value[0] = scope;
	tell(walker, &message, fd);
}

static void walk(struct walker *walker, uint32_t scope, int fd);

/* Append a name to where we are.  False: nobody could open that by its path, and so neither could we again. */
static bool descend(struct walker *walker, const char *name)
{
	size_t length = strlen(walker->path), n = strlen(name);

	if (length + 1 + n >= sizeof(walker->path))
		return false;
	if (length)
		walker->path[length++] = '/';
	memcpy(walker->path + length, name, n + 1);
	return true;
}

/* Below walker->path, which is what it was when this returns.  As deep as a path: next to nothing stands on the stack. */
static void walk_child(struct walker *walker, uint32_t scope, int parent, const char *name)
{
	_cleanup_(closep) int fd = open_folder(parent, name);
	size_t length = strlen(walker->path);

	/* Gone meanwhile, no folder, or another file system: nothing of ours. */
	if (fd == -ENOENT || fd == -ENOTDIR || fd == -EXDEV || fd == -ELOOP)
		return;
	if (fd == -EMFILE || (fd >= 0 && !descend(walker, name)))
		complain(walker, scope, TOO_DEEP);
	else if (fd < 0)
		complain(walker, scope, strerror(-fd));
	else
		walk(walker, scope, fd);
	walker->path[length] = '\0';
}

static void walk_children(struct walker *walker, uint32_t scope, int fd)
{
	_cleanup_(closedirp) DIR *dir = NULL;
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	const struct dirent *entry;

	dir = copy < 0 ? NULL : fdopendir(copy);
	if (!dir) {
		close_fd(copy);
		complain(walker, scope, TOO_DEEP);
		return;
	}
	while (!walker->ended && (entry = readdir(dir)))
		if ((entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN) &&
		    strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			walk_child(walker, scope, fd, entry->d_name);
}

/* Watched first, then marked, then looked into: what is made meanwhile is told. */
static void walk(struct walker *walker, uint32_t scope, int fd)
{
	int r = watch_folder(walker, scope, fd);

	if (r < 0)
		complain(walker, scope, r == -ENOSPC ? "more folders than fs.inotify.max_user_watches lets us watch" :
						       strerror(-r));
	if (walker->path[0])
		tell_folder(walker, scope, fd);
	walk_children(walker, scope, fd);
}

/* ---- those that left ------------------------------------------------------------------------------ */

/* Which folders are looked for. */
struct search {
	const struct walker *walker;
	uint32_t scope;
	enum { SEARCH_BELOW, SEARCH_NOT_FOUND, SEARCH_SOME } what;
	const char *path; /* this and all below it */
};

static bool is_below(const char *path, const char *folder)
{
	size_t length = strlen(folder);

	return strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

static bool is_wanted(void *userdata, const struct scope_folder *folder)
{
	const struct search *search = userdata;
	const struct walker *walker = search->walker;
	uint32_t n_parts = walker->folders.n / FOLDERS_A_LOOK + 1;

	if (folder->scope != search->scope)
		return false;
	if (search->what == SEARCH_NOT_FOUND)
		return folder->round != walker->round;
	if (search->what == SEARCH_SOME)
		return (uint32_t)folder->watch % n_parts == walker->n_looks % n_parts;
	return is_below(folder->path, search->path);
}

/* Wherever it is now.  `root`: any descriptor on its file system. */
static void tell_known(struct walker *walker, int root, int watch, enum message_kind kind)
{
	const struct scope_folder *folder = scope_folders_find(&walker->folders, watch);
	const struct message message = { .kind = kind, .value = { folder->scope } };
	_cleanup_(closep) int fd = scope_folder_open(folder, root);

	if (fd >= 0)
		tell(walker, &message, fd);
}

static void leave(struct walker *walker, int root, int watch)
{
	tell_known(walker, root, watch, MESSAGE_SCOPE_LEFT);
	/* Its path may be another's next. */
	inotify_rm_watch(walker->inotify, watch);
	scope_folders_forget(&walker->folders, watch);
}

static void leave_all(struct walker *walker, uint32_t scope, int root, const char *path)
{
	struct search search = { .walker = walker, .scope = scope, .path = path,
				 .what = path ? SEARCH_BELOW : SEARCH_NOT_FOUND };
	_cleanup_(freep) int *watches = NULL;
	size_t n = scope_folders_select(&walker->folders, is_wanted, &search, &watches);

	for (size_t i = 0; i < n && !walker->ended; i++)
		leave(walker, root, watches[i]);
}

/* ---- marks that were taken away --------------------------------------------------------------------- */

static void tell_still(struct walker *walker, uint32_t scope, int root)
{
	const struct message still = { .kind = MESSAGE_SCOPE_STILL, .value = { scope } };
	struct search search = { .walker = walker, .scope = scope, .what = SEARCH_SOME };
	_cleanup_(freep) int *watches = NULL;
	size_t n = scope_folders_select(&walker->folders, is_wanted, &search, &watches);

	tell(walker, &still, root);
	for (size_t i = 0; i < n && !walker->ended; i++)
		tell_known(walker, root, watches[i], MESSAGE_SCOPE_STILL);
}

/* ---- scopes ------------------------------------------------------------------------------------ */

/* The host's own lives on this file system. */
static bool is_system(uint64_t dev)
{
	const char *folder;
	struct stat st;

	if (stat("/", &st) == 0 && st.st_dev == dev)
		return true;
	for (uint32_t i = 0; (folder = scopes_system(i)); i++)
		if (stat(folder, &st) == 0 && st.st_dev == dev)
			return true;
	return false;
}

static const char *refuse_whole(const struct superblock *superblock, const struct stat *st)
{
	if (!superblock->is_point)
		return "nothing is mounted there: name it in open, or where its file system is mounted";
	return is_system(st->st_dev) ? "the system lives on its file system" : NULL;
}

/* A descriptor to read from what is there, and why it is no scope, in *ret_why; or -1 and that. */
static int open_root(struct walker *walker, uint32_t scope, struct stat *ret_st, uint64_t *ret_mount,
		     const char **ret_why)
{
	const struct config *config = walker->config;
	struct root *root = &walker->roots[scope];
	_cleanup_(closep) int place = -1;
	struct superblock superblock;
	int r = superblock_open(scopes_path(config, scope), root->was_point, &superblock, &place);

	*ret_st = (struct stat){ 0 };
	*ret_why = NULL;
	if (superblock.answer != SUPERBLOCK_GOOD)
		*ret_why = superblock_why(superblock.answer);
	else if (r < 0 || fstat(place, ret_st) < 0)
		*ret_why = strerror(r < 0 ? -r : errno);
	else if (!S_ISDIR(ret_st->st_mode))
		*ret_why = "it is no folder";
	else if (scopes_whole(config, scope))
		*ret_why = refuse_whole(&superblock, ret_st);
	if (*ret_why)
		return -1;
	root->was_point |= superblock.is_point;
	*ret_mount = superblock.mount;
	return open_folder(place, "");
}

static void begin(struct walker *walker, uint32_t scope, int fd)
{
	struct root *root = &walker->roots[scope];

	root->why[0] = '\0';
	tell_scope(walker, scope, fd);
	if (scopes_whole(walker->config, scope))
		return;
	walker->path[0] = '\0';
	walker->round++;
	walk(walker, scope, fd);
	/* Moves may have been lost, and so who was not found has left; unless we could not look everywhere. */
	if (root->why[0])
		tell_scope(walker, scope, -1);
	else
		leave_all(walker, scope, fd, NULL);
}

static bool is_same(const struct root *root, const struct stat *st, uint64_t mount)
{
	return root->there && root->dev == st->st_dev && root->ino == st->st_ino && root->mount == mount;
}

/* It may be there now, or another in its place.  `again`: also when it is as it was. */
static void look(struct walker *walker, uint32_t scope, bool again)
{
	struct root *root = &walker->roots[scope];
	_cleanup_(closep) int fd = -1;
	const char *why;
	uint64_t mount = 0;
	struct stat st;

	fd = open_root(walker, scope, &st, &mount, &why);
	if (fd < 0) {
		if (!root->there && root->why[0] && !again)
			return;
		root->why[0] = '\0';
		root->there = false;
		complain(walker, scope, why ? why : "it cannot be read");
		tell_scope(walker, scope, -1);
		return;
	}
	if (!again && is_same(root, &st, mount)) {
		tell_still(walker, scope, fd);
		return;
	}
	root->there = true;
	root->dev = st.st_dev;
	root->ino = st.st_ino;
	root->mount = mount;
	root->complained = false;
	begin(walker, scope, fd);
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void look_everywhere(struct walker *walker, bool again)
{
	walker->looked_ms = now_ms();
	walker->n_looks++;
	for (uint32_t scope = 0; scope < scopes_n(walker->config) && !walker->ended; scope++)
		if (scopes_acts(walker->config, scope))
			look(walker, scope, again);
}

/* ---- news --------------------------------------------------------------------------------------- */

/* A folder of which we heard.  -1: its scope is another's place now, it will be walked anew. */
static int open_known(struct walker *walker, const struct scope_folder *folder)
{
	_cleanup_(closep) int root = -1;
	const char *why;
	uint64_t mount = 0;
	struct stat st;

	root = open_root(walker, folder->scope, &st, &mount, &why);
	if (root < 0 || !is_same(&walker->roots[folder->scope], &st, mount))
		return -1;
	return open_folder(root, folder->path);
}

/* Where it went to no longer counts: it has left. */
static void settle(struct walker *walker)
{
	struct moved *moved = &walker->moved;
	_cleanup_(closep) int root = -1;
	uint64_t mount = 0;
	const char *why;
	struct stat st;

	if (!moved->cookie)
		return;
	moved->cookie = 0;
	root = open_root(walker, moved->scope, &st, &mount, &why);
	if (root >= 0 && is_same(&walker->roots[moved->scope], &st, mount))
		leave_all(walker, moved->scope, root, moved->path);
}

static void move(struct walker *walker, const struct scope_folder *from, const struct inotify_event *event)
{
	struct moved *moved = &walker->moved;

	/* A longer path would be that of no folder that we know. */
	if (snprintf(moved->path, sizeof(moved->path), "%s%s%s", from->path, from->path[0] ? "/" : "", event->name) >=
	    (int)sizeof(moved->path))
		return;
	moved->cookie = event->cookie;
	moved->scope = from->scope;
}

static void take(struct walker *walker, const struct inotify_event *event)
{
	const struct scope_folder *folder = scope_folders_find(&walker->folders, event->wd);
	_cleanup_(closep) int parent = -1;
	uint32_t scope;
	bool was_whole;

	if (event->mask & IN_IGNORED) {
		scope_folders_forget(&walker->folders, event->wd);
		return;
	}
	if (!folder || !(event->mask & IN_ISDIR) || !event->len)
		return;
	/* Within its scope: it is found at its new place, with all below it. */
	if (event->mask & IN_MOVED_TO && event->cookie == walker->moved.cookie && folder->scope == walker->moved.scope)
		walker->moved.cookie = 0;
	settle(walker);
	/* It may have been in what has left. */
	folder = scope_folders_find(&walker->folders, event->wd);
	if (!folder)
		return;
	if (event->mask & IN_MOVED_FROM) {
		move(walker, folder, event);
		return;
	}
	parent = open_known(walker, folder);
	if (parent < 0)
		return;
	scope = folder->scope;
	was_whole = !walker->roots[scope].why[0];
	snprintf(walker->path, sizeof(walker->path), "%s", folder->path);
	walk_child(walker, scope, parent, event->name);
	if (was_whole && walker->roots[scope].why[0])
		tell_scope(walker, scope, -1);
}

/* Return: was there anything but files, for which nothing is to be done? */
static bool read_news(struct walker *walker)
{
	static _Alignas(struct inotify_event) char buffer[BUFFER_BYTES];
	ssize_t n = read(walker->inotify, buffer, sizeof(buffer));
	bool lost = false, matters = false;

	for (const char *at = buffer; n > 0 && at < buffer + n;) {
		const struct inotify_event *event = (const void *)at;

		lost |= (event->mask & IN_Q_OVERFLOW) != 0;
		matters |= (event->mask & (IN_ISDIR | IN_IGNORED)) != 0;
		take(walker, event);
		at += sizeof(*event) + event->len;
	}
	if (lost)
		look_everywhere(walker, true);
	return lost || matters;
}

static void hear_gate(struct walker *walker)
{
	int fds[MESSAGE_MAX_FDS];
	struct message message;
	bool again = false;
	int r;

	while ((r = message_receive_fd(walker->gate_fd, &message, fds)) > 0) {
		for (int i = 0; i < MESSAGE_MAX_FDS; i++)
			close_fd(fds[i]);
		again |= message.kind == MESSAGE_SCOPES_AGAIN;
	}
	walker->ended |= r < 0;
	if (again && !walker->ended)
		look_everywhere(walker, true);
}

static void run(struct walker *walker)
{
	struct pollfd fds[] = { { .fd = walker->gate_fd, .events = POLLIN },
				{ .fd = walker->inotify, .events = POLLIN } };

	/* Who makes many files pays for each time that we are woken, and for nothing: not for each, then. */
	bool files_only = false;

	look_everywhere(walker, false);
	while (!walker->ended) {
		const bool moved = walker->moved.cookie != 0;
		int n = poll(fds, files_only ? 1 : 2, files_only ? FILES_MS : moved ? MOVED_MS : LOOK_MS);

		if (n > 0 && fds[0].revents)
			hear_gate(walker);
		if (n == 0 && moved && !files_only)
			settle(walker);
		/* Also while there is news all the time. */
		if (now_ms() - walker->looked_ms >= LOOK_MS && !walker->ended)
			look_everywhere(walker, false);
		files_only = !files_only && n > 0 && fds[1].revents && !read_news(walker);
	}
}

int role_scopes(const struct scopes_role *role)
{
	static struct walker walker;
	const struct rlimit files = { DESCRIPTORS, DESCRIPTORS };
	int r;

	walker.config = role->config;
	walker.gate_fd = role->gate_fd;
	setrlimit(RLIMIT_NOFILE, &files);
	walker.inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	r = walker.inotify < 0 ? -errno : drop_scopes();
	if (r < 0) {
		log_error("cannot begin: %s", strerror(-r));
		return 1;
	}
	run(&walker);
	return 0;
}
