/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Yaml - a strict reader for our own small configuration files.
 *
 * It runs in a throw-away child without privileges, since what it reads may be a vendor's.  Of YAML
 * it takes maps, lists and scalars, 64 KiB, depth 8, one document.  Anchors, aliases, tags, control
 * characters and a key given twice are refused.  Numbers and booleans have one spelling each.
 *
 * Functions return 0; YAML_REFUSED with the line and the reason in *ret_error; or -ENOMEM.
 */
#ifndef RINGFORT_HOST_YAML_H
#define RINGFORT_HOST_YAML_H

#include "host/plain.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define YAML_MAX_BYTES 65536
#define YAML_MAX_DEPTH 8

enum {
	YAML_REFUSED = 1
};

struct yaml_error {
	unsigned int line; /* from 1; 0: the file as a whole */
	char reason[200];  /* printable */
};

enum yaml_item_kind {
	YAML_ITEM_SCALAR,
	YAML_ITEM_LIST,
	YAML_ITEM_MAP
};

struct yaml_item {
	enum yaml_item_kind kind;
	bool plain;             /* a scalar without quotes */
	unsigned int line;
	const char *key;        /* when it is an entry of a map */
	const char *text;       /* of a scalar */
	struct yaml_item *first; /* of a list or map */
	struct yaml_item *next;
};

struct yaml_doc;

/** yaml_load() - read a document; release it with yaml_free() */
int yaml_load(struct yaml_doc **ret_doc, const void *data, size_t size, struct yaml_error *ret_error);
struct yaml_doc *yaml_free(struct yaml_doc *doc);
static inline void yaml_freep(struct yaml_doc **doc)
{
	yaml_free(*doc);
}

/** yaml_root() - what the document is; stays owned by it */
const struct yaml_item *yaml_root(const struct yaml_doc *doc);

/** yaml_refuse() - set the error; returns YAML_REFUSED */
int yaml_refuse(struct yaml_error *ret_error, unsigned int line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* A word, and the number that it stands for. */
struct yaml_word {
	const char *text;
	uint32_t value;
};

/* A key of a map, and how to read its value into a struct. */
struct yaml_field {
	const char *key;
	int (*read)(void *out, const struct yaml_item *item, const struct yaml_field *field,
		    struct yaml_error *ret_error);
	size_t offset;                   /* of what read() fills, in the struct */
	size_t size;                     /* yaml_read_text: of the array */
	uint32_t least, most;            /* yaml_read_number */
	bool (*valid)(const char *text); /* yaml_read_text and yaml_read_list, or NULL */
	const struct yaml_word *words;   /* yaml_read_word: those that there are, then one without text */
	const char *must;                /* what valid() or words want: "be a relative path" */
	bool required;
};

/** yaml_fill() - read a map into a struct by a table of its keys; others are refused */
int yaml_fill(void *out, const struct yaml_item *map, const struct yaml_field *fields, size_t n_fields,
	      struct yaml_error *ret_error);

/* Readers for tables: into uint32_t, uint32_t (0 or 1), uint32_t, char[size], struct plain_list. */
int yaml_read_number(void *out, const struct yaml_item *item, const struct yaml_field *field,
		     struct yaml_error *ret_error);
int yaml_read_bool(void *out, const struct yaml_item *item, const struct yaml_field *field,
		   struct yaml_error *ret_error);
int yaml_read_word(void *out, const struct yaml_item *item, const struct yaml_field *field,
		   struct yaml_error *ret_error);
int yaml_read_text(void *out, const struct yaml_item *item, const struct yaml_field *field,
		   struct yaml_error *ret_error);
int yaml_read_list(void *out, const struct yaml_item *item, const struct yaml_field *field,
		   struct yaml_error *ret_error);

#endif
