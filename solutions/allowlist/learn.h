/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Learn - from what was executed to a policy that allows it.
 *
 * Events come as `ringfort events --json` prints them: of a successful process.exec the image and the
 * script count, and the loader that a program on this machine names.  Findings come as `ringfort findings
 * --json` prints them: the files count that ran though no rule allows them.  What no rule can name (a memfd,
 * a deleted file, a path of another mount namespace) is left out, and the policy says so in a comment.
 *
 * The same set of events gives the same policy, in whatever order they come.
 */
#ifndef ALLOWLIST_LEARN_H
#define ALLOWLIST_LEARN_H

#include "../common/util.h"

#include <jansson.h>
#include <stdio.h>

struct learned {
	json_t *files;    /* path: {n: executions, ino: 0 when unknown} */
	json_t *left_out; /* path: reason */
	uint64_t n_executions;
};

struct learn_options {
	bool owner; /* the owner must be today's */
	bool hash;  /* and so must the contents */
};

/** learn_init() - 0, or -ENOMEM.  Release it with learn_done(). */
int learn_init(struct learned *learned);
void learn_done(struct learned *learned);

/**
 * learn_line() - take one event or finding; lines about other things are passed over
 *
 * Return: 0; E_REFUSED it is no JSON object, and the refusal says why; -ENOMEM.
 */
int learn_line(struct learned *learned, const char *line, size_t n, struct refusal *ret_refusal);

/** learn_loaders() - add the loaders of the programs.  0, or -ENOMEM. */
int learn_loaders(struct learned *learned);

/** learn_print() - write the policy.  0, or a negative errno. */
int learn_print(struct learned *learned, const struct learn_options *options, FILE *stream);

/**
 * loader_of() - what the program header PT_INTERP of an ELF file names, with links resolved
 *
 * Return: 1 it is in ret; 0 there is none, or it is no ELF file that can be read.
 */
int loader_of(const char *path, char *ret, size_t size);

#endif
