/* SPDX-License-Identifier: Apache-2.0 */
/* Digest - SHA-256 of the bytes behind a descriptor. */
#ifndef ALLOWLIST_DIGEST_H
#define ALLOWLIST_DIGEST_H

#include "../common/util.h"

#define DIGEST_BYTES 32
#define DIGEST_HEX 65 /* with the NUL */

struct digest {
	unsigned char bytes[DIGEST_BYTES];
};

/** digest_parse() - 64 hexadecimal digits, in either case, and nothing else */
bool digest_parse(const char *hex, struct digest *ret);

void digest_format(const struct digest *digest, char ret_hex[DIGEST_HEX]);

/** digest_of_bytes() - 0, or -ENOMEM */
int digest_of_bytes(const void *bytes, size_t n, struct digest *ret);

/**
 * digest_of_file() - of the whole file, from its beginning; the descriptor's offset is not touched
 *
 * A file that grows while it is read is read to max_bytes and no further.
 *
 * Return: 0; E_REFUSED it has more than max_bytes; a negative errno, -ENOMEM among them.
 */
int digest_of_file(int fd, uint64_t max_bytes, struct digest *ret);

#endif
