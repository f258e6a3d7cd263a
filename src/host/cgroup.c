/* SPDX-License-Identifier: Apache-2.0 */
/* Cgroup - version 2 where it has the controllers, version 1 where not. */
#include "host/cgroup.h"

#include "base/cleanup.h"
#include "base/fs.h"
#include "host/cgroup-delegated.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

/* The hierarchies that may be mounted. */
enum {
	UNIFIED,
	V1_MEMORY,
	V1_PIDS,
	V1_CPU,
	_HIERARCHY_N
};

static const struct {
	const char *name;
	uint32_t mask;
	int v1;
} controllers[] = {
	{ "memory", CGROUP_MEMORY, V1_MEMORY },
	{ "pids", CGROUP_PIDS, V1_PIDS },
	{ "cpu", CGROUP_CPU, V1_CPU },
};

#define N_CONTROLLERS (sizeof(controllers) / sizeof(controllers[0]))

struct cgroup_tree {
	char name[48];          /* "ringfort-INSTANCE" */
	int base[_HIERARCHY_N]; /* where the hierarchy is mounted, or what is delegated to us; -1: not used */
	int dir[_HIERARCHY_N];  /* our folder in it */
	uint32_t unified;       /* mask of the controllers that version 2 gives us */
	uint32_t v1;            /* mask of those that version 1 gives us */
};

struct cgroup {
	struct cgroup_tree *tree;
	char name[68];
	int dir[_HIERARCHY_N];
	int procs[_HIERARCHY_N]; /* cgroup.procs of version 1 folders */
	int kill;                /* cgroup.kill of the unified folder, or -1 */
};

static bool name_valid(const char *name, size_t most, const char *extra)
{
	size_t length = strlen(name);

	if (length == 0 || length > most)
		return false;
	for (; *name; name++)
		if (!(*name >= 'a' && *name <= 'z') && !(*name >= '0' && *name <= '9') &&
		    !strchr(extra, *name))
			return false;
	return true;
}

static void pause_ms(unsigned int ms)
{
	struct timespec wait = { .tv_nsec = (long)ms * 1000000 };

	nanosleep(&wait, NULL);
}

/* Kill by the list of a cgroup.procs; a few rounds, as what forks meanwhile is not on it. */
static int kill_listed(int procs)
{
	for (int round = 0; round < 16; round++) {
		char text[4096];
		char *at = text;
		ssize_t n = pread(procs, text, sizeof(text) - 1, 0);

		if (n < 0)
			return -errno;
		if (n == 0)
			return 0;
		text[n] = '\0';
		/* A number cut at the end of the buffer is not killed: it has no newline. */
		for (char *end; (end = strchr(at, '\n')); at = end + 1)
			kill((pid_t)atoi(at), SIGKILL);
	}
	return 0;
}

/* rmdir until what was killed has left; total about half a second. */
static int remove_folder(int parent, const char *name)
{
	for (unsigned int ms = 1; ; ms *= 2) {
		if (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
			return 0;
		if (errno != EBUSY || ms > 256)
			return -errno;
		pause_ms(ms);
	}
}

/* One cgroup of a dead instance: nothing in it can still be wanted. */
static int clean_stale(int dir, const char *name)
{
	_cleanup_(closep) int child = -1;
	_cleanup_(closep) int procs = -1;

	child = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (child < 0)
		return errno == ENOENT ? 0 : -errno;
	if (fs_write_at(child, "cgroup.kill", "1") < 0) {
		procs = openat(child, "cgroup.procs", O_RDONLY | O_CLOEXEC);
		if (procs < 0)
			return -errno;
		kill_listed(procs);
	}
	return remove_folder(dir, name);
}

static int clean_stale_all(int dir)
{
	DIR *list;
	struct dirent *entry;
	int fd, r = 0;

	fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	list = fdopendir(fd);
	if (!list) {
		close(fd);
		return -ENOMEM;
	}
	while (r == 0 && (entry = readdir(list)))
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
			r = clean_stale(dir, entry->d_name);
	closedir(list);
	return r;
}

/* Where the hierarchies are mounted; the first mount of each counts. */
static int find_mounts(struct cgroup_tree *tree)
{
	struct mntent *mount;
	FILE *table;
	int n = 0;

	table = setmntent("/proc/self/mounts", "re");
	if (!table)
		return -errno;
	while ((mount = getmntent(table))) {
		int h = -1;

		if (strcmp(mount->mnt_type, "cgroup2") == 0)
			h = UNIFIED;
		for (size_t i = 0; strcmp(mount->mnt_type, "cgroup") == 0 && i < N_CONTROLLERS; i++)
			if (hasmntopt(mount, controllers[i].name))
				h = controllers[i].v1;
		if (h < 0 || tree->base[h] >= 0)
			continue;
		tree->base[h] = open(mount->mnt_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		n += tree->base[h] >= 0;
	}
	endmntent(table);
	return n > 0 ? 0 : -ENOENT;
}

/* Nobody's delegation is no fault: then the root is ours to use, as without a service manager. */
static int take_delegated(struct cgroup_tree *tree)
{
	int folder = tree->base[UNIFIED] < 0 ? -ENOENT : cgroup_delegated_open(tree->base[UNIFIED]);

	if (folder < 0)
		return folder == -ENOENT ? 0 : folder;
	close(tree->base[UNIFIED]);
	tree->base[UNIFIED] = folder;
	return 0;
}

static bool list_has(const char *list, const char *word)
{
	size_t length = strlen(word);

	for (const char *at = list; (at = strstr(at, word)); at += length)
		if ((at == list || at[-1] == ' ') &&
		    (at[length] == ' ' || at[length] == '\n' || at[length] == '\0'))
			return true;
	return false;
}

/* Have the controllers handed down to our cgroups, as far as this host lets us. */
static void take_controllers(struct cgroup_tree *tree)
{
	char list[256] = "";

	for (size_t i = 0; i < N_CONTROLLERS; i++) {
		char text[16];

		if (tree->base[controllers[i].v1] >= 0) {
			tree->v1 |= controllers[i].mask;
			continue;
		}
		if (tree->base[UNIFIED] < 0)
			continue;
		snprintf(text, sizeof(text), "+%s", controllers[i].name);
		fs_write_at(tree->base[UNIFIED], "cgroup.subtree_control", text);
		fs_write_at(tree->dir[UNIFIED], "cgroup.subtree_control", text);
	}
	if (tree->dir[UNIFIED] >= 0)
		fs_read_at(tree->dir[UNIFIED], "cgroup.subtree_control", list, sizeof(list));
	for (size_t i = 0; i < N_CONTROLLERS; i++)
		if (list_has(list, controllers[i].name))
			tree->unified |= controllers[i].mask;
}

static int open_folder(struct cgroup_tree *tree, int h, bool *locked)
{
	int r;

	if (mkdirat(tree->base[h], tree->name, 0755) < 0 && errno != EEXIST)
		return -errno;
	tree->dir[h] = openat(tree->base[h], tree->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (tree->dir[h] < 0)
		return -errno;
	if (!*locked && flock(tree->dir[h], LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	*locked = true;
	r = clean_stale_all(tree->dir[h]);
	return r;
}

static void tree_close_fds(struct cgroup_tree *tree)
{
	for (int h = 0; h < _HIERARCHY_N; h++) {
		tree->dir[h] = close_fd(tree->dir[h]);
		tree->base[h] = close_fd(tree->base[h]);
	}
	free(tree);
}

struct cgroup_tree *cgroup_tree_close(struct cgroup_tree *tree)
{
	if (!tree)
		return NULL;
	for (int h = 0; h < _HIERARCHY_N; h++)
		if (tree->dir[h] >= 0)
			remove_folder(tree->base[h], tree->name);
	tree_close_fds(tree);
	return NULL;
}

int cgroup_tree_open(struct cgroup_tree **ret_tree, const char *instance)
{
	struct cgroup_tree *tree;
	bool locked = false;
	int r;

	if (!name_valid(instance, 32, "-"))
		return -EINVAL;
	tree = calloc(1, sizeof(*tree));
	if (!tree)
		return -ENOMEM;
	snprintf(tree->name, sizeof(tree->name), "ringfort-%s", instance);
	for (int h = 0; h < _HIERARCHY_N; h++)
		tree->base[h] = tree->dir[h] = -1;
	r = find_mounts(tree);
	if (r == 0)
		r = take_delegated(tree);
	for (int h = 0; r == 0 && h < _HIERARCHY_N; h++)
		if (tree->base[h] >= 0)
			r = open_folder(tree, h, &locked);
	if (r < 0 && !locked) {
		/* The folder is another's: hands off. */
		tree_close_fds(tree);
		return r;
	}
	if (r < 0) {
		cgroup_tree_close(tree);
		return r;
	}
	take_controllers(tree);
	*ret_tree = tree;
	return 0;
}

uint32_t cgroup_tree_missing(const struct cgroup_tree *tree)
{
	return (CGROUP_MEMORY | CGROUP_PIDS | CGROUP_CPU) & ~(tree->unified | tree->v1);
}

static int limit_unified(const struct cgroup *cgroup, uint32_t have, const struct cgroup_limits *limits)
{
	int dir = cgroup->dir[UNIFIED], r = 0;
	char text[48];

	if (have & CGROUP_MEMORY && limits->memory_mb) {
		r = fs_write_u64_at(dir, "memory.max", (uint64_t)limits->memory_mb << 20);
		/* Absent without swap accounting. */
		fs_write_u64_at(dir, "memory.swap.max", 0);
		fs_write_u64_at(dir, "memory.oom.group", 1);
	}
	if (r == 0 && have & CGROUP_PIDS && limits->pids)
		r = fs_write_u64_at(dir, "pids.max", limits->pids);
	if (r == 0 && have & CGROUP_CPU && limits->cpu_percent) {
		snprintf(text, sizeof(text), "%u 100000", limits->cpu_percent * 1000);
		r = fs_write_at(dir, "cpu.max", text);
	}
	return r;
}

static int limit_v1(const struct cgroup *cgroup, uint32_t have, const struct cgroup_limits *limits)
{
	uint64_t bytes = (uint64_t)limits->memory_mb << 20;
	int r = 0;

	if (have & CGROUP_MEMORY && limits->memory_mb) {
		r = fs_write_u64_at(cgroup->dir[V1_MEMORY], "memory.limit_in_bytes", bytes);
		/* Memory and swap together; absent without swap accounting. */
		fs_write_u64_at(cgroup->dir[V1_MEMORY], "memory.memsw.limit_in_bytes", bytes);
	}
	if (r == 0 && have & CGROUP_PIDS && limits->pids)
		r = fs_write_u64_at(cgroup->dir[V1_PIDS], "pids.max", limits->pids);
	if (r == 0 && have & CGROUP_CPU && limits->cpu_percent) {
		fs_write_u64_at(cgroup->dir[V1_CPU], "cpu.cfs_period_us", 100000);
		r = fs_write_u64_at(cgroup->dir[V1_CPU], "cpu.cfs_quota_us",
				    (uint64_t)limits->cpu_percent * 1000);
	}
	return r;
}

static int make_folder(struct cgroup *cgroup, int h)
{
	int parent = cgroup->tree->dir[h];

	if (mkdirat(parent, cgroup->name, 0755) < 0)
		return -errno;
	cgroup->dir[h] = openat(parent, cgroup->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (cgroup->dir[h] < 0) {
		unlinkat(parent, cgroup->name, AT_REMOVEDIR);
		return -errno;
	}
	if (h == UNIFIED) {
		/* Kernels before 5.14 have none: then the pid namespace alone does it. */
		cgroup->kill = openat(cgroup->dir[h], "cgroup.kill", O_WRONLY | O_CLOEXEC);
		return 0;
	}
	cgroup->procs[h] = openat(cgroup->dir[h], "cgroup.procs", O_RDWR | O_CLOEXEC);
	return cgroup->procs[h] < 0 ? -errno : 0;
}

int cgroup_new(struct cgroup **ret_cgroup, struct cgroup_tree *tree, const char *name,
	       const struct cgroup_limits *limits)
{
	struct cgroup *cgroup;
	int r = 0;

	if (!name_valid(name, 64, "+-"))
		return -EINVAL;
	cgroup = calloc(1, sizeof(*cgroup));
	if (!cgroup)
		return -ENOMEM;
	cgroup->tree = tree;
	cgroup->kill = -1;
	snprintf(cgroup->name, sizeof(cgroup->name), "%s", name);
	for (int h = 0; h < _HIERARCHY_N; h++)
		cgroup->dir[h] = cgroup->procs[h] = -1;
	for (int h = 0; r == 0 && h < _HIERARCHY_N; h++)
		if (tree->dir[h] >= 0)
			r = make_folder(cgroup, h);
	if (r == 0)
		r = limit_unified(cgroup, tree->unified, limits);
	if (r == 0)
		r = limit_v1(cgroup, tree->v1 & ~tree->unified, limits);
	if (r < 0) {
		cgroup_free(cgroup);
		return r;
	}
	*ret_cgroup = cgroup;
	return 0;
}

struct cgroup *cgroup_free(struct cgroup *cgroup)
{
	if (!cgroup)
		return NULL;
	cgroup_kill(cgroup);
	for (int h = 0; h < _HIERARCHY_N; h++) {
		if (cgroup->dir[h] < 0)
			continue;
		remove_folder(cgroup->tree->dir[h], cgroup->name);
		close(cgroup->dir[h]);
		close_fd(cgroup->procs[h]);
	}
	close_fd(cgroup->kill);
	free(cgroup);
	return NULL;
}

int cgroup_unified_fd(const struct cgroup *cgroup)
{
	return cgroup->dir[UNIFIED];
}

bool cgroup_bounds_memory(const struct cgroup *cgroup)
{
	return !(cgroup_tree_missing(cgroup->tree) & CGROUP_MEMORY);
}

int cgroup_place(struct cgroup *cgroup, pid_t pid)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%d", pid);

	for (int h = 0; h < _HIERARCHY_N; h++)
		if (cgroup->procs[h] >= 0 && write(cgroup->procs[h], text, (size_t)n) < 0)
			return -errno;
	return 0;
}

int cgroup_kill(struct cgroup *cgroup)
{
	int r = 0;

	if (cgroup->kill >= 0)
		return pwrite(cgroup->kill, "1", 1, 0) < 0 ? -errno : 0;
	for (int h = 0; r == 0 && h < _HIERARCHY_N; h++)
		if (cgroup->procs[h] >= 0)
			r = kill_listed(cgroup->procs[h]);
	return r;
}

/* A file that is one number, or the number after a key in a file of "key number" lines. */
static uint64_t number_in(int dir, const char *file, const char *key)
{
	char text[4096];
	const char *at = text;
	size_t length = strlen(key);

	if (dir < 0 || fs_read_at(dir, file, text, sizeof(text)) <= 0)
		return 0;
	while (length && (strncmp(at, key, length) != 0 || at[length] != ' ')) {
		at = strchr(at, '\n');
		if (!at)
			return 0;
		at++;
	}
	return strtoull(at + length, NULL, 10);
}

void cgroup_usage(const struct cgroup *cgroup, struct cgroup_usage *ret_usage)
{
	const int *dir = cgroup->dir;
	uint32_t unified = cgroup->tree->unified;

	*ret_usage = (struct cgroup_usage){ 0 };
	/* Told by every version 2 cgroup, with or without the cpu controller. */
	ret_usage->cpu_us = number_in(dir[UNIFIED], "cpu.stat", "usage_usec");
	if (unified & CGROUP_MEMORY) {
		ret_usage->memory_bytes = number_in(dir[UNIFIED], "memory.current", "");
		ret_usage->memory_peak_bytes = number_in(dir[UNIFIED], "memory.peak", "");
		ret_usage->n_oom_kills = number_in(dir[UNIFIED], "memory.events", "oom_kill");
	} else {
		ret_usage->memory_bytes = number_in(dir[V1_MEMORY], "memory.usage_in_bytes", "");
		ret_usage->memory_peak_bytes = number_in(dir[V1_MEMORY], "memory.max_usage_in_bytes", "");
		ret_usage->n_oom_kills = number_in(dir[V1_MEMORY], "memory.oom_control", "oom_kill");
	}
	ret_usage->n_pids = number_in(dir[unified & CGROUP_PIDS ? UNIFIED : V1_PIDS], "pids.current", "");
}
