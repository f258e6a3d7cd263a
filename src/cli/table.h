/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Table - rows and columns for people.
 *
 * A table holds its cells as text and is printed once all are known.  The caller owns it.  When
 * memory ends, rows are missing from the bottom; nothing else goes wrong.
 */
#ifndef RINGFORT_CLI_TABLE_H
#define RINGFORT_CLI_TABLE_H

#include "cli/screen.h"

struct table;

/**
 * table_new() - an empty table
 * @heads: names of the columns with one blank between them; a '>' in front sets it to the right
 */
struct table *table_new(const char *heads);

/** table_free() - NULL is allowed; returns NULL */
struct table *table_free(struct table *table);

static inline void table_freep(struct table **table)
{
	table_free(*table);
}

/** table_cell() - the next cell, row by row; any bytes */
void table_cell(struct table *table, enum ink ink, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/** table_print() - heads and rows, indented; nothing when there are no rows */
void table_print(const struct table *table, const struct screen *screen);

#endif
