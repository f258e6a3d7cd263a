/* SPDX-License-Identifier: Apache-2.0 */
/* Stop keeper - the lives of the process that has stopped images judged. */
#include "ringfortd/stop-keeper.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "ringfortd/outside.h"
#include "ringfortd/role-life.h"
#include "ringfortd/role.h"
#include "ringfortd/stopped.h"
#include "ringfortd/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define SHORT_LIFE_NS 1000000000ull
#define SLACK_NS 1000000000ull
#define NS_PER_MS 1000000ull

static bool wanted(const struct supervisor *supervisor)
{
	const struct gate_keeper *gate = &supervisor->gate;

	for (uint32_t kind = 0; kind < _BACKSTOP_KIND_N; kind++)
		if (supervisor->config->gate_outside[kind] == BACKSTOP_STOP)
			return gate->backstop && gate->stops_fd >= 0 && gate->stops.left_fd >= 0 && outside_can_stop();
	return false;
}

void stop_keeper_open(struct stop_keeper *keeper, const char *runtime)
{
	char path[PATH_MAX];
	uint32_t n;

	snprintf(path, sizeof(path), "%s/" STOP_KEEPER_FILE, runtime);
	keeper->left_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (keeper->left_fd < 0) {
		log_error("cannot open %s: %s; nothing is stopped", log_quote(path), strerror(errno));
		return;
	}
	n = stopped_let_go_left(keeper->left_fd);
	if (n)
		log_warning("%u processes that the last ringfortd left stopped go on", n);
}

/* It outlives us, as nobody else could let go who is stopped. */
static int run(const struct supervisor *supervisor, int fd)
{
	const struct stops_role role = { .gate_fd = fd, .backstop_fd = supervisor->gate.backstop_fd,
					 .ring_fd = supervisor->gate.stops_fd, .left_fd = supervisor->gate.stops.left_fd,
					 .config = supervisor->config };

	role_begin("stops", role.config);
	role_keep_only((int[]){ role.gate_fd, role.backstop_fd, role.ring_fd, role.left_fd }, 4);
	return role_stops(&role);
}

int stop_keeper_start(struct supervisor *supervisor)
{
	struct stop_keeper *keeper = &supervisor->gate.stops;
	uint64_t now_ns = supervisor_now_ns();
	int fd;

	if (keeper->pid || !wanted(supervisor) || (!keeper->gate_gone && now_ns - keeper->born_ns < SHORT_LIFE_NS))
		return -1;
	fd = gate_keeper_spawn(&supervisor->gate, run, &keeper->pid);
	if (fd < 0)
		return fd;
	keeper->gate_gone = false;
	keeper->born_ns = now_ns;
	return fd;
}

bool stop_keeper_stops(const struct supervisor *supervisor)
{
	return supervisor->gate.pid > 0 && supervisor->gate.stops.pid > 0 && !supervisor->gate.stops.gate_gone;
}

bool stop_keeper_ended(struct supervisor *supervisor)
{
	struct stop_keeper *keeper = &supervisor->gate.stops;
	const pid_t pid = keeper->pid;
	int status;

	if (pid <= 0 || waitpid(pid, &status, WNOHANG) != pid)
		return false;
	keeper->pid = 0;
	gate_keeper_own(&supervisor->gate, pid, false);
	if (supervisor->gate.backstop)
		stopped_let_go_all(supervisor->gate.backstop);
	if (supervisor->ending || keeper->gate_gone)
		return true;
	log_error("the process that has stopped images judged ended (status %#x): they go on", status);
	if (WIFSIGNALED(status))
		tamper_killed(supervisor, "stops", pid, WTERMSIG(status), true);
	return true;
}

void stop_keeper_watch(struct supervisor *supervisor)
{
	const struct gate_keeper *gate = &supervisor->gate;
	const uint64_t most_ns = STOPS_PATIENCE_MS(supervisor->config) * NS_PER_MS + SLACK_NS;
	uint64_t now_ns = supervisor_now_ns();

	if (!gate->backstop)
		return;
	if (gate->stops.pid == 0) {
		stopped_let_go_all(gate->backstop);
		return;
	}
	for (uint32_t i = 0; i < BACKSTOP_STOPS; i++) {
		const struct backstop_stop *stop = &gate->backstop->stops[i];

		if (stopped_waits(stop) && now_ns > stop->stamp_ns && now_ns - stop->stamp_ns > most_ns) {
			log_error("process %u was not let go in time: who should have is killed", stop->pid);
			kill(gate->stops.pid, SIGKILL);
			return;
		}
	}
}

void stop_keeper_close(struct supervisor *supervisor)
{
	role_end(supervisor->gate.stops.pid);
	supervisor->gate.stops.pid = 0;
	if (supervisor->gate.backstop)
		stopped_let_go_all(supervisor->gate.backstop);
}
