/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connection-hold - who is held at the gate, and the operator's word about one of them.
 *
 * His word goes to the gate through the supervisor, and nobody sends an answer back: the verdict in the
 * history is the answer, and says what really became of it.  A hold may have run out a moment before.
 */
#include "ringfortd/connection-internal.h"

#include "ringfortd/report-gate.h"

#include <errno.h>
#include <stdio.h>

#define DECIDED_WITHIN_NS 5000000000ull /* the supervisor kills a gate that stands still before that */

static bool is_held(const struct connection *connection, uint64_t id)
{
	struct history_entry entry;

	return history_next_held(connection->control->history, id - 1, &entry) && entry.hold_id == id;
}

/* The verdict under that id is there: is it what was asked for? */
static int tell_verdict(struct connection *connection, const struct history_entry *entry)
{
	bool deny = connection->request.flags & WIRE_DENY;
	struct control *control = connection->control;
	struct report_names names;
	char text[160];

	if (entry->hold != (deny ? HISTORY_HELD_DENIED : HISTORY_HELD_ALLOWED)) {
		snprintf(text, sizeof(text), "hold %llu has ended before (%s): verdict #%llu tells", (unsigned long long)entry->hold_id,
			 report_hold_name(entry->hold), (unsigned long long)entry->id);
		return connection_end(connection, -ECANCELED, text);
	}
	connection_names(control, &names);
	json_reset(&control->json);
	report_verdict(&control->json, control->history, entry, &names);
	return connection_answer(connection);
}

static int end_unknown(struct connection *connection)
{
	char text[128];

	snprintf(text, sizeof(text), "nothing is held as %llu; 'ringfort hold' lists what is",
		 (unsigned long long)connection->request.value);
	return connection_end(connection, -ENOENT, text);
}

/* Asked for once; what became of it is looked for at each turn. */
static int begin_decision(struct connection *connection)
{
	const struct wire_request *request = &connection->request;
	struct message message = { .kind = MESSAGE_HOLD,
				   .value = { request->value, (request->flags & WIRE_DENY) != 0 } };
	struct history_entry entry;

	if (!is_held(connection, request->value))
		return history_find_held(connection->control->history, request->value, &entry) ?
			       tell_verdict(connection, &entry) : end_unknown(connection);
	if (!control_tell_supervisor(connection->control, &message))
		return connection_end(connection, -EBUSY, "ringfortd is busy; try again");
	connection->deadline_ns = control_now_ns() + DECIDED_WITHIN_NS;
	return 0;
}

int connection_begin_hold(struct connection *connection)
{
	uint32_t word = connection->request.flags & (WIRE_ALLOW | WIRE_DENY);

	if (!connection->control->history)
		return connection_end_without_gate(connection);
	if (!word)
		return 0;
	if (word == (WIRE_ALLOW | WIRE_DENY) || !connection->request.value)
		return connection_end(connection, -EINVAL, "what is held can be allowed or denied, by its id");
	return begin_decision(connection);
}

static int turn_decision(struct connection *connection)
{
	uint64_t id = connection->request.value;
	struct history_entry entry;

	if (!is_held(connection, id) && history_find_held(connection->control->history, id, &entry))
		return tell_verdict(connection, &entry);
	if (control_now_ns() < connection->deadline_ns)
		return 0;
	return connection_end(connection, -ETIMEDOUT,
			      is_held(connection, id) ? "the gate did not take it: it is held still" :
							"the gate ended meanwhile, and let through who was held");
}

static int turn_list(struct connection *connection)
{
	struct control *control = connection->control;
	struct history_entry entry;
	struct report_names names;
	int r;

	connection_names(control, &names);
	while (history_next_held(control->history, connection->told_id, &entry)) {
		json_reset(&control->json);
		report_held(&control->json, &entry, &names, control_now_ns());
		r = connection_json(connection);
		if (r < 0)
			return r;
		connection->told_id = entry.hold_id;
	}
	return connection_end(connection, 0, "");
}

int connection_turn_hold(struct connection *connection)
{
	return connection->request.flags & (WIRE_ALLOW | WIRE_DENY) ? turn_decision(connection) : turn_list(connection);
}
