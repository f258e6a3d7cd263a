/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connection-gate - what an operator asks about verdicts, and tells the gate.
 *
 * Answered from the gate's own memory: the gate is not asked, so it can be busy, or gone.
 */
#include "ringfortd/connection-internal.h"

#include "ringfortd/boot-line.h"
#include "ringfortd/outside.h"
#include "ringfortd/report-gate.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TOLD_PATH 400 /* bytes of a path in a text for a person */

static const char no_gate[] = "ringfortd runs without a gate: solutions are not asked before something happens";

static const char disabled[] =
	"the gate is disabled on the kernel's command line (" BOOT_LINE_WORD "): nothing is blocked until a boot without it";

int connection_end_without_gate(struct connection *connection)
{
	if (connection->control->role->gate_disabled)
		return connection_end(connection, -EPERM, disabled);
	return connection_end(connection, -EOPNOTSUPP, no_gate);
}

void connection_names(const struct control *control, struct report_names *ret_names)
{
	_Static_assert(MESSAGE_SLOTS == DECISION_VOICES, "a slot is a voice");
	for (uint32_t slot = 0; slot < MESSAGE_SLOTS; slot++)
		ret_names->of[slot] = control->solutions[slot].used ? control->solutions[slot].view.name : NULL;
}

int connection_begin_why(struct connection *connection)
{
	struct wire_request *request = &connection->request;
	uint32_t by = request->flags & (WIRE_BY_ID | WIRE_BY_PID);
	bool sound = by ? request->value != 0 : request->path[0] != '\0';

	if (!connection->control->history)
		return connection_end_without_gate(connection);
	if (by == (WIRE_BY_ID | WIRE_BY_PID) || (by == WIRE_BY_PID && request->value > UINT32_MAX))
		sound = false;
	if (!sound)
		return connection_end(connection, -EINVAL, "this is neither a verdict, nor a process, nor a path");
	request->path[sizeof(request->path) - 1] = '\0';
	return 0;
}

/* The newest verdict that fits and was not told of yet: 1, or 0. */
static int find_next(const struct connection *connection, struct history_entry *ret_entry)
{
	const struct history *history = connection->control->history;
	const struct wire_request *request = &connection->request;

	if (connection->n_told == WIRE_WHY_MAX)
		return 0;
	if (request->flags & WIRE_BY_ID)
		return connection->n_told ? 0 : history_get(history, request->value, ret_entry);
	if (request->flags & WIRE_BY_PID)
		return history_find(history, connection->told_id, NULL, (uint32_t)request->value, ret_entry);
	return history_find(history, connection->told_id, request->path, 0, ret_entry);
}

static int end_unknown(struct connection *connection)
{
	const struct wire_request *request = &connection->request;
	size_t n = strlen(request->path), skip = n > TOLD_PATH ? n - TOLD_PATH : 0;
	char what[TOLD_PATH + 16], text[sizeof(connection->end.text)];

	if (request->flags & WIRE_BY_ID)
		snprintf(what, sizeof(what), "verdict #%llu", (unsigned long long)request->value);
	else if (request->flags & WIRE_BY_PID)
		snprintf(what, sizeof(what), "process %llu", (unsigned long long)request->value);
	else
		snprintf(what, sizeof(what), "'%s%s'", skip ? "..." : "", request->path + skip);
	snprintf(text, sizeof(text), "nothing about %s; the last %u verdicts are kept", what, HISTORY_ENTRIES);
	return connection_end(connection, -ENOENT, text);
}

int connection_turn_why(struct connection *connection)
{
	struct control *control = connection->control;
	struct history_entry entry;
	struct report_names names;
	int r;

	connection_names(control, &names);
	while (find_next(connection, &entry)) {
		json_reset(&control->json);
		report_verdict(&control->json, control->history, &entry, &names);
		r = connection_json(connection);
		if (r < 0)
			return r;
		connection->told_id = entry.id;
		connection->n_told++;
	}
	return connection->n_told ? connection_end(connection, 0, "") : end_unknown(connection);
}

static struct report_outside outside_now(const struct control *control)
{
	struct report_outside outside;
	struct page_numbers numbers;

	page_read(control->page, &numbers);
	outside.can_kill = numbers.outside.can_kill;
	outside.can_stop = outside.can_kill && outside_can_stop();
	for (uint32_t kind = 0; kind < BACKSTOP_KINDS; kind++) {
		outside.says[kind] = control->role->config->gate_outside[kind];
		outside.n_outside[kind] = numbers.outside.n_outside[kind];
		outside.n_killed[kind] = numbers.outside.n_killed[kind];
		outside.n_stopped[kind] = numbers.outside.n_stopped[kind];
		outside.n_denied[kind] = numbers.outside.n_denied[kind];
		outside.n_unjudged[kind] = numbers.outside.n_unjudged[kind];
	}
	return outside;
}

static int tell_state(struct connection *connection)
{
	struct control *control = connection->control;
	struct report_outside outside = outside_now(control);
	struct report_late late = control_late(control);
	struct history_numbers numbers;
	struct report_names names;

	connection_names(control, &names);
	history_read_numbers(control->history, &numbers);
	json_reset(&control->json);
	report_gate(&control->json, &numbers, &late, &outside, &names);
	return connection_answer(connection);
}

static int tell_gate(struct connection *connection, bool open)
{
	struct message message = { .kind = MESSAGE_GATE };

	message.value[0] = connection->ticket = ++connection->control->ticket;
	message.value[1] = open;
	if (!control_tell_supervisor(connection->control, &message))
		return connection_end(connection, -EBUSY, "ringfortd is busy; try again");
	return 0;
}

/* Its state is told, and to be open is what it is. */
static int begin_disabled(struct connection *connection)
{
	switch (connection->request.value) {
	case WIRE_GATE_STATE:
		json_reset(&connection->control->json);
		report_gate_disabled(&connection->control->json);
		return connection_answer(connection);
	case WIRE_GATE_OFF:
		return connection_end(connection, 0, "");
	default:
		return connection_end_without_gate(connection);
	}
}

int connection_begin_critical(struct connection *connection)
{
	struct control *control = connection->control;

	if (!control->critical.version)
		return connection_end_without_gate(connection);
	json_reset(&control->json);
	report_critical(&control->json, &control->critical);
	return connection_answer(connection);
}

int connection_begin_gate(struct connection *connection)
{
	if (connection->control->role->gate_disabled)
		return begin_disabled(connection);
	if (!connection->control->history)
		return connection_end_without_gate(connection);
	switch (connection->request.value) {
	case WIRE_GATE_STATE:
		return tell_state(connection);
	case WIRE_GATE_ON:
		return tell_gate(connection, false);
	case WIRE_GATE_OFF:
		return tell_gate(connection, true);
	default:
		return connection_end(connection, -EINVAL, "the gate can be on or off");
	}
}
