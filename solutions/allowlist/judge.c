/* SPDX-License-Identifier: Apache-2.0 */
/* Judge - see judge.h */
#include "judge.h"

#include "policy-internal.h"

#include <string.h>
#include <sys/stat.h>

/* A judgement in the making.  Rules are numbered from the most restrictive: the smallest wins. */
struct search {
	const struct policy *policy;
	const struct subject *subject;
	uint32_t best;     /* smallest that holds */
	uint32_t best_hash; /* smallest that holds but for its hash */
};

static bool believes_path(const struct rule *rule, const struct subject *subject)
{
	return !subject->nameless && (!subject->foreign_ns || rule->foreign_ns);
}

static bool path_holds(const struct rule *rule, const struct subject *subject)
{
	return believes_path(rule, subject) && pattern_matches(&rule->path, subject->path);
}

/*
 * Without lists nothing is known, so neither "from a package" nor "from none" holds; nor does the latter
 * where some could not be read.
 */
static bool package_holds(const struct search *search, const struct rule *rule)
{
	struct packages *packages = search->policy->packages;

	if (!packages || !believes_path(rule, search->subject))
		return false;
	if (packages_has(packages, search->subject->path))
		return rule->package;
	return !rule->package && packages_are_whole(packages);
}

/* All conditions but the hash, the cheapest first. */
static bool rest_holds(const struct search *search, const struct rule *rule)
{
	const struct subject *subject = search->subject;
	uint32_t conditions = rule->conditions;

	if (conditions & CONDITION_OWNER && subject->uid != rule->owner)
		return false;
	if (conditions & CONDITION_WRITABLE_BY_OTHERS &&
	    !!(subject->mode & S_IWOTH) != rule->writable_by_others)
		return false;
	if (conditions & CONDITION_PATH && !path_holds(rule, subject))
		return false;
	return !(conditions & CONDITION_PACKAGE) || package_holds(search, rule);
}

/* Return: can rules behind this one still matter? */
static bool try_rule(struct search *search, uint32_t number)
{
	const struct rule *rule = &search->policy->rules[number];
	bool by_hash = rule->conditions & CONDITION_SHA256;

	if (number >= search->best)
		return false;
	if (by_hash && number >= search->best_hash)
		return true;
	if (!rest_holds(search, rule))
		return true;
	if (by_hash)
		search->best_hash = number;
	else
		search->best = number;
	return by_hash;
}

static const char *path_of(const struct policy *policy, size_t i)
{
	return policy->rules[policy->by_path[i]].path.text;
}

/* The first of the rules with this path, or behind where they would stand. */
static size_t find_path(const struct policy *policy, const char *path)
{
	size_t low = 0, high = policy->n_by_path;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(path_of(policy, middle), path) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void try_rules(struct search *search)
{
	const struct policy *policy = search->policy;
	const char *path = search->subject->path;

	for (size_t i = find_path(policy, path);
	     i < policy->n_by_path && !strcmp(path_of(policy, i), path); i++)
		try_rule(search, policy->by_path[i]);
	for (size_t i = 0; i < policy->n_others; i++)
		if (!try_rule(search, policy->others[i]))
			break;
}

static bool hash_could_decide(const struct search *search)
{
	const struct rule *rules = search->policy->rules;

	return search->best_hash != UINT32_MAX &&
	       (search->best == UINT32_MAX ||
		rules[search->best_hash].action > rules[search->best].action);
}

static enum hashing hash(const struct search *search, struct digest *ret)
{
	const struct subject *subject = search->subject;
	uint64_t max = search->policy->max_hash_bytes;
	int r;

	if (subject->fd < 0)
		return HASHING_NO_FILE;
	if (subject->size > max)
		return HASHING_TOO_LARGE;
	r = digest_of_file(subject->fd, max, ret);
	return !r ? HASHING_DONE : r > 0 ? HASHING_TOO_LARGE : HASHING_UNREADABLE;
}

static void try_digest(struct search *search, const struct digest *digest)
{
	const struct policy *policy = search->policy;
	size_t low = 0, high = policy->n_digests;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (memcmp(&policy->digests[middle].digest, digest, sizeof(*digest)) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < policy->n_digests; low++) {
		const struct digest_entry *entry = &policy->digests[low];

		if (entry->rule >= search->best || memcmp(&entry->digest, digest, sizeof(*digest)))
			return;
		if (!rest_holds(search, &policy->rules[entry->rule]))
			continue;
		search->best = entry->rule;
		return;
	}
}

/* A rule that only allows, whatever the name, decides for every name, unless others look at names. */
static bool depends_on_name(const struct policy *policy, const struct rule *rule)
{
	return policy->restricts_by_name || !rule || rule->conditions & CONDITIONS_BY_NAME;
}

struct judgement judge(const struct policy *policy, const struct subject *subject)
{
	struct search search = { .policy = policy, .subject = subject,
				 .best = UINT32_MAX, .best_hash = UINT32_MAX };
	struct judgement judgement = { 0 };

	try_rules(&search);
	if (hash_could_decide(&search)) {
		judgement.hashing = hash(&search, &judgement.digest);
		if (judgement.hashing == HASHING_DONE)
			try_digest(&search, &judgement.digest);
	}
	if (search.best != UINT32_MAX) {
		judgement.rule = &policy->rules[search.best];
		judgement.action = judgement.rule->action;
	}
	judgement.deny = judgement.rule ? judgement.action == ACTION_DENY : policy->lockdown;
	judgement.by_name = depends_on_name(policy, judgement.rule);
	return judgement;
}

bool judgement_is_told(const struct judgement *judgement)
{
	return judgement->action != ACTION_ALLOW;
}

/* Anyone may call a file so; the kernel says it of files without a link alone. */
bool path_is_nameless(const char *path, nlink_t n_links)
{
	return !n_links && (has_suffix(path, " (deleted)") || !strncmp(path, "/memfd:", 7));
}

const char *hashing_note(enum hashing hashing)
{
	switch (hashing) {
	case HASHING_TOO_LARGE:
		return "not hashed: larger than max_hash_mb";
	case HASHING_NO_FILE:
		return "not hashed: the file was not handed over";
	case HASHING_UNREADABLE:
		return "not hashed: the file cannot be read";
	default:
		return NULL;
	}
}
