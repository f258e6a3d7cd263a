/* SPDX-License-Identifier: Apache-2.0 */
/* Schema - the tables that events.def becomes, and the check of a record against them. */
#include "base/cleanup.h"

#include <errno.h>
#include <ringfort/event.h>
#include <stdbool.h>
#include <string.h>

#define FIELD_ROW(struct_name, kind_, name_, set_, unit_, since_, ocsf_, sigma_, meaning_) \
	{ .name = #name_, .set = #set_, .unit = unit_, .ocsf = ocsf_, .sigma = sigma_, \
	  .meaning = meaning_, .kind = RINGFORT_KIND_##kind_, \
	  .offset = (uint32_t)__builtin_offsetof(struct struct_name, name_), .since = since_ },

static const struct ringfort_field process_fields[] = {
#define RINGFORT_COMMON(kind, name, set, unit, since, ocsf, sigma, meaning) \
	FIELD_ROW(ringfort_process, kind, name, set, unit, since, ocsf, sigma, meaning)
#include <ringfort/events.def>
};

#define RINGFORT_EVENT(number, ident, name, stream, since, class_uid, activity_id, sigma, meaning) \
	static const struct ringfort_field fields_##ident[] = {
#define RINGFORT_FIELD(event, kind, name, set, unit, since, ocsf, sigma, meaning) \
	FIELD_ROW(ringfort_##event, kind, name, set, unit, since, ocsf, sigma, meaning)
#define RINGFORT_EVENT_END(ident) \
	} \
	;
#include <ringfort/events.def>

#define STREAM_RARE 1
#define STREAM_BULK 0

static const struct ringfort_type_info types[RINGFORT_MAX_TYPES] = {
#define RINGFORT_EVENT(number_, ident, name_, stream, since_, class_, activity_, sigma_, meaning_) \
	[number_] = { .name = name_, .sigma = sigma_, .meaning = meaning_, \
		      .fields = fields_##ident, \
		      .n_fields = sizeof(fields_##ident) / sizeof(fields_##ident[0]), \
		      .number = number_, .size = sizeof(struct ringfort_##ident), \
		      .rare = STREAM_##stream, .class_uid = class_, .activity_id = activity_, \
		      .since = since_ },
#include <ringfort/events.def>
};

/* Solutions compiled against one size must not meet another. */
_Static_assert(sizeof(struct ringfort_event) % 8 == 0, "the struct of the type follows aligned");

struct value_row {
	const char *set;
	const char *text;
	uint32_t number;
};

static const struct value_row values[] = {
#define RINGFORT_ENUM(set_, ident, number_, text_) \
	{ .set = #set_, .text = text_, .number = number_ },
#include <ringfort/events.def>
};

_public_ const struct ringfort_type_info *ringfort_type_info(uint32_t type)
{
	return type < RINGFORT_MAX_TYPES && types[type].name ? &types[type] : NULL;
}

_public_ uint32_t ringfort_type_by_name(const char *name)
{
	for (uint32_t type = 1; type < RINGFORT_MAX_TYPES; type++)
		if (types[type].name && strcmp(types[type].name, name) == 0)
			return type;
	return 0;
}

_public_ const struct ringfort_field *ringfort_process_fields(uint32_t *ret_n)
{
	*ret_n = sizeof(process_fields) / sizeof(process_fields[0]);
	return process_fields;
}

_public_ const char *ringfort_value_name(const char *set, uint32_t value)
{
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		if (values[i].number == value && strcmp(values[i].set, set) == 0)
			return values[i].text;
	return NULL;
}

/* FNV-1a, 64 bits: tells schemas apart; nothing rests on its being hard to collide. */
static uint64_t hash_bytes(uint64_t hash, const void *data, size_t size)
{
	const unsigned char *p = data;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ p[i]) * 0x100000001b3ull;
	return hash;
}

static uint64_t hash_fields(uint64_t hash, const struct ringfort_field *fields, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		hash = hash_bytes(hash, fields[i].name, strlen(fields[i].name) + 1);
		hash = hash_bytes(hash, fields[i].set, strlen(fields[i].set) + 1);
		hash = hash_bytes(hash, &fields[i].kind, sizeof(fields[i].kind));
		hash = hash_bytes(hash, &fields[i].offset, sizeof(fields[i].offset));
	}
	return hash;
}

_public_ uint64_t ringfort_schema_hash(void)
{
	uint64_t hash = 0xcbf29ce484222325ull;
	uint32_t n;
	const struct ringfort_field *common = ringfort_process_fields(&n);

	hash = hash_fields(hash, common, n);
	for (uint32_t type = 1; type < RINGFORT_MAX_TYPES; type++) {
		const struct ringfort_type_info *info = &types[type];

		if (!info->name)
			continue;
		hash = hash_bytes(hash, info->name, strlen(info->name) + 1);
		hash = hash_bytes(hash, &info->number, sizeof(info->number));
		hash = hash_fields(hash, info->fields, info->n_fields);
	}
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		hash = hash_bytes(hash, values[i].set, strlen(values[i].set) + 1);
		hash = hash_bytes(hash, values[i].text, strlen(values[i].text) + 1);
		hash = hash_bytes(hash, &values[i].number, sizeof(values[i].number));
	}
	return hash;
}

_public_ const char *ringfort_next_string(const struct ringfort_event *event,
					  struct ringfort_span list, const char *previous)
{
	const char *begin = ringfort_string(event, list);
	const char *end = begin + list.length;
	const char *next;

	if (!list.offset)
		return NULL;
	if (!previous)
		return begin;
	next = previous + strlen(previous) + 1;
	return next <= end ? next : NULL;
}

/* The span and its closing NUL lie inside the record, behind the structs. */
static bool span_fits(const struct ringfort_event *event, struct ringfort_span span,
		      uint32_t strings_at)
{
	if (span.offset == 0)
		return span.length == 0;
	if (span.offset < strings_at || span.offset >= event->size)
		return false;
	if (span.length >= event->size - span.offset)
		return false;
	return ((const char *)event)[span.offset + span.length] == '\0';
}

static bool fields_fit(const struct ringfort_event *event, const void *base,
		       const struct ringfort_field *fields, uint32_t n, uint32_t strings_at)
{
	for (uint32_t i = 0; i < n; i++) {
		const char *at = (const char *)base + fields[i].offset;
		struct ringfort_span span;

		switch (fields[i].kind) {
		case RINGFORT_KIND_STR:
		case RINGFORT_KIND_STRV:
			span = *(const struct ringfort_span *)at;
			break;
		case RINGFORT_KIND_FILE:
			span = ((const struct ringfort_file *)at)->path;
			break;
		case RINGFORT_KIND_ADDR:
			span = ((const struct ringfort_addr *)at)->path;
			break;
		default:
			continue;
		}
		if (!span_fits(event, span, strings_at))
			return false;
		/* A string ends where its span says: an embedded NUL would hide the rest. */
		if (fields[i].kind != RINGFORT_KIND_STRV && span.offset &&
		    memchr((const char *)event + span.offset, '\0', span.length))
			return false;
	}
	return true;
}

_public_ int ringfort_event_check(const void *data, uint32_t size)
{
	const struct ringfort_event *event = data;
	const struct ringfort_type_info *info;
	const struct ringfort_field *common;
	uint32_t n_common, strings_at;

	if (size < sizeof(*event) || event->size != size || size % 8 || size > RINGFORT_MAX_EVENT)
		return -EBADMSG;
	info = ringfort_type_info(event->type);
	if (!info || size < sizeof(*event) + info->size)
		return -EBADMSG;
	strings_at = (uint32_t)sizeof(*event) + info->size;
	common = ringfort_process_fields(&n_common);
	if (!fields_fit(event, &event->process, common, n_common, strings_at) ||
	    !fields_fit(event, event + 1, info->fields, info->n_fields, strings_at))
		return -EBADMSG;
	return 0;
}
