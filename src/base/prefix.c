/* SPDX-License-Identifier: Apache-2.0 */
/* Prefix - from text. */
#include "base/prefix.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int parse_address(struct prefix *prefix, const char *text, size_t length)
{
	char address[INET6_ADDRSTRLEN];

	if (length >= sizeof(address))
		return -EINVAL;
	memcpy(address, text, length);
	address[length] = '\0';
	prefix->family = strchr(address, ':') ? AF_INET6 : AF_INET;
	prefix->bits = prefix->family == AF_INET ? 32 : 128;
	return inet_pton((int)prefix->family, address, prefix->ip) == 1 ? 0 : -EINVAL;
}

/* One spelling: digits, no sign, no zero in front. */
static int parse_bits(uint32_t *ret_bits, const char *text, uint32_t most)
{
	size_t digits = strspn(text, "0123456789");
	unsigned long bits = strtoul(text, NULL, 10);

	if (digits == 0 || digits > 3 || text[digits] || (text[0] == '0' && digits > 1) || bits > most)
		return -EINVAL;
	*ret_bits = (uint32_t)bits;
	return 0;
}

int prefix_parse(struct prefix *ret_prefix, const char *text)
{
	size_t length = strcspn(text, "/");
	struct prefix prefix = { 0 };
	int r = parse_address(&prefix, text, length);

	if (r == 0 && text[length] == '/')
		r = parse_bits(&prefix.bits, text + length + 1, prefix.bits);
	if (r < 0)
		return r;
	for (uint32_t bit = prefix.bits; bit < 128; bit++)
		if (prefix.ip[bit / 8] & 0x80u >> bit % 8)
			return -EINVAL;
	*ret_prefix = prefix;
	return 0;
}
