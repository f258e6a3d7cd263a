/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Example - a whole solution that decides: nothing is executed that others may write to, nor, where the operator
 * asks it about opens too, opened.
 *
 *   cc -std=c99 -o example-verdict example-verdict.c $(pkg-config --cflags --libs libringfort)
 *
 * Beside it in its folder stands manifest.yaml, with these lines more than that of example.c:
 *
 *   authorize: [process.exec]
 *   miss: fail-open
 */
#include <poll.h>
#include <ringfort/verdict.h>
#include <stddef.h>

/* What root or the owner changes is trusted; what anybody can change may be anything by now. */
static enum ringfort_verdict judge(const struct ringfort_request *request)
{
	return request->mode & 002 ? RINGFORT_VERDICT_DENY : RINGFORT_VERDICT_ALLOW;
}

int main(void)
{
	const struct ringfort_request *request;
	const struct ringfort_event *event;
	struct ringfort_client *client;
	struct pollfd wake = { -1, POLLIN, 0 };
	int r;

	if (ringfort_client_open(&client) < 0 ||
	    /* A mode is told with the request; who hashes what is executed wants the file too. */
	    ringfort_client_without_files(client, ringfort_client_authorizable(client)) < 0 ||
	    ringfort_client_authorize(client, ringfort_client_authorizable(client)) < 0)
		return 1;
	wake.fd = ringfort_client_fd(client);
	for (;;) {
		/* The mode is a part of what the answer is remembered for: changing it asks again. */
		while (ringfort_client_next_request(client, &request) == 1)
			ringfort_client_answer(client, request->id, judge(request),
					       RINGFORT_ANSWER_REMEMBER);
		/* No event was subscribed, and yet: this shows that we live, and tells the end. */
		while ((r = ringfort_client_next(client, &event)) == 1)
			continue;
		if (r < 0)
			break;
		poll(&wake, 1, -1);
	}
	ringfort_client_close(client);
	return 0;
}
