/* SPDX-License-Identifier: Apache-2.0 */
/* Test-mounts - the host's mounts are told from those of another namespace, and changes are seen. */
#undef NDEBUG
#include "gate/mounts.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef STATX_MNT_ID
#define STATX_MNT_ID 0x1000u
#endif

static char folder[] = "/tmp/ringfort-mounts-XXXXXX";

static struct mounts *new_mounts(void)
{
	struct mounts *mounts;

	assert(mounts_new(&mounts, MOUNTS_OF_HOST) == 0);
	return mounts;
}

static uint64_t mount_of(const char *path)
{
	struct statx stx;

	assert(statx(AT_FDCWD, path, 0, STATX_MNT_ID, &stx) == 0 && stx.stx_mask & STATX_MNT_ID);
	return stx.stx_mnt_id;
}

/* Every id of the table, and none beside it. */
static void all_of_the_table_are_the_hosts_and_no_other(void)
{
	struct mounts *mounts = new_mounts();
	FILE *table = fopen("/proc/1/mountinfo", "re");
	unsigned long long id, most = 0;
	char *line = NULL;
	size_t room = 0;

	assert(table);
	while (getline(&line, &room, table) > 0) {
		assert(sscanf(line, "%llu", &id) == 1 && mounts_has(mounts, id));
		most = id > most ? id : most;
	}
	assert(most > 0 && !mounts_has(mounts, most + 100000) && !mounts_has(mounts, 0) && !mounts_has(mounts, UINT64_MAX));
	free(line);
	fclose(table);
	assert(!mounts_free(mounts));
}

static void a_mount_that_comes_is_the_hosts_at_once_and_told(void)
{
	struct mounts *mounts = new_mounts();
	uint64_t id;

	mounts_changed(mounts);
	assert(mount("none", folder, "tmpfs", 0, NULL) == 0);
	id = mount_of(folder);
	assert(mounts_has(mounts, id));
	/* Whoever saw it first: it is still told. */
	assert(mounts_changed(mounts));
	assert(umount(folder) == 0);
	assert(mounts_changed(mounts) && !mounts_has(mounts, id));
	mounts_free(mounts);
}

static void a_mount_of_another_namespace_is_foreign(void)
{
	struct mounts *mounts = new_mounts();
	int status, told[2];
	uint64_t id;
	pid_t pid;

	assert(pipe(told) == 0);
	pid = fork();
	if (pid == 0) {
		if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		    mount("none", folder, "tmpfs", 0, NULL) < 0)
			_exit(1);
		id = mount_of(folder);
		_exit(write(told[1], &id, sizeof(id)) != sizeof(id));
	}
	assert(waitpid(pid, &status, 0) == pid && status == 0);
	assert(read(told[0], &id, sizeof(id)) == sizeof(id));
	assert(!mounts_has(mounts, id));
	close(told[0]);
	close(told[1]);
	mounts_free(mounts);
}

static unsigned long long first_id(const char *path)
{
	FILE *table = fopen(path, "re");
	unsigned long long id = 0;

	if (table) {
		if (fscanf(table, "%llu", &id) != 1)
			id = 0;
		fclose(table);
	}
	return id;
}

/* Ids are given once for all namespaces, so they tell whether ours is that of pid 1. */
static bool can_mount(void)
{
	unsigned long long ours = first_id("/proc/self/mountinfo");

	return geteuid() == 0 && ours && ours == first_id("/proc/1/mountinfo");
}

int main(void)
{
	if (!can_mount()) {
		fprintf(stderr, "needs root in the namespace of pid 1\n");
		return 77;
	}
	assert(mkdtemp(folder));
	all_of_the_table_are_the_hosts_and_no_other();
	a_mount_that_comes_is_the_hosts_at_once_and_told();
	a_mount_of_another_namespace_is_foreign();
	assert(rmdir(folder) == 0);
	return 0;
}
