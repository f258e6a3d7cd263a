/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules - YARA rules out of their sources, compiled together, and what the policy makes of each.
 *
 * A file of rules is good as a whole or refused as a whole, with the first thing that is wrong in it; it
 * does not touch the others.  Each file is a namespace of its own.  Nothing is included, and compiled
 * rules are never loaded: libyara believes what is in them.
 */
#ifndef YARA_RULES_H
#define YARA_RULES_H

#include "policy.h"

#define RULES_MAX_BYTES (16u * 1024 * 1024) /* of a file */
#define RULES_MAX_TOTAL (64u * 1024 * 1024)
#define RULES_MAX_FILES 20000u

/* What rules are told of a file beside its contents. */
#define RULES_BY_NAME { "filename", "filepath", "extension" }
#define RULES_BY_FILE { "filetype", "owner" } /* cannot change unless the file does */

struct rules;

struct rules_loading {
	struct report report;
	/* Called now and then while rules are compiled, which may take seconds; or NULL. */
	void (*pause)(void *userdata);
	void *userdata;
};

/**
 * rules_load() - from files, and from folders with all their *.yar, *.yara, and *.yaml, *.yml for policies
 *
 * Names that begin with a dot are passed over.
 *
 * Return: 0, also when all was refused; -ENOMEM.
 */
int rules_load(struct rules **ret, const char *const *paths, size_t n_paths,
	       struct rules_loading *loading);

/** rules_load_text() - rules of one file and a policy (or NULL) from memory, for tests */
int rules_load_text(struct rules **ret, const char *rules, const char *policy,
		    struct rules_loading *loading);

struct rules *rules_free(struct rules *rules);
void rules_freep(struct rules **rules);

size_t rules_count(const struct rules *rules);
size_t rules_count_denying(const struct rules *rules);
size_t rules_refused(const struct rules *rules);

/** rules_use_names() - does any look at how a file is called? */
bool rules_use_names(const struct rules *rules);

#endif
