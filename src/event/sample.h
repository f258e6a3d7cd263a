/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sample - hand-made records for tests, of any type, with every field filled.
 *
 * What a field gets follows from its kind and name alone, so a new field needs nothing here:
 * numbers count upwards in the order of the schema, from SAMPLE_PROCESS in the process and from
 * SAMPLE_FIELDS in the fields of the type; a string is "value of <name>", a list { "<name>", "two words", "" }, a file "/sample/<name>".
 */
#ifndef RINGFORT_EVENT_SAMPLE_H
#define RINGFORT_EVENT_SAMPLE_H

#include <ringfort/event.h>

#define SAMPLE_PROCESS 1001u
#define SAMPLE_FIELDS 2001u
#define SAMPLE_TIME_NS 1721362140123456789ull /* 2024-07-19T04:09:00.123456789Z */

/** sample_event() - fill buffer (RINGFORT_MAX_EVENT bytes, 8-byte aligned) with a record */
struct ringfort_event *sample_event(uint32_t type, void *buffer);

/** sample_set() - give a string of the record a new value; bytes may hold anything, NUL as well */
void sample_set(struct ringfort_event *event, struct ringfort_span *span, const char *bytes,
		uint32_t n);

/** sample_json() - the record as json_ocsf_event() writes it; static, until the next call */
const char *sample_json(const struct ringfort_event *event);

#endif
