/* SPDX-License-Identifier: Apache-2.0 */
/* Detection: conditions, by recursive descent - see detection.h */
#include "detection.h"

#include <errno.h>
#include <string.h>

struct word {
	const char *text;
	size_t n; /* 0: the end */
};

struct parser {
	struct expression_builder *builder;
	const struct detection *detection;
	unsigned int line;
	const char *rest;
	struct word word; /* the one to be looked at */
	unsigned int depth;
	size_t n_words;
};

static int next_word(struct parser *parser)
{
	static const char blanks[] = " \t\r\n";
	const char *text = parser->rest + strspn(parser->rest, blanks);
	size_t n = strcspn(text, " \t\r\n()|");

	if (!n && *text)
		n = 1;
	parser->word = (struct word){ text, n };
	parser->rest = text + n;
	if (n && *text == '|')
		return refuse(parser->builder->refusal, parser->line,
			      "aggregations (`|') are not part of Sigma 2: use a correlation rule");
	if (++parser->n_words > CONDITION_MAX_TOKENS)
		return refuse(parser->builder->refusal, parser->line, "the condition is too long");
	return 0;
}

static bool is(const struct word *word, const char *text)
{
	return strlen(text) == word->n && !memcmp(word->text, text, word->n);
}

static int refuse_word(struct parser *parser, const char *expected)
{
	if (!parser->word.n)
		return refuse(parser->builder->refusal, parser->line,
			      "bad condition: it ends where %s is expected", expected);
	return refuse(parser->builder->refusal, parser->line,
		      "bad condition: `%.*s' where %s is expected",
		      (int)(parser->word.n > 60 ? 60 : parser->word.n), parser->word.text, expected);
}

/* Only * is special; the pattern is not Sigma's string pattern. */
static bool name_matches(const struct word *pattern, const char *name)
{
	const char *p = pattern->text, *end = p + pattern->n, *star = NULL, *retry = NULL;

	while (*name) {
		if (p < end && *p == '*') {
			star = ++p;
			retry = name;
		} else if (p < end && *p == *name) {
			p++;
			name++;
		} else if (star) {
			p = star;
			name = ++retry;
		} else {
			return false;
		}
	}
	while (p < end && *p == '*')
		p++;
	return p == end;
}

static bool is_meant(const struct word *pattern, const char *name)
{
	if (is(pattern, "them"))
		return name[0] != '_';
	if (name[0] == '_' && pattern->text[0] != '_')
		return false;
	return name_matches(pattern, name);
}

/* What follows `1 of' and its like. */
static int parse_selector(struct parser *parser, enum node_kind kind, struct node **ret)
{
	const struct detection *detection = parser->detection;
	struct word pattern = parser->word;
	struct node *node;
	size_t n = 0;

	if (!pattern.n || *pattern.text == '(' || *pattern.text == ')')
		return refuse_word(parser, "`them' or a pattern");
	node = node_new(parser->builder->arena, kind, detection->n);
	if (!node)
		return -ENOMEM;
	for (size_t i = 0; i < detection->n; i++)
		if (is_meant(&pattern, detection->searches[i].name))
			node->children[n++] = detection->searches[i].node;
	if (!n)
		return refuse(parser->builder->refusal, parser->line,
			      "bad condition: no search identifier fits `%.*s'",
			      (int)(pattern.n > 60 ? 60 : pattern.n), pattern.text);
	node->n_children = n;
	*ret = n == 1 ? node->children[0] : node;
	return next_word(parser);
}

static int parse_name(struct parser *parser, struct node **ret)
{
	const struct detection *detection = parser->detection;

	for (size_t i = 0; i < detection->n; i++) {
		if (!is(&parser->word, detection->searches[i].name))
			continue;
		*ret = detection->searches[i].node;
		return next_word(parser);
	}
	return refuse(parser->builder->refusal, parser->line,
		      "bad condition: there is no search identifier `%.*s'",
		      (int)(parser->word.n > 60 ? 60 : parser->word.n), parser->word.text);
}

static int parse_or(struct parser *parser, struct node **ret);

static int parse_operand(struct parser *parser, struct node **ret)
{
	struct word first = parser->word;
	const char *rest = parser->rest;
	int r;

	if (!first.n || *first.text == ')' || is(&first, "and") || is(&first, "or"))
		return refuse_word(parser, "a search identifier");
	r = next_word(parser);
	if (r)
		return r;
	if (*first.text == '(') {
		r = parse_or(parser, ret);
		if (r)
			return r;
		if (!parser->word.n || *parser->word.text != ')')
			return refuse_word(parser, "`)'");
		return next_word(parser);
	}
	if (is(&parser->word, "of")) {
		if (!is(&first, "1") && !is(&first, "any") && !is(&first, "all")) {
			parser->word = first;
			return refuse_word(parser, "`1', `any' or `all' before `of'");
		}
		r = next_word(parser);
		return r ? r : parse_selector(parser, is(&first, "all") ? NODE_AND : NODE_OR, ret);
	}
	parser->word = first;
	parser->rest = rest;
	return parse_name(parser, ret);
}

static int parse_not(struct parser *parser, struct node **ret)
{
	int r;

	/* Every way down passes here, parentheses too. */
	if (++parser->depth > CONDITION_MAX_DEPTH)
		return refuse(parser->builder->refusal, parser->line,
			      "bad condition: nested deeper than %d", CONDITION_MAX_DEPTH);
	if (is(&parser->word, "not")) {
		r = next_word(parser);
		if (!r)
			r = parse_not(parser, ret);
		if (!r) {
			*ret = node_not(parser->builder->arena, *ret);
			r = *ret ? 0 : -ENOMEM;
		}
	} else {
		r = parse_operand(parser, ret);
	}
	parser->depth--;
	return r;
}

/* A chain of operands with one operator between them. */
static int parse_chain(struct parser *parser, const char *operator, enum node_kind kind,
		       int (*operand)(struct parser *, struct node **), struct node **ret)
{
	struct node *children[2];
	int r;

	r = operand(parser, &children[0]);
	while (!r && is(&parser->word, operator)) {
		r = next_word(parser);
		if (!r)
			r = operand(parser, &children[1]);
		if (r)
			return r;
		children[0] = node_join(parser->builder->arena, kind, children, 2);
		if (!children[0])
			return -ENOMEM;
	}
	if (!r)
		*ret = children[0];
	return r;
}

static int parse_and(struct parser *parser, struct node **ret)
{
	return parse_chain(parser, "and", NODE_AND, parse_not, ret);
}

static int parse_or(struct parser *parser, struct node **ret)
{
	return parse_chain(parser, "or", NODE_OR, parse_and, ret);
}

static bool begins_with_not(const char *text)
{
	text += strspn(text, " \t\r\n(");
	return !strncmp(text, "not", 3) && text[3] && strchr(" \t\r\n(", text[3]);
}

int condition_parse(struct expression_builder *builder, const struct detection *detection,
		    const struct yaml_node *condition, struct node **ret, bool *ret_negated)
{
	struct parser parser = { .builder = builder, .detection = detection,
				 .line = condition->line, .rest = condition->text };
	int r;

	if (condition->kind != YAML_SCALAR || yaml_type(condition) == YAML_TYPE_NULL)
		return refuse(builder->refusal, condition->line, "a condition must be text, not %s",
			      yaml_kind_name(condition));
	if (strlen(condition->text) != condition->length)
		return refuse(builder->refusal, condition->line, "a NUL character in the condition");
	r = next_word(&parser);
	if (!r)
		r = parse_or(&parser, ret);
	if (r)
		return r;
	if (parser.word.n)
		return refuse_word(&parser, "`and', `or' or the end");
	/* A search identifier may itself be a negation (neq): the word must be there too. */
	if (ret_negated)
		*ret_negated = (*ret)->kind == NODE_NOT && begins_with_not(condition->text);
	return 0;
}

int condition_read(struct expression_builder *builder, const struct detection *detection,
		   const struct yaml_node *condition, struct node **ret)
{
	struct node *node;
	size_t i = 0;
	int r;

	if (condition->kind != YAML_LIST)
		return condition_parse(builder, detection, condition, ret, NULL);
	if (!condition->n_children)
		return refuse(builder->refusal, condition->line, "an empty list of conditions");
	node = node_new(builder->arena, NODE_OR, condition->n_children);
	if (!node)
		return -ENOMEM;
	for (const struct yaml_node *one = condition->first; one; one = one->next) {
		r = condition_parse(builder, detection, one, &node->children[i++], NULL);
		if (r)
			return r;
	}
	*ret = node;
	return 0;
}
