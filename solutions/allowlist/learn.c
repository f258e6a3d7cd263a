/* SPDX-License-Identifier: Apache-2.0 */
/* Learn: events - see learn.h; the policy is written in learn-print.c. */
#include "learn.h"

#include "../common/recent.h"
#include "policy.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd" /* stands in JSON for what was no UTF-8 */

int learn_init(struct learned *learned)
{
	*learned = (struct learned){ .files = json_object(), .left_out = json_object() };
	return learned->files && learned->left_out ? 0 : -ENOMEM;
}

void learn_done(struct learned *learned)
{
	json_decref(learned->files);
	json_decref(learned->left_out);
	*learned = (struct learned){ 0 };
}

static int leave_out(struct learned *learned, const char *path, const char *reason)
{
	return json_object_set_new(learned->left_out, path, json_string(reason)) ? -ENOMEM : 0;
}

static int count(struct learned *learned, const char *path, json_int_t n, json_int_t ino)
{
	json_t *file = json_object_get(learned->files, path);

	if (!file) {
		file = json_pack("{s:I, s:I}", "n", (json_int_t)0, "ino", ino);
		if (!file || json_object_set_new(learned->files, path, file))
			return -ENOMEM;
	}
	n += json_integer_value(json_object_get(file, "n"));
	return json_object_set_new(file, "n", json_integer(n)) ? -ENOMEM : 0;
}

/* A rule for this path alone must be one that policies take. */
static int count_if_good(struct learned *learned, const char *path, json_int_t n, json_int_t ino)
{
	_cleanup_(arena_done) struct arena arena = { 0 };
	struct pattern pattern;
	struct refusal refusal;
	int r = pattern_parse(&pattern, &arena, path, 0, &refusal);

	if (r < 0)
		return r;
	if (r || pattern.kind == PATTERN_BELOW || pattern.kind == PATTERN_GLOB_BELOW)
		return leave_out(learned, path, r ? refusal.reason : "this is a folder");
	return count(learned, path, n, ino);
}

static bool is_set(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

/* Why no rule can name it, or NULL. */
static const char *unnameable(const json_t *file, const char *path)
{
	if (is_set(file, "memfd"))
		return "a memfd has no path";
	if (is_set(file, "deleted"))
		return "it was deleted";
	if (is_set(file, "foreign_ns"))
		return "its path is of another mount namespace";
	if (is_set(file, "truncated"))
		return "its path is not known in full";
	if (strstr(path, REPLACEMENT))
		return "its name is not UTF-8";
	return NULL;
}

static int take_file(struct learned *learned, const json_t *file)
{
	const char *path = text_of(file, "path"), *why = unnameable(file, path);
	json_int_t ino = json_integer_value(json_object_get(file, "ino"));
	char resolved[PATH_MAX];

	if (!*path && !why)
		return 0;
	learned->n_executions++;
	if (why)
		return leave_out(learned, path, why);
	/* As the caller wrote it, there may be links in it; the rule is held against where they led. */
	if (strcmp(text_of(file, "quality"), "resolved")) {
		if (!realpath(path, resolved))
			return leave_out(learned, path, "where it led is not known any more");
		path = resolved;
	}
	return count_if_good(learned, path, 1, ino);
}

/* As unnameable(), for the path of a finding: of the file behind it the event may say nothing. */
static const char *unnameable_finding(const json_t *ours, const char *path)
{
	if (is_set(json_object_get(ours, "file"), "foreign_ns"))
		return "its path is of another mount namespace";
	if (has_suffix(path, " (deleted)"))
		return "it was deleted";
	if (strlen(path) + 1 >= RECENT_MAX_PATH)
		return "its path is not known in full";
	return strstr(path, REPLACEMENT) ? "its name is not UTF-8" : NULL;
}

/* Only what no rule allowed: what other findings are about is not there to be allowed. */
static int take_finding(struct learned *learned, const json_t *ours)
{
	const json_t *matched = json_object_get(ours, "matched");
	const char *path = text_of(matched, "file"), *why = unnameable_finding(ours, path);

	if (strcmp(text_of(ours, "solution"), "allowlist") ||
	    strcmp(text_of(ours, "rule_id"), POLICY_DEFAULT_ID) || !*path)
		return 0;
	learned->n_executions++;
	return why ? leave_out(learned, path, why) : count_if_good(learned, path, 1, 0);
}

static int take_event(struct learned *learned, const json_t *ours)
{
	int r;

	if (strcmp(text_of(ours, "type"), "process.exec") || is_set(ours, "selftest") ||
	    json_integer_value(json_object_get(ours, "error")))
		return 0;
	if (json_object_get(ours, "rule_id"))
		return take_finding(learned, ours);
	r = take_file(learned, json_object_get(ours, "file"));
	return r ? r : take_file(learned, json_object_get(ours, "script"));
}

static json_t *parse(const char *line, size_t n, json_error_t *ret_error)
{
	json_t *json = json_loadb(line, n, 0, ret_error);

	/* Integers beyond 63 bits are numbers all the same. */
	if (!json && json_error_code(ret_error) == json_error_numeric_overflow)
		json = json_loadb(line, n, JSON_DECODE_INT_AS_REAL, ret_error);
	return json;
}

int learn_line(struct learned *learned, const char *line, size_t n, struct refusal *ret_refusal)
{
	json_error_t error;
	json_t *json = parse(line, n, &error);
	int r;

	if (!json)
		return refuse(ret_refusal, 0, "not JSON: %s", error.text);
	r = json_is_object(json) ? take_event(learned, json_object_get(json, "ringfort")) :
				   refuse(ret_refusal, 0, "an event is a JSON object");
	json_decref(json);
	return r;
}

int learn_loaders(struct learned *learned)
{
	json_t *loaders = json_object();
	char loader[PATH_MAX];
	const char *path;
	json_t *file;
	int r = loaders ? 0 : -ENOMEM;

	json_object_foreach(learned->files, path, file)
		if (!r && loader_of(path, loader, sizeof(loader)) == 1)
			r = json_object_set_new(loaders, loader, json_null()) ? -ENOMEM : 0;
	json_object_foreach(loaders, path, file)
		if (!r)
			r = count_if_good(learned, path, 0, 0);
	json_decref(loaders);
	return r;
}
