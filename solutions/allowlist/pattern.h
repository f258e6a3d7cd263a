/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pattern - which paths a rule means.
 *
 *   /usr/bin/ls      this path
 *   /tmp/            everything below this folder, at any depth
 *   /opt/x*y/bin/?   shell wildcards, which never match a slash
 *   /home/?*x/bin/   everything below the folders that these wildcards match
 *
 * Only with a * or ? in it is a pattern one of wildcards; then [...] is a set and a backslash takes the
 * meaning from what follows.  Paths are bytes, whatever the locale.
 */
#ifndef ALLOWLIST_PATTERN_H
#define ALLOWLIST_PATTERN_H

#include "../common/util.h"

#define PATTERN_MAX_BYTES 4095
#define PATTERN_MAX_STARS 16

enum pattern_kind {
	PATTERN_EXACT,
	PATTERN_BELOW,
	PATTERN_GLOB,
	PATTERN_GLOB_BELOW,
};

struct pattern {
	enum pattern_kind kind;
	const char *text; /* of the BELOW kinds, with the slash and without it */
	size_t length;
};

/**
 * pattern_parse() - take the text of a rule
 * @arena: keeps what the pattern needs
 * @line:  for the refusal
 *
 * A pattern that no path of an executed file can match is refused: relative, with empty, "." or ".."
 * parts, or of a memfd.
 *
 * Return: 0, E_REFUSED, -ENOMEM.
 */
int pattern_parse(struct pattern *ret, struct arena *arena, const char *text, unsigned int line,
		  struct refusal *ret_refusal);

bool pattern_matches(const struct pattern *pattern, const char *path);

#endif
