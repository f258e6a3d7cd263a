/* SPDX-License-Identifier: Apache-2.0 */
/* Scope folders - see scope-folders.h */
#include "ringfortd/scope-folders.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct selection {
	bool (*is_wanted)(void *userdata, const struct scope_folder *folder);
	void *userdata;
	int *watches;
	size_t n;
};

static int compare(const void *a, const void *b)
{
	const struct scope_folder *one = a, *other = b;

	return one->watch < other->watch ? -1 : one->watch > other->watch;
}

static struct scope_folder *find(const struct scope_folders *folders, int watch)
{
	const struct scope_folder wanted = { .watch = watch };
	struct scope_folder **found = tfind(&wanted, &folders->tree, compare);

	return found ? *found : NULL;
}

static void release(struct scope_folder *folder)
{
	free(folder->path);
	free(folder->handle);
	free(folder);
}

const struct scope_folder *scope_folders_find(const struct scope_folders *folders, int watch)
{
	return find(folders, watch);
}

void scope_folders_forget(struct scope_folders *folders, int watch)
{
	struct scope_folder *folder = find(folders, watch);

	if (!folder)
		return;
	tdelete(folder, &folders->tree, compare);
	folders->n--;
	release(folder);
}

/* What the kernel finds it by, wherever it is moved to; NULL: there is none, or no memory. */
static struct file_handle *handle_of(int fd)
{
	_cleanup_(freep) struct file_handle *handle = malloc(sizeof(*handle) + MAX_HANDLE_SZ);
	struct file_handle *fits;
	int mount;

	if (!handle)
		return NULL;
	handle->handle_bytes = MAX_HANDLE_SZ;
	if (name_to_handle_at(fd, "", handle, &mount, AT_EMPTY_PATH) < 0)
		return NULL;
	fits = malloc(sizeof(*fits) + handle->handle_bytes);
	if (fits)
		memcpy(fits, handle, sizeof(*fits) + handle->handle_bytes);
	return fits;
}

static struct scope_folder *add(struct scope_folders *folders, int watch, int fd)
{
	struct scope_folder *folder = calloc(1, sizeof(*folder));
	struct stat st;

	if (!folder)
		return NULL;
	folder->watch = watch;
	folder->handle = handle_of(fd);
	if (fstat(fd, &st) == 0) {
		folder->dev = st.st_dev;
		folder->ino = st.st_ino;
	}
	if (!tsearch(folder, &folders->tree, compare)) {
		release(folder);
		return NULL;
	}
	folders->n++;
	return folder;
}

int scope_folders_keep(struct scope_folders *folders, int watch, uint32_t scope, uint32_t round, const char *path, int fd)
{
	_cleanup_(freep) char *copy = strdup(path);
	struct scope_folder *folder = find(folders, watch);

	if (!copy)
		return -ENOMEM;
	if (!folder)
		folder = add(folders, watch, fd);
	if (!folder)
		return -ENOMEM;
	free(folder->path);
	folder->path = take_ptr(copy);
	folder->scope = scope;
	folder->round = round;
	return 0;
}

static void select_one(const void *node, VISIT visit, void *userdata)
{
	const struct scope_folder *folder = *(struct scope_folder *const *)node;
	struct selection *selection = userdata;
	int *more;

	if ((visit != postorder && visit != leaf) || !selection->is_wanted(selection->userdata, folder))
		return;
	more = realloc(selection->watches, (selection->n + 1) * sizeof(*more));
	if (!more)
		return;
	selection->watches = more;
	selection->watches[selection->n++] = folder->watch;
}

size_t scope_folders_select(const struct scope_folders *folders,
			    bool (*is_wanted)(void *userdata, const struct scope_folder *folder), void *userdata,
			    int **ret_watches)
{
	struct selection selection = { .is_wanted = is_wanted, .userdata = userdata };

	twalk_r(folders->tree, select_one, &selection);
	*ret_watches = selection.watches;
	return selection.n;
}

/* On another file system, in the same place now, a handle may be another's. */
int scope_folder_open(const struct scope_folder *folder, int root)
{
	_cleanup_(closep) int fd = -1;
	struct stat st;

	if (folder->handle)
		fd = open_by_handle_at(root, folder->handle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 || st.st_dev != folder->dev || st.st_ino != folder->ino)
		return -1;
	return take_fd(&fd);
}
