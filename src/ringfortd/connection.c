/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connection - one operator at the control socket.
 *
 * A connection that follows has its own reader of the ring, or its own cursor in the journal, so
 * a slow one loses or lags for itself alone.  Nothing is queued for it: what the socket does not
 * take waits where it lies.
 */
#include "ringfortd/connection-internal.h"

#include "base/cleanup.h"
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define SEND_AT_ONCE 256 /* packets a turn, so that one reader does not keep the loop */
#define STATUS_WAIT_NS 500000000ull
#define RELOAD_WAIT_NS 60000000000ull
#define IDLE_NS 5000000000ull /* connected, and has asked for nothing */

/* What all who follow want, taken together. */
static void follow(struct control *control)
{
	control->followed = 0;
	for (size_t i = 0; i < CONTROL_CONNECTIONS; i++)
		if (control->connections[i] && control->connections[i]->ring)
			control->followed |= control->connections[i]->request.types;
	control_subscribe(control);
}

static void connection_free(struct connection *connection)
{
	struct control *control = connection->control;

	for (size_t i = 0; i < CONTROL_CONNECTIONS; i++)
		if (control->connections[i] == connection)
			control->connections[i] = NULL;
	event_free(connection->readable);
	close(connection->fd);
	ring_reader_close(connection->ring);
	journal_cursor_free(connection->cursor);
	free(connection);
	follow(control);
}

/* A reader who is behind has no room in its socket: then the next turn tries again. */
static int send_end(struct connection *connection)
{
	int r = wire_send(connection->fd, WIRE_END, &connection->end, sizeof(connection->end));

	return r == -EAGAIN ? r : -ESHUTDOWN;
}

int connection_end(struct connection *connection, int result, const char *text)
{
	connection->end.result = result;
	snprintf(connection->end.text, sizeof(connection->end.text), "%.*s",
		 (int)sizeof(connection->end.text) - 1, text);
	connection->ending = true;
	return send_end(connection);
}

int connection_json(struct connection *connection)
{
	struct json *json = &connection->control->json;
	const char *text = json_text(json);

	return text ? wire_send(connection->fd, WIRE_JSON, text, json->used) : -ENOMEM;
}

int connection_answer(struct connection *connection)
{
	int r = connection_json(connection);

	return connection_end(connection, r, r < 0 ? "the answer does not fit the socket" : "");
}

static int begin_events(struct connection *connection)
{
	uint64_t types = connection->request.types ? connection->request.types : ~1ull;
	int r = ring_reader_open(&connection->ring, connection->control->role->ring_fd);

	if (r < 0)
		return r;
	connection->request.types = types;
	ring_reader_want(connection->ring, types);
	follow(connection->control);
	return 0;
}

static int begin_reload(struct connection *connection)
{
	struct control *control = connection->control;

	for (uint32_t slot = 0; slot < MESSAGE_SLOTS; slot++) {
		const struct control_solution *solution = &control->solutions[slot];
		struct message message = { .kind = MESSAGE_PROBE, .slot = slot };
		const char *name = connection->request.name;

		if (!solution->used || (name[0] && strcmp(name, solution->view.name) != 0))
			continue;
		if (!name[0] && !solution->mailbox)
			continue;
		if (!control_tell_supervisor(control, &message))
			return connection_end(connection, -EBUSY, "ringfortd is busy; try again");
		connection->reloading |= 1ull << slot;
	}
	connection->deadline_ns = control_now_ns() + RELOAD_WAIT_NS;
	if (connection->reloading)
		return 0;
	return connection_end(connection, -ENOENT,
			      connection->request.name[0] ? "no solution has this name" :
							    "no solution is running");
}

static int begin_command(struct connection *connection)
{
	struct control *control = connection->control;
	struct control_solution *solution = control_by_name(control, connection->request.name);
	struct message message = { .kind = MESSAGE_COMMAND };

	if (!solution)
		return connection_end(connection, -ENOENT, "no solution has this name");
	if (connection->request.operation == WIRE_OUTPUT) {
		wire_send(connection->fd, WIRE_TEXT, solution->output, solution->n_output);
		return connection_end(connection, 0, "");
	}
	message.slot = control_slot(control, solution);
	message.value[0] = connection->ticket = ++control->ticket;
	message.value[1] = connection->request.operation;
	if (!control_tell_supervisor(control, &message))
		return connection_end(connection, -EBUSY, "ringfortd is busy; try again");
	return 0;
}

static int begin(struct connection *connection)
{
	struct wire_request *request = &connection->request;
	struct control *control = connection->control;

	request->name[sizeof(request->name) - 1] = '\0';
	if (request->magic != WIRE_MAGIC)
		return -EBADMSG;
	if (request->schema_hash != ringfort_schema_hash())
		return connection_end(connection, -EPROTO,
				      "ringfort and ringfortd are of different versions");
	switch (request->operation) {
	case WIRE_STATUS:
		connection->deadline_ns = control_now_ns() + STATUS_WAIT_NS;
		return 0;
	case WIRE_EVENTS:
		return begin_events(connection);
	case WIRE_FINDINGS:
		return journal_cursor_new(&connection->cursor, control->journal);
	case WIRE_DOCTOR:
		selftest_start(control);
		return 0;
	case WIRE_RELOAD:
		return begin_reload(connection);
	case WIRE_START:
	case WIRE_STOP:
	case WIRE_RESET:
	case WIRE_OUTPUT:
		return begin_command(connection);
	case WIRE_WHY:
		return connection_begin_why(connection);
	case WIRE_GATE:
		return connection_begin_gate(connection);
	case WIRE_HOLD:
		return connection_begin_hold(connection);
	case WIRE_CRITICAL:
		return connection_begin_critical(connection);
	default:
		return connection_end(connection, -EOPNOTSUPP, "unknown operation");
	}
}

/* What the ring reader has missed since it was last told. */
static int send_lost(struct connection *connection)
{
	struct wire_lost lost = { 0 };
	uint64_t n = 0;
	int r;

	for (uint32_t type = 1; type < RINGFORT_MAX_TYPES; type++) {
		lost.n_lost[type] = ring_reader_lost(connection->ring, type) -
				    connection->told_lost[type];
		n += lost.n_lost[type];
	}
	if (!n)
		return 0;
	r = wire_send(connection->fd, WIRE_LOST, &lost, sizeof(lost));
	if (r < 0)
		return r;
	for (uint32_t type = 1; type < RINGFORT_MAX_TYPES; type++)
		connection->told_lost[type] += lost.n_lost[type];
	return 0;
}

static bool wanted(const struct connection *connection, const struct ringfort_event *event)
{
	if (event->flags & RINGFORT_FLAG_SELFTEST && !(connection->request.flags & WIRE_SELFTESTS))
		return false;
	return connection->request.types & 1ull << event->type ||
	       event->type == ringfort_type_stream_loss;
}

static int turn_events(struct connection *connection)
{
	int r;

	for (int i = 0; i < SEND_AT_ONCE; i++) {
		if (!connection->event) {
			r = ring_reader_next(connection->ring, &connection->event);
			if (r <= 0)
				return r < 0 ? r : send_lost(connection);
			if (!wanted(connection, connection->event)) {
				connection->event = NULL;
				continue;
			}
		}
		r = wire_send(connection->fd, WIRE_EVENT, connection->event, connection->event->size);
		if (r < 0)
			return r;
		connection->event = NULL;
	}
	return send_lost(connection);
}

static bool line_wanted(const struct connection *connection)
{
	const struct wire_request *request = &connection->request;
	uint64_t time_ns;
	uint32_t type;

	if (!request->types && !request->since_ns)
		return true;
	return findings_line_facts(connection->line, connection->n_line, &type, &time_ns) &&
	       (!request->types || request->types & 1ull << type) && time_ns >= request->since_ns;
}

/* An attacker chooses how long a command line is: no finding is too long to be shown. */
static int send_line(struct connection *connection)
{
	int r;

	while (connection->n_line - connection->n_sent > WIRE_PART_BYTES) {
		r = wire_send(connection->fd, WIRE_PART, connection->line + connection->n_sent,
			      WIRE_PART_BYTES);
		if (r < 0)
			return r;
		connection->n_sent += WIRE_PART_BYTES;
	}
	r = wire_send(connection->fd, WIRE_JSON, connection->line + connection->n_sent,
		      connection->n_line - connection->n_sent);
	if (r < 0)
		return r;
	connection->line = NULL;
	connection->n_sent = 0;
	return 0;
}

static int turn_findings(struct connection *connection)
{
	int r;

	for (int i = 0; i < SEND_AT_ONCE; i++) {
		if (!connection->line) {
			r = journal_cursor_next(connection->cursor, &connection->line,
						&connection->n_line);
			if (r < 0)
				return r;
			if (r == 0)
				break;
			if (!line_wanted(connection)) {
				connection->line = NULL;
				if (i == SEND_AT_ONCE - 1)
					return 0;
				continue;
			}
		}
		r = send_line(connection);
		if (r < 0)
			return r;
		if (i == SEND_AT_ONCE - 1)
			return 0;
	}
	if (!(connection->request.flags & WIRE_FOLLOW))
		return connection_end(connection, 0, "");
	if (connection->caught_up)
		return 0;
	r = wire_send(connection->fd, WIRE_CAUGHT_UP, NULL, 0);
	connection->caught_up = r == 0;
	return r;
}

static int turn_status(struct connection *connection)
{
	struct control *control = connection->control;

	if (!connection->token)
		connection->token = control_barrier(control);
	if (!control_passed(control, connection->token) &&
	    control_now_ns() < connection->deadline_ns)
		return 0;
	json_reset(&control->json);
	report_status(control, &control->json);
	return connection_answer(connection);
}

static int turn_doctor(struct connection *connection)
{
	struct control *control = connection->control;

	if (control->selftest.step != SELFTEST_IDLE)
		return 0;
	json_reset(&control->json);
	report_doctor(control, &control->json);
	return connection_answer(connection);
}

static int reload_answer(struct connection *connection, uint32_t slot, const char *result,
			 const char *reason)
{
	struct control *control = connection->control;
	struct json *json = &control->json;

	connection->reloading &= ~(1ull << slot);
	connection->failed |= strcmp(result, "reloaded") != 0;
	json_reset(json);
	json_begin_object(json);
	json_name_string(json, "name", control->solutions[slot].view.name);
	json_name_string(json, "result", result);
	json_name_string(json, "reason", reason);
	json_end_object(json);
	return connection_json(connection);
}

static int turn_reload(struct connection *connection)
{
	if (!connection->reloading)
		return connection_end(connection, connection->failed ? -ECANCELED : 0,
				      connection->failed ? "not everything was reloaded" : "");
	if (control_now_ns() < connection->deadline_ns)
		return 0;
	for (uint32_t slot = 0; slot < MESSAGE_SLOTS; slot++)
		if (connection->reloading & 1ull << slot)
			reload_answer(connection, slot, "failed", "the solution did not answer in time");
	return 0;
}

static int turn(struct connection *connection)
{
	if (connection->ending)
		return send_end(connection);
	switch (connection->request.operation) {
	case WIRE_STATUS:
		return turn_status(connection);
	case WIRE_EVENTS:
		return turn_events(connection);
	case WIRE_FINDINGS:
		return turn_findings(connection);
	case WIRE_DOCTOR:
		return turn_doctor(connection);
	case WIRE_RELOAD:
		return turn_reload(connection);
	case WIRE_WHY:
		return connection_turn_why(connection);
	case WIRE_HOLD:
		return connection_turn_hold(connection);
	default:
		return 0;
	}
}

static void settle(struct connection *connection, int r)
{
	if (r < 0 && r != -EAGAIN)
		connection_free(connection);
}

static void on_readable(evutil_socket_t fd, short what, void *userdata)
{
	struct connection *connection = userdata;
	struct wire_request request;
	ssize_t n = recv((int)fd, &request, sizeof(request), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n != sizeof(request) || connection->request.operation) {
		connection_free(connection);
		return;
	}
	connection->request = request;
	if (!request.operation || request.operation >= _WIRE_OPERATION_N) {
		settle(connection, connection_end(connection, -EOPNOTSUPP, "unknown operation"));
		return;
	}
	settle(connection, begin(connection));
}

int connection_accept(struct control *control, int fd)
{
	struct connection *connection;
	size_t i;

	for (i = 0; i < CONTROL_CONNECTIONS && control->connections[i]; i++)
		;
	connection = i < CONTROL_CONNECTIONS ? calloc(1, sizeof(*connection)) : NULL;
	if (!connection) {
		close(fd);
		return -EMFILE;
	}
	connection->control = control;
	connection->fd = fd;
	connection->since_ns = control_now_ns();
	connection->readable = event_new(control->base, fd, EV_READ | EV_PERSIST, on_readable, connection);
	if (!connection->readable || event_add(connection->readable, NULL) < 0) {
		close(fd);
		free(connection);
		return -ENOMEM;
	}
	control->connections[i] = connection;
	return 0;
}

void connections_tick(struct control *control)
{
	uint64_t now = control_now_ns();

	for (size_t i = 0; i < CONTROL_CONNECTIONS; i++) {
		struct connection *connection = control->connections[i];

		if (connection && connection->request.operation)
			settle(connection, turn(connection));
		else if (connection && now - connection->since_ns >= IDLE_NS)
			connection_free(connection);
	}
}

void connections_probed(struct control *control, const struct message *message)
{
	struct control_solution *solution = &control->solutions[message->slot];
	bool take = message->result == 0, asked = false;

	for (size_t i = 0; i < CONTROL_CONNECTIONS; i++) {
		struct connection *connection = control->connections[i];

		if (!connection || !(connection->reloading & 1ull << message->slot))
			continue;
		asked = true;
		/* 1: parts were refused, the rest loads */
		take |= message->result == 1 && connection->request.flags & WIRE_TOLERATE;
		if (take && solution->mailbox)
			continue;
		reload_answer(connection, message->slot, message->result < 0 ? "failed" : "refused",
			      message->text);
	}
	if (asked && take && solution->mailbox)
		mailbox_want(solution->mailbox, ++solution->generation);
}

void connections_reloaded(struct control *control, uint32_t slot, uint64_t generation,
			  const char *reason)
{
	if (generation != control->solutions[slot].generation)
		return;
	for (size_t i = 0; i < CONTROL_CONNECTIONS; i++) {
		struct connection *connection = control->connections[i];

		if (connection && connection->reloading & 1ull << slot)
			reload_answer(connection, slot, reason[0] ? "failed" : "reloaded", reason);
	}
}

/* The solution ended before it answered. */
void connections_gone(struct control *control, uint32_t slot)
{
	for (size_t i = 0; i < CONTROL_CONNECTIONS; i++) {
		struct connection *connection = control->connections[i];

		if (connection && connection->reloading & 1ull << slot)
			reload_answer(connection, slot, "failed", "the solution ended meanwhile");
	}
}

void connections_done(struct control *control, const struct message *message)
{
	for (size_t i = 0; i < CONTROL_CONNECTIONS; i++) {
		struct connection *connection = control->connections[i];

		if (connection && connection->ticket && connection->ticket == message->value[0])
			settle(connection, connection_end(connection, message->result, message->text));
	}
}
