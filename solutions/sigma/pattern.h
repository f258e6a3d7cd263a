/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pattern - a Sigma string: characters, wildcards, and the escapes taken out.
 *
 * A pattern is an array of units.  A unit is a character (text.h) or one of the special ones
 * below.  Patterns are matched against whole values: `contains' is a star at both ends.
 *
 * Patterns live in an arena and are never changed once made; each function makes a new one.
 */
#ifndef SIGMA_PATTERN_H
#define SIGMA_PATTERN_H

#include "../common/util.h"

#define PATTERN_SPECIAL 0x80000000u
#define PATTERN_STAR 0x80000000u        /* any number of characters */
#define PATTERN_ANY 0x80000001u         /* one character */
#define PATTERN_DASH 0x80000002u        /* one of - / and the three long dashes (windash) */
#define PATTERN_PLACEHOLDER 0xc0000000u /* | index into placeholders */

#define PATTERN_MAX_UNITS 16384

struct pattern {
	const uint32_t *units;
	size_t n;
	const char *const *placeholders; /* names, for PATTERN_PLACEHOLDER */
};

/**
 * pattern_parse() - read a Sigma string
 * @with_placeholders: %name% is a placeholder and \% a percent sign (modifier expand)
 *
 * Return: 0, -ENOMEM, -E2BIG.
 */
int pattern_parse(struct pattern *ret, struct arena *arena, const char *text, size_t n,
		  bool with_placeholders);

/** pattern_literal() - a pattern of exactly these bytes, none of them special */
int pattern_literal(struct pattern *ret, struct arena *arena, const char *bytes, size_t n);

/** pattern_wrap() - put stars before and after, where none is there yet */
int pattern_wrap(struct pattern *ret, struct arena *arena, const struct pattern *pattern,
		 bool before, bool after);

/** pattern_dashes() - dashes and slashes at the beginning of a word become PATTERN_DASH */
int pattern_dashes(struct pattern *ret, struct arena *arena, const struct pattern *pattern);

/** pattern_join() - one behind the other */
int pattern_join(struct pattern *ret, struct arena *arena, const struct pattern *first,
		 const struct pattern *second);

/** pattern_splice() - put another pattern in place of the unit at a position */
int pattern_splice(struct pattern *ret, struct arena *arena, const struct pattern *pattern,
		   size_t position, const struct pattern *insert);

/** pattern_has() - does it have this special unit (PATTERN_PLACEHOLDER: any)? */
bool pattern_has(const struct pattern *pattern, uint32_t special);

/** pattern_placeholder() - the length of the %name% that stands at text, or 0 */
size_t pattern_placeholder(const char *text, size_t n);

/** pattern_is_plain() - no special unit at all? */
bool pattern_is_plain(const struct pattern *pattern);

/** pattern_bytes() - the bytes of its units from..to, all of them characters; NULL: no memory */
char *pattern_bytes(struct arena *arena, const struct pattern *pattern, size_t from, size_t to,
		    size_t *ret_n);

/**
 * pattern_match() - does the whole text match?
 *
 * Time is bounded by the product of both lengths; needs no memory.
 */
bool pattern_match(const struct pattern *pattern, bool cased, const char *text, size_t n);

/** pattern_folds_beyond_ascii() - would matching need to know letter cases outside ASCII? */
bool pattern_folds_beyond_ascii(const struct pattern *pattern);

/** pattern_needs_beyond_ascii() - does only text with a byte beyond ASCII match? */
bool pattern_needs_beyond_ascii(const struct pattern *pattern);

/** pattern_weight() - how many characters must be there: a measure of how rare a match is */
size_t pattern_weight(const struct pattern *pattern);

/**
 * pattern_regex() - the same as a regular expression over bytes, for vectorscan and PCRE2
 *
 * @anchored: for a whole value, else to stand inside another regular expression
 *
 * `?' becomes a dot, which is one byte: only right for ASCII text.  Meant for DOTALL.
 *
 * Return: NUL-terminated, in the arena; NULL: no memory.
 */
char *pattern_regex(struct arena *arena, const struct pattern *pattern, bool anchored);

#endif
