/* SPDX-License-Identifier: Apache-2.0 */
/* Names - lists of event types, of acts and of namespaces in YAML, as masks (folder-internal). */
#ifndef RINGFORT_HOST_NAMES_H
#define RINGFORT_HOST_NAMES_H

#include "host/yaml.h"

#include <ringfort/net.h>
#include <stdbool.h>
#include <stdint.h>

#define NAMES_ALL_ACTS ((1u << _RINGFORT_ACT_N) - 1)
#define NAMES_ALL_NET_ACTS ((1u << _RINGFORT_NET_ACT_N) - 1)

/** names_all_events() - mask of every type of the schema */
uint64_t names_all_events(void);

/** names_read_events() - for yaml_fill: [process.exec, ...] or ["*"] into uint64_t */
int names_read_events(void *out, const struct yaml_item *item, const struct yaml_field *field,
		      struct yaml_error *ret_error);

/**
 * names_read_acts() - [process.exec, file.open, net.connect, net.bind, net.send] into two masks
 * @ret_acts: 1u << RINGFORT_ACT_*: what is asked about
 * @ret_net:  1u << RINGFORT_NET_*: what rules decide
 */
int names_read_acts(uint32_t *ret_acts, uint32_t *ret_net, const struct yaml_item *item,
		    const struct yaml_field *field, struct yaml_error *ret_error);

/** names_read_share() - for yaml_fill: [network, ...] into uint32_t, SPAWN_SHARE_* */
int names_read_share(void *out, const struct yaml_item *item, const struct yaml_field *field,
		     struct yaml_error *ret_error);

#endif
