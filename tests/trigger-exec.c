/* SPDX-License-Identifier: Apache-2.0 */
/* Trigger, exec - every way to a new image, and some that fail. */
#include "trigger.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

extern char **environ;

static void tell_open_file(const char *name, int fd)
{
	char full[64];
	struct stat st;

	check(fstat(fd, &st));
	snprintf(full, sizeof(full), "%s.dev", name);
	fact_number(full, (int64_t)major(st.st_dev) << 20 | minor(st.st_dev));
	snprintf(full, sizeof(full), "%s.ino", name);
	fact_number(full, (int64_t)st.st_ino);
}

/* exec CALLED ARGV0 [ARG]...; what is executed is where the links of CALLED lead */
static void act_exec(char **argv)
{
	const char *called = argument(&argv);
	int fd = (int)check(open(called, O_RDONLY | O_CLOEXEC));

	fact_begin();
	tell_open_file("file", fd);
	fact_list("argv", argv);
	fact_end();
	check(execv(called, argv));
}

/* The same from a thread that is not the first. */
static void *exec_thread(void *arg)
{
	char **argv = arg;
	const char *called = argument(&argv);

	fact_begin();
	fact_list("argv", argv);
	fact_end();
	check(execv(called, argv));
	return NULL;
}

static void act_exec_thread(char **argv)
{
	pthread_t thread;

	check(-pthread_create(&thread, NULL, exec_thread, argv));
	for (;;)
		pause();
}

/* exec-fd CALLED ARGV0 [ARG]...: by descriptor, the path is empty */
static void act_exec_fd(char **argv)
{
	int fd = (int)check(open(argument(&argv), O_RDONLY));

	fact_begin();
	tell_open_file("file", fd);
	fact_number("fd", fd);
	fact_list("argv", argv);
	fact_end();
	check(syscall(SYS_execveat, fd, "", argv, environ, AT_EMPTY_PATH));
}

static void copy_into(int to, const char *path)
{
	int from = (int)check(open(path, O_RDONLY | O_CLOEXEC));
	struct stat st;
	off_t at = 0;

	check(fstat(from, &st));
	while (at < st.st_size)
		check(sendfile(to, from, &at, (size_t)(st.st_size - at)));
	check(close(from));
}

/* exec-memfd COPIED ARGV0 [ARG]... */
static void act_exec_memfd(char **argv)
{
	int fd = (int)check(memfd_create("payload", 0));

	copy_into(fd, argument(&argv));
	fact_begin();
	tell_open_file("file", fd);
	fact_number("fd", fd);
	fact_list("argv", argv);
	fact_end();
	check(syscall(SYS_execveat, fd, "", argv, environ, AT_EMPTY_PATH));
}

/* exec-deleted PATH ARGV0 [ARG]...: unlinked after it was opened */
static void act_exec_deleted(char **argv)
{
	const char *path = argument(&argv);
	int fd = (int)check(open(path, O_RDONLY));

	fact_begin();
	tell_open_file("file", fd);
	fact_number("fd", fd);
	fact_list("argv", argv);
	fact_end();
	check(unlink(path));
	check(syscall(SYS_execveat, fd, "", argv, environ, AT_EMPTY_PATH));
}

/* exec-failed CALLED ARGV0 [ARG]... */
static void act_exec_failed(char **argv)
{
	const char *called = argument(&argv);

	check(execv(called, argv) < 0 ? 0 : -1);
	fact_begin();
	fact_number("error", errno);
	fact_list("argv", argv);
	fact_end();
}

/* exec-socket CALLED ARGV0 [ARG]...: as a reverse shell, a socket as all three descriptors */
static void act_exec_socket(char **argv)
{
	const char *called = argument(&argv);
	int pair[2];

	check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	fact_begin();
	fact_list("argv", argv);
	fact_end();
	check(dup2(pair[0], 0));
	check(dup2(pair[0], 1));
	check(dup2(pair[0], 2));
	check(execv(called, argv));
}

/* exec-stdio IN OUT ERR CALLED ARGV0...: each a path, "-" to leave it, or "closed" */
static void act_exec_stdio(char **argv)
{
	const char *what[3] = { argument(&argv), argument(&argv), argument(&argv) };
	const char *called = argument(&argv);

	fact_begin();
	fact_list("argv", argv);
	fact_end();
	for (int i = 0; i < 3; i++) {
		int fd;

		if (strcmp(what[i], "-") == 0)
			continue;
		close(i);
		if (strcmp(what[i], "closed") == 0)
			continue;
		/* A folder opens for reading only. */
		fd = open(what[i], O_RDWR);
		if (fd < 0)
			fd = (int)check(open(what[i], O_RDONLY));
		if (fd != i) {
			check(dup2(fd, i));
			close(fd);
		}
	}
	check(execv(called, argv));
}

/* exec-long CALLED COUNT: so many arguments of 100 bytes behind "landed" */
static void act_exec_long(char **argv)
{
	const char *called = argument(&argv);
	int count = atoi(argument(&argv));
	char **args = calloc((size_t)count + 3, sizeof(*args));

	args[0] = (char *)"long";
	args[1] = (char *)"landed";
	/* All different, so that a cut in the wrong place shows. */
	for (int i = 0; i < count; i++)
		check(asprintf(&args[i + 2], "%0100d", i));
	fact_begin();
	fact_list("argv", args);
	fact_end();
	check(execv(called, args));
}

const struct act exec_acts[] = {
	{ "exec", act_exec },
	{ "exec-thread", act_exec_thread },
	{ "exec-fd", act_exec_fd },
	{ "exec-memfd", act_exec_memfd },
	{ "exec-deleted", act_exec_deleted },
	{ "exec-failed", act_exec_failed },
	{ "exec-socket", act_exec_socket },
	{ "exec-stdio", act_exec_stdio },
	{ "exec-long", act_exec_long },
	{ 0 },
};
