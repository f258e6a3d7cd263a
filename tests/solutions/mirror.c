/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mirror - a solution for tests: each event becomes a finding, or is only counted.
 *
 *   mirror report [TYPE...] [below CGROUP]
 *                  a finding per event of these types (all that are granted), with `below` only
 *                  of what processes of that cgroup and those below it do
 *   mirror count [TYPE...]
 *                  subscribe and count
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

static int loop(struct ringfort_client *client, int reports)
{
	struct pollfd wake = { .fd = ringfort_client_fd(client), .events = POLLIN };
	const struct ringfort_event *event;
	int r;

	for (;;) {
		while ((r = ringfort_client_next(client, &event)) == 1)
			if (reports)
				report(client, event);
		if (r < 0)
			return r == -EPIPE ? 0 : 1;
		if (ringfort_client_reload_wanted(client))
			ringfort_client_reload_done(client, NULL);
		poll(&wake, 1, 100);
	}
}

int main(int argc, char **argv)
{
	int reports = argc > 1 && strcmp(argv[1], "report") == 0;
	struct ringfort_client *client;
	uint64_t types = 0;
	int r;

	r = ringfort_client_open(&client);
	if (r < 0) {
		fprintf(stderr, "mirror: cannot open the client: %s\n", strerror(-r));
		return 1;
	}
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
	r = loop(client, reports);
	ringfort_client_close(client);
	return r;
}
