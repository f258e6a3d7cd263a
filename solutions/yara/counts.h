/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts - a fault of libyara 4.2: it compiles `#a in (x..y)', and where that is evaluated the whole scan
 * ends with an error, unless x is 0 (VirusTotal/yara issue 1721).  One such rule would keep all others from
 * finding anything, so its file is to be refused.
 */
#ifndef YARA_COUNTS_H
#define YARA_COUNTS_H

#include <stdbool.h>

/** counts_work() - is this libyara without the fault?  It is tried out, once. */
bool counts_work(void);

/** counts_line() - the line of the first count that meets it, or 0 */
unsigned int counts_line(const char *text);

#endif
