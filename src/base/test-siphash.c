/* SPDX-License-Identifier: Apache-2.0 */
#undef NDEBUG
#include "base/siphash.h"

#include <assert.h>

/* The key and the answers are those of the paper's authors; their message n is 0, 1, ..., n - 1. */
static const struct siphash_key key = { 0x0706050403020100ull, 0x0f0e0d0c0b0a0908ull };
static const uint64_t message[] = { 0x0706050403020100ull, 0x0f0e0d0c0b0a0908ull };

static void the_hash_is_the_published_one(void)
{
	assert(siphash(&key, message, 0) == 0x726fdb47dd0e0e31ull);
	assert(siphash(&key, message, 1) == 0x93f5f5799a932462ull);
	assert(siphash_u64(&key, message[0]) == 0x93f5f5799a932462ull);
	assert(siphash(&key, message, 2) == 0x3f2acc7f57c29bdbull);
}

static void another_key_gives_another_hash(void)
{
	const struct siphash_key other = { key.k0, key.k1 ^ 1 };

	assert(siphash(&other, message, 2) != siphash(&key, message, 2));
}

int main(void)
{
	the_hash_is_the_published_one();
	another_key_gives_another_hash();
	return 0;
}
