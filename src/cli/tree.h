/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tree - JSON from ringfortd, read with jansson.
 *
 * What is absent or of another type reads as "", 0 or false, so that an older `ringfort` can
 * read a newer daemon.  Do not include event/json.h beside this: its names are jansson's, too.
 */
#ifndef RINGFORT_CLI_TREE_H
#define RINGFORT_CLI_TREE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** tree_parse() - one object; NULL when it is none; release with json_decref() */
json_t *tree_parse(const void *text, size_t size);

const char *tree_string(const json_t *object, const char *name);
uint64_t tree_uint(const json_t *object, const char *name);
bool tree_bool(const json_t *object, const char *name);

/** tree_at() - an object within objects: "process.exe" is two names; NULL when absent */
const json_t *tree_at(const json_t *object, const char *path);

#endif
