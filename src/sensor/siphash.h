/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SipHash-2-4 of one number, keyed.
 *
 * Whoever can choose process ids (clone3 with set_tid, or forking until one comes round) must
 * not be able to choose buckets.
 */
#ifndef RINGFORT_SENSOR_SIPHASH_H
#define RINGFORT_SENSOR_SIPHASH_H

#include <stdint.h>

struct siphash_key {
	uint64_t k0, k1;
};

static inline uint64_t siphash_rotate(uint64_t x, int bits)
{
	return x << bits | x >> (64 - bits);
}

static inline void siphash_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = siphash_rotate(v[1], 13) ^ v[0];
	v[3] = siphash_rotate(v[3], 16) ^ v[2];
	v[0] = siphash_rotate(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = siphash_rotate(v[1], 17) ^ v[2];
	v[3] = siphash_rotate(v[3], 21) ^ v[0];
	v[2] = siphash_rotate(v[2], 32);
}

/* The same as SipHash-2-4 over the eight bytes of value in little-endian order. */
static inline uint64_t siphash_u64(const struct siphash_key *key, uint64_t value)
{
	uint64_t v[4] = { key->k0 ^ 0x736f6d6570736575ull, key->k1 ^ 0x646f72616e646f6dull,
			  key->k0 ^ 0x6c7967656e657261ull, key->k1 ^ 0x7465646279746573ull };
	const uint64_t blocks[2] = { value, 8ull << 56 };

	for (int i = 0; i < 2; i++) {
		v[3] ^= blocks[i];
		siphash_round(v);
		siphash_round(v);
		v[0] ^= blocks[i];
	}
	v[2] ^= 0xff;
	for (int i = 0; i < 4; i++)
		siphash_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

#endif
