/* SPDX-License-Identifier: Apache-2.0 */
#undef NDEBUG
#include "cli/screen.h"
#include "cli/table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct example {
	const char *bytes, *expected;
};

static void check(void (*print)(const struct screen *, const char *, size_t), bool utf8,
		  const char *bytes, size_t n, const char *expected)
{
	struct screen screen = { .utf8 = utf8 };
	char *text = NULL;
	size_t size;

	screen.file = open_memstream(&text, &size);
	assert(screen.file);
	print(&screen, bytes, n);
	fclose(screen.file);
	if (strcmp(text, expected) != 0)
		fprintf(stderr, "printed %s, expected %s\n", text, expected);
	assert(strcmp(text, expected) == 0);
	free(text);
}

static void check_all(void (*print)(const struct screen *, const char *, size_t), bool utf8,
		      const struct example *examples)
{
	for (; examples->bytes; examples++)
		check(print, utf8, examples->bytes, strlen(examples->bytes), examples->expected);
}

static void control_characters_never_reach_the_terminal(void)
{
	static const struct example examples[] = {
		{ "plain text", "plain text" },
		{ "\033[2J\033]0;title\a", "\\x1b[2J\\x1b]0;title\\x07" },
		{ "one\rtwo\nthree\tfour\b", "one\\x0dtwo\\x0athree\\x09four\\x08" },
		{ "\x7f", "\\x7f" },
		{ "\xc2\x9b" "31m", "\\xc2\\x9b31m" },        /* C1: CSI */
		{ "\xe2\x80\xae" "cod.exe", "\\xe2\\x80\\xaecod.exe" }, /* right to left */
		{ "\xe2\x81\xa6", "\\xe2\\x81\\xa6" },
		{ "a\xe2\x80\x8b" "b", "a\\xe2\\x80\\x8bb" }, /* no width at all */
		{ "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x8f\xb0", "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x8f\xb0" },
		{ "\xff\xc0\xaf\xed\xa0\x80", "\\xff\\xc0\\xaf\\xed\\xa0\\x80" },
		{ "cut \xe2\x82", "cut \\xe2\\x82" },
		{ NULL, NULL },
	};

	check_all(screen_text, true, examples);
	check(screen_text, true, "a\0b", 3, "a\\x00b");
}

static void without_utf8_only_ascii_is_printed(void)
{
	check(screen_text, false, "\xc3\xa4\xc2\x9b", 4, "\\xc3\\xa4\\xc2\\x9b");
	check(screen_word, false, "\xc3\xa4", 2, "$'\\303\\244'");
}

static void every_byte_alone_is_harmless(void)
{
	for (int c = 0; c < 256; c++) {
		struct screen screen = { .utf8 = c & 1 };
		char byte = (char)c, *text = NULL;
		size_t size;

		screen.file = open_memstream(&text, &size);
		screen_text(&screen, &byte, 1);
		screen_word(&screen, &byte, 1);
		fclose(screen.file);
		for (size_t i = 0; i < size; i++)
			assert(text[i] >= 0x20 && text[i] < 0x7f);
		free(text);
	}
}

static void words_can_be_pasted_into_a_shell(void)
{
	static const struct example examples[] = {
		{ "/usr/bin/bash", "/usr/bin/bash" },
		{ "--name=value", "--name=value" },
		{ "", "''" },
		{ "two words", "'two words'" },
		{ "$(reboot)", "'$(reboot)'" },
		{ "*", "'*'" },
		{ "it's", "$'it\\'s'" },
		{ "back\\slash", "$'back\\\\slash'" },
		{ "line\nline\t", "$'line\\nline\\t'" },
		{ "\033[1m", "$'\\033[1m'" },
		{ "\x01" "7", "$'\\0017'" },
		{ "na\xc3\xafve", "na\xc3\xafve" },
		{ NULL, NULL },
	};

	check_all(screen_word, true, examples);
}

static void lines_keep_newlines_and_tabs(void)
{
	check(screen_lines, true, "a\tb\n\033c\n", 7, "a\tb\n\\x1bc\n");
}

static void colours_only_where_they_are_wanted(void)
{
	for (int color = 0; color < 2; color++) {
		struct screen screen = { .color = color };
		char *text = NULL;
		size_t size;

		screen.file = open_memstream(&text, &size);
		screen_ink(&screen, INK_RED);
		fclose(screen.file);
		assert(strcmp(text, color ? "\033[0;31m" : "") == 0);
		free(text);
	}
}

static void tables_align_and_escape(void)
{
	struct table *table = table_new("NAME >COUNT WHY");
	struct screen screen = { .utf8 = true };
	char *text = NULL;
	size_t size;

	table_cell(table, INK_RED, "%s", "a\033b");
	table_cell(table, INK_PLAIN, "%d", 7);
	table_cell(table, INK_PLAIN, "%s", "");
	table_cell(table, INK_PLAIN, "\xc3\xa4");
	table_cell(table, INK_PLAIN, "%d", 123456);
	table_cell(table, INK_PLAIN, "because");
	screen.file = open_memstream(&text, &size);
	table_print(table, &screen);
	fclose(screen.file);
	assert(strcmp(text, "  NAME     COUNT  WHY\n"
			    "  a\\x1bb       7  \n"
			    "  \xc3\xa4       123456  because\n") == 0);
	free(text);
	table_free(table);
}

static void a_table_without_rows_is_nothing(void)
{
	struct table *table = table_new("NAME COUNT");
	struct screen screen = { 0 };
	char *text = NULL;
	size_t size;

	screen.file = open_memstream(&text, &size);
	table_print(table, &screen);
	fclose(screen.file);
	assert(size == 0);
	free(text);
	table_free(table);
}

int main(void)
{
	control_characters_never_reach_the_terminal();
	without_utf8_only_ascii_is_printed();
	every_byte_alone_is_harmless();
	words_can_be_pasted_into_a_shell();
	lines_keep_newlines_and_tabs();
	colours_only_where_they_are_wanted();
	tables_align_and_escape();
	a_table_without_rows_is_nothing();
	return 0;
}
