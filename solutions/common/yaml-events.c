/* SPDX-License-Identifier: Apache-2.0 */
/* YAML events - see yaml-events.h */
#include "yaml-events.h"

#include <errno.h>
#include <string.h>

unsigned int yaml_line(const struct yaml_events *events)
{
	return (unsigned int)events->event.start_mark.line + 1;
}

bool yaml_is_map(const struct yaml_events *events)
{
	return events->event.type == YAML_MAPPING_START_EVENT;
}

bool yaml_is_list(const struct yaml_events *events)
{
	return events->event.type == YAML_SEQUENCE_START_EVENT;
}

bool yaml_is_end(const struct yaml_events *events)
{
	return events->event.type == YAML_MAPPING_END_EVENT ||
	       events->event.type == YAML_SEQUENCE_END_EVENT;
}

const char *yaml_text(const struct yaml_events *events)
{
	const char *text = (const char *)events->event.data.scalar.value;

	if (events->event.type != YAML_SCALAR_EVENT ||
	    strlen(text) != events->event.data.scalar.length)
		return NULL;
	return text;
}

bool yaml_is_plain(const struct yaml_events *events)
{
	return events->event.type == YAML_SCALAR_EVENT &&
	       events->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

/* libyaml decodes far ahead of where it parses: for bytes that are no text it tells the place alone. */
static unsigned int fault_line(const struct yaml_events *events)
{
	const yaml_parser_t *parser = &events->parser;
	unsigned int line = 1;

	if (parser->error != YAML_READER_ERROR)
		return (unsigned int)parser->problem_mark.line + 1;
	for (size_t i = 0; i < parser->problem_offset; i++)
		line += events->text[i] == '\n';
	return line;
}

static int refuse_syntax(struct yaml_events *events)
{
	const char *problem = events->parser.problem;

	if (events->parser.error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	return refuse(events->refusal, fault_line(events), "not YAML: %s",
		      problem ? problem : "cannot be read");
}

/* What the current event must not carry. */
static int check(struct yaml_events *events)
{
	const yaml_event_t *event = &events->event;
	bool anchored = false, tagged = false;

	switch (event->type) {
	case YAML_ALIAS_EVENT:
		return refuse(events->refusal, yaml_line(events), "aliases are not allowed");
	case YAML_SCALAR_EVENT:
		anchored = event->data.scalar.anchor;
		tagged = event->data.scalar.tag;
		break;
	case YAML_SEQUENCE_START_EVENT:
		anchored = event->data.sequence_start.anchor;
		tagged = event->data.sequence_start.tag;
		events->depth++;
		break;
	case YAML_MAPPING_START_EVENT:
		anchored = event->data.mapping_start.anchor;
		tagged = event->data.mapping_start.tag;
		events->depth++;
		break;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		events->depth--;
		break;
	default:
		break;
	}
	if (anchored)
		return refuse(events->refusal, yaml_line(events), "anchors are not allowed");
	if (tagged)
		return refuse(events->refusal, yaml_line(events), "tags are not allowed");
	/* At every opening: libyaml's own work grows with the square of the depth. */
	if (events->depth > YAML_MAX_DEPTH)
		return refuse(events->refusal, yaml_line(events), "nested deeper than %d levels",
			      YAML_MAX_DEPTH);
	return 0;
}

int yaml_next(struct yaml_events *events)
{
	yaml_event_delete(&events->event);
	if (!yaml_parser_parse(&events->parser, &events->event))
		return refuse_syntax(events);
	return check(events);
}

int yaml_skip(struct yaml_events *events)
{
	unsigned int depth = events->depth;
	int r = 0;

	if (yaml_is_map(events) || yaml_is_list(events))
		while (!r && events->depth >= depth)
			r = yaml_next(events);
	return r ? r : yaml_next(events);
}

int yaml_open(struct yaml_events *events, const char *text, size_t n, struct refusal *refusal)
{
	int r;

	*events = (struct yaml_events){ .refusal = refusal, .text = text };
	if (!yaml_parser_initialize(&events->parser))
		return -ENOMEM;
	yaml_parser_set_encoding(&events->parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&events->parser, (const unsigned char *)text, n);
	do
		r = yaml_next(events);
	while (!r && (events->event.type == YAML_STREAM_START_EVENT ||
		      events->event.type == YAML_DOCUMENT_START_EVENT));
	return r;
}

void yaml_close(struct yaml_events *events)
{
	yaml_event_delete(&events->event);
	yaml_parser_delete(&events->parser);
}
