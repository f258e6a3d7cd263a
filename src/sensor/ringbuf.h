/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ringbuf - reads one BPF ring buffer in the order of its records' times.
 *
 * The kernel lets several CPUs write at once, so that a record may stand a few places behind one
 * that is younger.  A ringbuf looks up to RINGBUF_WINDOW records ahead and hands them out sorted,
 * where they lie.  Space is given back to the kernel in order and in batches, since its writers
 * read that position each time.
 *
 * Used by the probe alone, in its thread.
 */
#ifndef RINGFORT_SENSOR_RINGBUF_H
#define RINGFORT_SENSOR_RINGBUF_H

#include "sensor/bpf/record.h"

#include <stdbool.h>
#include <stddef.h>

#define RINGBUF_WINDOW 1024u

struct ringbuf;

/** ringbuf_new() - map the ring; map_fd stays the caller's */
int ringbuf_new(struct ringbuf **ret_ringbuf, int map_fd, size_t size);
struct ringbuf *ringbuf_free(struct ringbuf *ringbuf);

/** ringbuf_look() - read how far the kernel has written; what comes later is not handed out */
void ringbuf_look(struct ringbuf *ringbuf);

/**
 * ringbuf_peek() - the oldest record, until ringbuf_pop()
 *
 * Return: 1 and the record; 0 none; -EAGAIN the next is still being written.
 */
int ringbuf_peek(struct ringbuf *ringbuf, const struct probe_record **ret_record);
void ringbuf_pop(struct ringbuf *ringbuf);

/** ringbuf_give_back() - let the kernel write over all that was popped */
void ringbuf_give_back(struct ringbuf *ringbuf);

/** ringbuf_guard() - false: somebody else had written our position; it is right again */
bool ringbuf_guard(struct ringbuf *ringbuf);

#endif
