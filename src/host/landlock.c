/* SPDX-License-Identifier: Apache-2.0 */
/* Landlock - read everything that is mounted, execute two files, write /dev/null. */
#include "host/sandbox.h"

#include "base/cleanup.h"
#include "host/landlock-abi.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>

/* The kernel opens the loader as an executable on behalf of the program. */
static const char *const loaders[] = {
	"/lib64/ld-linux-x86-64.so.2",
	"/lib/ld-linux-aarch64.so.1",
	"/lib/ld-linux-riscv64-lp64d.so.1",
	"/lib64/ld64.so.2",
	"/lib/ld-musl-x86_64.so.1",
	"/lib/ld-musl-aarch64.so.1",
};

int host_landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LL_CREATE_RULESET_VERSION);

	return abi < 0 ? 0 : (int)abi;
}

static int allow(int ruleset, const char *path, uint64_t access)
{
	struct ll_path_beneath_attr rule = { .allowed_access = access };
	_cleanup_(closep) int fd = -1;

	fd = open(path, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	rule.parent_fd = fd;
	if (syscall(SYS_landlock_add_rule, ruleset, LL_RULE_PATH_BENEATH, &rule, 0) < 0)
		return -errno;
	return 0;
}

static void handle_what_is_known(struct ll_ruleset_attr *attr, int abi, uint32_t share)
{
	attr->handled_access_fs = LL_FS_ALL_1;
	if (abi >= 2)
		attr->handled_access_fs |= LL_FS_REFER;
	if (abi >= 3)
		attr->handled_access_fs |= LL_FS_TRUNCATE;
	if (abi >= 4 && !(share & SPAWN_SHARE_NETWORK))
		attr->handled_access_net = LL_NET_BIND_TCP | LL_NET_CONNECT_TCP;
	if (abi >= 5)
		attr->handled_access_fs |= LL_FS_IOCTL_DEV;
	if (abi >= 6)
		attr->scoped = LL_SCOPE_ABSTRACT_UNIX_SOCKET | LL_SCOPE_SIGNAL;
}

int sandbox_landlock(struct sandbox *sandbox)
{
	struct ll_ruleset_attr attr = { 0 };
	_cleanup_(closep) int ruleset = -1;
	int r;

	/* Not in this kernel: the mounts, seccomp and the namespaces stand without it. */
	if (sandbox->landlock_abi == 0)
		return 0;
	handle_what_is_known(&attr, sandbox->landlock_abi, sandbox->options->share);
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (ruleset < 0)
		return -errno;
	r = allow(ruleset, "/", LL_FS_READ_FILE | LL_FS_READ_DIR);
	if (r == 0)
		r = allow(ruleset, "/dev/null", LL_FS_WRITE_FILE);
	if (r == 0)
		r = allow(ruleset, sandbox->executable, LL_FS_EXECUTE | LL_FS_READ_FILE);
	for (size_t i = 0; r == 0 && i < sizeof(loaders) / sizeof(loaders[0]); i++) {
		r = allow(ruleset, loaders[i], LL_FS_EXECUTE | LL_FS_READ_FILE);
		if (r == -ENOENT)
			r = 0;
	}
	if (r < 0)
		return r;
	return syscall(SYS_landlock_restrict_self, ruleset, 0) < 0 ? -errno : 0;
}
