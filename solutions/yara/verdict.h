/* SPDX-License-Identifier: Apache-2.0 */
/* Verdict - what was found in a file, until the event comes of what was asked or shown. */
#ifndef YARA_VERDICT_H
#define YARA_VERDICT_H

#include "../common/recent.h"
#include "result.h"

struct verdict {
	struct recent_head head;
	uint64_t dev, ino;
	bool lost; /* more was written before than could be shown */
	struct result *result; /* a reference */
	char path[RECENT_MAX_PATH];
};

#endif
