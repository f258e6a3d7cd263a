/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON - a growing buffer of JSON text, and the events in it.
 *
 * The writer puts commas where they belong.  Strings may be any bytes: what is not UTF-8
 * becomes U+FFFD.  When memory ends the buffer is marked broken and json_take() says so; so
 * callers check once.  No parser here.
 */
#ifndef RINGFORT_EVENT_JSON_H
#define RINGFORT_EVENT_JSON_H

#include <ringfort/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json {
	char *data;
	size_t used, size;
	bool comma, broken;
};

/** json_done() - release the buffer; the struct may be used again */
void json_done(struct json *json);

/** json_reset() - begin a new text in the same memory */
void json_reset(struct json *json);

/** json_text() - the text so far, NUL-terminated, owned by json; NULL when memory ended */
const char *json_text(struct json *json);

void json_begin_object(struct json *json);
void json_end_object(struct json *json);
void json_begin_array(struct json *json);
void json_end_array(struct json *json);
void json_name(struct json *json, const char *name);
void json_string(struct json *json, const char *text);
void json_bytes(struct json *json, const char *bytes, size_t n);
void json_uint(struct json *json, uint64_t value);
void json_int(struct json *json, int64_t value);
void json_bool(struct json *json, bool value);
void json_null(struct json *json);

/* name and value in one call */
void json_name_string(struct json *json, const char *name, const char *text);
void json_name_uint(struct json *json, const char *name, uint64_t value);
void json_name_bool(struct json *json, const char *name, bool value);

/**
 * json_ocsf_event() - one event as an OCSF object, in one line without newline
 *
 * OCSF fields come from the "ocsf" column of events.def; the object "ringfort" has every field
 * by its own name.
 */
void json_ocsf_event(struct json *json, const struct ringfort_event *event, const char *hostname);

/* The parts, for those who write other OCSF classes: members of the object that is open. */
void json_ocsf_head(struct json *json, uint32_t class_uid, uint32_t activity_id,
		    uint32_t severity_id, uint64_t time_ns, const char *hostname);
void json_ocsf_fields(struct json *json, const struct ringfort_event *event);

/** json_ringfort_fields() - type, seq, time_ns, via, process{} and the type's fields as members */
void json_ringfort_fields(struct json *json, const struct ringfort_event *event);

#endif
