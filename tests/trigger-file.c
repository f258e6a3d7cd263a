/* SPDX-License-Identifier: Apache-2.0 */
/* Trigger, files - opens, names that come and go, attributes, by system calls. */
#include "trigger.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

/* open HOW FLAGS MODE PATH: HOW is open, openat, openat2, creat or relative (to the folder's fd) */
static void act_open(char **argv)
{
	const char *how = argument(&argv);
	int flags = (int)strtol(argument(&argv), NULL, 0);
	mode_t mode = (mode_t)strtol(argument(&argv), NULL, 8);
	const char *path = argument(&argv);
	long fd;

	umask(0);
	if (strcmp(how, "open") == 0) {
		fd = syscall(SYS_open, path, flags, mode);
	} else if (strcmp(how, "openat2") == 0) {
		struct open_how options = { .flags = (uint64_t)flags, .mode = mode };

		fd = syscall(SYS_openat2, AT_FDCWD, path, &options, sizeof(options));
	} else if (strcmp(how, "creat") == 0) {
		fd = syscall(SYS_creat, path, mode);
	} else if (strcmp(how, "relative") == 0) {
		char *folder = strdup(path), *slash = strrchr(folder, '/');
		int dirfd;

		*slash = '\0';
		dirfd = (int)check(open(folder, O_RDONLY | O_DIRECTORY));
		fd = syscall(SYS_openat, dirfd, slash + 1, flags, mode);
	} else {
		fd = syscall(SYS_openat, AT_FDCWD, path, flags, mode);
	}
	check(fd);
	fact_begin();
	fact_file("file", path);
	fact_number("fd", fd);
	fact_end();
	if (argument(&argv)[0] == 'w')
		check(write((int)fd, "x", 1));
	check(close((int)fd));
}

/* open-tmpfile FOLDER: a file that never has a name */
static void act_open_tmpfile(char **argv)
{
	const char *folder = argument(&argv);
	int fd = (int)check(open(folder, O_TMPFILE | O_RDWR, 0600));
	struct stat st;

	check(fstat(fd, &st));
	fact_begin();
	fact_number("file.dev", (int64_t)major(st.st_dev) << 20 | minor(st.st_dev));
	fact_number("file.ino", (int64_t)st.st_ino);
	fact_end();
}

/* mapped PATH: the only writing is through a mapping, which outlives the descriptor */
static void act_mapped(char **argv)
{
	const char *path = argument(&argv);
	int fd = (int)check(open(path, O_RDWR));
	char *map = mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	check(map == MAP_FAILED ? -1 : 0);
	check(close(fd));
	map[0] = 'x';
	check(munmap(map, 1));
	fact_begin();
	fact_file("file", path);
	fact_end();
}

static void act_mkdir(char **argv)
{
	const char *path = argument(&argv);

	umask(0);
	check(syscall(SYS_mkdir, path, 01750));
	fact_begin();
	fact_file("file", path);
	fact_end();
}

static void act_mkdirat(char **argv)
{
	const char *folder = argument(&argv), *name = argument(&argv);
	int dirfd = (int)check(open(folder, O_RDONLY | O_DIRECTORY));

	umask(0);
	check(mkdirat(dirfd, name, 0700));
	check(fchdir(dirfd));
	fact_begin();
	fact_file("file", name);
	fact_end();
}

static void act_symlink(char **argv)
{
	const char *target = argument(&argv), *path = argument(&argv);

	check(syscall(SYS_symlink, target, path));
	fact_begin();
	fact_file("file", path);
	fact_end();
}

static void act_link(char **argv)
{
	const char *old = argument(&argv), *path = argument(&argv);

	check(syscall(SYS_link, old, path));
	fact_begin();
	fact_file("file", path);
	fact_end();
}

/* mknod KIND PATH: fifo or regular */
static void act_mknod(char **argv)
{
	mode_t mode = strcmp(argument(&argv), "fifo") == 0 ? S_IFIFO : S_IFREG;
	const char *path = argument(&argv);

	umask(0);
	check(syscall(SYS_mknod, path, mode | 0640, 0));
	fact_begin();
	fact_file("file", path);
	fact_end();
}

/* rename HOW FLAGS FROM TO */
static void act_rename(char **argv)
{
	const char *how = argument(&argv);
	unsigned int flags = (unsigned int)strtol(argument(&argv), NULL, 0);
	const char *from = argument(&argv), *to = argument(&argv);

	fact_begin();
	fact_file("from", from);
	if (strcmp(how, "renameat2") == 0)
		check(syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags));
	else
		check(syscall(SYS_rename, from, to));
	fact_file("to", to);
	fact_end();
}

static void act_unlink(char **argv)
{
	const char *path = argument(&argv);

	fact_begin();
	fact_file("file", path);
	check(syscall(SYS_unlink, path));
	fact_end();
}

static void act_unlinkat(char **argv)
{
	const char *folder = argument(&argv), *name = argument(&argv);
	int flags = (int)strtol(argument(&argv), NULL, 0);
	int dirfd = (int)check(open(folder, O_RDONLY | O_DIRECTORY));

	fact_begin();
	check(unlinkat(dirfd, name, flags));
	fact_end();
}

static void act_rmdir(char **argv)
{
	const char *path = argument(&argv);

	fact_begin();
	fact_file("file", path);
	check(syscall(SYS_rmdir, path));
	fact_end();
}

/* chmod HOW MODE PATH: chmod, fchmod or fchmodat */
static void act_chmod(char **argv)
{
	const char *how = argument(&argv);
	mode_t mode = (mode_t)strtol(argument(&argv), NULL, 8);
	const char *path = argument(&argv);

	if (strcmp(how, "fchmod") == 0)
		check(fchmod((int)check(open(path, O_RDONLY)), mode));
	else if (strcmp(how, "fchmodat") == 0)
		check(syscall(SYS_fchmodat, AT_FDCWD, path, mode));
	else
		check(syscall(SYS_chmod, path, mode));
	fact_begin();
	fact_file("file", path);
	fact_end();
}

/* chown HOW UID GID PATH: chown, lchown, fchown or fchownat */
static void act_chown(char **argv)
{
	const char *how = argument(&argv);
	uid_t uid = (uid_t)strtol(argument(&argv), NULL, 0);
	gid_t gid = (gid_t)strtol(argument(&argv), NULL, 0);
	const char *path = argument(&argv);

	if (strcmp(how, "fchown") == 0)
		check(fchown((int)check(open(path, O_RDONLY)), uid, gid));
	else if (strcmp(how, "fchownat") == 0)
		check(fchownat(AT_FDCWD, path, uid, gid, 0));
	else if (strcmp(how, "lchown") == 0)
		check(lchown(path, uid, gid));
	else
		check(chown(path, uid, gid));
	fact_begin();
	fact_file("file", path);
	fact_end();
}

/* Version 2, CAP_NET_BIND_SERVICE permitted and effective. */
const unsigned char file_capability[20] = { 1, 0, 0, 2, 0, 4 };

/* setxattr HOW PATH: setxattr or fsetxattr */
static void act_setxattr(char **argv)
{
	const char *how = argument(&argv), *path = argument(&argv);

	if (strcmp(how, "fsetxattr") == 0)
		check(fsetxattr((int)check(open(path, O_RDONLY)), "security.capability",
				file_capability, sizeof(file_capability), 0));
	else
		check(setxattr(path, "security.capability", file_capability,
			       sizeof(file_capability), 0));
	fact_begin();
	fact_file("file", path);
	fact_end();
}

/* open-read PATH, setxattr of a user's attribute, a failed open: nothing to tell */
static void act_file_nothing(char **argv)
{
	const char *path = argument(&argv);
	int fd = (int)check(open(path, O_RDONLY));

	check(fsetxattr(fd, "user.colour", "blue", 4, 0));
	check(open("/nowhere/at/all", O_WRONLY | O_CREAT, 0600) < 0 ? 0 : -1);
	check(close(fd));
	fact_begin();
	fact_end();
}

const struct act file_acts[] = {
	{ "open", act_open },
	{ "open-tmpfile", act_open_tmpfile },
	{ "mapped", act_mapped },
	{ "mkdir", act_mkdir },
	{ "mkdirat", act_mkdirat },
	{ "symlink", act_symlink },
	{ "link", act_link },
	{ "mknod", act_mknod },
	{ "rename", act_rename },
	{ "unlink", act_unlink },
	{ "unlinkat", act_unlinkat },
	{ "rmdir", act_rmdir },
	{ "chmod", act_chmod },
	{ "chown", act_chown },
	{ "setxattr", act_setxattr },
	{ "file-nothing", act_file_nothing },
	{ 0 },
};
