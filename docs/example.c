/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Example - a whole solution: reports every program that was executed from /dev/shm.
 *
 *   cc -std=c99 -o example example.c $(pkg-config --cflags --libs libringfort)
 *
 * Beside it in its folder stands manifest.yaml:
 *
 *   name: example
 *   vendor: Example
 *   version: 1.0.0
 *   api: 1
 *   executable: example
 *   events: [process.exec]
 */
#include <poll.h>
#include <ringfort/client.h>
#include <stddef.h>
#include <string.h>

static void look(struct ringfort_client *client, const struct ringfort_event *event)
{
	const struct ringfort_process_exec *exec = ringfort_as_process_exec(event);
	struct ringfort_matched matched = { "file", NULL };
	struct ringfort_finding finding = { sizeof(finding), RINGFORT_LEVEL_HIGH };

	/* Another type is the loss of events; a failed attempt executed nothing. */
	if (!exec || exec->error)
		return;
	matched.value = ringfort_string(event, exec->file.path);
	if (strncmp(matched.value, "/dev/shm/", 9) != 0)
		return;
	finding.event = event;
	finding.rule_id = "example-1";
	finding.title = "A program was executed from shared memory";
	finding.matched = &matched;
	finding.n_matched = 1;
	finding.count = 1;
	ringfort_client_report(client, &finding);
}

int main(void)
{
	struct ringfort_client *client;
	const struct ringfort_event *event;
	struct pollfd wake = { -1, POLLIN, 0 };
	int r;

	if (ringfort_client_open(&client) < 0 ||
	    ringfort_client_subscribe(client, (uint64_t)1 << ringfort_type_process_exec) < 0)
		return 1;
	wake.fd = ringfort_client_fd(client);
	for (;;) {
		while ((r = ringfort_client_next(client, &event)) == 1)
			look(client, event);
		if (r < 0) /* ringfortd has ended the stream */
			break;
		poll(&wake, 1, -1);
	}
	ringfort_client_close(client);
	return 0;
}
