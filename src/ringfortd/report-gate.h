/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Report-gate - verdicts and the gate's numbers, as the JSON of `ringfort why`, `hold`, `gate`, `status` and
 * `critical`.
 *
 * Pure: the gate's memory in, text out.  The gate reads what solutions and files say, so what it wrote
 * is looked at before it is believed: an enum may be out of range, a path without an end.
 */
#ifndef RINGFORT_RINGFORTD_REPORT_GATE_H
#define RINGFORT_RINGFORTD_REPORT_GATE_H

#include "event/backstop.h"
#include "event/json.h"
#include "gate/critical.h"
#include "gate/history.h"

/* Names of the solutions by slot, NULL where there is none. */
struct report_names {
	const char *of[DECISION_VOICES];
};

/* Images that the kernel asks nobody about: what the operator says of each kind, and how many there were. */
struct report_outside {
	uint32_t says[BACKSTOP_KINDS]; /* enum backstop_policy */
	uint64_t n_outside[BACKSTOP_KINDS], n_killed[BACKSTOP_KINDS];
	uint64_t n_stopped[BACKSTOP_KINDS], n_denied[BACKSTOP_KINDS], n_unjudged[BACKSTOP_KINDS];
	bool can_kill; /* this kernel lets us */
	bool can_stop; /* and processes have the numbers here that it knows them by */
};

/* A gate that did not answer our own opener was ended: it opened itself. */
struct report_late {
	uint64_t n;
	uint64_t last_ns;    /* CLOCK_REALTIME; 0: never */
	uint64_t waited_ms;  /* the opener, the last time */
	uint64_t back_in_ms; /* until then there is none; 0: it is back */
};

/**
 * report_verdict() - one verdict with its reasons
 *
 * What was answered from the cache is explained by the reasons of the verdict that it came from, while
 * that is kept.
 */
void report_verdict(struct json *json, const struct history *history, const struct history_entry *entry,
		    const struct report_names *names);

/** report_held() - an act that waits for the operator; now_ns: CLOCK_MONOTONIC */
void report_held(struct json *json, const struct history_entry *entry, const struct report_names *names, uint64_t now_ns);

/** report_hold_name() - what became of it, an enum history_hold: "operator allow", "ran out", ... */
const char *report_hold_name(uint32_t hold);

/** report_gate() - all numbers, and every solution that takes part or did */
void report_gate(struct json *json, const struct history_numbers *numbers, const struct report_late *late,
		 const struct report_outside *outside, const struct report_names *names);

/** report_critical() - what the host needs, as the supervisor found it */
void report_critical(struct json *json, const struct critical_set *set);

/** report_gate_disabled() - of a gate that is not started, in place of either */
void report_gate_disabled(struct json *json);

/** report_gate_short() - what tells whether all is well */
void report_gate_short(struct json *json, const struct history_numbers *numbers, const struct report_late *late);

#endif
