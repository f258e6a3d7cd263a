/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Content - the folders of content that ringfortd names to a solution, and why something in them was refused.
 */
#ifndef COMMON_CONTENT_H
#define COMMON_CONTENT_H

#include "util.h"

#define CONTENT_MAX_FOLDERS 16

struct content {
	const char *solution; /* its name, before each refusal on standard error */
	char *named;
	const char *paths[CONTENT_MAX_FOLDERS];
	size_t n_paths;
	char first_reason[400]; /* of the load in hand, "" when nothing was refused */
};

/** content_find() - the folders of RINGFORT_CONTENT.  0, -ENOENT there are none, -ENOMEM. */
int content_find(struct content *content, const char *solution);
void content_done(struct content *content);

/** content_refused() - tell a refusal, and keep the first; userdata is the struct content */
void content_refused(const char *file, unsigned int line, const char *reason, void *userdata);

/* Who is told of each refusal of a load; counts them. */
struct report {
	void (*tell)(const char *file, unsigned int line, const char *reason, void *userdata);
	void *userdata;
	size_t n;
};

void report_refusal(struct report *report, const char *file, const struct refusal *refusal);

/** content_print_refusal() - FILE:LINE: REASON, on the stream that userdata is */
void content_print_refusal(const char *file, unsigned int line, const char *reason, void *userdata);

#endif
