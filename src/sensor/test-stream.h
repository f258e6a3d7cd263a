/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Test-stream - a real sensor whose events are kept, checked as they come.
 *
 * Every event must be a good record, none older than the one before, numbers without a gap that
 * no stream.loss told.  Other processes of the machine act meanwhile: tests look only at what
 * they caused.
 */
#ifndef RINGFORT_SENSOR_TEST_STREAM_H
#define RINGFORT_SENSOR_TEST_STREAM_H

#include "sensor/sensor-internal.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct stream {
	struct sensor *sensor;
	char *bytes;
	size_t used, size;
	uint64_t seq[RINGFORT_MAX_TYPES];
	uint64_t n_emitted[RINGFORT_MAX_TYPES];
	uint64_t n_lost[RINGFORT_MAX_TYPES];
	uint64_t last_ns;
	uint64_t mute; /* types that are checked but not kept */
};

/** stream_open() - exits the test with 77 where the kernel refuses; sizes 0 for the default */
void stream_open(struct stream *stream, size_t rare_bytes, size_t bulk_bytes, uint64_t types);
void stream_close(struct stream *stream);

/** stream_run() - serve the sensor as its contract says, for so long */
void stream_run(struct stream *stream, int ms);
/** stream_flush() - run the barrier */
void stream_flush(struct stream *stream);
void stream_forget(struct stream *stream);

/** stream_next() - the next kept event of a type (0: any) by a process (0: any), or NULL */
const struct ringfort_event *stream_next(const struct stream *stream,
					 const struct ringfort_event *previous, uint32_t type,
					 pid_t pid);
size_t stream_count(const struct stream *stream, uint32_t type, pid_t pid);

/** stream_adds_up() - asserts emitted + lost = performed for every type */
void stream_adds_up(struct stream *stream);

/** stream_wait() - wait for a child, whose status must be 0, serving the sensor meanwhile */
void stream_wait(struct stream *stream, pid_t pid);

/** fork_child() - fork(); the child dies with us, whatever happens */
pid_t fork_child(void);
/** run_true() - run /bin/true so often, one after the other */
void run_true(int n);

#define MASK(ident) (1ull << ringfort_type_##ident)

#endif
