/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policy - rules about what may be executed, out of YAML.
 *
 *   mode: lockdown            # or monitor, the default
 *   max_hash_mb: 256          # larger files are not hashed
 *   rules:
 *     - id: no-shared-memory
 *       action: deny          # or allow, audit
 *       path: /dev/shm/       # see pattern.h
 *       reason: nothing belongs there
 *
 * A policy may be spread over many files; the order of files and rules decides nothing.  A rule that is
 * refused is left out and told, and does not touch the others.  man 7 ringfort-allowlist is the
 * reference.
 */
#ifndef ALLOWLIST_POLICY_H
#define ALLOWLIST_POLICY_H

#include "../common/util.h"
#include "digest.h"
#include "pattern.h"

#define POLICY_MAX_BYTES (16u * 1024 * 1024) /* of a file */
#define POLICY_MAX_RULES (100u * 1000)
#define POLICY_MAX_ID 64
#define POLICY_MAX_REASON 200
#define POLICY_DEFAULT_ID "not-allowed" /* what the mode says in the place of a rule */

/* What a rule says; a larger one is more restrictive and wins. */
enum action {
	ACTION_NONE, /* no rule says anything: the mode decides */
	ACTION_ALLOW,
	ACTION_AUDIT,
	ACTION_DENY,
	_ACTION_N
};

/* Conditions that a rule has. */
enum {
	CONDITION_PATH = 1u << 0,
	CONDITION_SHA256 = 1u << 1,
	CONDITION_OWNER = 1u << 2,
	CONDITION_PACKAGE = 1u << 3,
	CONDITION_WRITABLE_BY_OTHERS = 1u << 4,
};
#define CONDITIONS_BY_NAME (CONDITION_PATH | CONDITION_PACKAGE) /* they look at the path */

struct rule {
	enum action action;
	const char *id;
	const char *reason; /* "" when none is given */
	const char *file;
	unsigned int line;
	uint32_t conditions;
	struct pattern path;
	const struct digest *sha256;
	size_t n_sha256;
	uint32_t owner;
	bool package;
	bool writable_by_others;
	bool foreign_ns;
};

struct policy;

typedef void (*policy_report_fn)(const char *file, unsigned int line, const char *reason,
				 void *userdata);

/**
 * policy_load() - read policies from files, and from folders with all their *.yaml and *.yml
 * @report: told each refusal, or NULL
 *
 * Folders that hold *.list are taken for dpkg's; they are read when a rule asks for packages.
 * Names that begin with a dot are passed over.
 *
 * Return: 0, also when all was refused; -ENOMEM.
 */
int policy_load(struct policy **ret, const char *const *paths, size_t n_paths,
		policy_report_fn report, void *userdata);

/** policy_load_text() - the same from memory; file is what the refusals name */
int policy_load_text(struct policy **ret, const char *file, const char *text, size_t n,
		     policy_report_fn report, void *userdata);

struct policy *policy_free(struct policy *policy);
void policy_freep(struct policy **policy);

size_t policy_count(const struct policy *policy);
size_t policy_refused(const struct policy *policy);
bool policy_is_lockdown(const struct policy *policy);

/** policy_reads_files() - a rule goes by what a file holds; else it need not be handed over */
bool policy_reads_files(const struct policy *policy);

/** policy_monitor() - deny nothing by default, whatever the files say */
void policy_monitor(struct policy *policy);

/** policy_refresh() - read dpkg's lists again when they have changed */
void policy_refresh(struct policy *policy);

const char *action_name(enum action action);

#endif
