/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Assemble - a complete event from a record of the probe and what the table knows.
 *
 * The struct of the type is copied, and every span in it rebased, by the tables that events.def
 * becomes: a new type or field needs no line here.  Paths are turned round and joined (path.h).
 * An event that would pass RINGFORT_MAX_EVENT loses, in this order, the ancestors, the parent's
 * arguments, the process' own arguments (process.exec has them twice), the parent's and own
 * remaining strings; at last the longest list of its type is cut.
 *
 * The event lies in the assembler's own memory until the next assemble_begin().  Pure: no I/O.
 */
#ifndef RINGFORT_SENSOR_ASSEMBLE_H
#define RINGFORT_SENSOR_ASSEMBLE_H

#include "sensor/bpf/record.h"
#include "sensor/names.h"
#include "sensor/table.h"

struct assembler;
struct probe_env;

/* What the event says beside the record; NULL and "" where nothing is known. */
struct assemble_context {
	const struct process *process; /* for its image and line */
	const struct image *parent;
	struct cgroup_name cgroup;
	const char *tty;
	uint64_t realtime_offset_ns; /* CLOCK_REALTIME - CLOCK_MONOTONIC */
	uint64_t seq;
	uint8_t flags;
};

/** assembler_new() - `env`, which must outlive it, chooses variables where a record has all of them */
int assembler_new(struct assembler **ret_assembler, const struct probe_env *env);
struct assembler *assembler_free(struct assembler *assembler);

/** assemble_check() - is this a record of a known type with every span inside it?  0 or -EBADMSG */
int assemble_check(const struct assembler *assembler, const struct probe_record *record);

/**
 * assemble_begin() - the event of a record that assemble_check() has passed
 *
 * The caller may change plain fields in the struct of the type, and add strings, before it calls
 * assemble_end().
 *
 * Return: the event, or NULL when even its shortest form passes RINGFORT_MAX_EVENT, as when the
 *         spans of a broken record overlap.
 */
struct ringfort_event *assemble_begin(struct assembler *assembler,
				      const struct probe_record *record,
				      const struct assemble_context *context);

/** assemble_string() - one more string, cut to what has room; the span to store in the event */
struct ringfort_span assemble_string(struct assembler *assembler, const char *bytes,
				     uint32_t length);

/** assemble_end() - round the size up; the event is complete */
void assemble_end(struct assembler *assembler);

/** assemble_text() - the bytes of a span of a checked record */
static inline const char *assemble_text(const struct probe_record *record,
					struct ringfort_span span)
{
	return (const char *)record + span.offset;
}

#endif
