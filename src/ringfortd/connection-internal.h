/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connection internal - one operator at the control socket, shared by the files that serve it.
 *
 * connection.c owns it: requests, the loop, what solutions are asked to do; connection-gate.c answers
 * what is asked about the gate, connection-hold.c lets the operator decide about who is held there.
 *
 * A begin...() looks at a request, a turn...() goes on with it at each tick.  Both return 0 to be called
 * again, -EAGAIN when the socket is full, another negative errno when the connection is to be closed.
 */
#ifndef RINGFORT_RINGFORTD_CONNECTION_INTERNAL_H
#define RINGFORT_RINGFORTD_CONNECTION_INTERNAL_H

#include "ringfortd/control.h"
#include "wire/wire.h"

struct connection {
	struct control *control;
	int fd;
	struct event *readable;
	struct wire_request request; /* operation 0: none yet */
	uint64_t since_ns;           /* when it connected */
	uint64_t token;              /* barrier to wait for */
	uint64_t deadline_ns;
	struct ring_reader *ring;         /* WIRE_EVENTS */
	const struct ringfort_event *event; /* read, not sent yet */
	uint64_t told_lost[RINGFORT_MAX_TYPES];
	struct journal_cursor *cursor; /* WIRE_FINDINGS */
	const char *line;
	size_t n_line, n_sent; /* bytes, and those that went ahead in parts */
	bool caught_up;
	uint64_t ticket;         /* WIRE_START and its like, WIRE_GATE */
	uint64_t reloading;      /* WIRE_RELOAD: mask of slots without an answer */
	bool failed;
	uint64_t told_id;        /* WIRE_WHY, WIRE_HOLD: the last one that was told of */
	uint32_t n_told;
	bool ending; /* all that is left is to send the end */
	struct wire_end end;
};

/** connection_end() - nothing but the end is sent from now on */
int connection_end(struct connection *connection, int result, const char *text);

/** connection_json() - send what control->json holds */
int connection_json(struct connection *connection);

/** connection_answer() - the same, and it is all that there is to say */
int connection_answer(struct connection *connection);

/* connection-gate.c */
int connection_begin_why(struct connection *connection);
int connection_turn_why(struct connection *connection);
int connection_begin_gate(struct connection *connection);
int connection_end_without_gate(struct connection *connection);

struct report_names;
/** connection_names() - those of the solutions now, the caller's until something is told of one */
void connection_names(const struct control *control, struct report_names *ret_names);

/* connection-hold.c */
int connection_begin_hold(struct connection *connection);
int connection_turn_hold(struct connection *connection);
int connection_begin_critical(struct connection *connection);

#endif
