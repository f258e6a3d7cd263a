/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Judge - what a policy says of one file that is about to be executed.
 *
 * The most restrictive rule whose conditions all hold decides: deny, then audit, then allow; of several
 * with one action the first is named.  Where none holds, lockdown denies and monitor allows.
 *
 * The file is hashed once at most, and only when a rule with a sha256 that would be more restrictive than
 * what is found without it has no other condition that fails.
 */
#ifndef ALLOWLIST_JUDGE_H
#define ALLOWLIST_JUDGE_H

#include "policy.h"

#include <sys/types.h>

struct subject {
	const char *path;
	int fd; /* to read it, or -1 */
	uint64_t size;
	uint32_t mode;
	uint32_t uid;
	bool nameless;   /* a memfd, or deleted: no condition on the path holds */
	bool foreign_ns; /* the path is of another mount namespace: as nameless, for rules without foreign_ns */
};

enum hashing {
	HASHING_NOT_NEEDED,
	HASHING_DONE,
	HASHING_TOO_LARGE,   /* the others: no condition on the hash held */
	HASHING_NO_FILE,
	HASHING_UNREADABLE,
};

struct judgement {
	const struct rule *rule; /* NULL: none, the mode decided */
	enum action action;      /* of the rule, or ACTION_NONE */
	bool deny;
	bool by_name;            /* under another name the file might get another judgement */
	enum hashing hashing;
	struct digest digest;    /* for HASHING_DONE */
};

struct judgement judge(const struct policy *policy, const struct subject *subject);

/** judgement_is_told() - is it worth a finding?  All but what a rule allows is. */
bool judgement_is_told(const struct judgement *judgement);

/** path_is_nameless() - is this what the kernel calls a file that has no name? */
bool path_is_nameless(const char *path, nlink_t n_links);

/** hashing_note() - why the hash counted for nothing, for people; NULL when there is nothing to say */
const char *hashing_note(enum hashing hashing);

#endif
