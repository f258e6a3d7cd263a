/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Broadcast ring - one writer, any number of readers, in shared memory.
 *
 * The sensor writes; solutions and the control process read through descriptors that were
 * opened for reading only, so nothing that a reader does reaches the writer or another reader.
 * The writer never waits: it overwrites the oldest sixteenth of the ring.  A reader that was
 * overtaken goes on half a ring behind the writer and knows exactly how many events of which
 * type it missed, from the counts at the head of each sixteenth and the numbers in the events.
 *
 * Memory: a header of RING_HEADER_BYTES, then capacity bytes of records (struct ringfort_event),
 * each a multiple of 8; a record never crosses the end, a pad fills what is left there.
 */
#ifndef RINGFORT_RING_BROADCAST_H
#define RINGFORT_RING_BROADCAST_H

#include <ringfort/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RING_SEGMENTS 16
#define RING_SLOTS 256 /* barriers can be told apart for this many readers */
#define RING_HEADER_BYTES 16384u
#define RING_MIN_BYTES (RING_SEGMENTS * (size_t)RINGFORT_MAX_EVENT)
#define RING_VERSION 1u

/*
 * ring_create() - a memfd of the ring's size, sealed against growing and shrinking
 * @capacity:   bytes of records, a power of two, at least RING_MIN_BYTES
 * @granted:    mask of the types of this visibility class
 * @ret_writer: descriptor for the writer
 * @ret_reader: a second open file of the same memory that can never be written through
 */
int ring_create(size_t capacity, uint64_t granted, int *ret_writer, int *ret_reader);

struct ring_writer;

/** ring_writer_open() - map a ring for writing; takes no ownership of fd */
int ring_writer_open(struct ring_writer **ret_writer, int fd);
struct ring_writer *ring_writer_close(struct ring_writer *writer);

/** ring_writer_granted() - the types of this ring's class */
uint64_t ring_writer_granted(const struct ring_writer *writer);

/** ring_writer_append() - publish one event; seq counts of its type follow event->seq */
void ring_writer_append(struct ring_writer *writer, const struct ringfort_event *event);

/** ring_writer_barrier() - tell the reader in this slot that all before token is published */
void ring_writer_barrier(struct ring_writer *writer, unsigned int slot, uint64_t token);

/** ring_writer_end() - no event will follow */
void ring_writer_end(struct ring_writer *writer);

/** ring_writer_head() - bytes ever published */
uint64_t ring_writer_head(const struct ring_writer *writer);

struct ring_reader;

/** ring_reader_open() - map a ring for reading, begin at its end; takes no ownership of fd */
int ring_reader_open(struct ring_reader **ret_reader, int fd);
struct ring_reader *ring_reader_close(struct ring_reader *reader);

uint64_t ring_reader_granted(const struct ring_reader *reader);

/** ring_reader_want() - events of these types count as lost when they are missed, from now on */
void ring_reader_want(struct ring_reader *reader, uint64_t types);

/**
 * ring_reader_next() - copy the next record out of the ring
 * @ret_event: in the reader's memory, valid until the next call
 *
 * Return: 1 an event; 0 none now; -EPIPE the writer ended it; -EBADMSG the ring is damaged.
 */
int ring_reader_next(struct ring_reader *reader, const struct ringfort_event **ret_event);

/** ring_reader_ended() - has the writer ended it?  There may be events left to read. */
bool ring_reader_ended(const struct ring_reader *reader);

/** ring_reader_lost() - wanted events of this type that will never be read, since want */
uint64_t ring_reader_lost(const struct ring_reader *reader, uint32_t type);
uint64_t ring_reader_lost_in_all(const struct ring_reader *reader);

/** ring_reader_position() - bytes read or passed; ring_reader_head(): bytes published */
uint64_t ring_reader_position(const struct ring_reader *reader);
uint64_t ring_reader_head(const struct ring_reader *reader);

/** ring_reader_barrier() - the last token told to this slot */
uint64_t ring_reader_barrier(const struct ring_reader *reader, unsigned int slot);

#endif
