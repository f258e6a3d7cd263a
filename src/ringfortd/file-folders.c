/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File folders - which folders hold files of ours.
 *
 * The supervisor names them to the kernel, as it may reach them; control, which may reach nothing, reads
 * what the kernel tells of them (file-watch.c).  Folders and not files: what is replaced by another file
 * of the same name is seen too.  Of folders that are not ours alone, only names of ours count.
 *
 * Content that the operator keeps elsewhere is his to change; that of a package is not.
 */
#include "ringfortd/supervisor.h"

#include "base/cleanup.h"
#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>

#define CHANGES \
	(IN_MODIFY | IN_ATTRIB | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | \
	 IN_MOVE_SELF | IN_ONLYDIR)

struct folders {
	struct supervisor *supervisor;
	int fd;
	bool handed; /* control has it */
};

static void add(struct folders *folders, const char *part, const char *path, const char *only)
{
	struct message message = { .kind = MESSAGE_FOLDER };
	int watch, r;

	if (strlen(path) >= sizeof(message.folder.path) || strlen(only) >= sizeof(message.folder.only))
		return;
	strcpy(message.folder.path, path);
	strcpy(message.folder.only, only);
	snprintf(message.folder.part, sizeof(message.folder.part), "%s", part);
	watch = inotify_add_watch(folders->fd, path, CHANGES);
	if (watch < 0) {
		log_debug("cannot watch the folder %s: %s", log_quote(path), strerror(errno));
		return;
	}
	message.value[0] = (uint64_t)watch;
	r = message_send_fd(folders->supervisor->control_fd, &message, &folders->fd, folders->handed ? 0 : 1);
	if (r < 0)
		log_error("cannot name the folder %s to control: %s", log_quote(path), strerror(-r));
	folders->handed |= r == 0;
}

/* The folder that a file is in, with names that begin as its own does. */
static void add_beside(struct folders *folders, const char *part, const char *file)
{
	char path[PATH_MAX], only[NAME_MAX + 1];
	char *slash, *dot;

	snprintf(path, sizeof(path), "%s", file);
	slash = strrchr(path, '/');
	if (!slash || slash == path)
		return;
	snprintf(only, sizeof(only), "%s", slash + 1);
	*slash = '\0';
	dot = strchr(only, '.');
	if (dot)
		*dot = '\0';
	add(folders, part, path, only);
}

static void add_package(struct folders *folders, const struct unit *unit)
{
	char part[48], path[PATH_MAX + NAME_MAX + 2];
	struct dirent *entry;
	DIR *dir;

	snprintf(part, sizeof(part), "solution %s", unit->manifest.name);
	add(folders, part, unit->package, "");
	dir = opendir(unit->package);
	while (dir && (entry = readdir(dir))) {
		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", unit->package, entry->d_name);
		add(folders, part, path, "");
	}
	if (dir)
		closedir(dir);
}

static void add_config(struct folders *folders, const char *config)
{
	char drop_ins[PATH_MAX];
	char *dot;

	add_beside(folders, "configuration", config);
	snprintf(drop_ins, sizeof(drop_ins), "%s", config);
	dot = strrchr(drop_ins, '.');
	if (!dot || strchr(dot, '/') || dot + 3 > drop_ins + sizeof(drop_ins))
		return;
	strcpy(dot, ".d");
	add(folders, "configuration", drop_ins, "");
}

int file_folders_watch(struct supervisor *supervisor)
{
	const struct paths *paths = supervisor->paths;
	_cleanup_(closep) int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	struct folders folders = { .supervisor = supervisor, .fd = fd };
	char program[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);

	if (fd < 0 || n < 0)
		return -errno;
	program[n] = '\0';
	add_beside(&folders, "program", program);
	add_beside(&folders, "library", paths->library);
	add_config(&folders, paths->config);
	add(&folders, "socket", paths->runtime, "control.sock");
	for (uint32_t i = 0; i < supervisor->n_units; i++)
		add_package(&folders, supervisor->units[i]);
	return 0;
}
