/* SPDX-License-Identifier: Apache-2.0 */
/* Text - see text.h */
#include "text.h"

#include <string.h>

/* Length of the sequence that a lead byte begins; 0: it begins none. */
static unsigned int sequence_length(unsigned char lead)
{
	if (lead >= 0xc2 && lead <= 0xdf)
		return 2;
	if (lead >= 0xe0 && lead <= 0xef)
		return 3;
	if (lead >= 0xf0 && lead <= 0xf4)
		return 4;
	return 0;
}

uint32_t text_next(const unsigned char **position, const unsigned char *end)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *p = *position;
	unsigned int n = sequence_length(*p);
	uint32_t character;

	*position = p + 1;
	if (*p < 0x80)
		return *p;
	if (!n || (size_t)(end - p) < n)
		return TEXT_RAW | *p;

	character = *p & (0xffu >> (n + 1));
	for (unsigned int i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return TEXT_RAW | *p;
		character = character << 6 | (p[i] & 0x3f);
	}
	if (character < smallest[n] || character > 0x10ffff ||
	    (character >= 0xd800 && character <= 0xdfff))
		return TEXT_RAW | *p;
	*position = p + n;
	return character;
}

size_t text_put(uint32_t character, char *ret_bytes)
{
	if (character & TEXT_RAW || character < 0x80) {
		ret_bytes[0] = (char)character;
		return 1;
	}
	if (character < 0x800) {
		ret_bytes[0] = (char)(0xc0 | character >> 6);
		ret_bytes[1] = (char)(0x80 | (character & 0x3f));
		return 2;
	}
	if (character < 0x10000) {
		ret_bytes[0] = (char)(0xe0 | character >> 12);
		ret_bytes[1] = (char)(0x80 | (character >> 6 & 0x3f));
		ret_bytes[2] = (char)(0x80 | (character & 0x3f));
		return 3;
	}
	ret_bytes[0] = (char)(0xf0 | character >> 18);
	ret_bytes[1] = (char)(0x80 | (character >> 12 & 0x3f));
	ret_bytes[2] = (char)(0x80 | (character >> 6 & 0x3f));
	ret_bytes[3] = (char)(0x80 | (character & 0x3f));
	return 4;
}

/*
 * Latin, Greek and Cyrillic letters, whose cases stand at fixed distances.  Not from the C
 * library: that would depend on the locale of whoever runs us.
 */
uint32_t text_fold(uint32_t c)
{
	if (c < 0x80)
		return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
	if (c >= 0xc0 && c <= 0xde && c != 0xd7)
		return c + 0x20;
	if ((c >= 0x100 && c <= 0x12f) || (c >= 0x132 && c <= 0x137) || (c >= 0x14a && c <= 0x177))
		return c | 1;
	if ((c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17e))
		return c & 1 ? c + 1 : c;
	if (c == 0x178)
		return 0xff;
	if (c >= 0x391 && c <= 0x3a9 && c != 0x3a2)
		return c + 0x20;
	if (c >= 0x410 && c <= 0x42f)
		return c + 0x20;
	if (c >= 0x400 && c <= 0x40f)
		return c + 0x50;
	if (c >= 0x460 && c <= 0x481)
		return c | 1;
	return c;
}

bool text_is_ascii(const char *text, size_t n)
{
	uint64_t seen = 0, word;
	size_t i = 0;

	for (; i + 8 <= n; i += 8) {
		memcpy(&word, text + i, 8);
		seen |= word;
	}
	for (; i < n; i++)
		seen |= (unsigned char)text[i];
	return !(seen & 0x8080808080808080u);
}

bool text_equal_caseless(const char *a, size_t n_a, const char *b, size_t n_b)
{
	const unsigned char *p = (const unsigned char *)a, *p_end = p + n_a;
	const unsigned char *q = (const unsigned char *)b, *q_end = q + n_b;

	while (p < p_end && q < q_end)
		if (text_fold(text_next(&p, p_end)) != text_fold(text_next(&q, q_end)))
			return false;
	return p == p_end && q == q_end;
}
