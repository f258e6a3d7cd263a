/* SPDX-License-Identifier: Apache-2.0 */
/* Scope folders: kept by watch, chosen, and found again wherever they were moved to. */
#undef NDEBUG
#include "ringfortd/scope-folders.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char base[] = "/tmp/ringfort-folders-XXXXXX";

static int make(const char *name)
{
	char path[96];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", base, name);
	assert(mkdir(path, 0755) == 0);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert(fd >= 0);
	return fd;
}

static void drop(const char *name)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/%s", base, name);
	assert(rmdir(path) == 0);
}

static void move(const char *from, const char *to)
{
	char old[96], new[96];

	snprintf(old, sizeof(old), "%s/%s", base, from);
	snprintf(new, sizeof(new), "%s/%s", base, to);
	assert(rename(old, new) == 0);
}

static void a_folder_is_known_by_its_watch_until_it_is_forgotten(void)
{
	struct scope_folders folders = { 0 };
	int fd = make("a");

	assert(!scope_folders_find(&folders, 7));
	assert(scope_folders_keep(&folders, 7, 2, 1, "x/y", fd) == 0 && folders.n == 1);
	assert(strcmp(scope_folders_find(&folders, 7)->path, "x/y") == 0 && scope_folders_find(&folders, 7)->scope == 2);
	/* It was moved: the watch is the same. */
	assert(scope_folders_keep(&folders, 7, 3, 2, "z", fd) == 0 && folders.n == 1);
	assert(strcmp(scope_folders_find(&folders, 7)->path, "z") == 0 && scope_folders_find(&folders, 7)->round == 2);
	scope_folders_forget(&folders, 8);
	scope_folders_forget(&folders, 7);
	assert(folders.n == 0 && !scope_folders_find(&folders, 7) && !folders.tree);
	close(fd);
	drop("a");
}

static bool is_odd(void *userdata, const struct scope_folder *folder)
{
	++*(int *)userdata;
	return folder->watch % 2;
}

static void those_that_are_wanted_are_chosen_and_each_is_looked_at_once(void)
{
	struct scope_folders folders = { 0 };
	int fd = make("a"), n_looks = 0, *watches;
	bool found[200] = { false };

	for (int watch = 0; watch < 200; watch++)
		assert(scope_folders_keep(&folders, watch, 0, 1, "", fd) == 0);
	assert(scope_folders_select(&folders, is_odd, &n_looks, &watches) == 100 && n_looks == 200);
	for (int i = 0; i < 100; i++)
		found[watches[i]] = true;
	for (int watch = 0; watch < 200; watch++)
		assert(found[watch] == watch % 2);
	free(watches);
	for (int watch = 0; watch < 200; watch++)
		scope_folders_forget(&folders, watch);
	assert(scope_folders_select(&folders, is_odd, &n_looks, &watches) == 0 && !watches);
	close(fd);
	drop("a");
}

static void one_that_was_moved_is_opened_where_it_is_and_one_that_has_gone_is_not(void)
{
	struct scope_folders folders = { 0 };
	int root = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd = make("a"), other = make("b"), again;
	struct stat one, now;

	assert(scope_folders_keep(&folders, 1, 0, 1, "a", fd) == 0 && fstat(fd, &one) == 0);
	close(fd);
	if (!scope_folders_find(&folders, 1)->handle) {
		fprintf(stderr, "skipped: no handles on this file system\n");
	} else {
		move("a", "b/c");
		again = scope_folder_open(scope_folders_find(&folders, 1), root);
		if (again < 0 && geteuid() != 0) {
			fprintf(stderr, "skipped: needs root to open by handle\n");
		} else {
			assert(again >= 0 && fstat(again, &now) == 0 && now.st_ino == one.st_ino && now.st_dev == one.st_dev);
			close(again);
		}
		move("b/c", "a");
	}
	drop("a");
	assert(scope_folder_open(scope_folders_find(&folders, 1), root) == -1);
	scope_folders_forget(&folders, 1);
	close(other);
	close(root);
	drop("b");
}

int main(void)
{
	assert(mkdtemp(base));
	a_folder_is_known_by_its_watch_until_it_is_forgotten();
	those_that_are_wanted_are_chosen_and_each_is_looked_at_once();
	one_that_was_moved_is_opened_where_it_is_and_one_that_has_gone_is_not();
	assert(rmdir(base) == 0);
	return 0;
}
