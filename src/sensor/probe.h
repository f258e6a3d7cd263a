/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Probe - our programs in the kernel, and the records that they write.
 *
 * A probe owns the BPF object: its programs, maps and links.  It lives in the sensor process and
 * has no thread.  Programs are attached only for the types that probe_attach() names.  Records
 * lie in two kernel rings, rare and bulk; probe_peek() gives them in the order of their time
 * without copying.  What was dropped is counted by the probe, per CPU and type.
 *
 * Functions return 0 or a positive answer, or a negative errno.
 */
#ifndef RINGFORT_SENSOR_PROBE_H
#define RINGFORT_SENSOR_PROBE_H

#include "event/backstop.h"
#include "sensor/bpf/record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct probe;

struct probe_options {
	size_t rare_bytes;      /* of the rare ring, a power of two */
	size_t bulk_bytes;      /* of the bulk ring, a power of two */
	const char *cgroup_path; /* where cgroup v2 is mounted, or NULL */
	const char *const *env; /* names of the environment variables to report; a name that ends in '*' is a prefix */
	size_t n_env;           /* at most 32, of 2 to 30 bytes each, else -EINVAL */
	uint32_t host_mnt_ns;   /* inode of the host's mount namespace */
	uint64_t table_types;   /* told whatever probe_attach() names: only acts that have succeeded */
	int denials_fd;         /* map of event/denial.h; 0 or less: nobody fills one */
	/* Told why something does not load or attach, and what libbpf says; may be NULL. */
	void (*log)(void *userdata, const char *message);
	void *userdata;
};

/** probe_new() - load the programs, attach nothing.  -EPERM, -EOPNOTSUPP (no BTF), -ENOMEM... */
int probe_new(struct probe **ret_probe, const struct probe_options *options);
struct probe *probe_free(struct probe *probe);

/**
 * probe_attach() - make the attached programs those that these types need
 * @types: mask of types
 *
 * What only fails passes hooks that every system call pays for, so for options.table_types alone those
 * are not attached.  A type whose hooks cannot be attached becomes unavailable (probe_describe); the
 * others go on.
 */
int probe_attach(struct probe *probe, uint64_t types);

/**
 * probe_fd() - becomes readable when a record is written after probe_arm()
 *
 * The programs wake nobody while the probe is not armed; so a busy stream costs one wake-up a
 * batch: the caller drains every few milliseconds, arms when a drain found nothing, drains once
 * more and sleeps.
 */
int probe_fd(const struct probe *probe);
void probe_arm(struct probe *probe);

/**
 * probe_peek() - the oldest record that no record older than it can follow any more
 * @until_ns: CLOCK_MONOTONIC; records stamped later stay
 *
 * Take until_ns before the first call of a drain; the rings' producer positions are read after
 * it.  Return: 1 and the record, valid until probe_release(); 0 none.
 */
int probe_peek(struct probe *probe, uint64_t until_ns, const struct probe_record **ret_record);
void probe_release(struct probe *probe);

/** probe_counters() - the counters of one CPU, or NULL; shared with the kernel, read relaxed */
const struct probe_counters *probe_counters(const struct probe *probe, unsigned int cpu);

/**
 * probe_backstop_fd() - the map that the gate writes (event/backstop.h); the probe's
 * probe_stops_fd() - a ring that becomes readable when an image was stopped; likewise
 */
int probe_backstop_fd(const struct probe *probe);
int probe_stops_fd(const struct probe *probe);

/* Images that the kernel asks nobody about, since probe_new(); by enum backstop_kind. */
struct probe_outside {
	uint64_t n_outside[BACKSTOP_KINDS];
	uint64_t n_killed[BACKSTOP_KINDS];
	uint64_t n_stopped[BACKSTOP_KINDS], n_denied[BACKSTOP_KINDS], n_unjudged[BACKSTOP_KINDS];
	uint32_t can_kill; /* 0: this kernel does not let our program, whatever the policy says */
};

void probe_outside(const struct probe *probe, struct probe_outside *ret_outside);

/** probe_env() - the variables that process.exec reports, as long as the probe lives */
const struct probe_env *probe_env(const struct probe *probe);
unsigned int probe_n_cpus(const struct probe *probe);

/** probe_skipped() - runs that the kernel skipped (recursion_misses), all programs summed */
uint64_t probe_skipped(const struct probe *probe);

/** probe_tasks() - call once per process (not thread), from a BPF iterator */
int probe_tasks(struct probe *probe, int (*each)(void *userdata, const struct probe_task *task),
		void *userdata);

enum probe_level {
	PROBE_UNAVAILABLE,
	PROBE_NOTIFY,
	_PROBE_LEVEL_N
};

/* How one type is served on this host. */
struct probe_description {
	enum probe_level level;
	const char *hook; /* "tp_btf/sched_process_exec" */
	const char *why;  /* why not better, or why unavailable; "" when it is the best there is */
};

/** probe_describe() - the strings live as long as the probe */
void probe_describe(const struct probe *probe, uint32_t type,
		    struct probe_description *ret_description);

enum probe_harm_kind {
	PROBE_LINK_DETACHED,
	PROBE_MAP_CHANGED,
};

/* Something of ours in the kernel that was not as we had left it. */
struct probe_harm {
	enum probe_harm_kind kind;
	const char *name; /* "tp_btf/sys_exit", "table of calls" */
	bool healed;
};

/** probe_guard() - look at everything and mend it; told() hears what was not as it should be */
void probe_guard(struct probe *probe, void (*told)(void *userdata, const struct probe_harm *harm), void *userdata);

/* What we have in the kernel, as the kernel counts it. */
struct probe_footprint {
	uint32_t n_programs; /* loaded */
	uint32_t n_attached;
	uint64_t n_instructions; /* as the kernel runs them, all loaded programs */
	uint64_t map_bytes;
};

int probe_footprint(const struct probe *probe, struct probe_footprint *ret_footprint);

#endif
