/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scan - what rules find in one open file.
 *
 * The file is copied into memory first, without touching the offset of the descriptor (others may have
 * been handed the same open file): so nobody can change or shorten what libyara's parsers look at.
 */
#ifndef YARA_SCAN_H
#define YARA_SCAN_H

#include "result.h"
#include "rules.h"

#include <sys/types.h>

struct subject {
	const char *path; /* "" when nothing of it can be believed */
	int fd;           /* to read it, or -1 */
	uint64_t size;
	uint32_t uid;     /* of the owner */
	bool in_time;     /* it ends at stop_ns, and after the max_scan_ms of the policy */
	uint64_t stop_ns; /* CLOCK_MONOTONIC */
	size_t max_matches;
};

/** scan() - a new result; NULL when there is no memory for it */
struct result *scan(const struct rules *rules, const struct subject *subject);

/** path_is_nameless() - is this what the kernel calls a file that has no name? */
bool path_is_nameless(const char *path, nlink_t n_links);

#endif
