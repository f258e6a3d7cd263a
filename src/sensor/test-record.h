/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Test-record - records put together by hand, for the tests of what reads them.
 *
 * A builder holds one record; strings are appended behind the struct of the type.
 */
#ifndef RINGFORT_SENSOR_TEST_RECORD_H
#define RINGFORT_SENSOR_TEST_RECORD_H

#include "sensor/bpf/record.h"

#include <assert.h>
#include <string.h>

struct builder {
	union {
		struct probe_record head;
		char bytes[2 * RINGFORT_MAX_EVENT];
	};
};

/* Of an actor 100, child of 1. */
static inline void *builder_begin(struct builder *b, uint32_t type)
{
	const struct ringfort_type_info *info = ringfort_type_info(type);

	assert(info);
	memset(b, 0, sizeof(*b));
	b->head = (struct probe_record){
		.size = (uint32_t)sizeof(b->head) + info->size,
		.type = (uint16_t)type,
		.monotonic_ns = 1000000,
		.n = 1,
		.pid = 100, .tid = 101, .start_ns = 5000, .ppid = 1, .parent_start_ns = 1000,
		.uid = 1, .gid = 2, .euid = 3, .egid = 4, .loginuid = 5, .session = 6,
		.tty = 136u << 20 | 7, .mnt_ns = 8, .cgroup_id = 9,
	};
	return &b->head + 1;
}

static inline struct ringfort_span builder_bytes(struct builder *b, const char *bytes, uint32_t length)
{
	struct ringfort_span span = { .offset = b->head.size, .length = length };

	assert(b->head.size + length < sizeof(b->bytes));
	memcpy(b->bytes + b->head.size, bytes, length);
	b->head.size += length + 1;
	return span;
}

static inline struct ringfort_span builder_string(struct builder *b, const char *text)
{
	return builder_bytes(b, text, (uint32_t)strlen(text));
}

/* A literal with NUL bytes in it; the last one of C is not counted. */
#define builder_list(b, literal) builder_bytes(b, literal, sizeof(literal) - 1)

#endif
