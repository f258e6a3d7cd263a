/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tool - ringfort-sigma: the same engine, offline.  One file per subcommand.
 */
#ifndef SIGMA_TOOL_H
#define SIGMA_TOOL_H

#include "../common/tool.h"
#include "../common/util.h"
#include "engine.h"

#include <jansson.h>

int tool_check(int argc, char **argv);
int tool_eval(int argc, char **argv);
int tool_conformance(int argc, char **argv);

/** tool_read_file() - the whole file, NUL-terminated; at most 64 MiB.  0 or a negative errno. */
int tool_read_file(const char *path, char **ret, size_t *ret_n);

/** tool_read_placeholders() - complains itself.  Return: an exit code. */
int tool_read_placeholders(const char *path, struct sigma_placeholders **ret);

/* An event out of JSON, ready for sigma_match(). */
struct json_event {
	struct arena arena;
	json_t *json;
	const char **names;
	int *ids;
	struct sigma_value *values;
	size_t n;
};

/**
 * json_event_set() - take a flat JSON object as an event
 * @object:     a reference is kept until json_event_done()
 * @ret_reason: why it cannot be one
 *
 * Return: 0; 1 it is no flat object; -ENOMEM.
 */
int json_event_set(struct json_event *event, json_t *object, char *ret_reason, size_t n_reason);
void json_event_done(struct json_event *event);

/** json_event_match() - sigma_bind() and sigma_match() */
int json_event_match(struct json_event *event, struct sigma_rules *rules, size_t source,
		     sigma_match_fn found, void *userdata);

#endif
