/* SPDX-License-Identifier: Apache-2.0 */
/* Encode - see encode.h */
#include "encode.h"

#include "text.h"

#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *encode_base64(struct arena *arena, const char *bytes, size_t n)
{
	const unsigned char *p = (const unsigned char *)bytes;
	char *text = arena_alloc(arena, (n + 2) / 3 * 4 + 1), *out = text;

	if (!text)
		return NULL;
	for (size_t i = 0; i < n; i += 3) {
		uint32_t three = (uint32_t)p[i] << 16;

		if (i + 1 < n)
			three |= (uint32_t)p[i + 1] << 8;
		if (i + 2 < n)
			three |= p[i + 2];
		*out++ = digits[three >> 18];
		*out++ = digits[three >> 12 & 63];
		*out++ = i + 1 < n ? digits[three >> 6 & 63] : '=';
		*out++ = i + 2 < n ? digits[three & 63] : '=';
	}
	return text;
}

char *encode_base64_offset(struct arena *arena, const char *bytes, size_t n, unsigned int offset)
{
	/* How many digits the bytes before, and the unknown ones behind, have a share in. */
	static const size_t n_before[] = { 0, 2, 3 }, n_behind[] = { 0, 3, 2 };
	char *shifted = arena_alloc(arena, n + offset + 1), *text;
	size_t length, cut;

	if (!shifted)
		return NULL;
	memcpy(shifted + offset, bytes, n);
	text = encode_base64(arena, shifted, n + offset);
	if (!text)
		return NULL;
	length = strlen(text);
	cut = n_before[offset] + n_behind[(n + offset) % 3];
	if (cut >= length)
		return arena_strdup(arena, "");
	return arena_strndup(arena, text + n_before[offset], length - cut);
}

static size_t put16(char *out, enum encode_utf16 form, uint32_t unit)
{
	out[form == ENCODE_UTF16BE] = (char)unit;
	out[form != ENCODE_UTF16BE] = (char)(unit >> 8);
	return 2;
}

char *encode_utf16(struct arena *arena, enum encode_utf16 form, const char *bytes, size_t n,
		   size_t *ret_n)
{
	const unsigned char *p = (const unsigned char *)bytes, *end = p + n;
	char *out = arena_alloc(arena, 2 * n + 4);
	size_t written = 0;

	if (!out)
		return NULL;
	if (form == ENCODE_UTF16_BOM)
		written += put16(out, form, 0xfeff);
	while (p < end) {
		uint32_t c = text_next(&p, end) & ~TEXT_RAW;

		if (c >= 0x10000) {
			written += put16(out + written, form, 0xd800 | (c - 0x10000) >> 10);
			c = 0xdc00 | ((c - 0x10000) & 0x3ff);
		}
		written += put16(out + written, form, c);
	}
	*ret_n = written;
	return out;
}
