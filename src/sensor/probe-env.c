/* SPDX-License-Identifier: Apache-2.0 */
/* Probe, environment - names of variables in the form in which they are compared. */
#include "sensor/probe-env.h"

#include <errno.h>
#include <string.h>

int probe_env_add(struct probe_env *env, uint32_t index, const char *name)
{
	char text[PROBE_ENV_NAME_SIZE + 2], mask[PROBE_ENV_NAME_SIZE] = { 0 };
	size_t length = strlen(name);

	if (length < 2 || length >= PROBE_ENV_NAME_SIZE - 1 || strchr(name, '='))
		return -EINVAL;
	memset(text, 0, sizeof(text));
	memcpy(text, name, length);
	if (text[length - 1] == '*')
		text[--length] = '\0';
	else
		text[length++] = '=';
	memset(mask, 0xff, length);
	memcpy(env->name[index].value, text, PROBE_ENV_NAME_SIZE);
	memcpy(env->name[index].mask, mask, PROBE_ENV_NAME_SIZE);
	env->first[(uint8_t)text[0]] |= 1u << index;
	for (uint32_t i = 0; i < 256; i++)
		if (length < 2 || i == (uint8_t)text[1])
			env->second[i] |= 1u << index;
	return 0;
}
