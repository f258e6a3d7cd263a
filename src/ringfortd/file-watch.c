/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File watch - what the kernel tells of the folders that hold files of ours.
 *
 * Read at control's own pace, so that nobody makes it run more often.  Writing a file takes many writes;
 * within a second they are one change.
 */
#include "ringfortd/control.h"

#include "base/cleanup.h"

#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>

#define SAME_NS 1000000000ull
#define BUFFER_BYTES 8192

int file_watch_folder(struct control *control, const struct message *message, int *fd)
{
	struct file_watch *files = &control->files;

	if (files->fd < 0)
		files->fd = take_fd(fd);
	/* The kernel gives a folder that is named twice the same number. */
	if (files->n == CONTROL_FOLDERS)
		return 0;
	files->folders[files->n].watch = (int)message->value[0];
	files->folders[files->n++].is = message->folder;
	return 0;
}

static const char *in_words(uint32_t mask)
{
	static const struct {
		uint32_t mask;
		const char *words;
	} all[] = {
		{ IN_Q_OVERFLOW, "more was changed than the kernel could tell" },
		{ IN_UNMOUNT, "its file system was unmounted" },
		{ IN_DELETE_SELF | IN_MOVE_SELF, "the folder itself was moved or deleted; it is no longer watched" },
		{ IN_CREATE, "created" },
		{ IN_DELETE, "deleted" },
		{ IN_MOVED_FROM, "moved away" },
		{ IN_MOVED_TO, "replaced, or moved here" },
		{ IN_MODIFY, "written to" },
		{ IN_ATTRIB, "mode, owner, links or attributes changed" },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (mask & all[i].mask)
			return all[i].words;
	return NULL; /* IN_IGNORED, behind the one that told why */
}

static void tell(struct control *control, const struct message_folder *folder, const char *name, const char *words)
{
	struct message_tamper tamper = { .what = RINGFORT_TAMPER_FILE_CHANGED };
	struct file_watch *files = &control->files;
	uint64_t now = control_now_ns();

	memcpy(tamper.part, folder->part, sizeof(tamper.part));
	snprintf(tamper.detail, sizeof(tamper.detail), "%s", words);
	if (snprintf(tamper.path, sizeof(tamper.path), "%s%s%s", folder->path, name[0] ? "/" : "", name) >=
	    (int)sizeof(tamper.path))
		snprintf(tamper.detail, sizeof(tamper.detail), "%s (the path is cut)", words);
	if (strcmp(tamper.path, files->last.path) == 0 && strcmp(tamper.detail, files->last.detail) == 0 &&
	    now - files->last_ns < SAME_NS)
		return;
	files->last = tamper;
	files->last_ns = now;
	tamper_tell(control, &tamper);
}

static void take(struct control *control, const struct inotify_event *event)
{
	static const struct message_folder all = { .part = "files" };
	const struct file_watch *files = &control->files;
	const char *words = in_words(event->mask);
	const char *name = event->len ? event->name : "";

	if (!words)
		return;
	if (event->wd < 0)
		tell(control, &all, "", words);
	for (uint32_t i = 0; i < files->n; i++) {
		const struct message_folder *folder = &files->folders[i].is;

		if (files->folders[i].watch == event->wd &&
		    strncmp(name, folder->only, strlen(folder->only)) == 0)
			tell(control, folder, name, words);
	}
}

void file_watch_turn(struct control *control)
{
	_Alignas(struct inotify_event) char buffer[BUFFER_BYTES];
	ssize_t n = control->files.fd < 0 ? 0 : read(control->files.fd, buffer, sizeof(buffer));

	/* Our own end takes the socket away. */
	if (n <= 0 || control->ending)
		return;
	for (const char *at = buffer; at < buffer + n;) {
		const struct inotify_event *event = (const void *)at;

		take(control, event);
		at += sizeof(*event) + event->len;
	}
}
