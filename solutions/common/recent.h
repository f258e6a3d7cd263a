/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recent - verdicts that await their event.
 *
 * A finding needs an event, and a verdict is given before there is one: process.exec follows when the
 * attempt is over, with EPERM where it was denied.  The verdicts of one attempt are found again by the
 * process, which makes one attempt at a time; an event of a failed attempt has no file to go by.
 * A process may have been asked about without an attempt (AT_EXECVE_CHECK): such verdicts expire.
 *
 * What a verdict is, is the solution's; it begins with a struct recent_head.  Bounded: BUCKETS times PLACES;
 * where a bucket is full its oldest goes, and is counted when it was not expired.
 */
#ifndef COMMON_RECENT_H
#define COMMON_RECENT_H

#include "util.h"

#define RECENT_BUCKETS 256
#define RECENT_PLACES 8
#define RECENT_SECONDS 30
#define RECENT_MAX_PATH 1024 /* longer paths are cut */

struct recent_head {
	uint64_t at_ns; /* CLOCK_MONOTONIC; 0: an empty place */
	uint32_t pid;
};

struct recent;

/**
 * recent_new() - room for verdicts
 * @size:    of one
 * @release: what it holds, when it goes without having been taken; NULL: nothing
 */
int recent_new(struct recent **ret, size_t size, void (*release)(void *verdict));
struct recent *recent_free(struct recent *recent);

/** recent_add() - a place for a verdict of this process at this time, zeroed but for these two */
void *recent_add(struct recent *recent, uint32_t pid, uint64_t at_ns);

/**
 * recent_take() - the next verdict of this process that was given at this time or before
 * @ret: a copy, the caller's with all that it holds; its place is free again
 *
 * Return: false when there is none, or only expired ones, which go.
 */
bool recent_take(struct recent *recent, uint32_t pid, uint64_t until_ns, void *ret);

/** recent_forgotten() - verdicts that had to go before their event came */
uint64_t recent_forgotten(const struct recent *recent);

#endif
