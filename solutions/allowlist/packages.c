/* SPDX-License-Identifier: Apache-2.0 */
/* Packages - see packages.h */
#include "packages.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define MAX_TEXT (512u * 1024 * 1024) /* offsets are 32 bits wide */
#define SETTLED_NS 50000000 /* two changes within a tick of the kernel have one time */

/* Paths in one piece of memory, each with its NUL, and a table of offsets + 1 with free slots. */
struct set {
	char *text;
	size_t n_text, n_text_allocated;
	uint32_t *slots;
	size_t n_slots; /* a power of two, or 0 */
	size_t n;
};

struct folder {
	char *path;
	struct timespec changed; /* before its lists were read; zero when that was a moment ago */
};

struct packages {
	struct folder folders[PACKAGES_MAX_FOLDERS];
	size_t n_folders;
	struct set set;
	int last; /* what the last packages_read() answered */
};

/* ---- the set ---------------------------------------------------------------------------- */

static void set_done(struct set *set)
{
	free(set->text);
	free(set->slots);
	*set = (struct set){ 0 };
}

/* The same name for a file of a merged /usr, whichever way it is called. */
static const char *canonical(const char *path)
{
	static const char *const merged[] = { "bin/", "sbin/", "lib/", "lib32/", "lib64/", "libx32/",
					      "libo32/" };

	if (strncmp(path, "/usr/", 5))
		return path;
	for (size_t i = 0; i < ARRAY_LENGTH(merged); i++)
		if (!strncmp(path + 5, merged[i], strlen(merged[i])))
			return path + 4;
	return path;
}

/* FNV-1a.  Who asks chooses only what is looked for, never what is stored. */
static uint64_t hash_of(const char *text)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
	return hash ^ hash >> 32;
}

static uint32_t *slot_of(const struct set *set, const char *path)
{
	size_t i = hash_of(path) & (set->n_slots - 1);

	while (set->slots[i] && strcmp(set->text + set->slots[i] - 1, path))
		i = (i + 1) & (set->n_slots - 1);
	return &set->slots[i];
}

static bool set_has(const struct set *set, const char *path)
{
	return set->n_slots && *slot_of(set, path);
}

static int make_slots(struct set *set)
{
	struct set larger = *set;

	if (2 * (set->n + 1) <= set->n_slots)
		return 0;
	larger.n_slots = set->n_slots ? 2 * set->n_slots : 4096;
	larger.slots = calloc(larger.n_slots, sizeof(*larger.slots));
	if (!larger.slots)
		return -ENOMEM;
	for (size_t i = 0; i < set->n_slots; i++)
		if (set->slots[i])
			*slot_of(&larger, set->text + set->slots[i] - 1) = set->slots[i];
	free(set->slots);
	*set = larger;
	return 0;
}

static int make_text(struct set *set, size_t n)
{
	size_t wanted = set->n_text_allocated ? set->n_text_allocated : 65536;
	char *text;

	if (set->n_text + n <= set->n_text_allocated)
		return 0;
	while (wanted < set->n_text + n)
		wanted += wanted / 2;
	if (wanted > MAX_TEXT)
		return E_REFUSED;
	text = realloc(set->text, wanted);
	if (!text)
		return -ENOMEM;
	set->text = text;
	set->n_text_allocated = wanted;
	return 0;
}

static int set_add(struct set *set, const char *path)
{
	size_t n;
	uint32_t *slot;
	int r;

	path = canonical(path);
	if (set_has(set, path))
		return 0;
	if (set->n == PACKAGES_MAX_PATHS)
		return E_REFUSED;
	n = strlen(path) + 1;
	r = make_text(set, n);
	if (!r)
		r = make_slots(set);
	if (r)
		return r;
	slot = slot_of(set, path);
	memcpy(set->text + set->n_text, path, n);
	*slot = (uint32_t)set->n_text + 1;
	set->n_text += n;
	set->n++;
	return 0;
}

/* ---- lists ------------------------------------------------------------------------------ */

static int read_list(struct set *set, int folder, const char *name)
{
	_cleanup_(cleanup_free) char *line = NULL;
	int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
	size_t n_allocated = 0;
	ssize_t n;
	int r = 0;

	/* Between the listing of the folder and now dpkg may have removed it. */
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!file) {
		cleanup_close(&fd);
		return -ENOMEM;
	}
	while (!r && (n = getline(&line, &n_allocated, file)) > 0) {
		if (line[n - 1] == '\n')
			line[n - 1] = 0;
		if (line[0] == '/')
			r = set_add(set, line);
	}
	if (!r && ferror(file))
		r = -EIO;
	fclose(file);
	return r;
}

static void close_folder(DIR **folder)
{
	if (*folder)
		closedir(*folder);
}

static bool is_settled(const struct timespec *time)
{
	struct timespec now;
	int64_t age_ns;

	clock_gettime(CLOCK_REALTIME, &now);
	age_ns = (now.tv_sec - time->tv_sec) * INT64_C(1000000000) + now.tv_nsec - time->tv_nsec;
	/* Far in the future: somebody has set the clock back, and the time may be as old as any. */
	return age_ns < -SETTLED_NS || age_ns > SETTLED_NS;
}

/* The time is taken first: what changes while the lists are read is then read again. */
static int read_folder(struct set *set, struct folder *folder)
{
	_cleanup_(close_folder) DIR *open = opendir(folder->path);
	const struct dirent *entry;
	struct stat status;
	int r = 0;

	if (!open || fstat(dirfd(open), &status) < 0)
		return -errno;
	folder->changed = is_settled(&status.st_mtim) ? status.st_mtim : (struct timespec){ 0 };
	while (!r && (entry = readdir(open)))
		if (entry->d_name[0] != '.' && has_suffix(entry->d_name, PACKAGES_SUFFIX))
			r = read_list(set, dirfd(open), entry->d_name);
	return r;
}

int packages_read(struct packages *packages)
{
	struct set set = { 0 };
	int r = 0;

	for (size_t i = 0; i < packages->n_folders && r >= 0; i++) {
		int answer = read_folder(&set, &packages->folders[i]);

		r = answer ? answer : r;
	}
	packages->last = r;
	if (r < 0) {
		set_done(&set);
		return r;
	}
	set_done(&packages->set);
	packages->set = set;
	return r;
}

static int read_if_changed(struct packages *packages)
{
	for (size_t i = 0; i < packages->n_folders; i++) {
		const struct folder *folder = &packages->folders[i];
		struct stat status;

		if (stat(folder->path, &status) < 0 ||
		    (status.st_mtim.tv_sec == folder->changed.tv_sec &&
		     status.st_mtim.tv_nsec == folder->changed.tv_nsec))
			continue;
		return packages_read(packages);
	}
	return 0;
}

int packages_refresh(struct packages *packages)
{
	return packages->last < 0 ? packages_read(packages) : read_if_changed(packages);
}

/* ---- the interface ---------------------------------------------------------------------- */

int packages_new(struct packages **ret)
{
	struct packages *packages = calloc(1, sizeof(*packages));

	if (!packages)
		return -ENOMEM;
	*ret = packages;
	return 0;
}

struct packages *packages_free(struct packages *packages)
{
	if (!packages)
		return NULL;
	for (size_t i = 0; i < packages->n_folders; i++)
		free(packages->folders[i].path);
	set_done(&packages->set);
	free(packages);
	return NULL;
}

void packages_freep(struct packages **packages)
{
	packages_free(*packages);
}

int packages_add_folder(struct packages *packages, const char *path)
{
	struct folder *folder = &packages->folders[packages->n_folders];

	if (packages->n_folders == PACKAGES_MAX_FOLDERS)
		return -ENOSPC;
	folder->path = strdup(path);
	if (!folder->path)
		return -ENOMEM;
	packages->n_folders++;
	return 0;
}

size_t packages_n_folders(const struct packages *packages)
{
	return packages->n_folders;
}

size_t packages_count(const struct packages *packages)
{
	return packages->set.n;
}

bool packages_has(struct packages *packages, const char *path)
{
	path = canonical(path);
	if (set_has(&packages->set, path))
		return true;
	/* Programs of a package run moments after dpkg has put down its list. */
	return read_if_changed(packages) >= 0 && set_has(&packages->set, path);
}

bool packages_are_whole(const struct packages *packages)
{
	return !packages->last;
}
