/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shown - a solution for tests: is shown files that were written to, and says what it saw.
 *
 *   shown             says "ready n=COUNT lost=COUNT bytes=FIRST path=PATH" of the last one
 *   shown hold        takes none: they stay where they are
 */
#include <fcntl.h>
#include <poll.h>
#include <ringfort/client.h>
#include <ringfort/verdict.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static unsigned long long n, n_lost;
static char line[512];
static bool unsaid; /* there was no room for the last one */

static void take(struct ringfort_client *client, const struct ringfort_request *request)
{
	char bytes[33] = "";
	ssize_t got = request->fd < 0 ? -1 : pread(request->fd, bytes, sizeof(bytes) - 1, 0);

	bytes[got < 0 ? 0 : got] = '\0';
	n++;
	n_lost += (request->flags & RINGFORT_REQUEST_LOST) != 0;
	snprintf(line, sizeof(line), "ready n=%llu lost=%llu bytes=%s path=%.300s", n, n_lost, bytes, request->path);
	unsaid = ringfort_client_say(client, line) < 0;
	ringfort_client_answer(client, request->id, RINGFORT_VERDICT_ALLOW, 0);
}

int main(int argc, char **argv)
{
	const int holds = argc > 1 && strcmp(argv[1], "hold") == 0;
	const struct ringfort_request *request;
	const struct ringfort_event *event;
	struct ringfort_client *client;
	struct pollfd wake = { .events = POLLIN };

	if (ringfort_client_open(&client) < 0 ||
	    ringfort_client_authorize(client, 1u << RINGFORT_ACT_MODIFY) < 0)
		return 1;
	ringfort_client_say(client, "ready");
	wake.fd = ringfort_client_fd(client);
	for (;;) {
		int r = 0;

		while (!holds && ringfort_client_next_request(client, &request) == 1)
			take(client, request);
		while ((r = ringfort_client_next(client, &event)) == 1)
			;
		if (r < 0)
			break;
		if (unsaid)
			unsaid = ringfort_client_say(client, line) < 0;
		poll(&wake, 1, 200);
	}
	ringfort_client_close(client);
	return 0;
}
