/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz-sigma-rules - whatever a rule file holds, it is loaded or refused
 *
 * Small inputs are compiled and matched as well; that takes vectorscan too long for large ones.
 */
#include "engine.h"

#include <stdlib.h>
#include <string.h>

#define MAX_COMPILED 400

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void match_something(struct sigma_rules *rules)
{
	static const char *const names[] = { "a", "b", "Image", "CommandLine", "t" };
	static const char *const texts[] = { "", "1", "/usr/bin/x\xff", "a \xc3\xa9 b", "2025-08-02T13:45:10Z" };
	struct sigma_value values[5] = { 0 };
	int ids[5];

	for (size_t i = 0; i < 5; i++) {
		values[i].type = SIGMA_STRING;
		values[i].string = (struct sigma_string){ texts[i], strlen(texts[i]) };
	}
	sigma_bind(rules, 0, names, 5, ids);
	if (sigma_match(rules, 0, ids, values, 5, NULL, NULL) < 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sigma_options options = { .check_only = size > MAX_COMPILED };
	struct sigma_rules *rules = NULL;
	int r = sigma_rules_load_text(&rules, "fuzz", (const char *)data, size, &options);

	/* The input may be anything; that vectorscan fails, or memory is gone, is not its fault. */
	if (r < 0)
		abort();
	if (!options.check_only)
		match_something(rules);
	sigma_rules_free(rules);
	return 0;
}
