/* SPDX-License-Identifier: Apache-2.0 */
/* Yaml - libyaml's events into a small tree, and the tree into structs. */
#include "host/yaml.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

struct yaml_doc {
	struct yaml_item *root;
};

/* An open list or map while the events come. */
struct level {
	struct yaml_item *item;
	struct yaml_item **tail; /* where its next child goes */
	char *key;               /* of the value to come, in a map */
};

struct loader {
	struct yaml_doc *doc;
	struct level levels[YAML_MAX_DEPTH];
	unsigned int depth;
	unsigned int n_documents;
	struct yaml_error *error;
};

int yaml_refuse(struct yaml_error *ret_error, unsigned int line, const char *format, ...)
{
	va_list args;

	ret_error->line = line;
	va_start(args, format);
	vsnprintf(ret_error->reason, sizeof(ret_error->reason), format, args);
	va_end(args);
	return YAML_REFUSED;
}

static void free_item(struct yaml_item *item)
{
	while (item) {
		struct yaml_item *next = item->next;

		free_item(item->first);
		free((char *)item->key);
		free((char *)item->text);
		free(item);
		item = next;
	}
}

struct yaml_doc *yaml_free(struct yaml_doc *doc)
{
	if (!doc)
		return NULL;
	free_item(doc->root);
	free(doc);
	return NULL;
}

const struct yaml_item *yaml_root(const struct yaml_doc *doc)
{
	return doc->root;
}

static unsigned int line_of(const yaml_event_t *event)
{
	return (unsigned int)event->start_mark.line + 1;
}

/* Put an item where the tree grows.  On failure it still belongs to the caller. */
static int add_item(struct loader *loader, struct yaml_item *item)
{
	struct level *level;

	if (loader->depth == 0) {
		loader->doc->root = item;
		return 0;
	}
	level = &loader->levels[loader->depth - 1];
	if (level->item->kind == YAML_ITEM_MAP) {
		if (!level->key)
			return yaml_refuse(loader->error, item->line, "a key must be a simple word");
		item->key = take_ptr(level->key);
	}
	*level->tail = item;
	level->tail = &item->next;
	return 0;
}

static bool key_expected(const struct loader *loader)
{
	const struct level *level;

	if (loader->depth == 0)
		return false;
	level = &loader->levels[loader->depth - 1];
	return level->item->kind == YAML_ITEM_MAP && !level->key;
}

static int take_key(struct loader *loader, const char *text, unsigned int line)
{
	struct level *level = &loader->levels[loader->depth - 1];

	for (const struct yaml_item *at = level->item->first; at; at = at->next)
		if (strcmp(at->key, text) == 0)
			return yaml_refuse(loader->error, line, "key '%.64s' is given twice", text);
	level->key = strdup(text);
	return level->key ? 0 : -ENOMEM;
}

static int take_scalar(struct loader *loader, const yaml_event_t *event)
{
	const char *text = (const char *)event->data.scalar.value;
	struct yaml_item *item;
	int r;

	if (event->data.scalar.anchor || event->data.scalar.tag)
		return yaml_refuse(loader->error, line_of(event), "anchors and tags are not allowed");
	if (!plain_text(text, event->data.scalar.length + 1))
		return yaml_refuse(loader->error, line_of(event),
				   "control characters and several lines are not allowed");
	if (key_expected(loader))
		return take_key(loader, text, line_of(event));
	item = calloc(1, sizeof(*item));
	if (!item)
		return -ENOMEM;
	item->kind = YAML_ITEM_SCALAR;
	item->line = line_of(event);
	item->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	item->text = strdup(text);
	r = item->text ? add_item(loader, item) : -ENOMEM;
	if (r != 0)
		free_item(item);
	return r;
}

static int take_start(struct loader *loader, const yaml_event_t *event, enum yaml_item_kind kind,
		      bool decorated)
{
	struct yaml_item *item;
	int r;

	if (decorated)
		return yaml_refuse(loader->error, line_of(event), "anchors and tags are not allowed");
	if (loader->depth == YAML_MAX_DEPTH)
		return yaml_refuse(loader->error, line_of(event), "deeper than %d levels", YAML_MAX_DEPTH);
	item = calloc(1, sizeof(*item));
	if (!item)
		return -ENOMEM;
	item->kind = kind;
	item->line = line_of(event);
	r = add_item(loader, item);
	if (r != 0) {
		free_item(item);
		return r;
	}
	loader->levels[loader->depth++] = (struct level){ .item = item, .tail = &item->first };
	return 0;
}

static int take_event(struct loader *loader, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_ALIAS_EVENT:
		return yaml_refuse(loader->error, line_of(event), "aliases are not allowed");
	case YAML_SCALAR_EVENT:
		return take_scalar(loader, event);
	case YAML_SEQUENCE_START_EVENT:
		return take_start(loader, event, YAML_ITEM_LIST,
				  event->data.sequence_start.anchor || event->data.sequence_start.tag);
	case YAML_MAPPING_START_EVENT:
		return take_start(loader, event, YAML_ITEM_MAP,
				  event->data.mapping_start.anchor || event->data.mapping_start.tag);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		loader->depth--;
		return 0;
	case YAML_DOCUMENT_START_EVENT:
		if (loader->n_documents++ > 0)
			return yaml_refuse(loader->error, line_of(event), "a second document");
		return 0;
	default:
		return 0;
	}
}

/* libyaml's words are constant text; the line is where it stopped. */
static int refuse_syntax(const yaml_parser_t *parser, struct yaml_error *ret_error)
{
	if (parser->error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	return yaml_refuse(ret_error, (unsigned int)parser->problem_mark.line + 1, "%s",
			   parser->problem ? parser->problem : "not YAML");
}

static int load_events(struct loader *loader, yaml_parser_t *parser)
{
	yaml_event_t event;
	int r = 0;

	for (bool end = false; r == 0 && !end;) {
		if (!yaml_parser_parse(parser, &event))
			return refuse_syntax(parser, loader->error);
		end = event.type == YAML_STREAM_END_EVENT;
		r = take_event(loader, &event);
		yaml_event_delete(&event);
	}
	return r;
}

int yaml_load(struct yaml_doc **ret_doc, const void *data, size_t size, struct yaml_error *ret_error)
{
	_cleanup_(yaml_freep) struct yaml_doc *doc = NULL;
	struct loader loader = { .error = ret_error };
	yaml_parser_t parser;
	int r;

	if (size > YAML_MAX_BYTES)
		return yaml_refuse(ret_error, 0, "longer than %d bytes", YAML_MAX_BYTES);
	doc = calloc(1, sizeof(*doc));
	if (!doc || !yaml_parser_initialize(&parser))
		return -ENOMEM;
	loader.doc = doc;
	yaml_parser_set_input_string(&parser, data, size);
	/* No guessing by the first bytes: UTF-8 it is. */
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	r = load_events(&loader, &parser);
	yaml_parser_delete(&parser);
	for (unsigned int i = 0; i < YAML_MAX_DEPTH; i++)
		free(loader.levels[i].key);
	if (r != 0)
		return r;
	if (!doc->root)
		return yaml_refuse(ret_error, 0, "is empty");
	*ret_doc = take_ptr(doc);
	return 0;
}

/* ---- into structs --------------------------------------------------------------------------- */

static const char *kind_name(enum yaml_item_kind kind)
{
	return kind == YAML_ITEM_MAP ? "a map" : kind == YAML_ITEM_LIST ? "a list" : "a value";
}

static int want_kind(const struct yaml_item *item, enum yaml_item_kind kind, const char *key,
		     struct yaml_error *ret_error)
{
	if (item->kind == kind)
		return 0;
	return yaml_refuse(ret_error, item->line, "%s must be %s, not %s", key, kind_name(kind),
			   kind_name(item->kind));
}

int yaml_fill(void *out, const struct yaml_item *map, const struct yaml_field *fields, size_t n_fields,
	      struct yaml_error *ret_error)
{
	int r;

	r = want_kind(map, YAML_ITEM_MAP, map->key ? map->key : "this", ret_error);
	for (const struct yaml_item *at = map->first; r == 0 && at; at = at->next) {
		size_t i = 0;

		while (i < n_fields && strcmp(fields[i].key, at->key) != 0)
			i++;
		if (i == n_fields)
			return yaml_refuse(ret_error, at->line, "unknown key '%.64s'", at->key);
		r = fields[i].read((char *)out + fields[i].offset, at, &fields[i], ret_error);
	}
	for (size_t i = 0; r == 0 && i < n_fields; i++) {
		const struct yaml_item *at = map->first;

		while (at && strcmp(fields[i].key, at->key) != 0)
			at = at->next;
		if (!at && fields[i].required)
			return yaml_refuse(ret_error, map->line, "key '%s' is missing", fields[i].key);
	}
	return r;
}

int yaml_read_number(void *out, const struct yaml_item *item, const struct yaml_field *field,
		     struct yaml_error *ret_error)
{
	const char *text = item->text;
	uint64_t value = 0;
	int r;

	r = want_kind(item, YAML_ITEM_SCALAR, field->key, ret_error);
	if (r != 0)
		return r;
	if (!item->plain || !text[0] || strspn(text, "0123456789") != strlen(text) ||
	    (text[0] == '0' && text[1]) || strlen(text) > 10)
		return yaml_refuse(ret_error, item->line, "%s must be a decimal number", field->key);
	for (; *text; text++)
		value = value * 10 + (uint64_t)(*text - '0');
	if (value < field->least || value > field->most)
		return yaml_refuse(ret_error, item->line, "%s: %.16s is not within %u to %u", field->key,
				   item->text, field->least, field->most);
	*(uint32_t *)out = (uint32_t)value;
	return 0;
}

int yaml_read_bool(void *out, const struct yaml_item *item, const struct yaml_field *field,
		   struct yaml_error *ret_error)
{
	int r = want_kind(item, YAML_ITEM_SCALAR, field->key, ret_error);

	if (r != 0)
		return r;
	if (!item->plain || (strcmp(item->text, "true") != 0 && strcmp(item->text, "false") != 0))
		return yaml_refuse(ret_error, item->line, "%s must be true or false", field->key);
	*(uint32_t *)out = item->text[0] == 't';
	return 0;
}

int yaml_read_word(void *out, const struct yaml_item *item, const struct yaml_field *field,
		   struct yaml_error *ret_error)
{
	int r = want_kind(item, YAML_ITEM_SCALAR, field->key, ret_error);

	if (r != 0)
		return r;
	for (const struct yaml_word *word = field->words; word->text; word++)
		if (strcmp(word->text, item->text) == 0) {
			*(uint32_t *)out = word->value;
			return 0;
		}
	return yaml_refuse(ret_error, item->line, "%s must %s", field->key, field->must);
}

static int copy_text(char *out, size_t size, const struct yaml_item *item,
		     const struct yaml_field *field, struct yaml_error *ret_error)
{
	int r = want_kind(item, YAML_ITEM_SCALAR, field->key, ret_error);

	if (r != 0)
		return r;
	if (strlen(item->text) >= size)
		return yaml_refuse(ret_error, item->line, "%s is longer than %zu bytes", field->key, size - 1);
	if (field->valid && !field->valid(item->text))
		return yaml_refuse(ret_error, item->line, "%s must %s", field->key, field->must);
	memset(out, 0, size);
	memcpy(out, item->text, strlen(item->text));
	return 0;
}

int yaml_read_text(void *out, const struct yaml_item *item, const struct yaml_field *field,
		   struct yaml_error *ret_error)
{
	return copy_text(out, field->size, item, field, ret_error);
}

int yaml_read_list(void *out, const struct yaml_item *item, const struct yaml_field *field,
		   struct yaml_error *ret_error)
{
	struct plain_list *list = out;
	int r;

	r = want_kind(item, YAML_ITEM_LIST, field->key, ret_error);
	if (r != 0)
		return r;
	*list = (struct plain_list){ 0 };
	for (const struct yaml_item *at = item->first; at; at = at->next) {
		if (list->n == PLAIN_LIST_MAX)
			return yaml_refuse(ret_error, at->line, "%s has more than %d entries", field->key,
					   PLAIN_LIST_MAX);
		r = copy_text(list->text[list->n], PLAIN_TEXT_SIZE, at, field, ret_error);
		if (r != 0)
			return r;
		list->n++;
	}
	return 0;
}
