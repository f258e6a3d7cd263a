/* SPDX-License-Identifier: Apache-2.0 */
/* The client against a ring, a mailbox and a pipe as ringfortd makes them, in one process. */
#undef NDEBUG
#include <ringfort/client.h>

#include "event/finding.h"
#include "ring/broadcast.h"
#include "ring/channel.h"
#include "ring/mailbox.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BIT(type) (1ull << ringfort_type_##type)

struct fixture {
	struct ring_writer *ring;
	struct mailbox_reader *mailbox;
	struct ringfort_client *client;
	int ring_fd, mailbox_fd, wake_fd;
	uint64_t seq[RINGFORT_MAX_TYPES];
};

static void setup(struct fixture *f, uint64_t granted)
{
	int reader, wake[2];
	char text[64];

	memset(f, 0, sizeof(*f));
	assert(ring_create(RING_MIN_BYTES, granted | BIT(stream_loss), &f->ring_fd, &reader) == 0);
	assert(ring_writer_open(&f->ring, f->ring_fd) == 0);
	assert(mailbox_create(&f->mailbox_fd) == 0);
	assert(mailbox_reader_open(&f->mailbox, f->mailbox_fd) == 0);
	assert(pipe2(wake, O_CLOEXEC | O_NONBLOCK) == 0);
	f->wake_fd = wake[1];
	snprintf(text, sizeof(text), CHANNEL_FORMAT, reader, dup(f->mailbox_fd), wake[0], 7u);
	assert(setenv(CHANNEL_VARIABLE, text, 1) == 0);
	assert(ringfort_client_open(&f->client) == 0);
}

static void teardown(struct fixture *f)
{
	assert(ringfort_client_close(f->client) == NULL);
	ring_writer_close(f->ring);
	mailbox_reader_close(f->mailbox);
	close(f->ring_fd);
	close(f->mailbox_fd);
	close(f->wake_fd);
}

/* An unlink of this path by this executable in this cgroup. */
static void publish(struct fixture *f, const char *path, const char *exe, const char *cgroup,
		    uint32_t file_flags, uint8_t flags)
{
	static _Alignas(64) unsigned char memory[4096];
	struct ringfort_event *event = (void *)memory;
	struct ringfort_file_unlink *act = (void *)(event + 1);
	const char *strings[] = { path, exe, cgroup };
	struct ringfort_span *spans[] = { &act->file.path, &event->process.exe,
					  &event->process.cgroup };
	uint32_t at = sizeof(*event) + sizeof(*act);

	memset(memory, 0, sizeof(memory));
	for (int i = 0; i < 3; i++) {
		spans[i]->offset = at;
		spans[i]->length = (uint32_t)strlen(strings[i]);
		strcpy((char *)memory + at, strings[i]);
		at += spans[i]->length + 1;
	}
	act->file.flags = file_flags;
	event->type = ringfort_type_file_unlink;
	event->flags = flags;
	event->size = (at + 7) & ~7u;
	event->seq = ++f->seq[event->type];
	assert(ringfort_event_check(event, event->size) == 0);
	ring_writer_append(f->ring, event);
	assert(write(f->wake_fd, "", 1) == 1);
}

static int next(struct fixture *f)
{
	const struct ringfort_event *event;

	return ringfort_client_next(f->client, &event);
}

static struct mailbox_message take(struct fixture *f, uint32_t kind)
{
	struct mailbox_message message;

	assert(mailbox_take(f->mailbox, &message) == 1);
	assert(message.kind == kind);
	return message;
}

static void without_a_channel_it_says_so(void)
{
	struct ringfort_client *client;

	unsetenv(CHANNEL_VARIABLE);
	assert(ringfort_client_open(&client) == -ENOTCONN);
	setenv(CHANNEL_VARIABLE, "900,901,902,0", 1);
	assert(ringfort_client_open(&client) == -ENOTCONN);
}

static void only_what_is_granted_can_be_subscribed(void)
{
	struct fixture f;
	uint64_t types;

	setup(&f, BIT(file_unlink));
	assert(ringfort_client_subscribe(f.client, BIT(process_exec)) == -EACCES);
	assert(ringfort_client_granted(f.client) == (BIT(file_unlink) | BIT(stream_loss)));
	assert(ringfort_client_subscribe(f.client, BIT(file_unlink)) == 0);
	memcpy(&types, take(&f, MAILBOX_SUBSCRIBE).data, sizeof(types));
	assert(types == BIT(file_unlink));
	teardown(&f);
}

static void the_descriptor_is_readable_exactly_while_there_is_news(void)
{
	struct pollfd wake;
	struct fixture f;

	setup(&f, BIT(file_unlink));
	assert(ringfort_client_subscribe(f.client, BIT(file_unlink)) == 0);
	wake = (struct pollfd){ .fd = ringfort_client_fd(f.client), .events = POLLIN };
	assert(poll(&wake, 1, 0) == 0);
	publish(&f, "/x", "/bin/rm", "/", 0, 0);
	assert(poll(&wake, 1, 0) == 1);
	assert(next(&f) == 1);
	assert(next(&f) == 0);
	assert(poll(&wake, 1, 0) == 0);
	teardown(&f);
}

static void what_is_not_subscribed_or_our_own_test_is_not_delivered(void)
{
	struct ringfort_statistics statistics = { .size = sizeof(statistics) };
	struct fixture f;

	setup(&f, BIT(file_unlink));
	publish(&f, "/x", "/bin/rm", "/", 0, 0);
	assert(next(&f) == 0);
	assert(ringfort_client_subscribe(f.client, BIT(file_unlink)) == 0);
	publish(&f, "/x", "/bin/rm", "/", 0, RINGFORT_FLAG_SELFTEST);
	assert(next(&f) == 0);
	assert(ringfort_client_statistics(f.client, &statistics) == 0);
	assert(statistics.n_delivered[ringfort_type_file_unlink] == 0);
	assert(statistics.n_lost[ringfort_type_file_unlink] == 0);
	statistics.size = 8;
	assert(ringfort_client_statistics(f.client, &statistics) == -EINVAL);
	teardown(&f);
}

static void mutes_fit_what_they_say_and_are_counted(void)
{
	struct ringfort_statistics statistics = { .size = sizeof(statistics) };
	struct fixture f;

	setup(&f, BIT(file_unlink));
	assert(ringfort_client_subscribe(f.client, BIT(file_unlink)) == 0);
	assert(ringfort_client_mute(f.client, RINGFORT_MUTE_EXECUTABLE, "/bin/rm") == 0);
	publish(&f, "/x", "/bin/rm", "/", 0, 0);
	assert(next(&f) == 0);
	publish(&f, "/x", "/bin/rmdir", "/", 0, 0);
	assert(next(&f) == 1);
	assert(ringfort_client_mute(f.client, RINGFORT_MUTE_PATH_PREFIX, "/var/") == 0);
	publish(&f, "/var/log/x", "/bin/y", "/", 0, 0);
	assert(next(&f) == 0);
	/* another namespace's /var/log may be anything */
	publish(&f, "/var/log/x", "/bin/y", "/", 1u << RINGFORT_FILE_FOREIGN_NS, 0);
	assert(next(&f) == 1);
	assert(ringfort_client_mute(f.client, RINGFORT_MUTE_CGROUP, "/a/b") == 0);
	publish(&f, "/x", "/bin/y", "/a/b/c", 0, 0);
	assert(next(&f) == 0);
	publish(&f, "/x", "/bin/y", "/a/bc", 0, 0);
	assert(next(&f) == 1);
	assert(ringfort_client_mute(f.client, RINGFORT_MUTE_TYPE, "file.unlink") == 0);
	publish(&f, "/x", "/bin/y", "/", 0, 0);
	assert(next(&f) == 0);
	assert(ringfort_client_unmute(f.client, RINGFORT_MUTE_TYPE, "file.unlink") == 0);
	publish(&f, "/x", "/bin/y", "/", 0, 0);
	assert(next(&f) == 1);
	assert(ringfort_client_unmute(f.client, RINGFORT_MUTE_TYPE, "file.unlink") == -ENOENT);
	assert(ringfort_client_mute(f.client, RINGFORT_MUTE_TYPE, "no.such") == -EINVAL);
	assert(ringfort_client_mute(f.client, RINGFORT_MUTE_EXECUTABLE, "") == -EINVAL);
	assert(ringfort_client_statistics(f.client, &statistics) == 0);
	assert(statistics.n_muted[ringfort_type_file_unlink] == 4);
	assert(statistics.n_delivered[ringfort_type_file_unlink] == 4);
	teardown(&f);
}

static void mutes_are_bounded(void)
{
	struct fixture f;
	char value[16];

	setup(&f, BIT(file_unlink));
	for (int i = 0; i < 256; i++) {
		snprintf(value, sizeof(value), "/bin/%d", i);
		assert(ringfort_client_mute(f.client, RINGFORT_MUTE_EXECUTABLE, value) == 0);
	}
	assert(ringfort_client_mute(f.client, RINGFORT_MUTE_EXECUTABLE, "/bin/0") == 0);
	assert(ringfort_client_mute(f.client, RINGFORT_MUTE_EXECUTABLE, "/bin/more") == -ENOSPC);
	teardown(&f);
}

static void *answer_barrier(void *data)
{
	struct mailbox_message message;
	struct fixture *f = data;
	uint64_t token;

	while (mailbox_take(f->mailbox, &message) != 1)
		usleep(1000);
	assert(message.kind == MAILBOX_BARRIER);
	memcpy(&token, message.data, sizeof(token));
	publish(f, "/before", "/bin/y", "/", 0, 0);
	ring_writer_barrier(f->ring, 7, token);
	return NULL;
}

static void a_barrier_waits_until_what_was_before_it_is_queued(void)
{
	struct fixture f;
	pthread_t daemon;

	setup(&f, BIT(file_unlink));
	assert(ringfort_client_barrier(f.client, 20) == -ETIMEDOUT);
	take(&f, MAILBOX_BARRIER);
	assert(ringfort_client_subscribe(f.client, BIT(file_unlink)) == 0);
	take(&f, MAILBOX_SUBSCRIBE);
	assert(pthread_create(&daemon, NULL, answer_barrier, &f) == 0);
	assert(ringfort_client_barrier(f.client, 5000) == 0);
	pthread_join(daemon, NULL);
	assert(next(&f) == 1);
	teardown(&f);
}

/* The ring keeps what it was told, whatever it named its barriers. */
static void a_barrier_of_an_earlier_life_is_none_of_this_one(void)
{
	static const uint64_t earlier[] = { 1, 2, UINT64_MAX };
	struct fixture f;
	pthread_t daemon;

	setup(&f, BIT(file_unlink));
	for (size_t i = 0; i < sizeof(earlier) / sizeof(earlier[0]); i++) {
		ring_writer_barrier(f.ring, 7, earlier[i]);
		assert(ringfort_client_barrier(f.client, 20) == -ETIMEDOUT);
		take(&f, MAILBOX_BARRIER);
	}
	assert(pthread_create(&daemon, NULL, answer_barrier, &f) == 0);
	assert(ringfort_client_barrier(f.client, 5000) == 0);
	pthread_join(daemon, NULL);
	teardown(&f);
}

static void a_finding_arrives_with_its_event_and_a_full_mailbox_is_counted(void)
{
	struct ringfort_statistics statistics = { .size = sizeof(statistics) };
	static struct finding_decoded decoded;
	const struct ringfort_event *event;
	struct mailbox_message message;
	struct ringfort_finding finding = { .size = sizeof(finding), .count = 1 };
	struct fixture f;
	int r;

	setup(&f, BIT(file_unlink));
	assert(ringfort_client_subscribe(f.client, BIT(file_unlink)) == 0);
	take(&f, MAILBOX_SUBSCRIBE);
	publish(&f, "/x", "/bin/rm", "/", 0, 0);
	assert(ringfort_client_next(f.client, &event) == 1);
	assert(ringfort_client_report(f.client, &finding) == -EINVAL);
	finding.event = event;
	finding.rule_id = "rule";
	finding.title = "title";
	finding.level = RINGFORT_LEVEL_HIGH;
	assert(ringfort_client_report(f.client, &finding) == 0);
	message = take(&f, MAILBOX_FINDING);
	assert(finding_decode(message.data, message.size, &decoded) == 0);
	assert(strcmp(decoded.finding.rule_id, "rule") == 0 && decoded.finding.event->seq == 1);
	while ((r = ringfort_client_report(f.client, &finding)) == 0)
		;
	assert(r == -EAGAIN);
	assert(ringfort_client_statistics(f.client, &statistics) == 0);
	assert(statistics.n_refused == 1 && statistics.n_reported > 1);
	teardown(&f);
}

static void a_reload_is_wanted_until_it_is_done(void)
{
	struct fixture f;

	setup(&f, BIT(file_unlink));
	assert(ringfort_client_reload_wanted(f.client) == 0);
	mailbox_want(f.mailbox, 3);
	assert(ringfort_client_reload_wanted(f.client) == 1);
	assert(ringfort_client_reload_done(f.client, "why not") == 0);
	assert(ringfort_client_reload_wanted(f.client) == 0);
	assert(take(&f, MAILBOX_RELOADED).size == 8 + 7);
	teardown(&f);
}

static void what_was_lost_is_told_before_the_end_of_the_ring_is_reached(void)
{
	struct mailbox_progress progress;
	struct fixture f;

	setup(&f, BIT(file_unlink));
	assert(ringfort_client_subscribe(f.client, BIT(file_unlink)) == 0);
	for (int i = 0; i < 20000; i++) {
		publish(&f, "/x", "/bin/rm", "/", 0, 0);
		if (i % 100 == 0)
			assert(read(ringfort_client_fd(f.client), (char[200]){ 0 }, 200) > 0);
	}
	assert(next(&f) == 1);
	mailbox_read_progress(f.mailbox, &progress);
	assert(progress.n_lost[ringfort_type_file_unlink] > 0);
	teardown(&f);
}

static void the_end_of_the_stream_is_told(void)
{
	struct fixture f;

	setup(&f, BIT(file_unlink));
	ring_writer_end(f.ring);
	assert(next(&f) == -EPIPE);
	teardown(&f);
}

int main(void)
{
	without_a_channel_it_says_so();
	only_what_is_granted_can_be_subscribed();
	the_descriptor_is_readable_exactly_while_there_is_news();
	what_is_not_subscribed_or_our_own_test_is_not_delivered();
	mutes_fit_what_they_say_and_are_counted();
	mutes_are_bounded();
	a_barrier_waits_until_what_was_before_it_is_queued();
	a_barrier_of_an_earlier_life_is_none_of_this_one();
	a_finding_arrives_with_its_event_and_a_full_mailbox_is_counted();
	a_reload_is_wanted_until_it_is_done();
	what_was_lost_is_told_before_the_end_of_the_ring_is_reached();
	the_end_of_the_stream_is_told();
	return 0;
}
