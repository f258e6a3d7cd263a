/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tally - a solution that counts the events of one program's folder, for the exactness of loss.
 *
 *   tally PREFIX      of events whose process' executable begins with PREFIX
 *
 * At most ten times a second it says how many of which type it got: name=number, with a space
 * between them.
 */
#include <poll.h>
#include <ringfort/client.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define INTERVAL_MS 100

struct tally {
	uint64_t counts[RINGFORT_MAX_TYPES];
	uint64_t said_ms;
	int changed;
};

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void count(struct tally *tally, const struct ringfort_event *event, const char *prefix)
{
	const char *exe = ringfort_string(event, event->process.exe);

	if (strncmp(exe, prefix, strlen(prefix)) != 0)
		return;
	tally->counts[event->type]++;
	tally->changed = 1;
}

static void say(struct tally *tally, struct ringfort_client *client)
{
	uint64_t now = now_ms();
	char line[512];
	size_t length = 0;

	if (!tally->changed || now - tally->said_ms < INTERVAL_MS)
		return;
	tally->said_ms = now;
	for (uint32_t type = 1; type < RINGFORT_MAX_TYPES; type++)
		if (tally->counts[type] && length < sizeof(line) - 64)
			length += (size_t)snprintf(line + length, sizeof(line) - length, "%s=%llu ",
						   ringfort_type_info(type)->name,
						   (unsigned long long)tally->counts[type]);
	line[length] = '\0';
	if (ringfort_client_say(client, line) == 0)
		tally->changed = 0;
}

int main(int argc, char **argv)
{
	const struct ringfort_event *event;
	struct ringfort_client *client;
	struct tally tally = { 0 };
	struct pollfd wake;
	int r;

	if (argc != 2 || ringfort_client_open(&client) < 0)
		return 1;
	if (ringfort_client_subscribe(client, ringfort_client_granted(client)) < 0)
		return 1;
	if (ringfort_client_barrier(client, 5000) == 0)
		ringfort_client_say(client, "ready");
	wake = (struct pollfd){ .fd = ringfort_client_fd(client), .events = POLLIN };
	for (;;) {
		while ((r = ringfort_client_next(client, &event)) == 1)
			count(&tally, event, argv[1]);
		if (r < 0)
			break;
		say(&tally, client);
		poll(&wake, 1, INTERVAL_MS);
		if (ringfort_client_reload_wanted(client))
			ringfort_client_reload_done(client, NULL);
	}
	ringfort_client_close(client);
	return 0;
}
