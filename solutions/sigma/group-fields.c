/* SPDX-License-Identifier: Apache-2.0 */
/* Group: the names of fields - see compiler.h */
#include "compiler.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint32_t hash_name(const char *name, size_t n)
{
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < n; i++)
		hash = (hash ^ (unsigned char)name[i]) * 16777619u;
	return hash ^ hash >> 15;
}

uint32_t group_find_field(const struct group *group, const char *name, size_t n)
{
	size_t mask = group->n_slots - 1;

	if (!group->n_slots)
		return NO_FIELD;
	for (size_t i = hash_name(name, n) & mask; group->name_slots[i]; i = (i + 1) & mask) {
		uint32_t index = group->name_slots[i] - 1;

		if (!strncmp(group->fields[index].name, name, n) && !group->fields[index].name[n])
			return index;
	}
	return NO_FIELD;
}

static int index_fields(struct group *group)
{
	size_t n_slots = group->n_slots ? group->n_slots * 2 : 64, mask = n_slots - 1;
	uint32_t *slots = calloc(n_slots, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	for (size_t k = 0; k < group->n_fields; k++) {
		const char *name = group->fields[k].name;
		size_t i = hash_name(name, strlen(name)) & mask;

		while (slots[i])
			i = (i + 1) & mask;
		slots[i] = (uint32_t)k + 1;
	}
	free(group->name_slots);
	group->name_slots = slots;
	group->n_slots = n_slots;
	return 0;
}

int group_add_field(struct group *group, const char *name, uint32_t *ret)
{
	size_t i;
	int r;

	*ret = group_find_field(group, name, strlen(name));
	if (*ret != NO_FIELD)
		return 0;
	r = grow(&group->fields, group->n_fields, &group->n_fields_allocated);
	if (r < 0)
		return r;
	group->fields[group->n_fields++] = (struct group_field){ .name = name };
	*ret = (uint32_t)group->n_fields - 1;
	if (group->n_fields * 2 > group->n_slots)
		return index_fields(group);
	for (i = hash_name(name, strlen(name)) & (group->n_slots - 1); group->name_slots[i];)
		i = (i + 1) & (group->n_slots - 1);
	group->name_slots[i] = *ret + 1;
	return 0;
}
