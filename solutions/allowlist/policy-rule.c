/* SPDX-License-Identifier: Apache-2.0 */
/* Policy: one rule - see policy-reader.h */
#include "policy-reader.h"

#include <errno.h>
#include <string.h>

/* A rule being read; refusal.reason is empty while it is well. */
struct draft {
	struct rule rule;
	uint64_t keys; /* those that were seen, by their place in the table */
	bool has_foreign_ns;
	struct refusal refusal;
};

static int fault(struct refusal *refusal, unsigned int line, const char *reason)
{
	/* The first fault is the one to mend; others may follow from it. */
	return *refusal->reason ? E_REFUSED : refuse(refusal, line, "%s", reason);
}

/* ---- keys of a rule ----------------------------------------------------------------------- */

/* Each takes the current event.  Return: 0; E_REFUSED, the refusal says why; -ENOMEM. */
typedef int (*key_fn)(struct reader *reader, struct draft *draft);

static int set_id(struct reader *reader, struct draft *draft)
{
	const char *text = yaml_text(&reader->yaml);
	unsigned int line = yaml_line(&reader->yaml);

	if (!text || !*text || strlen(text) > POLICY_MAX_ID ||
	    text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-")])
		return refuse(&draft->refusal, line, "an id is 1 to %d of a-z, 0-9 and -",
			      POLICY_MAX_ID);
	if (!strcmp(text, POLICY_DEFAULT_ID))
		return refuse(&draft->refusal, line, "the id " POLICY_DEFAULT_ID
						     " stands for what no rule allows");
	draft->rule.id = read_copy(reader, text);
	return draft->rule.id ? 0 : -ENOMEM;
}

static int set_action(struct reader *reader, struct draft *draft)
{
	const char *text = yaml_text(&reader->yaml);

	for (enum action action = ACTION_ALLOW; text && action < _ACTION_N; action++) {
		if (strcmp(text, action_name(action)))
			continue;
		draft->rule.action = action;
		return 0;
	}
	return refuse(&draft->refusal, yaml_line(&reader->yaml),
		      "an action is one of deny, allow, audit");
}

static int set_path(struct reader *reader, struct draft *draft)
{
	const char *text = yaml_text(&reader->yaml);

	draft->rule.conditions |= CONDITION_PATH;
	if (!text)
		return refuse(&draft->refusal, yaml_line(&reader->yaml), "a path is text");
	return pattern_parse(&draft->rule.path, &reader->policy->arena, text,
			     yaml_line(&reader->yaml), &draft->refusal);
}

static int set_owner(struct reader *reader, struct draft *draft)
{
	const char *text = yaml_text(&reader->yaml);
	uint64_t uid;

	draft->rule.conditions |= CONDITION_OWNER;
	if (text && !strcmp(text, "root"))
		return 0;
	if (!text || !read_number(text, UINT32_MAX - 1, &uid))
		return refuse(&draft->refusal, yaml_line(&reader->yaml),
			      "an owner is `root' or the number of a user: names are not known here");
	draft->rule.owner = (uint32_t)uid;
	return 0;
}

static int set_bool(struct reader *reader, struct draft *draft, bool *ret)
{
	const char *text = yaml_text(&reader->yaml);

	if (text && yaml_is_plain(&reader->yaml) && (!strcmp(text, "true") || !strcmp(text, "false"))) {
		*ret = *text == 't';
		return 0;
	}
	return refuse(&draft->refusal, yaml_line(&reader->yaml), "it is true or false");
}

static int set_package(struct reader *reader, struct draft *draft)
{
	draft->rule.conditions |= CONDITION_PACKAGE;
	return set_bool(reader, draft, &draft->rule.package);
}

static int set_writable(struct reader *reader, struct draft *draft)
{
	draft->rule.conditions |= CONDITION_WRITABLE_BY_OTHERS;
	return set_bool(reader, draft, &draft->rule.writable_by_others);
}

static int set_foreign_ns(struct reader *reader, struct draft *draft)
{
	draft->has_foreign_ns = true;
	return set_bool(reader, draft, &draft->rule.foreign_ns);
}

static int set_reason(struct reader *reader, struct draft *draft)
{
	const char *text = yaml_text(&reader->yaml);

	if (!text || !*text || strlen(text) > POLICY_MAX_REASON)
		return refuse(&draft->refusal, yaml_line(&reader->yaml),
			      "a reason is text of at most %d bytes", POLICY_MAX_REASON);
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return refuse(&draft->refusal, yaml_line(&reader->yaml), "a reason is one line");
	draft->rule.reason = read_copy(reader, text);
	return draft->rule.reason ? 0 : -ENOMEM;
}

static int add_digest(struct reader *reader, struct draft *draft, struct digest **list,
		      size_t *n_allocated)
{
	const char *text = yaml_text(&reader->yaml);
	int r = grow(list, draft->rule.n_sha256, n_allocated);

	if (r < 0)
		return r;
	if (!text || !digest_parse(text, &(*list)[draft->rule.n_sha256]))
		return refuse(&draft->refusal, yaml_line(&reader->yaml),
			      "a sha256 is 64 hexadecimal digits");
	draft->rule.n_sha256++;
	return 0;
}

/* A list leaves its end as the current event, as a scalar leaves itself. */
static int read_digests(struct reader *reader, struct draft *draft, struct digest **list,
			size_t *n_allocated)
{
	int r;

	if (!yaml_is_list(&reader->yaml))
		return add_digest(reader, draft, list, n_allocated);
	for (r = yaml_next(&reader->yaml); !r && !yaml_is_end(&reader->yaml);
	     r = yaml_next(&reader->yaml)) {
		r = add_digest(reader, draft, list, n_allocated);
		if (r)
			return r;
	}
	if (!r && !draft->rule.n_sha256)
		return refuse(&draft->refusal, yaml_line(&reader->yaml), "the list is empty");
	return r;
}

static int set_sha256(struct reader *reader, struct draft *draft)
{
	_cleanup_(cleanup_free) struct digest *list = NULL;
	size_t n_allocated = 0;
	int r;

	draft->rule.conditions |= CONDITION_SHA256;
	r = read_digests(reader, draft, &list, &n_allocated);
	if (r)
		return r;
	draft->rule.sha256 = (struct digest *)arena_strndup(
		&reader->policy->arena, (const char *)list, draft->rule.n_sha256 * sizeof(*list));
	return draft->rule.sha256 ? 0 : -ENOMEM;
}

static const struct {
	const char *name;
	key_fn set;
} rule_keys[] = {
	{ "id", set_id },
	{ "action", set_action },
	{ "path", set_path },
	{ "sha256", set_sha256 },
	{ "owner", set_owner },
	{ "package", set_package },
	{ "writable_by_others", set_writable },
	{ "foreign_ns", set_foreign_ns },
	{ "reason", set_reason },
};

/* ---- rules -------------------------------------------------------------------------------- */

/* Back to the key behind this value, wherever in it the fault was. */
static int leave_value(struct reader *reader, unsigned int depth)
{
	int r = 0;

	while (!r && reader->yaml.depth > depth)
		r = yaml_next(&reader->yaml);
	return r ? r : yaml_next(&reader->yaml);
}

static int read_value(struct reader *reader, struct draft *draft, size_t key)
{
	unsigned int depth = reader->yaml.depth -
			     (yaml_is_map(&reader->yaml) || yaml_is_list(&reader->yaml));
	int r = rule_keys[key].set(reader, draft);

	if (r < 0 || *reader->broken.reason)
		return r;
	return leave_value(reader, depth);
}

static int read_key(struct reader *reader, struct draft *draft)
{
	const char *name = yaml_text(&reader->yaml);
	unsigned int line = yaml_line(&reader->yaml);
	size_t key = 0;
	int r;

	while (name && key < ARRAY_LENGTH(rule_keys) && strcmp(name, rule_keys[key].name))
		key++;
	if (!name || key == ARRAY_LENGTH(rule_keys)) {
		if (!*draft->refusal.reason)
			refuse(&draft->refusal, line, "a rule has no key `%s'", name ? name : "?");
		r = yaml_skip(&reader->yaml);
		return r ? r : yaml_skip(&reader->yaml);
	}
	if (draft->keys >> key & 1)
		fault(&draft->refusal, line, "a key appears twice in this rule");
	draft->keys |= 1ull << key;
	r = yaml_next(&reader->yaml);
	if (r)
		return r;
	return *draft->refusal.reason ? yaml_skip(&reader->yaml) : read_value(reader, draft, key);
}

static int check_rule(struct draft *draft)
{
	const struct rule *rule = &draft->rule;

	if (*draft->refusal.reason)
		return E_REFUSED;
	if (!rule->id)
		return fault(&draft->refusal, rule->line, "a rule needs an id");
	if (!rule->action)
		return fault(&draft->refusal, rule->line, "a rule needs an action");
	if (!rule->conditions)
		return fault(&draft->refusal, rule->line,
			     "a rule without a condition would mean every file; write path: / for that");
	if (draft->has_foreign_ns && !(rule->conditions & CONDITIONS_BY_NAME))
		return fault(&draft->refusal, rule->line,
			     "foreign_ns says something of path and package only");
	return 0;
}

static int keep_rule(struct reader *reader, struct draft *draft)
{
	struct policy *policy = reader->policy;
	int r;

	if (check_rule(draft)) {
		policy_refuse(policy, reader->file, draft->refusal.line, draft->refusal.reason);
		return 0;
	}
	if (policy->n_rules == POLICY_MAX_RULES) {
		policy_refuse(policy, reader->file, draft->rule.line, "there are too many rules");
		return 0;
	}
	r = grow(&policy->rules, policy->n_rules, &policy->n_rules_allocated);
	if (r < 0)
		return r;
	policy->rules[policy->n_rules++] = draft->rule;
	return 0;
}

int read_rule(struct reader *reader)
{
	struct draft draft = { .rule = { .file = reader->file, .reason = "",
					 .line = yaml_line(&reader->yaml) } };
	int r;

	if (!yaml_is_map(&reader->yaml)) {
		policy_refuse(reader->policy, reader->file, draft.rule.line,
			      "a rule is a map with id, action and conditions");
		return yaml_skip(&reader->yaml);
	}
	r = yaml_next(&reader->yaml);
	while (!r && !yaml_is_end(&reader->yaml))
		r = read_key(reader, &draft);
	if (!r)
		r = keep_rule(reader, &draft);
	return r ? r : yaml_next(&reader->yaml);
}
