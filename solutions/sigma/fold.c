/* SPDX-License-Identifier: Apache-2.0 */
/* Fold - see fold.h */
#include "fold.h"

#include "../common/util.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_NS UINT64_C(50000000)

struct entry {
	struct entry *next; /* the oldest first */
	uint64_t hash;
	uint64_t due_ns;
	uint32_t n_untold;
	size_t n_bytes;
	struct mapping_hit hit; /* its texts are copies, in text[] */
	struct ringfort_event *event;
	char memory[] __attribute__((aligned(8)));
};

struct fold {
	struct entry *first, **last;
	size_t n_entries, n_bytes;
	fold_report_fn report;
	void *userdata;
	uint64_t n_dropped;
};

int fold_new(struct fold **ret, fold_report_fn report, void *userdata)
{
	struct fold *fold = calloc(1, sizeof(*fold));

	if (!fold)
		return -ENOMEM;
	fold->last = &fold->first;
	fold->report = report;
	fold->userdata = userdata;
	*ret = fold;
	return 0;
}

struct fold *fold_free(struct fold *fold)
{
	while (fold && fold->first) {
		struct entry *next = fold->first->next;

		free(fold->first);
		fold->first = next;
	}
	free(fold);
	return NULL;
}

void fold_freep(struct fold **fold)
{
	fold_free(*fold);
}

uint64_t fold_dropped(const struct fold *fold)
{
	return fold->n_dropped;
}

static uint64_t mix(uint64_t hash, const char *text)
{
	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * UINT64_C(1099511628211);
	return (hash ^ 0xff) * UINT64_C(1099511628211);
}

static uint64_t hash_of(const struct ringfort_event *event, const struct mapping_hit *hit)
{
	uint64_t hash = UINT64_C(14695981039346656037) ^ (uintptr_t)hit->rule;

	hash = mix(hash, ringfort_string(event, event->process.exe));
	for (uint32_t i = 0; i < hit->n_matched; i++)
		hash = mix(mix(hash, hit->matched[i].field), hit->matched[i].value);
	return hash;
}

/* A hash could be made to collide, and would hide a finding: so compare. */
static bool is_same(const struct entry *entry, const struct ringfort_event *event,
		    const struct mapping_hit *hit)
{
	if (entry->hit.rule != hit->rule || entry->hit.n_matched != hit->n_matched ||
	    strcmp(ringfort_string(entry->event, entry->event->process.exe),
		   ringfort_string(event, event->process.exe)))
		return false;
	for (uint32_t i = 0; i < hit->n_matched; i++)
		if (strcmp(entry->hit.matched[i].field, hit->matched[i].field) ||
		    strcmp(entry->hit.matched[i].value, hit->matched[i].value))
			return false;
	return true;
}

static int tell(struct fold *fold, struct entry *entry)
{
	const struct sigma_rule_info *info = sigma_rule_info(entry->hit.rule);
	const struct ringfort_finding finding = {
		.size = sizeof(finding),
		.level = (enum ringfort_level)info->level,
		.event = entry->event,
		.rule_id = info->id ? info->id : info->title,
		.title = info->title,
		.author = info->author,
		.matched_as = mapping_matched_as(entry->hit.matched_as),
		.references = info->references,
		.tags = info->tags,
		.matched = entry->hit.matched,
		.n_references = info->n_references < 32 ? (uint32_t)info->n_references : 32,
		.n_tags = info->n_tags < 64 ? (uint32_t)info->n_tags : 64,
		.n_matched = entry->hit.n_matched,
		.count = entry->n_untold,
	};
	int r = fold->report(&finding, fold->userdata);

	if (r == -EAGAIN)
		return r;
	if (r < 0)
		fold->n_dropped += entry->n_untold;
	entry->n_untold = 0;
	return 0;
}

static void remove_first(struct fold *fold)
{
	struct entry *entry = fold->first;

	if (entry->n_untold && tell(fold, entry) < 0)
		fold->n_dropped += entry->n_untold;
	fold->first = entry->next;
	if (!fold->first)
		fold->last = &fold->first;
	fold->n_entries--;
	fold->n_bytes -= entry->n_bytes;
	free(entry);
}

static char *copy_text(char **room, const char *text)
{
	size_t n = strlen(text) + 1;
	char *copy = memcpy(*room, text, n);

	*room += n;
	return copy;
}

static struct entry *new_entry(const struct ringfort_event *event, const struct mapping_hit *hit)
{
	struct entry *entry;
	size_t n_text = 0;
	char *room;

	for (uint32_t i = 0; i < hit->n_matched; i++)
		n_text += strlen(hit->matched[i].field) + strlen(hit->matched[i].value) + 2;
	entry = malloc(sizeof(*entry) + event->size + n_text);
	if (!entry)
		return NULL;
	*entry = (struct entry){ .hit = *hit, .n_bytes = sizeof(*entry) + event->size + n_text };
	entry->event = memcpy(entry->memory, event, event->size);
	room = entry->memory + event->size;
	for (uint32_t i = 0; i < hit->n_matched; i++) {
		entry->hit.matched[i].field = copy_text(&room, hit->matched[i].field);
		entry->hit.matched[i].value = copy_text(&room, hit->matched[i].value);
	}
	return entry;
}

int fold_add(struct fold *fold, const struct ringfort_event *event, const struct mapping_hit *hit,
	     uint64_t now_ns)
{
	uint64_t hash = hash_of(event, hit);
	struct entry *entry;

	for (entry = fold->first; entry; entry = entry->next) {
		if (entry->hash != hash || !is_same(entry, event, hit))
			continue;
		entry->n_untold++;
		entry->hit.matched_as |= hit->matched_as;
		return 0;
	}
	entry = new_entry(event, hit);
	if (!entry) {
		fold->n_dropped++;
		return -ENOMEM;
	}
	while (fold->first && (fold->n_entries == FOLD_MAX_ENTRIES ||
			       fold->n_bytes + entry->n_bytes > FOLD_MAX_BYTES))
		remove_first(fold);
	entry->hash = hash;
	entry->n_untold = 1;
	entry->due_ns = now_ns + (tell(fold, entry) < 0 ? RETRY_NS : FOLD_WINDOW_NS);
	*fold->last = entry;
	fold->last = &entry->next;
	fold->n_entries++;
	fold->n_bytes += entry->n_bytes;
	return 0;
}

uint64_t fold_tick(struct fold *fold, uint64_t now_ns)
{
	uint64_t next_ns = UINT64_MAX;
	struct entry **link = &fold->first;

	while (*link) {
		struct entry *entry = *link;

		if (entry->due_ns <= now_ns && !entry->n_untold) {
			*link = entry->next;
			if (!*link)
				fold->last = link;
			fold->n_entries--;
			fold->n_bytes -= entry->n_bytes;
			free(entry);
			continue;
		}
		if (entry->due_ns <= now_ns)
			entry->due_ns = now_ns + (tell(fold, entry) < 0 ? RETRY_NS : FOLD_WINDOW_NS);
		if (entry->due_ns < next_ns)
			next_ns = entry->due_ns;
		link = &entry->next;
	}
	return next_ns;
}

void fold_flush(struct fold *fold)
{
	while (fold->first)
		remove_first(fold);
}
