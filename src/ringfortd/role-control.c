/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Role control - reads what solutions say, keeps findings, serves the operator.
 *
 * Its own user, no capabilities.  It looks at the mailboxes at its own pace, so that no solution
 * can make it run more often than that.
 */
#include "ringfortd/role.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "ringfortd/control.h"
#include "ringfortd/critical-watch.h"
#include "ringfortd/drop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define TICK_US 20000       /* while events come, somebody is connected or a solution starts */
#define QUIET_TICK_US 50000 /* otherwise: an idle machine stays idle */
#define HEALTH_NS 1000000000ull
#define OUTPUT_AT_ONCE 4096
#define LAST_OUTPUTS 32 /* more than a pipe holds */

/* Keep the last bytes; a solution that prints without end costs one read a tick.  True: there may be more. */
static bool read_output(struct control_solution *solution)
{
	char bytes[OUTPUT_AT_ONCE];
	ssize_t n = solution->output_fd < 0 ? 0 : read(solution->output_fd, bytes, sizeof(bytes));

	if (n <= 0)
		return false;
	if (solution->n_output + (size_t)n > sizeof(solution->output)) {
		size_t drop = solution->n_output + (size_t)n - sizeof(solution->output);

		memmove(solution->output, solution->output + drop, solution->n_output - drop);
		solution->n_output -= drop;
	}
	memcpy(solution->output + solution->n_output, bytes, (size_t)n);
	solution->n_output += (size_t)n;
	return true;
}

/* The last line that it printed is often the reason of its end. */
static void log_last_line(const struct control_solution *solution)
{
	size_t end = solution->n_output, begin;
	char line[200];

	while (end && solution->output[end - 1] == '\n')
		end--;
	for (begin = end; begin && solution->output[begin - 1] != '\n'; begin--)
		;
	if (begin == end)
		return;
	snprintf(line, sizeof(line), "%.*s", (int)(end - begin), solution->output + begin);
	log_info("solution %s printed last: %s", solution->view.name, log_quote(line));
}

/* Its process is gone: read what it said to the end, then forget the descriptors. */
static void solution_down(struct control *control, struct control_solution *solution)
{
	if (!solution->mailbox)
		return;
	mailbox_last_turn(control, solution);
	for (int i = 0; i < LAST_OUTPUTS && read_output(solution); i++)
		;
	log_last_line(solution);
	for (uint32_t type = 0; type < RINGFORT_MAX_TYPES; type++) {
		solution->n_delivered += solution->progress.n_delivered[type];
		solution->n_lost += solution->progress.n_lost[type];
	}
	solution->progress = (struct mailbox_progress){ 0 };
	solution->mailbox = mailbox_reader_close(solution->mailbox);
	solution->ring = ring_reader_close(solution->ring);
	solution->output_fd = close_fd(solution->output_fd);
	connections_gone(control, control_slot(control, solution));
}

static int solution_up(struct control *control, const struct message *message, int fds[MESSAGE_MAX_FDS])
{
	struct control_solution *solution = &control->solutions[message->slot];
	int r;

	solution_down(control, solution);
	r = mailbox_reader_open(&solution->mailbox, fds[0]);
	if (r < 0)
		return r;
	r = ring_reader_open(&solution->ring, fds[1]);
	if (r < 0)
		return r;
	solution->class = message->class;
	solution->run = message->value[0];
	solution->subscribed = solution->subscribing = solution->misbehaves_told = false;
	solution->barring = false;
	solution->n_noise_now = solution->n_dropped_now = 0;
	solution->types = solution->started_token = 0;
	solution->generation = 0;
	solution->findings = solution->subscriptions = (struct control_bucket){ 0 };
	solution->said[0] = '\0';
	solution->output_fd = take_fd(&fds[2]);
	return 0;
}

static void solution_view(struct control *control, const struct message *message)
{
	struct control_solution *solution = &control->solutions[message->slot];

	solution->used = true;
	solution->view = message->solution;
	if (!solution->view.running)
		solution_down(control, solution);
}

static void gate_late(struct control *control, const struct message *message)
{
	struct timespec now;

	control->again_ns = control_now_ns() + message->value[1] * 1000000;
	if (!message->value[0])
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	control->late.n++;
	control->late.last_ns = (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
	control->late.waited_ms = message->value[0];
}

static int dispatch(struct control *control, const struct message *message, int fds[MESSAGE_MAX_FDS])
{
	if (message->slot >= MESSAGE_SLOTS)
		return -EBADMSG;
	switch (message->kind) {
	case MESSAGE_SOLUTION:
		solution_view(control, message);
		return 0;
	case MESSAGE_MAILBOX:
		return solution_up(control, message, fds);
	case MESSAGE_PROBED:
		connections_probed(control, message);
		return 0;
	case MESSAGE_SELFTESTED:
		selftest_performed(control, message->value[0]);
		return 0;
	case MESSAGE_DONE:
		connections_done(control, message);
		return 0;
	case MESSAGE_TAMPER:
		tamper_tell(control, &message->tamper);
		return 0;
	case MESSAGE_LATE:
		gate_late(control, message);
		return 0;
	case MESSAGE_FOLDER:
		return file_watch_folder(control, message, &fds[0]);
	case MESSAGE_CRITICAL:
		return critical_watch_unpack(fds[0], &control->critical);
	case MESSAGE_ENDING:
		control->ending = true;
		return 0;
	default:
		return -EBADMSG;
	}
}

/* Its sockets close in order, or it was killed: then this is the last that we do. */
static void supervisor_gone(struct control *control)
{
	struct message_tamper killed = { .what = RINGFORT_TAMPER_KILLED,
					 .pid = (uint32_t)control->supervisor_pid,
					 .part = "supervisor",
					 .detail = "the daemon ends with it; the service manager starts it again" };

	if (!control->ending)
		tamper_tell(control, &killed);
	control_end(control, NULL, 0);
}

static void on_message(evutil_socket_t fd, short what, void *userdata)
{
	struct control *control = userdata;
	int fds[MESSAGE_MAX_FDS];
	struct message message;
	int r;

	while ((r = message_receive_fd((int)fd, &message, fds)) > 0) {
		r = dispatch(control, &message, fds);
		for (int i = 0; i < MESSAGE_MAX_FDS; i++)
			close_fd(fds[i]);
		if (r < 0) {
			control_end(control, "cannot do what a message asks", r);
			return;
		}
	}
	if (r == -EPIPE)
		supervisor_gone(control);
	else if (r < 0)
		control_end(control, "cannot read messages", r);
}

/* It says when something of ours was tampered with, and what was killed by policy.  What follows from its end is the supervisor's to say. */
static void on_sensor(evutil_socket_t fd, short what, void *userdata)
{
	struct control *control = userdata;
	int fds[MESSAGE_MAX_FDS];
	struct message message;
	int r;

	while ((r = message_receive_fd((int)fd, &message, fds)) > 0) {
		for (int i = 0; i < MESSAGE_MAX_FDS; i++)
			close_fd(fds[i]);
		if (message.kind == MESSAGE_TAMPER)
			tamper_tell(control, &message.tamper);
		else if (message.kind == MESSAGE_KILLED)
			killed_tell(control, &message.killed);
	}
	if (r < 0)
		event_del(event_base_get_running_event(control->base));
}

static void on_accept(evutil_socket_t listener, short what, void *userdata)
{
	const struct timeval soon = { .tv_usec = TICK_US / 4 };
	struct control *control = userdata;
	int fd = accept4((int)listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	if (connection_accept(control, fd) < 0)
		log_warning("too many connections to the control socket, refusing one");
	evtimer_add(control->tick, &soon);
}

/* Is there somebody who would feel a slower tick? */
static bool busy(struct control *control)
{
	uint64_t head = ring_reader_head(control->barrier_ring);
	bool moved = head != control->head;

	control->head = head;
	if (moved || control->selftest.step != SELFTEST_IDLE)
		return true;
	for (size_t i = 0; i < CONTROL_CONNECTIONS; i++)
		if (control->connections[i])
			return true;
	for (uint32_t slot = 0; slot < MESSAGE_SLOTS; slot++)
		if (control->solutions[slot].mailbox && !control->solutions[slot].subscribed)
			return true;
	return false;
}

static void on_tick(evutil_socket_t fd, short what, void *userdata)
{
	struct control *control = userdata;
	uint64_t now = control_now_ns();
	bool health = now - control->health_ns >= HEALTH_NS;
	struct timeval next = { .tv_usec = QUIET_TICK_US };

	if (health)
		control->health_ns = now;
	for (uint32_t slot = 0; slot < MESSAGE_SLOTS; slot++) {
		if (!control->solutions[slot].mailbox)
			continue;
		mailbox_turn(control, &control->solutions[slot]);
		read_output(&control->solutions[slot]);
		if (health)
			mailbox_health(control, &control->solutions[slot]);
	}
	file_watch_turn(control);
	selftest_tick(control);
	connections_tick(control);
	control_subscribe(control);
	if (busy(control))
		next.tv_usec = TICK_US;
	evtimer_add(control->tick, &next);
}

static int watch(struct control *control, int fd, event_callback_fn callback)
{
	struct event *event = event_new(control->base, fd, EV_READ | EV_PERSIST, callback, control);

	return event && event_add(event, NULL) == 0 ? 0 : -ENOMEM;
}

static int open_loop(struct control *control)
{
	const struct control_role *role = control->role;
	const struct timeval tick = { .tv_usec = TICK_US };
	int r;

	control->base = event_base_new();
	if (!control->base)
		return -ENOMEM;
	control->tick = evtimer_new(control->base, on_tick, control);
	if (!control->tick || event_add(control->tick, &tick) < 0)
		return -ENOMEM;
	r = watch(control, role->supervisor_fd, on_message);
	if (r == 0)
		r = watch(control, role->sensor_fd, on_sensor);
	if (r == 0)
		r = watch(control, role->listen_fd, on_accept);
	return r;
}

static int open_control(struct control *control)
{
	const struct control_role *role = control->role;
	int r;

	for (uint32_t slot = 0; slot < MESSAGE_SLOTS; slot++)
		control->solutions[slot].output_fd = -1;
	control->started_ns = control_now_ns();
	if (gethostname(control->hostname, sizeof(control->hostname) - 1) < 0)
		strcpy(control->hostname, "localhost");
	r = page_open(&control->page, role->page_fd, 0);
	if (r < 0)
		return r;
	r = ring_reader_open(&control->barrier_ring, role->ring_fd);
	if (r < 0)
		return r;
	if (role->history_fd >= 0) {
		r = history_open(&control->history, role->history_fd, false);
		if (r < 0)
			return r;
	}
	r = journal_open(&control->journal, role->findings_fd,
			 (size_t)role->config->findings_max_mb * 1048576 / role->config->findings_files,
			 role->config->findings_files);
	if (r < 0)
		return r;
	return open_loop(control);
}

int role_control(const struct control_role *role)
{
	static struct control control;
	int r;

	control.role = role;
	control.files.fd = -1;
	control.supervisor_pid = getppid();
	r = drop_urgency();
	if (r == 0)
		r = drop_control(role->uid, role->gid);
	if (r < 0) {
		log_error("cannot drop privileges: %s", strerror(-r));
		return 1;
	}
	r = open_control(&control);
	if (r < 0) {
		log_error("cannot begin: %s", strerror(-r));
		return 1;
	}
	selftest_start(&control);
	event_base_dispatch(control.base);
	/* Who follows hears the last findings too: they may say why it ends. */
	connections_tick(&control);
	journal_close(control.journal);
	return control.result;
}
