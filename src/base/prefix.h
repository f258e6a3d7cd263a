/* SPDX-License-Identifier: Apache-2.0 */
/* Prefix - a range of IP addresses: 192.0.2.0/24, 2001:db8::/32, or one address. */
#ifndef RINGFORT_BASE_PREFIX_H
#define RINGFORT_BASE_PREFIX_H

#include <stdint.h>

struct prefix {
	uint32_t family; /* AF_INET, AF_INET6; AF_UNSPEC: every address of both, bits is 0 */
	uint32_t bits;
	uint8_t ip[16];  /* IPv4 in the first four bytes */
};

/** prefix_parse() - 0, or -EINVAL: no such address, or bits are set behind the prefix */
int prefix_parse(struct prefix *ret_prefix, const char *text);

#endif
