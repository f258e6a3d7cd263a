/* SPDX-License-Identifier: Apache-2.0 */
/* Status - the part of it that `ringfort solution list` shows as well. */
#ifndef RINGFORT_CLI_STATUS_H
#define RINGFORT_CLI_STATUS_H

#include "cli/cli.h"
#include "cli/tree.h"

/** status_print_solutions() - a table; solutions is the array of that name in the status */
void status_print_solutions(const struct screen *screen, const json_t *solutions);

#endif
