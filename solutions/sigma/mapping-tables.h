/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables of mapping.c: which of our events is which of Sigma's, and how each field is made.
 */
#ifndef SIGMA_MAPPING_TABLES_H
#define SIGMA_MAPPING_TABLES_H

#include "mapping.h"

#define MAPPING_SCRATCH (192u * 1024) /* a whole record three times over */
#define MAPPING_MAX_LIST 128
#define MAPPING_LISTS 1024 /* elements of all lists of an event */

/* What making the values of one event needs: everything made is in its scratch memory. */
struct maker {
	const struct ringfort_event *event;
	bool called; /* Image and ParentImage are the paths as called */
	char *scratch;
	size_t n_scratch;
	struct sigma_string *lists;
	size_t n_lists;
};

struct field_row {
	const char *name;
	void (*make)(struct maker *maker, const struct field_row *row, struct sigma_value *ret);
	size_t offset;    /* of what it is made of, in the struct of the type or of the process */
	const char *text; /* a constant, or the set of an enumeration */
	uint32_t index;   /* of an argument */
};

struct record_table {
	uint32_t type; /* ringfort_type_* */
	enum sigma_live_source source;
	const struct field_row *rows;
	size_t n_rows;
	bool (*applies)(const struct ringfort_event *event); /* NULL: always */
};

extern const struct record_table mapping_tables[];
extern const size_t mapping_n_tables;

#endif
