/* SPDX-License-Identifier: Apache-2.0 OR BSD-2-Clause OR GPL-2.0-only */
/*
 * Event - what happened: one record as a solution reads it.
 *
 * A record is one piece of memory of `size` bytes: struct ringfort_event, then the struct of
 * its type, then the bytes of its strings.  Strings are spans: offset and length from the start
 * of the record; each is followed by a NUL byte that length does not count.  They are bytes as
 * the kernel gave them, not necessarily UTF-8.  Integers are in the host's order.
 *
 * The structs come from events.def.  ringfortd checks each record before it publishes it, so the
 * spans of what ringfort_client_next() returned lie inside it.  Check records from elsewhere with
 * ringfort_event_check().
 *
 * This header is shared with our probe in the kernel, so it includes no more than <stdint.h>.
 */
#ifndef RINGFORT_EVENT_H
#define RINGFORT_EVENT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RINGFORT_MAX_TYPES 64     /* type numbers are 1..63; masks of types are 64 bits */
#define RINGFORT_MAX_EVENT 65536u /* bytes of the largest record */

/* Kinds of fields; the C type of each is in event.h, how it looks in JSON in docs/events.md. */
enum ringfort_kind {
	RINGFORT_KIND_U32,
	RINGFORT_KIND_U64,
	RINGFORT_KIND_I32,
	RINGFORT_KIND_BOOL,  /* uint32_t, 0 or 1 */
	RINGFORT_KIND_ENUM,  /* uint32_t, one value of the field's set */
	RINGFORT_KIND_FLAGS, /* uint32_t, bits of the field's set */
	RINGFORT_KIND_STR,   /* struct ringfort_span */
	RINGFORT_KIND_STRV,  /* struct ringfort_span over several strings, a NUL byte after each */
	RINGFORT_KIND_FILE,  /* struct ringfort_file */
	RINGFORT_KIND_ADDR,  /* struct ringfort_addr */
	RINGFORT_KIND_PROC,  /* struct ringfort_proc */
};

struct ringfort_span {
	uint32_t offset; /* bytes from the start of the record; 0 with length 0: absent */
	uint32_t length; /* bytes, without the closing NUL; of a STRV, with every NUL but the last */
};

/* A file, as well as the hook could name it. */
struct ringfort_file {
	struct ringfort_span path;
	uint32_t quality; /* RINGFORT_QUALITY_*: how the path was come by */
	uint32_t flags;   /* bits RINGFORT_FILE_* */
	uint64_t dev;     /* st_dev in the kernel's encoding (major << 20 | minor), 0: unknown */
	uint64_t ino;     /* inode number, 0: unknown */
	uint64_t mnt_ns;  /* inode of the mount namespace that the path belongs to */
};

/* An end of a connection.  path is set for AF_UNIX ('@' first when abstract). */
struct ringfort_addr {
	uint32_t family; /* AF_* */
	uint32_t port;   /* host order */
	uint8_t ip[16];  /* IPv4 in the first four bytes */
	struct ringfort_span path;
};

/* Another process. */
struct ringfort_proc {
	uint32_t pid;
	uint32_t reserved;
	uint64_t start_ns; /* ns since boot; 0: unknown */
};

#define RINGFORT_C_U32 uint32_t
#define RINGFORT_C_U64 uint64_t
#define RINGFORT_C_I32 int32_t
#define RINGFORT_C_BOOL uint32_t
#define RINGFORT_C_ENUM uint32_t
#define RINGFORT_C_FLAGS uint32_t
#define RINGFORT_C_STR struct ringfort_span
#define RINGFORT_C_STRV struct ringfort_span
#define RINGFORT_C_FILE struct ringfort_file
#define RINGFORT_C_ADDR struct ringfort_addr
#define RINGFORT_C_PROC struct ringfort_proc

/* RINGFORT_QUALITY_RESOLVED and its like; FLAGS sets hold bit numbers: 1u << RINGFORT_FILE_*. */
enum ringfort_values {
#define RINGFORT_ENUM(set, ident, number, text) RINGFORT_##ident = number,
#include <ringfort/events.def>
};

/* ringfort_type_process_exec and its like */
enum ringfort_type {
#define RINGFORT_EVENT(number, ident, name, stream, since, class_uid, activity_id, sigma, meaning) \
	ringfort_type_##ident = number,
#include <ringfort/events.def>
};

/* The acting process. */
struct ringfort_process {
#define RINGFORT_COMMON(kind, name, set, unit, since, ocsf, sigma, meaning) RINGFORT_C_##kind name;
#include <ringfort/events.def>
};

#define RINGFORT_FLAG_SELFTEST (1u << 0) /* an act of our own, never to become a finding */

struct ringfort_event {
	uint32_t size; /* bytes of the whole record, a multiple of 8 */
	uint16_t type; /* ringfort_type_* */
	uint8_t via;   /* RINGFORT_VIA_*: how the act was asked for */
	uint8_t flags; /* RINGFORT_FLAG_* */
	uint64_t seq;  /* number of this event among those of its type, lost ones counted; from 1 */
	uint64_t time_ns;      /* CLOCK_REALTIME */
	uint64_t monotonic_ns; /* CLOCK_MONOTONIC: the order of events */
	struct ringfort_process process;
};

/* struct ringfort_process_exec and its like: they follow struct ringfort_event in the record. */
#define RINGFORT_EVENT(number, ident, name, stream, since, class_uid, activity_id, sigma, meaning) \
	struct ringfort_##ident {
#define RINGFORT_FIELD(event, kind, name, set, unit, since, ocsf, sigma, meaning) \
	RINGFORT_C_##kind name;
#define RINGFORT_EVENT_END(ident) \
	} \
	__attribute__((aligned(8)));
#include <ringfort/events.def>

/* const struct ringfort_process_exec *ringfort_as_process_exec(event): NULL for another type */
#define RINGFORT_EVENT(number, ident, name, stream, since, class_uid, activity_id, sigma, meaning) \
	static inline const struct ringfort_##ident *ringfort_as_##ident( \
		const struct ringfort_event *event) \
	{ \
		return event->type == number ? (const struct ringfort_##ident *)(event + 1) : \
					       (const struct ringfort_##ident *)0; \
	}
#include <ringfort/events.def>

/** ringfort_string() - the bytes of a span, NUL-terminated; "" when it is absent */
static inline const char *ringfort_string(const struct ringfort_event *event,
					  struct ringfort_span span)
{
	return span.offset ? (const char *)event + span.offset : "";
}

/**
 * ringfort_next_string() - walk the strings of a STRV
 * @previous: NULL for the first, else what the last call returned
 *
 * Return: the next string, or NULL after the last.
 */
const char *ringfort_next_string(const struct ringfort_event *event, struct ringfort_span list,
				 const char *previous);

/* What the schema says of a field. */
struct ringfort_field {
	const char *name;
	const char *set; /* name of the set of values for ENUM and FLAGS, else "none" */
	const char *unit;
	const char *ocsf;
	const char *sigma;
	const char *meaning;
	uint32_t kind;   /* enum ringfort_kind */
	uint32_t offset; /* in the struct of the type, or in struct ringfort_process */
	uint32_t since;  /* version of the schema that brought it */
};

/* What the schema says of a type. */
struct ringfort_type_info {
	const char *name;    /* "process.exec" */
	const char *sigma;   /* category, or "" */
	const char *meaning;
	const struct ringfort_field *fields;
	uint32_t n_fields;
	uint32_t number;
	uint32_t size; /* of the struct that follows struct ringfort_event */
	uint32_t rare; /* 1: carried by the rare ring */
	uint32_t class_uid;
	uint32_t activity_id;
	uint32_t since;
};

/** ringfort_type_info() - the schema of a type, or NULL when the number names none */
const struct ringfort_type_info *ringfort_type_info(uint32_t type);

/** ringfort_type_by_name() - the number of "process.exec", or 0 */
uint32_t ringfort_type_by_name(const char *name);

/** ringfort_process_fields() - the schema of struct ringfort_process */
const struct ringfort_field *ringfort_process_fields(uint32_t *ret_n);

/** ringfort_value_name() - the text of a value (for FLAGS: of a bit number) of a set, or NULL */
const char *ringfort_value_name(const char *set, uint32_t value);

/** ringfort_schema_hash() - 64 bits over every name, number, kind and offset of the schema */
uint64_t ringfort_schema_hash(void);

/**
 * ringfort_event_check() - is this a whole record of a known type, with every span inside it?
 * @data: size bytes, 8-byte aligned
 *
 * Return: 0, or -EBADMSG.
 */
int ringfort_event_check(const void *data, uint32_t size);

#ifdef __cplusplus
}
#endif

#endif
