/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SipHash-2-4 of a few numbers, keyed.
 *
 * Whoever can choose what a table is keyed by (process ids with clone3's set_tid, inode numbers on a
 * file system of his own) must not be able to choose buckets.
 */
#ifndef RINGFORT_BASE_SIPHASH_H
#define RINGFORT_BASE_SIPHASH_H

#include <stddef.h>
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

static inline void siphash_block(uint64_t v[4], uint64_t block)
{
	v[3] ^= block;
	siphash_round(v);
	siphash_round(v);
	v[0] ^= block;
}

/* The same as SipHash-2-4 over the numbers as bytes in little-endian order. */
static inline uint64_t siphash(const struct siphash_key *key, const uint64_t *values, size_t n)
{
	uint64_t v[4] = { key->k0 ^ 0x736f6d6570736575ull, key->k1 ^ 0x646f72616e646f6dull,
			  key->k0 ^ 0x6c7967656e657261ull, key->k1 ^ 0x7465646279746573ull };

	for (size_t i = 0; i < n; i++)
		siphash_block(v, values[i]);
	siphash_block(v, (uint64_t)n * 8 << 56);
	v[2] ^= 0xff;
	for (int i = 0; i < 4; i++)
		siphash_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static inline uint64_t siphash_u64(const struct siphash_key *key, uint64_t value)
{
	return siphash(key, &value, 1);
}

#endif
