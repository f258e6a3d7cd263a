/* SPDX-License-Identifier: Apache-2.0 */
/* Screen - bytes of others made safe to look at. */
#include "cli/screen.h"

#include <string.h>

void screen_ink(const struct screen *screen, enum ink ink)
{
	static const char *const codes[] = { "0", "0;1", "0;2", "0;31", "0;33", "0;32", "0;36" };

	if (screen->color)
		fprintf(screen->file, "\033[%sm", codes[ink]);
}

/* The code point that begins here and the bytes it takes; 0 bytes when it is not UTF-8. */
static size_t decode(const unsigned char *p, size_t n, uint32_t *ret_code)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t code;
	size_t length;

	if (p[0] < 0x80) {
		*ret_code = p[0];
		return 1;
	}
	if ((p[0] & 0xe0) == 0xc0) {
		length = 2;
		code = p[0] & 0x1f;
	} else if ((p[0] & 0xf0) == 0xe0) {
		length = 3;
		code = p[0] & 0x0f;
	} else if ((p[0] & 0xf8) == 0xf0) {
		length = 4;
		code = p[0] & 0x07;
	} else {
		return 0;
	}
	if (n < length)
		return 0;
	for (size_t i = 1; i < length; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (p[i] & 0x3f);
	}
	if (code < least[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return 0;
	*ret_code = code;
	return length;
}

/* Controls (C1 as well: 0x9b begins an escape sequence) and what turns or hides text. */
static bool shows_itself(uint32_t code)
{
	if (code < 0x20 || (code >= 0x7f && code <= 0x9f))
		return false;
	if (code == 0xad || code == 0x61c || code == 0xfeff)
		return false;
	if ((code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
	    (code >= 0x2060 && code <= 0x206f))
		return false;
	return code < 0xe0000;
}

/* Bytes from here that may be printed as they are, or 0. */
static size_t printable(const struct screen *screen, const char *bytes, size_t n)
{
	const unsigned char *p = (const unsigned char *)bytes;
	uint32_t code;
	size_t length = decode(p, n, &code);

	if (length == 0 || !shows_itself(code) || (length > 1 && !screen->utf8))
		return 0;
	return length;
}

void screen_text(const struct screen *screen, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n;) {
		size_t length = printable(screen, bytes + i, n - i);

		if (length)
			fwrite(bytes + i, 1, length, screen->file);
		else
			fprintf(screen->file, "\\x%02x", (unsigned char)bytes[i]);
		i += length ? length : 1;
	}
}

void screen_lines(const struct screen *screen, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n;) {
		size_t plain = 0;

		while (i + plain < n && bytes[i + plain] != '\n' && bytes[i + plain] != '\t')
			plain++;
		screen_text(screen, bytes + i, plain);
		i += plain;
		if (i < n)
			fputc(bytes[i++], screen->file);
	}
}

size_t screen_columns(const struct screen *screen, const char *bytes, size_t n)
{
	size_t columns = 0;

	for (size_t i = 0; i < n;) {
		size_t length = printable(screen, bytes + i, n - i);

		columns += length ? 1 : 4;
		i += length ? length : 1;
	}
	return columns;
}

static void word_in_dollar_quotes(const struct screen *screen, const char *bytes, size_t n)
{
	fputs("$'", screen->file);
	for (size_t i = 0; i < n;) {
		size_t length = printable(screen, bytes + i, n - i);

		if (bytes[i] == '\'' || bytes[i] == '\\')
			fprintf(screen->file, "\\%c", bytes[i]);
		else if (bytes[i] == '\n')
			fputs("\\n", screen->file);
		else if (bytes[i] == '\t')
			fputs("\\t", screen->file);
		else if (length)
			fwrite(bytes + i, 1, length, screen->file);
		else /* three octal digits: a digit behind \xNN would be read as part of it */
			fprintf(screen->file, "\\%03o", (unsigned char)bytes[i]);
		i += length ? length : 1;
	}
	fputc('\'', screen->file);
}

void screen_word(const struct screen *screen, const char *bytes, size_t n)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789%+,-./:=@_^";
	bool bare = n > 0;

	for (size_t i = 0; i < n;) {
		size_t length = printable(screen, bytes + i, n - i);

		if (length == 0 || bytes[i] == '\'' || bytes[i] == '\\') {
			word_in_dollar_quotes(screen, bytes, n);
			return;
		}
		bare = bare && (length > 1 || strchr(plain, bytes[i]));
		i += length;
	}
	if (!bare)
		fputc('\'', screen->file);
	fwrite(bytes, 1, n, screen->file);
	if (!bare)
		fputc('\'', screen->file);
}
