/* SPDX-License-Identifier: Apache-2.0 */
#undef NDEBUG
#include "event/sample.h"

#include <assert.h>
#include <errno.h>
#include <ringfort/event.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static _Alignas(8) char buffer[RINGFORT_MAX_EVENT];

static void every_type_has_a_name_that_leads_back_to_it(void)
{
	uint32_t n_types = 0;

	for (uint32_t type = 0; type < RINGFORT_MAX_TYPES + 10; type++) {
		const struct ringfort_type_info *info = ringfort_type_info(type);

		if (!info)
			continue;
		n_types++;
		assert(info->number == type && info->size % 8 == 0 && info->n_fields > 0);
		assert(ringfort_type_by_name(info->name) == type);
	}
	assert(n_types >= 16);
	assert(ringfort_type_by_name("process") == 0 && ringfort_type_by_name("") == 0);
}

static void check_fields(const struct ringfort_field *fields, uint32_t n, uint32_t size)
{
	for (uint32_t i = 0; i < n; i++) {
		bool has_set = fields[i].kind == RINGFORT_KIND_ENUM || fields[i].kind == RINGFORT_KIND_FLAGS;

		assert(fields[i].offset < size && fields[i].meaning[0] && fields[i].since >= 1);
		assert(i == 0 || fields[i].offset > fields[i - 1].offset);
		assert(has_set == (strcmp(fields[i].set, "none") != 0));
		if (has_set)
			assert(ringfort_value_name(fields[i].set, 0));
		for (uint32_t j = 0; j < i; j++)
			assert(strcmp(fields[i].name, fields[j].name) != 0);
	}
}

static void every_field_has_a_place_a_meaning_and_its_set(void)
{
	uint32_t n;
	const struct ringfort_field *common = ringfort_process_fields(&n);

	check_fields(common, n, sizeof(struct ringfort_process));
	for (uint32_t type = 1; type < RINGFORT_MAX_TYPES; type++) {
		const struct ringfort_type_info *info = ringfort_type_info(type);

		if (info)
			check_fields(info->fields, info->n_fields, info->size);
	}
}

static void every_value_has_its_name(void)
{
	static const struct {
		const char *set, *text;
		uint32_t number;
	} values[] = {
#define RINGFORT_ENUM(set_, ident, number_, text_) { #set_, text_, number_ },
#include <ringfort/events.def>
	};

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		assert(strcmp(ringfort_value_name(values[i].set, values[i].number), values[i].text) == 0);
	assert(!ringfort_value_name("via", 1000) && !ringfort_value_name("no such set", 0));
	assert(!ringfort_value_name("none", 0));
}

static void the_schema_hash_is_the_same_each_time(void)
{
	uint64_t hash = ringfort_schema_hash();

	assert(hash != 0 && hash == ringfort_schema_hash());
}

static void a_whole_record_of_every_type_is_accepted(void)
{
	for (uint32_t type = 1; type < RINGFORT_MAX_TYPES; type++) {
		const struct ringfort_event *event;

		if (!ringfort_type_info(type))
			continue;
		event = sample_event(type, buffer);
		assert(ringfort_event_check(event, event->size) == 0);
	}
}

static void a_record_cut_anywhere_is_refused(void)
{
	for (uint32_t type = 1; type < RINGFORT_MAX_TYPES; type++) {
		struct ringfort_event *event;
		uint32_t size;

		if (!ringfort_type_info(type))
			continue;
		event = sample_event(type, buffer);
		size = event->size;
		for (uint32_t cut = 0; cut < size; cut++) {
			/* Exactly as much memory as it says, so that a sanitizer sees a byte too far. */
			void *copy = aligned_alloc(8, cut ? (cut + 7) / 8 * 8 : 8);

			memcpy(copy, event, cut);
			assert(ringfort_event_check(copy, cut) == -EBADMSG);
			if (cut >= sizeof(*event)) {
				((struct ringfort_event *)copy)->size = cut;
				assert(ringfort_event_check(copy, cut) == -EBADMSG);
			}
			free(copy);
		}
	}
}

/* The spans of a field, or NULL. */
static struct ringfort_span *span_of(void *base, const struct ringfort_field *field)
{
	void *at = (char *)base + field->offset;

	switch (field->kind) {
	case RINGFORT_KIND_STR:
	case RINGFORT_KIND_STRV:
		return at;
	case RINGFORT_KIND_FILE:
		return &((struct ringfort_file *)at)->path;
	case RINGFORT_KIND_ADDR:
		return &((struct ringfort_addr *)at)->path;
	default:
		return NULL;
	}
}

static void refuse_spans(struct ringfort_event *event, struct ringfort_span *span, bool list)
{
	uint32_t size = event->size, strings_at = (uint32_t)sizeof(*event) + ringfort_type_info(event->type)->size;
	const struct ringfort_span hostile[] = {
		{ 0, 1 }, { 1, 0 }, { strings_at - 1, 0 }, { sizeof(*event), 4 }, { size, 0 }, { size - 8, 8 },
		{ size - 1, 1 }, { UINT32_MAX, 1 }, { 1, UINT32_MAX }, { strings_at, UINT32_MAX },
		{ UINT32_MAX, UINT32_MAX }, { strings_at, size - strings_at }, { size + 8, 0 },
	};
	struct ringfort_span kept = *span;

	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		*span = hostile[i];
		assert(ringfort_event_check(event, size) == -EBADMSG);
	}
	/* From the first string over its NUL into the next: one string of a list, two of a string. */
	*span = (struct ringfort_span){ strings_at, size - strings_at - 1 };
	((char *)event)[size - 1] = '\0';
	assert(ringfort_event_check(event, size) == (list ? 0 : -EBADMSG));
	*span = kept;
	assert(ringfort_event_check(event, size) == 0);
}

static void refuse_spans_of(struct ringfort_event *event, void *base,
			    const struct ringfort_field *fields, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct ringfort_span *span = span_of(base, &fields[i]);

		if (span)
			refuse_spans(event, span, fields[i].kind == RINGFORT_KIND_STRV);
	}
}

static void a_span_that_leaves_the_record_is_refused_in_every_field(void)
{
	uint32_t n;
	const struct ringfort_field *common = ringfort_process_fields(&n);

	for (uint32_t type = 1; type < RINGFORT_MAX_TYPES; type++) {
		const struct ringfort_type_info *info = ringfort_type_info(type);
		struct ringfort_event *event;

		if (!info)
			continue;
		event = sample_event(type, buffer);
		refuse_spans_of(event, &event->process, common, n);
		refuse_spans_of(event, event + 1, info->fields, info->n_fields);
	}
}

static void a_string_without_its_nul_is_refused(void)
{
	struct ringfort_event *event = sample_event(ringfort_type_file_unlink, buffer);
	struct ringfort_span span = event->process.exe;

	((char *)event)[span.offset + span.length] = 'x';
	assert(ringfort_event_check(event, event->size) == -EBADMSG);
}

static void heads_that_lie_are_refused(void)
{
	struct ringfort_event *event = sample_event(ringfort_type_process_exec, buffer);
	uint32_t size = event->size;

	event->type = 0;
	assert(ringfort_event_check(event, size) == -EBADMSG);
	event->type = 61;
	assert(ringfort_event_check(event, size) == -EBADMSG);
	event->type = UINT16_MAX;
	assert(ringfort_event_check(event, size) == -EBADMSG);
	event->type = ringfort_type_process_exec;
	event->size = size + 8;
	assert(ringfort_event_check(event, size) == -EBADMSG);
	event->size = 0;
	assert(ringfort_event_check(event, size) == -EBADMSG);
	event->size = RINGFORT_MAX_EVENT + 8;
	assert(ringfort_event_check(event, RINGFORT_MAX_EVENT + 8) == -EBADMSG);
}

static void noise_is_survived(void)
{
	srand(19);
	for (int round = 0; round < 20000; round++) {
		struct ringfort_event *event = sample_event(ringfort_type_process_exec, buffer);
		uint32_t size = event->size;

		for (int i = 0; i < 8; i++)
			buffer[(size_t)rand() % size] = (char)rand();
		event->size = size;
		if (ringfort_event_check(event, size) == 0)
			assert(sample_json(event)[0] == '{');
	}
}

static void the_strings_of_a_list_come_one_by_one_and_end(void)
{
	struct ringfort_event *event = sample_event(ringfort_type_process_exec, buffer);
	struct ringfort_process_exec *exec = (void *)(event + 1);
	const char *text;

	sample_set(event, &exec->argv, "a\0\0b", 4);
	assert(ringfort_event_check(event, event->size) == 0);
	text = ringfort_next_string(event, exec->argv, NULL);
	assert(strcmp(text, "a") == 0);
	text = ringfort_next_string(event, exec->argv, text);
	assert(strcmp(text, "") == 0);
	text = ringfort_next_string(event, exec->argv, text);
	assert(strcmp(text, "b") == 0);
	assert(!ringfort_next_string(event, exec->argv, text));
	exec->argv = (struct ringfort_span){ 0 };
	assert(!ringfort_next_string(event, exec->argv, NULL));
	sample_set(event, &exec->argv, "", 0);
	text = ringfort_next_string(event, exec->argv, NULL);
	assert(text && !*text && !ringfort_next_string(event, exec->argv, text));
}

int main(void)
{
	every_type_has_a_name_that_leads_back_to_it();
	every_field_has_a_place_a_meaning_and_its_set();
	every_value_has_its_name();
	the_schema_hash_is_the_same_each_time();
	a_whole_record_of_every_type_is_accepted();
	a_record_cut_anywhere_is_refused();
	a_span_that_leaves_the_record_is_refused_in_every_field();
	a_string_without_its_nul_is_refused();
	heads_that_lie_are_refused();
	noise_is_survived();
	the_strings_of_a_list_come_one_by_one_and_end();
	return 0;
}
