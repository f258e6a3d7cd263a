/* SPDX-License-Identifier: Apache-2.0 */
/* Recent - see recent.h */
#include "recent.h"

#include <errno.h>
#include <stdlib.h>

#define EXPIRY_NS (UINT64_C(1000000000) * RECENT_SECONDS)

struct recent {
	struct recent_verdict places[RECENT_BUCKETS][RECENT_PLACES];
	uint64_t n_forgotten;
};

int recent_new(struct recent **ret)
{
	struct recent *recent = calloc(1, sizeof(*recent));

	if (!recent)
		return -ENOMEM;
	*ret = recent;
	return 0;
}

static void empty(struct recent_verdict *verdict)
{
	verdict->result = result_unref(verdict->result);
	verdict->at_ns = 0;
}

struct recent *recent_free(struct recent *recent)
{
	for (size_t bucket = 0; recent && bucket < RECENT_BUCKETS; bucket++)
		for (size_t place = 0; place < RECENT_PLACES; place++)
			empty(&recent->places[bucket][place]);
	free(recent);
	return NULL;
}

/* Numbers of processes come one after the other: their low bits spread well. */
static struct recent_verdict *bucket_of(struct recent *recent, uint32_t pid)
{
	return recent->places[pid % RECENT_BUCKETS];
}

static bool is_expired(const struct recent_verdict *verdict, uint64_t now_ns)
{
	return verdict->at_ns + EXPIRY_NS < now_ns;
}

struct recent_verdict *recent_add(struct recent *recent, uint32_t pid, uint64_t at_ns, struct result *result)
{
	struct recent_verdict *bucket = bucket_of(recent, pid), *oldest = bucket;

	for (size_t i = 1; i < RECENT_PLACES; i++)
		if (bucket[i].at_ns < oldest->at_ns)
			oldest = &bucket[i];
	if (oldest->at_ns && !is_expired(oldest, at_ns))
		recent->n_forgotten++;
	empty(oldest);
	*oldest = (struct recent_verdict){ .pid = pid, .at_ns = at_ns, .result = result_ref(result) };
	return oldest;
}

bool recent_take(struct recent *recent, uint32_t pid, uint64_t until_ns, struct recent_verdict *ret)
{
	struct recent_verdict *bucket = bucket_of(recent, pid), *first = NULL;

	for (size_t i = 0; i < RECENT_PLACES; i++) {
		struct recent_verdict *verdict = &bucket[i];

		if (!verdict->at_ns || verdict->pid != pid || verdict->at_ns > until_ns)
			continue;
		if (is_expired(verdict, until_ns))
			empty(verdict);
		else if (!first || verdict->at_ns < first->at_ns)
			first = verdict;
	}
	if (!first)
		return false;
	*ret = *first;
	first->result = NULL;
	first->at_ns = 0;
	return true;
}

uint64_t recent_forgotten(const struct recent *recent)
{
	return recent->n_forgotten;
}
