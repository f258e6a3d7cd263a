/* SPDX-License-Identifier: Apache-2.0 */
/* Backlog - see backlog.h */
#include "backlog.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_PATH 4097 /* as long as a request's may be, and its NUL */

struct backlog {
	struct shown {
		struct ringfort_request request;
		uint64_t put_ns;
		char path[MAX_PATH];
	} places[BACKLOG_PLACES];
	size_t first, n;
};

int backlog_new(struct backlog **ret)
{
	struct backlog *backlog = calloc(1, sizeof(*backlog));

	if (!backlog)
		return -ENOMEM;
	*ret = backlog;
	return 0;
}

struct backlog *backlog_free(struct backlog *backlog)
{
	free(backlog);
	return NULL;
}

bool backlog_full(const struct backlog *backlog)
{
	return backlog->n == BACKLOG_PLACES;
}

void backlog_put(struct backlog *backlog, const struct ringfort_request *request, uint64_t now_ns)
{
	struct shown *shown = &backlog->places[(backlog->first + backlog->n) % BACKLOG_PLACES];

	assert(!backlog_full(backlog));
	shown->request = *request;
	shown->put_ns = now_ns;
	snprintf(shown->path, sizeof(shown->path), "%s", request->path);
	shown->request.path = shown->path;
	backlog->n++;
}

const struct ringfort_request *backlog_take(struct backlog *backlog, uint64_t *ret_put_ns)
{
	const struct shown *shown = &backlog->places[backlog->first];

	if (!backlog->n)
		return NULL;
	backlog->first = (backlog->first + 1) % BACKLOG_PLACES;
	backlog->n--;
	*ret_put_ns = shown->put_ns;
	return &shown->request;
}
