/* SPDX-License-Identifier: Apache-2.0 */
/* Pattern - see pattern.h */
#include "pattern.h"

#include "text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Units being collected; moved into the arena when they are complete. */
struct builder {
	uint32_t *units;
	size_t n;
	size_t n_allocated;
};

static void builder_done(struct builder *builder)
{
	free(builder->units);
}

static int push(struct builder *builder, uint32_t unit)
{
	int r;

	if (unit == PATTERN_STAR && builder->n && builder->units[builder->n - 1] == PATTERN_STAR)
		return 0; /* two stars act as one */
	if (builder->n >= PATTERN_MAX_UNITS)
		return -E2BIG;
	r = grow(&builder->units, builder->n, &builder->n_allocated);
	if (r < 0)
		return r;
	builder->units[builder->n++] = unit;
	return 0;
}

static int push_all(struct builder *builder, const uint32_t *units, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n && r >= 0; i++)
		r = push(builder, units[i]);
	return r;
}

static int finish(struct builder *builder, struct arena *arena, const char *const *placeholders,
		  struct pattern *ret)
{
	uint32_t *units = arena_alloc_array(arena, builder->n, sizeof(*units));

	if (!units)
		return -ENOMEM;
	if (builder->n)
		memcpy(units, builder->units, builder->n * sizeof(*units));
	*ret = (struct pattern){ units, builder->n, placeholders };
	return 0;
}

static bool is_word(uint32_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       c == '_' || (c >= 0x80 && !(c & PATTERN_SPECIAL) && !(c >= 0x2010 && c <= 0x2015));
}

size_t pattern_placeholder(const char *text, size_t n)
{
	size_t i = 1;

	if (text[0] != '%')
		return 0;
	while (i < n && (unsigned char)text[i] < 0x80 && is_word((unsigned char)text[i]))
		i++;
	return i > 1 && i < n && text[i] == '%' ? i + 1 : 0;
}

/* Which of the escapes stands at text?  Answers the character, and its length. */
static uint32_t read_escape(const char *text, size_t n, bool with_placeholders, size_t *ret_length)
{
	*ret_length = 2;
	if (n > 1 && (text[1] == '*' || text[1] == '?' || text[1] == '\\'))
		return (unsigned char)text[1];
	if (n > 1 && with_placeholders && text[1] == '%')
		return '%';
	*ret_length = 1; /* before anything else a backslash is a backslash */
	return '\\';
}

static int parse_placeholder(struct builder *builder, struct arena *arena, const char *text,
			     size_t length, const char **names, size_t *n_names)
{
	names[*n_names] = arena_strndup(arena, text + 1, length - 2);
	if (!names[*n_names])
		return -ENOMEM;
	return push(builder, PATTERN_PLACEHOLDER | (uint32_t)(*n_names)++);
}

int pattern_parse(struct pattern *ret, struct arena *arena, const char *text, size_t n,
		  bool with_placeholders)
{
	_cleanup_(builder_done) struct builder builder = { 0 };
	const char **names = NULL;
	size_t n_names = 0, i = 0, length;
	int r = 0;

	if (n > PATTERN_MAX_UNITS)
		return -E2BIG;
	if (with_placeholders) {
		names = arena_alloc_array(arena, n / 3 + 1, sizeof(*names));
		if (!names)
			return -ENOMEM;
	}
	while (i < n && r >= 0) {
		const unsigned char *p = (const unsigned char *)text + i, *next = p;

		length = with_placeholders ? pattern_placeholder(text + i, n - i) : 0;
		if (length) {
			r = parse_placeholder(&builder, arena, text + i, length, names, &n_names);
		} else if (*p == '\\') {
			r = push(&builder, read_escape(text + i, n - i, with_placeholders, &length));
		} else if (*p == '*' || *p == '?') {
			length = 1;
			r = push(&builder, *p == '*' ? PATTERN_STAR : PATTERN_ANY);
		} else {
			r = push(&builder, text_next(&next, (const unsigned char *)text + n));
			length = (size_t)(next - p);
		}
		i += length;
	}
	return r < 0 ? r : finish(&builder, arena, names, ret);
}

int pattern_literal(struct pattern *ret, struct arena *arena, const char *bytes, size_t n)
{
	_cleanup_(builder_done) struct builder builder = { 0 };
	const unsigned char *p = (const unsigned char *)bytes, *end = p + n;
	int r = 0;

	while (p < end && r >= 0)
		r = push(&builder, text_next(&p, end));
	return r < 0 ? r : finish(&builder, arena, NULL, ret);
}

int pattern_wrap(struct pattern *ret, struct arena *arena, const struct pattern *pattern,
		 bool before, bool after)
{
	_cleanup_(builder_done) struct builder builder = { 0 };
	int r = 0;

	if (before)
		r = push(&builder, PATTERN_STAR);
	if (r >= 0)
		r = push_all(&builder, pattern->units, pattern->n);
	if (r >= 0 && after)
		r = push(&builder, PATTERN_STAR);
	return r < 0 ? r : finish(&builder, arena, pattern->placeholders, ret);
}

static bool is_dash(uint32_t c)
{
	return c == '-' || c == '/' || c == 0x2013 || c == 0x2014 || c == 0x2015;
}

/*
 * A flag begins a word: the dash inside `no-check' is not one, nor the first of `--flag'.  So
 * it follows the beginning or something that is not a word, and a word follows it.
 */
int pattern_dashes(struct pattern *ret, struct arena *arena, const struct pattern *pattern)
{
	_cleanup_(builder_done) struct builder builder = { 0 };
	const uint32_t *u = pattern->units;
	int r = 0;

	for (size_t i = 0; i < pattern->n && r >= 0; i++) {
		bool flag = is_dash(u[i]) && (!i || !is_word(u[i - 1])) && i + 1 < pattern->n &&
			    is_word(u[i + 1]);

		r = push(&builder, flag ? PATTERN_DASH : u[i]);
	}
	return r < 0 ? r : finish(&builder, arena, pattern->placeholders, ret);
}

int pattern_join(struct pattern *ret, struct arena *arena, const struct pattern *first,
		 const struct pattern *second)
{
	_cleanup_(builder_done) struct builder builder = { 0 };
	int r;

	r = push_all(&builder, first->units, first->n);
	if (r >= 0)
		r = push_all(&builder, second->units, second->n);
	return r < 0 ? r : finish(&builder, arena, first->placeholders, ret);
}

int pattern_splice(struct pattern *ret, struct arena *arena, const struct pattern *pattern,
		   size_t position, const struct pattern *insert)
{
	_cleanup_(builder_done) struct builder builder = { 0 };
	int r;

	r = push_all(&builder, pattern->units, position);
	if (r >= 0)
		r = push_all(&builder, insert->units, insert->n);
	if (r >= 0)
		r = push_all(&builder, pattern->units + position + 1, pattern->n - position - 1);
	return r < 0 ? r : finish(&builder, arena, pattern->placeholders, ret);
}

bool pattern_has(const struct pattern *pattern, uint32_t special)
{
	for (size_t i = 0; i < pattern->n; i++) {
		uint32_t unit = pattern->units[i];

		if (unit == special ||
		    (special == PATTERN_PLACEHOLDER && unit >= PATTERN_PLACEHOLDER))
			return true;
	}
	return false;
}

bool pattern_is_plain(const struct pattern *pattern)
{
	for (size_t i = 0; i < pattern->n; i++)
		if (pattern->units[i] & PATTERN_SPECIAL)
			return false;
	return true;
}

char *pattern_bytes(struct arena *arena, const struct pattern *pattern, size_t from, size_t to,
		    size_t *ret_n)
{
	char *bytes = arena_alloc(arena, 4 * (to - from) + 1);
	size_t n = 0;

	if (!bytes)
		return NULL;
	for (size_t i = from; i < to; i++)
		n += text_put(pattern->units[i], bytes + n);
	*ret_n = n;
	return bytes;
}

static bool unit_match(uint32_t unit, bool cased, uint32_t character)
{
	if (unit == PATTERN_ANY)
		return true;
	if (unit == PATTERN_DASH)
		return is_dash(character);
	return unit == character || (!cased && text_fold(unit) == text_fold(character));
}

/*
 * Where a unit does not fit, only the last star can take one character more: earlier ones could
 * not make a difference.  That bounds the work, whatever the pattern.
 */
bool pattern_match(const struct pattern *pattern, bool cased, const char *text, size_t n)
{
	const unsigned char *p = (const unsigned char *)text, *end = p + n;
	const unsigned char *p_retry = NULL;
	size_t i = 0, i_retry = 0;

	for (;;) {
		if (i < pattern->n && pattern->units[i] == PATTERN_STAR) {
			i_retry = ++i;
			p_retry = p;
			if (i == pattern->n)
				return true;
			continue;
		}
		if (p == end)
			return i == pattern->n;
		if (i < pattern->n && unit_match(pattern->units[i], cased, text_next(&p, end))) {
			i++;
			continue;
		}
		if (!p_retry)
			return false;
		text_next(&p_retry, end);
		p = p_retry;
		i = i_retry;
	}
}

static bool has_two_cases(uint32_t c)
{
	/* text_fold() goes to one case only, so a small letter must be found from its capital. */
	static const uint32_t distances[] = { 1, 0x20, 0x50 };

	if (text_fold(c) != c || c == 0xff)
		return true;
	for (size_t i = 0; i < ARRAY_LENGTH(distances); i++)
		if (text_fold(c - distances[i]) == c)
			return true;
	return false;
}

bool pattern_folds_beyond_ascii(const struct pattern *pattern)
{
	for (size_t i = 0; i < pattern->n; i++) {
		uint32_t unit = pattern->units[i];

		if (unit >= 0x80 && !(unit & (PATTERN_SPECIAL | TEXT_RAW)) && has_two_cases(unit))
			return true;
	}
	return false;
}

/* Folding leads from ASCII to ASCII only, so the character itself is enough to know. */
bool pattern_needs_beyond_ascii(const struct pattern *pattern)
{
	for (size_t i = 0; i < pattern->n; i++)
		if (pattern->units[i] >= 0x80 && !(pattern->units[i] & PATTERN_SPECIAL))
			return true;
	return false;
}

size_t pattern_weight(const struct pattern *pattern)
{
	size_t n = 0;

	for (size_t i = 0; i < pattern->n; i++)
		n += !(pattern->units[i] & PATTERN_SPECIAL);
	return n;
}

static size_t put_regex(char *out, uint32_t unit)
{
	unsigned char bytes[4];
	size_t n, written = 0;

	if (unit == PATTERN_STAR)
		return (size_t)sprintf(out, ".*");
	if (unit == PATTERN_ANY)
		return (size_t)sprintf(out, ".");
	if (unit == PATTERN_DASH)
		return (size_t)sprintf(out, "(?:[-/]|\\xe2\\x80[\\x93-\\x95])");
	if (unit < 0x80 && (is_word(unit) || unit == ' ' || unit == '/')) {
		*out = (char)unit;
		return 1;
	}
	n = text_put(unit, (char *)bytes);
	for (size_t i = 0; i < n; i++)
		written += (size_t)sprintf(out + written, "\\x%02x", bytes[i]);
	return written;
}

char *pattern_regex(struct arena *arena, const struct pattern *pattern, bool anchored)
{
	const uint32_t *u = pattern->units;
	/* A search finds its match anywhere, so outer stars need not be written. */
	bool open_start = anchored && pattern->n && u[0] == PATTERN_STAR;
	bool open_end = anchored && pattern->n && u[pattern->n - 1] == PATTERN_STAR;
	char *regex = arena_alloc(arena, 36 * pattern->n + 8);
	size_t n = 0;

	if (!regex)
		return NULL;
	if (anchored && !open_start)
		n += (size_t)sprintf(regex, "\\A");
	for (size_t i = open_start; i + (open_end && i < pattern->n) < pattern->n; i++)
		n += put_regex(regex + n, u[i]);
	if (anchored && !open_end)
		n += (size_t)sprintf(regex + n, "\\z");
	regex[n] = 0;
	return regex;
}
