/* SPDX-License-Identifier: Apache-2.0 */
/* Trial - marks on a file system of our own, a program that does nothing. */
#include "gate/trial.h"

#include "base/cleanup.h"
#include "gate/fan.h"
#include "gate/own-fs.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/fanotify.h>

static int try_mark(unsigned int flags, uint64_t mask)
{
	_cleanup_(closep) int group = -1, root = -1;
	char path[32];
	int r = own_fs_open(&root);

	if (r == 0)
		r = fan_open(&group);
	if (r < 0)
		return r;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", root);
	return fanotify_mark(group, FAN_MARK_ADD | flags, mask, AT_FDCWD, path) < 0 ? -errno : 0;
}

static int try_net(const char *cgroup_path)
{
	const struct bpf_insn pass[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 1 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = BPF_CGROUP_INET4_CONNECT);
	_cleanup_(closep) int cgroup = -1, program = -1, link = -1;

	if (!cgroup_path)
		return -ENOENT;
	cgroup = open(cgroup_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (cgroup < 0)
		return -errno;
	program = bpf_prog_load(BPF_PROG_TYPE_CGROUP_SOCK_ADDR, NULL, "Dual BSD/GPL", pass,
				sizeof(pass) / sizeof(pass[0]), &options);
	if (program < 0)
		return -errno;
	link = bpf_link_create(program, cgroup, BPF_CGROUP_INET4_CONNECT, NULL);
	return link < 0 ? -errno : 0;
}

void trial_run(struct trial *ret_trial, const char *cgroup_path)
{
	*ret_trial = (struct trial){
		.exec = try_mark(FAN_MARK_FILESYSTEM, FAN_OPEN_EXEC_PERM),
		.open = try_mark(0, FAN_OPEN_PERM | FAN_EVENT_ON_CHILD),
		.net = try_net(cgroup_path),
	};
}
