/* SPDX-License-Identifier: Apache-2.0 */
/* Modifier: keys, values and the table - see modifier.h */
#include "encode.h"
#include "modifier-internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void value_done(struct value *value)
{
	free(value->alternatives);
}

int value_refuse(struct item *item, const struct value *value, const char *why)
{
	return refuse(item->builder->refusal, value->node->line, "modifier `%s' %s", item->modifier,
		      why);
}

static int refuse_or_fail(struct item *item, const struct value *value, int r)
{
	if (r == -E2BIG)
		return refuse(item->builder->refusal, value->node->line, "the value is too long");
	return r;
}

int value_add(struct value *value, const struct atom *atom)
{
	int r;

	if (value->n >= MODIFIER_MAX_ALTERNATIVES)
		return -E2BIG;
	r = grow(&value->alternatives, value->n, &value->n_allocated);
	if (r < 0)
		return r;
	value->alternatives[value->n++] = *atom;
	return 0;
}
/* Numbers and booleans are text when something asks for text: "all values are strings". */
int value_need_text(struct item *item, const struct value *value)
{
	if (value->kind == VALUE_NULL)
		return value_refuse(item, value, "cannot be applied to null");
	if (value->kind == VALUE_REGEX)
		return value_refuse(item, value, "cannot be applied to a regular expression");
	if (value->kind == VALUE_TYPED)
		return value_refuse(item, value, "needs text, and a modifier before it made it something else");
	return 0;
}

/* ---- the table -------------------------------------------------------------------------- */

struct modifier {
	const char *name;
	int (*apply)(struct item *item, struct value *value, int argument);
	int argument;
	bool for_keywords;
};

static const struct modifier modifiers[] = {
	{ "contains", apply_open, OPEN_START | OPEN_END, true },
	{ "startswith", apply_open, OPEN_END, true },
	{ "endswith", apply_open, OPEN_START, true },
	{ "all", NULL, 0, true },
	{ "neq", NULL, 1, true },
	{ "cased", apply_cased, 0, true },
	{ "windash", apply_windash, 0, true },
	{ "re", apply_re, 0, true },
	{ "i", apply_regex_flag, REGEX_CASELESS, true },
	{ "m", apply_regex_flag, REGEX_MULTILINE, true },
	{ "s", apply_regex_flag, REGEX_DOTALL, true },
	{ "base64", apply_base64, 1, true },
	{ "base64offset", apply_base64, 3, true },
	{ "utf16le", apply_utf16, ENCODE_UTF16LE, true },
	{ "wide", apply_utf16, ENCODE_UTF16LE, true },
	{ "utf16be", apply_utf16, ENCODE_UTF16BE, true },
	{ "utf16", apply_utf16, ENCODE_UTF16_BOM, true },
	{ "expand", apply_expand, 0, true },
	{ "cidr", apply_cidr, 0, false },
	{ "exists", apply_exists, 0, false },
	{ "fieldref", apply_fieldref, 0, false },
	{ "lt", apply_relation, RELATION_LT, false },
	{ "lte", apply_relation, RELATION_LTE, false },
	{ "gt", apply_relation, RELATION_GT, false },
	{ "gte", apply_relation, RELATION_GTE, false },
	{ "minute", apply_date, DATE_MINUTE, false },
	{ "hour", apply_date, DATE_HOUR, false },
	{ "day", apply_date, DATE_DAY, false },
	{ "week", apply_date, DATE_WEEK, false },
	{ "month", apply_date, DATE_MONTH, false },
	{ "year", apply_date, DATE_YEAR, false },
};

#define MAX_CHAIN 16

struct chain {
	const struct modifier *modifiers[MAX_CHAIN];
	size_t n;
};

static const struct modifier *find_modifier(const char *name, size_t n)
{
	for (size_t i = 0; i < ARRAY_LENGTH(modifiers); i++)
		if (strlen(modifiers[i].name) == n && !memcmp(modifiers[i].name, name, n))
			return &modifiers[i];
	return NULL;
}

static int add_modifier(struct item *item, struct chain *chain, const char *name, size_t n)
{
	const struct modifier *modifier = find_modifier(name, n);
	struct refusal *refusal = item->builder->refusal;

	if (!modifier)
		return refuse(refusal, item->line, "unknown modifier `%.*s'", (int)(n > 40 ? 40 : n),
			      name);
	if (!item->field && !modifier->for_keywords)
		return refuse(refusal, item->line, "modifier `%s' needs a field", modifier->name);
	if (chain->n == MAX_CHAIN)
		return refuse(refusal, item->line, "more than %d modifiers", MAX_CHAIN);
	if (!modifier->apply && (modifier->argument ? item->negated : item->all))
		return refuse(refusal, item->line, "modifier `%s' twice", modifier->name);
	if (!modifier->apply && modifier->argument)
		item->negated = true;
	else if (!modifier->apply)
		item->all = true;
	item->with_placeholders |= modifier->apply == apply_expand;
	chain->modifiers[chain->n++] = modifier;
	return 0;
}

static int parse_key(struct item *item, const char *key, struct chain *chain)
{
	size_t n = key ? strcspn(key, "|") : 0;
	int r = 0;

	if (!key)
		return 0;
	if (n) {
		item->field = arena_strndup(item->builder->arena, key, n);
		if (!item->field)
			return -ENOMEM;
	} else if (!key[0]) {
		return refuse(item->builder->refusal, item->line, "a field without a name");
	}
	while (!r && key[n] == '|') {
		const char *name = key + n + 1;
		size_t n_name = strcspn(name, "|");

		r = add_modifier(item, chain, name, n_name);
		n += 1 + n_name;
	}
	return r;
}

/* ---- values ----------------------------------------------------------------------------- */

/* A number is compared by its text: the usual decimal one, whatever the notation of the file. */
static int number_text(struct item *item, const struct yaml_node *node, struct pattern *ret)
{
	const char *text = node->text;
	char decimal[32], *end;

	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'o')) {
		unsigned long long number;

		errno = 0;
		number = strtoull(text + 2, &end, text[1] == 'x' ? 16 : 8);
		if (errno)
			return refuse(item->builder->refusal, node->line, "number `%s' is too large",
				      text);
		snprintf(decimal, sizeof(decimal), "%llu", number);
		text = decimal;
	}
	text += *text == '+';
	return pattern_literal(ret, item->builder->arena, text, strlen(text));
}

static int read_value(struct item *item, const struct yaml_node *node, struct value *value)
{
	struct atom atom = { .kind = ATOM_STRING, .field = item->field };
	enum yaml_type type = yaml_type(node);
	int r;

	value->node = node;
	switch (type) {
	case YAML_TYPE_NULL:
		value->kind = VALUE_NULL;
		atom.kind = ATOM_NULL;
		if (!item->field)
			return refuse(item->builder->refusal, node->line, "null cannot be a keyword");
		return value_add(value, &atom);
	case YAML_TYPE_INT:
	case YAML_TYPE_FLOAT:
		value->kind = VALUE_NUMBER;
		r = number_text(item, node, &atom.pattern);
		break;
	default:
		value->kind = type == YAML_TYPE_BOOL ? VALUE_BOOL : VALUE_TEXT;
		r = pattern_parse(&atom.pattern, item->builder->arena, node->text, node->length,
				  item->with_placeholders);
		break;
	}
	return r ? refuse_or_fail(item, value, r) : value_add(value, &atom);
}

/* A keyword is looked for inside the values, unless a modifier has said where. */
static int open_keyword(struct item *item, const struct chain *chain, struct value *value)
{
	if (item->field || value->kind == VALUE_REGEX)
		return 0;
	for (size_t i = 0; i < chain->n; i++)
		if (chain->modifiers[i]->apply == apply_open)
			return 0;
	return apply_open(item, value, OPEN_START | OPEN_END);
}

static int compile_regex(struct item *item, struct value *value, struct atom *atom)
{
	char reason[160];
	int r;

	r = regex_compile(&atom->regex, atom->text, atom->regex_flags, reason, sizeof(reason));
	if (r == E_REFUSED)
		return refuse(item->builder->refusal, value->node->line, "bad regular expression: %s",
			      reason);
	if (r < 0)
		return r;
	atom->next_with_regex = item->builder->with_regex;
	item->builder->with_regex = atom;
	return 0;
}

/* The alternatives become atoms under an or. */
static int finish_value(struct item *item, struct value *value, struct node **ret)
{
	struct expression_builder *builder = item->builder;
	struct node *node = node_new(builder->arena, NODE_OR, value->n);
	int r;

	if (!node)
		return -ENOMEM;
	builder->n_atoms += value->n;
	if (builder->n_atoms > MODIFIER_MAX_ATOMS)
		return refuse(builder->refusal, value->node->line, "more than %d values in one rule",
			      MODIFIER_MAX_ATOMS);
	for (size_t i = 0; i < value->n; i++) {
		struct atom *atom = arena_alloc(builder->arena, sizeof(*atom));

		node->children[i] = node_new(builder->arena, NODE_ATOM, 0);
		if (!atom || !node->children[i])
			return -ENOMEM;
		*atom = value->alternatives[i];
		node->children[i]->atom = atom;
		r = atom_prepare(atom, builder->arena);
		if (r)
			return r;
		if (atom->kind == ATOM_REGEX) {
			r = compile_regex(item, value, atom);
			if (r)
				return r;
		}
	}
	*ret = value->n == 1 ? node->children[0] : node;
	return 0;
}

static int build_value(struct item *item, const struct chain *chain, const struct yaml_node *node,
		       struct node **ret)
{
	_cleanup_(value_done) struct value value = { 0 };
	int r;

	if (node->kind != YAML_SCALAR)
		return refuse(item->builder->refusal, node->line, "%s where a value is expected",
			      yaml_kind_name(node));
	r = read_value(item, node, &value);
	item->n_applied = 0;
	for (size_t i = 0; i < chain->n && !r; i++) {
		if (!chain->modifiers[i]->apply)
			continue;
		item->modifier = chain->modifiers[i]->name;
		r = chain->modifiers[i]->apply(item, &value, chain->modifiers[i]->argument);
		item->n_applied++;
	}
	if (!r)
		r = open_keyword(item, chain, &value);
	return r ? refuse_or_fail(item, &value, r) : finish_value(item, &value, ret);
}

static int check_list(struct item *item, const struct yaml_node *values)
{
	struct refusal *refusal = item->builder->refusal;

	if (!values->n_children)
		return refuse(refusal, values->line, "an empty list of values");
	if (item->all && values->n_children < 2)
		return refuse(refusal, item->line, "modifier `all' needs more than one value");
	if (values->n_children < 2)
		return 0;
	for (const struct yaml_node *node = values->first; node; node = node->next)
		if (yaml_type(node) == YAML_TYPE_NULL)
			return refuse(refusal, node->line, "null cannot be part of a list of values");
	return 0;
}

static int build_list(struct item *item, const struct chain *chain, const struct yaml_node *values,
		      struct node **ret)
{
	struct arena *arena = item->builder->arena;
	struct node *node;
	size_t i = 0;
	int r;

	r = check_list(item, values);
	if (r)
		return r;
	item->n_values = values->n_children;
	node = node_new(arena, item->all ? NODE_AND : NODE_OR, values->n_children);
	if (!node)
		return -ENOMEM;
	for (const struct yaml_node *value = values->first; value; value = value->next) {
		r = build_value(item, chain, value, &node->children[i++]);
		if (r)
			return r;
	}
	*ret = node->n_children == 1 ? node->children[0] : node;
	return 0;
}

int modifier_build(struct expression_builder *builder, const char *key, unsigned int line,
		   const struct yaml_node *values, struct node **ret)
{
	struct item item = { .builder = builder, .line = line, .n_values = 1 };
	struct chain chain = { 0 };
	int r;

	r = parse_key(&item, key, &chain);
	if (r)
		return r;
	if (values->kind == YAML_MAP)
		return refuse(builder->refusal, values->line, "a map where a value is expected");
	if (values->kind == YAML_SCALAR && item.all)
		return refuse(builder->refusal, line, "modifier `all' needs more than one value");
	r = values->kind == YAML_LIST ? build_list(&item, &chain, values, ret) :
					build_value(&item, &chain, values, ret);
	if (r || !item.negated)
		return r;
	*ret = node_not(builder->arena, *ret);
	return *ret ? 0 : -ENOMEM;
}
