/* SPDX-License-Identifier: Apache-2.0 */
/* Content - see content.h */
#include "content.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int content_find(struct content *content, const char *solution)
{
	const char *named = getenv("RINGFORT_CONTENT");

	*content = (struct content){ .solution = solution, .named = strdup(named ? named : "") };
	if (!content->named)
		return -ENOMEM;
	for (char *rest = content->named, *folder; (folder = strsep(&rest, ":"));)
		if (*folder && content->n_paths < CONTENT_MAX_FOLDERS)
			content->paths[content->n_paths++] = folder;
	return content->n_paths ? 0 : -ENOENT;
}

void content_done(struct content *content)
{
	free(content->named);
	content->named = NULL;
}

void content_refused(const char *file, unsigned int line, const char *reason, void *userdata)
{
	struct content *content = userdata;

	fprintf(stderr, "%s: %s:%u: %s\n", content->solution, file, line, reason);
	if (!*content->first_reason)
		snprintf(content->first_reason, sizeof(content->first_reason), "%s:%u: %s", file, line,
			 reason);
}

void report_refusal(struct report *report, const char *file, const struct refusal *refusal)
{
	report->n++;
	if (report->tell)
		report->tell(file, refusal->line, refusal->reason, report->userdata);
}

void content_print_refusal(const char *file, unsigned int line, const char *reason, void *userdata)
{
	fprintf(userdata, "%s:%u: %s\n", file, line, reason);
}
