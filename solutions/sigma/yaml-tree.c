/* SPDX-License-Identifier: Apache-2.0 */
/* YAML - see yaml-tree.h */
#include "yaml-tree.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

/* State of one yaml_parse(): the open collections, innermost last. */
struct reader {
	struct arena *arena;
	struct refusal *refusal;
	struct yaml_documents *documents;
	size_t n_allocated;
	struct yaml_node *root;
	unsigned int depth;
	struct {
		struct yaml_node *node;
		struct yaml_node *last;
		const char *key;
		unsigned int key_line;
	} open[YAML_MAX_DEPTH];
	size_t n_nodes;
};

static unsigned int line_of(const yaml_event_t *event)
{
	return (unsigned int)event->start_mark.line + 1;
}

static struct yaml_node *new_node(struct reader *reader, enum yaml_kind kind, unsigned int line)
{
	struct yaml_node *node = arena_alloc(reader->arena, sizeof(*node));

	if (!node)
		return NULL;
	node->kind = kind;
	node->line = line;
	return node;
}

/* Hang a finished node, or one that is just being opened, below the innermost collection. */
static int attach(struct reader *reader, struct yaml_node *node)
{
	struct yaml_node *parent, *last;

	if (++reader->n_nodes > YAML_MAX_NODES)
		return refuse(reader->refusal, node->line, "more than %u values in one file",
			      YAML_MAX_NODES);
	if (!reader->depth) {
		reader->root = node;
		return 0;
	}
	parent = reader->open[reader->depth - 1].node;
	last = reader->open[reader->depth - 1].last;
	if (parent->kind == YAML_MAP) {
		node->key = reader->open[reader->depth - 1].key;
		node->key_line = reader->open[reader->depth - 1].key_line;
		reader->open[reader->depth - 1].key = NULL;
	}
	if (last)
		last->next = node;
	else
		parent->first = node;
	reader->open[reader->depth - 1].last = node;
	parent->n_children++;
	return 0;
}

static bool expects_key(const struct reader *reader)
{
	return reader->depth && reader->open[reader->depth - 1].node->kind == YAML_MAP &&
	       !reader->open[reader->depth - 1].key;
}

static int read_key(struct reader *reader, const char *text, size_t n, unsigned int line)
{
	struct yaml_node *map = reader->open[reader->depth - 1].node;
	char *key;

	if (memchr(text, 0, n))
		return refuse(reader->refusal, line, "a key holds a NUL character");
	key = arena_strndup(reader->arena, text, n);
	if (!key)
		return -ENOMEM;
	if (map->n_children >= YAML_MAX_KEYS)
		return refuse(reader->refusal, line, "more than %d keys in one map",
			      YAML_MAX_KEYS);
	if (yaml_get(map, key))
		return refuse(reader->refusal, line, "key `%s' appears twice in one map", key);
	reader->open[reader->depth - 1].key = key;
	reader->open[reader->depth - 1].key_line = line;
	return 0;
}

static int read_scalar(struct reader *reader, const yaml_event_t *event)
{
	const char *text = (const char *)event->data.scalar.value;
	size_t n = event->data.scalar.length;
	unsigned int line = line_of(event);
	struct yaml_node *node;

	if (event->data.scalar.anchor)
		return refuse(reader->refusal, line, "anchors are not allowed");
	if (event->data.scalar.tag)
		return refuse(reader->refusal, line, "tags are not allowed");
	if (expects_key(reader))
		return read_key(reader, text, n, line);

	node = new_node(reader, YAML_SCALAR, line);
	if (!node)
		return -ENOMEM;
	node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	node->text = arena_strndup(reader->arena, text, n);
	node->length = n;
	if (!node->text)
		return -ENOMEM;
	return attach(reader, node);
}

static int open_collection(struct reader *reader, const yaml_event_t *event, enum yaml_kind kind,
			   bool anchored, bool tagged)
{
	unsigned int line = line_of(event);
	struct yaml_node *node;
	int r;

	if (anchored)
		return refuse(reader->refusal, line, "anchors are not allowed");
	if (tagged)
		return refuse(reader->refusal, line, "tags are not allowed");
	if (expects_key(reader))
		return refuse(reader->refusal, line, "a key must be plain text");
	/* Checked at every opening: libyaml's own work grows with the square of the depth. */
	if (reader->depth == YAML_MAX_DEPTH)
		return refuse(reader->refusal, line, "nested deeper than %d levels", YAML_MAX_DEPTH);

	node = new_node(reader, kind, line);
	if (!node)
		return -ENOMEM;
	r = attach(reader, node);
	if (r)
		return r;
	reader->open[reader->depth].node = node;
	reader->open[reader->depth].last = NULL;
	reader->open[reader->depth].key = NULL;
	reader->depth++;
	return 0;
}

static int close_document(struct reader *reader)
{
	struct yaml_node *root = take_ptr(reader->root);
	struct yaml_documents *documents = reader->documents;

	if (!root || (root->kind == YAML_SCALAR && yaml_type(root) == YAML_TYPE_NULL))
		return 0;
	if (documents->n == reader->n_allocated) {
		size_t n = reader->n_allocated ? 2 * reader->n_allocated : 4;
		struct yaml_node **roots = arena_alloc_array(reader->arena, n, sizeof(*roots));

		if (!roots)
			return -ENOMEM;
		if (documents->n)
			memcpy(roots, documents->roots, documents->n * sizeof(*roots));
		documents->roots = roots;
		reader->n_allocated = n;
	}
	documents->roots[documents->n++] = root;
	return 0;
}

static int handle(struct reader *reader, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		return read_scalar(reader, event);
	case YAML_SEQUENCE_START_EVENT:
		return open_collection(reader, event, YAML_LIST, event->data.sequence_start.anchor,
				       event->data.sequence_start.tag);
	case YAML_MAPPING_START_EVENT:
		return open_collection(reader, event, YAML_MAP, event->data.mapping_start.anchor,
				       event->data.mapping_start.tag);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		reader->depth--;
		return 0;
	case YAML_ALIAS_EVENT:
		return refuse(reader->refusal, line_of(event), "aliases are not allowed");
	case YAML_DOCUMENT_START_EVENT:
		if (event->data.document_start.tag_directives.start !=
		    event->data.document_start.tag_directives.end)
			return refuse(reader->refusal, line_of(event),
				      "directives are not allowed");
		return 0;
	case YAML_DOCUMENT_END_EVENT:
		return close_document(reader);
	default:
		return 0;
	}
}

static int refuse_syntax(struct reader *reader, const yaml_parser_t *parser)
{
	const char *problem = parser->problem ? parser->problem : "cannot be read";

	if (parser->error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	if (parser->error == YAML_READER_ERROR)
		return refuse(reader->refusal, (unsigned int)parser->mark.line + 1, "not YAML: %s",
			      problem);
	return refuse(reader->refusal, (unsigned int)parser->problem_mark.line + 1,
		      "not YAML: %s%s%s", problem, parser->context ? " " : "",
		      parser->context ? parser->context : "");
}

static int read_events(struct reader *reader, yaml_parser_t *parser)
{
	for (;;) {
		yaml_event_t event;
		bool ended;
		int r;

		if (!yaml_parser_parse(parser, &event))
			return refuse_syntax(reader, parser);
		ended = event.type == YAML_STREAM_END_EVENT;
		r = handle(reader, &event);
		yaml_event_delete(&event);
		if (r || ended)
			return r;
	}
}

int yaml_parse(struct arena *arena, const char *bytes, size_t n, struct yaml_documents *ret,
	       struct refusal *ret_refusal)
{
	struct reader reader = { .arena = arena, .refusal = ret_refusal, .documents = ret };
	yaml_parser_t parser;
	int r;

	*ret = (struct yaml_documents){ 0 };
	if (n > YAML_MAX_BYTES)
		return refuse(ret_refusal, 1, "larger than %u KiB", YAML_MAX_BYTES / 1024);
	if (!yaml_parser_initialize(&parser))
		return -ENOMEM;
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const unsigned char *)bytes, n);
	r = read_events(&reader, &parser);
	yaml_parser_delete(&parser);
	return r;
}

const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key)
{
	if (map->kind != YAML_MAP)
		return NULL;
	for (const struct yaml_node *child = map->first; child; child = child->next)
		if (!strcmp(child->key, key))
			return child;
	return NULL;
}

static bool is_one_of(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (!strcmp(text, *words))
			return true;
	return false;
}

static size_t count_of(const char *text, const char *set)
{
	return strspn(text, set);
}

/* [-+]?[0-9]+ | 0o[0-7]+ | 0x[0-9a-fA-F]+ */
static bool is_int(const char *text)
{
	static const char digits[] = "0123456789";

	if (!strncmp(text, "0x", 2))
		return text[2] && !text[2 + count_of(text + 2, "0123456789abcdefABCDEF")];
	if (!strncmp(text, "0o", 2))
		return text[2] && !text[2 + count_of(text + 2, "01234567")];
	text += *text == '-' || *text == '+';
	return *text && !text[count_of(text, digits)];
}

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )? | .inf | .nan */
static bool is_float(const char *text)
{
	static const char *const words[] = { ".nan", ".NaN", ".NAN", NULL };
	static const char *const infinities[] = { ".inf", ".Inf", ".INF", NULL };
	static const char digits[] = "0123456789";
	size_t n_whole, n_part = 0;

	if (is_one_of(text, words))
		return true;
	text += *text == '-' || *text == '+';
	if (is_one_of(text, infinities))
		return true;
	n_whole = count_of(text, digits);
	text += n_whole;
	if (*text == '.') {
		n_part = count_of(text + 1, digits);
		text += 1 + n_part;
	}
	if (!n_whole && !n_part)
		return false;
	if (*text == 'e' || *text == 'E') {
		text++;
		text += *text == '-' || *text == '+';
		if (!*text)
			return false;
		text += count_of(text, digits);
	}
	return !*text;
}

enum yaml_type yaml_type(const struct yaml_node *scalar)
{
	static const char *const nulls[] = { "", "~", "null", "Null", "NULL", NULL };
	static const char *const bools[] = { "true", "True", "TRUE", "false", "False", "FALSE", NULL };

	if (scalar->kind != YAML_SCALAR || !scalar->plain || strlen(scalar->text) != scalar->length)
		return YAML_TYPE_TEXT;
	if (is_one_of(scalar->text, nulls))
		return YAML_TYPE_NULL;
	if (is_one_of(scalar->text, bools))
		return YAML_TYPE_BOOL;
	if (is_int(scalar->text))
		return YAML_TYPE_INT;
	if (is_float(scalar->text))
		return YAML_TYPE_FLOAT;
	return YAML_TYPE_TEXT;
}

bool yaml_bool(const struct yaml_node *scalar)
{
	return !strcasecmp(scalar->text, "true");
}

const char *yaml_kind_name(const struct yaml_node *node)
{
	switch (node->kind) {
	case YAML_LIST:
		return "a list";
	case YAML_MAP:
		return "a map";
	default:
		return yaml_type(node) == YAML_TYPE_NULL ? "null" : "a value";
	}
}
