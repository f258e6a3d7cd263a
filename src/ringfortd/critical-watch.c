/* SPDX-License-Identifier: Apache-2.0 */
/* Critical watch - load, compare, hand over. */
#include "ringfortd/critical-watch.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "ringfortd/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define PACKAGES "/var/lib/dpkg/status"
#define STEPS "/var/lib/dpkg/updates" /* what dpkg has done so far, until that goes into its database */
#define OURS "of Ringfort itself"

static struct timespec changed(const char *path)
{
	struct stat st;

	return stat(path, &st) < 0 ? (struct timespec){ 0 } : st.st_mtim;
}

static bool same_time(struct timespec one, struct timespec other)
{
	return one.tv_sec == other.tv_sec && one.tv_nsec == other.tv_nsec;
}

_Static_assert(MESSAGE_SLOTS + 2 <= CRITICAL_MAX / 3, "every solution's program has a row");

/* The daemon, the command that opens the gate, and the program of each solution. */
static uint32_t list_ours(const struct supervisor *supervisor, char paths[][CRITICAL_PATH],
			  struct critical_row *rows)
{
	uint32_t n = 0;
	ssize_t length = readlink("/proc/self/exe", paths[0], CRITICAL_PATH - 1);

	if (length > 0) {
		paths[0][length] = '\0';
		rows[n++] = (struct critical_row){ paths[0], OURS };
	}
	if (strlen(supervisor->paths->command) < CRITICAL_PATH)
		rows[n++] = (struct critical_row){ supervisor->paths->command, OURS };
	for (uint32_t i = 0; i < supervisor->n_units; i++) {
		const struct unit *unit = supervisor->units[i];

		if (unit->unusable[0] || snprintf(paths[n], CRITICAL_PATH, "%s/%s", unit->package,
						  unit->manifest.executable) >= (int)CRITICAL_PATH)
			continue;
		rows[n] = (struct critical_row){ paths[n], OURS };
		n++;
	}
	return n;
}

void critical_watch_load(struct critical_watch *watch, const struct supervisor *supervisor)
{
	static char paths[MESSAGE_SLOTS + 2][CRITICAL_PATH];
	struct critical_row rows[MESSAGE_SLOTS + 2];
	uint32_t n = list_ours(supervisor, paths, rows);
	int r;

	watch->packages = changed(PACKAGES);
	watch->steps = changed(STEPS);
	r = critical_load(&watch->set, rows, n);
	if (r < 0)
		log_error("cannot load the critical set: %s; it stays as it was", strerror(-r));
}

bool critical_watch_stale(const struct critical_watch *watch)
{
	return !same_time(changed(PACKAGES), watch->packages) || !same_time(changed(STEPS), watch->steps);
}

int critical_watch_pack(const struct critical_watch *watch)
{
	_cleanup_(closep) int fd = memfd_create("ringfort-critical", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -errno;
	if (write(fd, &watch->set, sizeof(watch->set)) != (ssize_t)sizeof(watch->set))
		return -EIO;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
		return -errno;
	return take_fd(&fd);
}

int critical_watch_unpack(int fd, struct critical_set *ret_set)
{
	static struct critical_set set;

	if (pread(fd, &set, sizeof(set), 0) != (ssize_t)sizeof(set) || set.version != CRITICAL_VERSION ||
	    set.n_files > CRITICAL_MAX || set.n_entries > CRITICAL_MAX || set.n_folders > CRITICAL_FOLDERS)
		return -EBADMSG;
	*ret_set = set;
	return 0;
}
