/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Straw - a gate and a sensor of straw for the tests of the client, with everything that ringfortd gives.
 *
 * What the gate says is said by the test itself or, where the two have to run at once, by a script in a
 * process of its own.
 */
#ifndef RINGFORT_SDK_STRAW_H
#define RINGFORT_SDK_STRAW_H

#include <ringfort/verdict.h>

#include "ring/ask.h"
#include "ring/broadcast.h"
#include "ring/mailbox.h"

#include <poll.h>
#include <stdbool.h>
#include <sys/types.h>

#define BIT(type) (1ull << ringfort_type_##type)
#define EXEC (1u << RINGFORT_ACT_EXEC)
#define OPEN (1u << RINGFORT_ACT_OPEN)

struct straw {
	/* the gate's and the sensor's */
	struct ring_writer *ring;
	struct mailbox_writer *requests;
	struct mailbox_reader *answers;
	int files_fd, gate_fd, wake_fd;
	uint64_t n_events;
	/* the solution's */
	struct ringfort_client *client;
	struct pollfd wake;
	int inherited[7]; /* in the order of RINGFORT_CHANNEL and RINGFORT_ASK */
	uint32_t net_granted;
};

/* straw_setup() opens the client, which subscribes file.unlink; straw_channel() makes its channel alone */
void straw_setup(struct straw *f, uint32_t granted);
void straw_setup_net(struct straw *f, uint32_t granted, uint32_t net_granted);
void straw_teardown(struct straw *f);
void straw_channel(struct straw *f);

/* Run a script in another process; its assertions count as those of straw_played(). */
pid_t straw_play(struct straw *f, void (*script)(struct straw *f));
void straw_played(pid_t pid);

/* The gate; straw_hear() waits for what the solution says. */
void straw_ask(struct straw *f, uint64_t id);
void straw_ask_with_file(struct straw *f, uint64_t id, const char *path);
void straw_put_request(struct straw *f, uint64_t id, uint32_t flags);
void straw_send_fd(struct straw *f, uint64_t id, int fd);
void straw_wake(struct straw *f);
struct mailbox_message straw_hear(struct straw *f, uint32_t kind);
struct ask_answer straw_hear_answer(struct straw *f);

/* The sensor: a file.unlink. */
void straw_publish(struct straw *f);

/* The solution: is its descriptor readable, is there a request, an event? */
bool straw_readable(struct straw *f, int timeout_ms);
int straw_request_now(struct straw *f);
int straw_event_now(struct straw *f);

#endif
