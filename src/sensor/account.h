/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Account - compare what the stream brought with what the kernel counted (loss.h has the rules).
 */
#ifndef RINGFORT_SENSOR_ACCOUNT_H
#define RINGFORT_SENSOR_ACCOUNT_H

#include "sensor/emit.h"
#include "sensor/probe.h"

/** account_trailing() - tell the losses that no later record has shown yet */
void account_trailing(struct emitter *emitter, const struct probe *probe, uint64_t now_ns);

/** account_skipped() - tell the runs that the kernel skipped; a system call per program */
void account_skipped(struct emitter *emitter, const struct probe *probe, uint64_t now_ns);

/** account_snapshot() - the numbers given so far, for account_caught_up(); free() it; NULL: no memory */
uint64_t *account_snapshot(const struct probe *probe);

/** account_caught_up() - has the stream brought, or told the loss of, all that was numbered then? */
bool account_caught_up(const struct loss *loss, const struct probe *probe, const uint64_t *performed);

/** account_statistics() - how many events of each type were performed while it was subscribed */
void account_statistics(const struct loss *loss, const struct probe *probe,
			uint64_t ret_performed[RINGFORT_MAX_TYPES]);

#endif
