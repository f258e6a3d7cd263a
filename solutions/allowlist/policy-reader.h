/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policy, reading - shared by policy-read.c (a file) and policy-rule.c (a rule in it) alone.
 *
 * What reads a value begins with it as the current event and leaves the event behind it as the current
 * one.  What is wrong with a rule is noted once, in the refusal of the rule, and its remaining keys are
 * still stepped over, so that the rules behind it are read; only what breaks YAML itself ends the file.
 */
#ifndef ALLOWLIST_POLICY_READER_H
#define ALLOWLIST_POLICY_READER_H

#include "../common/yaml-events.h"
#include "policy-internal.h"

struct reader {
	struct policy *policy;
	const char *file; /* lives as long as the policy */
	struct yaml_events yaml;
	struct refusal broken; /* why the file cannot be read further */
};

/** read_rule() - one rule of the list.  0, also when it is refused; E_REFUSED: see broken; -ENOMEM. */
int read_rule(struct reader *reader);

/** read_number() - decimal digits and no more; at most max */
bool read_number(const char *text, uint64_t max, uint64_t *ret);

/** read_copy() - text that lives as long as the policy, or NULL */
char *read_copy(struct reader *reader, const char *text);

#endif
