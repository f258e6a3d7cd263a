/* SPDX-License-Identifier: Apache-2.0 */
/* Table - rows and columns for people. */
#include "cli/table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct cell {
	char *text;
	enum ink ink;
};

struct table {
	char *heads;
	size_t n_columns, n_cells, size;
	struct cell *cells;
};

struct table *table_new(const char *heads)
{
	struct table *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	table->heads = strdup(heads);
	if (!table->heads)
		return table_free(table);
	table->n_columns = 1;
	for (; *heads; heads++)
		table->n_columns += *heads == ' ';
	return table;
}

struct table *table_free(struct table *table)
{
	if (!table)
		return NULL;
	for (size_t i = 0; i < table->n_cells; i++)
		free(table->cells[i].text);
	free(table->cells);
	free(table->heads);
	free(table);
	return NULL;
}

static struct cell *table_room(struct table *table)
{
	size_t size = table->size ? table->size * 2 : 64;
	struct cell *cells = table->cells;

	if (table->n_cells == table->size) {
		cells = reallocarray(cells, size, sizeof(*cells));
		if (!cells)
			return NULL;
		table->cells = cells;
		table->size = size;
	}
	return &table->cells[table->n_cells];
}

void table_cell(struct table *table, enum ink ink, const char *format, ...)
{
	struct cell *cell = table ? table_room(table) : NULL;
	va_list args;

	if (!cell)
		return;
	va_start(args, format);
	if (vasprintf(&cell->text, format, args) >= 0) {
		cell->ink = ink;
		table->n_cells++;
	}
	va_end(args);
}

static void print_cell(const struct screen *screen, const char *text, size_t n, enum ink ink,
		       size_t width, bool right, bool last)
{
	size_t columns = screen_columns(screen, text, n);
	int pad = width > columns ? (int)(width - columns) : 0;

	fputs("  ", screen->file);
	if (right)
		fprintf(screen->file, "%*s", pad, "");
	if (ink != INK_PLAIN)
		screen_ink(screen, ink);
	screen_text(screen, text, n);
	if (ink != INK_PLAIN)
		screen_ink(screen, INK_PLAIN);
	if (!right && !last)
		fprintf(screen->file, "%*s", pad, "");
}

/* The name of a column, without its mark. */
static const char *head_of(const struct table *table, size_t column, size_t *ret_n, bool *ret_right)
{
	const char *head = table->heads;

	for (; column > 0; column--)
		head = strchr(head, ' ') + 1;
	*ret_right = *head == '>';
	head += *ret_right;
	*ret_n = strcspn(head, " ");
	return head;
}

static size_t width_of(const struct table *table, const struct screen *screen, size_t column)
{
	size_t width;
	bool right;

	head_of(table, column, &width, &right);
	for (size_t i = column; i < table->n_cells; i += table->n_columns) {
		size_t n = screen_columns(screen, table->cells[i].text, strlen(table->cells[i].text));

		width = n > width ? n : width;
	}
	return width;
}

void table_print(const struct table *table, const struct screen *screen)
{
	size_t rows = table ? table->n_cells / table->n_columns : 0;

	for (size_t row = 0; rows && row <= rows; row++) {
		for (size_t column = 0; column < table->n_columns; column++) {
			size_t width = width_of(table, screen, column), n;
			bool right, last = column + 1 == table->n_columns;
			const char *text = head_of(table, column, &n, &right);
			enum ink ink = INK_DIM;

			if (row > 0) {
				const struct cell *cell =
					&table->cells[(row - 1) * table->n_columns + column];

				text = cell->text;
				n = strlen(text);
				ink = cell->ink;
			}
			print_cell(screen, text, n, ink, width, right, last);
		}
		fputc('\n', screen->file);
	}
}
