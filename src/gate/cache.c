/* SPDX-License-Identifier: Apache-2.0 */
/* Cache - sets of eight entries, chosen by a keyed hash of the file. */
#include "gate/cache.h"

#include "base/cleanup.h"
#include "base/siphash.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#define MAX_ENTRIES (1u << 24)

struct entry {
	struct cache_key key;
	struct cache_value value;
	bool occupied;
	bool found; /* since the hand last came by */
};

struct set {
	struct entry ways[CACHE_WAYS];
	uint32_t hand; /* the way that is looked at first for eviction */
};

struct cache {
	struct siphash_key hash_key;
	uint32_t n_sets; /* a power of two */
	uint32_t n_entries;
	uint64_t n_evicted;
	struct set sets[];
};

int cache_new(struct cache **ret_cache, uint32_t n_entries)
{
	_cleanup_(freep) struct cache *cache = NULL;
	uint32_t n_sets = 1;

	if (n_entries == 0 || n_entries > MAX_ENTRIES)
		return -EINVAL;
	while (n_sets * CACHE_WAYS < n_entries)
		n_sets *= 2;
	cache = calloc(1, sizeof(*cache) + n_sets * sizeof(cache->sets[0]));
	if (!cache)
		return -ENOMEM;
	cache->n_sets = n_sets;
	if (getrandom(&cache->hash_key, sizeof(cache->hash_key), 0) != sizeof(cache->hash_key))
		return -EIO;
	*ret_cache = take_ptr(cache);
	return 0;
}

struct cache *cache_free(struct cache *cache)
{
	free(cache);
	return NULL;
}

static struct set *set_of(struct cache *cache, uint64_t dev, uint64_t ino)
{
	const uint64_t file[] = { dev, ino };

	return &cache->sets[siphash(&cache->hash_key, file, 2) & (cache->n_sets - 1)];
}

static bool of_file(const struct entry *entry, uint64_t dev, uint64_t ino)
{
	return entry->occupied && entry->key.ino == ino && entry->key.dev == dev;
}

static struct entry *find_act(struct set *set, const struct cache_key *key)
{
	for (struct entry *entry = set->ways; entry < set->ways + CACHE_WAYS; entry++)
		if (of_file(entry, key->dev, key->ino) && entry->key.act == key->act)
			return entry;
	return NULL;
}

/* The entry for this very state of the file. */
static struct entry *find_key(struct cache *cache, const struct cache_key *key)
{
	struct entry *entry = find_act(set_of(cache, key->dev, key->ino), key);

	if (!entry || entry->key.size != key->size || entry->key.ctime_ns != key->ctime_ns)
		return NULL;
	return entry;
}

bool cache_find(struct cache *cache, const struct cache_key *key, uint64_t generation,
		struct cache_value *ret_value)
{
	struct entry *entry = find_key(cache, key);

	if (!entry || entry->value.generation != generation)
		return false;
	entry->found = true;
	*ret_value = entry->value;
	return true;
}

bool cache_find_old(struct cache *cache, const struct cache_key *key, uint64_t now_ns, uint64_t max_age_ns,
		    struct cache_value *ret_value)
{
	struct entry *entry = find_key(cache, key);

	/* What claims to come from the future is nothing to rely on. */
	if (!entry || entry->value.time_ns > now_ns || now_ns - entry->value.time_ns > max_age_ns)
		return false;
	entry->found = true;
	*ret_value = entry->value;
	return true;
}

/* A free way, or that of the first entry from the hand on that nobody found since it last came by. */
static struct entry *make_room(struct cache *cache, struct set *set)
{
	struct entry *entry;

	for (uint32_t i = 0; i < CACHE_WAYS; i++)
		if (!set->ways[i].occupied)
			return &set->ways[i];
	for (;;) {
		entry = &set->ways[set->hand];
		set->hand = (set->hand + 1) % CACHE_WAYS;
		if (!entry->found)
			break;
		entry->found = false;
	}
	cache->n_entries--;
	cache->n_evicted++;
	return entry;
}

void cache_put(struct cache *cache, const struct cache_key *key, const struct cache_value *value)
{
	struct set *set = set_of(cache, key->dev, key->ino);
	struct entry *entry = find_act(set, key);

	if (!entry) {
		entry = make_room(cache, set);
		cache->n_entries++;
	}
	*entry = (struct entry){ .key = *key, .value = *value, .occupied = true };
}

void cache_forget_file(struct cache *cache, uint64_t dev, uint64_t ino)
{
	struct set *set = set_of(cache, dev, ino);

	for (uint32_t i = 0; i < CACHE_WAYS; i++) {
		if (!of_file(&set->ways[i], dev, ino))
			continue;
		set->ways[i].occupied = false;
		cache->n_entries--;
	}
}

void cache_clear(struct cache *cache)
{
	memset(cache->sets, 0, cache->n_sets * sizeof(cache->sets[0]));
	cache->n_entries = 0;
}

void cache_counts(const struct cache *cache, struct cache_counts *ret_counts)
{
	*ret_counts = (struct cache_counts){ .capacity = cache->n_sets * CACHE_WAYS,
					     .n_entries = cache->n_entries,
					     .n_evicted = cache->n_evicted };
}
