/* SPDX-License-Identifier: Apache-2.0 */
/* Drop - capabilities, users, and the two facts about the host that roles ask for. */
#include "ringfortd/drop.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#define CGROUP2_MAGIC 0x63677270

static int keep_capabilities(uint64_t mask)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {
		{ .effective = (uint32_t)mask, .permitted = (uint32_t)mask },
		{ .effective = (uint32_t)(mask >> 32), .permitted = (uint32_t)(mask >> 32) },
	};

	for (int cap = 0; cap < 64; cap++)
		if (!(mask & 1ull << cap) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 &&
		    errno != EINVAL && errno != EPERM)
			return -errno;
	if (syscall(SYS_capset, &header, data) < 0)
		return -errno;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return 0;
}

/* Only what this process has can be kept: not every host gives root everything. */
static uint64_t permitted(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };

	if (syscall(SYS_capget, &header, data) < 0)
		return 0;
	return data[0].permitted | (uint64_t)data[1].permitted << 32;
}

int drop_urgency(void)
{
	const struct sched_param none = { 0 };

	return sched_setscheduler(0, SCHED_BATCH, &none) < 0 ? -errno : 0;
}

int drop_sensor(void)
{
	uint64_t wanted = 1ull << CAP_BPF | 1ull << CAP_PERFMON | 1ull << CAP_NET_ADMIN |
			  1ull << CAP_SYS_ADMIN | 1ull << CAP_SYS_PTRACE |
			  1ull << CAP_DAC_READ_SEARCH;

	return keep_capabilities(wanted & permitted());
}

int drop_gate(void)
{
	uint64_t wanted = 1ull << CAP_SYS_ADMIN | 1ull << CAP_DAC_READ_SEARCH | 1ull << CAP_FOWNER |
			  1ull << CAP_LEASE | 1ull << CAP_IPC_LOCK;

	return keep_capabilities(wanted & permitted());
}

int drop_scopes(void)
{
	return keep_capabilities(1ull << CAP_DAC_READ_SEARCH & permitted());
}

int drop_stops(void)
{
	uint64_t wanted = 1ull << CAP_KILL | 1ull << CAP_SYS_PTRACE | 1ull << CAP_DAC_READ_SEARCH | 1ull << CAP_FOWNER;

	return keep_capabilities(wanted & permitted());
}

int drop_canary(void)
{
	return keep_capabilities(1ull << CAP_IPC_LOCK & permitted());
}

int drop_control(uid_t uid, gid_t gid)
{
	if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
		return -errno;
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -errno;
	return keep_capabilities(0);
}

uint32_t host_mount_namespace(void)
{
	struct stat st;

	if (stat("/proc/1/ns/mnt", &st) < 0 && stat("/proc/self/ns/mnt", &st) < 0)
		return 0;
	return (uint32_t)st.st_ino;
}

const char *cgroup_unified_path(void)
{
	static const char *const places[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
	struct statfs fs;

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (statfs(places[i], &fs) == 0 && (uint32_t)fs.f_type == CGROUP2_MAGIC)
			return places[i];
	return NULL;
}
