/* SPDX-License-Identifier: Apache-2.0 */
/* Written - see written.h */
#include "written.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 4096
#define NONE UINT32_MAX
#define DELETED " (deleted)"

/* Kept events, in the order of their arrival: the one with number n has place n % MAX_EVENTS. */
struct kept {
	struct ringfort_event *event; /* NULL: it met its verdict */
	uint32_t bucket;
	uint32_t next; /* place of another in this bucket, or NONE */
};

struct waiting {
	uint64_t ino;
	uint32_t pid;
	struct verdict *verdict;
};

struct written {
	struct kept events[WRITTEN_MAX_EVENTS];
	uint32_t buckets[BUCKETS];
	uint64_t first, last; /* numbers of events: those from first up to before last are kept */
	size_t n_bytes;
	struct ringfort_event *met; /* what was returned last */
	struct waiting verdicts[WRITTEN_MAX_VERDICTS]; /* the oldest first */
	size_t n_verdicts;
	uint64_t n_forgotten;
};

int written_new(struct written **ret)
{
	struct written *written = calloc(1, sizeof(*written));

	if (!written)
		return -ENOMEM;
	for (size_t i = 0; i < BUCKETS; i++)
		written->buckets[i] = NONE;
	*ret = written;
	return 0;
}

struct written *written_free(struct written *written)
{
	if (!written)
		return NULL;
	for (size_t i = 0; i < WRITTEN_MAX_EVENTS; i++)
		free(written->events[i].event);
	for (size_t i = 0; i < written->n_verdicts; i++) {
		result_unref(written->verdicts[i].verdict->result);
		free(written->verdicts[i].verdict);
	}
	free(written->met);
	free(written);
	return NULL;
}

/* ---- which belong together ------------------------------------------------------------------ */

static const struct ringfort_file *file_of(const struct ringfort_event *event)
{
	return &ringfort_as_file_modify(event)->file;
}

static const char *path_of(const struct ringfort_event *event)
{
	return ringfort_string(event, file_of(event)->path);
}

/* Of a file without a name the kernel says so behind what was its path. */
static size_t length_of(const char *path)
{
	return strlen(path) - (has_suffix(path, DELETED) ? strlen(DELETED) : 0);
}

static bool is_of(const struct ringfort_event *event, const struct verdict *verdict)
{
	const struct ringfort_file *file = file_of(event);
	const char *path = path_of(event);

	if (event->process.pid != verdict->head.pid)
		return false;
	if (file->ino)
		return file->ino == verdict->ino && file->dev == verdict->dev;
	return *path && strlen(path) == length_of(verdict->path) && !strncmp(path, verdict->path, strlen(path));
}

static bool is_same(const struct ringfort_event *a, const struct ringfort_event *b)
{
	const struct ringfort_file *one = file_of(a), *other = file_of(b);

	return a->process.pid == b->process.pid && one->ino == other->ino && one->dev == other->dev &&
	       (one->ino || !strcmp(path_of(a), path_of(b)));
}

static uint32_t mix(uint64_t number)
{
	number *= UINT64_C(0x9e3779b97f4a7c15);
	return (uint32_t)(number >> 32) % BUCKETS;
}

static uint32_t bucket_of_file(uint32_t pid, uint64_t ino)
{
	return mix(ino << 20 ^ pid);
}

static uint32_t bucket_of_path(uint32_t pid, const char *path, size_t n)
{
	uint64_t hash = pid;

	for (size_t i = 0; i < n; i++)
		hash = (hash ^ (unsigned char)path[i]) * UINT64_C(0x100000001b3);
	return mix(hash);
}

static uint32_t bucket_of(const struct ringfort_event *event)
{
	const struct ringfort_file *file = file_of(event);

	return file->ino ? bucket_of_file(event->process.pid, file->ino) :
			   bucket_of_path(event->process.pid, path_of(event), strlen(path_of(event)));
}

/* ---- events --------------------------------------------------------------------------------- */

/* Out of its bucket; its place stays empty until its turn comes. */
static struct ringfort_event *take_event(struct written *written, uint32_t place)
{
	struct kept *kept = &written->events[place];
	struct ringfort_event *event = kept->event;
	uint32_t *link = &written->buckets[kept->bucket];

	while (*link != place)
		link = &written->events[*link].next;
	*link = kept->next;
	written->n_bytes -= event->size;
	kept->event = NULL;
	return event;
}

static void drop_first(struct written *written)
{
	uint32_t place = written->first++ % WRITTEN_MAX_EVENTS;

	if (written->events[place].event)
		free(take_event(written, place));
}

static void drop_like(struct written *written, const struct ringfort_event *event, uint32_t bucket)
{
	for (uint32_t place = written->buckets[bucket]; place != NONE; place = written->events[place].next)
		if (is_same(written->events[place].event, event)) {
			free(take_event(written, place));
			return;
		}
}

/* Without memory nothing happens: the verdict will find no event, and is counted. */
static void keep_event(struct written *written, const struct ringfort_event *event)
{
	struct ringfort_event *copy = malloc(event->size);
	uint32_t bucket = bucket_of(event), place;

	if (!copy)
		return;
	memcpy(copy, event, event->size);
	drop_like(written, event, bucket);
	while (written->first < written->last &&
	       (written->last - written->first == WRITTEN_MAX_EVENTS ||
		written->n_bytes + event->size > WRITTEN_MAX_EVENT_BYTES))
		drop_first(written);
	place = written->last++ % WRITTEN_MAX_EVENTS;
	written->events[place] = (struct kept){ copy, bucket, written->buckets[bucket] };
	written->buckets[bucket] = place;
	written->n_bytes += event->size;
}

static uint32_t find_in(const struct written *written, uint32_t bucket, const struct verdict *verdict)
{
	uint32_t place = written->buckets[bucket];

	while (place != NONE && !is_of(written->events[place].event, verdict))
		place = written->events[place].next;
	return place;
}

static uint32_t find_event(const struct written *written, const struct verdict *verdict)
{
	uint32_t place = find_in(written, bucket_of_file(verdict->head.pid, verdict->ino), verdict);

	if (place != NONE)
		return place;
	return find_in(written, bucket_of_path(verdict->head.pid, verdict->path, length_of(verdict->path)), verdict);
}

static const struct ringfort_event *meet(struct written *written, uint32_t place)
{
	free(written->met);
	written->met = take_event(written, place);
	return written->met;
}

/* ---- verdicts ------------------------------------------------------------------------------- */

static void take_verdict(struct written *written, size_t i, struct verdict *ret)
{
	*ret = *written->verdicts[i].verdict;
	free(written->verdicts[i].verdict);
	written->n_verdicts--;
	memmove(&written->verdicts[i], &written->verdicts[i + 1],
		(written->n_verdicts - i) * sizeof(written->verdicts[0]));
}

static void forget_first(struct written *written)
{
	struct verdict verdict;

	take_verdict(written, 0, &verdict);
	result_unref(verdict.result);
	written->n_forgotten++;
}

static void keep_verdict(struct written *written, const struct verdict *verdict)
{
	struct verdict *copy = malloc(sizeof(*copy));

	if (!copy) {
		written->n_forgotten++;
		return;
	}
	if (written->n_verdicts == WRITTEN_MAX_VERDICTS)
		forget_first(written);
	*copy = *verdict;
	result_ref(copy->result);
	written->verdicts[written->n_verdicts++] = (struct waiting){ verdict->ino, verdict->head.pid, copy };
}

bool written_event(struct written *written, const struct ringfort_event *event, struct verdict *ret)
{
	uint64_t ino = file_of(event)->ino;

	for (size_t i = 0; i < written->n_verdicts; i++) {
		const struct waiting *waiting = &written->verdicts[i];

		if (waiting->pid != event->process.pid || (ino && waiting->ino != ino) || !is_of(event, waiting->verdict))
			continue;
		take_verdict(written, i, ret);
		return true;
	}
	keep_event(written, event);
	return false;
}

static bool is_fresh(const struct ringfort_event *event, const struct verdict *verdict)
{
	return event->monotonic_ns + WRITTEN_FRESH_NS >= verdict->head.at_ns;
}

const struct ringfort_event *written_verdict(struct written *written, const struct verdict *verdict)
{
	uint32_t place = find_event(written, verdict);

	if (place != NONE && is_fresh(written->events[place].event, verdict))
		return meet(written, place);
	keep_verdict(written, verdict);
	return NULL;
}

void written_nothing(struct written *written, const struct verdict *verdict)
{
	uint32_t place = find_event(written, verdict);

	if (place != NONE)
		free(take_event(written, place));
}

bool written_overdue(struct written *written, uint64_t now_ns, struct verdict *ret,
		     const struct ringfort_event **ret_event)
{
	uint32_t place;

	/* In the order in which they were shown: the first is the oldest. */
	if (!written->n_verdicts ||
	    written->verdicts[0].verdict->head.at_ns + UINT64_C(1000000000) * WRITTEN_SECONDS >= now_ns)
		return false;
	take_verdict(written, 0, ret);
	place = find_event(written, ret);
	*ret_event = place == NONE ? NULL : meet(written, place);
	return true;
}

uint64_t written_forgotten(const struct written *written)
{
	return written->n_forgotten;
}
