/* SPDX-License-Identifier: Apache-2.0 */
/* Placeholders - see engine.h and placeholders.h */
#include "placeholders.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct sigma_placeholders {
	struct arena arena;
	const struct yaml_node *map; /* or NULL: there are none */
};

struct sigma_placeholders *sigma_placeholders_free(struct sigma_placeholders *placeholders)
{
	if (placeholders)
		arena_done(&placeholders->arena);
	free(placeholders);
	return NULL;
}

void sigma_placeholders_freep(struct sigma_placeholders **placeholders)
{
	sigma_placeholders_free(*placeholders);
}

static bool is_value(const struct yaml_node *node)
{
	return node->kind == YAML_SCALAR && yaml_type(node) != YAML_TYPE_NULL;
}

static int check(const struct yaml_node *map, struct refusal *refusal)
{
	if (map->kind != YAML_MAP)
		return refuse(refusal, map->line, "placeholders must be a map, not %s",
			      yaml_kind_name(map));
	for (const struct yaml_node *entry = map->first; entry; entry = entry->next) {
		if (is_value(entry))
			continue;
		if (entry->kind != YAML_LIST || !entry->first)
			return refuse(refusal, entry->key_line,
				      "placeholder `%s' needs a value or a list of values", entry->key);
		for (const struct yaml_node *value = entry->first; value; value = value->next)
			if (!is_value(value))
				return refuse(refusal, value->line,
					      "a value of placeholder `%s' is %s", entry->key,
					      yaml_kind_name(value));
	}
	return 0;
}

int sigma_placeholders_read(struct sigma_placeholders **ret, const char *text, size_t n,
			    char *ret_reason, size_t n_reason)
{
	_cleanup_(sigma_placeholders_freep) struct sigma_placeholders *placeholders = NULL;
	struct refusal refusal = { 0 };
	struct yaml_documents documents;
	int r;

	placeholders = calloc(1, sizeof(*placeholders));
	if (!placeholders)
		return -ENOMEM;
	r = yaml_parse(&placeholders->arena, text, n, &documents, &refusal);
	if (!r && documents.n > 1)
		r = refuse(&refusal, documents.roots[1]->line, "more than one document");
	if (!r && documents.n) {
		placeholders->map = documents.roots[0];
		r = check(placeholders->map, &refusal);
	}
	if (r == E_REFUSED)
		snprintf(ret_reason, n_reason, "line %u: %s", refusal.line, refusal.reason);
	if (r)
		return r;
	*ret = take_ptr(placeholders);
	return 0;
}

const struct yaml_node *placeholders_get(const struct sigma_placeholders *placeholders,
					 const char *name)
{
	return placeholders && placeholders->map ? yaml_get(placeholders->map, name) : NULL;
}
