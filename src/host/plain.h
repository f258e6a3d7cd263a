/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plain - fixed-size pieces of data that travel between processes as bytes.
 *
 * What a throw-away child read from YAML reaches the supervisor as structs without pointers.  The
 * child may be the attacker's by then, so these checks look at every byte again.
 */
#ifndef RINGFORT_HOST_PLAIN_H
#define RINGFORT_HOST_PLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLAIN_LIST_MAX 16
#define PLAIN_TEXT_SIZE 256 /* bytes of one text, its NUL included */
#define PLAIN_NAME_SIZE 33  /* of a solution's name */

struct plain_list {
	uint32_t n;
	char text[PLAIN_LIST_MAX][PLAIN_TEXT_SIZE]; /* unused ones are all zero */
};

/** plain_text() - NUL-terminated within size, printable ASCII or UTF-8 bytes only, zero to the end */
bool plain_text(const char *text, size_t size);

/** plain_list() - n in range, every text in order, and accepted by `valid` where that is given */
bool plain_list(const struct plain_list *list, bool (*valid)(const char *text));

/* These take text for which plain_text() is true. */
bool plain_name(const char *text);          /* [a-z0-9-]{1,32} */
bool plain_absolute_path(const char *text); /* "/a/b": no empty, "." or ".." part */
bool plain_relative_path(const char *text); /* "a/b", likewise */

#endif
