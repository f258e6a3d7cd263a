/* SPDX-License-Identifier: Apache-2.0 */
/* Placeholders - the values that stand for %name% where a rule says `expand'. */
#ifndef SIGMA_PLACEHOLDERS_H
#define SIGMA_PLACEHOLDERS_H

#include "engine.h"
#include "yaml-tree.h"

/** placeholders_get() - a scalar or a list of scalars, or NULL: no such name; NULL is allowed */
const struct yaml_node *placeholders_get(const struct sigma_placeholders *placeholders,
					 const char *name);

#endif
