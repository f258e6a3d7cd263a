/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Regex - PCRE2 for what vectorscan cannot express, or not for this text, on a leash.
 *
 * No JIT (it needs memory that is both writable and executable), and limits on steps, depth and
 * memory, so that a value cannot make a rule expensive.  Who runs into a limit does not match.
 */
#ifndef SIGMA_PCRE_H
#define SIGMA_PCRE_H

#include "../common/util.h"

#define REGEX_MAX_BYTES 8192

enum regex_flags {
	REGEX_CASELESS = 1u << 0,
	REGEX_MULTILINE = 1u << 1, /* ^ and $ also match at the ends of lines */
	REGEX_DOTALL = 1u << 2,    /* . also matches the end of a line */
};

struct regex;

/**
 * regex_compile()
 * @text:       NUL-terminated
 * @ret_reason: filled when E_REFUSED is returned
 */
int regex_compile(struct regex **ret, const char *text, unsigned int flags, char *ret_reason,
		  size_t n_reason);
struct regex *regex_free(struct regex *regex);

/**
 * regex_match() - is there a match anywhere in the text?
 *
 * Return: 1 yes, 0 no, -E2BIG a limit was hit.
 */
int regex_match(struct regex *regex, const char *text, size_t n);

#endif
