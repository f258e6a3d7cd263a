/* SPDX-License-Identifier: Apache-2.0 */
/* Detection: search identifiers - see detection.h */
#include "detection.h"

#include <errno.h>
#include <string.h>

static int read_search(struct expression_builder *builder, const struct yaml_node *node,
		       struct node **ret);

/* The items of a map are joined by and. */
static int read_map(struct expression_builder *builder, const struct yaml_node *map,
		    struct node **ret)
{
	struct node *node = node_new(builder->arena, NODE_AND, map->n_children);
	size_t i = 0;
	int r;

	if (!node)
		return -ENOMEM;
	if (!map->n_children)
		return refuse(builder->refusal, map->line, "an empty map");
	for (const struct yaml_node *item = map->first; item; item = item->next) {
		r = modifier_build(builder, item->key, item->key_line, item, &node->children[i++]);
		if (r)
			return r;
	}
	*ret = node->n_children == 1 ? node->children[0] : node;
	return 0;
}

/* A list of keywords, of maps, or of both: joined by or. */
static int read_list(struct expression_builder *builder, const struct yaml_node *list,
		     struct node **ret)
{
	struct node *node = node_new(builder->arena, NODE_OR, list->n_children);
	size_t i = 0;
	int r;

	if (!node)
		return -ENOMEM;
	if (!list->n_children)
		return refuse(builder->refusal, list->line, "an empty list");
	for (const struct yaml_node *item = list->first; item; item = item->next) {
		r = read_search(builder, item, &node->children[i++]);
		if (r)
			return r;
	}
	*ret = node->n_children == 1 ? node->children[0] : node;
	return 0;
}

static int read_search(struct expression_builder *builder, const struct yaml_node *node,
		       struct node **ret)
{
	switch (node->kind) {
	case YAML_MAP:
		return read_map(builder, node, ret);
	case YAML_LIST:
		return read_list(builder, node, ret);
	default:
		return modifier_build(builder, NULL, node->line, node, ret);
	}
}

static bool is_skipped(const char *key, const char *const *skip)
{
	for (; *skip; skip++)
		if (!strcmp(key, *skip))
			return true;
	return false;
}

int detection_read(struct expression_builder *builder, const struct yaml_node *map,
		   const char *const *skip, struct detection *ret)
{
	int r;

	ret->n = 0;
	ret->searches = arena_alloc_array(builder->arena, map->n_children, sizeof(*ret->searches));
	if (!ret->searches)
		return -ENOMEM;
	for (const struct yaml_node *search = map->first; search; search = search->next) {
		if (is_skipped(search->key, skip))
			continue;
		ret->searches[ret->n].name = search->key;
		r = read_search(builder, search, &ret->searches[ret->n++].node);
		if (r)
			return r;
	}
	if (!ret->n)
		return refuse(builder->refusal, map->line, "no search identifier");
	return 0;
}
