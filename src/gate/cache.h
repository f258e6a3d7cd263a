/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cache - verdicts that hold until their file, or what judged it, changes.
 *
 * The gate's own table, for files for which the kernel may not remember an answer.  It may forget, it
 * never answers wrong: a verdict is found only for the very identity that it was given for (the change
 * time is part of it), and under the same generation, which the gate counts up whenever content, policy
 * or the set of solutions changes.  Whether a file's identity can be believed (a shared mapping changes a
 * file without its change time, an overlay tells nothing) is the caller's to know, before it puts.
 *
 * Memory is taken when it is made and never after: sets of eight entries, chosen by a keyed hash of device
 * and inode, so whoever makes files cannot choose which sets he fills, and no search looks at more than
 * eight.  All of one file is in one set, one entry per act.  In a full set one goes that was not found for
 * longest (second chance), counted.
 *
 * One thread.  No clock of its own: times are CLOCK_MONOTONIC in ns, given by the caller.
 */
#ifndef RINGFORT_GATE_CACHE_H
#define RINGFORT_GATE_CACHE_H

#include <ringfort/verdict.h>
#include <stdbool.h>
#include <stdint.h>

#define CACHE_WAYS 8u

struct cache;

/* A file as it was judged. */
struct cache_key {
	uint64_t dev, ino, size;
	int64_t ctime_ns;
	uint32_t act; /* enum ringfort_act */
};

struct cache_value {
	uint64_t generation;
	uint64_t id;      /* of the verdict, for `ringfort why` */
	uint64_t time_ns; /* when it was given */
	uint32_t verdict; /* enum ringfort_verdict */
};

struct cache_counts {
	uint32_t capacity;
	uint32_t n_entries;
	uint64_t n_evicted; /* ever */
};

/** cache_new() - room for at least n_entries.  Return: 0; -EINVAL none, or over 2^24; -ENOMEM; -EIO. */
int cache_new(struct cache **ret_cache, uint32_t n_entries);
struct cache *cache_free(struct cache *cache);

/** cache_find() - the verdict for this file under this generation.  false: none; *ret_value is untouched */
bool cache_find(struct cache *cache, const struct cache_key *key, uint64_t generation,
		struct cache_value *ret_value);

/**
 * cache_find_old() - the last verdict for this file, whatever its generation
 *
 * For the soft deadline: it may be applied, marked as last-known, and not be put again.
 *
 * Return: false there is none that is at most max_age_ns old.
 */
bool cache_find_old(struct cache *cache, const struct cache_key *key, uint64_t now_ns, uint64_t max_age_ns,
		    struct cache_value *ret_value);

/** cache_put() - remember a verdict; takes the place of what was known for the same file and act */
void cache_put(struct cache *cache, const struct cache_key *key, const struct cache_value *value);

/** cache_forget_file() - drop all that is known about a file */
void cache_forget_file(struct cache *cache, uint64_t dev, uint64_t ino);

/** cache_clear() - drop everything */
void cache_clear(struct cache *cache);

void cache_counts(const struct cache *cache, struct cache_counts *ret_counts);

#endif
