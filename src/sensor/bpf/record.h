/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Record - what the probe writes into a kernel ring, and the sensor reads there.
 *
 * struct probe_record, then the struct of the type from events.def (the very one that solutions
 * see), then the bytes of its strings.  Spans count from the start of the record.  A path that
 * the probe walked itself stands leaf first, a NUL byte after each name ("bin\0usr\0"), and its
 * ringfort_file has PROBE_FILE_REVERSED in flags: the sensor turns it round.  So does the cwd of
 * process.exec, which has no flags, always.  No name at all is the root.
 */
#ifndef RINGFORT_SENSOR_RECORD_H
#define RINGFORT_SENSOR_RECORD_H

#include <ringfort/event.h>

#define PROBE_EXEC_ENV_WHOLE (1u << 31) /* in process.exec's flags: env has every variable */
#define PROBE_FILE_REVERSED (1u << 31) /* in ringfort_file.flags: names leaf first */
#define PROBE_FILE_RELATIVE (1u << 30) /* the path as called continues below this walked folder: */
				       /* first the folder's names reversed, an empty name, then the call's string */

#define PROBE_RECORD_OPENED 1u /* in probe_record.also: see struct probe_open_record */

struct probe_record {
	uint32_t size; /* of the whole record */
	uint16_t type;
	uint8_t via;
	uint8_t also; /* PROBE_RECORD_OPENED, or 0 */
	uint64_t monotonic_ns;
	uint64_t n; /* number among those of this type on this CPU, from 1; stamped before any drop */
	uint32_t cpu;
	uint32_t pid;
	uint32_t tid;
	uint32_t ppid;
	uint64_t start_ns; /* boot time */
	uint64_t parent_start_ns;
	uint32_t uid;
	uint32_t gid;
	uint32_t euid;
	uint32_t egid;
	uint32_t loginuid;
	uint32_t session;
	uint32_t tty; /* device number of the controlling terminal, or 0 */
	uint32_t mnt_ns; /* 0: it ends, and has left its namespaces */
	uint64_t cgroup_id;
} __attribute__((aligned(8)));

/*
 * Both events of an open: the file stands at the same place, the path behind all of it.
 *
 * One that creates its file is written once, as file.create with PROBE_RECORD_OPENED, and given twice by
 * probe_peek(): half the bytes for the task that makes it.
 */
struct probe_open_record {
	struct probe_record head;
	union {
		struct ringfort_file_open_write open;
		struct ringfort_file_create create;
	};
	uint64_t opened_n; /* of the file.open_write, as head.n is of the file.create */
	uint32_t opened_flags;
	uint32_t reserved;
};

/* A process that was there before us, as the iterator over tasks writes it. */
struct probe_task {
	uint32_t pid;
	uint32_t ppid;
	uint64_t start_ns;
	uint64_t parent_start_ns;
	uint32_t uid, gid, euid, egid;
	uint32_t loginuid, session, tty, mnt_ns;
	uint64_t cgroup_id;
};

/* Counters of one CPU, in a map that the sensor has mapped. */
struct probe_counters {
	uint64_t n_performed[RINGFORT_MAX_TYPES];
	uint64_t n_lost[RINGFORT_MAX_TYPES];
} __attribute__((aligned(64)));

#endif
