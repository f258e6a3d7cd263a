/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML events - libyaml's stream of events for a reader that descends by hand, with what policies do not
 * need left out: anchors, aliases and tags, more than one document, deep nesting.
 *
 * The current event is looked at with the yaml_is_*() functions and left with yaml_next().  Does no
 * I/O; the text must outlive it.
 */
#ifndef COMMON_YAML_EVENTS_H
#define COMMON_YAML_EVENTS_H

#include "util.h"

#include <yaml.h>

#define YAML_MAX_DEPTH 8

struct yaml_events {
	yaml_parser_t parser;
	yaml_event_t event;
	const char *text;   /* the caller's */
	unsigned int depth; /* of open lists and maps */
	struct refusal *refusal;
};

/** yaml_open() - begin with the document's first value.  0, E_REFUSED, -ENOMEM; close it either way. */
int yaml_open(struct yaml_events *events, const char *text, size_t n, struct refusal *refusal);
void yaml_close(struct yaml_events *events);

/** yaml_next() - step.  0, E_REFUSED (the rest cannot be read), -ENOMEM. */
int yaml_next(struct yaml_events *events);

/** yaml_skip() - step over the current value, whole.  As yaml_next(). */
int yaml_skip(struct yaml_events *events);

unsigned int yaml_line(const struct yaml_events *events); /* of the current event, from 1 */
bool yaml_is_map(const struct yaml_events *events);
bool yaml_is_list(const struct yaml_events *events);
bool yaml_is_end(const struct yaml_events *events); /* of the innermost list or map */

/** yaml_text() - the current scalar, NUL-terminated; NULL when it is none, or has NUL bytes inside */
const char *yaml_text(const struct yaml_events *events);

/** yaml_is_plain() - is the current scalar without quotes? */
bool yaml_is_plain(const struct yaml_events *events);

#endif
