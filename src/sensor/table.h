/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Table - the processes of this machine, the living and those that ended a moment ago.
 *
 * An entry is keyed by pid and start, which together are never reused.  What a process executes
 * is an image, shared with the children that it forks and never changed; so a fork storm costs
 * an entry each and no strings.  The line of executables above a process is fixed when it is
 * born and shared by its siblings: it still tells who made a process whose parents are gone.
 *
 * The table owns everything that it returns.  A pointer to an entry is good until the next call
 * that adds an entry or an image, or reaps; hold an entry over such a call with table_pin().
 * Both the number of entries and their bytes are bounded: the oldest exited process goes first,
 * then living ones that have not acted for longest (table_counts() tells how many went).
 *
 * No I/O, no clock of its own: times are CLOCK_MONOTONIC in ns, given by the caller.
 */
#ifndef RINGFORT_SENSOR_TABLE_H
#define RINGFORT_SENSOR_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <uthash.h>

#define TABLE_ARGV_BYTES 4096u    /* of an image's argv */
#define TABLE_LINE_BYTES 4096u    /* of a line */
#define TABLE_LINE_PROCESSES 8u

struct table;

/* exe NUL called NUL argv NUL cwd NUL; lengths without the NUL; what is empty is unknown */
struct image {
	uint32_t n_refs;
	uint32_t exe_length, called_length, argv_length, cwd_length;
	char text[];
};

/* Executables from the parent upwards, a NUL after each; length without the last NUL. */
struct line {
	uint32_t n_refs;
	uint32_t length;
	char text[];
};

/* As set*id(2) left them; suid and below are good only when whole is set. */
struct credentials {
	uint32_t uid, euid, gid, egid;
	uint32_t suid, fsuid, sgid, fsgid;
	uint64_t cap_effective;
	bool whole;
};

struct process {
	uint32_t pid;
	uint32_t ppid;
	uint64_t start_ns;
	uint64_t parent_start_ns;
	uint64_t cgroup_id;
	uint32_t mnt_ns, loginuid, session, tty;
	struct credentials credentials;
	struct image *image; /* never NULL */
	struct line *line;   /* never NULL */
	bool selftest;       /* it, or the process that made it, is a self-test of ours */

	/* The table's own. */
	bool used;   /* acted since the eviction last came by */
	bool exited;
	uint16_t n_pins;
	uint32_t round; /* of the last table_begin_round() that saw it */
	uint64_t exited_ns;
	struct line *heirs; /* the line of its children, or NULL when none was made since exec */
	struct process *older; /* of the same pid */
	TAILQ_ENTRY(process) link;
	UT_hash_handle hh;
};

struct table_options {
	uint32_t max_processes;
	uint32_t grace_ms;
	size_t max_bytes; /* of entries and images together */
};

struct table_counts {
	uint64_t n_processes; /* exited ones included */
	uint64_t n_exited;
	uint64_t n_evicted;
	uint64_t n_bytes;
};

int table_new(struct table **ret_table, const struct table_options *options);
struct table *table_free(struct table *table);

/** table_find() - the process, or NULL; start_ns 0 stands for the youngest with that pid */
struct process *table_find(struct table *table, uint32_t pid, uint64_t start_ns);

/**
 * table_add() - a process that is not in the table yet
 *
 * It begins with an empty image and line; the caller fills the plain fields.  Any other process
 * with this pid that counts as living must be dead: its exit was lost, and it counts as exited.
 *
 * Return: the entry, or NULL when memory ran out.
 */
struct process *table_add(struct table *table, uint32_t pid, uint64_t start_ns, uint64_t now_ns);

/** table_inherit() - child was made by parent: image, line, credentials and the rest are the parent's */
int table_inherit(struct table *table, struct process *child, struct process *parent);

/** table_set_line() - child was made by parent, but has an image of its own already */
int table_set_line(struct table *table, struct process *child, struct process *parent);

/* What an image is made of; strings need no NUL, and argv is cut to TABLE_ARGV_BYTES. */
struct image_text {
	const char *exe, *called, *argv, *cwd;
	uint32_t exe_length, called_length, argv_length, cwd_length;
};

/** table_set_image() - the process executes this from now on */
int table_set_image(struct table *table, struct process *process, const struct image_text *text);

void table_exit(struct table *table, struct process *process, uint64_t now_ns);

/** table_reap() - forget the processes whose grace is over */
void table_reap(struct table *table, uint64_t now_ns);

void table_pin(struct process *process);
void table_unpin(struct process *process);

/**
 * table_begin_round() - start to compare the table with the machine
 *
 * table_saw() every process that is there; table_end_round() then makes exited those living
 * ones, born before before_ns of boot time, that were not seen: their exit was lost.
 */
void table_begin_round(struct table *table);
void table_saw(struct table *table, struct process *process);
void table_end_round(struct table *table, uint64_t before_ns, uint64_t now_ns);

/** table_each() - every process, in no order; each() must not change the table; it ends at non-zero */
int table_each(struct table *table, int (*each)(void *userdata, struct process *process),
	       void *userdata);

void table_counts(const struct table *table, struct table_counts *ret_counts);

/** table_touch() - the process acted: keep it longer than idle ones */
static inline void table_touch(struct process *process)
{
	process->used = true;
}

#endif
