/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Needed - the plain text that every match of a regular expression holds.
 *
 * Literals are by far quicker to scan for than expressions, so one of them stands in for the
 * expression: no hit, no match.  What is not surely needed is left out; none found is no fault.
 */
#ifndef SIGMA_NEEDED_H
#define SIGMA_NEEDED_H

#include "../common/util.h"

/**
 * needed_find() - the longest run of ASCII that must be there, letters in lower case
 * @text:     an expression that PCRE2 has accepted
 * @caseless: letters match in either case; (?i) inside is seen without
 * @max:      bytes that are wanted at most
 *
 * It stands in the text in any mixture of cases.
 *
 * Return: NUL-terminated, in the arena, "" when nothing is sure; NULL: no memory.
 */
char *needed_find(struct arena *arena, const char *text, bool caseless, size_t max);

#endif
