/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Live - the solution at work: requests become answers, and events of what was answered, findings.
 *
 * Files that were written to are only shown: nobody waits for them.  They are kept until there is nothing else
 * to do, one is scanned at a time, and what is found in them becomes a finding with the event of the write.
 *
 * Owns the rules in use, what is known of files, what is kept, and the verdicts that await their events; the
 * client is the caller's.
 */
#ifndef YARA_LIVE_H
#define YARA_LIVE_H

#include "rules.h"

#include <ringfort/client.h>
#include <ringfort/verdict.h>

#define LIVE_MAX_TURN 64 /* events, before requests are looked at again: somebody waits for those */
#define LIVE_SETTLED_NS 50000000 /* two changes within a tick of the kernel look like one: not yet known */

struct live;

int live_new(struct live **ret, struct ringfort_client *client);
struct live *live_free(struct live *live);
void live_freep(struct live **live);

/** live_use() - the rules from now on; they are taken over, and those before are released */
void live_use(struct live *live, struct rules **rules);
const struct rules *live_rules(const struct live *live);

/**
 * live_answer() - all requests that are there, but for files that were shown: those are kept
 *
 * Return: 0; 1 the mailbox is full, call it again soon: no request is taken before the last one has
 *         its answer; -EPIPE ringfortd is gone; another negative errno.
 */
int live_answer(struct live *live);

/** live_scan() - one of the files that were shown.  Return: was there one? */
bool live_scan(struct live *live);

/**
 * live_read() - at most LIVE_MAX_TURN events
 *
 * Return: 1 there may be more; 0; -EPIPE the stream has ended.
 */
int live_read(struct live *live);

struct live_counts {
	uint64_t n_asked;
	uint64_t n_denied;
	uint64_t n_scanned;   /* the others were known, or could not be */
	uint64_t n_eventless; /* of what was found in opened files no event tells, so no finding */
	uint64_t n_shown;     /* files that were written to */
	uint64_t n_lost;      /* times that more was written than could be shown */
	uint64_t n_untold;    /* findings that did not fit the mailbox, or whose event did not come in time */
};

struct live_counts live_counts(const struct live *live);

#endif
