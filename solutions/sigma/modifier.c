/* SPDX-License-Identifier: Apache-2.0 */
/* Modifier - see modifier.h */
#include "modifier.h"

#include "encode.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a value is by now; type modifiers make TEXT or NUMBER into something else. */
enum value_kind {
	VALUE_TEXT,
	VALUE_NUMBER,
	VALUE_BOOL,
	VALUE_NULL,
	VALUE_REGEX,
	VALUE_TYPED, /* finished: an address, a comparison, ... */
};

/* One value of the list with what became of it: alternatives, all of the same kind. */
struct value {
	const struct yaml_node *node;
	enum value_kind kind;
	struct atom *alternatives;
	size_t n;
	size_t n_allocated;
};

struct item {
	struct expression_builder *builder;
	const char *field; /* NULL: keyword */
	unsigned int line;
	bool with_placeholders;
	bool all, negated;
	size_t n_applied; /* modifiers that changed the value so far */
	size_t n_values;
	const char *modifier; /* the one being applied */
};

static void value_done(struct value *value)
{
	free(value->alternatives);
}

static int refuse_value(struct item *item, const struct value *value, const char *why)
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

static int add_alternative(struct value *value, const struct atom *atom)
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

/* ---- string modifiers ------------------------------------------------------------------- */

/* Numbers and booleans are text when something asks for text: "all values are strings". */
static int need_text(struct item *item, const struct value *value)
{
	if (value->kind == VALUE_NULL)
		return refuse_value(item, value, "cannot be applied to null");
	if (value->kind == VALUE_REGEX)
		return refuse_value(item, value, "cannot be applied to a regular expression");
	if (value->kind == VALUE_TYPED)
		return refuse_value(item, value, "needs text, and a modifier before it made it something else");
	return 0;
}

enum { OPEN_START = 1, OPEN_END = 2 };

/* A search finds its match anywhere: only startswith and endswith add something. */
static int open_regex(struct item *item, struct value *value, int ends)
{
	struct atom *atom = &value->alternatives[0];
	size_t n = strlen(atom->text);
	char *text;

	if (ends == (OPEN_START | OPEN_END))
		return 0;
	text = arena_alloc(item->builder->arena, n + 8);
	if (!text)
		return -ENOMEM;
	if (ends == OPEN_END)
		memcpy(text, "\\A(?:", 5);
	else
		memcpy(text, "(?:", 3);
	strcat(text, atom->text);
	strcat(text, ends == OPEN_END ? ")" : ")\\z");
	atom->text = text;
	return 0;
}

static int apply_open(struct item *item, struct value *value, int ends)
{
	int r = 0;

	if (value->kind == VALUE_REGEX)
		return open_regex(item, value, ends);
	if (value->kind == VALUE_TYPED && value->alternatives[0].kind == ATOM_FIELD) {
		value->alternatives[0].open_start = ends & OPEN_START;
		value->alternatives[0].open_end = ends & OPEN_END;
		return 0;
	}
	r = need_text(item, value);
	for (size_t i = 0; i < value->n && !r; i++) {
		struct pattern *pattern = &value->alternatives[i].pattern;

		r = pattern_wrap(pattern, item->builder->arena, pattern, ends & OPEN_START,
				 ends & OPEN_END);
	}
	value->kind = r ? value->kind : VALUE_TEXT;
	return r;
}

static int apply_windash(struct item *item, struct value *value, int unused)
{
	int r = need_text(item, value);

	for (size_t i = 0; i < value->n && !r; i++)
		r = pattern_dashes(&value->alternatives[i].pattern, item->builder->arena,
				   &value->alternatives[i].pattern);
	return r;
}

static int apply_cased(struct item *item, struct value *value, int unused)
{
	int r = 0;

	if (value->kind != VALUE_TYPED || value->alternatives[0].kind != ATOM_FIELD)
		r = need_text(item, value);
	for (size_t i = 0; i < value->n; i++)
		value->alternatives[i].cased = true;
	return r;
}

/* ---- encodings -------------------------------------------------------------------------- */

/* An encoding changes a dash's surroundings too, so here windash's permutations are written out. */
static int spell_dashes(struct item *item, struct value *value)
{
	static const char *const dashes[] = { "-", "/", "\xe2\x80\x93", "\xe2\x80\x94",
					      "\xe2\x80\x95" };

	for (size_t i = 0; i < value->n;) {
		struct atom atom = value->alternatives[i];
		struct pattern dash;
		size_t at = 0;
		int r;

		while (at < atom.pattern.n && atom.pattern.units[at] != PATTERN_DASH)
			at++;
		if (at == atom.pattern.n) {
			i++;
			continue;
		}
		for (size_t k = 0; k < ARRAY_LENGTH(dashes); k++) {
			struct atom spelt = atom;

			r = pattern_literal(&dash, item->builder->arena, dashes[k], strlen(dashes[k]));
			if (!r)
				r = pattern_splice(&spelt.pattern, item->builder->arena, &atom.pattern,
						   at, &dash);
			if (!r && k)
				r = add_alternative(value, &spelt);
			else if (!r)
				value->alternatives[i] = spelt;
			if (r)
				return r;
		}
	}
	return 0;
}

static int plain_bytes(struct item *item, struct value *value, const struct pattern *pattern,
		       char **ret, size_t *ret_n)
{
	if (!pattern_is_plain(pattern))
		return refuse_value(item, value, "cannot encode wildcards or placeholders");
	*ret = pattern_bytes(item->builder->arena, pattern, 0, pattern->n, ret_n);
	return *ret ? 0 : -ENOMEM;
}

static int encode_one(struct item *item, struct value *value, size_t i, int n_offsets)
{
	struct arena *arena = item->builder->arena;
	struct atom atom = value->alternatives[i];
	char *bytes = NULL, *text;
	size_t n;
	int r;

	r = plain_bytes(item, value, &atom.pattern, &bytes, &n);
	if (r)
		return r;
	for (int offset = 0; offset < n_offsets && !r; offset++) {
		text = n_offsets == 1 ? encode_base64(arena, bytes, n) :
					encode_base64_offset(arena, bytes, n, (unsigned int)offset);
		if (!text)
			return -ENOMEM;
		if (!*text)
			return refuse_value(item, value, "leaves nothing to look for: the value is too short");
		r = pattern_literal(&atom.pattern, arena, text, strlen(text));
		if (r)
			return r;
		if (offset)
			r = add_alternative(value, &atom);
		else
			value->alternatives[i] = atom;
	}
	return r;
}

static int apply_base64(struct item *item, struct value *value, int n_offsets)
{
	size_t n;
	int r = need_text(item, value);

	if (!r)
		r = spell_dashes(item, value);
	n = value->n;
	for (size_t i = 0; i < n && !r; i++)
		r = encode_one(item, value, i, n_offsets);
	return r;
}

/* Wildcards stay what they are between the encoded parts. */
static int encode_parts(struct item *item, struct pattern *pattern, enum encode_utf16 form)
{
	struct arena *arena = item->builder->arena;
	struct pattern result, part;
	size_t from = 0, n, n_bytes;
	char *bytes, *wide;
	int r;

	r = pattern_literal(&result, arena, "", 0);
	for (size_t i = 0; i <= pattern->n && !r; i++) {
		if (i < pattern->n && !(pattern->units[i] & PATTERN_SPECIAL))
			continue;
		if (i > from || (!i && !pattern->n)) {
			bytes = pattern_bytes(arena, pattern, from, i, &n_bytes);
			wide = bytes ? encode_utf16(arena, form, bytes, n_bytes, &n) : NULL;
			if (!wide)
				return -ENOMEM;
			r = pattern_literal(&part, arena, wide, n);
			if (!r)
				r = pattern_join(&result, arena, &result, &part);
			if (form == ENCODE_UTF16_BOM)
				form = ENCODE_UTF16LE; /* the mark stands once, at the beginning */
		}
		if (!r && i < pattern->n) {
			part = (struct pattern){ &pattern->units[i], 1, pattern->placeholders };
			r = pattern_join(&result, arena, &result, &part);
		}
		from = i + 1;
	}
	result.placeholders = pattern->placeholders;
	*pattern = result;
	return r;
}

static int apply_utf16(struct item *item, struct value *value, int form)
{
	int r = need_text(item, value);

	if (!r)
		r = spell_dashes(item, value);
	for (size_t i = 0; i < value->n && !r; i++)
		r = encode_parts(item, &value->alternatives[i].pattern, (enum encode_utf16)form);
	return r;
}

/* ---- placeholders ----------------------------------------------------------------------- */

static const struct yaml_node *values_of(struct item *item, const struct value *value,
					 const char *name)
{
	const struct yaml_node *node = placeholders_get(item->builder->placeholders, name);

	if (!node)
		refuse(item->builder->refusal, value->node->line,
		       "no value is known for placeholder %%%s%%", name);
	return node;
}

/* Put one value of a placeholder in its place: the first one there, others as alternatives. */
static int expand_to(struct item *item, struct value *value, size_t i, size_t at,
		     const struct atom *atom, const struct yaml_node *node, bool first)
{
	struct arena *arena = item->builder->arena;
	struct atom expanded = *atom;
	struct pattern insert;
	int r;

	r = pattern_parse(&insert, arena, node->text, node->length, false);
	if (!r)
		r = pattern_splice(&expanded.pattern, arena, &atom->pattern, at, &insert);
	if (r)
		return r;
	if (!first)
		return add_alternative(value, &expanded);
	value->alternatives[i] = expanded;
	return 0;
}

static int expand_at(struct item *item, struct value *value, size_t i, size_t at)
{
	struct atom atom = value->alternatives[i];
	uint32_t unit = atom.pattern.units[at];
	const struct yaml_node *node;
	int r = 0;

	node = values_of(item, value, atom.pattern.placeholders[unit & ~PATTERN_PLACEHOLDER]);
	if (!node)
		return SIGMA_E_REFUSED;
	if (node->kind == YAML_SCALAR)
		return expand_to(item, value, i, at, &atom, node, true);
	for (const struct yaml_node *one = node->first; one && !r; one = one->next)
		r = expand_to(item, value, i, at, &atom, one, one == node->first);
	return r;
}

static int apply_expand(struct item *item, struct value *value, int unused)
{
	int r = need_text(item, value);

	for (size_t i = 0; i < value->n && !r;) {
		const struct pattern *pattern = &value->alternatives[i].pattern;
		size_t at = 0;

		while (at < pattern->n && pattern->units[at] < PATTERN_PLACEHOLDER)
			at++;
		if (at == pattern->n)
			i++;
		else
			r = expand_at(item, value, i, at);
	}
	return r;
}

/* ---- type modifiers --------------------------------------------------------------------- */

/* Their value is read as it stands, so nothing may have changed it before. */
static int need_unmodified(struct item *item, const struct value *value)
{
	if (item->n_applied)
		return refuse_value(item, value, "must be the first modifier");
	return 0;
}

static int apply_re(struct item *item, struct value *value, int unused)
{
	struct atom *atom = &value->alternatives[0];
	int r;

	r = need_unmodified(item, value);
	if (!r)
		r = need_text(item, value);
	if (r)
		return r;
	if (strlen(value->node->text) != value->node->length)
		return refuse_value(item, value, "cannot take a NUL character");
	if (value->node->length > REGEX_MAX_BYTES)
		return refuse_value(item, value, "takes at most 8192 bytes");
	atom->text = arena_strdup(item->builder->arena, value->node->text);
	if (!atom->text)
		return -ENOMEM;
	atom->kind = ATOM_REGEX;
	value->kind = VALUE_REGEX;
	return 0;
}

static int apply_regex_flag(struct item *item, struct value *value, int flag)
{
	if (value->kind != VALUE_REGEX)
		return refuse_value(item, value, "must follow `re'");
	value->alternatives[0].regex_flags |= (unsigned int)flag;
	return 0;
}

static int apply_cidr(struct item *item, struct value *value, int unused)
{
	struct atom *atom = &value->alternatives[0];
	int r;

	r = need_unmodified(item, value);
	if (!r)
		r = need_text(item, value);
	if (r)
		return r;
	switch (network_parse(&atom->network, value->node->text, value->node->length)) {
	case NETWORK_NOT_ONE:
		return refuse(item->builder->refusal, value->node->line,
			      "`%s' is not an IPv4 or IPv6 network", value->node->text);
	case NETWORK_HOST_BITS:
		return refuse(item->builder->refusal, value->node->line,
			      "network `%s' has bits set behind its prefix", value->node->text);
	default:
		break;
	}
	atom->kind = ATOM_NETWORK;
	value->kind = VALUE_TYPED;
	return 0;
}

static int apply_exists(struct item *item, struct value *value, int unused)
{
	int r = need_unmodified(item, value);

	if (r)
		return r;
	if (value->kind != VALUE_BOOL)
		return refuse_value(item, value, "needs true or false");
	if (item->n_values > 1)
		return refuse_value(item, value, "takes one value, not a list");
	value->alternatives[0].kind = ATOM_EXISTS;
	value->alternatives[0].exists = yaml_bool(value->node);
	value->kind = VALUE_TYPED;
	return 0;
}

static int apply_fieldref(struct item *item, struct value *value, int unused)
{
	struct atom *atom = &value->alternatives[0];
	size_t from, to, n;
	int r = need_text(item, value);

	if (r)
		return r;
	if (value->n != 1)
		return refuse_value(item, value, "needs one name of a field");
	/* `contains' and its like may stand before it, and have put their stars by then. */
	to = atom->pattern.n;
	atom->open_start = to && atom->pattern.units[0] == PATTERN_STAR;
	atom->open_end = to && atom->pattern.units[to - 1] == PATTERN_STAR;
	from = atom->open_start;
	to -= atom->open_end && to > from;
	for (size_t i = from; i < to; i++)
		if (atom->pattern.units[i] & PATTERN_SPECIAL)
			return refuse_value(item, value, "takes no wildcards");
	atom->text = pattern_bytes(item->builder->arena, &atom->pattern, from, to, &n);
	if (!atom->text)
		return -ENOMEM;
	if (!n)
		return refuse_value(item, value, "needs the name of a field");
	atom->kind = ATOM_FIELD;
	value->kind = VALUE_TYPED;
	return 0;
}

static int need_number(struct item *item, const struct value *value, long double *ret)
{
	const struct atom *atom = &value->alternatives[0];
	size_t n;
	char *text;

	if (value->kind != VALUE_NUMBER)
		return refuse_value(item, value, "needs a number");
	text = pattern_bytes(item->builder->arena, &atom->pattern, 0, atom->pattern.n, &n);
	if (!text)
		return -ENOMEM;
	if (!compare_number(text, n, ret))
		return refuse_value(item, value, "needs a decimal number");
	return 0;
}

static int apply_relation(struct item *item, struct value *value, int relation)
{
	struct atom *atom = &value->alternatives[0];
	int r;

	if (value->kind == VALUE_TYPED && atom->kind == ATOM_DATE && atom->relation == RELATION_EQ) {
		atom->relation = (enum relation)relation;
		return 0;
	}
	r = need_number(item, value, &atom->number);
	if (r)
		return r;
	atom->kind = ATOM_NUMBER;
	atom->relation = (enum relation)relation;
	value->kind = VALUE_TYPED;
	return 0;
}

static int apply_date(struct item *item, struct value *value, int part)
{
	struct atom *atom = &value->alternatives[0];
	int r = 0;

	if (value->kind != VALUE_TYPED || atom->kind != ATOM_NUMBER)
		r = need_number(item, value, &atom->number);
	if (r)
		return r;
	atom->kind = ATOM_DATE;
	atom->part = (enum date_part)part;
	value->kind = VALUE_TYPED;
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
		return add_alternative(value, &atom);
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
	return r ? refuse_or_fail(item, value, r) : add_alternative(value, &atom);
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
	if (r == SIGMA_E_REFUSED)
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
