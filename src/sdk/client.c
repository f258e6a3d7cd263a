/* SPDX-License-Identifier: Apache-2.0 */
/* Client - ties the ring's reader and the mailbox's writer together for a solution. */
#include "sdk/client-internal.h"

#include "base/cleanup.h"
#include "ring/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

_public_ struct ringfort_client *ringfort_client_close(struct ringfort_client *client)
{
	if (client) {
		ring_reader_close(client->ring);
		mailbox_writer_close(client->mailbox);
		mutes_free(client->mutes);
		requests_close(client->requests);
		wake_done(&client->wake);
		free(client);
	}
	return NULL;
}

static void client_closep(struct ringfort_client **client)
{
	ringfort_client_close(*client);
}

/* The numbers in RINGFORT_CHANNEL; the descriptors become ours. */
static int read_channel(int *ret_ring, int *ret_mailbox, int *ret_wake, unsigned int *ret_slot)
{
	const char *text = getenv(CHANNEL_VARIABLE);
	int ring, mailbox, wake;
	unsigned int slot;

	if (!text || sscanf(text, CHANNEL_FORMAT, &ring, &mailbox, &wake, &slot) != 4)
		return -ENOTCONN;
	if (fcntl(ring, F_SETFD, FD_CLOEXEC) < 0 || fcntl(mailbox, F_SETFD, FD_CLOEXEC) < 0 ||
	    fcntl(wake, F_SETFD, FD_CLOEXEC) < 0 || fcntl(wake, F_SETFL, O_NONBLOCK) < 0)
		return -ENOTCONN;
	*ret_ring = ring;
	*ret_mailbox = mailbox;
	*ret_wake = wake;
	*ret_slot = slot;
	return 0;
}

_public_ int ringfort_client_open(struct ringfort_client **ret_client)
{
	_cleanup_(client_closep) struct ringfort_client *client = NULL;
	_cleanup_(closep) int ring = -1;
	_cleanup_(closep) int mailbox = -1;
	int r;

	client = calloc(1, sizeof(*client));
	if (!client)
		return -ENOMEM;
	client->wake = WAKE_NONE;
	r = read_channel(&ring, &mailbox, &client->wake.pipe, &client->slot);
	if (r < 0)
		return r;
	client->mutes = mutes_new();
	if (!client->mutes)
		return -ENOMEM;
	r = ring_reader_open(&client->ring, ring);
	if (r < 0)
		return r;
	r = mailbox_writer_open(&client->mailbox, mailbox);
	if (r < 0)
		return r;
	r = requests_open(&client->requests);
	if (r == 0 && client->requests)
		r = wake_share(&client->wake);
	if (r < 0)
		return r;
	client->progress = mailbox_progress_now(client->mailbox);
	client->progress->position = ring_reader_position(client->ring);
	client->generation = mailbox_wanted(client->mailbox);
	*ret_client = take_ptr(client);
	return 0;
}

_public_ int ringfort_client_fd(const struct ringfort_client *client)
{
	return wake_fd(&client->wake);
}

_public_ uint64_t ringfort_client_granted(const struct ringfort_client *client)
{
	return ring_reader_granted(client->ring);
}

_public_ int ringfort_client_subscribe(struct ringfort_client *client, uint64_t types)
{
	int r;

	if (types & ~ring_reader_granted(client->ring))
		return -EACCES;
	r = mailbox_put(client->mailbox, MAILBOX_SUBSCRIBE, &types, sizeof(types), NULL, 0);
	if (r < 0)
		return r;
	client->subscribed = true;
	client->types = types;
	ring_reader_want(client->ring, types);
	return 0;
}

_public_ int ringfort_client_mute(struct ringfort_client *client, enum ringfort_mute what,
				  const char *value)
{
	return mutes_add(client->mutes, what, value);
}

_public_ int ringfort_client_unmute(struct ringfort_client *client, enum ringfort_mute what,
				    const char *value)
{
	return mutes_remove(client->mutes, what, value);
}

static void tell_progress(struct ringfort_client *client)
{
	struct mailbox_progress *progress = client->progress;

	progress->position = ring_reader_position(client->ring);
	client->told_lost = ring_reader_lost_in_all(client->ring);
	for (uint32_t type = 1; type < RINGFORT_MAX_TYPES; type++)
		progress->n_lost[type] = ring_reader_lost(client->ring, type);
}

/* stream.loss and what was subscribed; acts of our own self-test are nobody's business. */
static bool deliverable(const struct ringfort_client *client, const struct ringfort_event *event)
{
	if (event->flags & RINGFORT_FLAG_SELFTEST)
		return false;
	return event->type == ringfort_type_stream_loss || client->types & 1ull << event->type;
}

/*
 * Drain first, look again: a byte that comes in between is not missed.  While a request waits the
 * descriptor has to stay readable, and there is nothing to drain for.
 */
static int drain_and_look_again(struct ringfort_client *client, const struct ringfort_event **ret_event)
{
	int r;

	if (requests_waiting(client->requests))
		return 0;
	wake_drain(&client->wake);
	r = ring_reader_next(client->ring, ret_event);
	if (requests_waiting(client->requests))
		wake_arm(&client->wake);
	return r;
}

_public_ int ringfort_client_next(struct ringfort_client *client,
				  const struct ringfort_event **ret_event)
{
	struct mailbox_progress *progress = client->progress;
	const struct ringfort_event *event;
	int r;

	progress->n_turns++;
	for (;;) {
		r = ring_reader_next(client->ring, &event);
		if (r == 0)
			r = drain_and_look_again(client, &event);
		if (r <= 0) {
			tell_progress(client);
			return r;
		}
		/* Now, not at the end of the ring: who loses may never come there. */
		if (ring_reader_lost_in_all(client->ring) != client->told_lost)
			tell_progress(client);
		if (!deliverable(client, event))
			continue;
		if (mutes_match(client->mutes, event)) {
			progress->n_muted[event->type]++;
			continue;
		}
		progress->n_delivered[event->type]++;
		progress->position = ring_reader_position(client->ring);
		*ret_event = event;
		return 1;
	}
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

_public_ int ringfort_client_barrier(struct ringfort_client *client, unsigned int timeout_ms)
{
	const struct timespec pause = { .tv_nsec = 500000 };
	uint64_t begin_ns = now_ns(), token = begin_ns;
	int r;

	if (token <= client->token)
		token = client->token + 1;
	r = mailbox_put(client->mailbox, MAILBOX_BARRIER, &token, sizeof(token), NULL, 0);
	if (r < 0)
		return r;
	client->token = token;
	/* This very one: the ring keeps what an earlier life of this solution was told, and may be told late. */
	while (ring_reader_barrier(client->ring, client->slot) != token) {
		if (now_ns() - begin_ns >= timeout_ms * UINT64_C(1000000))
			return -ETIMEDOUT;
		nanosleep(&pause, NULL);
	}
	return 0;
}

_public_ int ringfort_client_report(struct ringfort_client *client,
				    const struct ringfort_finding *finding)
{
	int n = finding_encode(finding, client->finding);
	int r;

	if (n < 0)
		return n;
	r = mailbox_put(client->mailbox, MAILBOX_FINDING, client->finding, (size_t)n, NULL, 0);
	if (r < 0)
		client->progress->n_refused++;
	else
		client->progress->n_reported++;
	return r;
}

_public_ int ringfort_client_say(struct ringfort_client *client, const char *line)
{
	return mailbox_put(client->mailbox, MAILBOX_SAY, line, strnlen(line, 512), NULL, 0);
}

_public_ int ringfort_client_reload_wanted(struct ringfort_client *client)
{
	return mailbox_wanted(client->mailbox) != client->generation;
}

_public_ int ringfort_client_reload_done(struct ringfort_client *client, const char *reason)
{
	uint64_t generation = mailbox_wanted(client->mailbox);
	int r;

	/* First: an answer that was remembered under the old content is no longer ours. */
	r = requests_renew(client->requests);
	if (r < 0)
		return r;
	r = mailbox_put(client->mailbox, MAILBOX_RELOADED, &generation, sizeof(generation),
			reason ? reason : "", reason ? strnlen(reason, 512) : 0);
	if (r == 0)
		client->generation = generation;
	return r;
}

_public_ int ringfort_client_statistics(const struct ringfort_client *client,
					struct ringfort_statistics *ret_statistics)
{
	const struct mailbox_progress *progress = client->progress;
	struct ringfort_statistics now = { .size = sizeof(now) };

	if (ret_statistics->size < sizeof(now))
		return -EINVAL;
	for (uint32_t type = 1; type < RINGFORT_MAX_TYPES; type++) {
		now.n_delivered[type] = progress->n_delivered[type];
		now.n_lost[type] = ring_reader_lost(client->ring, type);
		now.n_muted[type] = progress->n_muted[type];
	}
	now.n_reported = progress->n_reported;
	now.n_refused = progress->n_refused;
	*ret_statistics = now;
	return 0;
}
