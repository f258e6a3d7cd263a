/* SPDX-License-Identifier: Apache-2.0 */
/* Tool: events out of JSON - see tool.h */
#include "tool.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The shortest text that reads back as the same number: 1.5, not 1.5000000000000000. */
static int print_real(char *text, size_t n, double real)
{
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, n, "%.*g", digits, real);
		if (strtod(text, NULL) == real)
			break;
	}
	return 0;
}

static int set_string(struct json_event *event, const json_t *json, struct sigma_string *ret)
{
	char text[40];

	switch (json_typeof(json)) {
	case JSON_STRING:
		*ret = (struct sigma_string){ json_string_value(json), json_string_length(json) };
		return 0;
	case JSON_TRUE:
	case JSON_FALSE:
		ret->text = json_is_true(json) ? "true" : "false";
		ret->n = strlen(ret->text);
		return 0;
	case JSON_INTEGER:
		snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT, json_integer_value(json));
		break;
	default:
		print_real(text, sizeof(text), json_real_value(json));
		break;
	}
	ret->n = strlen(text);
	ret->text = arena_strndup(&event->arena, text, ret->n);
	return ret->text ? 0 : -ENOMEM;
}

static int set_list(struct json_event *event, const json_t *array, struct sigma_value *ret)
{
	struct sigma_string *list = arena_alloc_array(&event->arena, json_array_size(array) + 1,
						      sizeof(*list));
	const json_t *element;
	size_t i;
	int r;

	if (!list)
		return -ENOMEM;
	ret->type = SIGMA_LIST;
	ret->list = list;
	json_array_foreach(array, i, element) {
		if (json_is_null(element))
			continue;
		if (json_is_object(element) || json_is_array(element))
			return E_REFUSED;
		r = set_string(event, element, &list[ret->n_list++]);
		if (r)
			return r;
	}
	return 0;
}

static int set_value(struct json_event *event, const json_t *json, struct sigma_value *ret)
{
	*ret = (struct sigma_value){ 0 };
	switch (json_typeof(json)) {
	case JSON_NULL:
		ret->type = SIGMA_NULL;
		return 0;
	case JSON_ARRAY:
		return set_list(event, json, ret);
	case JSON_OBJECT:
		return E_REFUSED;
	default:
		ret->type = SIGMA_STRING;
		return set_string(event, json, &ret->string);
	}
}

int json_event_set(struct json_event *event, json_t *object, char *ret_reason, size_t n_reason)
{
	const char *name;
	json_t *value;
	size_t n = json_object_size(object);
	int r;

	if (!json_is_object(object)) {
		snprintf(ret_reason, n_reason, "an event must be a JSON object");
		return E_REFUSED;
	}
	if (n > SIGMA_MAX_FIELDS) {
		snprintf(ret_reason, n_reason, "an event has at most %d fields", SIGMA_MAX_FIELDS);
		return E_REFUSED;
	}
	event->json = json_incref(object);
	event->names = arena_alloc_array(&event->arena, n + 1, sizeof(*event->names));
	event->ids = arena_alloc_array(&event->arena, n + 1, sizeof(*event->ids));
	event->values = arena_alloc_array(&event->arena, n + 1, sizeof(*event->values));
	if (!event->names || !event->ids || !event->values)
		return -ENOMEM;
	json_object_foreach(object, name, value) {
		event->names[event->n] = name;
		r = set_value(event, value, &event->values[event->n++]);
		if (r == E_REFUSED)
			snprintf(ret_reason, n_reason, "field `%s' is nested: events are flat", name);
		if (r)
			return r;
	}
	return 0;
}

void json_event_done(struct json_event *event)
{
	json_decref(event->json);
	arena_done(&event->arena);
	*event = (struct json_event){ 0 };
}

int json_event_match(struct json_event *event, struct sigma_rules *rules, size_t source,
		     sigma_match_fn found, void *userdata)
{
	sigma_bind(rules, source, event->names, event->n, event->ids);
	return sigma_match(rules, source, event->ids, event->values, event->n, found, userdata);
}

int tool_read_file(const char *path, char **ret, size_t *ret_n)
{
	_cleanup_(cleanup_free) char *text = NULL;
	size_t n = 0, n_allocated = 0;
	FILE *file = fopen(path, "re");
	int r = 0;

	if (!file)
		return -errno;
	do {
		char *grown = realloc(text, n_allocated + 65536 + 1);

		if (!grown) {
			r = -ENOMEM;
			break;
		}
		text = grown;
		n_allocated += 65536;
		n += fread(text + n, 1, n_allocated - n, file);
	} while (n == n_allocated && n < 64u * 1024 * 1024);
	if (ferror(file))
		r = -EIO;
	fclose(file);
	if (r < 0)
		return r;
	text[n] = 0;
	*ret = take_ptr(text);
	*ret_n = n;
	return 0;
}
