/* SPDX-License-Identifier: Apache-2.0 */
/* Known - see known.h */
#include "known.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct entry {
	struct known_key key; /* with a path of its own */
	struct result *result; /* NULL: an empty place */
	uint64_t used;         /* when it was asked for last or put, counted in calls */
};

struct known {
	struct entry sets[KNOWN_SETS][KNOWN_WAYS];
	uint64_t n_calls;
};

int known_new(struct known **ret)
{
	struct known *known = calloc(1, sizeof(*known));

	if (!known)
		return -ENOMEM;
	*ret = known;
	return 0;
}

static void empty(struct entry *entry)
{
	free((char *)entry->key.path);
	result_unref(entry->result);
	*entry = (struct entry){ 0 };
}

void known_clear(struct known *known)
{
	for (size_t set = 0; set < KNOWN_SETS; set++)
		for (size_t way = 0; way < KNOWN_WAYS; way++)
			empty(&known->sets[set][way]);
}

struct known *known_free(struct known *known)
{
	if (known)
		known_clear(known);
	free(known);
	return NULL;
}

/* Numbers of files come one after the other: their low bits spread well. */
static struct entry *set_of(struct known *known, const struct known_key *key)
{
	return known->sets[(key->ino ^ key->dev) % KNOWN_SETS];
}

static bool is_same_path(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static bool is_same(const struct known_key *a, const struct known_key *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size && a->ctime_ns == b->ctime_ns &&
	       is_same_path(a->path, b->path);
}

struct result *known_find(struct known *known, const struct known_key *key)
{
	struct entry *set = set_of(known, key);

	known->n_calls++;
	for (size_t way = 0; way < KNOWN_WAYS; way++) {
		if (!set[way].result || !is_same(&set[way].key, key))
			continue;
		set[way].used = known->n_calls;
		return result_ref(set[way].result);
	}
	return NULL;
}

void known_put(struct known *known, const struct known_key *key, struct result *result)
{
	struct entry *set = set_of(known, key), *place = set;
	char *path = NULL;

	if (key->path) {
		path = strdup(key->path);
		if (!path)
			return;
	}
	for (size_t way = 1; way < KNOWN_WAYS; way++)
		if (set[way].used < place->used)
			place = &set[way];
	empty(place);
	place->key = *key;
	place->key.path = path;
	place->result = result_ref(result);
	place->used = ++known->n_calls;
}
