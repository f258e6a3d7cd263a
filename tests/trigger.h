/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trigger - performs one act, and tells as JSON the facts that only the one who acts knows.
 *
 * A mode per act.  Every mode prints {"pid":N} first, waits for a line on standard input (so
 * that the test can read /proc/N before anything happens), acts, and prints an object of facts.
 * Strings are bytes: those that are not ASCII are told as code points of Latin-1.
 *
 * One thread unless the act is about threads.  Any failure of an act that should succeed ends
 * the program with a message and status 1.
 */
#ifndef RINGFORT_TEST_TRIGGER_H
#define RINGFORT_TEST_TRIGGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

struct act {
	const char *name;
	void (*run)(char **argv); /* what stands behind the name, NULL at the end */
};

/* Each ends with an entry without a name. */
extern const struct act process_acts[], exec_acts[], file_acts[], net_acts[], uring_acts[], storm_acts[],
	gate_acts[], verdict_acts[];

void fact_begin(void);
void fact_number(const char *name, int64_t value);
void fact_text(const char *name, const char *bytes);
void fact_list(const char *name, char *const *texts);
void fact_process(const char *name, pid_t pid); /* pid and start, in ticks, of /proc */
void fact_file(const char *name, const char *path); /* path, and dev and ino by lstat() */
void fact_end(void);

/* check() - an act that must succeed; returns its result */
#define check(call) check_result((long)(call), #call)
long check_result(long result, const char *call);

/** argument() - the next of argv, or the end with a message */
const char *argument(char ***argv);

/** uring_do() - one operation through an io_uring of its own; its result, negative errno */
struct io_uring_sqe;
int uring_do(const struct io_uring_sqe *sqe);

#endif
