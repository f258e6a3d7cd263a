/* SPDX-License-Identifier: Apache-2.0 */
/* Group: one event against its rules - see group.h */
#include "group.h"

#include "text.h"

#include <errno.h>
#include <string.h>

#define MAX_MATCHED_FIELDS 64

struct scan {
	struct group *group;
	size_t n; /* bytes of the value */
	bool is_ascii;
};

static void add_candidates(struct group *group, const struct index_lists *lists, size_t i)
{
	for (uint32_t k = lists->first[i]; k < lists->first[i + 1]; k++)
		bit_set(group->candidates, lists->entries[k]);
}

static void hit(struct group *group, uint32_t index)
{
	bit_set(group->hit, index);
	add_candidates(group, &group->by_predicate, index);
}

static void hint(struct group *group, uint32_t index)
{
	bit_set(group->hinted, index);
	add_candidates(group, &group->by_predicate, index);
}

static int on_literal(unsigned int id, unsigned long long from, unsigned long long to,
		      unsigned int flags, void *userdata)
{
	const struct scan *scan = userdata;
	struct group *group = scan->group;
	const struct index_lists *lists = &group->by_literal;

	for (uint32_t k = lists->first[id]; k < lists->first[id + 1]; k++) {
		uint32_t index = lists->entries[k];
		const struct predicate *predicate = &group->predicates[index];
		const struct atom *atom = predicate->atom;

		/* The same again says nothing new. */
		if (bit_is_set(predicate->way == WAY_HINT ? group->hinted : group->hit, index))
			continue;
		if (predicate->way == WAY_HINT)
			hint(group, index);
		else if ((atom->open_start || to == atom->n_literal) &&
			 (atom->open_end || to == scan->n))
			hit(group, index);
	}
	return 0;
}

static int on_hit(unsigned int id, unsigned long long from, unsigned long long to,
		  unsigned int flags, void *userdata)
{
	struct scan *scan = userdata;

	switch (scan->group->predicates[id].way) {
	case WAY_HINT:
		hint(scan->group, id);
		break;
	case WAY_SCAN_ASCII:
		if (scan->is_ascii)
			hit(scan->group, id);
		break;
	default:
		hit(scan->group, id);
		break;
	}
	return 0;
}

static int scan_with(const hs_database_t *database, const struct sigma_string *string,
		     match_event_handler handler, struct scan *scan)
{
	if (!database || hs_scan(database, string->text, (unsigned int)string->n, 0,
				 scan->group->scratch, handler, scan) == HS_SUCCESS)
		return 0;
	return -EIO;
}

static int scan_string(struct group *group, const struct group_field *field,
		       const struct sigma_string *string, bool *is_ascii)
{
	struct scan scan = { .group = group, .n = string->n };
	int r;

	if (!string->n) {
		for (size_t i = 0; i < field->n_empty_hits; i++)
			hit(group, field->empty_hits[i]);
		return 0;
	}
	scan.is_ascii = !field->asks_ascii || text_is_ascii(string->text, string->n);
	*is_ascii &= scan.is_ascii;
	r = scan_with(field->literals, string, on_literal, &scan);
	if (!r)
		r = scan_with(field->patterns, string, on_hit, &scan);
	return r || scan.is_ascii ? r : scan_with(field->beyond, string, on_hit, &scan);
}

static int scan_value(struct group *group, const struct group_field *field,
		      const struct sigma_value *value, bool *is_ascii)
{
	int r = 0;

	if (value->type == SIGMA_STRING)
		return scan_string(group, field, &value->string, is_ascii);
	if (value->type == SIGMA_LIST)
		for (size_t i = 0; i < value->n_list && !r; i++)
			r = scan_string(group, field, &value->list[i], is_ascii);
	return r;
}

static const struct sigma_string *strings_of(const struct sigma_value *value, size_t *ret_n)
{
	if (value->type == SIGMA_LIST) {
		*ret_n = value->n_list;
		return value->list;
	}
	*ret_n = value->type == SIGMA_STRING;
	return &value->string;
}

/* One scan over all values is much cheaper than one for each.  Return: bytes; 0: no room. */
static size_t join_values(struct group *group, const struct sigma_value *values, size_t n)
{
	size_t n_joined = 0, n_strings;

	for (size_t i = 0; i < n; i++) {
		const struct sigma_string *strings = strings_of(&values[i], &n_strings);

		for (size_t k = 0; k < n_strings; k++) {
			if (strings[k].n >= GROUP_MAX_JOINED - n_joined)
				return 0;
			memcpy(group->joined + n_joined, strings[k].text, strings[k].n);
			n_joined += strings[k].n;
			group->joined[n_joined++] = '\n';
		}
	}
	return n_joined;
}

static int scan_keywords(struct group *group, const struct sigma_value *values, size_t n)
{
	struct sigma_string joined = { .text = group->joined };
	bool is_ascii = true;
	int r = 0;

	if (!group->joined)
		return 0;
	joined.n = join_values(group, values, n);
	if (joined.n)
		return scan_string(group, &group->keywords, &joined, &is_ascii);
	for (size_t i = 0; i < n && !r; i++)
		r = scan_value(group, &group->keywords, &values[i], &is_ascii);
	return r;
}

/* Look at every value once; note what is there, what was hit, and which rules that concerns. */
static int scan_event(struct group *group, const int *ids, const struct sigma_value *values,
		      size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n && !r; i++) {
		if (values[i].type == SIGMA_ABSENT || ids[i] < 0)
			continue;
		group->values[ids[i]] = &values[i];
		group->positions[ids[i]] = (unsigned int)i;
		group->is_ascii[ids[i]] = true;
		add_candidates(group, &group->by_presence, (size_t)ids[i]);
		r = scan_value(group, &group->fields[ids[i]], &values[i], &group->is_ascii[ids[i]]);
		if (!group->is_ascii[ids[i]])
			add_candidates(group, &group->by_other, (size_t)ids[i]);
	}
	if (r || !group->has_keywords)
		return r;
	add_candidates(group, &group->by_presence, group->n_fields);
	return scan_keywords(group, values, n);
}

static int test_keyword(struct group *group, const struct atom *atom)
{
	int result = 0;

	for (size_t i = 0; i < group->n_event && result <= 0; i++) {
		int r = atom_test(atom, &group->event[i], NULL);

		result = r ? r : result;
	}
	return result;
}

/* The slow way, at most once per predicate and event. */
static bool test(struct group *group, uint32_t index)
{
	const struct predicate *predicate = &group->predicates[index];
	const struct sigma_value *other = NULL;
	int r;

	if (bit_is_set(group->known, index))
		return false; /* true ones are in group->hit */
	bit_set(group->known, index);
	if (predicate->field == NO_FIELD) {
		r = test_keyword(group, predicate->atom);
	} else {
		if (predicate->other != NO_FIELD)
			other = group->values[predicate->other];
		r = atom_test(predicate->atom, group->values[predicate->field], other);
	}
	if (r < 0)
		group->n_regex_limits++;
	if (r > 0)
		bit_set(group->hit, index);
	return r > 0;
}

static bool is_true(struct group *group, uint32_t index)
{
	const struct predicate *predicate = &group->predicates[index];

	if (bit_is_set(group->hit, index))
		return true;
	if (predicate->way == WAY_SCAN)
		return false;
	if (predicate->way == WAY_HINT && !bit_is_set(group->hinted, index))
		return false;
	if (predicate->way == WAY_SCAN_ASCII &&
	    (!group->values[predicate->field] || group->is_ascii[predicate->field]))
		return false;
	return test(group, index);
}

static bool run(struct group *group, size_t rule)
{
	uint32_t at = group->entries[rule];

	while (at < TARGET_FALSE) {
		const struct instruction *instruction = &group->program[at];

		at = is_true(group, instruction->predicate) ? instruction->if_true :
							      instruction->if_false;
	}
	return at == TARGET_TRUE;
}

static size_t matched_fields(struct group *group, size_t rule, unsigned int *ret)
{
	const struct index_lists *positive = &group->positive;
	size_t n = 0;

	for (uint32_t k = positive->first[rule]; k < positive->first[rule + 1]; k++) {
		uint32_t field = group->predicates[positive->entries[k]].field;
		size_t i = 0;

		if (field == NO_FIELD || !group->values[field] ||
		    !is_true(group, positive->entries[k]))
			continue;
		while (i < n && ret[i] != group->positions[field])
			i++;
		if (i == n && n < MAX_MATCHED_FIELDS)
			ret[n++] = group->positions[field];
	}
	return n;
}

static int run_candidates(struct group *group, sigma_match_fn found, void *userdata,
			  struct sigma_counters *counters)
{
	unsigned int fields[MAX_MATCHED_FIELDS];
	int n_found = 0;

	for (size_t word = 0; word < group->n_rule_words; word++) {
		uint64_t bits = group->candidates[word];

		for (; bits; bits &= bits - 1) {
			size_t rule = word * 64 + (size_t)__builtin_ctzll(bits);
			struct sigma_match match = { .rule = group->rules[rule], .fields = fields };

			counters->n_candidates++;
			if (!run(group, rule))
				continue;
			n_found++;
			if (!found)
				continue;
			match.n_fields = matched_fields(group, rule, fields);
			found(&match, userdata);
		}
	}
	return n_found;
}

int group_match(struct group *group, const int *ids, const struct sigma_value *values, size_t n,
		sigma_match_fn found, void *userdata, struct sigma_counters *counters)
{
	int r;

	if (!group->n_rules)
		return 0;
	if (n > SIGMA_MAX_FIELDS)
		n = SIGMA_MAX_FIELDS;
	memcpy(group->candidates, group->always, group->n_rule_words * sizeof(uint64_t));
	memset(group->hit, 0, group->n_predicate_words * sizeof(uint64_t));
	memset(group->known, 0, group->n_predicate_words * sizeof(uint64_t));
	memset(group->hinted, 0, group->n_predicate_words * sizeof(uint64_t));
	memset(group->values, 0, group->n_fields * sizeof(*group->values));
	group->event = values;
	group->n_event = n;

	r = scan_event(group, ids, values, n);
	if (r < 0)
		return r;
	r = run_candidates(group, found, userdata, counters);
	counters->n_matches += (uint64_t)r;
	return r;
}

static int count_hit(unsigned int id, unsigned long long from, unsigned long long to,
		     unsigned int flags, void *userdata)
{
	(*(uint64_t *)userdata)++;
	return 0;
}

static void scan_string_only(struct group *group, const hs_database_t *database,
			     const struct sigma_string *string, uint64_t *n_hits)
{
	if (database && string->n)
		hs_scan(database, string->text, (unsigned int)string->n, 0, group->scratch, count_hit,
			n_hits);
}

/* Without what is beyond ASCII, so never more than what group_match() scans. */
static uint64_t scan_only(struct group *group, const struct group_field *field,
			  const struct sigma_value *value)
{
	uint64_t n_hits = 0;
	size_t n;
	const struct sigma_string *strings = strings_of(value, &n);

	for (size_t i = 0; i < n; i++) {
		scan_string_only(group, field->literals, &strings[i], &n_hits);
		scan_string_only(group, field->patterns, &strings[i], &n_hits);
	}
	return n_hits;
}

uint64_t group_scan_only(struct group *group, const int *ids, const struct sigma_value *values,
			 size_t n)
{
	uint64_t n_hits = 0;

	for (size_t i = 0; i < n && i < SIGMA_MAX_FIELDS; i++)
		if (ids[i] >= 0)
			n_hits += scan_only(group, &group->fields[ids[i]], &values[i]);
	if (group->joined) {
		struct sigma_value joined = { .type = SIGMA_STRING, .string.text = group->joined };

		joined.string.n = join_values(group, values, n);
		n_hits += scan_only(group, &group->keywords, &joined);
	}
	return n_hits;
}
