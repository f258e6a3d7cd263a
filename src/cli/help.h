/* SPDX-License-Identifier: Apache-2.0 */
/* Help - the pages that --help prints, from the tables of subcommands and options. */
#ifndef RINGFORT_CLI_HELP_H
#define RINGFORT_CLI_HELP_H

#include "cli/cli.h"

/** help_all() - what there is; commands ends with a row without a name */
void help_all(const struct screen *screen, const struct command *commands);

void help_command(const struct screen *screen, const struct command *command);

#endif
