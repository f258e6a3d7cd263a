/* SPDX-License-Identifier: Apache-2.0 */
/* Mounts - the ids of the host's mounts, sorted. */
#include "gate/mounts.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#define MAX_MOUNTS 16384 /* the rest counts as foreign */

struct mounts {
	int fd;
	bool changed; /* since mounts_changed() was asked */
	uint32_t n;
	uint64_t ids[MAX_MOUNTS];
};

static void mounts_freep(struct mounts **mounts)
{
	mounts_free(*mounts);
}

static int compare(const void *a, const void *b)
{
	const uint64_t *one = a, *other = b;

	return *one < *other ? -1 : *one > *other;
}

/* Where the parser of lines "36 35 98:0 / /mnt rw ..." is: only the first number counts. */
struct reading {
	uint64_t id;
	bool in_id;
	uint32_t n;
};

static void take(struct mounts *mounts, struct reading *reading, const char *bytes, ssize_t n)
{
	for (ssize_t i = 0; i < n; i++) {
		if (reading->in_id && bytes[i] >= '0' && bytes[i] <= '9') {
			reading->id = reading->id * 10 + (uint64_t)(bytes[i] - '0');
			continue;
		}
		if (reading->in_id && reading->n < MAX_MOUNTS)
			mounts->ids[reading->n++] = reading->id;
		reading->in_id = bytes[i] == '\n';
		reading->id = 0;
	}
}

static int read_ids(struct mounts *mounts)
{
	struct reading reading = { .in_id = true };
	char bytes[4096];
	ssize_t n;

	if (lseek(mounts->fd, 0, SEEK_SET) < 0)
		return -errno;
	while ((n = read(mounts->fd, bytes, sizeof(bytes))) > 0)
		take(mounts, &reading, bytes, n);
	if (n < 0)
		return -errno;
	mounts->n = reading.n;
	qsort(mounts->ids, mounts->n, sizeof(mounts->ids[0]), compare);
	return 0;
}

int mounts_new(struct mounts **ret_mounts, const char *table)
{
	_cleanup_(mounts_freep) struct mounts *mounts = calloc(1, sizeof(*mounts));
	int r;

	if (!mounts)
		return -ENOMEM;
	mounts->fd = open(table, O_RDONLY | O_CLOEXEC);
	if (mounts->fd < 0)
		return -errno;
	r = read_ids(mounts);
	if (r < 0)
		return r;
	*ret_mounts = take_ptr(mounts);
	return 0;
}

struct mounts *mounts_free(struct mounts *mounts)
{
	if (mounts) {
		close_fd(mounts->fd);
		free(mounts);
	}
	return NULL;
}

/* Whoever polls first is told of a change: it is kept for mounts_changed(). */
static bool look(struct mounts *mounts)
{
	struct pollfd table = { .fd = mounts->fd, .events = POLLPRI };

	if (poll(&table, 1, 0) <= 0 || !(table.revents & (POLLPRI | POLLERR)))
		return false;
	mounts->changed = true;
	return read_ids(mounts) == 0;
}

bool mounts_changed(struct mounts *mounts)
{
	bool changed;

	look(mounts);
	changed = mounts->changed;
	mounts->changed = false;
	return changed;
}

bool mounts_has(struct mounts *mounts, uint64_t id)
{
	if (bsearch(&id, mounts->ids, mounts->n, sizeof(id), compare))
		return true;
	return look(mounts) && bsearch(&id, mounts->ids, mounts->n, sizeof(id), compare);
}
