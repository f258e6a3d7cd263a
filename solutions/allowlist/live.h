/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Live - the solution at work: requests become answers, and events of what was answered, findings.
 *
 * Owns the policy in use and the verdicts that await their events; the client is the caller's.
 */
#ifndef ALLOWLIST_LIVE_H
#define ALLOWLIST_LIVE_H

#include "policy.h"

#include <ringfort/client.h>
#include <ringfort/verdict.h>

#define LIVE_MAX_TURN 64 /* events, before requests are looked at again: somebody waits for those */

struct live;

int live_new(struct live **ret, struct ringfort_client *client);
struct live *live_free(struct live *live);
void live_freep(struct live **live);

/**
 * live_use() - the policy from now on; it is taken over, and the one before is released
 *
 * Files are asked for where the policy reads them.  What was asked before those come, and cannot be decided without,
 * is decided by the policy before, for a second at most.
 */
void live_use(struct live *live, struct policy **policy);
struct policy *live_policy(const struct live *live);

/**
 * live_answer() - all requests that are there
 *
 * Return: 0; 1 the mailbox is full, call it again soon: no request is taken before the last one has
 *         its answer; -EPIPE ringfortd is gone; another negative errno.
 */
int live_answer(struct live *live);

/**
 * live_read() - at most LIVE_MAX_TURN events
 *
 * Return: 1 there may be more; 0; -EPIPE the stream has ended.
 */
int live_read(struct live *live);

struct live_counts {
	uint64_t n_denied;
	uint64_t n_asked;
	uint64_t n_untold; /* findings that did not fit the mailbox, or whose event did not come in time */
};

struct live_counts live_counts(const struct live *live);

#endif
