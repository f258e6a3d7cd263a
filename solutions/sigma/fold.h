/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fold - the same finding again and again is told once, with a count.
 *
 * Findings are the same when rule, executable and matched fields are.  The first is told at
 * once; those that follow within a window are counted, and told as one at its end.  Memory is
 * bounded: when there are too many different ones, the oldest is told early.
 *
 * Knows no clock: the caller says what time it is, in nanoseconds that only grow.
 */
#ifndef SIGMA_FOLD_H
#define SIGMA_FOLD_H

#include "mapping.h"

#define FOLD_WINDOW_NS UINT64_C(10000000000)
#define FOLD_MAX_ENTRIES 256
#define FOLD_MAX_BYTES (4u * 1024 * 1024)

struct fold;

/**
 * fold_report_fn - tell a finding
 *
 * Return: 0; -EAGAIN not now: it is offered again; another negative errno: it is dropped.
 */
typedef int (*fold_report_fn)(const struct ringfort_finding *finding, void *userdata);

int fold_new(struct fold **ret, fold_report_fn report, void *userdata);
struct fold *fold_free(struct fold *fold); /* what is not told yet is dropped */
void fold_freep(struct fold **fold);

/** fold_add() - a hit; tells it when it is the first of its kind.  Return: 0 or -ENOMEM. */
int fold_add(struct fold *fold, const struct ringfort_event *event, const struct mapping_hit *hit,
	     uint64_t now_ns);

/** fold_tick() - tell what is due.  Return: when to call again, or UINT64_MAX. */
uint64_t fold_tick(struct fold *fold, uint64_t now_ns);

/** fold_flush() - tell everything now: before the rules that it points to go away */
void fold_flush(struct fold *fold);

/** fold_dropped() - findings that could not be told */
uint64_t fold_dropped(const struct fold *fold);

#endif
