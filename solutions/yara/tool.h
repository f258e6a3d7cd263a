/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tool - ringfort-yara: one file per subcommand.
 */
#ifndef YARA_TOOL_H
#define YARA_TOOL_H

#include "../common/content.h"
#include "../common/tool.h"
#include "rules.h"

int tool_run(int argc, char **argv);
int tool_check(int argc, char **argv);
int tool_scan(int argc, char **argv);

#endif
