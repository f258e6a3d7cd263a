/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding - what a solution has to say about an event.
 *
 * Plain data, owned by the caller; ringfort_client_report() copies it.  Strings are UTF-8 where
 * they are the solution's own; matched values may be any bytes.  Ceilings: 1024 bytes per
 * string, 32 references, 64 tags, 64 matched fields of 4096 bytes, 98304 bytes in all with the
 * event.  Longer matched values are cut, anything else over its ceiling is refused.
 */
#ifndef RINGFORT_FINDING_H
#define RINGFORT_FINDING_H

#include <ringfort/event.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum ringfort_level {
	RINGFORT_LEVEL_INFORMATIONAL,
	RINGFORT_LEVEL_LOW,
	RINGFORT_LEVEL_MEDIUM,
	RINGFORT_LEVEL_HIGH,
	RINGFORT_LEVEL_CRITICAL,
	_RINGFORT_LEVEL_N
};

struct ringfort_matched {
	const char *field;
	const char *value;
};

struct ringfort_finding {
	uint32_t size;                      /* sizeof(struct ringfort_finding); later versions append */
	enum ringfort_level level;
	const struct ringfort_event *event; /* required: what it is about */
	const char *rule_id;                /* required */
	const char *title;                  /* required */
	const char *author;                 /* of the rule, or NULL */
	const char *matched_as;             /* "resolved", "called", "both", or NULL */
	const char *const *references;
	const char *const *tags;            /* "attack.t1059.004" */
	const struct ringfort_matched *matched;
	uint32_t n_references;
	uint32_t n_tags;
	uint32_t n_matched;
	uint32_t count;                     /* identical findings folded into this one, at least 1 */
};

#ifdef __cplusplus
}
#endif

#endif
