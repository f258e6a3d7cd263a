/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Canary - a tiny act of our own that must come back through hooks, ring and reader.
 *
 * A child that is born and gone at once; the sensor takes its records out of the stream (canary_is()), so
 * nobody but us hears of it.  It is buried with the next flight, or by the kernel where SIGCHLD is ignored.
 */
#ifndef RINGFORT_SENSOR_CANARY_H
#define RINGFORT_SENSOR_CANARY_H

#include "sensor/bpf/record.h"

#include <stdbool.h>
#include <sys/types.h>

struct canary {
	uint32_t self;
	uint32_t child, before; /* the last two */
	bool born;              /* the last, as the stream told */
};

/** canary_fly() - waits for nothing.  0, or a negative errno: there could be none now */
int canary_fly(struct canary *canary);

/** canary_is() - is it a record of our canary?  Then it is noted */
bool canary_is(struct canary *canary, const struct probe_record *record);

#endif
