/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Screen - where people read, and what may reach it.
 *
 * Paths, command lines and reasons are bytes that others chose; on a terminal an escape
 * sequence in them could hide or forge lines.  They are printed through screen_text() or
 * screen_word() only.  What is not printable becomes \xNN, and so do the characters that turn
 * the direction of writing.  The FILE belongs to the caller.
 */
#ifndef RINGFORT_CLI_SCREEN_H
#define RINGFORT_CLI_SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct screen {
	FILE *file;
	bool color;
	bool utf8; /* what reads it understands UTF-8 */
};

enum ink { INK_PLAIN, INK_BOLD, INK_DIM, INK_RED, INK_YELLOW, INK_GREEN, INK_CYAN };

/** screen_ink() - the colour of what follows; nothing where there are no colours */
void screen_ink(const struct screen *screen, enum ink ink);

/** screen_text() - bytes of others, in place: blanks stay, the unprintable becomes \xNN */
void screen_text(const struct screen *screen, const char *bytes, size_t n);

/** screen_word() - the same as one word of a shell: 'a b', $'a\nb', so that it can be pasted */
void screen_word(const struct screen *screen, const char *bytes, size_t n);

/** screen_lines() - the same as screen_text(), but newlines and tabs stay */
void screen_lines(const struct screen *screen, const char *bytes, size_t n);

/** screen_columns() - columns that n bytes, printed by screen_text(), take */
size_t screen_columns(const struct screen *screen, const char *bytes, size_t n);

#endif
