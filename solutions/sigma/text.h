/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text - characters of byte strings that are mostly, but not surely, UTF-8.
 *
 * A character is a code point, or, where the bytes are not UTF-8, one byte with TEXT_RAW set:
 * so nothing from an event is ever rejected, and every byte string has exactly one reading.
 */
#ifndef SIGMA_TEXT_H
#define SIGMA_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TEXT_RAW 0x40000000u

/** text_next() - the next character, and step over it; *position < end must hold */
uint32_t text_next(const unsigned char **position, const unsigned char *end);

/** text_put() - the bytes of a character (at most 4).  Return: how many. */
size_t text_put(uint32_t character, char *ret_bytes);

/** text_fold() - the character that stands for it and its other case (simple folding) */
uint32_t text_fold(uint32_t character);

/** text_fold_ascii() - the same for bytes, of which only ASCII letters change */
static inline char text_fold_ascii(char c)
{
	return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

bool text_is_ascii(const char *text, size_t n);

/** text_equal_caseless() - equal under text_fold() */
bool text_equal_caseless(const char *a, size_t n_a, const char *b, size_t n_b);

#endif
