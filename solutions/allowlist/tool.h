/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tool - ringfort-allowlist: one file per subcommand.
 */
#ifndef ALLOWLIST_TOOL_H
#define ALLOWLIST_TOOL_H

#include "../common/content.h"
#include "../common/tool.h"
#include "policy.h"

int tool_run(int argc, char **argv);
int tool_check(int argc, char **argv);
int tool_eval(int argc, char **argv);
int tool_learn(int argc, char **argv);

#endif
