/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mirror - a solution for tests: each event becomes a finding, or is counted.
 *
 *   mirror report [TYPE...] [below CGROUP]
 *                  a finding per event of these types (all that are granted), with `below` only
 *                  of what processes of that cgroup and those below it do
 *   mirror unguarded
 *                  a finding per execution that began without a verdict
 *   mirror count [TYPE...]
 *                  subscribe and count
 *   mirror tally [TYPE...] [below CGROUP]
 *                  the same, and say the counts of that cgroup: "ready process.exec=7"
 *
 * No finding is given up: when the mailbox is full it waits, and the ring waits with it.
 */
#include <errno.h>
#include <poll.h>
#include <ringfort/client.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BATCH 1000 /* events between looks at everything else */

static const char *below; /* a cgroup, or NULL for all */

static int is_below(const struct ringfort_event *event)
{
	return !below ||
	       strncmp(ringfort_string(event, event->process.cgroup), below, strlen(below)) == 0;
}

static void report(struct ringfort_client *client, const struct ringfort_event *event)
{
	const struct timespec pause_for = { .tv_nsec = 1000000 };
	struct ringfort_finding finding = {
		.size = sizeof(finding),
		.level = RINGFORT_LEVEL_LOW,
		.event = event,
		.rule_id = ringfort_type_info(event->type)->name,
		.title = "seen",
		.count = 1,
	};

	if (event->type == ringfort_type_stream_loss || !is_below(event))
		return;
	while (ringfort_client_report(client, &finding) == -EAGAIN)
		nanosleep(&pause_for, NULL);
}

static void report_unguarded(struct ringfort_client *client, const struct ringfort_event *event)
{
	const struct ringfort_process_exec *exec = ringfort_as_process_exec(event);

	if (exec && exec->flags & 1u << RINGFORT_EXEC_UNGUARDED)
		report(client, event);
}

static uint64_t tallies[RINGFORT_MAX_TYPES];

static void say_tallies(struct ringfort_client *client)
{
	char line[512] = "ready";
	size_t used = strlen(line);

	for (uint32_t type = 1; type < RINGFORT_MAX_TYPES; type++)
		if (tallies[type] && used < sizeof(line))
			used += (size_t)snprintf(line + used, sizeof(line) - used, " %s=%llu",
						 ringfort_type_info(type)->name,
						 (unsigned long long)tallies[type]);
	ringfort_client_say(client, line);
}

static void tally(struct ringfort_client *client, const struct ringfort_event *event)
{
	if (event->type != ringfort_type_stream_loss && is_below(event))
		tallies[event->type]++;
}

static void nothing(struct ringfort_client *client, const struct ringfort_event *event)
{
}

static const struct mode {
	const char *name;
	void (*event)(struct ringfort_client *client, const struct ringfort_event *event);
} modes[] = { { "report", report }, { "tally", tally }, { "count", nothing }, { "unguarded", report_unguarded } };

static int loop(struct ringfort_client *client, const struct mode *mode)
{
	struct pollfd wake = { .fd = ringfort_client_fd(client), .events = POLLIN };
	const struct ringfort_event *event;
	time_t said = 0;
	int r = 0, n;

	for (;;) {
		for (n = 0; n < BATCH && (r = ringfort_client_next(client, &event)) == 1; n++)
			mode->event(client, event);
		if (r < 0)
			return r == -EPIPE ? 0 : 1;
		if (ringfort_client_reload_wanted(client))
			ringfort_client_reload_done(client, NULL);
		if (n < BATCH)
			poll(&wake, 1, 100);
		if (mode->event == tally && time(NULL) != said) {
			said = time(NULL);
			say_tallies(client);
		}
	}
}

int main(int argc, char **argv)
{
	const struct mode *mode = &modes[2];
	struct ringfort_client *client;
	uint64_t types = 0;
	int r;

	r = ringfort_client_open(&client);
	if (r < 0) {
		fprintf(stderr, "mirror: cannot open the client: %s\n", strerror(-r));
		return 1;
	}
	for (size_t i = 0; argc > 1 && i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strcmp(argv[1], modes[i].name) == 0)
			mode = &modes[i];
	for (int i = 2; i < argc; i++) {
		if (strcmp(argv[i], "below") == 0 && i + 1 < argc)
			below = argv[++i];
		else
			types |= 1ull << ringfort_type_by_name(argv[i]);
	}
	if (!types)
		types = ringfort_client_granted(client);
	r = ringfort_client_subscribe(client, types & ringfort_client_granted(client));
	if (r < 0)
		return 1;
	/* So that a test which sees this line knows that the hooks are there. */
	if (ringfort_client_barrier(client, 5000) == 0)
		ringfort_client_say(client, "ready");
	r = loop(client, mode);
	ringfort_client_close(client);
	return r;
}
