/* SPDX-License-Identifier: Apache-2.0 */
/* Follow - keep the process table as the probe's records tell, and find who they are about. */
#include "sensor/follow.h"

#include "sensor/assemble.h"
#include "sensor/path.h"
#include "sensor/procfs.h"

#include <errno.h>
#include <limits.h>
#include <linux/sched.h>
#include <stdlib.h>
#include <string.h>

struct follow {
	struct table *table;
	uint32_t n_readings; /* of /proc that are still allowed */
	char exe[RINGFORT_MAX_EVENT + 8];
	char cwd[RINGFORT_MAX_EVENT + 8];
};

int follow_new(struct follow **ret_follow, struct table *table)
{
	struct follow *follow = calloc(1, sizeof(*follow));

	if (!follow)
		return -ENOMEM;
	follow->table = table;
	*ret_follow = follow;
	return 0;
}

struct follow *follow_free(struct follow *follow)
{
	free(follow);
	return NULL;
}

void follow_refill(struct follow *follow, uint32_t n)
{
	follow->n_readings = n;
}

/* ---- who acts ------------------------------------------------------------------------------- */

static void update(struct process *process, const struct probe_record *record)
{
	process->ppid = record->ppid;
	process->parent_start_ns = record->parent_start_ns;
	process->cgroup_id = record->cgroup_id;
	/* None: it ends, and has left its namespaces before its files are closed. */
	if (record->mnt_ns)
		process->mnt_ns = record->mnt_ns;
	process->loginuid = record->loginuid;
	process->session = record->session;
	process->tty = record->tty;
	table_touch(process);
}

/* Threads may differ in their credentials; the rest of them is known only when these four agree. */
static void update_ids(struct credentials *credentials, const struct probe_record *record)
{
	if (credentials->uid == record->uid && credentials->euid == record->euid &&
	    credentials->gid == record->gid && credentials->egid == record->egid)
		return;
	*credentials = (struct credentials){ .uid = record->uid, .euid = record->euid,
					     .gid = record->gid, .egid = record->egid };
}

/* A process that acts and is not in the table: its fork was lost, or it was thrown out. */
static struct process *take_in(struct follow *follow, const struct probe_record *record)
{
	struct process *process, *parent;

	process = table_add(follow->table, record->pid, record->start_ns, record->monotonic_ns);
	if (!process)
		return NULL;
	process->credentials = (struct credentials){ .uid = record->uid, .euid = record->euid,
						     .gid = record->gid, .egid = record->egid };
	parent = table_find(follow->table, record->ppid, record->parent_start_ns);
	if (parent) {
		table_set_line(follow->table, process, parent);
		process->selftest = parent->selftest;
	}
	/* An exec brings the image itself, and an exit leaves nobody to read. */
	if (follow->n_readings > 0 && record->type != ringfort_type_process_exec &&
	    record->type != ringfort_type_process_exit) {
		follow->n_readings--;
		procfs_fill(follow->table, process);
	}
	return process;
}

/* ---- what it does ---------------------------------------------------------------------------- */

static void follow_fork(struct follow *follow, const struct probe_record *record,
			struct process *parent)
{
	const struct ringfort_process_fork *fork = (const void *)(record + 1);
	struct process *child;

	if (fork->child.start_ns == 0)
		return;
	child = table_find(follow->table, fork->child.pid, fork->child.start_ns);
	if (!child) {
		child = table_add(follow->table, fork->child.pid, fork->child.start_ns,
				  record->monotonic_ns);
		if (!child)
			return;
	} else if (child->image->exe_length > 0) {
		/* The scan at start met it, perhaps after an exec that is still to come here. */
		table_set_line(follow->table, child, parent);
		child->selftest |= parent->selftest;
		return;
	}
	table_inherit(follow->table, child, parent);
	update_ids(&child->credentials, record);
	child->ppid = fork->clone_flags & CLONE_PARENT ? record->ppid : record->pid;
	child->parent_start_ns = fork->clone_flags & CLONE_PARENT ? record->parent_start_ns :
								    record->start_ns;
}

static uint32_t cut_path(uint32_t length)
{
	return length < PATH_MAX ? length : PATH_MAX - 1;
}

static void follow_exec(struct follow *follow, const struct probe_record *record,
			struct process *process)
{
	const struct ringfort_process_exec *exec = (const void *)(record + 1);
	const char *called = assemble_text(record, exec->called);
	struct image_text text = {
		.exe = follow->exe,
		.called = called,
		.called_length = cut_path((uint32_t)strnlen(called, exec->called.length)),
		.argv = assemble_text(record, exec->argv),
		.argv_length = exec->argv.length,
		.cwd = follow->cwd,
	};

	if (exec->error)
		return;
	text.exe_length = cut_path(path_turn(assemble_text(record, exec->file.path),
					     exec->file.path.length, exec->file.quality,
					     exec->file.flags, follow->exe));
	if (exec->cwd.offset)
		text.cwd_length = cut_path(path_turn(assemble_text(record, exec->cwd),
						     exec->cwd.length, RINGFORT_QUALITY_RESOLVED,
						     PROBE_FILE_REVERSED, follow->cwd));
	table_set_image(follow->table, process, &text);
	/* execve makes the saved and the file-system ids the effective ones. */
	process->credentials = (struct credentials){
		.uid = record->uid, .euid = record->euid, .suid = record->euid, .fsuid = record->euid,
		.gid = record->gid, .egid = record->egid, .sgid = record->egid, .fsgid = record->egid,
		.cap_effective = exec->cap_effective, .whole = true,
	};
}

static bool equal_credentials(const struct credentials *a, const struct credentials *b)
{
	return a->whole && b->whole && a->uid == b->uid && a->euid == b->euid &&
	       a->suid == b->suid && a->fsuid == b->fsuid && a->gid == b->gid &&
	       a->egid == b->egid && a->sgid == b->sgid && a->fsgid == b->fsgid &&
	       a->cap_effective == b->cap_effective;
}

/*
 * glibc makes every thread call set*id; all but the first find the process as they leave it.
 * Where the table does not know what was before, the call is taken for a change.
 */
static void follow_setid(const struct probe_record *record, struct process *process,
			 struct followed *followed)
{
	const struct ringfort_process_setid *setid = (const void *)(record + 1);
	struct credentials after = {
		.uid = setid->uid, .euid = setid->euid, .suid = setid->suid, .fsuid = setid->fsuid,
		.gid = setid->gid, .egid = setid->egid, .sgid = setid->sgid, .fsgid = setid->fsgid,
		.cap_effective = setid->cap_effective, .whole = true,
	};

	followed->before = process->credentials;
	followed->unchanged = equal_credentials(&process->credentials, &after);
	process->credentials = after;
}

static void follow_act(struct follow *follow, const struct probe_record *record,
		       struct process *process, struct followed *followed)
{
	const struct ringfort_process_ptrace *ptrace = (const void *)(record + 1);

	switch (record->type) {
	case ringfort_type_process_fork:
		follow_fork(follow, record, process);
		break;
	case ringfort_type_process_exec:
		follow_exec(follow, record, process);
		break;
	case ringfort_type_process_exit:
		table_exit(follow->table, process, record->monotonic_ns);
		break;
	case ringfort_type_process_setid:
		follow_setid(record, process, followed);
		break;
	case ringfort_type_process_ptrace:
		followed->other = table_find(follow->table, ptrace->target.pid,
					     ptrace->target.start_ns);
		break;
	}
}

void follow_record(struct follow *follow, const struct probe_record *record,
		   struct followed *ret_followed)
{
	struct followed followed = { .before = { .uid = UINT32_MAX, .euid = UINT32_MAX,
						 .gid = UINT32_MAX, .egid = UINT32_MAX } };

	/* pid 0 is the idle task, or an interrupt in it: nobody. */
	if (record->pid != 0) {
		followed.process = table_find(follow->table, record->pid, record->start_ns);
		if (!followed.process)
			followed.process = take_in(follow, record);
	}
	if (followed.process) {
		update(followed.process, record);
		table_pin(followed.process);
		follow_act(follow, record, followed.process, &followed);
		table_unpin(followed.process);
		followed.parent = table_find(follow->table, record->ppid, record->parent_start_ns);
	}
	*ret_followed = followed;
}
