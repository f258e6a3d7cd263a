/* SPDX-License-Identifier: Apache-2.0 */
/* Rule - see rule.h */
#include "rule.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const level_names[_SIGMA_LEVEL_N] = {
	[SIGMA_LEVEL_INFORMATIONAL] = "informational",
	[SIGMA_LEVEL_LOW] = "low",
	[SIGMA_LEVEL_MEDIUM] = "medium",
	[SIGMA_LEVEL_HIGH] = "high",
	[SIGMA_LEVEL_CRITICAL] = "critical",
};

static const char *const status_names[] = { "stable", "test", "experimental", "deprecated",
					    "unsupported" };

/* What reading one document needs at hand. */
struct reading {
	struct sigma_rule *rule;
	const struct yaml_node *document;
	struct expression_builder builder;
};

const char *sigma_level_name(enum sigma_level level)
{
	return level_names[level];
}

const struct sigma_rule_info *sigma_rule_info(const struct sigma_rule *rule)
{
	return &rule->info;
}

struct sigma_rule *rule_free(struct sigma_rule *rule)
{
	if (!rule)
		return NULL;
	for (struct atom *atom = rule->with_regex; atom; atom = atom->next_with_regex)
		atom->regex = regex_free(atom->regex);
	arena_done(&rule->arena);
	free(rule);
	return NULL;
}

void rule_freep(struct sigma_rule **rule)
{
	rule_free(*rule);
}

static int read_text_of(struct reading *reading, const struct yaml_node *map, const char *key,
			const char **ret)
{
	const struct yaml_node *node = yaml_get(map, key);

	if (!node || yaml_type(node) == YAML_TYPE_NULL)
		return 0;
	if (node->kind != YAML_SCALAR)
		return refuse(reading->builder.refusal, node->key_line, "`%s' must be text, not %s", key,
			      yaml_kind_name(node));
	if (strlen(node->text) != node->length)
		return refuse(reading->builder.refusal, node->line, "a NUL character in `%s'", key);
	*ret = arena_strdup(&reading->rule->arena, node->text);
	return *ret ? 0 : -ENOMEM;
}

static int read_text(struct reading *reading, const char *key, const char **ret)
{
	return read_text_of(reading, reading->document, key, ret);
}

static int read_texts(struct reading *reading, const struct yaml_node *map, const char *key,
		      const char *const **ret, size_t *ret_n)
{
	const struct yaml_node *node = yaml_get(map, key);
	const char **texts;
	size_t n = 0;

	if (!node || yaml_type(node) == YAML_TYPE_NULL)
		return 0;
	if (node->kind != YAML_LIST)
		return refuse(reading->builder.refusal, node->key_line, "`%s' must be a list, not %s",
			      key, yaml_kind_name(node));
	texts = arena_alloc_array(&reading->rule->arena, node->n_children, sizeof(*texts));
	if (!texts)
		return -ENOMEM;
	for (const struct yaml_node *text = node->first; text; text = text->next) {
		if (text->kind != YAML_SCALAR || yaml_type(text) == YAML_TYPE_NULL)
			return refuse(reading->builder.refusal, text->line,
				      "`%s' must be a list of texts, not of %s", key,
				      yaml_kind_name(text));
		texts[n] = arena_strdup(&reading->rule->arena, text->text);
		if (!texts[n++])
			return -ENOMEM;
	}
	*ret = texts;
	*ret_n = n;
	return 0;
}

static int read_logsource(struct reading *reading)
{
	const struct yaml_node *node = yaml_get(reading->document, "logsource");
	struct sigma_source *source = &reading->rule->info.source;
	int r;

	if (!node)
		return refuse(reading->builder.refusal, reading->document->line, "no `logsource'");
	if (node->kind != YAML_MAP)
		return refuse(reading->builder.refusal, node->key_line,
			      "`logsource' must be a map, not %s", yaml_kind_name(node));
	r = read_text_of(reading, node, "product", &source->product);
	if (!r)
		r = read_text_of(reading, node, "category", &source->category);
	if (!r)
		r = read_text_of(reading, node, "service", &source->service);
	if (!r && !source->product && !source->category && !source->service)
		r = refuse(reading->builder.refusal, node->key_line,
			   "`logsource' names no product, category or service");
	return r;
}

static int read_level(struct reading *reading)
{
	const struct yaml_node *node = yaml_get(reading->document, "level");
	const char *text = NULL;
	int r = read_text(reading, "level", &text);

	reading->rule->info.level = SIGMA_LEVEL_MEDIUM;
	if (r || !text)
		return r;
	for (size_t i = 0; i < _SIGMA_LEVEL_N; i++) {
		if (strcmp(text, level_names[i]))
			continue;
		reading->rule->info.level = (enum sigma_level)i;
		return 0;
	}
	return refuse(reading->builder.refusal, node->line, "there is no level `%s'", text);
}

static int read_status(struct reading *reading)
{
	const struct yaml_node *node = yaml_get(reading->document, "status");
	int r = read_text(reading, "status", &reading->rule->info.status);

	if (r || !reading->rule->info.status)
		return r;
	for (size_t i = 0; i < ARRAY_LENGTH(status_names); i++)
		if (!strcmp(reading->rule->info.status, status_names[i]))
			return 0;
	return refuse(reading->builder.refusal, node->line, "there is no status `%s'",
		      reading->rule->info.status);
}

/* Everything but the detection. */
static int read_head(struct reading *reading)
{
	struct sigma_rule_info *info = &reading->rule->info;
	const struct yaml_node *document = reading->document;
	int r;

	r = read_text(reading, "title", &info->title);
	if (!r && !info->title)
		r = refuse(reading->builder.refusal, document->line, "no `title'");
	if (!r)
		r = read_text(reading, "id", &info->id);
	if (!r)
		r = read_text(reading, "name", &info->name);
	if (!r)
		r = read_text(reading, "author", &info->author);
	if (!r)
		r = read_status(reading);
	if (!r)
		r = read_level(reading);
	if (!r)
		r = read_texts(reading, document, "references", &info->references,
			       &info->n_references);
	if (!r)
		r = read_texts(reading, document, "tags", &info->tags, &info->n_tags);
	return r ? r : read_logsource(reading);
}

static int read_detection(struct reading *reading, const struct yaml_node *map)
{
	static const char *const skip[] = { "condition", NULL };
	const struct yaml_node *condition = yaml_get(map, "condition");
	const struct yaml_node *timeframe = yaml_get(map, "timeframe");
	struct detection detection;
	int r;

	if (map->kind != YAML_MAP)
		return refuse(reading->builder.refusal, map->key_line,
			      "`detection' must be a map, not %s", yaml_kind_name(map));
	if (!condition)
		return refuse(reading->builder.refusal, map->key_line, "no `condition'");
	if (timeframe)
		return refuse(reading->builder.refusal, timeframe->key_line,
			      "`timeframe' is not part of Sigma 2: use a correlation rule");
	r = detection_read(&reading->builder, map, skip, &detection);
	return r ? r : condition_read(&reading->builder, &detection, condition, &reading->rule->root);
}

/*
 * A filter says what to suppress.  The specification writes `condition: selection' for that,
 * pySigma `condition: not selection', to be joined by and; both mean the same.  So a condition
 * whose outermost operator is `not' is taken as negated already.
 */
static int read_filter(struct reading *reading, const struct yaml_node *map)
{
	static const char *const skip[] = { "condition", "rules", NULL };
	const struct yaml_node *condition = yaml_get(map, "condition");
	struct detection detection;
	struct node *node;
	bool negated;
	int r;

	if (map->kind != YAML_MAP)
		return refuse(reading->builder.refusal, map->key_line,
			      "`filter' must be a map, not %s", yaml_kind_name(map));
	if (!condition)
		return refuse(reading->builder.refusal, map->key_line, "no `condition'");
	r = read_texts(reading, map, "rules", (const char *const **)&reading->rule->targets,
		       &reading->rule->n_targets);
	if (!r && !reading->rule->n_targets)
		r = refuse(reading->builder.refusal, map->key_line, "the filter names no rules");
	if (!r)
		r = detection_read(&reading->builder, map, skip, &detection);
	if (!r)
		r = condition_parse(&reading->builder, &detection, condition, &node, &negated);
	if (r)
		return r;
	reading->rule->root = negated ? node : node_not(&reading->rule->arena, node);
	reading->rule->is_filter = true;
	return reading->rule->root ? 0 : -ENOMEM;
}

static int read_document(struct reading *reading)
{
	const struct yaml_node *document = reading->document, *detection, *filter;
	struct refusal *refusal = reading->builder.refusal;
	int r;

	if (document->kind != YAML_MAP)
		return refuse(refusal, document->line, "a rule must be a map, not %s",
			      yaml_kind_name(document));
	if (yaml_get(document, "correlation")) {
		read_text(reading, "title", &reading->rule->info.title);
		return refuse(refusal, yaml_get(document, "correlation")->key_line,
			      "correlation rules are not supported yet");
	}
	r = read_head(reading);
	if (r)
		return r;
	detection = yaml_get(document, "detection");
	filter = yaml_get(document, "filter");
	if (filter && detection)
		return refuse(refusal, filter->key_line, "both `detection' and `filter'");
	if (filter)
		return read_filter(reading, filter);
	if (!detection)
		return refuse(refusal, document->line, "no `detection'");
	return read_detection(reading, detection);
}

int rule_read(struct sigma_rule **ret, const struct yaml_node *document, const char *file,
	      const struct sigma_placeholders *placeholders, struct refusal *ret_refusal)
{
	struct sigma_rule *rule = calloc(1, sizeof(*rule));
	struct reading reading = { .rule = rule, .document = document };
	int r;

	if (!rule)
		return -ENOMEM;
	reading.builder = (struct expression_builder){ .arena = &rule->arena,
						       .placeholders = placeholders,
						       .refusal = ret_refusal };
	rule->info.line = document->line;
	rule->info.file = arena_strdup(&rule->arena, file);
	r = rule->info.file ? read_document(&reading) : -ENOMEM;
	rule->with_regex = reading.builder.with_regex;
	/* A refused rule is handed out as well: the report names its title. */
	if (r < 0)
		rule_free(rule);
	else
		*ret = rule;
	return r;
}

static bool names(const struct sigma_rule *filter, const struct sigma_rule *rule)
{
	for (size_t i = 0; i < filter->n_targets; i++) {
		if (rule->info.id && !strcmp(filter->targets[i], rule->info.id))
			return true;
		if (rule->info.name && !strcmp(filter->targets[i], rule->info.name))
			return true;
	}
	return false;
}

/* What the filter's log source leaves open fits anything. */
static bool fits(const char *filter, const char *rule)
{
	return !filter || (rule && !strcmp(filter, rule));
}

int rule_apply_filter(struct sigma_rule *rule, const struct sigma_rule *filter)
{
	const struct sigma_source *a = &filter->info.source, *b = &rule->info.source;
	struct node *both[2] = { rule->root, filter->root }, *joined;

	if (!names(filter, rule) || !fits(a->product, b->product) ||
	    !fits(a->category, b->category) || !fits(a->service, b->service))
		return 0;
	joined = node_join(&rule->arena, NODE_AND, both, 2);
	if (!joined)
		return -ENOMEM;
	rule->root = joined;
	return 1;
}
