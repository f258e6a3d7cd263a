/* SPDX-License-Identifier: Apache-2.0 */
/* Modifier: those of strings - see modifier-internal.h */
#include "encode.h"
#include "modifier-internal.h"

#include <errno.h>
#include <string.h>

/* ---- where it stands, and how it is compared -------------------------------------------- */

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

int apply_open(struct item *item, struct value *value, int ends)
{
	int r = 0;

	if (value->kind == VALUE_REGEX)
		return open_regex(item, value, ends);
	if (value->kind == VALUE_TYPED && value->alternatives[0].kind == ATOM_FIELD) {
		value->alternatives[0].open_start = ends & OPEN_START;
		value->alternatives[0].open_end = ends & OPEN_END;
		return 0;
	}
	r = value_need_text(item, value);
	for (size_t i = 0; i < value->n && !r; i++) {
		struct pattern *pattern = &value->alternatives[i].pattern;

		r = pattern_wrap(pattern, item->builder->arena, pattern, ends & OPEN_START,
				 ends & OPEN_END);
	}
	value->kind = r ? value->kind : VALUE_TEXT;
	return r;
}

int apply_windash(struct item *item, struct value *value, int unused)
{
	int r = value_need_text(item, value);

	for (size_t i = 0; i < value->n && !r; i++)
		r = pattern_dashes(&value->alternatives[i].pattern, item->builder->arena,
				   &value->alternatives[i].pattern);
	return r;
}

int apply_cased(struct item *item, struct value *value, int unused)
{
	int r = 0;

	if (value->kind != VALUE_TYPED || value->alternatives[0].kind != ATOM_FIELD)
		r = value_need_text(item, value);
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
				r = value_add(value, &spelt);
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
		return value_refuse(item, value, "cannot encode wildcards or placeholders");
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
			return value_refuse(item, value, "leaves nothing to look for: the value is too short");
		r = pattern_literal(&atom.pattern, arena, text, strlen(text));
		if (r)
			return r;
		if (offset)
			r = value_add(value, &atom);
		else
			value->alternatives[i] = atom;
	}
	return r;
}

int apply_base64(struct item *item, struct value *value, int n_offsets)
{
	size_t n;
	int r = value_need_text(item, value);

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

int apply_utf16(struct item *item, struct value *value, int form)
{
	int r = value_need_text(item, value);

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
		return value_add(value, &expanded);
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
		return E_REFUSED;
	if (node->kind == YAML_SCALAR)
		return expand_to(item, value, i, at, &atom, node, true);
	for (const struct yaml_node *one = node->first; one && !r; one = one->next)
		r = expand_to(item, value, i, at, &atom, one, one == node->first);
	return r;
}

int apply_expand(struct item *item, struct value *value, int unused)
{
	int r = value_need_text(item, value);

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
