/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Role selftest - a marked child performs one act of each type.
 *
 * In mount, network and IPC namespaces of its own; files are made and removed in the folder that
 * it starts in, because the kernel reports file.modify by file system.  Every act is harmless.
 */
#include "ringfortd/role.h"

#include "base/cleanup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <ringfort/event.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define BIT(type) (1ull << ringfort_type_##type)

static bool wait_for(pid_t pid)
{
	int status;

	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* A child that dies with us: we may be killed in the middle of an act. */
static pid_t fork_act(void)
{
	pid_t parent = getpid();
	pid_t pid = fork();

	if (pid == 0 && (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent))
		_exit(1);
	return pid;
}

static uint64_t act_exec(void)
{
	pid_t pid = fork_act();

	if (pid < 0)
		return 0;
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);

		dup2(null, STDOUT_FILENO);
		execl("/proc/self/exe", "ringfortd", "--version", NULL);
		_exit(127);
	}
	return wait_for(pid) ? BIT(process_exec) | BIT(process_fork) | BIT(process_exit) : 0;
}

static uint64_t act_setid(void)
{
	pid_t pid = fork_act();

	if (pid == 0)
		_exit(setresuid(65534, 65534, 65534) < 0);
	return pid > 0 && wait_for(pid) ? BIT(process_setid) : 0;
}

static uint64_t act_ptrace(void)
{
	pid_t pid = fork_act();
	bool held;

	if (pid < 0)
		return 0;
	if (pid == 0) {
		pause();
		_exit(0);
	}
	held = ptrace(PTRACE_SEIZE, pid, NULL, NULL) == 0;
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
		;
	return held ? BIT(process_ptrace) : 0;
}

static uint64_t act_files(void)
{
	_cleanup_(closep) int fd = -1;
	char name[64], moved[80];
	uint64_t done = 0;

	snprintf(name, sizeof(name), "selftest-%d", (int)getpid());
	snprintf(moved, sizeof(moved), "%s.moved", name);
	fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return 0;
	done |= BIT(file_create) | BIT(file_open_write);
	if (write(fd, "x", 1) == 1)
		done |= BIT(file_modify);
	fd = close_fd(fd);
	if (chmod(name, 0400) == 0)
		done |= BIT(file_attr);
	if (rename(name, moved) == 0)
		done |= BIT(file_rename);
	if (unlink(moved) == 0 || unlink(name) == 0)
		done |= BIT(file_unlink);
	return done;
}

/* The loopback of a new network namespace is down. */
static bool loopback_up(int fd)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };

	return ioctl(fd, SIOCSIFFLAGS, &request) == 0;
}

static uint64_t act_net(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	_cleanup_(closep) int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	_cleanup_(closep) int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	_cleanup_(closep) int server = -1;
	uint64_t done = 0;

	if (listener < 0 || client < 0 || !loopback_up(listener))
		return 0;
	if (bind(listener, (struct sockaddr *)&address, length) == 0)
		done |= BIT(net_bind);
	if (listen(listener, 1) == 0)
		done |= BIT(net_listen);
	if (getsockname(listener, (struct sockaddr *)&address, &length) < 0)
		return done;
	if (connect(client, (struct sockaddr *)&address, length) < 0)
		return done;
	done |= BIT(net_connect);
	server = accept(listener, NULL, NULL);
	return server < 0 ? done : done | BIT(net_accept);
}

int role_selftest(int fd)
{
	uint64_t done = 0;

	if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC) < 0)
		return 1;
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return 1;
	done |= act_exec();
	done |= act_setid();
	done |= act_ptrace();
	done |= act_files();
	done |= act_net();
	return write(fd, &done, sizeof(done)) == (ssize_t)sizeof(done) ? 0 : 1;
}
