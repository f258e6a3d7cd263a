/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spawn - birth and death of a sandboxed process.
 *
 * Parent and child talk over a socket pair of packets.  The child waits to be placed into its
 * cgroups, takes the steps below, lets the parent write its uid map in between, and closes the
 * socket by execve(2): the end of the stream is the success.  (Or its sudden death: that the pidfd
 * tells, as it does of a program that dies at once.)
 */
#include "host/spawn.h"

#include "base/cleanup.h"
#include "base/fs.h"
#include "host/cgroup.h"
#include "host/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#define SPAWN_TIMEOUT_MS 5000

/* What the child says. */
struct report {
	int32_t step;  /* index into steps, or STEP_MAP */
	int32_t error; /* negative errno */
	int32_t bind;  /* of the options, when that failed, or -1 */
};

#define STEP_MAP (-1) /* my user namespace is there: write its maps */

static int report(const struct sandbox *sandbox, int step, int error)
{
	struct report message = { .step = step, .error = error, .bind = sandbox->bind };

	/* write(2), not send(2): the last step reports from behind the seccomp filter. */
	return write(sandbox->socket, &message, sizeof(message)) < 0 ? -errno : 0;
}

/* ---- the child ------------------------------------------------------------------------------ */

/* Wait for the parent's one byte; its end of the socket closed means that it died. */
static int await_parent(struct sandbox *sandbox)
{
	char byte;
	ssize_t n = recv(sandbox->socket, &byte, 1, 0);

	if (n < 0)
		return -errno;
	return n == 0 ? -EPIPE : 0;
}

static int reset_signals(struct sandbox *sandbox)
{
	struct sigaction by_default = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		sigaction(number, &by_default, NULL);
	sigemptyset(&none);
	return sigprocmask(SIG_SETMASK, &none, NULL) < 0 ? -errno : 0;
}

/* Away from the terminal and its signals, and from what the supervisor inherited. */
static int begin_session(struct sandbox *sandbox)
{
	/* Mount points that its uid can pass. */
	umask(022);
	return setsid() < 0 ? -errno : 0;
}

/* What watches never interrupts what it watches: a batch task that is woken takes no CPU away. */
static int be_batch(struct sandbox *sandbox)
{
	const struct sched_param none = { 0 };

	if (sandbox->options->urgent)
		return 0;
	return sched_setscheduler(0, SCHED_BATCH, &none) < 0 ? -errno : 0;
}

/* After it was placed: the root of a cgroup namespace is where the process is just then. */
static int new_cgroup_namespace(struct sandbox *sandbox)
{
	return unshare(CLONE_NEWCGROUP) < 0 ? -errno : 0;
}

static int set_hostname(struct sandbox *sandbox)
{
	static const char name[] = "ringfort";

	if (sandbox->options->share & SPAWN_SHARE_UTS)
		return 0;
	return sethostname(name, sizeof(name) - 1) < 0 ? -errno : 0;
}

static int find_program(struct sandbox *sandbox)
{
	return access(sandbox->executable, F_OK) < 0 ? -errno : 0;
}

/* Last of the namespaces: what was made before stays out of its reach. */
static int new_user_namespace(struct sandbox *sandbox)
{
	int r;

	if (unshare(CLONE_NEWUSER) < 0)
		return -errno;
	r = report(sandbox, STEP_MAP, 0);
	return r < 0 ? r : await_parent(sandbox);
}

/* A change of credentials clears it, so it comes after them; then the parent may be dead already. */
static int die_with_parent(struct sandbox *sandbox)
{
	struct pollfd parent = { .fd = sandbox->socket };

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return -errno;
	return poll(&parent, 1, 0) == 0 ? 0 : -EPIPE;
}

static int execute(struct sandbox *sandbox)
{
	static const char *const nothing[] = { NULL };
	const struct spawn_options *options = sandbox->options;

	execve(sandbox->executable, (char *const *)options->arguments,
	       (char *const *)(options->environment ? options->environment : nothing));
	return -errno;
}

static const struct {
	const char *name;
	int (*run)(struct sandbox *sandbox);
} steps[] = {
	{ "wait for the cgroups", await_parent },
	{ "reset signals", reset_signals },
	{ "begin a session", begin_session },
	{ "be a batch task", be_batch },
	{ "arrange descriptors", sandbox_descriptors },
	{ "place the path", sandbox_executable },
	{ "make the seccomp filter", sandbox_filter },
	{ "set limits", sandbox_limits },
	{ "enter a cgroup namespace", new_cgroup_namespace },
	{ "set the host name", set_hostname },
	{ "mount the root", sandbox_root },
	{ "find the program", find_program },
	{ "drop groups", sandbox_groups },
	{ "enter a user namespace", new_user_namespace },
	{ "change the identity", sandbox_identity },
	{ "die with the parent", die_with_parent },
	{ "restrict by Landlock", sandbox_landlock },
	{ "restrict by seccomp", sandbox_seccomp },
	{ "execute", execute },
};

#define N_STEPS ((int)(sizeof(steps) / sizeof(steps[0])))

static _Noreturn void child(struct sandbox *sandbox)
{
	for (int i = 0; i < N_STEPS; i++) {
		int r = steps[i].run(sandbox);

		if (r < 0) {
			report(sandbox, i, r);
			break;
		}
	}
	_exit(127);
}

/* ---- the parent ----------------------------------------------------------------------------- */

static bool options_valid(const struct spawn_options *options)
{
	uint64_t seen = 7; /* 0 to 2 are taken */

	if (options->uid == 0 || options->uid == (uid_t)-1 || !options->executable ||
	    options->executable[0] != '/' || !options->arguments || !options->arguments[0])
		return false;
	if (options->n_binds > SPAWN_MAX_BINDS || options->n_fds > SPAWN_MAX_FDS ||
	    options->share & ~SPAWN_SHARE_ALL)
		return false;
	for (size_t i = 0; i < options->n_fds; i++) {
		int target = options->fds[i].target;

		if (target < 0 || target > SPAWN_MAX_TARGET || seen & 1ull << target)
			return false;
		seen |= 1ull << target;
	}
	return true;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* 1 a report, 0 the end of the stream, or negative errno. */
static int await_report(int fd, int64_t deadline_ms, struct report *ret_report)
{
	struct pollfd child_end = { .fd = fd, .events = POLLIN };
	struct report message;
	ssize_t n;

	for (;;) {
		int64_t left = deadline_ms - now_ms();
		int r = poll(&child_end, 1, left > 0 ? (int)left : 0);

		if (r == 0)
			return -ETIMEDOUT;
		if (r < 0 && errno != EINTR)
			return -errno;
		if (r > 0)
			break;
	}
	n = recv(fd, &message, sizeof(message), MSG_DONTWAIT);
	if (n < 0)
		return errno == ECONNRESET ? 0 : -errno;
	if (n == 0)
		return 0;
	if (n != sizeof(message))
		return -EPROTO;
	*ret_report = message;
	return 1;
}

/* Its own uid and gid, and no other, exist in the user namespace. */
static int write_maps(pid_t pid, uid_t uid)
{
	char path[64], map[64];
	int r;

	snprintf(map, sizeof(map), "%u %u 1", uid, uid);
	snprintf(path, sizeof(path), "/proc/%d/setgroups", pid);
	r = fs_write_at(AT_FDCWD, path, "deny");
	if (r < 0)
		return r;
	snprintf(path, sizeof(path), "/proc/%d/gid_map", pid);
	r = fs_write_at(AT_FDCWD, path, map);
	if (r < 0)
		return r;
	snprintf(path, sizeof(path), "/proc/%d/uid_map", pid);
	return fs_write_at(AT_FDCWD, path, map);
}

static int proceed(int fd)
{
	return send(fd, "", 1, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* Lead the child to its execve(). */
static int accompany(const struct spawn_options *options, pid_t pid, int fd, const char **ret_step)
{
	int64_t deadline_ms = now_ms() + SPAWN_TIMEOUT_MS;
	struct report message;
	int r;

	*ret_step = "place into the cgroups";
	if (options->cgroup) {
		r = cgroup_place(options->cgroup, pid);
		if (r < 0)
			return r;
	}
	r = proceed(fd);
	if (r < 0)
		return r;
	*ret_step = "wait for the child";
	r = await_report(fd, deadline_ms, &message);
	if (r == 1 && message.step == STEP_MAP) {
		*ret_step = "map the uid";
		r = write_maps(pid, options->uid);
		if (r == 0)
			r = proceed(fd);
		if (r < 0)
			return r;
		*ret_step = "wait for the program";
		r = await_report(fd, deadline_ms, &message);
		if (r == 0)
			return 0;
	}
	if (r < 0)
		return r;
	if (r == 0 || message.step < 0 || message.step >= N_STEPS || message.error >= 0)
		return -EPROTO;
	*ret_step = message.bind >= 0 && message.bind < (int)options->n_binds ?
			    options->binds[message.bind].source : steps[message.step].name;
	return message.error;
}

static uint64_t clone_flags(uint32_t share)
{
	uint64_t flags = CLONE_PIDFD | CLONE_NEWNS;

	if (!(share & SPAWN_SHARE_NETWORK))
		flags |= CLONE_NEWNET;
	if (!(share & SPAWN_SHARE_PID))
		flags |= CLONE_NEWPID;
	if (!(share & SPAWN_SHARE_IPC))
		flags |= CLONE_NEWIPC;
	if (!(share & SPAWN_SHARE_UTS))
		flags |= CLONE_NEWUTS;
	/* Not every kernel is configured with time namespaces. */
	if (!(share & SPAWN_SHARE_TIME) && access("/proc/self/ns/time", F_OK) == 0)
		flags |= CLONE_NEWTIME;
	return flags;
}

/* fork() into namespaces and the version 2 cgroup; in the child it does not return. */
static int give_birth(struct sandbox *sandbox, struct spawned *ret_child)
{
	const struct spawn_options *options = sandbox->options;
	int cgroup = options->cgroup ? cgroup_unified_fd(options->cgroup) : -1;
	int pidfd = -1;
	struct clone_args args = {
		.flags = clone_flags(options->share),
		.pidfd = (uintptr_t)&pidfd,
		.exit_signal = SIGCHLD,
	};
	sigset_t all, before;
	long pid;

	if (cgroup >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)cgroup;
	}
	/* The parent's handlers must not run in the child: they write to the parent's pipes. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0)
		child(sandbox);
	pid = pid < 0 ? -errno : pid;
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (pid < 0)
		return (int)pid;
	ret_child->pid = (pid_t)pid;
	ret_child->pidfd = pidfd;
	return 0;
}

/* Blocking for the program that writes, not for us who read. */
static int open_pipes(int *ret_output, int *ret_their_output, int *ret_ours, int *ret_theirs)
{
	int output[2], pair[2];

	if (pipe2(output, O_CLOEXEC) < 0)
		return -errno;
	*ret_output = output[0];
	*ret_their_output = output[1];
	if (fcntl(output[0], F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	*ret_ours = pair[0];
	*ret_theirs = pair[1];
	return 0;
}

int host_spawn(const struct spawn_options *options, struct spawned *ret_spawned, const char **ret_step)
{
	_cleanup_(spawned_done) struct spawned spawned = SPAWNED_NONE;
	_cleanup_(closep) int ours = -1;
	_cleanup_(closep) int theirs = -1;
	_cleanup_(closep) int output = -1;
	struct sandbox sandbox = { .options = options, .bind = -1, .landlock_abi = host_landlock_abi() };
	const char *step = "check the options";
	int r = -EINVAL;

	if (!options_valid(options))
		goto out;
	step = "open pipes";
	r = open_pipes(&spawned.output, &output, &ours, &theirs);
	if (r < 0)
		goto out;
	sandbox.output = output;
	sandbox.socket = theirs;
	sandbox.memory_controller = options->cgroup && cgroup_bounds_memory(options->cgroup);
	step = "clone";
	r = give_birth(&sandbox, &spawned);
	if (r < 0)
		goto out;
	theirs = close_fd(theirs);
	if (options->born)
		options->born(options->userdata, spawned.pid);
	r = accompany(options, spawned.pid, ours, &step);
	if (r < 0)
		goto out;
	*ret_spawned = spawned;
	spawned = SPAWNED_NONE;
	return 0;
out:
	if (ret_step)
		*ret_step = step;
	return r;
}

int spawned_kill(const struct spawned *spawned)
{
	if (spawned->pid <= 0)
		return -ESRCH;
	return syscall(SYS_pidfd_send_signal, spawned->pidfd, SIGKILL, NULL, 0) < 0 ? -errno : 0;
}

static int reap(struct spawned *spawned, int flags, struct spawned_exit *ret_exit)
{
	siginfo_t info = { 0 };

	if (spawned->pid <= 0)
		return -ECHILD;
	while (waitid(P_PIDFD, (id_t)spawned->pidfd, &info, WEXITED | flags) < 0)
		if (errno != EINTR)
			return -errno;
	if (info.si_pid == 0)
		return 0;
	spawned->pid = 0;
	*ret_exit = (struct spawned_exit){
		.code = info.si_code == CLD_EXITED ? info.si_status : 0,
		.signal = info.si_code == CLD_EXITED ? 0 : info.si_status,
		.core = info.si_code == CLD_DUMPED,
	};
	return 1;
}

int spawned_reap(struct spawned *spawned, struct spawned_exit *ret_exit)
{
	return reap(spawned, WNOHANG, ret_exit);
}

void spawned_done(struct spawned *spawned)
{
	struct spawned_exit ignored;

	if (spawned->pid > 0) {
		spawned_kill(spawned);
		reap(spawned, 0, &ignored);
	}
	spawned->pidfd = close_fd(spawned->pidfd);
	spawned->output = close_fd(spawned->output);
}
