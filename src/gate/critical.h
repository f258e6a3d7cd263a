/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Critical set - programs that are answered at once, because the host needs them.
 *
 * Which these are is data (critical.def), with a reason per row, and what the caller adds: our own.  A
 * path only finds a file; what is matched is the file, by device and inode as the host sees it, and only
 * if nobody but root can have made or changed it.  So no other mount namespace, bind mount or link can
 * give a file of its own a critical name.
 *
 * Loading asks file systems, which may wait for a server: never on the path of an answer.  Load into a set
 * that nobody looks at, then hand it over; a set is plain data without pointers, so it can also go to
 * another process.  Load again after the package manager has run: it replaces files.
 */
#ifndef RINGFORT_GATE_CRITICAL_H
#define RINGFORT_GATE_CRITICAL_H

#include <stdbool.h>
#include <stdint.h>

#define CRITICAL_VERSION 1u /* of critical.def */
#define CRITICAL_MAX 128u   /* entries, with the caller's */
#define CRITICAL_PATH 256u
#define CRITICAL_REASON 96u

enum critical_state {
	CRITICAL_MATCHED,     /* dev and ino are good */
	CRITICAL_MISSING,
	CRITICAL_UNREADABLE,  /* it could not be looked at: see error */
	CRITICAL_NOT_REGULAR,
	CRITICAL_NOT_ROOTS,   /* its owner could change it */
	CRITICAL_WRITABLE,    /* its group or others could */
	_CRITICAL_STATE_N
};

struct critical_entry {
	char path[CRITICAL_PATH];
	char reason[CRITICAL_REASON];
	uint64_t dev, ino; /* in the kernel's encoding (major << 20 | minor); 0 when there is no file */
	uint32_t state;    /* enum critical_state */
	int32_t error;     /* errno, when CRITICAL_UNREADABLE */
};

struct critical_file {
	uint64_t dev, ino;
};

struct critical_set {
	uint32_t version; /* CRITICAL_VERSION */
	uint32_t n_entries;
	uint32_t n_files;
	uint32_t reserved;
	struct critical_entry entries[CRITICAL_MAX]; /* in the order of critical.def, then the caller's */
	struct critical_file files[CRITICAL_MAX];    /* what is matched, in order, each once */
};

/* A row of the caller's. */
struct critical_row {
	const char *path;
	const char *reason;
};

/**
 * critical_load() - look at all files of critical.def and of the caller
 *
 * Return: 0, also when files are missing (see the entries); -ENOSPC too many rows; -ENAMETOOLONG a path
 *         or reason of the caller's.  On failure the set is untouched.
 */
int critical_load(struct critical_set *set, const struct critical_row *more, uint32_t n_more);

/** critical_has() - is this file one of them? */
bool critical_has(const struct critical_set *set, uint64_t dev, uint64_t ino);

/** critical_state_name() - "matched", "missing", ..., or NULL */
const char *critical_state_name(uint32_t state);

#endif
