/* SPDX-License-Identifier: Apache-2.0 */
/* Own event - what findings of our own are about. */
#include "ringfortd/own-event.h"

#include <assert.h>
#include <string.h>
#include <time.h>

#define RECORD_BYTES 4096 /* more than any body and its strings take */

static _Alignas(8) char record[RECORD_BYTES];

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

struct ringfort_event *own_event(uint32_t type, size_t body_bytes, uint64_t seq)
{
	struct ringfort_event *event = (void *)record;

	memset(record, 0, sizeof(record));
	*event = (struct ringfort_event){ .size = (uint32_t)(sizeof(*event) + body_bytes), .type = (uint16_t)type,
					  .via = RINGFORT_VIA_KERNEL, .seq = seq,
					  .time_ns = clock_ns(CLOCK_REALTIME),
					  .monotonic_ns = clock_ns(CLOCK_MONOTONIC) };
	event->process.uid = event->process.euid = event->process.gid = event->process.egid = UINT32_MAX;
	event->process.loginuid = event->process.session = UINT32_MAX;
	return event;
}

void own_event_string(struct ringfort_event *event, struct ringfort_span *span, const char *text, size_t room)
{
	uint32_t n = (uint32_t)strnlen(text, room - 1);

	if (n == 0)
		return;
	assert(event->size + n + 8 <= sizeof(record));
	*span = (struct ringfort_span){ .offset = event->size, .length = n };
	memcpy((char *)event + event->size, text, n);
	event->size += (n + 8) / 8 * 8;
}
