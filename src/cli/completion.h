/* SPDX-License-Identifier: Apache-2.0 */
/* Completion - the script for bash, from the tables of subcommands, options and event types. */
#ifndef RINGFORT_CLI_COMPLETION_H
#define RINGFORT_CLI_COMPLETION_H

#include "cli/cli.h"

void completion_print(FILE *file, const struct command *commands);

#endif
