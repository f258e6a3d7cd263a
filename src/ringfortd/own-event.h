/* SPDX-License-Identifier: Apache-2.0 */
/* Own event - what findings of our own are about: an event that came by no ring. */
#ifndef RINGFORT_RINGFORTD_OWN_EVENT_H
#define RINGFORT_RINGFORTD_OWN_EVENT_H

#include <ringfort/event.h>
#include <stddef.h>

#define OWN_REPORTER "ringfort"

/**
 * own_event() - an event of a type, with an empty body of so many bytes behind it
 *
 * Nobody acts in it yet: nobody shall take a stranger for root.  There is one, until the next.
 */
struct ringfort_event *own_event(uint32_t type, size_t body_bytes, uint64_t seq);

/** own_event_string() - a string of it: what stands in an array of so many bytes, which may lack its end */
void own_event_string(struct ringfort_event *event, struct ringfort_span *span, const char *text, size_t room);

#endif
