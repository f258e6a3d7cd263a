/* SPDX-License-Identifier: Apache-2.0 */
/* Test-cgroup-delegated - children that live in folders of the real hierarchy.  Needs root. */
#undef NDEBUG
#include "host/cgroup-delegated.h"

#include "base/fs.h"
#include "host/cgroup.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define SKIPPED 77

static int root = -1;
static char name[64], leaf[80], instance[32], tree[112];

/* The first place that has a unified hierarchy in which we may make folders. */
static bool open_root(void)
{
	static const char *const places[] = { "/sys/fs/cgroup/unified", "/sys/fs/cgroup" };

	snprintf(name, sizeof(name), "ringfort-test-delegated-%d", (int)getpid());
	snprintf(leaf, sizeof(leaf), "%s/daemon", name);
	snprintf(instance, sizeof(instance), "test-%d", (int)getpid());
	snprintf(tree, sizeof(tree), "%s/ringfort-%s", name, instance);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		root = open(places[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (root >= 0 && faccessat(root, "cgroup.controllers", F_OK, 0) == 0 && mkdirat(root, name, 0755) == 0)
			return true;
	}
	return false;
}

static void mark_delegated(const char *value)
{
	int folder = openat(root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert(folder >= 0 && fsetxattr(folder, "trusted.delegate", value, strlen(value), 0) == 0);
	close(folder);
}

static bool lives_in(const char *folder)
{
	char text[4096], wanted[128];

	assert(fs_read_at(AT_FDCWD, "/proc/self/cgroup", text, sizeof(text)) > 0);
	snprintf(wanted, sizeof(wanted), "0::/%s\n", folder);
	return strstr(text, wanted) != NULL;
}

/* In a child that lives in the folder; what it asserts is its exit. */
static void in_folder(void (*act)(void))
{
	char procs[96];
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		snprintf(procs, sizeof(procs), "%s/cgroup.procs", name);
		assert(fs_write_at(root, procs, "0") == 0);
		act();
		_exit(0);
	}
	assert(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
	unlinkat(root, leaf, AT_REMOVEDIR);
}

static void stays(void)
{
	assert(cgroup_delegated_open(root) == -ENOENT && lives_in(name));
}

static void moves(void)
{
	struct stat ours, theirs;
	int folder = cgroup_delegated_open(root);

	assert(folder >= 0 && lives_in(leaf));
	assert(fstat(folder, &ours) == 0 && fstatat(root, name, &theirs, 0) == 0 && ours.st_ino == theirs.st_ino);
	/* The leaf itself is delegated to nobody. */
	assert(cgroup_delegated_open(root) == -ENOENT);
	close(folder);
}

static void makes_a_tree(void)
{
	struct cgroup_tree *made;

	assert(cgroup_tree_open(&made, instance) == 0);
	assert(faccessat(root, tree, F_OK, 0) == 0 && lives_in(leaf));
	cgroup_tree_close(made);
	assert(faccessat(root, tree, F_OK, 0) < 0);
}

static void a_folder_that_nobody_delegated_is_left_alone(void)
{
	in_folder(stays);
	mark_delegated("0");
	in_folder(stays);
}

static void in_a_delegated_folder_we_move_into_a_leaf(void)
{
	mark_delegated("1");
	in_folder(moves);
	/* As after a restart: the leaf is there already. */
	assert(mkdirat(root, leaf, 0755) == 0);
	in_folder(moves);
}

static void the_tree_of_an_instance_is_in_the_delegated_folder(void)
{
	mark_delegated("1");
	in_folder(makes_a_tree);
}

int main(void)
{
	pid_t pid;
	int status = 0;

	if (geteuid() != 0 || !open_root()) {
		printf("needs root and a unified hierarchy of cgroups to make folders in\n");
		return SKIPPED;
	}
	/* So that the folder goes, whatever becomes of the cases. */
	pid = fork();
	if (pid == 0) {
		a_folder_that_nobody_delegated_is_left_alone();
		in_a_delegated_folder_we_move_into_a_leaf();
		the_tree_of_an_instance_is_in_the_delegated_folder();
		_exit(0);
	}
	assert(pid > 0 && waitpid(pid, &status, 0) == pid);
	unlinkat(root, tree, AT_REMOVEDIR);
	unlinkat(root, leaf, AT_REMOVEDIR);
	unlinkat(root, name, AT_REMOVEDIR);
	return status != 0;
}
