/* SPDX-License-Identifier: Apache-2.0 OR BSD-2-Clause OR GPL-2.0-only */
/*
 * Backstop - what the gate lets through, in memory that the probe looks at when an image begins to run.
 *
 * The probe makes it, the gate writes it: the file systems that are guarded, and each file before the
 * kernel hears that it may run.  An image on a guarded file system that is not in here runs without a
 * verdict: in a gap between two lives of the gate, or behind its back.  Such an exec is counted, and its
 * event carries the flag "unguarded".
 *
 * An entry holds for BACKSTOP_NS, or, where the kernel was told not to ask again, for an epoch.  An entry
 * that is overwritten by others too early makes a false alarm, never a false silence.
 *
 * Of images that the kernel asks nobody about the operator has said what becomes of them: by kind, the
 * supervisor writes it, with the file systems that are no matter of it because they are named to be guarded.
 * A gap on those is told and never punished: in a gap all that the host lives by runs without a verdict.
 *
 * One that is to be judged stands here from its stop to its end of it.  So it is known over the lives of all
 * who could let it go; the entry is taken by the probe and given back by whoever does (ringfortd/stopped.h).
 */
#ifndef RINGFORT_EVENT_BACKSTOP_H
#define RINGFORT_EVENT_BACKSTOP_H

#include <stdint.h>

#define BACKSTOP_PLACES 32u
#define BACKSTOP_SETS 16384u
#define BACKSTOP_WAYS 4u
#define BACKSTOP_NS 10000000000ull /* from a verdict to the image: the kernel reads and maps it */

/* Images that the kernel asks nobody about. */
enum backstop_kind {
	BACKSTOP_MEMFD,      /* in memory, on no file system that anybody can see */
	BACKSTOP_USER_MOUNT, /* on a file system that belongs to another user namespace than the host's */
	BACKSTOP_ELSEWHERE,  /* on any other that is not guarded; but not what root alone can have made */
	_BACKSTOP_KIND_N
};

/* What becomes of a kind. */
enum backstop_policy {
	BACKSTOP_IGNORE, /* not even counted */
	BACKSTOP_REPORT, /* counted, and its event says so */
	BACKSTOP_KILL,   /* as well, and ended before its first instruction */
	BACKSTOP_STOP,   /* as well, and stopped before its first instruction, until solutions have judged it */
	_BACKSTOP_POLICY_N
};

#define BACKSTOP_KINDS 4u /* room, a power of two */
#define BACKSTOP_SAYS(kind, policy) ((uint64_t)(policy) << 8 * (kind))
#define BACKSTOP_SAID(says, kind) ((uint32_t)((says) >> 8 * (kind) & 0xff))

/* Whom it is said about; users as the host has them. */
struct backstop_reach {
	uint64_t uid_first, uid_last; /* real user ids */
	uint64_t supervisor;          /* process whose children are spared, by the host's number; 0: nobody's */
	uint64_t closed;              /* 1: whom there is no room to judge is killed, 0: he runs */
};

#define BACKSTOP_STOPS 64u

enum backstop_stop_state {
	BACKSTOP_FREE,
	BACKSTOP_TAKEN,   /* the probe writes it */
	BACKSTOP_STOPPED, /* it waits for its verdict */
	BACKSTOP_GOING,   /* it has one */
};

/* A process that was stopped before the first instruction of its image. */
struct backstop_stop {
	uint64_t state;    /* enum backstop_stop_state */
	uint64_t start_ns; /* as in events */
	uint64_t stamp_ns; /* CLOCK_MONOTONIC */
	uint64_t parent_start_ns;
	uint32_t pid;      /* by the host's number */
	uint32_t parent;   /* 0: it stood still before */
	uint32_t kind;     /* enum backstop_kind */
	uint32_t reserved;
};

struct backstop_entry {
	uint64_t dev, ino; /* as in events */
	uint64_t stamp_ns; /* CLOCK_MONOTONIC of the verdict */
	uint64_t epoch;    /* in which the kernel does not ask again, or 0 */
};

struct backstop {
	uint64_t active;      /* 1: there is somebody to decide */
	uint64_t epoch;       /* from 1; counted up when nothing that was remembered holds any longer */
	uint64_t n_unguarded; /* by the probe */
	uint64_t says;        /* BACKSTOP_SAYS() of all kinds, 0: nothing about any */
	uint64_t guarded[BACKSTOP_PLACES]; /* devices, 0: none */
	uint64_t named[BACKSTOP_PLACES];   /* likewise, of the file systems that are named to be guarded */
	struct backstop_reach reach; /* of what is said */
	uint64_t n_outside[BACKSTOP_KINDS]; /* by the probe */
	uint64_t n_killed[BACKSTOP_KINDS];  /* of those */
	uint64_t n_stopped[BACKSTOP_KINDS]; /* likewise, to be judged */
	uint64_t n_denied[BACKSTOP_KINDS];  /* of the stopped: killed, by those who let them go */
	uint64_t n_unjudged[BACKSTOP_KINDS]; /* there was no room to judge them */
	struct backstop_stop stops[BACKSTOP_STOPS];
	struct backstop_entry entries[BACKSTOP_SETS * BACKSTOP_WAYS];
};

/* The first entry of a file's set. */
static inline __attribute__((always_inline)) uint32_t backstop_first(uint64_t dev, uint64_t ino)
{
	uint64_t mixed = (ino ^ dev << 40) * 0x9e3779b97f4a7c15ull;

	return (uint32_t)(mixed >> 50) % BACKSTOP_SETS * BACKSTOP_WAYS;
}

#endif
