/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bench-assemble - what an event costs between the kernel's ring and emit(): following the
 * record, finding its process, assembling.  Prints ns per event; not installed, no test.
 */
#include "sensor/assemble.h"
#include "sensor/bpf/calls.h"
#include "sensor/follow.h"
#include "sensor/loss.h"
#include "sensor/test-record.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define N_PROCESSES 1000
#define N_EVENTS 2000000

struct bench {
	struct probe_env env;
	struct table *table;
	struct follow *follow;
	struct assembler *assembler;
	struct loss loss;
	struct names *names;
	uint64_t n_bytes;
};

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static void step(struct bench *bench, const struct probe_record *record)
{
	struct followed followed;
	struct assemble_context context = { 0 };
	const struct ringfort_event *event;

	assert(assemble_check(bench->assembler, record) == 0);
	loss_by_gap(&bench->loss, 0, record->type, record->n);
	follow_record(bench->follow, record, &followed);
	context.process = followed.process;
	context.parent = followed.parent ? followed.parent->image : NULL;
	context.cgroup = names_cgroup(bench->names, record->cgroup_id);
	context.tty = names_tty(bench->names, record->tty);
	context.seq = loss_next(&bench->loss, record->type);
	event = assemble_begin(bench->assembler, record, &context);
	assert(event);
	assemble_end(bench->assembler);
	bench->n_bytes += event->size;
}

static void fill_open(struct builder *b)
{
	struct ringfort_file_open_write *open = builder_begin(b, ringfort_type_file_open_write);

	open->file.path = builder_list(b, "cache-3471\0files\0worker\0application\0lib\0var");
	open->file.flags = PROBE_FILE_REVERSED;
	open->file.quality = RINGFORT_QUALITY_RESOLVED;
}

static void fill_exec(struct builder *b)
{
	struct ringfort_process_exec *exec = builder_begin(b, ringfort_type_process_exec);

	exec->argv = builder_list(b, "/usr/bin/gcc\0-O2\0-c\0-o\0build/src/file.o\0src/file.c");
	exec->file.path = builder_list(b, "x86_64-linux-gnu-gcc-12\0bin\0usr");
	exec->file.flags = PROBE_FILE_REVERSED;
	exec->called = builder_string(b, "/usr/bin/gcc");
	exec->cwd = builder_list(b, "build\0project\0user\0home");
	exec->env = builder_list(b, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin");
}

static void report(struct bench *bench, const char *what, double begin, uint64_t n)
{
	printf("%-44s %6.0f ns per event, %4lu bytes\n", what, (now() - begin) / (double)n,
	       (unsigned long)(bench->n_bytes / n));
	bench->n_bytes = 0;
}

/* Acts of many living processes in turn. */
static void acts(struct bench *bench, const char *what, void (*fill)(struct builder *), uint32_t n)
{
	static struct builder b;
	double begin;

	fill(&b);
	begin = now();
	for (uint32_t i = 0; i < n; i++) {
		b.head.pid = 1000 + i * 7919u % N_PROCESSES;
		b.head.start_ns = b.head.pid;
		b.head.ppid = 1000 + i % 100;
		b.head.parent_start_ns = b.head.ppid;
		b.head.n++;
		step(bench, &b.head);
	}
	report(bench, what, begin, n);
}

/* fork, exec, exit of a process that was never there before. */
static void lives(struct bench *bench, uint32_t n)
{
	static struct builder fork_record, exec_record, exit_record;
	struct ringfort_process_fork *fork = builder_begin(&fork_record, ringfort_type_process_fork);
	double begin;

	fill_exec(&exec_record);
	builder_begin(&exit_record, ringfort_type_process_exit);
	fork_record.head.pid = 1000;
	fork_record.head.start_ns = 1000;
	exec_record.head.ppid = exit_record.head.ppid = 1000;
	exec_record.head.parent_start_ns = exit_record.head.parent_start_ns = 1000;
	begin = now();
	for (uint32_t i = 0; i < n; i++) {
		fork->child.pid = 100000 + i;
		fork->child.start_ns = 100000 + i;
		exec_record.head.pid = exit_record.head.pid = fork->child.pid;
		exec_record.head.start_ns = exit_record.head.start_ns = fork->child.start_ns;
		fork_record.head.n++;
		exec_record.head.n++;
		exit_record.head.n++;
		step(bench, &fork_record.head);
		step(bench, &exec_record.head);
		step(bench, &exit_record.head);
	}
	report(bench, "fork, exec, exit of new processes", begin, 3ull * n);
}

int main(void)
{
	const struct table_options options = { .max_processes = 32768, .grace_ms = 30000, .max_bytes = 32768 * 400 };
	static struct builder b;
	struct table_counts counts;
	struct bench bench = { 0 };

	assert(table_new(&bench.table, &options) == 0);
	assert(follow_new(&bench.follow, bench.table) == 0);
	assert(assembler_new(&bench.assembler, &bench.env) == 0);
	assert(names_new(&bench.names, "/sys/fs/cgroup") == 0);
	assert(loss_init(&bench.loss, 1) == 0);
	fill_exec(&b);
	for (uint32_t pid = 1000; pid < 1000 + N_PROCESSES; pid++) {
		b.head.pid = pid;
		b.head.start_ns = pid;
		step(&bench, &b.head);
	}
	bench.n_bytes = 0;
	acts(&bench, "file.open_write", fill_open, N_EVENTS);
	acts(&bench, "process.exec of known processes", fill_exec, N_EVENTS / 4);
	lives(&bench, 200000);
	table_counts(bench.table, &counts);
	printf("%lu processes in the table, %lu bytes each, heap %zu KiB\n", (unsigned long)counts.n_processes,
	       (unsigned long)(counts.n_bytes / counts.n_processes), (mallinfo2().uordblks + mallinfo2().hblkhd) / 1024);
	return 0;
}
