/* SPDX-License-Identifier: Apache-2.0 */
/* Blocking - a level for each row, by what was tried and what was said. */
#include "ringfortd/blocking.h"

#include "event/backstop.h"

#include <ringfort/event.h>
#include <stdio.h>
#include <string.h>

/* What the kernel must grant, and what must be said. */
enum grant { GRANT_NONE, GRANT_EXEC, GRANT_OPEN, GRANT_KILL, GRANT_NET };
enum said { SAID_NONE, SAID_EXEC, SAID_OPEN, SAID_NET, SAID_MEMFD, SAID_USER_MOUNT, SAID_ELSEWHERE };

#define ringfort_type_0 0 /* no event */

static const struct row {
	const char *name, *act;
	enum blocking_level best;
	enum grant grant;
	enum said said;
	uint32_t event;
	const char *remark;
} rows[_BLOCKING_ROW_N] = {
#define BLOCKING(name, act, best, grant, said, event, remark) \
	{ #name, act, BLOCKING_##best, GRANT_##grant, SAID_##said, ringfort_type_##event, remark },
#include "ringfortd/blocking.def"
#undef BLOCKING
};

/* Why the kernel does not grant it; NULL: it does. */
static const char *refused(const struct blocking_host *host, enum grant grant, char text[128])
{
	const struct trial *trial = &host->trial;
	const char *what = NULL;
	int error = 0;

	switch (grant) {
	case GRANT_EXEC:
		what = "permission events for executions", error = trial->exec;
		break;
	case GRANT_OPEN:
		what = "permission events for opens", error = trial->open;
		break;
	case GRANT_NET:
		what = "a program of ours at the root of the cgroups", error = trial->net;
		break;
	case GRANT_KILL:
		return host->can_kill ? NULL : "this kernel lets no program of ours send a signal";
	default:
		break;
	}
	if (!error)
		return NULL;
	snprintf(text, 128, "this kernel refuses %s: %s", what, strerror(-error));
	return text;
}

/* The gate stands as the operator left it. */
static const char *gate_why(enum blocking_gate gate)
{
	switch (gate) {
	case BLOCKING_GATE_OPEN:
		return "the gate is open: ringfort gate on";
	case BLOCKING_GATE_DISABLED:
		return "the gate is disabled on the kernel's command line";
	default:
		return NULL;
	}
}

static const char *kind_why(const struct blocking_host *host, enum backstop_kind kind, const char *why)
{
	uint32_t says = BACKSTOP_SAID(host->outside, kind);

	if (says != BACKSTOP_STOP)
		return says == BACKSTOP_KILL ? NULL : why;
	if (!host->can_stop)
		return "nobody can be stopped in a container (gate: outside: kill)";
	return host->exec_decided ? NULL : "stopped, and no solution takes part (authorize: [process.exec])";
}

/* What is stopped does not hold as what is killed does. */
static const char *remark_of(const struct blocking_host *host, const struct row *row)
{
	const int kind = row->said == SAID_MEMFD      ? BACKSTOP_MEMFD :
			 row->said == SAID_USER_MOUNT ? BACKSTOP_USER_MOUNT :
			 row->said == SAID_ELSEWHERE  ? BACKSTOP_ELSEWHERE :
							-1;

	if (kind < 0 || BACKSTOP_SAID(host->outside, kind) != BACKSTOP_STOP)
		return row->remark;
	return "stopped until solutions have judged it; who may signal or trace it can let it run some ms, and it is killed then";
}

/* What keeps it from being in force; NULL: it is. */
static const char *unsaid(const struct blocking_host *host, enum said said)
{
	const char *why = said == SAID_NONE ? NULL : gate_why(host->gate);

	if (why)
		return why;
	switch (said) {
	case SAID_EXEC:
		if (!host->exec_guarded)
			return "no file system is guarded (gate: exec:)";
		return host->exec_decided ? NULL : "no solution takes part (authorize: [process.exec])";
	case SAID_OPEN:
		if (!host->open_guarded)
			return "no scope of opens is guarded (gate: open:, open_filesystems:)";
		return host->open_decided ? NULL : "no solution takes part (authorize: [file.open])";
	case SAID_NET:
		return host->net_ruled ? NULL : "no solution may set rules (authorize: [net.connect, net.bind, net.send])";
	case SAID_MEMFD:
		return kind_why(host, BACKSTOP_MEMFD, "the operator does not say so (gate: outside: {memfd: kill} or stop)");
	case SAID_USER_MOUNT:
		return kind_why(host, BACKSTOP_USER_MOUNT, "the operator does not say so (gate: outside: {user_mount: kill} or stop)");
	case SAID_ELSEWHERE:
		return kind_why(host, BACKSTOP_ELSEWHERE, "the operator does not say so (gate: outside: {elsewhere: kill} or stop)");
	default:
		return NULL;
	}
}

void blocking_judge(const struct blocking_host *host, enum blocking_row number, struct blocking_answer *ret_answer)
{
	const struct row *row = &rows[number];
	const enum blocking_level otherwise = row->event && host->seen >> row->event & 1 ? BLOCKING_NOTIFY :
											   BLOCKING_UNAVAILABLE;
	struct blocking_answer answer = { .level = otherwise, .possible = otherwise };
	char text[128];
	const char *why = refused(host, row->grant, text);

	if (!why && row->best > BLOCKING_NOTIFY) {
		answer.possible = row->best;
		why = unsaid(host, row->said);
		if (!why)
			answer.level = row->best;
	}
	snprintf(answer.why, sizeof(answer.why), "%s", why ? why : remark_of(host, row));
	*ret_answer = answer;
}

void report_blocking(struct json *json, const struct blocking_host *host)
{
	static const char *const levels[_BLOCKING_LEVEL_N] = { "unavailable", "notify", "block-scope", "block" };
	struct blocking_answer answer;

	json_name(json, "blocking");
	json_begin_array(json);
	for (uint32_t row = 0; row < _BLOCKING_ROW_N; row++) {
		blocking_judge(host, row, &answer);
		json_begin_object(json);
		json_name_string(json, "name", rows[row].name);
		json_name_string(json, "act", rows[row].act);
		json_name_string(json, "level", levels[answer.level]);
		json_name_string(json, "possible", levels[answer.possible]);
		json_name_string(json, "why", answer.why);
		json_end_object(json);
	}
	json_end_array(json);
}
