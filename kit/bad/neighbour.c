/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Neighbour - the solution beside the one that the conformance kit tries.
 *
 * It changes what it subscribes to and waits for barriers, again and again, so that hooks come and go and
 * the sensor drains at moments that the other one did not choose.  It says "ROUNDS rounds", or which call
 * failed, and then reads on.
 */
#include <poll.h>
#include <ringfort/client.h>
#include <stdio.h>
#include <string.h>

#define ROUNDS 3   /* two subscriptions each: what ringfortd takes at once without slowing us down */
#define BARRIERS 5 /* after each */
#define PATIENCE_MS 5000

static struct ringfort_client *client;

static int wait_for_barriers(void)
{
	int r = 0;

	for (int i = 0; i < BARRIERS && r == 0; i++)
		r = ringfort_client_barrier(client, PATIENCE_MS);
	return r;
}

static int change(uint64_t types)
{
	int r = ringfort_client_subscribe(client, types);

	return r < 0 ? r : wait_for_barriers();
}

static int all_rounds(void)
{
	int r = 0;

	for (int i = 0; i < ROUNDS && r == 0; i++) {
		r = change(ringfort_client_granted(client));
		if (r == 0)
			r = change(0);
	}
	return r;
}

static void say_how_it_went(int r)
{
	char line[64];

	if (r < 0)
		snprintf(line, sizeof(line), "failed: %s", strerror(-r));
	else
		snprintf(line, sizeof(line), "%d rounds", ROUNDS);
	ringfort_client_say(client, line);
}

int main(void)
{
	const struct ringfort_event *event;
	struct pollfd wake = { .events = POLLIN };
	int r;

	if (ringfort_client_open(&client) < 0)
		return 1;
	say_how_it_went(all_rounds());
	wake.fd = ringfort_client_fd(client);
	do {
		poll(&wake, 1, -1);
		while ((r = ringfort_client_next(client, &event)) == 1)
			continue;
	} while (r == 0);
	ringfort_client_close(client);
	return 0;
}
