/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Tasks - the processes that are there already, one struct probe_task each. */
#ifndef RINGFORT_SENSOR_BPF_TASKS_BPF_H
#define RINGFORT_SENSOR_BPF_TASKS_BPF_H

#include "scratch.bpf.h"

SEC("iter/task")
int tasks(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task, *parent;
	const struct cred *cred;
	struct probe_task out = { 0 };

	/* A leader that is a zombie still stands for its other threads; without any it is dead. */
	if (!task || task->pid != task->tgid || task->signal->live.counter == 0)
		return 0;
	parent = task->real_parent;
	cred = task->real_cred;
	out.pid = task->tgid;
	out.ppid = parent->tgid;
	out.start_ns = task->start_boottime;
	out.parent_start_ns = parent->group_leader->start_boottime;
	out.uid = cred->uid.val;
	out.gid = cred->gid.val;
	out.euid = cred->euid.val;
	out.egid = cred->egid.val;
	out.loginuid = task_loginuid(task);
	out.session = task_session(task);
	out.tty = task_tty(task);
	out.mnt_ns = mount_namespace(task);
	out.cgroup_id = task->cgroups->dfl_cgrp->kn->id;
	bpf_seq_write(ctx->meta->seq, &out, sizeof(out));
	return 0;
}

#endif
