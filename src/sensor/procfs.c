/* SPDX-License-Identifier: Apache-2.0 */
/* Procfs - what /proc says of a process whose exec we did not see. */
#include "sensor/procfs.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

static int open_process(uint32_t pid)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/%" PRIu32, pid);
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* As much of the file as fits, NUL-terminated. */
static ssize_t read_file(int folder, const char *name, char *buffer, size_t size)
{
	_cleanup_(closep) int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
	size_t used = 0;

	if (fd < 0)
		return -errno;
	while (used + 1 < size) {
		ssize_t n = read(fd, buffer + used, size - 1 - used);

		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		used += (size_t)n;
	}
	buffer[used] = '\0';
	return (ssize_t)used;
}

/* The link's text without " (deleted)"; "" when it cannot be read, as for kernel threads. */
static uint32_t read_link(int folder, const char *name, char buffer[PATH_MAX])
{
	static const char deleted[] = " (deleted)";
	ssize_t n = readlinkat(folder, name, buffer, PATH_MAX - 1);

	if (n < 0)
		n = 0;
	if ((size_t)n >= sizeof(deleted) &&
	    memcmp(buffer + n - (sizeof(deleted) - 1), deleted, sizeof(deleted) - 1) == 0)
		n -= sizeof(deleted) - 1;
	buffer[n] = '\0';
	return (uint32_t)n;
}

/* Is the process in the opened folder the one that started then?  stat tells it in ticks. */
static bool is_same(int folder, uint64_t start_ns)
{
	char stat[1024];
	const char *at;
	uint64_t ticks;

	if (read_file(folder, "stat", stat, sizeof(stat)) <= 0)
		return false;
	at = strrchr(stat, ')'); /* the name before it may hold anything */
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	if (!at || sscanf(at, " %" SCNu64, &ticks) != 1)
		return false;
	return ticks == start_ns / (1000000000 / (uint64_t)sysconf(_SC_CLK_TCK));
}

static int parse_credentials(const char *status, struct credentials *credentials)
{
	struct credentials c = { .whole = true };
	const char *uid = strstr(status, "\nUid:"), *gid = strstr(status, "\nGid:");
	const char *cap = strstr(status, "\nCapEff:");

	if (!uid || sscanf(uid, "\nUid: %" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNu32, &c.uid,
			   &c.euid, &c.suid, &c.fsuid) != 4)
		return -EBADMSG;
	if (!gid || sscanf(gid, "\nGid: %" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNu32, &c.gid,
			   &c.egid, &c.sgid, &c.fsgid) != 4)
		return -EBADMSG;
	if (!cap || sscanf(cap, "\nCapEff: %" SCNx64, &c.cap_effective) != 1)
		return -EBADMSG;
	*credentials = c;
	return 0;
}

/* The name on the first line is escaped there, so it cannot bring a line "Uid:" of its own. */
static int read_credentials(int folder, struct credentials *credentials)
{
	char status[8192];
	ssize_t n = read_file(folder, "status", status, sizeof(status));

	return n < 0 ? (int)n : parse_credentials(status, credentials);
}

int procfs_fill_credentials(struct process *process)
{
	_cleanup_(closep) int folder = open_process(process->pid);

	if (folder < 0)
		return -ESRCH;
	if (!is_same(folder, process->start_ns))
		return -ESRCH;
	return read_credentials(folder, &process->credentials);
}

bool procfs_runs_another(const struct process *process)
{
	_cleanup_(closep) int folder = open_process(process->pid);
	char exe[PATH_MAX];
	uint32_t length;

	if (folder < 0)
		return false;
	length = read_link(folder, "exe", exe);
	return length > 0 && strcmp(exe, process->image->text) != 0 &&
	       is_same(folder, process->start_ns);
}

int procfs_fill(struct table *table, struct process *process)
{
	_cleanup_(closep) int folder = open_process(process->pid);
	char exe[PATH_MAX], cwd[PATH_MAX], argv[TABLE_ARGV_BYTES + 1];
	struct image_text text = { .exe = exe, .argv = argv, .cwd = cwd };
	ssize_t n;

	if (folder < 0 || !is_same(folder, process->start_ns))
		return -ESRCH;
	n = read_file(folder, "cmdline", argv, sizeof(argv));
	if (n < 0)
		return -ESRCH;
	while (n > 0 && argv[n - 1] == '\0')
		n--;
	text.argv_length = (uint32_t)n;
	text.exe_length = read_link(folder, "exe", exe);
	text.cwd_length = read_link(folder, "cwd", cwd);
	read_credentials(folder, &process->credentials);
	/* All of this came from one process: its folder answers ESRCH once it is gone. */
	return table_set_image(table, process, &text);
}
