/* SPDX-License-Identifier: Apache-2.0 */
/* Policy: what all files came to, ordered for judge(). */
#include "policy-internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_MAX_HASH_MB 256

const char *action_name(enum action action)
{
	static const char *const names[] = { "none", "allow", "audit", "deny" };

	return names[action];
}

int policy_new(struct policy **ret, policy_report_fn report, void *userdata)
{
	struct policy *policy = calloc(1, sizeof(*policy));

	if (!policy)
		return -ENOMEM;
	policy->max_hash_bytes = (uint64_t)DEFAULT_MAX_HASH_MB << 20;
	policy->report = report;
	policy->userdata = userdata;
	*ret = policy;
	return 0;
}

struct policy *policy_free(struct policy *policy)
{
	if (!policy)
		return NULL;
	free(policy->rules);
	free(policy->by_path);
	free(policy->others);
	free(policy->digests);
	packages_free(policy->packages);
	arena_done(&policy->arena);
	free(policy);
	return NULL;
}

void policy_freep(struct policy **policy)
{
	policy_free(*policy);
}

void policy_refuse(struct policy *policy, const char *file, unsigned int line, const char *reason)
{
	policy->n_refused++;
	if (policy->report)
		policy->report(file, line, reason, policy->userdata);
}

/* ---- ids ---------------------------------------------------------------------------------- */

static int by_id(const void *a, const void *b, void *userdata)
{
	const struct rule *rules = userdata;
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
	int order = strcmp(rules[left].id, rules[right].id);

	return order ? order : left < right ? -1 : left > right;
}

static void refuse_twin(struct policy *policy, const struct rule *rule, const struct rule *first)
{
	struct refusal refusal;

	refuse(&refusal, rule->line, "the id %s is also that of %s:%u", rule->id, first->file,
	       first->line);
	policy_refuse(policy, rule->file, refusal.line, refusal.reason);
}

/* Findings name rules by their ids, so an id means one rule: the first. */
static int refuse_twins(struct policy *policy)
{
	struct rule *rules = policy->rules;
	_cleanup_(cleanup_free) uint32_t *order = calloc(policy->n_rules + 1, sizeof(*order));
	size_t n = 0, first = 0;

	if (!order)
		return -ENOMEM;
	for (uint32_t i = 0; i < policy->n_rules; i++)
		order[i] = i;
	qsort_r(order, policy->n_rules, sizeof(*order), by_id, rules);
	for (size_t i = 1; i < policy->n_rules; i++) {
		if (strcmp(rules[order[i]].id, rules[order[first]].id)) {
			first = i;
			continue;
		}
		refuse_twin(policy, &rules[order[i]], &rules[order[first]]);
		rules[order[i]].action = ACTION_NONE;
	}
	for (size_t i = 0; i < policy->n_rules; i++)
		if (rules[i].action != ACTION_NONE)
			rules[n++] = rules[i];
	policy->n_rules = n;
	return 0;
}

/* ---- order -------------------------------------------------------------------------------- */

/* Stable, by hand: three runs over the rules, one per action. */
static int order_rules(struct policy *policy)
{
	struct rule *ordered = calloc(policy->n_rules + 1, sizeof(*ordered));
	size_t n = 0;

	if (!ordered)
		return -ENOMEM;
	for (enum action action = ACTION_DENY; action > ACTION_NONE; action--)
		for (size_t i = 0; i < policy->n_rules; i++)
			if (policy->rules[i].action == action)
				ordered[n++] = policy->rules[i];
	free(policy->rules);
	policy->rules = ordered;
	policy->n_rules_allocated = n + 1;
	return 0;
}

static int by_path(const void *a, const void *b, void *userdata)
{
	const struct rule *rules = userdata;
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
	int order = strcmp(rules[left].path.text, rules[right].path.text);

	return order ? order : left < right ? -1 : left > right;
}

static bool has_one_path(const struct rule *rule)
{
	return rule->conditions & CONDITION_PATH && rule->path.kind == PATTERN_EXACT;
}

static int index_paths(struct policy *policy)
{
	policy->by_path = calloc(policy->n_rules + 1, sizeof(*policy->by_path));
	policy->others = calloc(policy->n_rules + 1, sizeof(*policy->others));
	if (!policy->by_path || !policy->others)
		return -ENOMEM;
	for (uint32_t i = 0; i < policy->n_rules; i++) {
		const struct rule *rule = &policy->rules[i];

		if (has_one_path(rule))
			policy->by_path[policy->n_by_path++] = i;
		else
			policy->others[policy->n_others++] = i;
		policy->restricts_by_name |= rule->action != ACTION_ALLOW &&
					     rule->conditions & CONDITIONS_BY_NAME;
	}
	qsort_r(policy->by_path, policy->n_by_path, sizeof(*policy->by_path), by_path, policy->rules);
	return 0;
}

static int by_digest(const void *a, const void *b)
{
	const struct digest_entry *left = a, *right = b;
	int order = memcmp(&left->digest, &right->digest, sizeof(left->digest));

	return order ? order : left->rule < right->rule ? -1 : left->rule > right->rule;
}

static int index_digests(struct policy *policy)
{
	size_t n = 0;

	for (size_t i = 0; i < policy->n_rules; i++)
		n += policy->rules[i].n_sha256;
	policy->digests = calloc(n + 1, sizeof(*policy->digests));
	if (!policy->digests)
		return -ENOMEM;
	for (uint32_t i = 0; i < policy->n_rules; i++)
		for (size_t k = 0; k < policy->rules[i].n_sha256; k++)
			policy->digests[policy->n_digests++] =
				(struct digest_entry){ policy->rules[i].sha256[k], i };
	qsort(policy->digests, n, sizeof(*policy->digests), by_digest);
	return 0;
}

/* ---- packages ----------------------------------------------------------------------------- */

static bool asks_for_packages(const struct policy *policy)
{
	for (size_t i = 0; i < policy->n_rules; i++)
		if (policy->rules[i].conditions & CONDITION_PACKAGE)
			return true;
	return false;
}

/* Lists that cannot be read leave the conditions that need them without an answer: that is told. */
static int read_packages(struct policy *policy)
{
	struct refusal refusal;
	int r;

	if (!policy->packages || !packages_n_folders(policy->packages) || !asks_for_packages(policy)) {
		policy->packages = packages_free(policy->packages);
		return 0;
	}
	r = packages_read(policy->packages);
	if (!r || r == -ENOMEM)
		return r;
	if (r > 0)
		refuse(&refusal, 0, "more than %u paths, the others are not known",
		       PACKAGES_MAX_PATHS);
	else
		refuse(&refusal, 0, "cannot be read: %s", strerror(-r));
	policy_refuse(policy, "dpkg's lists", 0, refusal.reason);
	return 0;
}

int policy_finish(struct policy *policy)
{
	int r = refuse_twins(policy);

	if (!r)
		r = order_rules(policy);
	if (!r)
		r = index_paths(policy);
	if (!r)
		r = index_digests(policy);
	if (!r)
		r = read_packages(policy);
	/* Who is told of refusals need not outlive the loading. */
	policy->report = NULL;
	return r;
}

/* ---- the interface ------------------------------------------------------------------------ */

size_t policy_count(const struct policy *policy)
{
	return policy->n_rules;
}

bool policy_reads_files(const struct policy *policy)
{
	return policy->n_digests > 0;
}

size_t policy_refused(const struct policy *policy)
{
	return policy->n_refused;
}

bool policy_is_lockdown(const struct policy *policy)
{
	return policy->lockdown;
}

void policy_monitor(struct policy *policy)
{
	policy->lockdown = false;
}

void policy_refresh(struct policy *policy)
{
	if (policy->packages)
		packages_refresh(policy->packages);
}
