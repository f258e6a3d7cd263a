/* SPDX-License-Identifier: Apache-2.0 */
/* Prefixes that are, and texts that are none. */
#undef NDEBUG
#include "base/prefix.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

static void is(const char *text, uint32_t family, uint32_t bits, const char *ip, size_t n)
{
	struct prefix prefix;
	uint8_t bytes[16] = { 0 };

	memcpy(bytes, ip, n);
	assert(prefix_parse(&prefix, text) == 0);
	assert(prefix.family == family && prefix.bits == bits && memcmp(prefix.ip, bytes, 16) == 0);
}

static void addresses_and_prefixes_of_both_families_are_read(void)
{
	is("192.0.2.1", AF_INET, 32, "\300\0\2\1", 4);
	is("192.0.2.0/24", AF_INET, 24, "\300\0\2", 3);
	is("0.0.0.0/0", AF_INET, 0, "", 0);
	is("128.0.0.0/1", AF_INET, 1, "\200", 1);
	is("2001:db8::/32", AF_INET6, 32, "\040\001\015\270", 4);
	is("::/0", AF_INET6, 0, "", 0);
	is("::1", AF_INET6, 128, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16);
	is("::1/128", AF_INET6, 128, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16);
}

static void what_is_no_prefix_is_refused_and_changes_nothing(void)
{
	static const char *const bad[] = {
		"", "/", "/8", "192.0.2", "192.0.2.1/", "192.0.2.1/33", "192.0.2.1/-1", "192.0.2.1/+8", "192.0.2.0/024",
		"192.0.2.1/24", "192.0.2.0/24/8", "192.0.2.0/24 ", " 192.0.2.1", "::1/129", "::1/64", "2001:db8::/1000",
		"localhost", "[::1]", "fe80::1%lo", "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc",
	};
	struct prefix prefix, before;

	memset(&prefix, 0x5a, sizeof(prefix));
	before = prefix;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert(prefix_parse(&prefix, bad[i]) == -EINVAL);
		assert(memcmp(&prefix, &before, sizeof(prefix)) == 0);
	}
}

int main(void)
{
	addresses_and_prefixes_of_both_families_are_read();
	what_is_no_prefix_is_refused_and_changes_nothing();
	return 0;
}
