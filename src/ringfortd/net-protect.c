/* SPDX-License-Identifier: Apache-2.0 */
/* Net protect - a table of words; anything else is a prefix. */
#include "ringfortd/net-protect.h"

#include "host/config.h"

#include <assert.h>
#include <netinet/in.h>
#include <string.h>

#define ANY_PORT 0, 65535
#define MAX_OF_WORD 2

static const struct {
	const char *word;
	uint32_t n;
	struct net_protected list[MAX_OF_WORD];
} table[] = {
	{ CONFIG_PROTECT_DHCP, 2, { { { AF_UNSPEC }, 67, 68, IPPROTO_UDP }, { { AF_UNSPEC }, 546, 547, IPPROTO_UDP } } },
	{ CONFIG_PROTECT_DNS, 2, { { { AF_UNSPEC }, 53, 53, 0 }, { { AF_UNSPEC }, 853, 853, 0 } } },
	{ CONFIG_PROTECT_LOOPBACK, 2, { { { AF_INET, 8, { 127 } }, ANY_PORT, 0 },
					{ { AF_INET6, 128, { [15] = 1 } }, ANY_PORT, 0 } } },
};

_Static_assert(PLAIN_LIST_MAX * MAX_OF_WORD <= NET_PROTECTED, "they fit");

static uint32_t protect(struct net_protected *ret_list, const char *word)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strcmp(table[i].word, word) == 0) {
			memcpy(ret_list, table[i].list, sizeof(table[i].list));
			return table[i].n;
		}
	*ret_list = (struct net_protected){ .port_last = 65535 };
	return prefix_parse(&ret_list->prefix, word) == 0;
}

uint32_t net_protect_list(struct net_protected ret_list[NET_PROTECTED], const struct plain_list *words)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < words->n; i++)
		n += protect(&ret_list[n], words->text[i]);
	return n;
}
