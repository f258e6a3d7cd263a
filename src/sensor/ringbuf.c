/* SPDX-License-Identifier: Apache-2.0 */
/* Ringbuf - reads one BPF ring buffer in the order of its records' times. */
#include "sensor/ringbuf.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define WINDOW_MASK (RINGBUF_WINDOW - 1)
#define GIVE_BACK_PARTS 8 /* of the ring: so much is popped before the kernel is told */

/* A record in the window, in the order of the ring. */
struct slot {
	unsigned long end; /* position behind it */
	const struct probe_record *record;
	bool done;
};

/* A record in the window, in the order of time. */
struct place {
	uint64_t time_ns;
	uint32_t slot;
};

struct ringbuf {
	size_t size;
	unsigned long *consumer;       /* page that we write */
	const unsigned long *producer; /* page that the kernel writes, the data behind it */
	const uint8_t *data;           /* mapped twice in a row: no record wraps */
	unsigned long limit;           /* how far the kernel had written */
	unsigned long read;            /* how far the window reaches */
	unsigned long free;            /* up to here everything is popped */
	unsigned long given;           /* as the kernel knows it */
	bool busy;                     /* the record at read is being written */
	uint32_t slot_head, slot_tail;
	uint32_t place_head, place_tail;
	struct slot slots[RINGBUF_WINDOW];
	struct place places[RINGBUF_WINDOW];
};

int ringbuf_new(struct ringbuf **ret_ringbuf, int map_fd, size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct ringbuf *ringbuf = calloc(1, sizeof(*ringbuf));
	void *map;

	if (!ringbuf)
		return -ENOMEM;
	ringbuf->size = size;
	map = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
	if (map == MAP_FAILED)
		goto failed;
	ringbuf->consumer = map;
	map = mmap(NULL, page + 2 * size, PROT_READ, MAP_SHARED, map_fd, (off_t)page);
	if (map == MAP_FAILED)
		goto failed;
	ringbuf->producer = map;
	ringbuf->data = (const uint8_t *)map + page;
	ringbuf->given = ringbuf->free = ringbuf->read = ringbuf->limit = *ringbuf->consumer;
	*ret_ringbuf = ringbuf;
	return 0;
failed:
	map_fd = -errno;
	ringbuf_free(ringbuf);
	return map_fd;
}

struct ringbuf *ringbuf_free(struct ringbuf *ringbuf)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	if (!ringbuf)
		return NULL;
	if (ringbuf->producer)
		munmap((void *)ringbuf->producer, page + 2 * ringbuf->size);
	if (ringbuf->consumer)
		munmap(ringbuf->consumer, page);
	free(ringbuf);
	return NULL;
}

void ringbuf_look(struct ringbuf *ringbuf)
{
	ringbuf->limit = __atomic_load_n(ringbuf->producer, __ATOMIC_ACQUIRE);
}

/* Put a slot where its time belongs; nearly always that is the end. */
static void place_insert(struct ringbuf *ringbuf, uint64_t time_ns, uint32_t slot)
{
	uint32_t at = ringbuf->place_tail++;

	while (at != ringbuf->place_head &&
	       ringbuf->places[(at - 1) & WINDOW_MASK].time_ns > time_ns) {
		ringbuf->places[at & WINDOW_MASK] = ringbuf->places[(at - 1) & WINDOW_MASK];
		at--;
	}
	ringbuf->places[at & WINDOW_MASK] = (struct place){ .time_ns = time_ns, .slot = slot };
}

/* Take records into the window until it is full. */
static void fill(struct ringbuf *ringbuf)
{
	ringbuf->busy = false;
	while (ringbuf->read != ringbuf->limit &&
	       ringbuf->slot_tail - ringbuf->slot_head < RINGBUF_WINDOW) {
		const uint8_t *at = ringbuf->data + (ringbuf->read & (ringbuf->size - 1));
		uint32_t length = __atomic_load_n((const uint32_t *)at, __ATOMIC_ACQUIRE);
		const struct probe_record *record;
		struct slot *slot;

		if (length & BPF_RINGBUF_BUSY_BIT) {
			ringbuf->busy = true;
			return;
		}
		record = (const struct probe_record *)(at + BPF_RINGBUF_HDR_SZ);
		slot = &ringbuf->slots[ringbuf->slot_tail & WINDOW_MASK];
		slot->record = record;
		slot->done = length & BPF_RINGBUF_DISCARD_BIT;
		if (!slot->done)
			place_insert(ringbuf, record->monotonic_ns, ringbuf->slot_tail);
		length &= ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
		ringbuf->read += (length + BPF_RINGBUF_HDR_SZ + 7) & ~7u;
		slot->end = ringbuf->read;
		ringbuf->slot_tail++;
	}
}

/* Let go of what is done at the front of the window. */
static void advance(struct ringbuf *ringbuf)
{
	while (ringbuf->slot_head != ringbuf->slot_tail) {
		const struct slot *slot = &ringbuf->slots[ringbuf->slot_head & WINDOW_MASK];

		if (!slot->done)
			break;
		ringbuf->free = slot->end;
		ringbuf->slot_head++;
	}
	if (ringbuf->free - ringbuf->given > ringbuf->size / GIVE_BACK_PARTS)
		ringbuf_give_back(ringbuf);
}

int ringbuf_peek(struct ringbuf *ringbuf, const struct probe_record **ret_record)
{
	const struct place *place;

	/* Records that the kernel discarded leave the window empty without ending it. */
	do {
		advance(ringbuf);
		fill(ringbuf);
	} while (ringbuf->place_head == ringbuf->place_tail &&
		 ringbuf->slot_head != ringbuf->slot_tail);
	if (ringbuf->place_head == ringbuf->place_tail)
		return ringbuf->busy ? -EAGAIN : 0;
	place = &ringbuf->places[ringbuf->place_head & WINDOW_MASK];
	*ret_record = ringbuf->slots[place->slot & WINDOW_MASK].record;
	return 1;
}

void ringbuf_pop(struct ringbuf *ringbuf)
{
	const struct place *place = &ringbuf->places[ringbuf->place_head++ & WINDOW_MASK];

	ringbuf->slots[place->slot & WINDOW_MASK].done = true;
	advance(ringbuf);
}

void ringbuf_give_back(struct ringbuf *ringbuf)
{
	if (ringbuf->given == ringbuf->free)
		return;
	ringbuf->given = ringbuf->free;
	__atomic_store_n(ringbuf->consumer, ringbuf->given, __ATOMIC_RELEASE);
}

bool ringbuf_guard(struct ringbuf *ringbuf)
{
	if (__atomic_load_n(ringbuf->consumer, __ATOMIC_RELAXED) == ringbuf->given)
		return true;
	__atomic_store_n(ringbuf->consumer, ringbuf->given, __ATOMIC_RELEASE);
	return false;
}
