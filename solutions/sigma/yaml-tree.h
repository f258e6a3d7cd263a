/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML - a strict reader that turns a file into trees of nodes.
 *
 * Built on libyaml's events, with the parts of YAML left out that rules do not need and that
 * have hurt others: no anchors, aliases or tags; no duplicate keys; plain scalars only as keys;
 * at most 32 levels, 64 Ki nodes, 4096 keys in a map and 256 KiB.  Scalars stay text; what a plain one means (null,
 * a bool, a number) is asked of yaml_type() by whoever knows what it should be.
 *
 * Does no I/O.  Nodes live in the caller's arena.
 */
#ifndef SIGMA_YAML_TREE_H
#define SIGMA_YAML_TREE_H

#include "../common/util.h"

#define YAML_MAX_BYTES (256u * 1024)
#define YAML_MAX_DEPTH 32
#define YAML_MAX_NODES (64u * 1024)
#define YAML_MAX_KEYS 4096

enum yaml_kind {
	YAML_SCALAR,
	YAML_LIST,
	YAML_MAP,
};

/* By YAML's core schema; a quoted scalar is always text. */
enum yaml_type {
	YAML_TYPE_TEXT,
	YAML_TYPE_NULL,
	YAML_TYPE_BOOL,
	YAML_TYPE_INT,
	YAML_TYPE_FLOAT,
};

struct yaml_node {
	enum yaml_kind kind;
	unsigned int line;       /* from 1 */
	bool plain;              /* scalar: neither quoted nor a block */
	const char *text;        /* scalar: NUL-terminated, may hold NUL bytes before */
	size_t length;           /* scalar: bytes */
	const char *key;         /* in a map: its key, NUL-terminated and free of NUL bytes */
	unsigned int key_line;
	struct yaml_node *first; /* list or map: children in the order of the file */
	struct yaml_node *next;
	size_t n_children;
};

struct yaml_documents {
	struct yaml_node **roots;
	size_t n;
};

/**
 * yaml_parse() - read all documents of a file
 * @arena:       keeps what is returned
 * @ret:         the documents; those that came before the fault when it is refused
 * @ret_refusal: why and on which line
 *
 * Documents that hold nothing (a separator at the end of a file) are left out.
 *
 * Return: 0, E_REFUSED, -ENOMEM.
 */
int yaml_parse(struct arena *arena, const char *bytes, size_t n, struct yaml_documents *ret,
	       struct refusal *ret_refusal);

/** yaml_get() - the child of a map by its key, or NULL */
const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key);

enum yaml_type yaml_type(const struct yaml_node *scalar);

/** yaml_bool() - what a scalar of type YAML_TYPE_BOOL says */
bool yaml_bool(const struct yaml_node *scalar);

/** yaml_kind_name() - "a map", for messages */
const char *yaml_kind_name(const struct yaml_node *node);

#endif
