/* SPDX-License-Identifier: Apache-2.0 */
/* Superblock - a walk over the table of mounts. */
#include "gate/superblock.h"

#include "base/cleanup.h"
#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_TABLE (16u * 1024 * 1024)
#define MAX_HOPS 64  /* mounts one below another on the way to a path */
#define MAX_LAYERS 128 /* of overlays, in all; the rest counts as good */
#ifndef STATX_MNT_ID
#define STATX_MNT_ID 0x1000u
#endif

/* Types that wait for a server, as the table names them; "x." stands for all that begin so. */
static const char *const servers[] = {
	"fuse", "fuse.", "fuseblk", "fuseblk.", "virtiofs", "nfs", "nfs4", "cifs", "smb3", "9p", "ceph",
	"autofs", "afs", "coda", "lustre", "orangefs", "vboxsf",
};

/* Some bytes of the table. */
struct text {
	const char *at;
	size_t length;
};

/* One line, "36 35 98:0 / /mnt rw,noatime master:1 - ext4 /dev/sda rw,errors=x": where its fields begin. */
struct mount {
	uint64_t id, parent, device;
	struct text point, type, options;
};

/* One question, with all that it leads to. */
struct search {
	struct text table;
	int n_layers; /* that were looked at */
};

static struct superblock judge(struct search *search, const char *path);

/* ---- lines ------------------------------------------------------------------------------------- */

/* The next field, and the rest behind it. */
static struct text take_field(struct text *rest)
{
	const char *space = memchr(rest->at, ' ', rest->length);
	struct text field = { rest->at, space ? (size_t)(space - rest->at) : rest->length };
	size_t used = field.length + (space != NULL);

	rest->at += used;
	rest->length -= used;
	return field;
}

static uint64_t number_of(struct text field)
{
	uint64_t number = 0;

	for (size_t i = 0; i < field.length && field.at[i] >= '0' && field.at[i] <= '9'; i++)
		number = number * 10 + (uint64_t)(field.at[i] - '0');
	return number;
}

/* "8:17" */
static uint64_t device_of(struct text field)
{
	const char *colon = memchr(field.at, ':', field.length);
	struct text minor = { colon ? colon + 1 : field.at,
			      colon ? field.length - (size_t)(colon + 1 - field.at) : 0 };

	return (number_of(field) & 0xfff) << 20 | (number_of(minor) & 0xfffff);
}

static bool is(struct text field, const char *word)
{
	return field.length == strlen(word) && memcmp(field.at, word, field.length) == 0;
}

static bool parse_line(struct text line, struct mount *ret_mount)
{
	struct mount mount = { .id = number_of(take_field(&line)) };

	mount.parent = number_of(take_field(&line));
	mount.device = device_of(take_field(&line));
	take_field(&line); /* root */
	mount.point = take_field(&line);
	while (line.length && !is(take_field(&line), "-"))
		;
	mount.type = take_field(&line);
	take_field(&line); /* source */
	mount.options = take_field(&line);
	if (!mount.point.length || !mount.type.length)
		return false;
	*ret_mount = mount;
	return true;
}

static bool next_mount(struct text *table, struct mount *ret_mount)
{
	while (table->length) {
		const char *end = memchr(table->at, '\n', table->length);
		struct text line = { table->at, end ? (size_t)(end - table->at) : table->length };
		size_t used = line.length + (end != NULL);

		table->at += used;
		table->length -= used;
		if (parse_line(line, ret_mount))
			return true;
	}
	return false;
}

/* ---- paths --------------------------------------------------------------------------------------- */

/* The table writes space, tab, newline and backslash as \ooo. */
static char unescape(const char **at, const char *end)
{
	const char *c = *at;

	if (end - c >= 4 && c[0] == '\\' && c[1] >= '0' && c[1] <= '3' && c[2] >= '0' && c[2] <= '7' &&
	    c[3] >= '0' && c[3] <= '7') {
		*at += 4;
		return (char)((c[1] - '0') << 6 | (c[2] - '0') << 3 | (c[3] - '0'));
	}
	(*at)++;
	return *c;
}

/* Is path there, or below?  Then how many bytes of it are the mount point; else -1. */
static int covers(struct text point, const char *path)
{
	const char *at = point.at, *end = point.at + point.length;
	int n = 0;

	if (is(point, "/"))
		return 0;
	while (at < end)
		if (!path[n] || unescape(&at, end) != path[n++])
			return -1;
	return path[n] == '\0' || path[n] == '/' ? n : -1;
}

/* Is path just there? */
static bool is_point(struct text point, const char *path)
{
	int n = covers(point, path);

	return n >= 0 && path[n + (int)strspn(path + n, "/")] == '\0';
}

/* Mounted on the mount `parent`, on the way to path, nearest to its root; from there another may follow. */
static bool find_below(struct text table, uint64_t parent, const char *path, struct mount *ret_mount)
{
	int nearest = INT_MAX;
	struct mount mount;

	while (next_mount(&table, &mount)) {
		int n = mount.parent == parent && mount.id != parent ? covers(mount.point, path) : -1;

		if (n < 0 || n >= nearest)
			continue;
		nearest = n;
		*ret_mount = mount;
	}
	return nearest != INT_MAX;
}

static bool has_mount(struct text table, uint64_t id)
{
	struct mount mount;

	while (next_mount(&table, &mount))
		if (mount.id == id)
			return true;
	return false;
}

/* The root: on nothing that is in the table. */
static bool find_root(struct text table, struct mount *ret_mount)
{
	struct text rest = table;
	struct mount mount;

	while (next_mount(&rest, &mount))
		if (is(mount.point, "/") && (mount.parent == mount.id || !has_mount(table, mount.parent))) {
			*ret_mount = mount;
			return true;
		}
	return false;
}

/* ---- judging --------------------------------------------------------------------------------------- */

static bool waits_for_server(struct text type)
{
	for (size_t i = 0; i < sizeof(servers) / sizeof(servers[0]); i++) {
		size_t length = strlen(servers[i]);

		if (is(type, servers[i]) ||
		    (servers[i][length - 1] == '.' && type.length > length && memcmp(type.at, servers[i], length) == 0))
			return true;
	}
	return false;
}

static void keep_type(struct superblock *superblock, struct text type)
{
	snprintf(superblock->type, sizeof(superblock->type), "%.*s", (int)(type.length < 31 ? type.length : 31), type.at);
}

/* The next of "/a:/b", unescaped; "" for what is too long to be one. */
static void take_folder(struct text *folders, char ret_path[PATH_MAX])
{
	const char *at = folders->at, *end = at + folders->length;
	size_t n = 0;

	while (at < end && *at != ':') {
		char c = unescape(&at, end);

		if (n < PATH_MAX - 1)
			ret_path[n++] = c;
	}
	ret_path[n < PATH_MAX - 1 ? n : 0] = '\0';
	at += at < end;
	folders->length = (size_t)(end - at);
	folders->at = at;
}

/* False: one of them waits for a server; its type is kept. */
static bool layers_good(struct search *search, struct text folders, struct superblock *superblock)
{
	char path[PATH_MAX];
	struct superblock layer;

	while (folders.length && search->n_layers < MAX_LAYERS) {
		take_folder(&folders, path);
		if (path[0] != '/')
			continue;
		search->n_layers++;
		layer = judge(search, path);
		if (layer.answer == SUPERBLOCK_GOOD || layer.answer == SUPERBLOCK_NO_MOUNT)
			continue;
		memcpy(superblock->type, layer.type, sizeof(layer.type));
		return false;
	}
	return true;
}

static bool overlay_good(struct search *search, struct text options, struct superblock *superblock)
{
	static const char *const names[] = { "lowerdir=", "lowerdir+=", "datadir+=", "upperdir=" };

	while (options.length) {
		const char *comma = memchr(options.at, ',', options.length);
		struct text option = { options.at, comma ? (size_t)(comma - options.at) : options.length };
		size_t used = option.length + (comma != NULL);

		options.at += used;
		options.length -= used;
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			size_t length = strlen(names[i]);
			struct text folders = { option.at + length, option.length - length };

			if (option.length > length && memcmp(option.at, names[i], length) == 0 &&
			    !layers_good(search, folders, superblock))
				return false;
		}
	}
	return true;
}

static struct superblock judge(struct search *search, const char *path)
{
	struct superblock superblock = { .answer = SUPERBLOCK_NO_MOUNT };
	struct mount mount;
	bool waits = false;

	if (!find_root(search->table, &mount))
		return superblock;
	for (int hops = 0; hops < MAX_HOPS; hops++) {
		struct mount below;

		waits = waits_for_server(mount.type);
		superblock.mount = mount.id;
		superblock.device = mount.device;
		superblock.is_point = is_point(mount.point, path);
		keep_type(&superblock, mount.type);
		if (!find_below(search->table, mount.id, path, &below))
			break;
		if (waits) {
			superblock.answer = SUPERBLOCK_BEYOND;
			return superblock;
		}
		mount = below;
	}
	superblock.answer = waits ? SUPERBLOCK_SERVER : SUPERBLOCK_GOOD;
	if (is(mount.type, "overlay") && !overlay_good(search, mount.options, &superblock))
		superblock.answer = SUPERBLOCK_OVERLAY;
	return superblock;
}

struct superblock superblock_judge(const char *table, size_t size, const char *path)
{
	struct search search = { .table = { table, size } };

	return judge(&search, path);
}

const char *superblock_why(uint32_t answer)
{
	static const char *const texts[_SUPERBLOCK_ANSWER_N] = {
		[SUPERBLOCK_GOOD] = "it may be guarded",
		[SUPERBLOCK_NO_MOUNT] = "the table of mounts does not lead there",
		[SUPERBLOCK_SERVER] = "its files wait for a server, and who opened one would wait with them",
		[SUPERBLOCK_BEYOND] = "the way to it leads over a file system that waits for a server",
		[SUPERBLOCK_OVERLAY] = "it is an overlay above a file system that waits for a server",
		[SUPERBLOCK_LINK] = "the way to it leads over a symbolic link: name the folder itself",
		[SUPERBLOCK_MOVED] = "something was mounted there just now",
		[SUPERBLOCK_UNMOUNTED] = "nothing is mounted there any more",
	};

	return answer < _SUPERBLOCK_ANSWER_N ? texts[answer] : NULL;
}

/* ---- on this host ------------------------------------------------------------------------------------ */

/* The whole file; NUL-terminated, so that an empty one is a buffer too. */
static int read_table(char **ret_table, size_t *ret_size)
{
	_cleanup_(closep) int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	_cleanup_(freep) char *table = NULL;
	size_t size = 0, room = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	do {
		if (room - size < 4096) {
			char *more;

			room = room ? 2 * room : 65536;
			more = room <= MAX_TABLE ? realloc(table, room) : NULL;
			if (!more)
				return -ENOMEM;
			table = more;
		}
		n = read(fd, table + size, room - size - 1);
		if (n < 0)
			return -errno;
		size += (size_t)n;
	} while (n > 0);
	table[size] = '\0';
	*ret_table = take_ptr(table);
	*ret_size = size;
	return 0;
}

/* By one name; -ELOOP: it is a symbolic link. */
static int open_name(int folder, const char *name)
{
	_cleanup_(closep) int fd = openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	return S_ISLNK(st.st_mode) ? -ELOOP : take_fd(&fd);
}

static int open_path(const char *path)
{
	_cleanup_(closep) int root = open("/", O_PATH | O_CLOEXEC);

	return root < 0 ? -errno : fs_walk(root, path, open_name);
}

static bool is_on(int fd, uint64_t mount)
{
	struct statx stx;

	return statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_MNT_ID, &stx) == 0 && stx.stx_mnt_id == mount;
}

int superblock_open(const char *path, bool was_point, struct superblock *ret_superblock, int *ret_fd)
{
	_cleanup_(freep) char *table = NULL;
	_cleanup_(closep) int fd = -1;
	size_t size = 0;
	int r = read_table(&table, &size);

	*ret_superblock = (struct superblock){ .answer = SUPERBLOCK_GOOD };
	if (r < 0)
		return r;
	*ret_superblock = superblock_judge(table, size, path);
	if (ret_superblock->answer == SUPERBLOCK_GOOD && was_point && !ret_superblock->is_point)
		ret_superblock->answer = SUPERBLOCK_UNMOUNTED;
	if (ret_superblock->answer != SUPERBLOCK_GOOD)
		return -EXDEV;
	fd = open_path(path);
	if (fd == -ELOOP)
		ret_superblock->answer = SUPERBLOCK_LINK;
	if (fd < 0)
		return fd;
	if (!is_on(fd, ret_superblock->mount)) {
		ret_superblock->answer = SUPERBLOCK_MOVED;
		return -EXDEV;
	}
	*ret_fd = take_fd(&fd);
	return 0;
}
