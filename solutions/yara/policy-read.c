/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policy: one file.  What reads a value begins with it as the current event and leaves the event behind
 * it as the current one.  What is refused is stepped over; only what breaks YAML itself ends the file.
 */
#include "../common/yaml-events.h"
#include "policy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FILE_MB 256 /* a copy of it must fit into the limits of the manifest */
#define MAX_SCAN_MS 4000 /* who takes no events for 5 seconds is degraded */

struct reader {
	struct policy *policy;
	const char *file; /* lives as long as the policy */
	struct report *report;
	struct yaml_events yaml;
	struct refusal broken; /* why the file cannot be read further */
	uint32_t keys;         /* that were there */
};

/* What is wrong with the current value; the file is read further. */
#define refuse_here(reader, ...) \
	do { \
		struct refusal _refusal; \
		refuse(&_refusal, yaml_line(&(reader)->yaml), __VA_ARGS__); \
		report_refusal((reader)->report, (reader)->file, &_refusal); \
	} while (0)

/* ---- words -------------------------------------------------------------------------------- */

static bool is_identifier(const char *text)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
	size_t n = strlen(text);

	return n && n <= POLICY_MAX_WORD && strspn(text, letters) == n;
}

static int read_word(struct reader *reader, enum action action)
{
	struct policy *policy = reader->policy;
	const char *text = yaml_text(&reader->yaml);
	struct policy_word *word;
	int r;

	if (!text || !is_identifier(text)) {
		refuse_here(reader, "a list has names of rules and tags: letters, digits and _");
		return yaml_skip(&reader->yaml);
	}
	if (policy->n_words == POLICY_MAX_WORDS)
		return refuse(&reader->broken, yaml_line(&reader->yaml), "there are more than %u words",
			      POLICY_MAX_WORDS);
	r = grow(&policy->words, policy->n_words, &policy->n_allocated);
	if (r < 0)
		return r;
	word = &policy->words[policy->n_words];
	*word = (struct policy_word){ .text = arena_strndup(&policy->arena, text, strlen(text)),
				      .action = action, .file = reader->file,
				      .line = yaml_line(&reader->yaml) };
	if (!word->text)
		return -ENOMEM;
	policy->n_words++;
	return yaml_next(&reader->yaml);
}

static int read_words(struct reader *reader, const char *key)
{
	enum action action = action_by_name(key);
	int r;

	if (!yaml_is_list(&reader->yaml)) {
		refuse_here(reader, "%s is a list of names and tags", key);
		return yaml_skip(&reader->yaml);
	}
	r = yaml_next(&reader->yaml);
	while (!r && !yaml_is_end(&reader->yaml))
		r = read_word(reader, action);
	return r ? r : yaml_next(&reader->yaml);
}

/* ---- settings ----------------------------------------------------------------------------- */

/* A setting counts once, in one file. */
static bool is_first(struct reader *reader, struct policy_place *place)
{
	if (!place->file) {
		*place = (struct policy_place){ reader->file, yaml_line(&reader->yaml) };
		return true;
	}
	refuse_here(reader, "it is set already by %s:%u", place->file, place->line);
	return false;
}

static bool read_number(const char *text, uint64_t max, uint64_t *ret)
{
	unsigned long long value;

	if (!text || !*text || strlen(text) > 18 || text[strspn(text, "0123456789")])
		return false;
	value = strtoull(text, NULL, 10);
	if (!value || value > max)
		return false;
	*ret = value;
	return true;
}

static int read_max_file(struct reader *reader, const char *key)
{
	uint64_t mb;

	if (!read_number(yaml_text(&reader->yaml), MAX_FILE_MB, &mb))
		refuse_here(reader, "%s is a number from 1 to 256", key);
	else if (is_first(reader, &reader->policy->max_file_place))
		reader->policy->max_file_bytes = mb << 20;
	return yaml_skip(&reader->yaml);
}

static int read_max_scan(struct reader *reader, const char *key)
{
	uint64_t ms;

	if (!read_number(yaml_text(&reader->yaml), MAX_SCAN_MS, &ms))
		refuse_here(reader, "%s is a number from 1 to 4000", key);
	else if (is_first(reader, &reader->policy->max_scan_place))
		reader->policy->max_scan_ns = ms * 1000000;
	return yaml_skip(&reader->yaml);
}

/* ---- the file ----------------------------------------------------------------------------- */

static const struct {
	const char *name;
	int (*read)(struct reader *reader, const char *key);
} keys[] = {
	{ "max_file_mb", read_max_file },
	{ "max_scan_ms", read_max_scan },
	{ "deny", read_words },
	{ "report", read_words },
	{ "ignore", read_words },
};

static int read_key(struct reader *reader)
{
	const char *name = yaml_text(&reader->yaml);
	size_t key = 0;
	int r;

	while (name && key < ARRAY_LENGTH(keys) && strcmp(name, keys[key].name))
		key++;
	if (!name || key == ARRAY_LENGTH(keys) || reader->keys >> key & 1) {
		if (name && key < ARRAY_LENGTH(keys))
			refuse_here(reader, "key `%s' appears twice", name);
		else
			refuse_here(reader, "a policy has no key `%s'", name ? name : "?");
		r = yaml_skip(&reader->yaml);
		return r ? r : yaml_skip(&reader->yaml);
	}
	reader->keys |= 1u << key;
	r = yaml_next(&reader->yaml);
	return r ? r : keys[key].read(reader, keys[key].name);
}

static int read_document(struct reader *reader)
{
	int r;

	if (!yaml_is_map(&reader->yaml))
		return refuse(&reader->broken, yaml_line(&reader->yaml),
			      "a policy is a map with deny, report and others");
	r = yaml_next(&reader->yaml);
	while (!r && !yaml_is_end(&reader->yaml))
		r = read_key(reader);
	while (!r && reader->yaml.event.type != YAML_STREAM_END_EVENT) {
		r = yaml_next(&reader->yaml);
		if (!r && reader->yaml.event.type == YAML_DOCUMENT_START_EVENT)
			r = refuse(&reader->broken, yaml_line(&reader->yaml),
				   "a file holds one policy: no second document");
	}
	return r;
}

int policy_read(struct policy *policy, const char *file, const char *text, size_t n,
		struct report *report)
{
	struct reader reader = { .policy = policy, .report = report };
	int r;

	reader.file = arena_strndup(&policy->arena, file, strlen(file));
	if (!reader.file)
		return -ENOMEM;
	if (n > POLICY_MAX_BYTES) {
		refuse(&reader.broken, 0, "a policy has at most 1 MiB");
		report_refusal(report, file, &reader.broken);
		return 0;
	}
	r = yaml_open(&reader.yaml, text, n, &reader.broken);
	if (!r)
		r = read_document(&reader);
	yaml_close(&reader.yaml);
	if (r > 0)
		report_refusal(report, file, &reader.broken);
	return r < 0 ? r : 0;
}
