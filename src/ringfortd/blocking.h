/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocking - what can be blocked on this host, and what of it is, told truthfully.
 *
 * Pure: what the kernel granted when it was tried (gate/trial.h, the probe), what the operator said and how
 * the gate stands, in; a level and a reason for each row of blocking.def, out.
 */
#ifndef RINGFORT_RINGFORTD_BLOCKING_H
#define RINGFORT_RINGFORTD_BLOCKING_H

#include "event/json.h"
#include "gate/trial.h"

#include <stdbool.h>
#include <stdint.h>

enum blocking_level {
	BLOCKING_UNAVAILABLE, /* neither kept from happening nor seen */
	BLOCKING_NOTIFY,      /* seen */
	BLOCKING_SCOPE,       /* kept from happening, in scopes that are named */
	BLOCKING_BLOCK,       /* kept from happening */
	_BLOCKING_LEVEL_N
};

enum blocking_row {
#define BLOCKING(name, act, best, grant, said, event, remark) BLOCKING_ROW_##name,
#include "ringfortd/blocking.def"
#undef BLOCKING
	_BLOCKING_ROW_N
};

enum blocking_gate {
	BLOCKING_GATE_NONE,
	BLOCKING_GATE_DECIDES,
	BLOCKING_GATE_OPEN,
	BLOCKING_GATE_DISABLED,
};

/* All that the table follows from. */
struct blocking_host {
	struct trial trial;
	bool can_kill;      /* the probe may */
	bool can_stop;      /* and what it stops has the same number here */
	enum blocking_gate gate;
	bool exec_guarded;  /* of a file system at least, executions are asked about */
	bool open_guarded;  /* of a scope at least, opens are */
	bool net_ruled;     /* somebody may set rules about the network */
	bool exec_decided;  /* a solution takes part */
	bool open_decided;
	uint64_t outside;   /* BACKSTOP_SAYS() */
	uint64_t seen;      /* mask of event types that are */
};

struct blocking_answer {
	enum blocking_level level;    /* now */
	enum blocking_level possible; /* on this host, were it said */
	char why[160];                /* why it is no better, or what the level does not say */
};

void blocking_judge(const struct blocking_host *host, enum blocking_row row, struct blocking_answer *ret_answer);

/** report_blocking() - all rows */
void report_blocking(struct json *json, const struct blocking_host *host);

#endif
