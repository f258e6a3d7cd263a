/* SPDX-License-Identifier: Apache-2.0 */
/* Probe, inside - what the probe-*.c files share. */
#ifndef RINGFORT_SENSOR_PROBE_INTERNAL_H
#define RINGFORT_SENSOR_PROBE_INTERNAL_H

#include "event/backstop.h"
#include "sensor/bpf/calls.h"
#include "sensor/probe.h"
#include "sensor/ringbuf.h"

#include <bpf/libbpf.h>

#define PROBE_MAX_HOOKS 16

struct probe_bpf; /* the skeleton */

/* A hook as it stands: which program serves it, and why not, if none does. */
struct probe_hook_state {
	struct bpf_program *program; /* NULL: this kernel has no such hook, or refuses it */
	struct bpf_link *link;       /* NULL: not attached */
	uint32_t link_id;            /* the kernel's number of it */
	bool failed;                 /* could not be attached */
	char why[128];               /* why it does not serve, or why no better one does */
};

struct probe {
	struct probe_bpf *bpf;
	struct probe_hook_state hooks[PROBE_MAX_HOOKS];
	struct ringbuf *rare;
	struct ringbuf *bulk;
	struct ringbuf *current;  /* whose record was peeked and not yet released: */
	const struct probe_record *record;
	struct probe_open_record *second; /* of a record with two events: its open_write, with room for any */
	bool has_second;          /* it is next */
	uint64_t until_ns;        /* of the drain that is going on */
	bool drained;             /* the last peek found nothing */
	int epoll_fd;
	unsigned int n_cpus;
	uint64_t table_types;
	uint64_t types;           /* as the programs were told */
	uint64_t uring_opcodes;
	struct probe_call calls[PROBE_CALLS];
	uint64_t counted;         /* by all counters, when they were looked at last */
	struct probe_counters *counters;
	size_t counters_bytes;
	const struct backstop *backstop; /* its numbers, without the entries */
	void (*log)(void *userdata, const char *message);
	void *userdata;
};

/** probe_log() - tell the owner, if it wants to know */
void probe_log(const struct probe *probe, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/** probe_hooks_choose() - before loading: keep of each hook the program that fits this kernel */
int probe_hooks_choose(struct probe *probe);
void probe_hooks_detach(struct probe *probe);

/** probe_try_signal() - may a program like ours end who acts?  0, or why not */
int probe_try_signal(void);

/** probe_hook_attached() - does the kernel still know the link by our descriptor? */
bool probe_hook_attached(const struct probe *probe, size_t index);
/** probe_hook_again() - attach anew what was detached behind our back; the hook's name */
const char *probe_hook_again(struct probe *probe, size_t index);

/** probe_calls_fill() - tell the programs which calls and operations these types need */
void probe_calls_fill(struct probe *probe, uint64_t types);

#endif
