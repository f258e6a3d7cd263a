/* SPDX-License-Identifier: Apache-2.0 */
/* Test-payload - what a solution can do with a file that was passed to it: one line for each attempt. */
#include "host/test-payload.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

static int receive_fd(int socket)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
	char byte;
	struct iovec part = { &byte, 1 };
	struct msghdr packet = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	int fd = -1;

	if (recvmsg(socket, &packet, MSG_CMSG_CLOEXEC) == 1 && CMSG_FIRSTHDR(&packet))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&packet)), sizeof(fd));
	return fd;
}

static long passed_read(int fd)
{
	char text[6];

	return read(fd, text, 6) == 6 && memcmp(text, "passed", 6) == 0 ? 0 : -1;
}

static long passed_pread(int fd)
{
	char text[3];

	return pread(fd, text, 3, 3) == 3 && memcmp(text, "sed", 3) == 0 ? 0 : -1;
}

static long passed_fstat(int fd)
{
	struct stat st;

	return fstat(fd, &st);
}

static long passed_map(int fd)
{
	const char *map = mmap(NULL, 6, PROT_READ, MAP_SHARED, fd, 0);

	return map != MAP_FAILED && memcmp(map, "passed", 6) == 0 ? 0 : -1;
}

static long passed_map_writable(int fd)
{
	return mmap(NULL, 6, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED ? -1 : 0;
}

static long passed_map_and_protect(int fd)
{
	void *map = mmap(NULL, 6, PROT_READ, MAP_SHARED, fd, 0);

	return mprotect(map, 6, PROT_READ | PROT_WRITE);
}

static long passed_write(int fd)
{
	return write(fd, "x", 1);
}

static long passed_pwrite(int fd)
{
	return pwrite(fd, "x", 1, 0);
}

static long passed_ftruncate(int fd)
{
	return ftruncate(fd, 0);
}

static long passed_fallocate(int fd)
{
	return fallocate(fd, 0, 0, 4096);
}

static long passed_fchmod(int fd)
{
	return fchmod(fd, 0777);
}

static long passed_fchown(int fd)
{
	return fchown(fd, (uid_t)-1, getgid());
}

static long passed_futimens(int fd)
{
	return futimens(fd, NULL);
}

static long passed_fsetxattr(int fd)
{
	return fsetxattr(fd, "user.x", "x", 1, 0);
}

static long passed_flock(int fd)
{
	return flock(fd, LOCK_EX | LOCK_NB);
}

static long passed_lock(int fd)
{
	struct flock lock = { .l_type = F_RDLCK };

	return fcntl(fd, F_SETLK, &lock);
}

static long passed_lock_wait(int fd)
{
	struct flock lock = { .l_type = F_RDLCK };

	return fcntl(fd, F_SETLKW, &lock);
}

static long passed_ofd_lock(int fd)
{
	struct flock lock = { .l_type = F_RDLCK };

	return fcntl(fd, F_OFD_SETLK, &lock);
}

static long passed_lease(int fd)
{
	return fcntl(fd, F_SETLEASE, F_RDLCK);
}

static long passed_notify(int fd)
{
	return fcntl(fd, F_NOTIFY, 0);
}

static long passed_owner(int fd)
{
	return fcntl(fd, F_SETOWN, getpid());
}

static long passed_ioctl(int fd)
{
	int flags;

	return ioctl(fd, FS_IOC_GETFLAGS, &flags);
}

static long passed_ioctl_size(int fd)
{
	int size;

	return ioctl(fd, FIONREAD, &size);
}

static long passed_execveat(int fd)
{
	char *const arguments[] = { "x", NULL };

	return syscall(SYS_execveat, fd, "", arguments, environ, AT_EMPTY_PATH);
}

static long passed_fexecve(int fd)
{
	char *const arguments[] = { "x", NULL };

	return fexecve(fd, arguments, environ);
}

static long passed_reopen(int fd)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_RDWR);
}

static long passed_link(int fd)
{
	return linkat(fd, "", AT_FDCWD, "/solution/x", AT_EMPTY_PATH);
}

static long passed_sendfile(int fd)
{
	return sendfile(3, fd, NULL, 1);
}

/* As it would hand the file on to whoever holds the other end. */
static long passed_send(int fd)
{
	struct iovec part = { "x", 1 };
	struct msghdr packet = { .msg_iov = &part, .msg_iovlen = 1 };

	return sendmsg(3, &packet, 0);
}

static const struct {
	const char *name;
	long (*run)(int fd);
} acts[] = {
	{ "read", passed_read },
	{ "pread", passed_pread },
	{ "fstat", passed_fstat },
	{ "map", passed_map },
	{ "map-writable", passed_map_writable },
	{ "map-and-protect", passed_map_and_protect },
	{ "write", passed_write },
	{ "pwrite", passed_pwrite },
	{ "ftruncate", passed_ftruncate },
	{ "fallocate", passed_fallocate },
	{ "fchmod", passed_fchmod },
	{ "fchown", passed_fchown },
	{ "futimens", passed_futimens },
	{ "fsetxattr", passed_fsetxattr },
	{ "flock", passed_flock },
	{ "lock", passed_lock },
	{ "lock-wait", passed_lock_wait },
	{ "ofd-lock", passed_ofd_lock },
	{ "lease", passed_lease },
	{ "notify", passed_notify },
	{ "owner", passed_owner },
	{ "ioctl", passed_ioctl },
	{ "ioctl-size", passed_ioctl_size },
	{ "execveat", passed_execveat },
	{ "fexecve", passed_fexecve },
	{ "reopen", passed_reopen },
	{ "link", passed_link },
	{ "sendfile", passed_sendfile },
	{ "send", passed_send },
};

int use_passed_file(void)
{
	int fd = receive_fd(3);

	if (fd < 0)
		return 1;
	for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
		long r = acts[i].run(fd);

		printf("%s %s\n", acts[i].name, r >= 0 ? "ok" : strerrorname_np(errno));
	}
	return 0;
}
