/* SPDX-License-Identifier: Apache-2.0 */
#undef NDEBUG
#include "sensor/follow.h"
#include "sensor/table.h"
#include "sensor/test-record.h"

#include <assert.h>
#include <linux/sched.h>
#include <malloc.h>
#include <stdlib.h>
#include <stdio.h>

static struct builder b;

static struct table *small_table(uint32_t max_processes, uint32_t grace_ms)
{
	const struct table_options options = { .max_processes = max_processes, .grace_ms = grace_ms,
					       .max_bytes = 64 << 20 };
	struct table *table;

	assert(table_new(&table, &options) == 0);
	return table;
}

static void set_exe(struct table *table, struct process *process, const char *exe)
{
	assert(table_set_image(table, process, &(struct image_text){
		.exe = exe, .exe_length = (uint32_t)strlen(exe) }) == 0);
}

static struct table_counts counts_of(const struct table *table)
{
	struct table_counts counts;

	table_counts(table, &counts);
	return counts;
}

static void children_share_their_parents_image_until_they_exec(void)
{
	struct table *table = small_table(100, 1000);
	struct process *parent = table_add(table, 10, 1, 0), *child = table_add(table, 11, 2, 0);

	set_exe(table, parent, "/bin/sh");
	assert(table_inherit(table, child, parent) == 0);
	assert(child->image == parent->image && child->image->n_refs == 2);
	set_exe(table, child, "/bin/ls");
	assert(strcmp(child->image->text, "/bin/ls") == 0 && strcmp(parent->image->text, "/bin/sh") == 0);
	assert(parent->image->n_refs == 1);
	table_free(table);
}

static void the_line_above_a_process_outlives_its_parents_and_has_eight_at_most(void)
{
	struct table *table = small_table(100, 0);
	struct process *parent = NULL, *child = NULL;
	const char *at;

	for (uint32_t i = 0; i < 12; i++) {
		char exe[16];

		snprintf(exe, sizeof(exe), "/bin/%u", i);
		child = table_add(table, 100 + i, i + 1, 0);
		if (parent) {
			assert(table_inherit(table, child, parent) == 0);
			table_exit(table, parent, i);
		}
		set_exe(table, child, exe);
		table_reap(table, 1000);
		parent = child;
	}
	assert(counts_of(table).n_processes == 1);
	at = child->line->text;
	for (int i = 10; i >= 3; i--, at += strlen(at) + 1)
		assert(atoi(at + 5) == i);
	assert(at == child->line->text + child->line->length + 1);
	/* what the parent executes later is no ancestor of those it made before */
	child = table_add(table, 200, 100, 0);
	assert(table_inherit(table, child, parent) == 0);
	set_exe(table, parent, "/bin/later");
	assert(strcmp(child->line->text, "/bin/11") == 0);
	table_free(table);
}

static void one_pid_used_twice_gives_two_processes(void)
{
	struct table *table = small_table(100, 1000);
	struct process *first = table_add(table, 10, 1000, 5), *second;

	set_exe(table, first, "/bin/a");
	second = table_add(table, 10, 2000, 6);
	set_exe(table, second, "/bin/b");
	/* its exit was lost: the second could not be there otherwise */
	assert(first->exited && !second->exited);
	assert(table_find(table, 10, 1000) == first && table_find(table, 10, 2000) == second);
	assert(table_find(table, 10, 0) == second && !table_find(table, 10, 3000));
	/* an old one that comes late is not the living one */
	assert(table_add(table, 10, 1500, 7)->exited);
	assert(table_find(table, 10, 0) == second && !second->exited);
	table_exit(table, second, 2000000000);
	table_reap(table, 2500000000);
	assert(!table_find(table, 10, 1000) && !table_find(table, 10, 1500));
	assert(table_find(table, 10, 0) == second);
	table_reap(table, 4000000000);
	assert(!table_find(table, 10, 0));
	table_free(table);
}

static void the_same_pid_a_thousand_times_stays_short(void)
{
	struct table *table = small_table(10000, 1000);

	for (uint64_t i = 1; i <= 1000; i++)
		assert(table_add(table, 10, i, 0));
	assert(counts_of(table).n_processes <= 16);
	assert(counts_of(table).n_evicted + counts_of(table).n_processes == 1000);
	assert(table_find(table, 10, 1000) && !table_find(table, 10, 1000)->exited);
	table_free(table);
}

static void exited_processes_are_kept_for_the_grace_time(void)
{
	struct table *table = small_table(100, 1000);
	struct process *process = table_add(table, 10, 1, 0);

	table_exit(table, process, 5000000000);
	table_exit(table, process, 9000000000); /* told twice */
	table_reap(table, 5999999999);
	assert(table_find(table, 10, 1) == process);
	table_reap(table, 6000000001);
	assert(!table_find(table, 10, 1) && counts_of(table).n_processes == 0);
	assert(counts_of(table).n_bytes == 0 && counts_of(table).n_evicted == 0);
	table_free(table);
}

static void a_full_table_forgets_the_oldest_exited_first_and_then_the_idlest(void)
{
	struct table *table = small_table(10, 1000000);

	for (uint32_t i = 0; i < 10; i++)
		table_add(table, 100 + i, i + 1, 0);
	table_exit(table, table_find(table, 105, 0), 1);
	table_exit(table, table_find(table, 103, 0), 2);
	table_add(table, 200, 50, 0);
	assert(!table_find(table, 105, 0) && table_find(table, 103, 0));
	table_add(table, 201, 51, 0);
	assert(!table_find(table, 103, 0));
	/* now living ones: the hand takes away each mark once, and those marked again stay */
	table_add(table, 202, 52, 0);
	for (uint32_t i = 0; i < 10; i++)
		if (i != 4 && table_find(table, 100 + i, 0))
			table_touch(table_find(table, 100 + i, 0));
	table_touch(table_find(table, 200, 0));
	table_touch(table_find(table, 201, 0));
	table_add(table, 203, 53, 0);
	assert(!table_find(table, 104, 0));
	assert(counts_of(table).n_processes == 10 && counts_of(table).n_evicted == 4);
	table_free(table);
}

static void pinned_processes_stay(void)
{
	struct table *table = small_table(2, 1000);
	struct process *process = table_add(table, 1, 1, 0);

	table_exit(table, process, 0);
	table_pin(process);
	for (uint32_t i = 2; i < 50; i++)
		table_add(table, i, i, 0);
	table_reap(table, 1ull << 60);
	assert(table_find(table, 1, 1) == process);
	table_unpin(process);
	table_reap(table, 1ull << 60);
	assert(!table_find(table, 1, 1));
	table_free(table);
}

static void strings_without_end_do_not_fill_the_memory(void)
{
	const struct table_options options = { .max_processes = 100000, .grace_ms = 1000000, .max_bytes = 4 << 20 };
	static char argv[100000], path[4095];
	struct table *table;

	memset(argv, 'a', sizeof(argv));
	memset(path, 'p', sizeof(path));
	assert(table_new(&table, &options) == 0);
	for (uint32_t i = 1; i < 20000; i++) {
		struct process *process = table_add(table, i, i, 0);

		assert(table_set_image(table, process, &(struct image_text){
			.exe = path, .exe_length = sizeof(path), .called = path, .called_length = sizeof(path),
			.cwd = path, .cwd_length = sizeof(path), .argv = argv, .argv_length = sizeof(argv) }) == 0);
		assert(process->image->argv_length == TABLE_ARGV_BYTES);
		assert(counts_of(table).n_bytes <= options.max_bytes);
	}
	assert(counts_of(table).n_evicted > 0);
	table_free(table);
}

/* 32,768 processes of the usual kind, forked by a hundred shells, in what the daemon may use. */
static void a_full_ordinary_table_is_small(void)
{
	struct table *table = small_table(32768, 1000);
	struct mallinfo2 before = mallinfo2(), after;
	static const char exe[] = "/usr/lib/postgresql/15/bin/postgres", argv[] = "postgres: checkpointer";
	size_t bytes;

	for (uint32_t i = 0; i < 32768; i++) {
		struct process *process = table_add(table, i + 1, i + 1, 0);

		if (i >= 100)
			assert(table_inherit(table, process, table_find(table, i % 100 + 1, 0)) == 0);
		if (i < 100 || i % 2)
			assert(table_set_image(table, process, &(struct image_text){
				.exe = exe, .exe_length = sizeof(exe) - 1, .called = exe, .called_length = sizeof(exe) - 1,
				.argv = argv, .argv_length = sizeof(argv) - 1, .cwd = "/var/lib", .cwd_length = 8 }) == 0);
	}
	after = mallinfo2();
	bytes = after.uordblks + after.hblkhd - before.uordblks - before.hblkhd;
	printf("%zu bytes per process, half of them with an image of their own; struct process has %zu\n",
	       bytes / 32768, sizeof(struct process));
	assert(bytes < 16 << 20); /* 0 where the sanitizer allocates */
	table_free(table);
}

/* ---- what records do to it ------------------------------------------------------------------ */

struct world {
	struct table *table;
	struct follow *follow;
	struct followed followed;
};

static void world_new(struct world *w)
{
	w->table = small_table(100, 1000);
	assert(follow_new(&w->follow, w->table) == 0);
}

static void world_free(struct world *w)
{
	follow_free(w->follow);
	table_free(w->table);
}

static void tell_fork(struct world *w, uint32_t pid, uint64_t start_ns, uint64_t flags)
{
	struct ringfort_process_fork *fork = builder_begin(&b, ringfort_type_process_fork);

	fork->child.pid = pid;
	fork->child.start_ns = start_ns;
	fork->clone_flags = flags;
	follow_record(w->follow, &b.head, &w->followed);
}

static void tell_exec(struct world *w, uint32_t pid, uint64_t start_ns, const char *walked, uint32_t length, int error)
{
	struct ringfort_process_exec *exec = builder_begin(&b, ringfort_type_process_exec);

	b.head.pid = pid;
	b.head.start_ns = start_ns;
	exec->file.path = builder_bytes(&b, walked, length);
	exec->file.flags = PROBE_FILE_REVERSED;
	exec->file.quality = RINGFORT_QUALITY_RESOLVED;
	exec->called = builder_string(&b, "./x");
	exec->argv = builder_list(&b, "x\0y");
	exec->cwd = builder_list(&b, "d");
	exec->cap_effective = 0xff;
	exec->error = error;
	follow_record(w->follow, &b.head, &w->followed);
}

static void forks_and_execs_are_followed(void)
{
	struct process *child;
	struct world w;

	world_new(&w);
	tell_exec(&w, 100, 5000, "sh\0bin", 6, 0);
	tell_fork(&w, 200, 6000, 0);
	assert(w.followed.process->pid == 100);
	child = table_find(w.table, 200, 6000);
	assert(child && strcmp(child->image->text, "/bin/sh") == 0 && child->ppid == 100);
	assert(child->parent_start_ns == 5000 && strcmp(child->line->text, "/bin/sh") == 0);
	assert(child->credentials.whole && child->credentials.euid == 3 && child->credentials.cap_effective == 0xff);
	tell_exec(&w, 200, 6000, "no\0bin", 6, 2);
	assert(strcmp(child->image->text, "/bin/sh") == 0);
	tell_exec(&w, 200, 6000, "ls\0bin", 6, 0);
	assert(w.followed.process == child && strcmp(child->image->text, "/bin/ls") == 0);
	assert(strcmp(child->image->text + 8, "./x") == 0);
	assert(strcmp(child->image->text + 8 + 4 + 4, "/d") == 0);
	world_free(&w);
}

static void clone_parent_makes_a_sibling(void)
{
	struct world w;

	world_new(&w);
	tell_fork(&w, 200, 6000, CLONE_PARENT);
	assert(table_find(w.table, 200, 6000)->ppid == 1);
	assert(table_find(w.table, 200, 6000)->parent_start_ns == 1000);
	world_free(&w);
}

static void a_process_met_by_the_scan_keeps_what_proc_said_until_its_exec_comes(void)
{
	struct process *child;
	struct world w;

	world_new(&w);
	tell_exec(&w, 100, 5000, "sh\0bin", 6, 0);
	child = table_add(w.table, 200, 6000, 0);
	set_exe(w.table, child, "/bin/ls");
	tell_fork(&w, 200, 6000, 0);
	assert(table_find(w.table, 200, 6000) == child && strcmp(child->image->text, "/bin/ls") == 0);
	assert(strcmp(child->line->text, "/bin/sh") == 0);
	tell_exec(&w, 200, 6000, "ls\0bin", 6, 0);
	assert(strcmp(child->image->text, "/bin/ls") == 0);
	world_free(&w);
}

static void exits_and_strangers_are_followed(void)
{
	struct world w;

	world_new(&w);
	builder_begin(&b, ringfort_type_process_exit);
	follow_record(w.follow, &b.head, &w.followed);
	assert(w.followed.process->pid == 100 && w.followed.process->exited);
	builder_begin(&b, ringfort_type_file_unlink);
	b.head.pid = 0;
	b.head.start_ns = 0;
	follow_record(w.follow, &b.head, &w.followed);
	assert(!w.followed.process);
	world_free(&w);
}

static void tell_setid(struct world *w, uint32_t id, uint64_t caps)
{
	struct ringfort_process_setid *setid = builder_begin(&b, ringfort_type_process_setid);

	setid->uid = setid->euid = setid->suid = setid->fsuid = id;
	setid->gid = setid->egid = setid->sgid = setid->fsgid = id;
	setid->cap_effective = caps;
	follow_record(w->follow, &b.head, &w->followed);
}

static void setid_tells_what_was_before_and_whether_anything_changed(void)
{
	struct world w;

	world_new(&w);
	tell_setid(&w, 5, 1);
	assert(!w.followed.unchanged);
	tell_setid(&w, 5, 1); /* another thread of it */
	assert(w.followed.unchanged);
	tell_setid(&w, 5, 0);
	assert(!w.followed.unchanged && w.followed.before.uid == 5);
	tell_setid(&w, 6, 0);
	assert(!w.followed.unchanged && w.followed.before.euid == 5 && w.followed.before.gid == 5);
	world_free(&w);
}

static void self_tests_mark_their_children(void)
{
	struct world w;

	world_new(&w);
	table_add(w.table, 100, 5000, 0)->selftest = true;
	tell_fork(&w, 200, 6000, 0);
	assert(table_find(w.table, 200, 6000)->selftest);
	tell_exec(&w, 200, 6000, "ls\0bin", 6, 0);
	assert(table_find(w.table, 200, 6000)->selftest);
	world_free(&w);
}

static void a_round_ends_those_that_are_gone(void)
{
	struct table *table = small_table(100, 1000);

	table_add(table, 1, 10, 0);
	table_add(table, 2, 20, 0);
	table_add(table, 3, 200, 0);
	table_begin_round(table);
	table_saw(table, table_find(table, 1, 10));
	table_end_round(table, 100, 0);
	assert(!table_find(table, 1, 10)->exited && table_find(table, 2, 20)->exited);
	assert(!table_find(table, 3, 200)->exited); /* born since */
	table_free(table);
}

int main(void)
{
	children_share_their_parents_image_until_they_exec();
	the_line_above_a_process_outlives_its_parents_and_has_eight_at_most();
	one_pid_used_twice_gives_two_processes();
	the_same_pid_a_thousand_times_stays_short();
	exited_processes_are_kept_for_the_grace_time();
	a_full_table_forgets_the_oldest_exited_first_and_then_the_idlest();
	pinned_processes_stay();
	strings_without_end_do_not_fill_the_memory();
	a_full_ordinary_table_is_small();
	forks_and_execs_are_followed();
	clone_parent_makes_a_sibling();
	a_process_met_by_the_scan_keeps_what_proc_said_until_its_exec_comes();
	exits_and_strangers_are_followed();
	setid_tells_what_was_before_and_whether_anything_changed();
	self_tests_mark_their_children();
	a_round_ends_those_that_are_gone();
	return 0;
}
