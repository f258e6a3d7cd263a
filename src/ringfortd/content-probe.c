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
#define PROBE_FIRST_UID 64

static void answer(struct unit *unit, int result, const char *text)
{
	struct message message = { .kind = MESSAGE_PROBED, .slot = unit->slot, .result = result };

	snprintf(message.text, sizeof(message.text), "%s", text);
	supervisor_tell_control(unit->supervisor, &message, NULL, 0);
}

static struct event *drop_event(struct event *event)
{
	if (event)
		event_free(event);
	return NULL;
}

void content_probe_done(struct unit *unit)
{
	struct content_probe *probe = &unit->probe;

	probe->ended = drop_event(probe->ended);
	probe->printed = drop_event(probe->printed);
	probe->late = drop_event(probe->late);
	probe->cgroup = cgroup_free(probe->cgroup);
	spawned_done(&probe->process);
	probe->process = SPAWNED_NONE;
}

/* The beginning of what it prints is kept: the reasons. */
static void on_printed(evutil_socket_t fd, short what, void *userdata)
{
	struct content_probe *probe = userdata;
	char bytes[4096];
	ssize_t n = read((int)fd, bytes, sizeof(bytes));

	if (n <= 0) {
		if (n == 0 || errno != EAGAIN)
			event_del(probe->printed);
		return;
	}
	if ((size_t)n > UNIT_PROBE_TEXT - probe->n_text)
		n = (ssize_t)(UNIT_PROBE_TEXT - probe->n_text);
	for (ssize_t i = 0; i < n; i++)
		if ((unsigned char)bytes[i] < ' ' && bytes[i] != '\n')
			bytes[i] = ' ';
	memcpy(probe->text + probe->n_text, bytes, (size_t)n);
	probe->n_text += (size_t)n;
	probe->text[probe->n_text] = '\0';
}

static void on_late(evutil_socket_t fd, short what, void *userdata)
{
	struct content_probe *probe = userdata;

	probe->too_late = true;
	cgroup_kill(probe->cgroup);
	spawned_kill(&probe->process);
}

/* result 0 well; 1 parts were refused, the rest loads; below 0 it cannot be used */
static void on_ended(evutil_socket_t fd, short what, void *userdata)
{
	struct unit *unit = userdata;
	struct content_probe *probe = &unit->probe;
	char text[UNIT_PROBE_TEXT + 100];
	struct cgroup_usage usage;
	struct spawned_exit end;
	int result;

	if (spawned_reap(&probe->process, &end) != 1)
		return;
	on_printed(probe->process.output, 0, probe);
	cgroup_usage(probe->cgroup, &usage);
	result = end.signal ? -ECANCELED : end.code;
	if (probe->too_late)
		snprintf(text, sizeof(text), "the content was not loaded within %d s; %s",
			 PROBE_SECONDS, probe->text);
	else if (usage.n_oom_kills)
		snprintf(text, sizeof(text), "loading the content took more memory than the limit of %u MiB; %s",
			 unit->manifest.memory_mb, probe->text);
	else if (end.signal)
		snprintf(text, sizeof(text), "loading the content ended by signal %d; %s", end.signal,
			 probe->text);
	else
		snprintf(text, sizeof(text), "%s", probe->text);
	content_probe_done(unit);
	answer(unit, result > 1 ? -ECANCELED : result, text);
}

static int start(struct unit *unit)
{
	const struct timeval patience = { .tv_sec = PROBE_SECONDS };
	struct supervisor *supervisor = unit->supervisor;
	struct content_probe *probe = &unit->probe;
	const struct cgroup_limits limits = unit_limits(unit);
	static struct unit_plan plan;
	const char *step = "prepare";
	char name[PLAIN_NAME_SIZE + 8];
	int r;

	snprintf(name, sizeof(name), "%s+probe", unit->manifest.name);
	r = unit_plan(unit, &unit->manifest.probe_arguments, &plan);
	if (r == 0)
		r = cgroup_new(&probe->cgroup, supervisor->cgroups, name, &limits);
	if (r < 0)
		return r;
	plan.options.cgroup = probe->cgroup;
	plan.options.uid = supervisor->config->uid_first + PROBE_FIRST_UID + unit->slot;
	r = host_spawn(&plan.options, &probe->process, &step);
	if (r < 0) {
		log_error("solution %s: cannot try its content: %s: %s", unit->manifest.name, step,
			  strerror(-r));
		return r;
	}
	probe->n_text = 0;
	probe->text[0] = '\0';
	probe->too_late = false;
	probe->ended = event_new(supervisor->base, probe->process.pidfd, EV_READ | EV_PERSIST, on_ended, unit);
	probe->printed = event_new(supervisor->base, probe->process.output, EV_READ | EV_PERSIST,
				   on_printed, probe);
	probe->late = evtimer_new(supervisor->base, on_late, probe);
	if (!probe->ended || !probe->printed || !probe->late || event_add(probe->ended, NULL) < 0 ||
	    event_add(probe->printed, NULL) < 0 || evtimer_add(probe->late, &patience) < 0)
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
