/* SPDX-License-Identifier: Apache-2.0 */
/* Scan - compare the process table with the machine: at start, and after records were lost. */
#include "sensor/scan.h"

#include "base/cleanup.h"
#include "sensor/procfs.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

/* New entries, so that their lines can be made from the oldest downwards. */
struct scan {
	struct table *table;
	uint64_t now_ns;
	uint32_t host_mnt_ns;
	struct process **added;
	size_t n_added, size;
};

static int note(struct scan *s, struct process *process)
{
	if (s->n_added == s->size) {
		size_t size = s->size ? 2 * s->size : 256;
		struct process **added = reallocarray(s->added, size, sizeof(*added));

		if (!added)
			return -ENOMEM;
		s->added = added;
		s->size = size;
	}
	/* It shall not be thrown out for one that comes later. */
	table_pin(process);
	s->added[s->n_added++] = process;
	return 0;
}

static int take_task(void *userdata, const struct probe_task *task)
{
	struct scan *s = userdata;
	struct process *process = table_find(s->table, task->pid, task->start_ns);

	if (!process) {
		process = table_add(s->table, task->pid, task->start_ns, s->now_ns);
		if (!process || note(s, process) < 0)
			return -ENOMEM;
		process->credentials = (struct credentials){ .uid = task->uid, .gid = task->gid,
							     .euid = task->euid, .egid = task->egid };
		procfs_fill(s->table, process);
	} else if (task->mnt_ns == s->host_mnt_ns && procfs_runs_another(process)) {
		/* Its exec was lost, or is about to come.  Of other namespaces /proc has other paths. */
		procfs_fill(s->table, process);
	}
	process->ppid = task->ppid;
	process->parent_start_ns = task->parent_start_ns;
	process->loginuid = task->loginuid;
	process->session = task->session;
	process->tty = task->tty;
	process->mnt_ns = task->mnt_ns;
	process->cgroup_id = task->cgroup_id;
	table_saw(s->table, process);
	return 0;
}

static int by_start(const void *a, const void *b)
{
	uint64_t x = (*(struct process *const *)a)->start_ns;
	uint64_t y = (*(struct process *const *)b)->start_ns;

	return (x > y) - (x < y);
}

/* A parent starts before its child, so each finds its parent's line complete. */
static void make_lines(struct scan *s)
{
	if (s->n_added == 0)
		return;
	qsort(s->added, s->n_added, sizeof(*s->added), by_start);
	for (size_t i = 0; i < s->n_added; i++) {
		struct process *process = s->added[i];
		struct process *parent = process->ppid ? table_find(s->table, process->ppid,
								    process->parent_start_ns) : NULL;

		if (parent)
			table_set_line(s->table, process, parent);
	}
}

int scan(struct table *table, struct probe *probe, uint32_t host_mnt_ns, uint64_t now_ns)
{
	struct scan s = { .table = table, .now_ns = now_ns, .host_mnt_ns = host_mnt_ns };
	struct timespec boot;
	int r;

	clock_gettime(CLOCK_BOOTTIME, &boot);
	table_begin_round(table);
	r = probe_tasks(probe, take_task, &s);
	if (r >= 0) {
		make_lines(&s);
		table_end_round(table, (uint64_t)boot.tv_sec * 1000000000 + (uint64_t)boot.tv_nsec,
				now_ns);
	}
	for (size_t i = 0; i < s.n_added; i++)
		table_unpin(s.added[i]);
	free(s.added);
	return r < 0 ? r : 0;
}

static int refresh_credentials(void *userdata, struct process *process)
{
	if (!process->exited)
		procfs_fill_credentials(process);
	return 0;
}

void scan_credentials(struct table *table)
{
	table_each(table, refresh_credentials, NULL);
}

struct marking {
	struct table *table;
	bool changed;
};

static int mark_child(void *userdata, struct process *process)
{
	struct marking *marking = userdata;
	struct process *parent;

	if (process->selftest || process->ppid == 0)
		return 0;
	parent = table_find(marking->table, process->ppid, process->parent_start_ns);
	if (parent && parent->selftest)
		process->selftest = marking->changed = true;
	return 0;
}

void scan_selftest(struct table *table)
{
	struct marking marking = { .table = table };

	do {
		marking.changed = false;
		table_each(table, mark_child, &marking);
	} while (marking.changed);
}
