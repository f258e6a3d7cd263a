/* SPDX-License-Identifier: Apache-2.0 */
/* Broadcast ring - the writer: reserve, copy, publish; never waits, reads nothing of readers. */
#include "base/cleanup.h"
#include "ring/broadcast-internal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

struct ring_writer {
	struct ring_header *header;
	unsigned char *data;
	uint64_t capacity, segment;
	uint64_t head, tail; /* ours; the header's are for readers */
	uint64_t last_segment; /* number of the segment that has its checkpoint */
	uint64_t counts[RINGFORT_MAX_TYPES];
};

static int header_init(int fd, size_t capacity, uint64_t granted)
{
	struct ring_header header = {
		.magic = RING_MAGIC,
		.version = RING_VERSION,
		.schema_hash = ringfort_schema_hash(),
		.capacity = capacity,
		.granted = granted,
	};

	return pwrite(fd, &header, sizeof(header), 0) == (ssize_t)sizeof(header) ? 0 : -EIO;
}

int ring_create(size_t capacity, uint64_t granted, int *ret_writer, int *ret_reader)
{
	_cleanup_(closep) int fd = -1, reader = -1;
	char path[64];
	int r;

	if (capacity < RING_MIN_BYTES || capacity & (capacity - 1))
		return -EINVAL;
	fd = memfd_create("ringfort-ring", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	/* 0600 and ours: no other uid can open it again through /proc with more rights. */
	if (fchmod(fd, 0600) < 0 || ftruncate(fd, (off_t)(RING_HEADER_BYTES + capacity)) < 0)
		return -errno;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return -errno;
	r = header_init(fd, capacity, granted);
	if (r < 0)
		return r;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	reader = open(path, O_RDONLY | O_CLOEXEC);
	if (reader < 0)
		return -errno;
	*ret_writer = take_fd(&fd);
	*ret_reader = take_fd(&reader);
	return 0;
}

int ring_writer_open(struct ring_writer **ret_writer, int fd)
{
	_cleanup_(freep) struct ring_writer *writer = calloc(1, sizeof(*writer));
	struct stat st;
	void *map;

	if (!writer)
		return -ENOMEM;
	if (fstat(fd, &st) < 0)
		return -errno;
	map = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	writer->header = map;
	writer->data = (unsigned char *)map + RING_HEADER_BYTES;
	writer->capacity = writer->header->capacity;
	assert(writer->header->magic == RING_MAGIC);
	assert((uint64_t)st.st_size == RING_HEADER_BYTES + writer->capacity);
	writer->segment = writer->capacity / RING_SEGMENTS;
	/* A successor goes on where the one before stopped. */
	writer->head = atomic_load(&writer->header->head);
	writer->tail = atomic_load(&writer->header->tail);
	for (size_t i = 0; i < RINGFORT_MAX_TYPES; i++)
		writer->counts[i] = atomic_load(&writer->header->counts[i]);
	writer->last_segment = UINT64_MAX;
	*ret_writer = take_ptr(writer);
	return 0;
}

struct ring_writer *ring_writer_close(struct ring_writer *writer)
{
	if (writer) {
		munmap(writer->header, RING_HEADER_BYTES + writer->capacity);
		free(writer);
	}
	return NULL;
}

uint64_t ring_writer_granted(const struct ring_writer *writer)
{
	return writer->header->granted;
}

uint64_t ring_writer_head(const struct ring_writer *writer)
{
	return writer->head;
}

/* The first record of a segment: note the counts before it. */
static void checkpoint_write(struct ring_writer *writer)
{
	uint64_t number = writer->head / writer->segment;
	struct ring_checkpoint *checkpoint = &writer->header->checkpoints[number % RING_SEGMENTS];
	uint64_t version = atomic_load_explicit(&checkpoint->version, memory_order_relaxed);

	atomic_store_explicit(&checkpoint->version, version + 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	atomic_store_explicit(&checkpoint->position, writer->head, memory_order_relaxed);
	for (size_t i = 0; i < RINGFORT_MAX_TYPES; i++)
		atomic_store_explicit(&checkpoint->counts[i], writer->counts[i], memory_order_relaxed);
	atomic_store_explicit(&checkpoint->version, version + 2, memory_order_release);
}

/*
 * Make room for size bytes at head.  The tail moves by whole segments, to a place where a
 * checkpoint lies: that of the first record at or behind the segment's start.
 */
static void evict(struct ring_writer *writer, uint64_t size)
{
	uint64_t end = writer->head + size;
	uint64_t tail;

	if (end - writer->tail <= writer->capacity)
		return;
	tail = (end - writer->capacity + writer->segment - 1) / writer->segment * writer->segment;
	tail = atomic_load_explicit(
		&writer->header->checkpoints[tail / writer->segment % RING_SEGMENTS].position,
		memory_order_relaxed);
	assert(tail > writer->tail && tail <= writer->head);
	writer->tail = tail;
	atomic_store_explicit(&writer->header->tail, tail, memory_order_relaxed);
	/* Readers that see a byte of what we write next also see this tail. */
	atomic_thread_fence(memory_order_seq_cst);
}

/*
 * Readers copy while we write and then look at tail, so the bytes race by design; the thread
 * sanitizer cannot know that.
 */
__attribute__((no_sanitize("thread"))) static void copy_in(unsigned char *to, const void *from,
							   size_t n)
{
	memcpy(to, from, n);
}

static void place(struct ring_writer *writer, const void *record, uint32_t bytes, uint32_t size)
{
	uint64_t segment = writer->head / writer->segment;

	evict(writer, size);
	if (segment != writer->last_segment) {
		checkpoint_write(writer);
		writer->last_segment = segment;
	}
	copy_in(writer->data + (writer->head & (writer->capacity - 1)), record, bytes);
	writer->head += size;
}

/* A record never crosses the end of the ring: fill what is left there. */
static void place_pad(struct ring_writer *writer, uint32_t size)
{
	struct ring_pad pad = { .size = size };

	place(writer, &pad, sizeof(pad), size);
}

/* The number that the count of a type reaches with this event. */
static void count(struct ring_writer *writer, const struct ringfort_event *event)
{
	const struct ringfort_stream_loss *loss = ringfort_as_stream_loss(event);
	uint32_t type = event->type;

	writer->counts[type] = event->seq;
	atomic_store_explicit(&writer->header->counts[type], event->seq, memory_order_relaxed);
	if (!loss || !ringfort_type_info(loss->lost_type))
		return;
	writer->counts[loss->lost_type] = loss->last_seq;
	atomic_store_explicit(&writer->header->counts[loss->lost_type], loss->last_seq,
			      memory_order_relaxed);
}

void ring_writer_append(struct ring_writer *writer, const struct ringfort_event *event)
{
	struct ring_header *header = writer->header;
	uint64_t left = writer->capacity - (writer->head & (writer->capacity - 1));
	uint64_t version = atomic_load_explicit(&header->counts_version, memory_order_relaxed);

	assert(event->size <= RINGFORT_MAX_EVENT && event->size % 8 == 0);
	if (left < event->size)
		place_pad(writer, (uint32_t)left);
	place(writer, event, event->size, event->size);
	atomic_store_explicit(&header->counts_version, version + 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	count(writer, event);
	atomic_store_explicit(&header->head, writer->head, memory_order_release);
	atomic_store_explicit(&header->counts_version, version + 2, memory_order_release);
}

void ring_writer_barrier(struct ring_writer *writer, unsigned int slot, uint64_t token)
{
	assert(slot < RING_SLOTS);
	atomic_store_explicit(&writer->header->barriers[slot], token, memory_order_release);
}

void ring_writer_end(struct ring_writer *writer)
{
	atomic_store_explicit(&writer->header->ended, 1, memory_order_release);
}
