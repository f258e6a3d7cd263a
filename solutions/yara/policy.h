/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policy - what the operator makes of rules, out of YAML.
 *
 *   max_file_mb: 64           # larger files are not scanned
 *   max_scan_ms: 500          # nor is longer looked at one
 *   deny: [Eicar, ransomware] # names of rules, or tags
 *   report: [Webshell_Small]
 *   ignore: [harmless]
 *
 * A name goes before a tag, and of several tags the most restrictive word counts; where no word fits,
 * what the rule itself asks for does.  A policy may be spread over many files; their order decides
 * nothing.  man 7 ringfort-yara is the reference.
 */
#ifndef YARA_POLICY_H
#define YARA_POLICY_H

#include "../common/content.h"

#define POLICY_MAX_BYTES (1024u * 1024) /* of a file */
#define POLICY_MAX_WORDS 10000u
#define POLICY_MAX_WORD 128u /* bytes; as long as YARA lets an identifier be */

/* What becomes of a match; a larger one is more restrictive. */
enum action {
	ACTION_NONE, /* no word fits */
	ACTION_IGNORE,
	ACTION_REPORT,
	ACTION_DENY,
	_ACTION_N
};

struct policy_word {
	const char *text;
	enum action action;
	const char *file;
	unsigned int line;
	bool used;
};

/* Zero-initialised is empty. */
struct policy {
	struct arena arena;
	struct policy_word *words; /* once finished: by text, each once */
	size_t n_words, n_allocated;
	uint64_t max_file_bytes;
	uint64_t max_scan_ns;

	/* Where the settings were made, for whoever makes them twice. */
	struct policy_place {
		const char *file;
		unsigned int line;
	} max_file_place, max_scan_place;
};

/** policy_read() - add what one file says.  0, also when parts are refused; -ENOMEM. */
int policy_read(struct policy *policy, const char *file, const char *text, size_t n,
		struct report *report);

/** policy_finish() - once, when all are read */
void policy_finish(struct policy *policy, struct report *report);

void policy_done(struct policy *policy);

/**
 * policy_decide() - what becomes of matches of a rule
 * @tags: as libyara has them: each with its NUL, an empty one last; or NULL
 * @wish: what the rule itself asks for
 */
enum action policy_decide(struct policy *policy, const char *name, const char *tags,
			  enum action wish);

/** policy_refuse_unused() - words that fitted no rule: most likely they were misspelt */
void policy_refuse_unused(const struct policy *policy, struct report *report);

/** action_by_name() - of deny, report, ignore; ACTION_NONE for others */
enum action action_by_name(const char *name);
const char *action_name(enum action action);

#endif
