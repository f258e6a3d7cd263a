/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Schema - the reference of all types and fields, from the tables that events.def becomes.
 *
 * docs/events.md is what schema_print() prints, refreshed by the build.
 */
#ifndef RINGFORT_CLI_SCHEMA_H
#define RINGFORT_CLI_SCHEMA_H

#include "cli/screen.h"

/** schema_print() - Markdown, or one JSON object */
void schema_print(const struct screen *screen, bool json);

#endif
