/* SPDX-License-Identifier: Apache-2.0 */
/* Identity - descriptors, limits, groups, uid and capabilities of a sandboxed process. */
#include "host/sandbox.h"

#include "base/cleanup.h"
#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

/* Move a descriptor out of the way of every target. */
static int move_up(int fd, int lowest)
{
	int moved = fcntl(fd, F_DUPFD_CLOEXEC, lowest);

	return moved < 0 ? -errno : moved;
}

static bool is_target(const struct spawn_options *options, int fd)
{
	for (size_t i = 0; i < options->n_fds; i++)
		if (options->fds[i].target == fd)
			return true;
	return false;
}

int sandbox_descriptors(struct sandbox *sandbox)
{
	const struct spawn_options *options = sandbox->options;
	const int lowest = SPAWN_MAX_TARGET + 1;
	int moved[SPAWN_MAX_FDS];
	int null;

	sandbox->socket = move_up(sandbox->socket, lowest);
	sandbox->output = move_up(sandbox->output, lowest);
	if (sandbox->socket < 0 || sandbox->output < 0)
		return -EMFILE;
	for (size_t i = 0; i < options->n_fds; i++) {
		moved[i] = move_up(options->fds[i].fd, lowest);
		if (moved[i] < 0)
			return moved[i];
	}
	null = open("/dev/null", O_RDWR | O_NOCTTY);
	if (null < 0)
		return -errno;
	if (dup2(null, 0) < 0 || dup2(sandbox->output, 1) < 0 || dup2(sandbox->output, 2) < 0)
		return -errno;
	for (int fd = 3; fd < lowest; fd++)
		if (!is_target(options, fd))
			close(fd);
	for (size_t i = 0; i < options->n_fds; i++)
		if (dup2(moved[i], options->fds[i].target) < 0)
			return -errno;
	/* The socket to the parent goes first of what remains, the rest away. */
	if (sandbox->socket != lowest) {
		if (dup3(sandbox->socket, lowest, O_CLOEXEC) < 0)
			return -errno;
		sandbox->socket = lowest;
	}
	return close_range((unsigned int)lowest + 1, ~0u, 0) < 0 ? -errno : 0;
}

static int limit(int resource, uint64_t value)
{
	struct rlimit old, new = { .rlim_cur = value, .rlim_max = value };

	/* Nothing is raised: the host may have less to give, and not every root may raise. */
	if (getrlimit(resource, &old) < 0)
		return -errno;
	if (old.rlim_max < value)
		new.rlim_cur = new.rlim_max = old.rlim_max;
	return setrlimit(resource, &new) < 0 ? -errno : 0;
}

int sandbox_limits(struct sandbox *sandbox)
{
	const struct spawn_options *options = sandbox->options;
	uint64_t data = (uint64_t)options->memory_mb << 20;
	const struct {
		int resource;
		uint64_t value;
	} limits[] = {
		/* 1, not 0: at 0 a core still goes to a program in core_pattern, at 1 nowhere. */
		{ RLIMIT_CORE, 1 },
		{ RLIMIT_FSIZE, 0 },
		{ RLIMIT_MEMLOCK, 0 },
		{ RLIMIT_MSGQUEUE, 0 },
		{ RLIMIT_NICE, 0 },
		{ RLIMIT_RTPRIO, 0 },
		{ RLIMIT_NOFILE, options->n_files ? options->n_files : 64 },
		{ RLIMIT_NPROC, options->n_pids ? options->n_pids : 1 },
		{ RLIMIT_STACK, 8u << 20 },
		/* The cgroup counts what is used, this what is reserved: twice as much, so that the
		 * cgroup decides; the whole where there is no such cgroup. */
		{ RLIMIT_DATA, !data ? RLIM_INFINITY : sandbox->memory_controller ? 2 * data : data },
	};

	/* When the host runs out of memory this goes before the host's own. */
	fs_write_at(AT_FDCWD, "/proc/self/oom_score_adj", "900");
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		int r = limit(limits[i].resource, limits[i].value);

		if (r < 0)
			return r;
	}
	return 0;
}

int sandbox_groups(struct sandbox *sandbox)
{
	return setgroups(0, NULL) < 0 ? -errno : 0;
}

static int drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { 0 };

	return syscall(SYS_capset, &header, none) < 0 ? -errno : 0;
}

int sandbox_identity(struct sandbox *sandbox)
{
	const unsigned int bits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_KEEP_CAPS_LOCKED |
				  SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;
	uid_t uid = sandbox->options->uid;

	if (prctl(PR_SET_SECUREBITS, bits) < 0)
		return -errno;
	for (unsigned long cap = 0; cap < 64; cap++)
		if (prctl(PR_CAPBSET_DROP, cap) < 0 && errno != EINVAL)
			return -errno;
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return -errno;
	if (setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0)
		return -errno;
	/* Uid 0 does not exist in this namespace, so setresuid() has not dropped them. */
	if (drop_capabilities() < 0)
		return -errno;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0)
		return -errno;
	return 0;
}
