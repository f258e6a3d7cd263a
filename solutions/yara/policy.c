/* SPDX-License-Identifier: Apache-2.0 */
/* Policy - see policy.h; the reading of files is in policy-read.c. */
#include "policy.h"

#include <stdlib.h>
#include <string.h>

static const char *const action_names[_ACTION_N] = {
	[ACTION_NONE] = "none",
	[ACTION_IGNORE] = "ignore",
	[ACTION_REPORT] = "report",
	[ACTION_DENY] = "deny",
};

const char *action_name(enum action action)
{
	return action_names[action];
}

enum action action_by_name(const char *name)
{
	for (enum action action = ACTION_IGNORE; action < _ACTION_N; action++)
		if (!strcmp(name, action_names[action]))
			return action;
	return ACTION_NONE;
}

static int compare_words(const void *a, const void *b)
{
	const struct policy_word *left = a, *right = b;
	int order = strcmp(left->text, right->text);

	if (!order)
		order = strcmp(left->file, right->file);
	return order ? order : (left->line > right->line) - (left->line < right->line);
}

/* Two answers for one word would leave it to chance which holds. */
void policy_finish(struct policy *policy, struct report *report)
{
	size_t n = 0;

	if (policy->n_words)
		qsort(policy->words, policy->n_words, sizeof(*policy->words), compare_words);
	for (size_t i = 0; i < policy->n_words; i++) {
		const struct policy_word *word = &policy->words[i], *last = n ? &policy->words[n - 1] : NULL;
		struct refusal refusal;

		if (!last || strcmp(last->text, word->text)) {
			policy->words[n++] = *word;
			continue;
		}
		refuse(&refusal, word->line, "`%s' is in %s already, by %s:%u", word->text,
		       action_name(last->action), last->file, last->line);
		report_refusal(report, word->file, &refusal);
	}
	policy->n_words = n;
}

void policy_done(struct policy *policy)
{
	free(policy->words);
	arena_done(&policy->arena);
	*policy = (struct policy){ 0 };
}

static int compare_text(const void *text, const void *word)
{
	return strcmp(text, ((const struct policy_word *)word)->text);
}

static enum action find(struct policy *policy, const char *text)
{
	struct policy_word *word = policy->n_words ? bsearch(text, policy->words, policy->n_words,
							     sizeof(*policy->words), compare_text) :
						     NULL;

	if (!word)
		return ACTION_NONE;
	word->used = true;
	return word->action;
}

enum action policy_decide(struct policy *policy, const char *name, const char *tags, enum action wish)
{
	enum action by_name = find(policy, name), by_tag = ACTION_NONE;

	for (const char *tag = tags; tag && *tag; tag += strlen(tag) + 1) {
		enum action action = find(policy, tag);

		if (action > by_tag)
			by_tag = action;
	}
	if (by_name)
		return by_name;
	return by_tag ? by_tag : wish;
}

void policy_refuse_unused(const struct policy *policy, struct report *report)
{
	for (size_t i = 0; i < policy->n_words; i++) {
		const struct policy_word *word = &policy->words[i];
		struct refusal refusal;

		if (word->used)
			continue;
		refuse(&refusal, word->line, "no rule and no tag is called `%s'", word->text);
		report_refusal(report, word->file, &refusal);
	}
}
