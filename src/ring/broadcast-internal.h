/* SPDX-License-Identifier: Apache-2.0 */
/* Broadcast ring - the memory that writer and readers share. */
#ifndef RINGFORT_RING_BROADCAST_INTERNAL_H
#define RINGFORT_RING_BROADCAST_INTERNAL_H

#include "ring/broadcast.h"

#include <stdatomic.h>

#define RING_MAGIC 0x74726f66676e6972ull /* "ringfort" */

/* The counts of every type at one place of the stream.  version is odd while it is rewritten. */
struct ring_checkpoint {
	_Atomic uint64_t version;
	_Atomic uint64_t position;
	_Atomic uint64_t counts[RINGFORT_MAX_TYPES];
};

struct ring_header {
	uint64_t magic;
	uint32_t version;
	uint32_t reserved;
	uint64_t schema_hash;
	uint64_t capacity;
	uint64_t granted;
	/* Each on its own cache line: readers poll head, the writer alone reads tail often. */
	_Atomic uint64_t head __attribute__((aligned(64))); /* bytes ever published */
	_Atomic uint64_t tail __attribute__((aligned(64))); /* oldest byte that is still whole */
	_Atomic uint64_t ended;
	_Atomic uint64_t barriers[RING_SLOTS] __attribute__((aligned(64)));
	struct ring_checkpoint checkpoints[RING_SEGMENTS] __attribute__((aligned(64)));
	_Atomic uint64_t counts[RINGFORT_MAX_TYPES]; /* at head, for readers that begin there */
	_Atomic uint64_t counts_version;
};

_Static_assert(sizeof(struct ring_header) <= RING_HEADER_BYTES, "the header has its pages");

/* type 0: bytes at the end of the ring that hold no event */
struct ring_pad {
	uint32_t size;
	uint16_t type;
	uint16_t reserved;
};

#endif
