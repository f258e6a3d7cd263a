/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Known - results of files that have not changed since.
 *
 * Only for files that nobody but root can write to: whoever can write to a file can change it through a
 * shared mapping without its time of change, and then a result would be believed that is none.
 *
 * Bounded: KNOWN_SETS times KNOWN_WAYS; in a full set the one goes that was not asked for for longest.
 * All of it goes when the rules change.
 */
#ifndef YARA_KNOWN_H
#define YARA_KNOWN_H

#include "result.h"

#define KNOWN_SETS 512
#define KNOWN_WAYS 8

struct known_key {
	uint64_t dev, ino, size;
	int64_t ctime_ns;
	const char *path; /* where rules look at names, else NULL */
};

struct known;

int known_new(struct known **ret);
struct known *known_free(struct known *known);

/** known_find() - with a reference of the caller's; NULL when there is none */
struct result *known_find(struct known *known, const struct known_key *key);

/** known_put() - it takes a reference of its own; without memory nothing happens */
void known_put(struct known *known, const struct known_key *key, struct result *result);

void known_clear(struct known *known);

#endif
