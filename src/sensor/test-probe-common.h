/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Test probe, common - do an act in a child and look at the records that it caused.
 *
 * One probe per test program, loaded by probe_setup(), and one scratch folder, which is the
 * working directory of every act.  Records live until the next act.
 */
#ifndef RINGFORT_SENSOR_TEST_PROBE_COMMON_H
#define RINGFORT_SENSOR_TEST_PROBE_COMMON_H

#include "sensor/probe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include <cmocka.h>

#define TYPE(ident) (1ull << ringfort_type_##ident)

extern struct probe *probe;
extern char scratch[64]; /* absolute, without links */
extern uint32_t own_mnt_ns;

/** probe_skip_unless_loadable() - load the probe, or say why not and exit with 77 */
void probe_skip_unless_loadable(void);
int probe_teardown(void **state);

/** perform() - attach these types, do the act in a child of its own, take all records
 *
 * The child leaves with status 0 unless the act does otherwise.  Return: its pid.
 */
pid_t perform(uint64_t types, void (*act)(void *argument), void *argument);

/** last_status() - what waitpid() said of the last child */
int last_status(void);

/** collect() - take the records that are there now */
void collect(void);

/** n_records(), the_record() - those of one type and process; the_record() fails without one */
unsigned int n_records(uint32_t type, pid_t pid);
const struct probe_record *the_record(uint32_t type, pid_t pid, unsigned int index);

/** body_of() - the struct of the type */
static inline const void *body_of(const struct probe_record *record)
{
	return record + 1;
}

/** text() - the bytes of a span; each must be closed by a NUL byte inside the record */
const char *text(const struct probe_record *record, struct ringfort_span span);

/** path_text() - a path as a reader would print it, walked names turned round */
const char *path_text(const struct probe_record *record, struct ringfort_span span, uint32_t flags);

/** in_scratch() - the absolute path of a name in the scratch folder */
const char *in_scratch(const char *name);

/** assert_actor() - the header is that of this child of ours, as /proc has us */
void assert_actor(const struct probe_record *record, pid_t pid);

/** assert_opened(), assert_called() - a file as it is known with, and without an open file */
void assert_opened(const struct probe_record *record, const struct ringfort_file *file,
		   const char *path);
void assert_called(const struct probe_record *record, const struct ringfort_file *file,
		   const char *path);

/** write_file() - a file in the scratch folder */
void write_file(const char *name, const void *bytes, size_t n, unsigned int mode);

/** start_ticks() - start of a process, in the ticks that /proc knows */
uint64_t start_ticks(uint64_t start_ns);

#endif
