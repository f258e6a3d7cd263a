/* SPDX-License-Identifier: Apache-2.0 */
/* Verdict - what was answered about a file, until its event comes. */
#ifndef ALLOWLIST_VERDICT_H
#define ALLOWLIST_VERDICT_H

#include "../common/recent.h"
#include "judge.h"

struct verdict {
	struct recent_head head;
	uint64_t dev, ino;
	enum action action;
	bool denied;
	enum hashing hashing;
	struct digest digest;
	/* Copies: a reload may come between the verdict and its event. */
	char rule_id[POLICY_MAX_ID + 1];
	char reason[POLICY_MAX_REASON + 1];
	char path[RECENT_MAX_PATH];
};

#endif
