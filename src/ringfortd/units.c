/* SPDX-License-Identifier: Apache-2.0 */
/* Units - solutions from the operator's word to a process, and what becomes of it. */
#include "ringfortd/supervisor.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "host/scopes.h"
#include "ring/ask.h"
#include "ring/broadcast.h"
#include "ring/channel.h"
#include "ring/mailbox.h"
#include "ringfortd/role-config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ringfort/verdict.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define RING_TARGET 3
#define MAILBOX_TARGET 4
#define WAKE_TARGET 5
#define MAX_FDS 7
#define NEWS_NS 3000000000ull /* what control said of a solution's health is old after that */
#define LIBRARY_TARGET "/ringfort/lib/libringfort.so.0"

static void tell_view(struct unit *unit)
{
	struct message message = { .kind = MESSAGE_SOLUTION, .slot = unit->slot };
	struct message_solution *view = &message.solution;
	const struct solution *machine = &unit->machine;

	memcpy(view->name, unit->manifest.name, sizeof(view->name));
	snprintf(view->state, sizeof(view->state), "%s",
		 solution_state_name(unit->unusable[0] ? SOLUTION_QUARANTINED : machine->state));
	snprintf(view->why, sizeof(view->why), "%s", unit->unusable[0] ? unit->unusable : machine->reason);
	snprintf(view->last_fault, sizeof(view->last_fault), "%s", unit->last_fault);
	view->pid = unit->process.pid > 0 ? (uint32_t)unit->process.pid : 0;
	view->running = view->pid != 0;
	view->n_restarts = machine->n_restarts;
	view->granted = unit->granted;
	view->findings_per_second = unit->manifest.findings_per_second;
	if (unit->cgroup)
		cgroup_usage(unit->cgroup, &unit->usage);
	view->memory_peak_bytes = unit->usage.memory_peak_bytes;
	view->n_oom_kills = unit->n_oom_kills;
	if (memcmp(view, &unit->told, sizeof(*view)) == 0)
		return;
	unit->told = *view;
	supervisor_tell_control(unit->supervisor, &message, NULL, 0);
}

static void on_changed(void *userdata, enum solution_state from, enum solution_state to,
		       const char *reason)
{
	struct unit *unit = userdata;

	log_info("solution %s: %s -> %s: %s", unit->manifest.name, solution_state_name(from),
		 solution_state_name(to), reason);
	/* Kept: the reason of a state is gone with the next one, and that is often "proven". */
	if (from != SOLUTION_STOPPED && (to == SOLUTION_STARTING || to >= SOLUTION_DEGRADED))
		snprintf(unit->last_fault, sizeof(unit->last_fault), "%s", reason);
}

int unit_plan(const struct unit *unit, enum plan_purpose purpose, struct unit_plan *plan)
{
	const struct supervisor *supervisor = unit->supervisor;
	uid_t uid = supervisor->config->uid_first + unit->slot +
		    (purpose == PLAN_PROBE ? UNIT_PROBE_FIRST_UID : 0);
	size_t used;
	int r;

	memset(plan, 0, sizeof(*plan));
	r = plan_fill(&plan->plan, &unit->manifest, unit->entry, unit->package, uid, purpose);
	if (r == 0)
		r = plan_bind(&plan->plan, supervisor->paths->library, LIBRARY_TARGET, true);
	if (r < 0)
		return r;
	used = (size_t)snprintf(plan->content, sizeof(plan->content), "RINGFORT_CONTENT=");
	for (size_t i = 0; i < plan->plan.options.n_binds; i++) {
		const char *target = plan->plan.binds[i].target;

		if (strncmp(target, PLAN_CONTENT "/", sizeof(PLAN_CONTENT)) == 0)
			used += (size_t)snprintf(plan->content + used, sizeof(plan->content) - used, "%s%s",
						 used > sizeof("RINGFORT_CONTENT=") - 1 ? ":" : "", target);
	}
	plan->environment[0] = "PATH=/usr/bin:/bin";
	plan->environment[1] = "LANG=C.UTF-8";
	plan->environment[2] = "LD_LIBRARY_PATH=/ringfort/lib";
	plan->environment[3] = plan->content;
	plan->plan.options.environment = plan->environment;
	return 0;
}

static void on_ended(evutil_socket_t fd, short what, void *userdata);

static void unit_down(struct unit *unit)
{
	struct message gone = { .kind = MESSAGE_GONE, .slot = unit->slot };

	unit->pending = false;
	if (unit->ended)
		event_free(unit->ended);
	unit->ended = NULL;
	if (unit->cgroup) {
		cgroup_usage(unit->cgroup, &unit->usage);
		unit->n_oom_kills += unit->usage.n_oom_kills;
	}
	unit->cgroup = cgroup_free(unit->cgroup);
	gate_keeper_own(&unit->supervisor->gate, unit->born, false);
	unit->born = 0;
	if (unit->ask.requests >= 0) {
		ask_channel_close(&unit->ask);
		gate_keeper_voter(&unit->supervisor->gate, unit);
	}
	unit->wake = close_fd(unit->wake);
	spawned_done(&unit->process);
	unit->process = SPAWNED_NONE;
	supervisor_tell_sensor(unit->supervisor, &gone, NULL);
}

/* What it needs to decide, when it may: the gate's ends stay with us. */
static int open_ask(struct unit *unit, struct unit_plan *plan, char ask[64])
{
	int r;

	unit->authorize = unit->supervisor->gate.history_writer < 0 ? 0 : plan->plan.authorize;
	unit->scopes = unit->entry ? scopes_of(unit->supervisor->config, unit->entry) : 0;
	unit->net = unit->supervisor->gate.book < 0 ? 0 : plan->plan.net;
	unit->shadow = plan->plan.mode == CONFIG_SHADOW;
	unit->fail_closed = plan->plan.miss == MANIFEST_FAIL_CLOSED;
	if (!unit->authorize && !unit->net)
		return 0;
	r = ask_channel_open(&unit->ask);
	if (r < 0)
		return r;
	snprintf(ask, 64, ASK_VARIABLE "=" ASK_FORMAT, ASK_REQUESTS_TARGET, ASK_ANSWERS_TARGET,
		 ASK_FILES_TARGET, ASK_GATE_TARGET, unit->authorize, unit->net);
	plan->environment[5] = ask;
	/* Somebody waits for what it says; not for rules. */
	plan->plan.options.urgent = (unit->authorize & ~(1u << RINGFORT_ACT_MODIFY)) != 0;
	return 0;
}

static size_t list_fds(const struct unit *unit, struct spawn_fd fds[MAX_FDS], int mailbox_fd, int wake_read)
{
	const struct spawn_fd all[MAX_FDS] = {
		{ unit->supervisor->classes[unit->class].reader_fd, RING_TARGET },
		{ mailbox_fd, MAILBOX_TARGET },
		{ wake_read, WAKE_TARGET },
		{ unit->ask.requests, ASK_REQUESTS_TARGET },
		{ unit->ask.answers, ASK_ANSWERS_TARGET },
		{ unit->ask.solution_files, ASK_FILES_TARGET },
		{ unit->ask.solution_wake, ASK_GATE_TARGET },
	};

	memcpy(fds, all, sizeof(all));
	return unit->ask.requests >= 0 ? MAX_FDS : 3;
}

/* We wait for its execve(2): were somebody asked about that, we would wait for him. */
static void on_born(void *userdata, pid_t pid)
{
	struct unit *unit = userdata;

	unit->born = pid;
	gate_keeper_own(&unit->supervisor->gate, pid, true);
}

/* The channel, the process, and both ends told to those who hold them. */
static int unit_up(struct unit *unit)
{
	struct supervisor *supervisor = unit->supervisor;
	struct message wake = { .kind = MESSAGE_WAKE, .slot = unit->slot, .class = unit->class };
	struct message mailbox = { .kind = MESSAGE_MAILBOX, .slot = unit->slot, .class = unit->class };
	_cleanup_(closep) int mailbox_fd = -1;
	_cleanup_(closep) int wake_read = -1;
	static struct unit_plan plan;
	const char *step = "prepare";
	struct spawn_fd fds[MAX_FDS];
	char channel[64], ask[64];
	int ends[2], r;

	r = unit_plan(unit, PLAN_RUN, &plan);
	if (r == 0)
		r = mailbox_create(&mailbox_fd);
	if (r == 0)
		r = pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0 ? -errno : 0;
	if (r < 0)
		return r;
	wake_read = ends[0];
	unit->wake = ends[1];
	r = cgroup_new(&unit->cgroup, supervisor->cgroups, unit->manifest.name,
		       &plan.plan.limits);
	if (r == 0)
		r = open_ask(unit, &plan, ask);
	if (r < 0) {
		unit_down(unit);
		return r;
	}
	plan.plan.options.n_fds = list_fds(unit, fds, mailbox_fd, wake_read);
	snprintf(channel, sizeof(channel), CHANNEL_VARIABLE "=" CHANNEL_FORMAT, RING_TARGET,
		 MAILBOX_TARGET, WAKE_TARGET, unit->slot);
	wake.value[0] = mailbox.value[0] = ++unit->run;
	plan.environment[4] = channel;
	plan.plan.options.fds = fds;
	plan.plan.options.cgroup = unit->cgroup;
	plan.plan.options.born = on_born;
	plan.plan.options.userdata = unit;
	supervisor_tell_sensor(supervisor, &wake, &unit->wake);
	r = host_spawn(&plan.plan.options, &unit->process, &step);
	if (r < 0) {
		log_error("solution %s: cannot start: %s: %s", unit->manifest.name, step, strerror(-r));
		unit_down(unit);
		return r;
	}
	unit->ended = event_new(supervisor->base, unit->process.pidfd, EV_READ | EV_PERSIST, on_ended, unit);
	if (!unit->ended || event_add(unit->ended, NULL) < 0) {
		unit_down(unit);
		return -ENOMEM;
	}
	ask_channel_born(&unit->ask);
	if (unit->ask.requests >= 0)
		gate_keeper_voter(&supervisor->gate, unit);
	tell_view(unit);
	supervisor_tell_control(supervisor, &mailbox,
				(int[]){ mailbox_fd, supervisor->classes[unit->class].reader_fd,
					 unit->process.output }, 3);
	/* The control process reads it now; we must not. */
	unit->process.output = close_fd(unit->process.output);
	return 0;
}

static void set_timer(struct unit *unit, uint64_t deadline)
{
	uint64_t now = supervisor_now_ns();
	uint64_t wait = deadline > now ? deadline - now : 0;
	struct timeval delay = { .tv_sec = (time_t)(wait / 1000000000),
				 .tv_usec = (suseconds_t)(wait % 1000000000 / 1000) };

	if (deadline == UINT64_MAX)
		evtimer_del(unit->due);
	else
		evtimer_add(unit->due, &delay);
}

/* The machine decides, this carries out; an action may give the machine its next input. */
void unit_input(struct unit *unit, const struct solution_input *input)
{
	struct solution_input next = *input;
	bool more = !unit->unusable[0];

	while (more) {
		struct solution_output output =
			solution_step(&unit->machine, &next, supervisor_now_ns());

		more = false;
		set_timer(unit, output.deadline);
		if (output.action == SOLUTION_KILL_IT) {
			if (unit->cgroup)
				cgroup_kill(unit->cgroup);
			spawned_kill(&unit->process);
		} else if (output.action == SOLUTION_SPAWN && !unit->supervisor->ending) {
			int r = unit_up(unit);

			next = (struct solution_input){ .event = r < 0 ? SOLUTION_SPAWN_FAILED :
									 SOLUTION_SPAWNED,
							.error = r };
			more = true;
		}
	}
	tell_view(unit);
}

/* Its own processes cannot kill the first one of their pid namespace: it was somebody else. */
static void tell_killed(const struct unit *unit, pid_t pid)
{
	char part[48];

	if (unit->entry && unit->entry->share & SPAWN_SHARE_PID)
		return;
	snprintf(part, sizeof(part), "solution %s", unit->manifest.name);
	tamper_killed(unit->supervisor, part, pid, SIGKILL, unit->machine.state == SOLUTION_STARTING);
}

static void on_ended(evutil_socket_t fd, short what, void *userdata)
{
	struct unit *unit = userdata;
	struct solution_input input = { .event = SOLUTION_EXITED };
	const pid_t pid = unit->process.pid;
	const bool ours = unit->machine.killing;
	struct spawned_exit end;

	/* Dead, and held by its tracer: until he lets go, which unit_released() hears of, it would be told again and again. */
	if (spawned_reap(&unit->process, &end) != 1) {
		event_del(unit->ended);
		return;
	}
	if (unit->cgroup) {
		cgroup_usage(unit->cgroup, &unit->usage);
		input.out_of_memory = unit->usage.n_oom_kills > 0;
	}
	input.code = end.code;
	input.signal = end.signal;
	unit_down(unit);
	unit_input(unit, &input);
	if (end.signal == SIGKILL && !ours && !input.out_of_memory)
		tell_killed(unit, pid);
}

void unit_released(struct unit *unit)
{
	if (unit->ended && !event_pending(unit->ended, EV_READ, NULL))
		event_add(unit->ended, NULL);
}

static void on_due(evutil_socket_t fd, short what, void *userdata)
{
	struct unit *unit = userdata;
	bool news = supervisor_now_ns() - unit->health_ns < NEWS_NS;
	/* The numbers that the machine has; a control process that is held up is not the solution's fault. */
	struct solution_input input = { .event = SOLUTION_TICK,
					.pending = unit->pending && news,
					.progress = unit->machine.progress,
					.lost = unit->machine.lost };

	unit_input(unit, &input);
}

static void unit_command(struct unit *unit, const struct message *message)
{
	static const enum solution_event events[] = { SOLUTION_OPERATOR_START, SOLUTION_OPERATOR_STOP,
						      SOLUTION_OPERATOR_RESET };
	struct message done = { .kind = MESSAGE_DONE, .slot = unit->slot };
	struct solution_input input;

	/* value[1] is WIRE_START, WIRE_STOP or WIRE_RESET, in this order (wire/wire.h) */
	if (message->value[1] < 6 || message->value[1] > 8)
		return;
	/* The operator may have mended the package. */
	if (unit->unusable[0] && events[message->value[1] - 6] != SOLUTION_OPERATOR_STOP &&
	    unit_read_package(unit) < 0)
		return;
	if (unit->unusable[0]) {
		done.result = -EINVAL;
		snprintf(done.text, sizeof(done.text), "%s", unit->unusable);
	}
	input = (struct solution_input){ .event = events[message->value[1] - 6] };
	if (input.event == SOLUTION_OPERATOR_RESET)
		gate_keeper_forgive(&unit->supervisor->gate, unit->slot);
	unit_input(unit, &input);
	done.value[0] = message->value[0];
	supervisor_tell_control(unit->supervisor, &done, NULL, 0);
}

void unit_message(struct unit *unit, const struct message *message)
{
	struct solution_input input = { 0 };

	switch (message->kind) {
	case MESSAGE_STARTED:
		input.event = SOLUTION_READY;
		unit_input(unit, &input);
		/* Content earns its authority in a later life cycle; until then what loads is proven. */
		input.event = SOLUTION_PROVEN;
		unit_input(unit, &input);
		break;
	case MESSAGE_HEALTH:
		unit->pending = message->result;
		unit->health_ns = supervisor_now_ns();
		input = (struct solution_input){ .event = SOLUTION_TICK,
						 .pending = message->result,
						 .progress = message->value[0],
						 .lost = message->value[1] };
		unit_input(unit, &input);
		break;
	case MESSAGE_MISBEHAVES:
		input = (struct solution_input){ .event = SOLUTION_MISBEHAVED, .what = message->text };
		unit_input(unit, &input);
		break;
	case MESSAGE_PROBE:
		content_probe_start(unit);
		break;
	case MESSAGE_COMMAND:
		unit_command(unit, message);
		break;
	}
}

void unit_demoted(struct unit *unit)
{
	snprintf(unit->last_fault, sizeof(unit->last_fault), "missed too many verdicts: not asked for a while");
	log_warning("solution %s: %s", unit->manifest.name, unit->last_fault);
	tell_view(unit);
}

void unit_harms(struct unit *unit)
{
	snprintf(unit->last_fault, sizeof(unit->last_fault), "would deny what the host needs ('ringfort gate' counts it)");
	log_warning("solution %s: %s", unit->manifest.name, unit->last_fault);
	tell_view(unit);
}

int unit_init(struct unit *unit)
{
	unit->process = SPAWNED_NONE;
	unit->ask = ASK_CHANNEL_NONE;
	unit->wake = -1;
	unit->probe.run = THROWAWAY_NONE;
	unit->due = evtimer_new(unit->supervisor->base, on_due, unit);
	solution_init(&unit->machine, on_changed, unit);
	return unit->due ? 0 : -ENOMEM;
}

void units_start(struct supervisor *supervisor)
{
	const struct solution_input start = { .event = SOLUTION_OPERATOR_START };

	for (uint32_t i = 0; i < supervisor->n_units; i++)
		unit_input(supervisor->units[i], &start);
}

void units_stop(struct supervisor *supervisor)
{
	for (uint32_t i = 0; i < supervisor->n_units; i++) {
		struct unit *unit = supervisor->units[i];

		content_probe_done(unit);
		unit_down(unit);
		event_free(unit->due);
		free(unit);
	}
	supervisor->n_units = 0;
}
