/* SPDX-License-Identifier: Apache-2.0 */
/* Tree - JSON from ringfortd. */
#include "cli/tree.h"

#include <string.h>

json_t *tree_parse(const void *text, size_t size)
{
	json_t *tree = json_loadb(text, size, JSON_ALLOW_NUL, NULL);

	if (json_is_object(tree))
		return tree;
	json_decref(tree);
	return NULL;
}

const char *tree_string(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

uint64_t tree_uint(const json_t *object, const char *name)
{
	json_int_t value = json_integer_value(json_object_get(object, name));

	return value > 0 ? (uint64_t)value : 0;
}

bool tree_bool(const json_t *object, const char *name)
{
	return json_is_true(json_object_get(object, name));
}

const json_t *tree_at(const json_t *object, const char *path)
{
	while (object && *path) {
		size_t n = strcspn(path, ".");
		char name[64];

		if (n >= sizeof(name))
			return NULL;
		memcpy(name, path, n);
		name[n] = '\0';
		object = json_object_get(object, name);
		path += n + (path[n] == '.');
	}
	return object;
}
