/* SPDX-License-Identifier: Apache-2.0 */
#undef NDEBUG
#include "ring/broadcast.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct fixture {
	int writer_fd, reader_fd;
	struct ring_writer *writer;
	struct ring_reader *reader;
};

static void setup(struct fixture *f)
{
	assert(ring_create(RING_MIN_BYTES, ~0ull, &f->writer_fd, &f->reader_fd) == 0);
	assert(ring_writer_open(&f->writer, f->writer_fd) == 0);
	assert(ring_reader_open(&f->reader, f->reader_fd) == 0);
	ring_reader_want(f->reader, ~0ull);
}

static void teardown(struct fixture *f)
{
	ring_writer_close(f->writer);
	ring_reader_close(f->reader);
	close(f->writer_fd);
	close(f->reader_fd);
}

/* An event of this type, filled up with a pattern that tells whether it is whole. */
static struct ringfort_event *make(uint16_t type, uint64_t seq, uint32_t size)
{
	static _Alignas(64) unsigned char memory[RINGFORT_MAX_EVENT];
	struct ringfort_event *event = (void *)memory;
	uint32_t minimum = (uint32_t)sizeof(*event) + ringfort_type_info(type)->size;

	size = size < minimum ? minimum : size;
	size = (size + 7) & ~7u;
	memset(event, 0, minimum);
	memset((char *)event + minimum, (int)(seq & 0xff), size - minimum);
	event->size = size;
	event->type = type;
	event->seq = seq;
	return event;
}

static void assert_whole(const struct ringfort_event *event)
{
	uint32_t from = (uint32_t)sizeof(*event) + ringfort_type_info(event->type)->size;

	for (uint32_t i = from; i < event->size; i++)
		assert(((const unsigned char *)event)[i] == (event->seq & 0xff));
}

static void an_event_comes_out_as_it_went_in(void)
{
	const struct ringfort_event *event;
	struct fixture f;

	setup(&f);
	assert(ring_reader_next(f.reader, &event) == 0);
	ring_writer_append(f.writer, make(ringfort_type_file_unlink, 1, 600));
	assert(ring_reader_next(f.reader, &event) == 1);
	assert(event->type == ringfort_type_file_unlink && event->seq == 1);
	assert_whole(event);
	assert(ring_reader_next(f.reader, &event) == 0);
	assert(ring_reader_lost(f.reader, ringfort_type_file_unlink) == 0);
	teardown(&f);
}

static void every_event_is_read_when_the_reader_keeps_up(void)
{
	const struct ringfort_event *event;
	struct fixture f;

	setup(&f);
	srand(1);
	for (uint64_t seq = 1; seq <= 20000; seq++) {
		ring_writer_append(f.writer, make(ringfort_type_file_create, seq,
						  (uint32_t)(rand() % 40000)));
		assert(ring_reader_next(f.reader, &event) == 1);
		assert(event->seq == seq);
		assert_whole(event);
	}
	assert(ring_reader_lost(f.reader, ringfort_type_file_create) == 0);
	teardown(&f);
}

static void an_overtaken_reader_knows_exactly_what_it_lost_by_type(void)
{
	static const uint16_t kinds[] = { ringfort_type_file_create, ringfort_type_file_unlink,
					  ringfort_type_process_exec };
	uint64_t written[RINGFORT_MAX_TYPES] = { 0 }, read[RINGFORT_MAX_TYPES] = { 0 };
	const struct ringfort_event *event;
	struct fixture f;

	setup(&f);
	srand(2);
	for (int round = 0; round < 300; round++) {
		for (int i = rand() % 2000; i > 0; i--) {
			uint16_t type = kinds[rand() % 3];

			ring_writer_append(f.writer,
					   make(type, ++written[type], (uint32_t)(rand() % 3000)));
		}
		for (int i = rand() % 1500; i > 0 && ring_reader_next(f.reader, &event) == 1; i--) {
			read[event->type]++;
			assert_whole(event);
			assert(read[event->type] + ring_reader_lost(f.reader, event->type) ==
			       event->seq);
		}
	}
	while (ring_reader_next(f.reader, &event) == 1)
		read[event->type]++;
	for (int i = 0; i < 3; i++) {
		assert(ring_reader_lost(f.reader, kinds[i]) > 0);
		assert(read[kinds[i]] + ring_reader_lost(f.reader, kinds[i]) == written[kinds[i]]);
	}
	teardown(&f);
}

static void an_overtaken_reader_keeps_half_the_ring(void)
{
	const struct ringfort_event *event;
	uint64_t n = 0, seq = 0;
	struct fixture f;

	setup(&f);
	while (ring_writer_head(f.writer) < 5 * RING_MIN_BYTES)
		ring_writer_append(f.writer, make(ringfort_type_file_create, ++seq, 1000));
	while (ring_reader_next(f.reader, &event) == 1)
		n += event->size;
	assert(n >= RING_MIN_BYTES / 2 - RINGFORT_MAX_EVENT);
	teardown(&f);
}

static void loss_before_the_ring_is_counted_by_the_reader(void)
{
	struct ringfort_stream_loss *loss;
	const struct ringfort_event *read;
	struct ringfort_event *event;
	struct fixture f;

	setup(&f);
	ring_writer_append(f.writer, make(ringfort_type_file_create, 1, 0));
	event = make(ringfort_type_stream_loss, 1, 0);
	loss = (void *)(event + 1);
	loss->lost_type = ringfort_type_file_create;
	loss->count = 41;
	loss->last_seq = 42;
	ring_writer_append(f.writer, event);
	ring_writer_append(f.writer, make(ringfort_type_file_create, 43, 0));
	while (ring_reader_next(f.reader, &read) == 1)
		;
	assert(ring_reader_lost(f.reader, ringfort_type_file_create) == 41);
	teardown(&f);
}

static void what_was_not_wanted_is_not_lost(void)
{
	const struct ringfort_event *event;
	uint64_t seq = 0;
	struct fixture f;

	setup(&f);
	ring_reader_want(f.reader, 1ull << ringfort_type_process_exec);
	while (ring_writer_head(f.writer) < 3 * RING_MIN_BYTES)
		ring_writer_append(f.writer, make(ringfort_type_file_create, ++seq, 1000));
	while (ring_reader_next(f.reader, &event) == 1)
		;
	assert(ring_reader_lost(f.reader, ringfort_type_file_create) == 0);
	teardown(&f);
}

static void a_late_reader_begins_at_the_end_and_has_lost_nothing(void)
{
	const struct ringfort_event *event;
	struct ring_reader *late;
	struct fixture f;

	setup(&f);
	ring_writer_append(f.writer, make(ringfort_type_file_create, 7, 0));
	assert(ring_reader_open(&late, f.reader_fd) == 0);
	ring_reader_want(late, ~0ull);
	assert(ring_reader_next(late, &event) == 0);
	ring_writer_append(f.writer, make(ringfort_type_file_create, 8, 0));
	assert(ring_reader_next(late, &event) == 1 && event->seq == 8);
	assert(ring_reader_lost(late, ringfort_type_file_create) == 0);
	ring_reader_close(late);
	teardown(&f);
}

static void a_reader_can_change_nothing(void)
{
	struct fixture f;
	char path[64];
	void *map;

	setup(&f);
	map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, f.reader_fd, 0);
	assert(map == MAP_FAILED && errno == EACCES);
	map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, f.reader_fd, 0);
	assert(map != MAP_FAILED);
	assert(mprotect(map, 4096, PROT_READ | PROT_WRITE) < 0);
	assert(madvise(map, 4096, MADV_REMOVE) < 0);
	assert(ftruncate(f.reader_fd, 0) < 0);
	assert(fallocate(f.reader_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096) < 0);
	assert(write(f.reader_fd, "x", 1) < 0);
	assert(ftruncate(f.writer_fd, 0) < 0 && errno == EPERM);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", f.reader_fd);
	if (geteuid() == 0) {
		assert(seteuid(65534) == 0);
		assert(open(path, O_RDWR) < 0 && errno == EACCES);
		assert(seteuid(0) == 0);
	}
	munmap(map, 4096);
	teardown(&f);
}

static void a_ring_of_another_schema_is_refused(void)
{
	struct ring_reader *reader;
	struct fixture f;
	uint64_t wrong = 1;

	setup(&f);
	/* the hash stands behind magic, version and reserved */
	assert(pwrite(f.writer_fd, &wrong, 8, 16) == 8);
	assert(ring_reader_open(&reader, f.reader_fd) == -EPROTO);
	teardown(&f);
}

static void barriers_and_the_end_are_told(void)
{
	const struct ringfort_event *event;
	struct fixture f;

	setup(&f);
	assert(ring_reader_barrier(f.reader, 3) == 0);
	ring_writer_barrier(f.writer, 3, 9);
	assert(ring_reader_barrier(f.reader, 3) == 9);
	assert(ring_reader_barrier(f.reader, 4) == 0);
	ring_writer_append(f.writer, make(ringfort_type_file_create, 1, 0));
	assert(!ring_reader_ended(f.reader));
	ring_writer_end(f.writer);
	assert(ring_reader_ended(f.reader));
	assert(ring_reader_next(f.reader, &event) == 1);
	assert(ring_reader_next(f.reader, &event) == -EPIPE);
	teardown(&f);
}

#define STORM 400000

struct storm_reader {
	int fd;
	uint64_t n;
	struct ring_reader *reader;
	pthread_t thread;
	unsigned int pause_us;
};

static void *storm_read(void *data)
{
	struct storm_reader *storm = data;
	const struct ringfort_event *event;
	uint64_t last = 0;
	int r;

	while ((r = ring_reader_next(storm->reader, &event)) != -EPIPE) {
		assert(r >= 0);
		if (r == 0)
			continue;
		assert(event->seq > last);
		assert_whole(event);
		last = event->seq;
		storm->n++;
		if (storm->pause_us && storm->n % 512 == 0)
			usleep(storm->pause_us);
	}
	return NULL;
}

static void concurrent_readers_never_see_a_torn_event_and_account_for_all(void)
{
	struct storm_reader readers[3] = { { .pause_us = 0 }, { .pause_us = 50 },
					   { .pause_us = 5000 } };
	struct fixture f;

	setup(&f);
	for (int i = 0; i < 3; i++) {
		assert(ring_reader_open(&readers[i].reader, f.reader_fd) == 0);
		ring_reader_want(readers[i].reader, ~0ull);
		assert(pthread_create(&readers[i].thread, NULL, storm_read, &readers[i]) == 0);
	}
	for (uint64_t seq = 1; seq <= STORM; seq++)
		ring_writer_append(f.writer,
				   make(ringfort_type_net_bind, seq, (uint32_t)(seq * 7919 % 900)));
	ring_writer_end(f.writer);
	for (int i = 0; i < 3; i++) {
		pthread_join(readers[i].thread, NULL);
		assert(readers[i].n + ring_reader_lost(readers[i].reader, ringfort_type_net_bind) ==
		       STORM);
		ring_reader_close(readers[i].reader);
	}
	teardown(&f);
}

int main(void)
{
	an_event_comes_out_as_it_went_in();
	every_event_is_read_when_the_reader_keeps_up();
	an_overtaken_reader_knows_exactly_what_it_lost_by_type();
	an_overtaken_reader_keeps_half_the_ring();
	loss_before_the_ring_is_counted_by_the_reader();
	what_was_not_wanted_is_not_lost();
	a_late_reader_begins_at_the_end_and_has_lost_nothing();
	a_reader_can_change_nothing();
	a_ring_of_another_schema_is_refused();
	barriers_and_the_end_are_told();
	concurrent_readers_never_see_a_torn_event_and_account_for_all();
	return 0;
}
