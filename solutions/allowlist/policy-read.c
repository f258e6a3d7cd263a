/* SPDX-License-Identifier: Apache-2.0 */
/* Policy: one file - see policy-reader.h */
#include "policy-reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_HASH_MB 65536

char *read_copy(struct reader *reader, const char *text)
{
	return arena_strndup(&reader->policy->arena, text, strlen(text));
}

bool read_number(const char *text, uint64_t max, uint64_t *ret)
{
	unsigned long long value;

	if (!*text || strlen(text) > 18 || text[strspn(text, "0123456789")])
		return false;
	value = strtoull(text, NULL, 10);
	if (value > max)
		return false;
	*ret = value;
	return true;
}

/* ---- the file ----------------------------------------------------------------------------- */

static int read_rules(struct reader *reader)
{
	int r;

	if (!yaml_is_list(&reader->yaml)) {
		policy_refuse(reader->policy, reader->file, yaml_line(&reader->yaml),
			      "rules are a list");
		return yaml_skip(&reader->yaml);
	}
	r = yaml_next(&reader->yaml);
	while (!r && !yaml_is_end(&reader->yaml))
		r = read_rule(reader);
	return r ? r : yaml_next(&reader->yaml);
}

/* A setting counts once, in one file: two answers would leave it to chance which holds. */
static bool is_first(struct reader *reader, const char **file, unsigned int *line)
{
	struct refusal refusal;

	if (!*file) {
		*file = reader->file;
		*line = yaml_line(&reader->yaml);
		return true;
	}
	refuse(&refusal, yaml_line(&reader->yaml), "it is set already by %s:%u", *file, *line);
	policy_refuse(reader->policy, reader->file, refusal.line, refusal.reason);
	return false;
}

static int read_mode(struct reader *reader)
{
	struct policy *policy = reader->policy;
	const char *text = yaml_text(&reader->yaml);

	if (!text || (strcmp(text, "lockdown") && strcmp(text, "monitor")))
		policy_refuse(policy, reader->file, yaml_line(&reader->yaml),
			      "a mode is one of lockdown, monitor");
	else if (is_first(reader, &policy->mode_file, &policy->mode_line))
		policy->lockdown = *text == 'l';
	return yaml_skip(&reader->yaml);
}

static int read_max_hash(struct reader *reader)
{
	struct policy *policy = reader->policy;
	const char *text = yaml_text(&reader->yaml);
	uint64_t mb;

	if (!text || !read_number(text, MAX_HASH_MB, &mb))
		policy_refuse(policy, reader->file, yaml_line(&reader->yaml),
			      "max_hash_mb is a number, at most 65536");
	else if (is_first(reader, &policy->max_hash_file, &policy->max_hash_line))
		policy->max_hash_bytes = mb << 20;
	return yaml_skip(&reader->yaml);
}

static const struct {
	const char *name;
	int (*read)(struct reader *reader);
} file_keys[] = {
	{ "mode", read_mode },
	{ "max_hash_mb", read_max_hash },
	{ "rules", read_rules },
};

static int read_file_key(struct reader *reader, uint32_t *keys)
{
	const char *name = yaml_text(&reader->yaml);
	struct refusal refusal;
	size_t key = 0;
	int r;

	while (name && key < ARRAY_LENGTH(file_keys) && strcmp(name, file_keys[key].name))
		key++;
	if (!name || key == ARRAY_LENGTH(file_keys) || *keys >> key & 1) {
		refuse(&refusal, yaml_line(&reader->yaml),
		       name && key < ARRAY_LENGTH(file_keys) ? "key `%s' appears twice" :
							       "a policy has no key `%s'",
		       name ? name : "?");
		policy_refuse(reader->policy, reader->file, refusal.line, refusal.reason);
		r = yaml_skip(&reader->yaml);
		return r ? r : yaml_skip(&reader->yaml);
	}
	*keys |= 1u << key;
	r = yaml_next(&reader->yaml);
	return r ? r : file_keys[key].read(reader);
}

static int read_document(struct reader *reader)
{
	uint32_t keys = 0;
	int r;

	if (!yaml_is_map(&reader->yaml))
		return refuse(&reader->broken, yaml_line(&reader->yaml),
			      "a policy is a map with mode and rules");
	r = yaml_next(&reader->yaml);
	while (!r && !yaml_is_end(&reader->yaml))
		r = read_file_key(reader, &keys);
	while (!r && reader->yaml.event.type != YAML_STREAM_END_EVENT) {
		r = yaml_next(&reader->yaml);
		if (!r && reader->yaml.event.type == YAML_DOCUMENT_START_EVENT)
			r = refuse(&reader->broken, yaml_line(&reader->yaml),
				   "a file holds one policy: no second document");
	}
	return r;
}

int policy_read(struct policy *policy, const char *file, const char *text, size_t n)
{
	struct reader reader = { .policy = policy };
	int r;

	policy->n_files++;
	reader.file = read_copy(&reader, file);
	if (!reader.file)
		return -ENOMEM;
	if (n > POLICY_MAX_BYTES) {
		policy_refuse(policy, file, 0, "a policy has at most 16 MiB");
		return 0;
	}
	r = yaml_open(&reader.yaml, text, n, &reader.broken);
	if (!r)
		r = read_document(&reader);
	yaml_close(&reader.yaml);
	if (r > 0)
		policy_refuse(policy, file, reader.broken.line, reader.broken.reason);
	return r < 0 ? r : 0;
}
