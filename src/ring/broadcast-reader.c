/* SPDX-License-Identifier: Apache-2.0 */
/* Broadcast ring - a reader: copies a record, then asks whether it was still whole. */
#include "base/cleanup.h"
#include "ring/broadcast-internal.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* A writer that was stopped in the middle of a change holds up no reader for ever. */
#define RETRIES 100000

struct ring_reader {
	const struct ring_header *header;
	const unsigned char *data;
	uint64_t capacity, segment;
	uint64_t position;
	uint64_t wanted;
	uint64_t counts[RINGFORT_MAX_TYPES]; /* of each type, up to position */
	uint64_t lost[RINGFORT_MAX_TYPES];
	uint64_t n_lost; /* of all types */
	struct ringfort_event *event; /* RINGFORT_MAX_EVENT bytes */
};

/* Begin at the end: head and the counts that belong to it. */
static void begin_at_head(struct ring_reader *reader)
{
	const struct ring_header *header = reader->header;
	uint64_t before, after;
	int tries = 0;

	do {
		before = atomic_load_explicit(&header->counts_version, memory_order_acquire);
		reader->position = atomic_load_explicit(&header->head, memory_order_relaxed);
		for (size_t i = 0; i < RINGFORT_MAX_TYPES; i++)
			reader->counts[i] =
				atomic_load_explicit(&header->counts[i], memory_order_relaxed);
		atomic_thread_fence(memory_order_acquire);
		after = atomic_load_explicit(&header->counts_version, memory_order_relaxed);
	} while ((before != after || before & 1) && ++tries < RETRIES);
}

int ring_reader_open(struct ring_reader **ret_reader, int fd)
{
	_cleanup_(freep) struct ring_reader *reader = calloc(1, sizeof(*reader));
	_cleanup_(freep) void *event = aligned_alloc(64, RINGFORT_MAX_EVENT);
	const struct ring_header *header;
	struct stat st;
	void *map;

	if (!reader || !event)
		return -ENOMEM;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size < (off_t)(RING_HEADER_BYTES + RING_MIN_BYTES))
		return -EPROTO;
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	header = map;
	if (header->magic != RING_MAGIC || header->version != RING_VERSION ||
	    header->schema_hash != ringfort_schema_hash() ||
	    header->capacity + RING_HEADER_BYTES != (uint64_t)st.st_size) {
		munmap(map, (size_t)st.st_size);
		return -EPROTO;
	}
	reader->header = header;
	reader->data = (const unsigned char *)map + RING_HEADER_BYTES;
	reader->capacity = header->capacity;
	reader->segment = header->capacity / RING_SEGMENTS;
	reader->event = take_ptr(event);
	begin_at_head(reader);
	*ret_reader = take_ptr(reader);
	return 0;
}

struct ring_reader *ring_reader_close(struct ring_reader *reader)
{
	if (reader) {
		munmap((void *)reader->header, RING_HEADER_BYTES + reader->capacity);
		free(reader->event);
		free(reader);
	}
	return NULL;
}

uint64_t ring_reader_granted(const struct ring_reader *reader)
{
	return reader->header->granted;
}

void ring_reader_want(struct ring_reader *reader, uint64_t types)
{
	reader->wanted = types;
}

uint64_t ring_reader_lost(const struct ring_reader *reader, uint32_t type)
{
	return type < RINGFORT_MAX_TYPES ? reader->lost[type] : 0;
}

uint64_t ring_reader_lost_in_all(const struct ring_reader *reader)
{
	return reader->n_lost;
}

uint64_t ring_reader_position(const struct ring_reader *reader)
{
	return reader->position;
}

uint64_t ring_reader_head(const struct ring_reader *reader)
{
	return atomic_load_explicit(&reader->header->head, memory_order_relaxed);
}

bool ring_reader_ended(const struct ring_reader *reader)
{
	return atomic_load_explicit(&reader->header->ended, memory_order_acquire) != 0;
}

uint64_t ring_reader_barrier(const struct ring_reader *reader, unsigned int slot)
{
	return atomic_load_explicit(&reader->header->barriers[slot % RING_SLOTS],
				    memory_order_acquire);
}

/* The stream has reached this count of a type; delivered of the numbers on the way were read. */
static void count_reached(struct ring_reader *reader, uint32_t type, uint64_t count,
			  uint64_t delivered)
{
	uint64_t passed = count - reader->counts[type];

	if (count <= reader->counts[type])
		return;
	reader->counts[type] = count;
	if (!(reader->wanted & 1ull << type))
		return;
	reader->lost[type] += passed - delivered;
	reader->n_lost += passed - delivered;
}

/* Copy one checkpoint; false when the writer was at it. */
static bool checkpoint_read(const struct ring_checkpoint *checkpoint, uint64_t *ret_position,
			    uint64_t counts[RINGFORT_MAX_TYPES])
{
	uint64_t before = atomic_load_explicit(&checkpoint->version, memory_order_acquire);
	uint64_t after;

	*ret_position = atomic_load_explicit(&checkpoint->position, memory_order_relaxed);
	for (size_t i = 0; i < RINGFORT_MAX_TYPES; i++)
		counts[i] = atomic_load_explicit(&checkpoint->counts[i], memory_order_relaxed);
	atomic_thread_fence(memory_order_acquire);
	after = atomic_load_explicit(&checkpoint->version, memory_order_relaxed);
	return before == after && !(before & 1);
}

/*
 * The writer has overtaken us: go on half a ring behind it.  False when the writer stands still in
 * the middle of a checkpoint: another time, then.
 */
static bool skip_ahead(struct ring_reader *reader)
{
	uint64_t counts[RINGFORT_MAX_TYPES];
	uint64_t position, head, number;
	int tries = 0;

	for (;;) {
		if (++tries > RETRIES)
			return false;
		head = atomic_load_explicit(&reader->header->head, memory_order_acquire);
		number = (head - reader->capacity / 2) / reader->segment;
		if (!checkpoint_read(&reader->header->checkpoints[number % RING_SEGMENTS],
				     &position, counts))
			continue;
		if (position / reader->segment != number)
			continue;
		if (position >= atomic_load_explicit(&reader->header->tail, memory_order_acquire))
			break;
	}
	reader->position = position;
	for (uint32_t type = 0; type < RINGFORT_MAX_TYPES; type++)
		count_reached(reader, type, counts[type], 0);
	return true;
}

/* See copy_in() in broadcast-writer.c. */
__attribute__((no_sanitize("thread"))) static void copy_out(void *to, const unsigned char *from,
							    size_t n)
{
	memcpy(to, from, n);
}

/* Still not overwritten, so what was copied from position is whole. */
static bool whole(const struct ring_reader *reader)
{
	atomic_thread_fence(memory_order_acquire);
	return atomic_load_explicit(&reader->header->tail, memory_order_relaxed) <= reader->position;
}

/* 1 the record at position is in reader->event (or *ret_pad bytes of padding), 0 it was overwritten. */
static int copy_record(struct ring_reader *reader, uint32_t *ret_pad)
{
	const unsigned char *at = reader->data + (reader->position & (reader->capacity - 1));
	uint64_t left = reader->capacity - (reader->position & (reader->capacity - 1));
	struct ring_pad pad;

	copy_out(&pad, at, sizeof(pad));
	if (!whole(reader))
		return 0;
	if (pad.size < sizeof(pad) || pad.size > left || pad.size > RINGFORT_MAX_EVENT)
		return -EBADMSG;
	*ret_pad = 0;
	if (pad.type == 0) {
		*ret_pad = pad.size;
		return 1;
	}
	/* The writer checked the rest of the record; nobody else can write here. */
	if (pad.size < sizeof(struct ringfort_event) || pad.type >= RINGFORT_MAX_TYPES)
		return -EBADMSG;
	copy_out(reader->event, at, pad.size);
	return whole(reader);
}

static void note(struct ring_reader *reader)
{
	const struct ringfort_event *event = reader->event;
	const struct ringfort_stream_loss *loss = ringfort_as_stream_loss(event);

	count_reached(reader, event->type, event->seq, 1);
	if (loss && loss->lost_type < RINGFORT_MAX_TYPES)
		count_reached(reader, loss->lost_type, loss->last_seq, 0);
}

int ring_reader_next(struct ring_reader *reader, const struct ringfort_event **ret_event)
{
	uint64_t ended;
	uint32_t pad;
	int r;

	for (;;) {
		/* In this order: what was published before the end is read before it. */
		ended = atomic_load_explicit(&reader->header->ended, memory_order_acquire);
		if (reader->position ==
		    atomic_load_explicit(&reader->header->head, memory_order_acquire))
			return ended ? -EPIPE : 0;
		if (!whole(reader)) {
			if (!skip_ahead(reader))
				return 0;
			continue;
		}
		r = copy_record(reader, &pad);
		if (r < 0)
			return r;
		if (r == 0) {
			if (!skip_ahead(reader))
				return 0;
			continue;
		}
		if (pad) {
			reader->position += pad;
			continue;
		}
		reader->position += reader->event->size;
		note(reader);
		*ret_event = reader->event;
		return 1;
	}
}
