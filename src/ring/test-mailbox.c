/* SPDX-License-Identifier: Apache-2.0 */
#undef NDEBUG
#include "event/finding.h"
#include "ring/mailbox.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct fixture {
	int fd;
	struct mailbox_writer *writer;
	struct mailbox_reader *reader;
};

static void setup(struct fixture *f)
{
	assert(mailbox_create(&f->fd) == 0);
	assert(mailbox_writer_open(&f->writer, f->fd) == 0);
	assert(mailbox_reader_open(&f->reader, f->fd) == 0);
}

static void teardown(struct fixture *f)
{
	mailbox_writer_close(f->writer);
	mailbox_reader_close(f->reader);
	close(f->fd);
}

static void messages_arrive_in_order_and_whole(void)
{
	static unsigned char text[70000];
	struct mailbox_message message;
	struct fixture f;

	setup(&f);
	for (int i = 0; i < 5000; i++) {
		size_t n = (size_t)(i * 7919 % 70000);

		memset(text, i, sizeof(text));
		assert(mailbox_put(f.writer, MAILBOX_SAY, &i, sizeof(i), text, n) == 0);
		assert(mailbox_take(f.reader, &message) == 1);
		assert(message.kind == MAILBOX_SAY && message.size == sizeof(i) + n);
		assert(memcmp(message.data, &i, sizeof(i)) == 0);
		assert(memcmp((const char *)message.data + sizeof(i), text, n) == 0);
	}
	assert(mailbox_take(f.reader, &message) == 0);
	teardown(&f);
}

static void a_message_waits_until_it_is_taken(void)
{
	struct mailbox_message message;
	struct fixture f;

	setup(&f);
	assert(!mailbox_waiting(f.reader));
	assert(mailbox_put(f.writer, MAILBOX_SAY, NULL, 0, NULL, 0) == 0);
	assert(mailbox_waiting(f.reader));
	assert(mailbox_take(f.reader, &message) == 1);
	assert(!mailbox_waiting(f.reader));
	teardown(&f);
}

static void what_the_reader_keeps_is_unread_for_the_writer_and_does_not_come_again(void)
{
	struct mailbox_message message;
	struct fixture f;
	uint64_t second, all;

	setup(&f);
	for (int i = 0; i < 3; i++)
		assert(mailbox_put(f.writer, MAILBOX_SAY, &i, sizeof(i), NULL, 0) == 0);
	all = mailbox_unread(f.writer);
	assert(mailbox_take(f.reader, &message) == 1);
	second = mailbox_position(f.reader);
	mailbox_hold(f.reader, second);
	for (int i = 1; i < 3; i++) {
		assert(mailbox_take(f.reader, &message) == 1);
		assert(memcmp(message.data, &i, sizeof(i)) == 0);
	}
	assert(mailbox_take(f.reader, &message) == 0 && !mailbox_waiting(f.reader));
	assert(mailbox_read(f.writer) == second && mailbox_unread(f.writer) == all - second);
	assert(mailbox_left(f.reader) == mailbox_unread(f.writer));
	mailbox_hold(f.reader, UINT64_MAX);
	assert(mailbox_unread(f.writer) == 0 && mailbox_read(f.writer) == all && mailbox_left(f.reader) == 0);
	teardown(&f);
}

static void a_full_mailbox_says_so_and_loses_nothing(void)
{
	struct mailbox_message message;
	struct fixture f;
	uint64_t n = 0, i = 0;

	setup(&f);
	while (mailbox_put(f.writer, MAILBOX_BARRIER, &n, sizeof(n), NULL, 0) == 0)
		n++;
	assert(n == MAILBOX_DATA_BYTES / 16);
	for (; mailbox_take(f.reader, &message) == 1; i++)
		assert(memcmp(message.data, &i, sizeof(i)) == 0);
	assert(i == n);
	assert(mailbox_put(f.writer, MAILBOX_BARRIER, &n, MAILBOX_MAX_MESSAGE + 1, NULL, 0) ==
	       -EMSGSIZE);
	teardown(&f);
}

static void noise_over_every_byte_is_survived(void)
{
	struct mailbox_message message;
	struct mailbox_progress progress;
	struct finding_decoded decoded;
	struct stat st;
	struct fixture f;
	unsigned char *map;

	setup(&f);
	assert(fstat(f.fd, &st) == 0);
	map = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, f.fd, 0);
	assert(map != MAP_FAILED);
	srand(3);
	for (int round = 0; round < 3000; round++) {
		for (int i = 0; i < 200; i++)
			map[(size_t)rand() % (size_t)st.st_size] = (unsigned char)rand();
		for (int i = 0; i < 64; i++)
			map[rand() % 256] = (unsigned char)rand();
		for (int turn = 0; turn < 64; turn++) {
			int r = mailbox_take(f.reader, &message);

			if (r == 0)
				break;
			assert(r == 1 || r == -EBADMSG);
			if (r == 1) {
				assert(message.size <= MAILBOX_MAX_MESSAGE);
				(void)finding_decode(message.data, message.size, &decoded);
			}
		}
		mailbox_read_progress(f.reader, &progress);
	}
	munmap(map, (size_t)st.st_size);
	teardown(&f);
}

/* The shared memory: position first, the ring at the end. */
static void a_message_larger_than_the_reader_has_room_for_is_refused(void)
{
	const uint32_t head[] = { MAILBOX_MAX_MESSAGE + 8, MAILBOX_SAY };
	const uint64_t tail = MAILBOX_DATA_BYTES;
	struct mailbox_message message;
	struct fixture f;
	struct stat st;

	setup(&f);
	assert(fstat(f.fd, &st) == 0);
	assert(pwrite(f.fd, head, sizeof(head), st.st_size - MAILBOX_DATA_BYTES) == sizeof(head));
	assert(pwrite(f.fd, &tail, sizeof(tail), 0) == sizeof(tail));
	assert(mailbox_take(f.reader, &message) == -EBADMSG);
	assert(mailbox_take(f.reader, &message) == 0);
	teardown(&f);
}

static void a_hole_punched_by_the_solution_is_only_zeros(void)
{
	struct mailbox_message message;
	struct fixture f;
	uint64_t token = 1;
	struct stat st;

	setup(&f);
	assert(mailbox_put(f.writer, MAILBOX_BARRIER, &token, sizeof(token), NULL, 0) == 0);
	assert(fstat(f.fd, &st) == 0);
	assert(fallocate(f.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, st.st_size) == 0);
	assert(mailbox_take(f.reader, &message) == 0);
	assert(ftruncate(f.fd, 0) < 0 && errno == EPERM);
	teardown(&f);
}

static struct ringfort_event *unlink_event(void *memory)
{
	struct ringfort_event *event = memory;

	memset(event, 0, sizeof(*event) + sizeof(struct ringfort_file_unlink));
	event->size = sizeof(*event) + sizeof(struct ringfort_file_unlink);
	event->type = ringfort_type_file_unlink;
	event->seq = 5;
	return event;
}

static void a_finding_survives_the_way_and_no_shorter_one_does(void)
{
	static _Alignas(8) unsigned char memory[1024], bytes[FINDING_MAX_BYTES], cut[FINDING_MAX_BYTES];
	const char *tags[] = { "attack.t1070" };
	const struct ringfort_matched matched[] = { { "CommandLine", "rm -rf \xff" } };
	struct ringfort_finding finding = {
		.size = sizeof(finding),
		.level = RINGFORT_LEVEL_HIGH,
		.event = unlink_event(memory),
		.rule_id = "id",
		.title = "title",
		.author = "somebody",
		.tags = tags,
		.n_tags = 1,
		.matched = matched,
		.n_matched = 1,
		.count = 3,
	};
	struct finding_decoded decoded;
	int n = finding_encode(&finding, bytes);

	assert(n > 0);
	assert(finding_decode(bytes, (size_t)n, &decoded) == 0);
	assert(strcmp(decoded.finding.author, "somebody") == 0);
	assert(strcmp(decoded.finding.matched[0].value, "rm -rf \xff") == 0);
	assert(decoded.finding.event->seq == 5 && decoded.finding.count == 3);
	for (int i = 0; i < n; i++) {
		memcpy(cut, bytes, (size_t)i);
		assert(finding_decode(cut, (size_t)i, &decoded) == -EBADMSG);
	}
	finding.count = 0;
	assert(finding_encode(&finding, bytes) == -EINVAL);
}

/* ---- who looks behind what he wrote ------------------------------------------------------------- */

#define ROUNDS 200000u
#define SECONDS 2 /* if it takes so long: one processor, or others who want it */
#define TURNS 2000 /* until we think that the other one has no processor */

/* Both begin a round at once: each says which one he is in, and waits for the other. */
struct meeting {
	struct fixture f;
	_Atomic uint32_t reader, writer;
	_Atomic bool ended; /* by the reader, before a meeting */
	uint64_t seen; /* by the writer, in this round */
};

static void meet(_Atomic uint32_t *ours, _Atomic uint32_t *theirs, uint32_t round)
{
	atomic_store(ours, round);
	for (uint32_t i = 1; atomic_load(theirs) < round; i++)
		if (i % TURNS == 0)
			sched_yield();
}

static void *put_and_look(void *userdata)
{
	struct meeting *meeting = userdata;

	for (uint32_t i = 0; i < ROUNDS; i++) {
		meet(&meeting->writer, &meeting->reader, 2 * i + 1);
		if (atomic_load(&meeting->ended))
			break;
		assert(mailbox_put(meeting->f.writer, 1, "", 1, NULL, 0) == 0);
		meeting->seen = mailbox_wanted(meeting->f.writer);
		meet(&meeting->writer, &meeting->reader, 2 * i + 2);
	}
	return NULL;
}

static void either_the_writer_sees_what_is_wanted_or_the_reader_the_message(void)
{
	struct meeting meeting = { 0 };
	const time_t end = time(NULL) + SECONDS;
	struct mailbox_message message;
	pthread_t thread;

	setup(&meeting.f);
	assert(pthread_create(&thread, NULL, put_and_look, &meeting) == 0);
	for (uint32_t i = 0; i < ROUNDS; i++) {
		bool taken;

		if (time(NULL) > end)
			atomic_store(&meeting.ended, true);
		meet(&meeting.reader, &meeting.writer, 2 * i + 1);
		if (atomic_load(&meeting.ended))
			break;
		mailbox_want(meeting.f.reader, i + 1);
		taken = mailbox_take(meeting.f.reader, &message) == 1;
		meet(&meeting.reader, &meeting.writer, 2 * i + 2);
		assert(taken || meeting.seen == i + 1);
		assert(taken || mailbox_take(meeting.f.reader, &message) == 1);
	}
	assert(pthread_join(thread, NULL) == 0);
	teardown(&meeting.f);
}

int main(void)
{
	messages_arrive_in_order_and_whole();
	a_message_waits_until_it_is_taken();
	what_the_reader_keeps_is_unread_for_the_writer_and_does_not_come_again();
	a_full_mailbox_says_so_and_loses_nothing();
	noise_over_every_byte_is_survived();
	a_message_larger_than_the_reader_has_room_for_is_refused();
	a_hole_punched_by_the_solution_is_only_zeros();
	a_finding_survives_the_way_and_no_shorter_one_does();
	either_the_writer_sees_what_is_wanted_or_the_reader_the_message();
	return 0;
}
