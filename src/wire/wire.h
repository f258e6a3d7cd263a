/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wire - what crosses the control socket between `ringfort` and the control process.
 *
 * A SOCK_SEQPACKET socket, readable by root and the group ringfort.  The client sends one
 * struct wire_request and reads packets, each a struct wire_frame and size bytes, until
 * WIRE_END.  Closing the socket ends a request that follows.  Requests are of fixed size: the
 * control process parses no text of its clients.
 */
#ifndef RINGFORT_WIRE_WIRE_H
#define RINGFORT_WIRE_WIRE_H

#include <ringfort/event.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_SOCKET "/run/ringfort/control.sock"
#define WIRE_MAGIC 0x54524652u /* "RFRT" */
#define WIRE_MAX_FRAME 131072u /* bytes of a packet, the frame included */
#define WIRE_PART_BYTES 65536u
#define WIRE_MAX_TEXT (4u * 1024 * 1024) /* bytes of a text in parts */
#define WIRE_NAME_MAX 64u
#define WIRE_PATH_MAX 4096u

enum wire_operation {
	WIRE_STATUS = 1, /* WIRE_JSON, WIRE_END */
	WIRE_EVENTS,     /* WIRE_EVENT..., WIRE_LOST between them; until the client goes */
	WIRE_FINDINGS,   /* WIRE_JSON (long ones behind WIRE_PARTs) per finding, oldest first, then WIRE_END, or with WIRE_FOLLOW: */
			 /* WIRE_CAUGHT_UP and the new ones as they come */
	WIRE_DOCTOR,     /* runs the self-test of every type: WIRE_JSON, WIRE_END */
	WIRE_RELOAD,     /* name "" for all: WIRE_JSON per solution, WIRE_END */
	WIRE_START,      /* name: WIRE_END */
	WIRE_STOP,
	WIRE_RESET, /* out of suspended or quarantined */
	WIRE_OUTPUT, /* name: WIRE_TEXT, the last lines that the solution printed; WIRE_END */
	WIRE_WHY,    /* path, or value and WIRE_BY_ID or WIRE_BY_PID: WIRE_JSON per verdict, newest first, at most */
		     /* WIRE_WHY_MAX; WIRE_END, -ENOENT when there is none */
	WIRE_GATE,   /* value, an enum wire_gate: for the state WIRE_JSON; WIRE_END */
	WIRE_HOLD,   /* WIRE_JSON per act that is held, oldest first; or WIRE_ALLOW or WIRE_DENY, and value, its id: WIRE_JSON, */
		     /* the verdict.  WIRE_END, -ENOENT when nothing is held under that id */
	WIRE_CRITICAL, /* what the gate was told: WIRE_JSON, WIRE_END; -EOPNOTSUPP without a gate */
	_WIRE_OPERATION_N
};

#define WIRE_FOLLOW (1u << 0)
#define WIRE_TOLERATE (1u << 1) /* reload: take the content though parts of it were refused */
#define WIRE_SELFTESTS (1u << 2) /* events: those of our own self-test as well */
#define WIRE_BY_ID (1u << 3)     /* why: value is the id of a verdict */
#define WIRE_BY_PID (1u << 4)    /* why: value is a process id */
#define WIRE_ALLOW (1u << 5)     /* hold: the operator's word about one that is held */
#define WIRE_DENY (1u << 6)

#define WIRE_WHY_MAX 20 /* verdicts of one answer */

enum wire_gate {
	WIRE_GATE_STATE,
	WIRE_GATE_ON,  /* decide */
	WIRE_GATE_OFF, /* let everything through */
	_WIRE_GATE_N
};

struct wire_request {
	uint32_t magic;
	uint32_t operation;
	uint32_t flags;
	uint32_t reserved;
	uint64_t types;    /* events, findings: mask, 0 for all */
	uint64_t since_ns; /* findings: CLOCK_REALTIME, 0 for all */
	uint64_t schema_hash;
	uint64_t value;           /* why, gate, hold */
	char name[WIRE_NAME_MAX]; /* a solution, NUL-terminated */
	char path[WIRE_PATH_MAX]; /* why: the whole path, NUL-terminated */
};

enum wire_kind {
	WIRE_JSON = 1,  /* text of one JSON object, no newline, no NUL */
	WIRE_EVENT,     /* a record: struct ringfort_event */
	WIRE_LOST,      /* struct wire_lost: this client was too slow, or the kernel's ring full */
	WIRE_CAUGHT_UP, /* nothing: the history is told, what follows is new */
	WIRE_TEXT,
	WIRE_END, /* struct wire_end */
	WIRE_PART, /* the beginning of a text that is too long for a packet: more follows, then WIRE_JSON */
};

struct wire_frame {
	uint32_t kind;
	uint32_t size; /* of what follows */
};

struct wire_lost {
	uint64_t n_lost[RINGFORT_MAX_TYPES]; /* since the last one */
};

struct wire_end {
	int32_t result; /* 0, or a negative errno */
	char text[508]; /* why, for a person; may be empty */
};

/** wire_connect() - a connected socket.  -ENOENT, -ECONNREFUSED: no daemon; -EACCES */
int wire_connect(const char *path, int *ret_fd);

/** wire_send() - one packet of two parts.  0 or a negative errno (-EAGAIN on a full socket) */
int wire_send(int fd, enum wire_kind kind, const void *data, size_t size);

/**
 * wire_receive() - one packet
 * @buffer: WIRE_MAX_FRAME bytes, 8-byte aligned; the frame, then its data
 *
 * Return: 1; 0 the peer closed; -EAGAIN; -EBADMSG; another negative errno.
 */
int wire_receive(int fd, void *buffer, const struct wire_frame **ret_frame, const void **ret_data);

#endif
