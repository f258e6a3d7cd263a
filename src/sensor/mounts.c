/* SPDX-License-Identifier: Apache-2.0 */
/* Mounts - which file systems are mounted in our namespace, and which of them may be watched. */
#include "sensor/mounts.h"

#include "base/cleanup.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>

static const char *const local_types[] = {
	"ext2", "ext3", "ext4", "xfs", "btrfs", "bcachefs", "f2fs", "jfs", "reiserfs", "nilfs2", "zfs",
	"vfat", "msdos", "exfat", "ntfs3", "hfsplus", "udf", "tmpfs", "ramfs", "devtmpfs", "overlay",
};

/* The same by magic number, for the folders below an overlay; others are taken for remote. */
static const uint32_t local_magics[] = {
	EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC, F2FS_SUPER_MAGIC, TMPFS_MAGIC,
	RAMFS_MAGIC, OVERLAYFS_SUPER_MAGIC, SQUASHFS_MAGIC, EROFS_SUPER_MAGIC_V1, 0xca451a4e, 0x2fc12fc1,
};

/* "\040" and its like, which stand for blank, tab, newline and backslash */
static void unescape(char *text)
{
	char *to = text;

	for (; *text; text++) {
		if (text[0] == '\\' && text[1] >= '0' && text[1] <= '3' && text[2] >= '0' &&
		    text[2] <= '7' && text[3] >= '0' && text[3] <= '7') {
			*to++ = (char)((text[1] - '0') << 6 | (text[2] - '0') << 3 | (text[3] - '0'));
			text += 3;
		} else {
			*to++ = *text;
		}
	}
	*to = '\0';
}

int mounts_parse(char *text, struct mount_line *ret_line)
{
	char *fields[6], *save = NULL, *tail = strstr(text, " - ");
	struct mount_line line;
	unsigned int major, minor;
	char *type, *source, *options;

	if (!tail)
		return -EBADMSG;
	*tail = '\0';
	for (int i = 0; i < 6; i++) {
		fields[i] = strtok_r(i ? NULL : text, " ", &save);
		if (!fields[i])
			return -EBADMSG;
	}
	type = strtok_r(tail + 3, " ", &save);
	source = strtok_r(NULL, " ", &save);
	options = strtok_r(NULL, " \n", &save);
	if (!type || !source || sscanf(fields[2], "%u:%u", &major, &minor) != 2)
		return -EBADMSG;
	/* A source may be empty, and then the options stand in its place. */
	line = (struct mount_line){ .dev = (uint64_t)major << 20 | minor, .root = fields[3],
				    .point = fields[4], .type = type,
				    .options = options ? options : source };
	unescape(fields[3]);
	unescape(fields[4]);
	*ret_line = line;
	return 0;
}

int mounts_each(int (*each)(void *userdata, const struct mount_line *line), void *userdata)
{
	_cleanup_(fclosep) FILE *file = fopen("/proc/self/mountinfo", "re");
	_cleanup_(freep) char *text = NULL;
	size_t size = 0;
	int r;

	if (!file)
		return -errno;
	while (getline(&text, &size, file) > 0) {
		struct mount_line line;

		if (mounts_parse(text, &line) < 0)
			continue;
		r = each(userdata, &line);
		if (r)
			return r;
	}
	return 0;
}

static bool is_local_folder(const char *path)
{
	struct statfs fs;

	if (statfs(path, &fs) < 0)
		return false;
	for (size_t i = 0; i < sizeof(local_magics) / sizeof(local_magics[0]); i++)
		if ((uint32_t)fs.f_type == local_magics[i])
			return true;
	return false;
}

/* Every folder that lowerdir= and upperdir= name.  One that cannot be looked at counts as remote. */
static bool is_local_overlay(const char *options)
{
	_cleanup_(freep) char *copy = strdup(options);
	char *save = NULL, *inner = NULL;

	if (!copy)
		return false;
	for (char *option = strtok_r(copy, ",", &save); option; option = strtok_r(NULL, ",", &save)) {
		char *value = strchr(option, '=');

		if (!value || (strncmp(option, "lowerdir", 8) && strncmp(option, "upperdir", 8)))
			continue;
		for (char *path = strtok_r(value + 1, ":", &inner); path;
		     path = strtok_r(NULL, ":", &inner)) {
			unescape(path);
			if (!is_local_folder(path))
				return false;
		}
	}
	return true;
}

bool mounts_watchable(const struct mount_line *line)
{
	for (size_t i = 0; i < sizeof(local_types) / sizeof(local_types[0]); i++)
		if (strcmp(line->type, local_types[i]) == 0)
			return strcmp(line->type, "overlay") != 0 || is_local_overlay(line->options);
	return false;
}
