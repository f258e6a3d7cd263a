/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Render - an event as one line for people.
 *
 * Known types have a line of their own; every other shows all of its fields by the schema, so a
 * new type or field is seen without a change here.
 */
#ifndef RINGFORT_CLI_RENDER_H
#define RINGFORT_CLI_RENDER_H

#include "cli/screen.h"

#include <ringfort/event.h>

/** render_event() - time, type, pid, executable, and what tells most; verbose: then every field */
void render_event(const struct screen *screen, const struct ringfort_event *event, bool verbose);

/** render_field() - one field as name=value; nothing when it is empty or zero */
void render_field(const struct screen *screen, const struct ringfort_event *event,
		  const void *base, const struct ringfort_field *field);

#endif
