/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Boot line - what the kernel's command line says to us: "ringfort.disable=1" opens the gate.
 *
 * For who stands before a machine that blocks too much, with nothing but its boot loader.  The daemon runs
 * and reports as always; only the gate is not started.
 */
#ifndef RINGFORT_RINGFORTD_BOOT_LINE_H
#define RINGFORT_RINGFORTD_BOOT_LINE_H

#include <stdbool.h>

#define BOOT_LINE_WORD "ringfort.disable"

/**
 * boot_line_disables() - is the gate to stay open?
 * @line: as in /proc/cmdline
 *
 * The word alone, or with 1, y, yes, t, true or on, in any case; of several the last counts, as for the
 * kernel itself.  What it is else set to does not disable.
 */
bool boot_line_disables(const char *line);

/** boot_line_read() - the same of this machine's line; false where there is none */
bool boot_line_read(void);

#endif
