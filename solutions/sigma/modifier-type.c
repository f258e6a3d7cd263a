/* SPDX-License-Identifier: Apache-2.0 */
/* Modifier: those that make a value something else than text - see modifier-internal.h */
#include "modifier-internal.h"

#include <errno.h>
#include <string.h>

/* Their value is read as it stands, so nothing may have changed it before. */
static int need_unmodified(struct item *item, const struct value *value)
{
	if (item->n_applied)
		return value_refuse(item, value, "must be the first modifier");
	return 0;
}

int apply_re(struct item *item, struct value *value, int unused)
{
	struct atom *atom = &value->alternatives[0];
	int r;

	r = need_unmodified(item, value);
	if (!r)
		r = value_need_text(item, value);
	if (r)
		return r;
	if (strlen(value->node->text) != value->node->length)
		return value_refuse(item, value, "cannot take a NUL character");
	if (value->node->length > REGEX_MAX_BYTES)
		return value_refuse(item, value, "takes at most 8192 bytes");
	atom->text = arena_strdup(item->builder->arena, value->node->text);
	if (!atom->text)
		return -ENOMEM;
	atom->kind = ATOM_REGEX;
	value->kind = VALUE_REGEX;
	return 0;
}

int apply_regex_flag(struct item *item, struct value *value, int flag)
{
	if (value->kind != VALUE_REGEX)
		return value_refuse(item, value, "must follow `re'");
	value->alternatives[0].regex_flags |= (unsigned int)flag;
	return 0;
}

int apply_cidr(struct item *item, struct value *value, int unused)
{
	struct atom *atom = &value->alternatives[0];
	int r;

	r = need_unmodified(item, value);
	if (!r)
		r = value_need_text(item, value);
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

int apply_exists(struct item *item, struct value *value, int unused)
{
	int r = need_unmodified(item, value);

	if (r)
		return r;
	if (value->kind != VALUE_BOOL)
		return value_refuse(item, value, "needs true or false");
	if (item->n_values > 1)
		return value_refuse(item, value, "takes one value, not a list");
	value->alternatives[0].kind = ATOM_EXISTS;
	value->alternatives[0].exists = yaml_bool(value->node);
	value->kind = VALUE_TYPED;
	return 0;
}

int apply_fieldref(struct item *item, struct value *value, int unused)
{
	struct atom *atom = &value->alternatives[0];
	size_t from, to, n;
	int r = value_need_text(item, value);

	if (r)
		return r;
	if (value->n != 1)
		return value_refuse(item, value, "needs one name of a field");
	/* `contains' and its like may stand before it, and have put their stars by then. */
	to = atom->pattern.n;
	atom->open_start = to && atom->pattern.units[0] == PATTERN_STAR;
	atom->open_end = to && atom->pattern.units[to - 1] == PATTERN_STAR;
	from = atom->open_start;
	to -= atom->open_end && to > from;
	for (size_t i = from; i < to; i++)
		if (atom->pattern.units[i] & PATTERN_SPECIAL)
			return value_refuse(item, value, "takes no wildcards");
	atom->text = pattern_bytes(item->builder->arena, &atom->pattern, from, to, &n);
	if (!atom->text)
		return -ENOMEM;
	if (!n)
		return value_refuse(item, value, "needs the name of a field");
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
		return value_refuse(item, value, "needs a number");
	text = pattern_bytes(item->builder->arena, &atom->pattern, 0, atom->pattern.n, &n);
	if (!text)
		return -ENOMEM;
	if (!compare_number(text, n, ret))
		return value_refuse(item, value, "needs a decimal number");
	return 0;
}

int apply_relation(struct item *item, struct value *value, int relation)
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

int apply_date(struct item *item, struct value *value, int part)
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
