/* SPDX-License-Identifier: Apache-2.0 */
/* Recent - see recent.h */
#include "recent.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define EXPIRY_NS (UINT64_C(1000000000) * RECENT_SECONDS)

struct recent {
	size_t size;
	void (*release)(void *verdict);
	uint64_t n_forgotten;
	max_align_t places[];
};

int recent_new(struct recent **ret, size_t size, void (*release)(void *verdict))
{
	struct recent *recent = calloc(1, sizeof(*recent) + RECENT_BUCKETS * RECENT_PLACES * size);

	if (!recent)
		return -ENOMEM;
	recent->size = size;
	recent->release = release;
	*ret = recent;
	return 0;
}

/* Numbers of processes come one after the other: their low bits spread well. */
static struct recent_head *place_of(struct recent *recent, uint32_t pid, size_t i)
{
	size_t place = pid % RECENT_BUCKETS * RECENT_PLACES + i;

	return (struct recent_head *)((char *)recent->places + place * recent->size);
}

static void empty(struct recent *recent, struct recent_head *head)
{
	if (head->at_ns && recent->release)
		recent->release(head);
	head->at_ns = 0;
}

struct recent *recent_free(struct recent *recent)
{
	for (uint32_t bucket = 0; recent && bucket < RECENT_BUCKETS; bucket++)
		for (size_t i = 0; i < RECENT_PLACES; i++)
			empty(recent, place_of(recent, bucket, i));
	free(recent);
	return NULL;
}

static bool is_expired(const struct recent_head *head, uint64_t now_ns)
{
	return head->at_ns + EXPIRY_NS < now_ns;
}

void *recent_add(struct recent *recent, uint32_t pid, uint64_t at_ns)
{
	struct recent_head *oldest = place_of(recent, pid, 0);

	for (size_t i = 1; i < RECENT_PLACES; i++) {
		struct recent_head *head = place_of(recent, pid, i);

		if (head->at_ns < oldest->at_ns)
			oldest = head;
	}
	if (oldest->at_ns && !is_expired(oldest, at_ns))
		recent->n_forgotten++;
	empty(recent, oldest);
	memset(oldest, 0, recent->size);
	*oldest = (struct recent_head){ .at_ns = at_ns, .pid = pid };
	return oldest;
}

bool recent_take(struct recent *recent, uint32_t pid, uint64_t until_ns, void *ret)
{
	struct recent_head *first = NULL;

	for (size_t i = 0; i < RECENT_PLACES; i++) {
		struct recent_head *head = place_of(recent, pid, i);

		if (!head->at_ns || head->pid != pid || head->at_ns > until_ns)
			continue;
		if (is_expired(head, until_ns))
			empty(recent, head);
		else if (!first || head->at_ns < first->at_ns)
			first = head;
	}
	if (!first)
		return false;
	memcpy(ret, first, recent->size);
	first->at_ns = 0;
	return true;
}

uint64_t recent_forgotten(const struct recent *recent)
{
	return recent->n_forgotten;
}
