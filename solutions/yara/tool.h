/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tool - ringfort-yara: one file per subcommand; each gets its own name as argv[0] and returns the exit
 * code.
 */
#ifndef YARA_TOOL_H
#define YARA_TOOL_H

#include "rules.h"

enum {
	TOOL_OK = 0,
	TOOL_NEGATIVE = 1, /* it worked, and the answer is bad */
	TOOL_USAGE = 2,    /* wrong arguments, or input that cannot be read */
};

int tool_run(int argc, char **argv);
int tool_check(int argc, char **argv);
int tool_scan(int argc, char **argv);

/** tool_print_refusal() - for struct report: FILE:LINE: REASON, on the stream that userdata is */
void tool_print_refusal(const char *file, unsigned int line, const char *reason, void *userdata);

#endif
