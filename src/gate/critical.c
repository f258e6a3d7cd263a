/* SPDX-License-Identifier: Apache-2.0 */
/* Critical set - from paths to files that only root can change. */
#include "gate/critical.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define CRITICAL(row_path, row_reason) { .path = row_path, .reason = row_reason },
static const struct critical_row rows[] = {
#include "gate/critical.def"
};

#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

/* A third is left for the caller. */
_Static_assert(N_ROWS <= CRITICAL_MAX * 2 / 3, "the rows of critical.def fit");

#define CRITICAL(row_path, row_reason) \
	_Static_assert(sizeof(row_path) <= CRITICAL_PATH && sizeof(row_reason) <= CRITICAL_REASON, \
		       row_path " fits");
#include "gate/critical.def"

static enum critical_state judge(const struct stat *st)
{
	if (!S_ISREG(st->st_mode))
		return CRITICAL_NOT_REGULAR;
	if (st->st_uid != 0)
		return CRITICAL_NOT_ROOTS;
	/* An access list that lets others write shows in the group's bits. */
	if (st->st_mode & (S_IWGRP | S_IWOTH))
		return CRITICAL_WRITABLE;
	return CRITICAL_MATCHED;
}

static void resolve(struct critical_entry *entry)
{
	struct stat st;

	if (stat(entry->path, &st) < 0) {
		entry->state = errno == ENOENT || errno == ENOTDIR ? CRITICAL_MISSING : CRITICAL_UNREADABLE;
		entry->error = entry->state == CRITICAL_UNREADABLE ? errno : 0;
		return;
	}
	entry->dev = (uint64_t)major(st.st_dev) << 20 | minor(st.st_dev);
	entry->ino = st.st_ino;
	entry->state = judge(&st);
}

static void add_row(struct critical_set *set, const struct critical_row *row)
{
	struct critical_entry *entry = &set->entries[set->n_entries++];

	strcpy(entry->path, row->path);
	strcpy(entry->reason, row->reason);
	resolve(entry);
	if (entry->state == CRITICAL_MATCHED)
		set->files[set->n_files++] = (struct critical_file){ .dev = entry->dev, .ino = entry->ino };
}

static int compare_files(const void *a, const void *b)
{
	const struct critical_file *one = a, *other = b;

	if (one->dev != other->dev)
		return one->dev < other->dev ? -1 : 1;
	return one->ino < other->ino ? -1 : one->ino > other->ino;
}

/* Several paths lead to one file: /bin/sh and /bin/dash. */
static void sort_files(struct critical_set *set)
{
	uint32_t n = 0;

	qsort(set->files, set->n_files, sizeof(set->files[0]), compare_files);
	for (uint32_t i = 0; i < set->n_files; i++)
		if (n == 0 || compare_files(&set->files[i], &set->files[n - 1]) != 0)
			set->files[n++] = set->files[i];
	set->n_files = n;
}

int critical_load(struct critical_set *set, const struct critical_row *more, uint32_t n_more)
{
	if (n_more > CRITICAL_MAX - N_ROWS)
		return -ENOSPC;
	for (uint32_t i = 0; i < n_more; i++)
		if (strlen(more[i].path) >= CRITICAL_PATH || strlen(more[i].reason) >= CRITICAL_REASON)
			return -ENAMETOOLONG;
	memset(set, 0, sizeof(*set));
	set->version = CRITICAL_VERSION;
	for (size_t i = 0; i < N_ROWS; i++)
		add_row(set, &rows[i]);
	for (uint32_t i = 0; i < n_more; i++)
		add_row(set, &more[i]);
	sort_files(set);
	return 0;
}

bool critical_has(const struct critical_set *set, uint64_t dev, uint64_t ino)
{
	const struct critical_file file = { .dev = dev, .ino = ino };

	return bsearch(&file, set->files, set->n_files, sizeof(set->files[0]), compare_files) != NULL;
}

const char *critical_state_name(uint32_t state)
{
	static const char *const names[_CRITICAL_STATE_N] = {
		[CRITICAL_MATCHED] = "matched",
		[CRITICAL_MISSING] = "missing",
		[CRITICAL_UNREADABLE] = "unreadable",
		[CRITICAL_NOT_REGULAR] = "not a regular file",
		[CRITICAL_NOT_ROOTS] = "not root's",
		[CRITICAL_WRITABLE] = "writable for others",
	};

	return state < _CRITICAL_STATE_N ? names[state] : NULL;
}
