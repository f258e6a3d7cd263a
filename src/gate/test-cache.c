/* SPDX-License-Identifier: Apache-2.0 */
/* Test-cache - it may forget, it never answers wrong; against an oracle that remembers everything. */
#undef NDEBUG
#include "gate/cache.h"

#include <assert.h>
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct cache *cache_of(uint32_t n_entries)
{
	struct cache *cache;

	assert(cache_new(&cache, n_entries) == 0);
	return cache;
}

static struct cache_counts counts_of(const struct cache *cache)
{
	struct cache_counts counts;

	cache_counts(cache, &counts);
	return counts;
}

static struct cache_key file(uint64_t ino)
{
	return (struct cache_key){ .dev = 8 << 20 | 1, .ino = ino, .size = 100, .ctime_ns = 1000 };
}

static void put(struct cache *cache, struct cache_key key, uint64_t id, uint64_t generation, uint64_t time_ns)
{
	cache_put(cache, &key, &(struct cache_value){ .generation = generation, .id = id, .time_ns = time_ns,
						      .verdict = RINGFORT_VERDICT_DENY });
}

/* Id of the verdict, or 0 */
static uint64_t find(struct cache *cache, struct cache_key key, uint64_t generation)
{
	struct cache_value value;

	return cache_find(cache, &key, generation, &value) ? value.id : 0;
}

static uint64_t find_old(struct cache *cache, struct cache_key key, uint64_t now_ns, uint64_t max_age_ns)
{
	struct cache_value value;

	return cache_find_old(cache, &key, now_ns, max_age_ns, &value) ? value.id : 0;
}

static void a_verdict_is_found_whole_and_nothing_else_is_touched(void)
{
	struct cache_value value = { .id = 77 };
	struct cache *cache = cache_of(100);
	struct cache_key key = file(5);

	assert(!cache_find(cache, &key, 1, &value) && value.id == 77);
	cache_put(cache, &key, &(struct cache_value){ .generation = 1, .id = 9, .time_ns = 3,
						      .verdict = RINGFORT_VERDICT_DENY });
	assert(cache_find(cache, &key, 1, &value));
	assert(value.generation == 1 && value.id == 9 && value.time_ns == 3);
	assert(value.verdict == RINGFORT_VERDICT_DENY);
	assert(!cache_free(cache));
}

static void any_difference_of_the_file_or_the_act_is_another_question(void)
{
	struct cache *cache = cache_of(8); /* one set: the hash can hide nothing */
	struct cache_key others[5];

	for (size_t i = 0; i < 5; i++)
		others[i] = file(5);
	others[0].dev++;
	others[1].ino++;
	others[2].size++;
	others[3].ctime_ns++;
	others[4].act = RINGFORT_ACT_OPEN;
	put(cache, file(5), 1, 1, 0);
	for (size_t i = 0; i < 5; i++)
		assert(find(cache, others[i], 1) == 0 && find_old(cache, others[i], 0, 100) == 0);
	assert(find(cache, file(5), 1) == 1);
	cache_free(cache);
}

static void only_the_same_generation_is_found(void)
{
	struct cache *cache = cache_of(8);

	put(cache, file(5), 1, 7, 0);
	assert(find(cache, file(5), 6) == 0 && find(cache, file(5), 8) == 0 && find(cache, file(5), 7) == 1);
	put(cache, file(5), 2, 8, 0);
	assert(find(cache, file(5), 7) == 0 && find(cache, file(5), 8) == 2);
	cache_free(cache);
}

static void an_old_verdict_is_found_until_it_is_too_old(void)
{
	struct cache *cache = cache_of(8);

	put(cache, file(5), 1, 7, 1000);
	assert(find_old(cache, file(5), 1000, 0) == 1 && find_old(cache, file(5), 1060, 60) == 1);
	assert(find_old(cache, file(5), 1061, 60) == 0);
	assert(find_old(cache, file(5), 999, UINT64_MAX) == 0);
	cache_free(cache);
}

static void what_is_known_of_a_changed_file_takes_no_second_place(void)
{
	struct cache *cache = cache_of(8);
	struct cache_key changed = file(5);

	put(cache, file(6), 1, 1, 0);
	for (uint64_t i = 0; i < 1000; i++) {
		changed.ctime_ns++;
		put(cache, changed, 10 + i, 1, 0);
	}
	assert(find(cache, changed, 1) == 1009 && find(cache, file(5), 1) == 0);
	assert(find(cache, file(6), 1) == 1);
	assert(counts_of(cache).n_entries == 2 && counts_of(cache).n_evicted == 0);
	cache_free(cache);
}

static void a_forgotten_file_is_forgotten_for_every_act_and_others_stay(void)
{
	struct cache_key open = file(5), elsewhere = file(5);
	struct cache *cache = cache_of(8);

	open.act = RINGFORT_ACT_OPEN;
	elsewhere.dev++;
	put(cache, file(5), 1, 1, 0);
	put(cache, open, 2, 1, 0);
	put(cache, elsewhere, 3, 1, 0);
	put(cache, file(6), 4, 1, 0);
	assert(find(cache, file(5), 1) == 1 && find(cache, open, 1) == 2);
	cache_forget_file(cache, file(5).dev, 5);
	assert(find(cache, file(5), 1) == 0 && find(cache, open, 1) == 0 && find_old(cache, open, 0, 100) == 0);
	assert(find(cache, elsewhere, 1) == 3 && find(cache, file(6), 1) == 4);
	assert(counts_of(cache).n_entries == 2);
	cache_forget_file(cache, 1, 1);
	assert(counts_of(cache).n_entries == 2 && counts_of(cache).n_evicted == 0);
	cache_free(cache);
}

static void after_a_clear_nothing_is_known_and_all_room_is_there(void)
{
	struct cache *cache = cache_of(8);

	for (uint64_t ino = 1; ino <= 8; ino++)
		put(cache, file(ino), ino, 1, 0);
	cache_clear(cache);
	assert(counts_of(cache).n_entries == 0);
	for (uint64_t ino = 1; ino <= 8; ino++)
		assert(find(cache, file(ino), 1) == 0 && find_old(cache, file(ino), 0, 100) == 0);
	for (uint64_t ino = 11; ino <= 18; ino++)
		put(cache, file(ino), ino, 1, 0);
	assert(counts_of(cache).n_entries == 8 && counts_of(cache).n_evicted == 0);
	cache_free(cache);
}

static void in_a_full_set_one_goes_that_was_not_found_lately(void)
{
	struct cache *cache = cache_of(8);

	for (uint64_t ino = 1; ino <= 8; ino++)
		put(cache, file(ino), ino, 1, 0);
	for (uint64_t ino = 9; ino < 1000; ino++) {
		assert(find(cache, file(3), 1) == 3);
		put(cache, file(ino), ino, 1, 0);
		assert(find(cache, file(ino), 1) == ino);
	}
	assert(find(cache, file(3), 1) == 3 && find(cache, file(1), 1) == 0);
	assert(counts_of(cache).n_entries == 8 && counts_of(cache).n_evicted == 991);
	cache_free(cache);
}

static void capacity_is_at_least_what_was_asked_for_and_within_reason(void)
{
	struct cache *cache = NULL;

	assert(cache_new(&cache, 0) == -EINVAL && cache_new(&cache, UINT32_MAX) == -EINVAL && !cache);
	for (uint32_t n = 1; n < 100; n++) {
		cache = cache_of(n);
		assert(counts_of(cache).capacity >= n && counts_of(cache).capacity <= 2 * n + CACHE_WAYS);
		cache_free(cache);
	}
	assert(!cache_free(NULL));
}

/* Files are made to fall together: in a row, every 4096th, every 2^32nd. */
static void whoever_chooses_inode_numbers_does_not_choose_sets(void)
{
	const uint64_t strides[] = { 1, 4096, 1ull << 32 };

	for (size_t i = 0; i < 3; i++) {
		struct cache *one = cache_of(4096), *other = cache_of(4096);
		uint32_t n_both = 0, n_one = 0;

		for (uint64_t n = 1; n <= 4096; n++) {
			put(one, file(n * strides[i]), n, 1, 0);
			put(other, file(n * strides[i]), n, 1, 0);
		}
		/* thrown at random, 86 of 100 find room */
		assert(counts_of(one).n_entries > 4096 * 3 / 4);
		for (uint64_t n = 1; n <= 4096; n++) {
			n_one += find(one, file(n * strides[i]), 1) == n;
			n_both += find(one, file(n * strides[i]), 1) && find(other, file(n * strides[i]), 1);
		}
		assert(n_one == counts_of(one).n_entries);
		/* and which do, nobody can know: another cache keeps others */
		assert(n_both < n_one);
		cache_free(one);
		cache_free(other);
	}
}

/* ---- the model --------------------------------------------------------------------------------------- */

#define FILES 300u
#define STATES 3u /* of a file: sizes and change times */

static uint64_t random_state = 88172645463325252ull;

/* xorshift64: the same operations in every run, while the cache's key is another one each time */
static uint32_t random_below(uint32_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 32) % n;
}

/* Everything that was ever put and not taken back. */
struct oracle {
	struct cache_value values[FILES][_RINGFORT_ACT_N][STATES];
	uint32_t latest[FILES][_RINGFORT_ACT_N]; /* state of the last put */
	bool known[FILES][_RINGFORT_ACT_N][STATES];
};

struct question {
	uint32_t file, act, state;
	struct cache_key key;
};

/* Half of the files share their inode numbers with another on the second device. */
static struct question random_question(void)
{
	struct question q = { random_below(FILES), random_below(_RINGFORT_ACT_N), random_below(STATES) };

	q.key = (struct cache_key){ .dev = q.file % 2, .ino = q.file / 2, .size = q.state == 1,
				    .ctime_ns = q.state == 2, .act = q.act };
	return q;
}

static void oracle_forget(struct oracle *oracle, uint32_t forgotten)
{
	memset(oracle->known[forgotten], 0, sizeof(oracle->known[forgotten]));
}

static bool same_value(const struct cache_value *a, const struct cache_value *b)
{
	return a->generation == b->generation && a->id == b->id && a->time_ns == b->time_ns &&
	       a->verdict == b->verdict;
}

struct model {
	struct cache *cache;
	struct oracle *oracle;
	uint64_t now, generation, last_id;
	uint64_t n_hits, n_misses, n_forgotten;
	bool roomy; /* nothing is ever evicted: it must remember the latest state of each file */
};

static void model_put(struct model *m, const struct question *q)
{
	struct cache_value value = { .generation = m->generation - random_below(2), .id = ++m->last_id,
				     .time_ns = m->now, .verdict = random_below(2) };

	cache_put(m->cache, &q->key, &value);
	m->oracle->values[q->file][q->act][q->state] = value;
	m->oracle->known[q->file][q->act][q->state] = true;
	m->oracle->latest[q->file][q->act] = q->state;
}

static void model_find(struct model *m, const struct question *q)
{
	const struct cache_value *right = &m->oracle->values[q->file][q->act][q->state];
	bool known = m->oracle->known[q->file][q->act][q->state];
	bool current = known && right->generation == m->generation;
	bool fresh = known && m->now - right->time_ns <= 1000;
	bool kept = m->oracle->latest[q->file][q->act] == q->state;
	struct cache_value value;

	if (cache_find(m->cache, &q->key, m->generation, &value)) {
		assert(current && same_value(&value, right));
		m->n_hits++;
	} else {
		m->n_misses++;
		m->n_forgotten += current;
		assert(!(m->roomy && current && kept));
	}
	if (cache_find_old(m->cache, &q->key, m->now, 1000, &value))
		assert(fresh && same_value(&value, right));
	else
		assert(!(m->roomy && fresh && kept));
}

static void model_step(struct model *m)
{
	struct question q = random_question();
	uint32_t what = random_below(10000);

	m->now++;
	if (what < 3000) {
		model_put(m, &q);
	} else if (what < 3100) {
		cache_forget_file(m->cache, q.key.dev, q.key.ino);
		oracle_forget(m->oracle, q.file);
	} else if (what < 3110) {
		m->generation++;
	} else if (what < 3112) {
		cache_clear(m->cache);
		memset(m->oracle->known, 0, sizeof(m->oracle->known));
	} else {
		model_find(m, &q);
	}
	assert(counts_of(m->cache).n_entries <= counts_of(m->cache).capacity);
}

static void run_model(uint32_t n_entries, uint32_t n_steps, bool roomy)
{
	struct model m = { .cache = cache_of(n_entries), .oracle = calloc(1, sizeof(*m.oracle)), .generation = 1,
			   .roomy = roomy };

	assert(m.oracle);
	for (uint32_t i = 0; i < n_steps; i++)
		model_step(&m);
	printf("%u entries: %llu found, %llu not, of these %llu forgotten; %llu evicted\n",
	       counts_of(m.cache).capacity, (unsigned long long)m.n_hits, (unsigned long long)m.n_misses,
	       (unsigned long long)m.n_forgotten, (unsigned long long)counts_of(m.cache).n_evicted);
	assert(m.n_hits > 1000 && m.n_misses > 1000);
	assert((counts_of(m.cache).n_evicted == 0) == roomy);
	free(m.oracle);
	cache_free(m.cache);
}

static void a_small_cache_forgets_but_never_answers_wrong_in_millions_of_operations(void)
{
	run_model(16, 2000000, false);
	run_model(256, 2000000, false);
}

/* 600 entries in 32,768 sets: that nine share one, so that one is evicted, does not happen. */
static void a_roomy_cache_forgets_nothing_either(void)
{
	run_model(32768 * CACHE_WAYS, 3000000, true);
}

static void nothing_is_allocated_after_the_beginning(void)
{
	struct cache *cache = cache_of(1024);
	size_t before = mallinfo2().uordblks;

	for (uint64_t ino = 0; ino < 100000; ino++) {
		put(cache, file(ino), ino + 1, ino / 1000, ino);
		assert(find(cache, file(ino), ino / 1000) == ino + 1);
		if (ino % 7 == 0)
			cache_forget_file(cache, file(ino).dev, ino);
	}
	cache_clear(cache);
	assert(mallinfo2().uordblks == before); /* 0 and 0 where the sanitizer allocates */
	cache_free(cache);
}

int main(void)
{
	a_verdict_is_found_whole_and_nothing_else_is_touched();
	any_difference_of_the_file_or_the_act_is_another_question();
	only_the_same_generation_is_found();
	an_old_verdict_is_found_until_it_is_too_old();
	what_is_known_of_a_changed_file_takes_no_second_place();
	a_forgotten_file_is_forgotten_for_every_act_and_others_stay();
	after_a_clear_nothing_is_known_and_all_room_is_there();
	in_a_full_set_one_goes_that_was_not_found_lately();
	capacity_is_at_least_what_was_asked_for_and_within_reason();
	whoever_chooses_inode_numbers_does_not_choose_sets();
	a_small_cache_forgets_but_never_answers_wrong_in_millions_of_operations();
	a_roomy_cache_forgets_nothing_either();
	nothing_is_allocated_after_the_beginning();
	return 0;
}
