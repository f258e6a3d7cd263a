/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rule - what a rule says of itself, in its metas and tags.
 *
 * Every collection of rules has words of its own for how bad a match is; these are understood: meta
 * `severity' with the name of a level, meta `score' from 0 to 100, a tag with the name of a level.
 */
#include "rules-internal.h"

#include <string.h>
#include <strings.h>

static const struct {
	const char *name;
	enum ringfort_level level;
} level_words[] = {
	{ "informational", RINGFORT_LEVEL_INFORMATIONAL },
	{ "info", RINGFORT_LEVEL_INFORMATIONAL },
	{ "low", RINGFORT_LEVEL_LOW },
	{ "medium", RINGFORT_LEVEL_MEDIUM },
	{ "high", RINGFORT_LEVEL_HIGH },
	{ "critical", RINGFORT_LEVEL_CRITICAL },
};

static bool read_level(const char *word, enum ringfort_level *ret)
{
	for (size_t i = 0; i < ARRAY_LENGTH(level_words); i++)
		if (!strcasecmp(word, level_words[i].name)) {
			*ret = level_words[i].level;
			return true;
		}
	return false;
}

static enum ringfort_level level_of_score(int64_t score)
{
	if (score >= 80)
		return RINGFORT_LEVEL_HIGH;
	if (score >= 60)
		return RINGFORT_LEVEL_MEDIUM;
	return score >= 40 ? RINGFORT_LEVEL_LOW : RINGFORT_LEVEL_INFORMATIONAL;
}

/* What the rule says most plainly counts: severity, then score, then a tag. */
static enum ringfort_level level_of(const YR_RULE *rule)
{
	enum ringfort_level level = RINGFORT_LEVEL_MEDIUM;
	const char *tag;
	YR_META *meta;

	yr_rule_metas_foreach(rule, meta)
		if (!strcmp(meta->identifier, "severity") && meta->type == META_TYPE_STRING &&
		    read_level(meta->string, &level))
			return level;
	yr_rule_metas_foreach(rule, meta)
		if (!strcmp(meta->identifier, "score") && meta->type == META_TYPE_INTEGER)
			return level_of_score(meta->integer);
	yr_rule_tags_foreach(rule, tag)
		if (read_level(tag, &level))
			return level;
	return level;
}

static bool is_reference(const char *identifier)
{
	return !strncmp(identifier, "reference", 9) || !strcmp(identifier, "ref");
}

void rule_describe(struct rule *ret, const YR_RULE *rule)
{
	YR_META *meta;

	*ret = (struct rule){ .level = level_of(rule), .title = rule->identifier, .author = "" };
	yr_rule_metas_foreach(rule, meta) {
		if (meta->type != META_TYPE_STRING || !*meta->string)
			continue;
		if (!strcmp(meta->identifier, "description"))
			ret->title = meta->string;
		else if (!strcmp(meta->identifier, "author"))
			ret->author = meta->string;
		else if (is_reference(meta->identifier) && ret->n_references < RESULT_MAX_REFERENCES)
			ret->references[ret->n_references++] = meta->string;
	}
}

enum action rule_wish(const YR_RULE *rule)
{
	YR_META *meta;

	yr_rule_metas_foreach(rule, meta) {
		if (strcmp(meta->identifier, "ringfort"))
			continue;
		return meta->type == META_TYPE_STRING ? action_by_name(meta->string) : ACTION_NONE;
	}
	return ACTION_REPORT;
}
