/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Process watch - are our processes as we made them?
 *
 * Twice a second, and when the kernel says that a child was stopped, the supervisor looks at itself, its
 * roles and the solutions: stopped, traced, oom_score_adj.  It wakes who was stopped and writes back what
 * was written.  Of a tracer only the gate is freed, by a new life: the gate's next life begins at once,
 * while another role's would be the end of the daemon, which is worse than being looked at.  A stopped
 * solution is left to its state machine: whoever stops a solution would otherwise find it hard to look at.
 *
 * One that its cgroup keeps from running is told and left there: the cgroup may be the operator's.
 *
 * The sensor looks at the supervisor (role-sensor.c), as nobody can wake himself.
 */
#include "ringfortd/supervisor.h"

#include "ringfortd/drop.h"
#include "ringfortd/process-state.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define LOOK_US 500000

/* What may be done for whom. */
enum help {
	HELP_WAKE = 1u << 0,
	HELP_REPLACE = 1u << 1,
};

static struct message_tamper begin(const struct watched_process *process, const char *part, uint32_t what)
{
	struct message_tamper tamper = { .what = what, .pid = (uint32_t)process->pid };

	snprintf(tamper.part, sizeof(tamper.part), "%s", part);
	return tamper;
}

static bool wake(const struct watched_process *process)
{
	struct process_state state;

	kill(process->pid, SIGCONT);
	return process_state_read(process->pid, &state) == 0 && !state.stopped;
}

static void look_stopped(struct supervisor *supervisor, struct watched_process *process, const char *part,
			 bool by_signal, uint32_t help)
{
	struct message_tamper tamper = begin(process, part, RINGFORT_TAMPER_STOPPED);
	bool was = process->stopped;

	process->stopped = by_signal || process_state_frozen(process->pid, supervisor->watch.cgroups);
	if (!process->stopped || was)
		return;
	tamper.healed = by_signal && help & HELP_WAKE && wake(process);
	process->stopped = !tamper.healed;
	snprintf(tamper.detail, sizeof(tamper.detail), "%s",
		 !by_signal	  ? "its cgroup is frozen, and is for you to thaw" :
		 help & HELP_WAKE ? "by a signal; it was told to go on" :
				    "by a signal; while it stands still it is ended and started again");
	supervisor_tell_tamper(supervisor, &tamper);
}

static void look_traced(struct supervisor *supervisor, struct watched_process *process, const char *part,
			pid_t tracer, uint32_t help)
{
	struct message_tamper tamper = begin(process, part, RINGFORT_TAMPER_TRACED);
	bool was = process->tracer == tracer;

	process->tracer = tracer;
	if (tracer == 0 || was)
		return;
	tamper.actor = (uint32_t)tracer;
	if (help & HELP_REPLACE) {
		gate_keeper_kill(&supervisor->gate);
		tamper.healed = true;
	}
	snprintf(tamper.detail, sizeof(tamper.detail), "by process %d; %s", tracer,
		 help & HELP_REPLACE ? "another takes its place, which nobody holds" : "it can be made to do anything");
	supervisor_tell_tamper(supervisor, &tamper);
}

static void look_oom(struct supervisor *supervisor, const struct watched_process *process, const char *part,
		     int oom_score)
{
	struct message_tamper tamper = begin(process, part, RINGFORT_TAMPER_OOM_ADJUSTED);
	struct process_state state = { .oom_score = oom_score };

	if (oom_score == process->oom_score)
		return;
	if (process_state_set_oom(process->pid, process->oom_score) == 0)
		tamper.healed = process_state_read(process->pid, &state) == 0 &&
				state.oom_score == process->oom_score;
	snprintf(tamper.detail, sizeof(tamper.detail), "oom_score_adj was set from %d to %d", process->oom_score, oom_score);
	supervisor_tell_tamper(supervisor, &tamper);
}

static void look(struct supervisor *supervisor, struct watched_process *process, pid_t pid, const char *part,
		 uint32_t help)
{
	struct process_state state;

	if (pid <= 0 || process_state_read(pid, &state) < 0)
		return;
	if (pid != process->pid)
		*process = (struct watched_process){ .pid = pid, .oom_score = state.oom_score };
	look_stopped(supervisor, process, part, state.stopped, help);
	look_oom(supervisor, process, part, state.oom_score);
	look_traced(supervisor, process, part, state.tracer, help);
}

void process_watch_look(struct supervisor *supervisor)
{
	struct process_watch *watch = &supervisor->watch;
	char part[48];

	look(supervisor, &watch->self, getpid(), "supervisor", HELP_WAKE);
	look(supervisor, &watch->sensor, supervisor->sensor_pid, "sensor", HELP_WAKE);
	look(supervisor, &watch->control, supervisor->control_pid, "control", HELP_WAKE);
	look(supervisor, &watch->gate, supervisor->gate.pid, "gate", HELP_WAKE | HELP_REPLACE);
	look(supervisor, &watch->scopes, supervisor->gate.scopes.pid, "scopes", HELP_WAKE);
	look(supervisor, &watch->stops, supervisor->gate.stops.pid, "stops", HELP_WAKE);
	look(supervisor, &watch->canary, supervisor->gate.canary.canary, "canary", HELP_WAKE);
	look(supervisor, &watch->opener, supervisor->gate.canary.opener, "opener", HELP_WAKE);
	for (uint32_t i = 0; i < supervisor->n_units; i++) {
		const struct unit *unit = supervisor->units[i];

		snprintf(part, sizeof(part), "solution %s", unit->manifest.name);
		look(supervisor, &watch->units[i], unit->process.pid, part, 0);
	}
}

static void on_timer(evutil_socket_t fd, short what, void *userdata)
{
	process_watch_look(userdata);
}

int process_watch_start(struct supervisor *supervisor)
{
	const struct timeval interval = { .tv_usec = LOOK_US };
	struct process_watch *watch = &supervisor->watch;

	watch->cgroups = cgroup_unified_path();
	watch->timer = event_new(supervisor->base, -1, EV_PERSIST, on_timer, supervisor);
	return watch->timer && event_add(watch->timer, &interval) == 0 ? 0 : -ENOMEM;
}
