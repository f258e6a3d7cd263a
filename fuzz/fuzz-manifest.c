/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz-manifest - any bytes as manifest.yaml, as ringfortd.yaml, and as the structs in a pipe.
 *
 * What a reader accepts must pass the supervisor's check; what it refuses must have a reason, and
 * must have changed nothing.
 */
#undef NDEBUG
#include "host/config.h"
#include "host/manifest.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_manifest(const uint8_t *data, size_t size)
{
	static struct manifest manifest;
	struct yaml_error error = { 0 };
	int r;

	memset(&manifest, 0, sizeof(manifest));
	r = manifest_parse(&manifest, data, size, &error);
	assert(r == 0 || r == YAML_REFUSED);
	assert(r == 0 ? manifest_check(&manifest) : error.reason[0] != '\0' && manifest.api == 0);
}

static void try_config(const uint8_t *data, size_t size)
{
	static struct config config, defaults;
	struct yaml_error error = { 0 };
	int r;

	config_default(&config);
	config_default(&defaults);
	r = config_parse(&config, data, size, &error);
	assert(r == 0 || r == YAML_REFUSED);
	assert(config_check(&config));
	assert(r == 0 || (error.reason[0] != '\0' && memcmp(&config, &defaults, sizeof(config)) == 0));
}

/* Damage in a struct that passed: the check may say either, but must stay within it. */
static void try_structs(const uint8_t *data, size_t size)
{
	struct manifest *manifest = calloc(1, sizeof(*manifest));
	struct config *config = malloc(sizeof(*config));

	assert(manifest && config);
	config_default(config);
	memcpy(manifest, data, size < sizeof(*manifest) ? size : sizeof(*manifest));
	memcpy(config, data, size < sizeof(*config) ? size : sizeof(*config));
	manifest_check(manifest);
	config_check(config);
	free(manifest);
	free(config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	try_manifest(data, size);
	try_config(data, size);
	try_structs(data, size);
	return 0;
}
