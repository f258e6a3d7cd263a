/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loss - numbers per type, and how many events of each were lost.
 *
 * The probe numbers the records of one CPU and type, lost ones included, and counts the lost.
 * So before the n-th record n - 1 - (those received) are lost: a gap is told before the record
 * that shows it.  Losses at the end of the stream show no gap; the kernel's counter tells them
 * once nothing else comes.  Both ways count from the beginning, so neither counts twice what the
 * other has told, whichever is faster.
 *
 * What performed means: an event of a type counts while the type is subscribed.  Records that
 * come while it is not (the table needs fork, exec and exit always), and those that say nothing
 * (a set*id call that changed nothing), are excluded, lost ones as well as received ones.  So
 * the kernel's count - excluded = emitted + lost, once the stream is drained; the two sides are
 * counted independently.  A subscription takes effect at one place in the stream: all that is
 * drained before belongs to the old one.
 *
 * Pure.
 */
#ifndef RINGFORT_SENSOR_LOSS_H
#define RINGFORT_SENSOR_LOSS_H

#include <ringfort/event.h>
#include <stdint.h>

/* Of one CPU and type, since the beginning. */
struct loss_cell {
	uint64_t n_received;
	uint64_t n_lost;
	uint64_t n_last; /* the number of the last that was received */
};

struct loss {
	uint32_t n_cpus;
	struct loss_cell *cells; /* [cpu][type] */
	uint64_t seq[RINGFORT_MAX_TYPES];        /* of the last event that was emitted or lost */
	uint64_t n_lost[RINGFORT_MAX_TYPES];     /* of those, lost */
	uint64_t n_excluded[RINGFORT_MAX_TYPES];
};

int loss_init(struct loss *loss, uint32_t n_cpus);
void loss_done(struct loss *loss);

/** loss_by_gap() - a record came: how many before it are newly known to be lost */
uint64_t loss_by_gap(struct loss *loss, uint32_t cpu, uint32_t type, uint64_t n);

/** loss_by_counter() - the kernel has lost so many: how many are newly known */
uint64_t loss_by_counter(struct loss *loss, uint32_t cpu, uint32_t type, uint64_t n_lost);

/** loss_count() - count newly lost ones of a subscribed type; the number of the last of them */
uint64_t loss_count(struct loss *loss, uint32_t type, uint64_t n);

/** loss_next() - the number of the event that is emitted now */
uint64_t loss_next(struct loss *loss, uint32_t type);

#endif
