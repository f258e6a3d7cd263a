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
#define CRITICAL_SCRIPTS(row_path, row_reason) { .path = row_path, .reason = row_reason, .scripts = true },
static const struct critical_row rows[] = {
#include "gate/critical.def"
};

#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

/* A third is left for the caller. */
_Static_assert(N_ROWS <= CRITICAL_MAX * 2 / 3, "the rows of critical.def fit");

#define CRITICAL(row_path, row_reason) \
	_Static_assert(sizeof(row_path) <= CRITICAL_PATH && sizeof(row_reason) <= CRITICAL_REASON, \
		       row_path " fits");
#define CRITICAL_SCRIPTS CRITICAL
#include "gate/critical.def"

static uint64_t kernel_device(const struct stat *st)
{
	return (uint64_t)major(st->st_dev) << 20 | minor(st->st_dev);
}

static enum critical_state judge_owner(const struct stat *st)
{
	if (st->st_uid != 0)
		return CRITICAL_NOT_ROOTS;
	/* An access list that lets others write shows in the group's bits. */
	return st->st_mode & (S_IWGRP | S_IWOTH) ? CRITICAL_WRITABLE : CRITICAL_MATCHED;
}

static enum critical_state judge(const struct stat *st)
{
	return S_ISREG(st->st_mode) ? judge_owner(st) : CRITICAL_NOT_REGULAR;
}

static void cannot_look(struct critical_entry *entry, int error)
{
	entry->state = error == ENOENT || error == ENOTDIR ? CRITICAL_MISSING : CRITICAL_UNREADABLE;
	entry->error = entry->state == CRITICAL_UNREADABLE ? error : 0;
}

static void resolve(struct critical_entry *entry)
{
	struct stat st;

	if (stat(entry->path, &st) < 0) {
		cannot_look(entry, errno);
		return;
	}
	entry->dev = kernel_device(&st);
	entry->ino = st.st_ino;
	entry->state = judge(&st);
}

/* One of the folders that lead there; a link could be led elsewhere by whoever owns what it leads over. */
static bool good_folder(struct critical_entry *entry, const char *path)
{
	struct stat st;

	entry->ino = 0;
	if (lstat(path, &st) < 0) {
		cannot_look(entry, errno);
		return false;
	}
	entry->dev = kernel_device(&st);
	entry->ino = st.st_ino;
	entry->state = S_ISDIR(st.st_mode) ? judge_owner(&st) : CRITICAL_NOT_FOLDER;
	return entry->state == CRITICAL_MATCHED;
}

/* From the root down.  The last one may be missing: who makes it can write to the one above, so is root. */
static void resolve_folder(struct critical_entry *entry)
{
	char path[CRITICAL_PATH] = "/";

	if (!good_folder(entry, path))
		return;
	for (size_t i = 1;; i++) {
		bool last = entry->path[i] == '\0';

		if (!last && entry->path[i] != '/')
			continue;
		memcpy(path, entry->path, i);
		path[i] = '\0';
		if (!good_folder(entry, path)) {
			if (last && entry->state == CRITICAL_MISSING)
				entry->state = CRITICAL_MATCHED;
			return;
		}
		if (last)
			return;
	}
}

static void add_folder(struct critical_set *set, const struct critical_entry *entry)
{
	struct critical_folder *folder = &set->folders[set->n_folders++];

	folder->dev = entry->dev;
	strcpy(folder->path, entry->path);
}

static void add_row(struct critical_set *set, const struct critical_row *row)
{
	struct critical_entry *entry = &set->entries[set->n_entries++];

	strcpy(entry->path, row->path);
	strcpy(entry->reason, row->reason);
	entry->scripts = row->scripts;
	if (row->scripts)
		resolve_folder(entry);
	else
		resolve(entry);
	if (entry->state != CRITICAL_MATCHED)
		return;
	if (row->scripts)
		add_folder(set, entry);
	else
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

static uint32_t count_folders(const struct critical_row *some, size_t n_some)
{
	uint32_t n = 0;

	for (size_t i = 0; i < n_some; i++)
		n += some[i].scripts;
	return n;
}

int critical_load(struct critical_set *set, const struct critical_row *more, uint32_t n_more)
{
	if (n_more > CRITICAL_MAX - N_ROWS || count_folders(rows, N_ROWS) + count_folders(more, n_more) > CRITICAL_FOLDERS)
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

bool critical_has_script(const struct critical_set *set, uint64_t dev, const char *path)
{
	const char *name = strrchr(path, '/');

	for (uint32_t i = 0; name && i < set->n_folders; i++) {
		const struct critical_folder *folder = &set->folders[i];
		size_t length = strlen(folder->path);

		if (folder->dev == dev && (size_t)(name - path) == length && memcmp(path, folder->path, length) == 0)
			return true;
	}
	return false;
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
		[CRITICAL_NOT_FOLDER] = "not a folder",
	};

	return state < _CRITICAL_STATE_N ? names[state] : NULL;
}
