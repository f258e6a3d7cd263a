/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Content probe - new content is opened first by a throw-away process.
 *
 * The solution's own program in its own sandbox, with another user and no channel: it loads what
 * is in the folder and says by its exit status whether that went well.  Whatever the content does
 * to it, the running solution has not seen it yet.
 */
#include "ringfortd/supervisor.h"

#include "base/cleanup.h"
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PROBE_SECONDS 20
#define PROBE_TEXT 900 /* of what it prints: the reasons stand first */

static void answer(struct unit *unit, int result, const char *text)
{
	struct message message = { .kind = MESSAGE_PROBED, .slot = unit->slot, .result = result };

	snprintf(message.text, sizeof(message.text), "%s", text);
	supervisor_tell_control(unit->supervisor, &message, NULL, 0);
}

void content_probe_done(struct unit *unit)
{
	struct content_probe *probe = &unit->probe;

	if (probe->ended)
		event_free(probe->ended);
	if (probe->printed)
		event_free(probe->printed);
	probe->ended = probe->printed = NULL;
	throwaway_done(&probe->run);
	probe->run = THROWAWAY_NONE;
	gate_keeper_own(&unit->supervisor->gate, probe->born, false);
	probe->born = 0;
}

/* result 0 well; 1 parts were refused, the rest loads; below 0 it cannot be used */
static int judge(const struct unit *unit, const char *printed, char *text, size_t size)
{
	const struct throwaway *run = &unit->probe.run;

	if (run->timed_out)
		snprintf(text, size, "the content was not loaded within %d s\n%s", PROBE_SECONDS, printed);
	else if (run->out_of_memory)
		snprintf(text, size, "loading the content took more memory than the limit of %u MiB\n%s",
			 unit->manifest.memory_mb, printed);
	else if (run->exit.signal)
		snprintf(text, size, "loading the content ended by signal %d\n%s", run->exit.signal,
			 printed);
	else
		snprintf(text, size, "%s", printed);
	if (run->timed_out || run->out_of_memory || run->exit.signal || run->exit.code > 1)
		return -ECANCELED;
	return run->exit.code;
}

/* What foreign code printed, without what would move a cursor. */
static void make_printable(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' && *text != '\n')
			*text = ' ';
}

static void on_probe(evutil_socket_t fd, short what, void *userdata)
{
	struct unit *unit = userdata;
	struct throwaway *run = &unit->probe.run;
	char text[1024];
	int result, r;

	r = throwaway_process(run, supervisor_now_ns());
	/* It closes the pipe at its end; the event must go before the number is used again. */
	if (run->spawned.output < 0 && unit->probe.printed) {
		event_free(unit->probe.printed);
		unit->probe.printed = NULL;
	}
	if (r == 0)
		return;
	make_printable(run->output);
	result = r < 0 ? r : judge(unit, run->output, text, sizeof(text));
	if (r < 0)
		snprintf(text, sizeof(text), "%s", strerror(-r));
	content_probe_done(unit);
	answer(unit, result, text);
}

/* As in units.c: we wait until it executes. */
static void on_born(void *userdata, pid_t pid)
{
	struct unit *unit = userdata;

	unit->probe.born = pid;
	gate_keeper_own(&unit->supervisor->gate, pid, true);
}

static int start(struct unit *unit)
{
	const struct timeval patience = { .tv_sec = PROBE_SECONDS, .tv_usec = 10000 };
	struct supervisor *supervisor = unit->supervisor;
	struct content_probe *probe = &unit->probe;
	static struct unit_plan plan;
	const char *step = "prepare";
	char name[PLAIN_NAME_SIZE + 8];
	int r;

	snprintf(name, sizeof(name), "%s+probe", unit->manifest.name);
	r = unit_plan(unit, PLAN_PROBE, &plan);
	if (r < 0)
		return r;
	plan.plan.options.born = on_born;
	plan.plan.options.userdata = unit;
	r = throwaway_start(&probe->run, supervisor->cgroups, name, &plan.plan.limits,
			    &plan.plan.options, PROBE_SECONDS * 1000, PROBE_TEXT, &step);
	if (r < 0) {
		log_error("solution %s: cannot try its content: %s: %s", unit->manifest.name, step,
			  strerror(-r));
		return r;
	}
	probe->ended = event_new(supervisor->base, probe->run.spawned.pidfd, EV_READ | EV_PERSIST,
				 on_probe, unit);
	probe->printed = event_new(supervisor->base, probe->run.spawned.output, EV_READ | EV_PERSIST,
				   on_probe, unit);
	if (!probe->ended || !probe->printed || event_add(probe->ended, &patience) < 0 ||
	    event_add(probe->printed, NULL) < 0)
		return -ENOMEM;
	return 0;
}

void content_probe_start(struct unit *unit)
{
	int r;

	if (unit->probe.ended) /* one is under way, and answers for all who wait */
		return;
	if (unit->manifest.probe_arguments.n == 0) {
		answer(unit, 0, "");
		return;
	}
	r = start(unit);
	if (r < 0) {
		content_probe_done(unit);
		answer(unit, r, strerror(-r));
	}
}
