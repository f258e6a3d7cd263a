/* SPDX-License-Identifier: Apache-2.0 */
/* Canary keeper - the lives of the canary and of its opener. */
#include "ringfortd/canary-keeper.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "gate/own-fs.h"
#include "ringfortd/role-life.h"
#include "ringfortd/role.h"
#include "ringfortd/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SHORT_LIFE_NS 1000000000ull

static bool wanted(const struct supervisor *supervisor)
{
	return supervisor->config->gate_exec.n > 0 || scope_keeper_wanted(supervisor);
}

void canary_keeper_init(struct canary_keeper *keeper)
{
	*keeper = (struct canary_keeper){ .fd = -1, .root = -1 };
}

/* With its file, which no other group of the kernel's can have a mark on. */
static int make_root(int *ret_root)
{
	_cleanup_(closep) int root = -1, file = -1;
	int r = own_fs_open(&root);

	if (r < 0)
		return r;
	file = openat(root, ROLE_OPENER_FILE, O_RDONLY | O_CREAT | O_CLOEXEC, 0400);
	if (file < 0)
		return -errno;
	*ret_root = take_fd(&root);
	return 0;
}

static pid_t start_opener(const struct supervisor *supervisor, int canary_fd)
{
	const struct opener_role role = { .canary_fd = canary_fd, .root_fd = supervisor->gate.canary.root };
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	role_begin("opener", supervisor->config);
	role_keep_only((int[]){ role.canary_fd, role.root_fd }, 2);
	_exit(role_opener(&role));
}

static pid_t start_canary(const struct supervisor *supervisor, int supervisor_fd, int opener_fd)
{
	const struct canary_role role = { .supervisor_fd = supervisor_fd, .opener_fd = opener_fd,
					  .opener_pid = supervisor->gate.canary.opener,
					  .history_fd = supervisor->gate.history_reader };
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	role_begin("canary", supervisor->config);
	role_keep_only((int[]){ role.supervisor_fd, role.opener_fd, role.history_fd }, 3);
	_exit(role_canary(&role));
}

static void on_heard(evutil_socket_t fd, short what, void *userdata)
{
	canary_keeper_hear(userdata);
}

static int start_both(struct supervisor *supervisor)
{
	struct canary_keeper *keeper = &supervisor->gate.canary;
	_cleanup_(closep) int one = -1, other = -1, theirs = -1;
	int between[2], ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, between) < 0)
		return -errno;
	one = between[0];
	other = between[1];
	if (message_pair(ends) < 0)
		return -EMFILE;
	keeper->fd = ends[0];
	theirs = ends[1];
	keeper->opener = start_opener(supervisor, other);
	if (keeper->opener > 0)
		keeper->canary = start_canary(supervisor, theirs, one);
	if (keeper->opener <= 0 || keeper->canary <= 0)
		return -EAGAIN;
	keeper->heard = event_new(supervisor->base, keeper->fd, EV_READ | EV_PERSIST, on_heard, supervisor);
	return keeper->heard && event_add(keeper->heard, NULL) == 0 ? 0 : -ENOMEM;
}

/* Whatever is left of them.  The opener may wait for a gate that nobody watches now: a kill is all that wakes it. */
static void end_both(struct canary_keeper *keeper)
{
	if (keeper->heard)
		event_free(keeper->heard);
	keeper->heard = NULL;
	keeper->fd = close_fd(keeper->fd);
	if (keeper->canary > 0)
		kill(keeper->canary, SIGKILL);
	if (keeper->opener > 0)
		kill(keeper->opener, SIGKILL);
}

void canary_keeper_start(struct supervisor *supervisor)
{
	struct canary_keeper *keeper = &supervisor->gate.canary;
	uint64_t now_ns = supervisor_now_ns();
	int r = 0;

	if (keeper->canary > 0 || keeper->opener > 0 || !wanted(supervisor) ||
	    (keeper->born_ns && now_ns - keeper->born_ns < SHORT_LIFE_NS))
		return;
	if (keeper->root < 0)
		r = make_root(&keeper->root);
	if (r == 0)
		r = start_both(supervisor);
	if (r < 0) {
		if (!keeper->born_ns)
			log_error("nobody sees whether the gate answers: %s, ignoring", strerror(-r));
		end_both(keeper);
	}
	keeper->born_ns = now_ns;
	if (r == 0)
		canary_keeper_gate(supervisor);
}

void canary_keeper_gate(struct supervisor *supervisor)
{
	struct canary_keeper *keeper = &supervisor->gate.canary;
	struct message canary = { .kind = MESSAGE_CANARY, .value = { (uint64_t)keeper->opener, supervisor->gate.n_lives } };
	_cleanup_(closep) int gate = -1;

	if (keeper->fd < 0 || supervisor->gate.pid <= 0)
		return;
	message_send_fd(supervisor->gate.fd, &canary, &keeper->root, 1);
	gate = (int)syscall(SYS_pidfd_open, supervisor->gate.pid, 0);
	if (gate >= 0)
		message_send_fd(keeper->fd, &canary, &gate, 1);
}

void canary_keeper_hear(struct supervisor *supervisor)
{
	struct canary_keeper *keeper = &supervisor->gate.canary;
	int fds[MESSAGE_MAX_FDS];
	struct message message;
	int r = 0;

	while (keeper->fd >= 0 && (r = message_receive_fd(keeper->fd, &message, fds)) > 0) {
		for (int i = 0; i < MESSAGE_MAX_FDS; i++)
			close_fd(fds[i]);
		if (message.kind == MESSAGE_LATE)
			gate_keeper_late(&supervisor->gate, message.value[0], message.value[1]);
	}
	/* Its end is SIGCHLD's matter. */
	if (r < 0 && keeper->heard)
		event_del(keeper->heard);
}

static bool bury(struct supervisor *supervisor, pid_t *pid, const char *name, bool ours)
{
	pid_t was = *pid;
	int status;

	if (was <= 0 || waitpid(was, &status, WNOHANG) != was)
		return false;
	*pid = 0;
	/* Status 0: the other one has ended. */
	if (ours || supervisor->ending || status == 0)
		return true;
	log_error("the %s process ended (status %#x): until the next one the supervisor alone watches the gate", name, status);
	if (WIFSIGNALED(status))
		tamper_killed(supervisor, name, was, WTERMSIG(status), true);
	return true;
}

void canary_keeper_ended(struct supervisor *supervisor)
{
	struct canary_keeper *keeper = &supervisor->gate.canary;
	bool ours = keeper->fd < 0;
	bool ended = bury(supervisor, &keeper->opener, "opener", ours);

	ended |= bury(supervisor, &keeper->canary, "canary", ours);
	if (!ended)
		return;
	end_both(keeper);
	if (!supervisor->ending)
		canary_keeper_start(supervisor);
}

void canary_keeper_close(struct canary_keeper *keeper)
{
	pid_t canary = keeper->canary, opener = keeper->opener;

	end_both(keeper);
	keeper->canary = keeper->opener = 0;
	role_end(canary);
	role_end(opener);
	keeper->root = close_fd(keeper->root);
}
