/* SPDX-License-Identifier: Apache-2.0 */
/* Role life - how a role begins, and how the supervisor ends it. */
#include "ringfortd/role-life.h"

#include "base/log.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_US 3000000

static int compare_fds(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* In a role: every descriptor but these is somebody else's. */
void role_keep_only(int *fds, size_t n)
{
	unsigned int next = 3;

	qsort(fds, n, sizeof(fds[0]), compare_fds);
	for (size_t i = 0; i < n; i++) {
		if (fds[i] < (int)next)
			continue;
		if ((unsigned)fds[i] > next)
			close_range(next, (unsigned)fds[i] - 1, 0);
		next = (unsigned)fds[i] + 1;
	}
	close_range(next, ~0u, 0);
}

void role_begin(const char *name, const struct config *config)
{
	char title[16];

	snprintf(title, sizeof(title), "ringfort-%.6s", name);
	prctl(PR_SET_NAME, title);
	log_open(name, (enum log_level)config->log_level);
	/* Ctrl-C reaches the group: the supervisor ends the roles in its own order. */
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	/* What the supervisor's loop had caught, when it forks one later. */
	signal(SIGCHLD, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
}

void role_take_precedence(const char *name)
{
	const struct sched_param first = { .sched_priority = 1 };

	if (sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &first) < 0 && setpriority(PRIO_PROCESS, 0, -20) < 0)
		log_warning("the %s gets no precedence: %s, ignoring", name, strerror(errno));
}

void role_stay_in_memory(const char *name)
{
	if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) < 0)
		log_warning("cannot lock the %s in memory: %s, ignoring", name, strerror(errno));
}

static bool gone(pid_t pid)
{
	for (int waited = 0; waited < PATIENCE_US; waited += 10000) {
		if (waitpid(pid, NULL, WNOHANG) == pid)
			return true;
		usleep(10000);
	}
	return false;
}

/*
 * Their sockets are closed, so they end; one that does not is killed.  What a tracer holds is dead then, and
 * stays a zombie of his: that is no reason to wait.
 */
void role_end(pid_t pid)
{
	if (pid <= 0 || gone(pid))
		return;
	kill(pid, SIGKILL);
	gone(pid);
}
