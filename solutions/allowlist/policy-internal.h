/* SPDX-License-Identifier: Apache-2.0 */
/* Policy, internal - shared by policy-*.c and judge.c alone. */
#ifndef ALLOWLIST_POLICY_INTERNAL_H
#define ALLOWLIST_POLICY_INTERNAL_H

#include "packages.h"
#include "policy.h"

/* A rule under one of its digests. */
struct digest_entry {
	struct digest digest;
	uint32_t rule;
};

struct policy {
	struct arena arena;

	/* Once finished: the most restrictive first, then in the order of the files. */
	struct rule *rules;
	size_t n_rules, n_rules_allocated;

	/* The rules again, each in one of these: those of one exact path by path, the others in order. */
	uint32_t *by_path, *others;
	size_t n_by_path, n_others;
	struct digest_entry *digests; /* by digest, then by rule */
	size_t n_digests;

	bool lockdown;
	bool restricts_by_name; /* a rule that is no allow looks at the path */
	uint64_t max_hash_bytes;
	struct packages *packages; /* NULL: no rule asks, or there are no lists */

	/* Where the settings were made, for whoever makes them twice. */
	const char *mode_file, *max_hash_file;
	unsigned int mode_line, max_hash_line;

	size_t n_files, n_refused;
	policy_report_fn report;
	void *userdata;
};

int policy_new(struct policy **ret, policy_report_fn report, void *userdata);

/** policy_refuse() - count a refusal and tell it */
void policy_refuse(struct policy *policy, const char *file, unsigned int line, const char *reason);

/** policy_read() - add the rules of one file.  0, also when it is refused; -ENOMEM. */
int policy_read(struct policy *policy, const char *file, const char *text, size_t n);

/** policy_finish() - once, when all are read: order them, build what judge() looks into.  0, -ENOMEM. */
int policy_finish(struct policy *policy);

#endif
