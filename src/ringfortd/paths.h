/* SPDX-License-Identifier: Apache-2.0 */
/* Paths - where this instance keeps things, and where its parts were installed. */
#ifndef RINGFORT_RINGFORTD_PATHS_H
#define RINGFORT_RINGFORTD_PATHS_H

#include <limits.h>

struct paths {
	char config[PATH_MAX];
	char state[PATH_MAX];
	char runtime[PATH_MAX];
	char solutions[PATH_MAX]; /* PREFIX/libexec/ringfort/solutions */
	char library[PATH_MAX];   /* PREFIX/lib/libringfort.so.0 */
	char command[PATH_MAX];   /* PREFIX/bin/ringfort */
	char instance[33];        /* of the cgroups: "main", or told from the runtime folder */
};

/**
 * paths_init() - from the options (NULL: the defaults) and the place of this program
 *
 * Programs find their parts relative to themselves: PREFIX is the folder above the program's.
 * Return: 0, or -ENAMETOOLONG, or what the kernel said.
 */
int paths_init(struct paths *paths, const char *config, const char *state, const char *runtime);

#endif
