/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Written - files that were written to: what was found in them, and the events of it, until the two meet.
 *
 * The kernel tells of a write on two ways.  On one the file is shown to us, on the other comes its event,
 * file.modify.  Either may be first, and each way merges what waits in it.  They belong together when file
 * and process are the same; a file that had no name any more when its event was made is known by the path.
 *
 * Events are of the whole host, as nobody tells us where scopes are: copies of the last are kept, of one
 * file and process the last one.  One of long before the file was shown is that of an earlier write: then
 * the verdict waits for another, and has to make do with it when none comes.
 *
 * Bounded: MAX_EVENTS and MAX_EVENT_BYTES, MAX_VERDICTS; the oldest goes.
 */
#ifndef YARA_WRITTEN_H
#define YARA_WRITTEN_H

#include "verdict.h"

#include <ringfort/event.h>

#define WRITTEN_MAX_EVENTS 8192
#define WRITTEN_MAX_EVENT_BYTES (16u << 20)
#define WRITTEN_MAX_VERDICTS 1024
#define WRITTEN_SECONDS 5        /* that a verdict waits for its event */
/* Before the file was shown: its event is no older than this.  In a burst files wait longer than events. */
#define WRITTEN_FRESH_NS UINT64_C(10000000000)

struct written;

int written_new(struct written **ret);
struct written *written_free(struct written *written);

/**
 * written_event() - an event of file.modify came
 * @ret: a verdict that waited for it; its result is the caller's now
 *
 * Return: true; or false when there is none, and a copy of the event waits for one.
 */
bool written_event(struct written *written, const struct ringfort_event *event, struct verdict *ret);

/**
 * written_verdict() - the event of a verdict about a file that was shown at verdict->head.at_ns
 *
 * Return: valid until the next call of a function of this header; NULL when it did not come yet: then a copy
 * of the verdict waits, with a reference of its own to the result.
 */
const struct ringfort_event *written_verdict(struct written *written, const struct verdict *verdict);

/** written_nothing() - nothing is to be told of this file: its event need not wait any longer */
void written_nothing(struct written *written, const struct verdict *verdict);

/**
 * written_overdue() - a verdict that has waited long enough; call it until there is none
 * @ret:       its result is the caller's now
 * @ret_event: of an earlier write to the same file, or NULL
 */
bool written_overdue(struct written *written, uint64_t now_ns, struct verdict *ret,
		     const struct ringfort_event **ret_event);

/** written_forgotten() - verdicts that had to go before their event came */
uint64_t written_forgotten(const struct written *written);

#endif
