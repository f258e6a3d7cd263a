/* SPDX-License-Identifier: Apache-2.0 */
/* Sample - hand-made records for tests. */
#undef NDEBUG
#include "event/sample.h"

#include "event/json.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

void sample_set(struct ringfort_event *event, struct ringfort_span *span, const char *bytes,
		uint32_t n)
{
	uint32_t size = event->size + (n + 1 + 7) / 8 * 8;

	assert(size <= RINGFORT_MAX_EVENT);
	memset((char *)event + event->size, 0, size - event->size);
	memcpy((char *)event + event->size, bytes, n);
	*span = (struct ringfort_span){ .offset = event->size, .length = n };
	event->size = size;
}

static void set_text(struct ringfort_event *event, struct ringfort_span *span, const char *before,
		     const char *name)
{
	char text[128];

	snprintf(text, sizeof(text), "%s%s", before, name);
	sample_set(event, span, text, (uint32_t)strlen(text));
}

static void set_field(struct ringfort_event *event, void *at, const struct ringfort_field *field,
		      uint32_t number)
{
	struct ringfort_file *file = at;
	struct ringfort_addr *addr = at;
	char list[128];
	int n;

	switch ((enum ringfort_kind)field->kind) {
	case RINGFORT_KIND_U32:
		*(uint32_t *)at = number;
		break;
	case RINGFORT_KIND_U64:
		*(uint64_t *)at = 0x100000000ull + number;
		break;
	case RINGFORT_KIND_I32:
		*(int32_t *)at = -(int32_t)number;
		break;
	case RINGFORT_KIND_BOOL:
	case RINGFORT_KIND_ENUM:
	case RINGFORT_KIND_FLAGS:
		*(uint32_t *)at = 1;
		break;
	case RINGFORT_KIND_STR:
		set_text(event, at, "value of ", field->name);
		break;
	case RINGFORT_KIND_STRV:
		n = snprintf(list, sizeof(list), "%s%ctwo words%c", field->name, 0, 0);
		sample_set(event, at, list, (uint32_t)n);
		break;
	case RINGFORT_KIND_FILE:
		*file = (struct ringfort_file){ .quality = RINGFORT_QUALITY_RESOLVED, .dev = 8,
						.ino = number, .mnt_ns = 4026531840 };
		set_text(event, &file->path, "/sample/", field->name);
		break;
	case RINGFORT_KIND_ADDR:
		*addr = (struct ringfort_addr){ .family = RINGFORT_FAMILY_INET, .port = 443,
						.ip = { 192, 0, 2, 1 } };
		break;
	case RINGFORT_KIND_PROC:
		*(struct ringfort_proc *)at = (struct ringfort_proc){ .pid = number,
								      .start_ns = 5000000000ull };
		break;
	}
}

struct ringfort_event *sample_event(uint32_t type, void *buffer)
{
	const struct ringfort_type_info *info = ringfort_type_info(type);
	struct ringfort_event *event = buffer;
	uint32_t n;
	const struct ringfort_field *common = ringfort_process_fields(&n);

	assert(info);
	memset(event, 0, sizeof(*event) + info->size);
	*event = (struct ringfort_event){ .size = (uint32_t)sizeof(*event) + info->size,
					  .type = (uint16_t)type, .seq = 7, .time_ns = SAMPLE_TIME_NS,
					  .monotonic_ns = 6000000000ull };
	for (uint32_t i = 0; i < n; i++)
		set_field(event, (char *)&event->process + common[i].offset, &common[i],
			  SAMPLE_PROCESS + i);
	for (uint32_t i = 0; i < info->n_fields; i++)
		set_field(event, (char *)(event + 1) + info->fields[i].offset, &info->fields[i],
			  SAMPLE_FIELDS + i);
	return event;
}

const char *sample_json(const struct ringfort_event *event)
{
	static struct json json;
	const char *text;

	json_reset(&json);
	json_ocsf_event(&json, event, "host.example");
	text = json_text(&json);
	assert(text);
	return text;
}
