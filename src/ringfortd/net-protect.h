/* SPDX-License-Identifier: Apache-2.0 */
/* Net protect - what the operator lets no rule deny, from the words of the configuration. */
#ifndef RINGFORT_RINGFORTD_NET_PROTECT_H
#define RINGFORT_RINGFORTD_NET_PROTECT_H

#include "gate/net-table.h"
#include "host/plain.h"

/** net_protect_list() - checked words to rules.  Return: how many */
uint32_t net_protect_list(struct net_protected ret_list[NET_PROTECTED], const struct plain_list *words);

#endif
