/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recent - verdicts that await their event.
 *
 * A finding needs an event, and a verdict is given before there is one: process.exec follows when the
 * attempt is over, with EPERM where it was denied.  The verdicts of one attempt are found again by the
 * process, which makes one attempt at a time; an event of a failed attempt has no file to go by.
 * A process may have been asked about without an attempt (AT_EXECVE_CHECK): such verdicts expire.
 *
 * Bounded: BUCKETS times PLACES; where a bucket is full its oldest goes, and is counted when it
 * was not expired.
 */
#ifndef YARA_RECENT_H
#define YARA_RECENT_H

#include "result.h"

#define RECENT_BUCKETS 256
#define RECENT_PLACES 8
#define RECENT_SECONDS 30
#define RECENT_MAX_PATH 1024 /* longer paths are cut */

struct recent_verdict {
	uint64_t at_ns; /* CLOCK_MONOTONIC; 0: an empty place */
	uint64_t dev, ino;
	uint32_t pid;
	bool lost; /* more was written before than could be shown */
	struct result *result;
	char path[RECENT_MAX_PATH];
};

struct recent;

int recent_new(struct recent **ret);
struct recent *recent_free(struct recent *recent);

/**
 * recent_add() - a place for a verdict of this process at this time
 * @result: a reference of its own is taken
 */
struct recent_verdict *recent_add(struct recent *recent, uint32_t pid, uint64_t at_ns,
				  struct result *result);

/**
 * recent_take() - the next verdict of this process that was given at this time or before
 * @ret: a copy, and the reference to its result is the caller's now; its place is free again
 *
 * Return: false when there is none, or only expired ones, which go.
 */
bool recent_take(struct recent *recent, uint32_t pid, uint64_t until_ns, struct recent_verdict *ret);

/** recent_forgotten() - verdicts that had to go before their event came */
uint64_t recent_forgotten(const struct recent *recent);

#endif
