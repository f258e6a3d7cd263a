/* SPDX-License-Identifier: Apache-2.0 */
/* Chroot - out to the namespace's root, and back with our folder as the root. */
#include "host/chroot.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* Asked of the kernel itself, in a child: only chrooted or forbidden processes hear EPERM. */
static bool user_namespace_refused(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(unshare(CLONE_NEWUSER) < 0 && errno == EPERM ? 1 : 0);
	while (pid > 0 && waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return false;
	return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 1;
}

/*
 * With the root moved below our working directory, ".." is stopped by nothing but the real root.
 * Any folder does; /proc is there on every host that we run on.
 */
static int climb(void)
{
	struct stat here, above;

	if (chdir("/") < 0 || chroot("/proc") < 0)
		return -errno;
	do {
		if (stat(".", &here) < 0 || chdir("..") < 0 || stat(".", &above) < 0)
			return -errno;
	} while (here.st_ino != above.st_ino || here.st_dev != above.st_dev);
	return chroot(".") < 0 ? -errno : 0;
}

static int root_at(int folder)
{
	_cleanup_(closep) int tree = -1;

	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return -errno;
	tree = open_tree(folder, "", AT_EMPTY_PATH | AT_RECURSIVE | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (tree < 0)
		return -errno;
	if (move_mount(tree, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return -errno;
	if (fchdir(tree) < 0 || syscall(SYS_pivot_root, ".", ".") < 0)
		return -errno;
	/* The old root now lies over the new one: see pivot_root(2). */
	if (umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return -errno;
	return 0;
}

int host_leave_chroot(void)
{
	_cleanup_(closep) int folder = -1;
	int r;

	if (!user_namespace_refused())
		return 0;
	/* In this order: only a mount of our own namespace can be cloned. */
	if (unshare(CLONE_NEWNS) < 0)
		return -errno;
	folder = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return -errno;
	r = climb();
	if (r == 0)
		r = root_at(folder);
	return r < 0 ? r : 1;
}
