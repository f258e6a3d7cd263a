/* SPDX-License-Identifier: Apache-2.0 */
/* Mounts - the root that a solution sees: empty, in memory, with read-only views. */
#include "host/sandbox.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* What dynamic linking needs: links are copied, folders and files bound, absent ones passed over. */
static const char *const library_paths[] = {
	"/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libx32", "/lib", "/lib32", "/lib64", "/libx32",
	"/etc/ld.so.cache",
};

/* Make the folders above a path, and the path itself as a folder or an empty file. */
static int make_target(int root, const char *target, bool folder)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s", target) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	for (char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdirat(root, path, 0755) < 0 && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	if (folder)
		return mkdirat(root, path, 0755) < 0 && errno != EEXIST ? -errno : 0;
	return mknodat(root, path, S_IFREG | 0444, 0) < 0 && errno != EEXIST ? -errno : 0;
}

static int attach(int root, const char *source, const char *target, uint64_t attributes)
{
	struct mount_attr attr = {
		.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | attributes,
		.propagation = MS_PRIVATE,
	};
	_cleanup_(closep) int tree = -1;
	struct stat st;
	int r;

	tree = open_tree(AT_FDCWD, source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (tree < 0 || fstat(tree, &st) < 0)
		return -errno;
	if (mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return -errno;
	while (*target == '/')
		target++;
	r = make_target(root, target, S_ISDIR(st.st_mode));
	if (r < 0)
		return r;
	if (move_mount(tree, "", root, target, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return -errno;
	return 0;
}

static int attach_libraries(int root)
{
	for (size_t i = 0; i < sizeof(library_paths) / sizeof(library_paths[0]); i++) {
		const char *path = library_paths[i];
		char text[PATH_MAX];
		struct stat st;
		ssize_t n;
		int r;

		if (lstat(path, &st) < 0)
			continue;
		if (!S_ISLNK(st.st_mode)) {
			r = attach(root, path, path, MOUNT_ATTR_NODEV);
			if (r < 0)
				return r;
			continue;
		}
		/* Merged /usr: /lib says usr/lib. */
		n = readlink(path, text, sizeof(text) - 1);
		if (n < 0)
			return -errno;
		text[n] = '\0';
		if (symlinkat(text, root, path + 1) < 0)
			return -errno;
	}
	return 0;
}

/* A tmpfs of a few pages; the size is a bound for our own mount points, nobody else writes here. */
static int make_root(void)
{
	_cleanup_(closep) int fs = -1;
	int root;

	fs = fsopen("tmpfs", FSOPEN_CLOEXEC);
	if (fs < 0 || fsconfig(fs, FSCONFIG_SET_STRING, "size", "1m", 0) < 0 ||
	    fsconfig(fs, FSCONFIG_SET_STRING, "nr_inodes", "256", 0) < 0 ||
	    fsconfig(fs, FSCONFIG_SET_STRING, "mode", "0755", 0) < 0 ||
	    fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	root = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	if (root < 0)
		return -errno;
	/* It must stand somewhere before anything can be mounted in it: over the root, where it
	 * hides nothing, because our working directory and root stay below it until we pivot. */
	if (move_mount(root, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0) {
		int error = errno;

		close(root);
		return -error;
	}
	return root;
}

/* Change into the new root, drop the old one, and seal. */
static int enter_root(int root)
{
	struct mount_attr seal = { .attr_set = MOUNT_ATTR_RDONLY };

	if (fchdir(root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0)
		return -errno;
	/* The old root now lies over the new one: see pivot_root(2). */
	if (umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return -errno;
	if (mount_setattr(root, "", AT_EMPTY_PATH, &seal, sizeof(seal)) < 0)
		return -errno;
	return 0;
}

int sandbox_root(struct sandbox *sandbox)
{
	const struct spawn_options *options = sandbox->options;
	_cleanup_(closep) int root = -1;
	int r;

	/* No mount of ours may travel back to the host. */
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -errno;
	root = make_root();
	if (root < 0)
		return root;
	r = attach_libraries(root);
	if (r < 0)
		return r;
	r = attach(root, "/dev/null", "/dev/null", MOUNT_ATTR_NOEXEC);
	if (r < 0)
		return r;
	for (size_t i = 0; i < options->n_binds; i++) {
		const struct spawn_bind *bind = &options->binds[i];

		sandbox->bind = (int)i;
		r = attach(root, bind->source, bind->target,
			   MOUNT_ATTR_NODEV | (bind->executable ? 0 : MOUNT_ATTR_NOEXEC));
		if (r < 0)
			return r;
	}
	sandbox->bind = -1;
	return enter_root(root);
}
