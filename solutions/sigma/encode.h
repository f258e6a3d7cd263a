/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encode - what the encoding modifiers do to bytes.
 */
#ifndef SIGMA_ENCODE_H
#define SIGMA_ENCODE_H

#include "../common/util.h"

enum encode_utf16 {
	ENCODE_UTF16LE,
	ENCODE_UTF16BE,
	ENCODE_UTF16_BOM, /* byte order mark, then little-endian */
};

/** encode_base64() - Return: NUL-terminated text in the arena, or NULL: no memory. */
char *encode_base64(struct arena *arena, const char *bytes, size_t n);

/**
 * encode_base64_offset() - what is surely seen of bytes that stand inside encoded bytes
 * @offset: 0 to 2: the number of bytes before them, modulo 3
 *
 * Return: as encode_base64(); empty when nothing is sure.
 */
char *encode_base64_offset(struct arena *arena, const char *bytes, size_t n, unsigned int offset);

/** encode_utf16() - bytes that are no UTF-8 become one unit each.  Return: NULL: no memory. */
char *encode_utf16(struct arena *arena, enum encode_utf16 form, const char *bytes, size_t n,
		   size_t *ret_n);

#endif
