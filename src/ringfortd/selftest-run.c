/* SPDX-License-Identifier: Apache-2.0 */
/* Self-test run - the marked child: born waiting, let go when the sensor knows it. */
#include "ringfortd/supervisor.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "ringfortd/role.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define SELFTEST_SECONDS 8

static void answer(struct supervisor *supervisor, uint64_t performed)
{
	struct message message = { .kind = MESSAGE_SELFTESTED };

	message.value[0] = performed;
	supervisor_tell_control(supervisor, &message, NULL, 0);
}

void selftest_done(struct supervisor *supervisor)
{
	if (supervisor->selftest_pid > 0) {
		kill(supervisor->selftest_pid, SIGKILL);
		while (waitpid(supervisor->selftest_pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	supervisor->selftest_pid = 0;
	if (supervisor->selftest_ended)
		event_free(supervisor->selftest_ended);
	supervisor->selftest_ended = NULL;
	supervisor->selftest_go = close_fd(supervisor->selftest_go);
	supervisor->selftest_result = close_fd(supervisor->selftest_result);
}

static void on_result(evutil_socket_t fd, short what, void *userdata)
{
	struct supervisor *supervisor = userdata;
	uint64_t performed = 0;

	/* Its end closes the pipe: zero bytes then, and nothing was performed. */
	if (read((int)fd, &performed, sizeof(performed)) != sizeof(performed))
		log_warning("the self-test's child ended early");
	while (supervisor->selftest_pid > 0 &&
	       waitpid(supervisor->selftest_pid, NULL, 0) < 0 && errno == EINTR)
		;
	supervisor->selftest_pid = 0;
	selftest_done(supervisor);
	answer(supervisor, performed);
}

static void child(const struct supervisor *supervisor, int go, int result)
{
	char byte;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_IGN);
	alarm(SELFTEST_SECONDS);
	if (chdir(supervisor->paths->state) < 0)
		_exit(1);
	if (read(go, &byte, 1) != 1)
		_exit(1);
	/* Descriptors of the supervisor are none of its business. */
	dup2(result, 3);
	close_range(4, ~0u, 0);
	_exit(role_selftest(3));
}

static int start(struct supervisor *supervisor)
{
	struct message mark = { .kind = MESSAGE_MARK };
	int go[2], result[2];

	if (pipe2(go, O_CLOEXEC) < 0)
		return -errno;
	if (pipe2(result, O_CLOEXEC) < 0) {
		close(go[0]);
		close(go[1]);
		return -errno;
	}
	supervisor->selftest_go = go[1];
	supervisor->selftest_result = result[0];
	supervisor->selftest_pid = fork();
	if (supervisor->selftest_pid == 0)
		child(supervisor, go[0], result[1]);
	close(go[0]);
	close(result[1]);
	if (supervisor->selftest_pid < 0)
		return -errno;
	supervisor->selftest_ended = event_new(supervisor->base, result[0], EV_READ | EV_PERSIST,
					       on_result, supervisor);
	if (!supervisor->selftest_ended || event_add(supervisor->selftest_ended, NULL) < 0)
		return -ENOMEM;
	mark.value[0] = (uint64_t)supervisor->selftest_pid;
	supervisor_tell_sensor(supervisor, &mark, NULL);
	return 0;
}

void selftest_run(struct supervisor *supervisor)
{
	int r;

	if (supervisor->selftest_pid > 0)
		return;
	r = start(supervisor);
	if (r < 0) {
		log_error("cannot start the self-test: %s", strerror(-r));
		selftest_done(supervisor);
		answer(supervisor, 0);
	}
}

void selftest_marked(struct supervisor *supervisor)
{
	if (supervisor->selftest_go >= 0 && write(supervisor->selftest_go, "", 1) < 0)
		log_warning("the self-test's child is gone");
}
