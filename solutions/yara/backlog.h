/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Backlog - files that were shown and are still to be scanned, in their order.
 *
 * Somebody may be waiting for a request behind them, so all requests are taken at once, and these are kept
 * with copies of what they say.  Their descriptors stay the client's: it holds 64, of which some are left
 * to requests for which somebody waits.
 */
#ifndef YARA_BACKLOG_H
#define YARA_BACKLOG_H

#include "../common/util.h"

#include <ringfort/verdict.h>

#define BACKLOG_PLACES 56

struct backlog;

int backlog_new(struct backlog **ret);
struct backlog *backlog_free(struct backlog *backlog);

bool backlog_full(const struct backlog *backlog);

/** backlog_put() - behind all others; there must be a place */
void backlog_put(struct backlog *backlog, const struct ringfort_request *request, uint64_t now_ns);

/**
 * backlog_take() - the oldest
 * @ret_put_ns: when it was put
 *
 * Return: valid until the next call of backlog_put(); NULL when there is none.
 */
const struct ringfort_request *backlog_take(struct backlog *backlog, uint64_t *ret_put_ns);

#endif
