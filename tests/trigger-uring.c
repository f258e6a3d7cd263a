/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trigger, io_uring - the acts of files and network once more, without a system call of theirs.
 *
 * By raw calls: one ring per operation, so that nothing of one act is left when the next begins.
 */
#include "trigger.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/openat2.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ENTRIES 4

extern const unsigned char file_capability[20];

int uring_do(const struct io_uring_sqe *sqe)
{
	struct io_uring_params params = { 0 };
	int fd = (int)check(syscall(SYS_io_uring_setup, ENTRIES, &params)), result;
	char *queue = mmap(NULL, params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe),
			   PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, IORING_OFF_SQ_RING);
	struct io_uring_sqe *entries = mmap(NULL, ENTRIES * sizeof(*entries), PROT_READ | PROT_WRITE,
					    MAP_SHARED | MAP_POPULATE, fd, IORING_OFF_SQES);

	check(queue == MAP_FAILED || entries == MAP_FAILED ? -1 : 0);
	entries[0] = *sqe;
	((uint32_t *)(queue + params.sq_off.array))[0] = 0;
	__atomic_store_n((uint32_t *)(queue + params.sq_off.tail), 1, __ATOMIC_RELEASE);
	check(syscall(SYS_io_uring_enter, fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0));
	result = ((struct io_uring_cqe *)(queue + params.cq_off.cqes))[0].res;
	close(fd);
	return result;
}

static int done(struct io_uring_sqe sqe)
{
	int result = uring_do(&sqe);

	errno = -result;
	check(result);
	return result;
}

/* A union of the entry that carries a pointer carries a number: one place for the cast. */
static uint64_t address_of(const void *at)
{
	return (uint64_t)(uintptr_t)at;
}

/* uring-open HOW FLAGS MODE PATH: openat or openat2 */
static void act_open(char **argv)
{
	const char *how = argument(&argv);
	uint32_t flags = (uint32_t)strtol(argument(&argv), NULL, 0);
	uint32_t mode = (uint32_t)strtol(argument(&argv), NULL, 8);
	const char *path = argument(&argv);
	struct open_how options = { .flags = flags, .mode = mode };
	struct io_uring_sqe sqe = { .fd = AT_FDCWD, .addr = address_of(path) };

	umask(0);
	if (strcmp(how, "openat2") == 0) {
		sqe.opcode = IORING_OP_OPENAT2;
		sqe.len = sizeof(options);
		sqe.off = address_of(&options);
	} else {
		sqe.opcode = IORING_OP_OPENAT;
		sqe.len = mode;
		sqe.open_flags = flags;
	}
	done(sqe);
	fact_begin();
	fact_file("file", path);
	fact_end();
}

static void tell_file(const char *path)
{
	fact_begin();
	fact_file("file", path);
	fact_end();
}

static void act_mkdir(char **argv)
{
	const char *path = argument(&argv);

	umask(0);
	done((struct io_uring_sqe){ .opcode = IORING_OP_MKDIRAT, .fd = AT_FDCWD,
				    .addr = address_of(path), .len = 0710 });
	tell_file(path);
}

static void act_symlink(char **argv)
{
	const char *target = argument(&argv), *path = argument(&argv);

	done((struct io_uring_sqe){ .opcode = IORING_OP_SYMLINKAT, .fd = AT_FDCWD,
				    .addr = address_of(target), .addr2 = address_of(path) });
	tell_file(path);
}

static void act_link(char **argv)
{
	const char *old = argument(&argv), *path = argument(&argv);

	done((struct io_uring_sqe){ .opcode = IORING_OP_LINKAT, .fd = AT_FDCWD,
				    .len = (uint32_t)AT_FDCWD, .addr = address_of(old),
				    .addr2 = address_of(path) });
	tell_file(path);
}

static void act_rename(char **argv)
{
	const char *from = argument(&argv), *to = argument(&argv);

	fact_begin();
	fact_file("from", from);
	done((struct io_uring_sqe){ .opcode = IORING_OP_RENAMEAT, .fd = AT_FDCWD,
				    .len = (uint32_t)AT_FDCWD, .addr = address_of(from),
				    .addr2 = address_of(to), .rename_flags = 1 });
	fact_file("to", to);
	fact_end();
}

/* uring-unlink PATH FLAGS */
static void act_unlink(char **argv)
{
	const char *path = argument(&argv);
	uint32_t flags = (uint32_t)strtol(argument(&argv), NULL, 0);

	fact_begin();
	fact_file("file", path);
	done((struct io_uring_sqe){ .opcode = IORING_OP_UNLINKAT, .fd = AT_FDCWD,
				    .addr = address_of(path), .unlink_flags = flags });
	fact_end();
}

/* uring-setxattr HOW PATH: setxattr or fsetxattr */
static void act_setxattr(char **argv)
{
	const char *how = argument(&argv), *path = argument(&argv);
	struct io_uring_sqe sqe = { .opcode = IORING_OP_SETXATTR,
				    .addr = address_of("security.capability"),
				    .off = address_of(file_capability),
				    .len = sizeof(file_capability), .addr3 = address_of(path) };

	if (strcmp(how, "fsetxattr") == 0) {
		sqe.opcode = IORING_OP_FSETXATTR;
		sqe.fd = (int)check(open(path, O_RDONLY));
		sqe.addr3 = 0;
	}
	done(sqe);
	tell_file(path);
}

static struct sockaddr_in loopback(int port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static int local_port(int fd)
{
	struct sockaddr_in address;
	socklen_t size = sizeof(address);

	check(getsockname(fd, (struct sockaddr *)&address, &size));
	return ntohs(address.sin_port);
}

/* uring-connect PORT; tells the error */
static void act_connect(char **argv)
{
	struct sockaddr_in address = loopback(atoi(argument(&argv)));
	int fd = (int)check(socket(AF_INET, SOCK_STREAM, 0));
	struct io_uring_sqe sqe = { .opcode = IORING_OP_CONNECT, .fd = fd,
				    .addr = address_of(&address), .off = sizeof(address) };
	int result = uring_do(&sqe);

	fact_begin();
	fact_number("error", -result);
	fact_number("port", local_port(fd));
	fact_end();
}

static void act_accept(char **argv)
{
	struct sockaddr_in address = loopback(0), peer;
	socklen_t size = sizeof(peer);
	int listener = (int)check(socket(AF_INET, SOCK_STREAM, 0));
	pid_t pid;

	(void)argv;
	check(bind(listener, (struct sockaddr *)&address, sizeof(address)));
	check(listen(listener, 1));
	address = loopback(local_port(listener));
	pid = (pid_t)check(fork());
	if (pid == 0) {
		int client = socket(AF_INET, SOCK_STREAM, 0);

		_exit(connect(client, (struct sockaddr *)&address, sizeof(address)) < 0);
	}
	done((struct io_uring_sqe){ .opcode = IORING_OP_ACCEPT, .fd = listener,
				    .addr = address_of(&peer), .addr2 = address_of(&size) });
	check(waitpid(pid, NULL, 0));
	fact_begin();
	fact_number("port", ntohs(address.sin_port));
	fact_number("remote_port", ntohs(peer.sin_port));
	fact_end();
}

/* Operations that are younger than the headers of Debian 12. */
#define OP_BIND 56
#define OP_LISTEN 57

static void act_bind(char **argv)
{
	struct sockaddr_in address = loopback(0);
	int fd = (int)check(socket(AF_INET, SOCK_STREAM, 0));

	(void)argv;
	done((struct io_uring_sqe){ .opcode = OP_BIND, .fd = fd, .addr = address_of(&address),
				    .addr2 = sizeof(address) });
	fact_begin();
	fact_number("port", local_port(fd));
	fact_end();
}

static void act_listen(char **argv)
{
	struct sockaddr_in address = loopback(0);
	int fd = (int)check(socket(AF_INET, SOCK_STREAM, 0));

	(void)argv;
	check(bind(fd, (struct sockaddr *)&address, sizeof(address)));
	done((struct io_uring_sqe){ .opcode = OP_LISTEN, .fd = fd, .len = 7 });
	fact_begin();
	fact_number("port", local_port(fd));
	fact_end();
}

const struct act uring_acts[] = {
	{ "uring-open", act_open },	    { "uring-mkdir", act_mkdir },
	{ "uring-symlink", act_symlink },   { "uring-link", act_link },
	{ "uring-rename", act_rename },	    { "uring-unlink", act_unlink },
	{ "uring-setxattr", act_setxattr }, { "uring-connect", act_connect },
	{ "uring-accept", act_accept },	    { "uring-bind", act_bind },
	{ "uring-listen", act_listen },	    { 0 },
};
