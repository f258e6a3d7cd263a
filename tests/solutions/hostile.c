/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hostile - solutions that abuse what they hold, for the tests of the roles beside them.
 *
 *   hostile chatter | gibberish | barriers | behind
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <ringfort/client.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAILBOX_FD 4

static struct ringfort_client *client;

static void subscribe(void)
{
	if (ringfort_client_open(&client) < 0 ||
	    ringfort_client_subscribe(client, ringfort_client_granted(client)) < 0)
		_exit(1);
}

static const struct ringfort_event *wait_event(void)
{
	struct pollfd wake = { .fd = ringfort_client_fd(client), .events = POLLIN };
	const struct ringfort_event *event;
	int r;

	while ((r = ringfort_client_next(client, &event)) == 0)
		poll(&wake, 1, -1);
	if (r < 0)
		_exit(0);
	return event;
}

/* Prints as fast as the pipe takes it. */
static void chatter(void)
{
	char text[4096];

	memset(text, 'x', sizeof(text));
	subscribe();
	while (write(1, text, sizeof(text)) > 0)
		;
}

/* Says that there is half a message, over and over. */
static void gibberish(void)
{
	volatile uint64_t *tail;
	struct stat st;
	int fd;

	/* The library closes its own once it has mapped it. */
	fd = dup(MAILBOX_FD);
	subscribe();
	if (fd < 0 || fstat(fd, &st) < 0)
		return;
	tail = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (tail == MAP_FAILED)
		return;
	for (usleep(300000);; usleep(15000))
		*tail += 3;
}

/* Each makes the sensor drain. */
static void barriers(void)
{
	subscribe();
	for (;;)
		if (ringfort_client_barrier(client, 0) == 0)
			usleep(1000);
}

/* Reads so slowly that it never comes to the end of the ring. */
static void behind(void)
{
	subscribe();
	for (;;) {
		wait_event();
		usleep(2000);
	}
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} modes[] = { { "chatter", chatter },
		      { "gibberish", gibberish },
		      { "barriers", barriers },
		      { "behind", behind } };

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (argc > 1 && strcmp(argv[1], modes[i].name) == 0)
			modes[i].run();
	return 2;
}
