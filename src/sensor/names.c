/* SPDX-License-Identifier: Apache-2.0 */
/* Names - of cgroups and terminals, by the numbers that the kernel gives. */
#include "sensor/names.h"

#include "base/cleanup.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <uthash.h>

#define MAX_CGROUPS 4096
#define CONTAINER_DIGITS 64
#define N_TTYS 64

/* FILEID_KERNFS of linux/exportfs.h: the handle is the 64-bit id. */
#define HANDLE_KERNFS 0xfe

struct cgroup {
	uint64_t id;
	uint32_t path_length;
	char container[CONTAINER_DIGITS + 1];
	UT_hash_handle hh;
	char path[];
};

struct names {
	int cgroup_fd; /* of the root, or -1 */
	char root[PATH_MAX];
	struct cgroup *cgroups;
	const struct cgroup *last;
	struct {
		uint32_t device;
		char name[32];
	} ttys[N_TTYS];
};

const char *names_container_id(const char *path)
{
	const char *begin = path, *found = NULL;

	while (*path) {
		size_t n = 0;

		while (isxdigit((unsigned char)path[n]))
			n++;
		/* conmon watches the container of this id from outside. */
		if (n == CONTAINER_DIGITS &&
		    !(path - begin >= 7 && strncmp(path - 7, "conmon-", 7) == 0))
			found = path;
		path += n ? n : 1;
	}
	return found;
}

static int find_path(const struct names *names, uint64_t id, char path[PATH_MAX])
{
	union {
		struct file_handle handle;
		char bytes[sizeof(struct file_handle) + sizeof(id)];
	} u = { .handle = { .handle_bytes = sizeof(id), .handle_type = HANDLE_KERNFS } };
	_cleanup_(closep) int fd = -1;
	char link[32];
	ssize_t n;

	memcpy(u.handle.f_handle, &id, sizeof(id));
	fd = open_by_handle_at(names->cgroup_fd, &u.handle, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, PATH_MAX - 1);
	if (n < 0)
		return -errno;
	path[n] = '\0';
	return 0;
}

static void forget_all(struct names *names)
{
	struct cgroup *cgroup, *next;

	HASH_ITER(hh, names->cgroups, cgroup, next) {
		HASH_DEL(names->cgroups, cgroup);
		free(cgroup);
	}
	names->last = NULL;
}

/* One without a path is remembered too: who makes and removes cgroups shall not cost a look-up each time. */
static const struct cgroup *learn(struct names *names, uint64_t id)
{
	size_t root_length = strlen(names->root);
	char path[PATH_MAX];
	const char *below = path, *container;
	struct cgroup *cgroup;

	if (find_path(names, id, path) < 0)
		below = "";
	else if (strncmp(path, names->root, root_length) == 0)
		below = path[root_length] ? path + root_length : "/";
	if (HASH_COUNT(names->cgroups) >= MAX_CGROUPS)
		forget_all(names);
	cgroup = calloc(1, sizeof(*cgroup) + strlen(below) + 1);
	if (!cgroup)
		return NULL;
	cgroup->id = id;
	cgroup->path_length = (uint32_t)strlen(below);
	strcpy(cgroup->path, below);
	container = names_container_id(cgroup->path);
	if (container)
		memcpy(cgroup->container, container, CONTAINER_DIGITS);
	HASH_ADD(hh, names->cgroups, id, sizeof(cgroup->id), cgroup);
	return cgroup;
}

struct cgroup_name names_cgroup(struct names *names, uint64_t id)
{
	const struct cgroup *cgroup = names->last;
	struct cgroup *found;

	if (id == 0 || names->cgroup_fd < 0)
		return (struct cgroup_name){ .path = "", .container = "" };
	if (!cgroup || cgroup->id != id) {
		HASH_FIND(hh, names->cgroups, &id, sizeof(id), found);
		cgroup = found ? found : learn(names, id);
		if (!cgroup)
			return (struct cgroup_name){ .path = "", .container = "" };
		names->last = cgroup;
	}
	return (struct cgroup_name){ .path = cgroup->path, .path_length = cgroup->path_length,
				     .container = cgroup->container,
				     .container_length = (uint32_t)strlen(cgroup->container) };
}

/* The kernel's own name of a character device, as udev gets it. */
static void name_by_sysfs(uint32_t major, uint32_t minor, char *name, size_t size)
{
	char path[64], line[256];
	_cleanup_(fclosep) FILE *file = NULL;

	snprintf(path, sizeof(path), "/sys/dev/char/%" PRIu32 ":%" PRIu32 "/uevent", major, minor);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "DEVNAME=", 8) == 0 && strlen(line + 8) < size - 5)
			snprintf(name, size, "/dev/%.*s", (int)size - 6, line + 8);
	}
}

const char *names_tty(struct names *names, uint32_t device)
{
	uint32_t major = device >> 20, minor = device & 0xfffff;
	uint32_t slot = (device ^ device >> 14) % N_TTYS;
	char *name = names->ttys[slot].name;

	if (device == 0)
		return "";
	if (names->ttys[slot].device == device)
		return name;
	names->ttys[slot].device = device;
	name[0] = '\0';
	if (major >= 136 && major <= 143) /* UNIX98_PTY_SLAVE_MAJOR and the seven behind it */
		snprintf(name, sizeof(names->ttys[slot].name), "/dev/pts/%" PRIu32,
			 minor + ((major - 136) << 8));
	else
		name_by_sysfs(major, minor, name, sizeof(names->ttys[slot].name));
	return name;
}

int names_new(struct names **ret_names, const char *cgroup_path)
{
	struct names *names = calloc(1, sizeof(*names));

	if (!names)
		return -ENOMEM;
	names->cgroup_fd = -1;
	if (cgroup_path) {
		names->cgroup_fd = open(cgroup_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		/* readlink tells paths without links and "..": so must the root be told. */
		if (names->cgroup_fd >= 0 && !realpath(cgroup_path, names->root))
			names->cgroup_fd = close_fd(names->cgroup_fd);
	}
	*ret_names = names;
	return 0;
}

struct names *names_free(struct names *names)
{
	if (!names)
		return NULL;
	forget_all(names);
	close_fd(names->cgroup_fd);
	free(names);
	return NULL;
}
