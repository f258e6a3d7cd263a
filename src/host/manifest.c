/* SPDX-License-Identifier: Apache-2.0 */
/* Manifest - a table of its keys, and the check of what came through a pipe. */
#include "host/manifest.h"

#include "base/cleanup.h"
#include "host/names.h"
#include "host/spawn.h"

#include <string.h>

/* The bounds of the limits, for the reader and for the check. */
#define LIMITS(X) \
	X(memory_mb, memory_mb, 8, 16384, 256) \
	X(cpu_percent, cpu_percent, 1, 6400, 100) \
	X(pids, n_pids, 1, 512, 8) \
	X(files, n_files, 16, 1024, 64) \
	X(findings_per_second, findings_per_second, 1, 100000, 100)

#define PATH_RULE "be a path below the package, without . and .."

static bool not_empty(const char *text)
{
	return text[0] != '\0';
}

/* What is found about ourselves is told in this name: nobody else's. */
static bool free_name(const char *text)
{
	return plain_name(text) && strcmp(text, "ringfort") != 0;
}

/* Sixteen hexadecimal digits, as `ringfort events --schema` prints them. */
static int read_schema(void *out, const struct yaml_item *item, const struct yaml_field *field,
		       struct yaml_error *ret_error)
{
	const struct yaml_field text = { .key = field->key, .size = 17 };
	char digits[17];
	int r;

	r = yaml_read_text(digits, item, &text, ret_error);
	if (r != 0)
		return r;
	if (strlen(digits) != 16 || strspn(digits, "0123456789abcdef") != 16)
		return yaml_refuse(ret_error, item->line, "schema must be 16 hexadecimal digits");
	*(uint64_t *)out = strtoull(digits, NULL, 16);
	return 0;
}

static const struct yaml_word misses[] = {
	{ "fail-open", MANIFEST_FAIL_OPEN },
	{ "fail-closed", MANIFEST_FAIL_CLOSED },
	{ NULL, 0 },
};

static const struct yaml_field limit_fields[] = {
#define X(key_, member, least_, most_, fallback) \
	{ .key = #key_, .read = yaml_read_number, .offset = offsetof(struct manifest, member), \
	  .least = least_, .most = most_ },
	LIMITS(X)
#undef X
};

/* Two masks of the manifest: offset 0. */
static int read_authorize(void *out, const struct yaml_item *item, const struct yaml_field *field,
			  struct yaml_error *ret_error)
{
	struct manifest *manifest = out;

	return names_read_acts(&manifest->authorize, &manifest->net, item, field, ret_error);
}

/* The limits fill the manifest itself: offset 0. */
static int read_limits(void *out, const struct yaml_item *item, const struct yaml_field *field,
		       struct yaml_error *ret_error)
{
	return yaml_fill(out, item, limit_fields, sizeof(limit_fields) / sizeof(limit_fields[0]),
			 ret_error);
}

#define TEXT(member, valid_, must_) \
	.read = yaml_read_text, .offset = offsetof(struct manifest, member), \
	.size = sizeof(((struct manifest *)0)->member), .valid = valid_, .must = must_

static const struct yaml_field fields[] = {
	{ .key = "name", TEXT(name, free_name, "be 1 to 32 of a-z, 0-9 and -, and not ringfort"), .required = true },
	{ .key = "vendor", TEXT(vendor, not_empty, "not be empty"), .required = true },
	{ .key = "version", TEXT(version, not_empty, "not be empty"), .required = true },
	{ .key = "executable", TEXT(executable, plain_relative_path, PATH_RULE), .required = true },
	{ .key = "content", TEXT(content, plain_relative_path, PATH_RULE) },
	{ .key = "api", .read = yaml_read_number, .offset = offsetof(struct manifest, api),
	  .least = MANIFEST_API, .most = MANIFEST_API, .required = true },
	{ .key = "schema", .read = read_schema, .offset = offsetof(struct manifest, schema) },
	{ .key = "events", .read = names_read_events, .offset = offsetof(struct manifest, events),
	  .required = true },
	{ .key = "authorize", .read = read_authorize },
	{ .key = "miss", .read = yaml_read_word, .offset = offsetof(struct manifest, miss),
	  .words = misses, .must = "be fail-open or fail-closed" },
	{ .key = "share", .read = names_read_share, .offset = offsetof(struct manifest, share) },
	{ .key = "arguments", .read = yaml_read_list, .offset = offsetof(struct manifest, arguments) },
	{ .key = "probe_arguments", .read = yaml_read_list,
	  .offset = offsetof(struct manifest, probe_arguments) },
	{ .key = "limits", .read = read_limits },
};

int manifest_parse(struct manifest *ret_manifest, const void *data, size_t size,
		   struct yaml_error *ret_error)
{
	_cleanup_(yaml_freep) struct yaml_doc *doc = NULL;
	/* Every byte, padding too: the struct goes through a pipe. */
	struct manifest manifest;
	int r;

	r = yaml_load(&doc, data, size, ret_error);
	if (r != 0)
		return r;
	memset(&manifest, 0, sizeof(manifest));
#define X(key, member, least, most, fallback) manifest.member = fallback;
	LIMITS(X)
#undef X
	r = yaml_fill(&manifest, yaml_root(doc), fields, sizeof(fields) / sizeof(fields[0]), ret_error);
	if (r != 0)
		return r;
	memcpy(ret_manifest, &manifest, sizeof(manifest));
	return 0;
}

static bool text_ok(const char *text, size_t size, bool (*valid)(const char *text))
{
	return plain_text(text, size) && valid(text);
}

bool manifest_check(const struct manifest *manifest)
{
#define X(key, member, least, most, fallback) \
	if (manifest->member < (least) || manifest->member > (most)) \
		return false;
	LIMITS(X)
#undef X
	if (!text_ok(manifest->name, sizeof(manifest->name), free_name) ||
	    !text_ok(manifest->vendor, sizeof(manifest->vendor), not_empty) ||
	    !text_ok(manifest->version, sizeof(manifest->version), not_empty) ||
	    !text_ok(manifest->executable, sizeof(manifest->executable), plain_relative_path) ||
	    !plain_text(manifest->content, sizeof(manifest->content)))
		return false;
	if (manifest->content[0] != '\0' && !plain_relative_path(manifest->content))
		return false;
	return manifest->api == MANIFEST_API && manifest->events != 0 &&
	       (manifest->events & ~names_all_events()) == 0 &&
	       (manifest->authorize & ~NAMES_ALL_ACTS) == 0 && (manifest->net & ~NAMES_ALL_NET_ACTS) == 0 &&
	       manifest->miss < _MANIFEST_MISS_N &&
	       (manifest->share & ~SPAWN_SHARE_ALL) == 0 &&
	       plain_list(&manifest->arguments, NULL) && plain_list(&manifest->probe_arguments, NULL);
}
