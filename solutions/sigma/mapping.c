/* SPDX-License-Identifier: Apache-2.0 */
/* Mapping - see mapping.h */
#include "mapping.h"

#include "../common/util.h"
#include "mapping-fields.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_HITS 256 /* rules that one event can match; more are not told */

struct bound_table {
	const struct record_table *table;
	int *ids;
	bool in_use;
};

struct mapping {
	struct sigma_rules *rules;
	struct bound_table *tables;
	struct maker maker;
	struct sigma_value values[SIGMA_MAX_FIELDS];
	const struct record_table *current;
	unsigned int matched_as;
	struct mapping_hit *hits; /* the same rule can match several views of an event */
	size_t n_hits;
};

struct mapping *mapping_free(struct mapping *mapping)
{
	if (!mapping)
		return NULL;
	for (size_t i = 0; mapping->tables && i < mapping_n_tables; i++)
		free(mapping->tables[i].ids);
	free(mapping->tables);
	free(mapping->maker.scratch);
	free(mapping->maker.lists);
	free(mapping->hits);
	free(mapping);
	return NULL;
}

void mapping_freep(struct mapping **mapping)
{
	mapping_free(*mapping);
}

/* Which fields do the rules ask for?  The values of others are never made. */
static int bind_table(struct mapping *mapping, struct bound_table *bound,
		      const struct record_table *table)
{
	const char *names[SIGMA_MAX_FIELDS];
	size_t n_used = 0;

	bound->table = table;
	bound->ids = calloc(table->n_rows, sizeof(*bound->ids));
	if (!bound->ids)
		return -ENOMEM;
	for (size_t i = 0; i < table->n_rows; i++)
		names[i] = table->rows[i].name;
	sigma_bind(mapping->rules, table->source, names, table->n_rows, bound->ids);
	for (size_t i = 0; i < table->n_rows; i++)
		n_used += bound->ids[i] != SIGMA_FIELD_UNUSED;
	bound->in_use = sigma_rules_per_source(mapping->rules, table->source) &&
			(n_used || sigma_has_keywords(mapping->rules, table->source));
	return 0;
}

int mapping_new(struct mapping **ret, struct sigma_rules *rules)
{
	_cleanup_(mapping_freep) struct mapping *mapping = calloc(1, sizeof(*mapping));
	int r = 0;

	if (!mapping)
		return -ENOMEM;
	mapping->rules = rules;
	mapping->tables = calloc(mapping_n_tables, sizeof(*mapping->tables));
	mapping->maker.scratch = malloc(MAPPING_SCRATCH);
	mapping->maker.lists = calloc(MAPPING_LISTS, sizeof(*mapping->maker.lists));
	mapping->hits = calloc(MAX_HITS, sizeof(*mapping->hits));
	if (!mapping->tables || !mapping->maker.scratch || !mapping->maker.lists || !mapping->hits)
		return -ENOMEM;
	for (size_t i = 0; i < mapping_n_tables && !r; i++)
		r = bind_table(mapping, &mapping->tables[i], &mapping_tables[i]);
	if (r)
		return r;
	*ret = take_ptr(mapping);
	return 0;
}

uint64_t mapping_types(const struct mapping *mapping)
{
	uint64_t types = 0;

	for (size_t i = 0; i < mapping_n_tables; i++)
		if (mapping->tables[i].in_use)
			types |= UINT64_C(1) << mapping_tables[i].type;
	return types;
}

const char *mapping_matched_as(unsigned int matched_as)
{
	static const char *const words[] = { NULL, "resolved", "called", "both" };

	return words[matched_as & 3];
}

static struct mapping_hit *hit_of(struct mapping *mapping, const struct sigma_rule *rule)
{
	struct mapping_hit *hit;

	for (size_t i = 0; i < mapping->n_hits; i++)
		if (mapping->hits[i].rule == rule)
			return &mapping->hits[i];
	if (mapping->n_hits == MAX_HITS)
		return NULL;
	hit = &mapping->hits[mapping->n_hits++];
	hit->rule = rule;
	hit->matched_as = 0;
	hit->n_matched = 0;
	return hit;
}

static const char *text_of(const struct sigma_value *value)
{
	if (value->type == SIGMA_LIST)
		return value->n_list ? value->list[0].text : "";
	return value->type == SIGMA_STRING ? value->string.text : "";
}

/* What matched first is kept: the resolved view comes before the called one. */
static void add_matched(struct mapping_hit *hit, const char *field, const char *value)
{
	for (uint32_t i = 0; i < hit->n_matched; i++)
		if (!strcmp(hit->matched[i].field, field))
			return;
	if (hit->n_matched < MAPPING_MAX_MATCHED)
		hit->matched[hit->n_matched++] = (struct ringfort_matched){ field, value };
}

static void on_match(const struct sigma_match *match, void *userdata)
{
	struct mapping *mapping = userdata;
	struct mapping_hit *hit = hit_of(mapping, match->rule);

	if (!hit)
		return;
	hit->matched_as |= mapping->matched_as;
	for (size_t i = 0; i < match->n_fields; i++)
		add_matched(hit, mapping->current->rows[match->fields[i]].name,
			    text_of(&mapping->values[match->fields[i]]));
}

static int match_table(struct mapping *mapping, const struct bound_table *bound)
{
	const struct record_table *table = bound->table;
	bool all = sigma_has_keywords(mapping->rules, table->source);

	for (size_t i = 0; i < table->n_rows; i++) {
		mapping->values[i].type = SIGMA_ABSENT;
		if (all || bound->ids[i] != SIGMA_FIELD_UNUSED)
			table->rows[i].make(&mapping->maker, &table->rows[i], &mapping->values[i]);
	}
	mapping->current = table;
	return sigma_match(mapping->rules, table->source, bound->ids, mapping->values, table->n_rows,
			   on_match, mapping);
}

static bool equal(const struct sigma_value *a, const struct sigma_value *b)
{
	return a->type == b->type && a->string.n == b->string.n &&
	       (!a->string.n || !memcmp(a->string.text, b->string.text, a->string.n));
}

/* Does any Image of the event read otherwise when it is the path as called? */
static bool called_differs(struct mapping *mapping)
{
	static field_maker *const makers[] = { make_image, make_exec_image, make_parent_image };
	struct maker *maker = &mapping->maker;
	bool differs = false;

	for (size_t i = 0; i < ARRAY_LENGTH(makers) && !differs; i++) {
		struct sigma_value resolved = { 0 }, called = { 0 };

		if (makers[i] == make_exec_image && !ringfort_as_process_exec(maker->event))
			continue;
		maker->called = false;
		makers[i](maker, NULL, &resolved);
		maker->called = true;
		makers[i](maker, NULL, &called);
		differs = called.type == SIGMA_STRING && !equal(&resolved, &called);
	}
	maker->called = false;
	return differs;
}

static int match_view(struct mapping *mapping, unsigned int as)
{
	const struct ringfort_event *event = mapping->maker.event;

	for (size_t i = 0; i < mapping_n_tables; i++) {
		const struct bound_table *bound = &mapping->tables[i];
		int r;

		if (bound->table->type != event->type || !bound->in_use)
			continue;
		if (bound->table->applies && !bound->table->applies(event))
			continue;
		mapping->maker.called = as == MATCHED_CALLED;
		mapping->matched_as = as;
		r = match_table(mapping, bound);
		if (r < 0)
			return r;
	}
	return 0;
}

int mapping_match(struct mapping *mapping, const struct ringfort_event *event,
		  mapping_hit_fn found, void *userdata)
{
	int r;

	if (event->flags & RINGFORT_FLAG_SELFTEST)
		return 0;
	mapping->maker.event = event;
	mapping->maker.n_scratch = 0;
	mapping->maker.n_lists = 0;
	mapping->n_hits = 0;
	r = match_view(mapping, MATCHED_RESOLVED);
	if (!r && called_differs(mapping))
		r = match_view(mapping, MATCHED_CALLED);
	if (r < 0)
		return r;
	for (size_t i = 0; i < mapping->n_hits; i++)
		found(&mapping->hits[i], userdata);
	return (int)mapping->n_hits;
}
