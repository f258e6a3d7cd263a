/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mapping - from Ringfort's events to Sigma's.
 *
 * One event of ours can be several of Sigma's: an execution is a process_creation, and the
 * records EXECVE, SYSCALL, PATH and CWD of auditd.  Which, and where each field comes from, is
 * said by the tables in mapping-tables.c; this file walks them.
 *
 * `Image' and `ParentImage' are the files that were resolved.  Where the path as called differs
 * (/bin/sh is /usr/bin/dash, a script is its interpreter), the rules are tried once more with
 * that; a rule that matches either way is one hit, which says which way it was.
 */
#ifndef SIGMA_MAPPING_H
#define SIGMA_MAPPING_H

#include "engine.h"
#include "mapping-sources.h"

#include <ringfort/event.h>
#include <ringfort/finding.h>

struct mapping;

enum {
	MATCHED_RESOLVED = 1,
	MATCHED_CALLED = 2,
};

#define MAPPING_MAX_MATCHED 32

/* Valid during the callback. */
struct mapping_hit {
	const struct sigma_rule *rule;
	unsigned int matched_as;
	struct ringfort_matched matched[MAPPING_MAX_MATCHED];
	uint32_t n_matched;
};

typedef void (*mapping_hit_fn)(const struct mapping_hit *hit, void *userdata);

/**
 * mapping_new() - prepare for a set of rules
 * @rules: loaded with sigma_live_sources; must live longer
 *
 * Return: 0 or -ENOMEM.
 */
int mapping_new(struct mapping **ret, struct sigma_rules *rules);
struct mapping *mapping_free(struct mapping *mapping);
void mapping_freep(struct mapping **mapping);

/** mapping_types() - mask of the types of events that some rule can match */
uint64_t mapping_types(const struct mapping *mapping);

/**
 * mapping_match() - try all rules on an event; calls found once per rule that matches
 *
 * Self-tests and executions that failed match nothing.  Allocates nothing.
 *
 * Return: the number of hits; -EIO when the engine failed.
 */
int mapping_match(struct mapping *mapping, const struct ringfort_event *event,
		  mapping_hit_fn found, void *userdata);

/** mapping_matched_as() - "resolved", "called", "both", or NULL */
const char *mapping_matched_as(unsigned int matched_as);

#endif
