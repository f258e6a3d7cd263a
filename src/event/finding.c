/* SPDX-License-Identifier: Apache-2.0 */
/* Finding as bytes: a head, the event, then the strings in a fixed order, a NUL after each. */
#include "event/finding.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

struct finding_head {
	uint32_t level, count;
	uint32_t n_references, n_tags, n_matched;
	uint32_t event_size;
};

/* Where the next byte goes; full stays set once something did not fit. */
struct cursor {
	unsigned char *at, *end;
	bool full;
};

static void put_string(struct cursor *cursor, const char *text, size_t ceiling, bool cut)
{
	size_t n = text ? strlen(text) : 0;

	if (n > ceiling && !cut) {
		cursor->full = true;
		return;
	}
	if (n > ceiling)
		n = ceiling;
	if ((size_t)(cursor->end - cursor->at) < n + 1) {
		cursor->full = true;
		return;
	}
	memcpy(cursor->at, text ? text : "", n);
	cursor->at[n] = '\0';
	cursor->at += n + 1;
}

static bool finding_complete(const struct ringfort_finding *finding)
{
	return finding->size >= sizeof(*finding) && finding->event && finding->rule_id &&
	       finding->rule_id[0] && finding->title && finding->count >= 1 &&
	       (unsigned)finding->level < _RINGFORT_LEVEL_N &&
	       finding->n_references <= FINDING_MAX_REFERENCES &&
	       finding->n_tags <= FINDING_MAX_TAGS && finding->n_matched <= FINDING_MAX_MATCHED;
}

int finding_encode(const struct ringfort_finding *finding, void *buffer)
{
	struct cursor cursor = { .at = buffer, .end = (unsigned char *)buffer + FINDING_MAX_BYTES };
	struct finding_head head;

	if (!finding_complete(finding))
		return -EINVAL;
	head = (struct finding_head){
		.level = finding->level,
		.count = finding->count,
		.n_references = finding->n_references,
		.n_tags = finding->n_tags,
		.n_matched = finding->n_matched,
		.event_size = finding->event->size,
	};
	if (head.event_size > FINDING_MAX_BYTES - sizeof(head))
		return -EINVAL;
	memcpy(cursor.at, &head, sizeof(head));
	memcpy(cursor.at + sizeof(head), finding->event, head.event_size);
	cursor.at += sizeof(head) + head.event_size;
	put_string(&cursor, finding->rule_id, FINDING_MAX_STRING, false);
	put_string(&cursor, finding->title, FINDING_MAX_STRING, false);
	put_string(&cursor, finding->author, FINDING_MAX_STRING, false);
	put_string(&cursor, finding->matched_as, FINDING_MAX_STRING, false);
	for (uint32_t i = 0; i < head.n_references; i++)
		put_string(&cursor, finding->references[i], FINDING_MAX_STRING, false);
	for (uint32_t i = 0; i < head.n_tags; i++)
		put_string(&cursor, finding->tags[i], FINDING_MAX_STRING, false);
	for (uint32_t i = 0; i < head.n_matched; i++) {
		put_string(&cursor, finding->matched[i].field, FINDING_MAX_STRING, false);
		put_string(&cursor, finding->matched[i].value, FINDING_MAX_VALUE, true);
	}
	if (cursor.full)
		return -EINVAL;
	return (int)(cursor.at - (unsigned char *)buffer);
}

/* The string at *at, and *at behind it; NULL when it does not end before end. */
static const char *take_string(const char **at, const char *end, size_t ceiling)
{
	const char *text = *at;
	const char *nul = memchr(text, '\0', (size_t)(end - text));

	if (!nul || (size_t)(nul - text) > ceiling)
		return NULL;
	*at = nul + 1;
	return text;
}

static bool take_lists(struct finding_decoded *decoded, const char *at, const char *end)
{
	struct ringfort_finding *finding = &decoded->finding;

	for (uint32_t i = 0; i < finding->n_references; i++)
		if (!(decoded->references[i] = take_string(&at, end, FINDING_MAX_STRING)))
			return false;
	for (uint32_t i = 0; i < finding->n_tags; i++)
		if (!(decoded->tags[i] = take_string(&at, end, FINDING_MAX_STRING)))
			return false;
	for (uint32_t i = 0; i < finding->n_matched; i++) {
		struct ringfort_matched *matched = &decoded->matched[i];

		if (!(matched->field = take_string(&at, end, FINDING_MAX_STRING)) ||
		    !(matched->value = take_string(&at, end, FINDING_MAX_VALUE)))
			return false;
	}
	finding->references = decoded->references;
	finding->tags = decoded->tags;
	finding->matched = decoded->matched;
	return at == end;
}

int finding_decode(const void *data, size_t size, struct finding_decoded *ret_finding)
{
	const struct finding_head *head = data;
	struct ringfort_finding *finding = &ret_finding->finding;
	const char *at, *end = (const char *)data + size;

	if (size < sizeof(*head) || size > FINDING_MAX_BYTES)
		return -EBADMSG;
	if (head->level >= _RINGFORT_LEVEL_N || head->count == 0 ||
	    head->n_references > FINDING_MAX_REFERENCES || head->n_tags > FINDING_MAX_TAGS ||
	    head->n_matched > FINDING_MAX_MATCHED || head->event_size > size - sizeof(*head) ||
	    ringfort_event_check(head + 1, head->event_size) < 0)
		return -EBADMSG;
	*finding = (struct ringfort_finding){
		.size = sizeof(*finding),
		.level = (enum ringfort_level)head->level,
		.count = head->count,
		.event = (const struct ringfort_event *)(head + 1),
		.n_references = head->n_references,
		.n_tags = head->n_tags,
		.n_matched = head->n_matched,
	};
	at = (const char *)(head + 1) + head->event_size;
	if (!(finding->rule_id = take_string(&at, end, FINDING_MAX_STRING)) ||
	    !(finding->title = take_string(&at, end, FINDING_MAX_STRING)) ||
	    !(finding->author = take_string(&at, end, FINDING_MAX_STRING)) ||
	    !(finding->matched_as = take_string(&at, end, FINDING_MAX_STRING)))
		return -EBADMSG;
	return take_lists(ret_finding, at, end) ? 0 : -EBADMSG;
}

const char *finding_level_name(enum ringfort_level level)
{
	static const char *const names[_RINGFORT_LEVEL_N] = { "informational", "low", "medium",
							       "high", "critical" };

	return (unsigned)level < _RINGFORT_LEVEL_N ? names[level] : "unknown";
}
