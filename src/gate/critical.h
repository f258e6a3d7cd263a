/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Critical set - programs that are answered at once, because the host needs them.
 *
 * Which these are is data (critical.def), with a reason per row, and what the caller adds: our own.  A
 * path only finds a file; what is matched is the file, by device and inode as the host sees it, and only
 * if nobody but root can have made or changed it.  So no other mount namespace, bind mount or link can
 * give a file of its own a critical name.
 *
 * Scripts of the package manager cannot be listed: those of a new package are unpacked and executed at once.
 * So rows may name folders, into which nobody but root can have put a file, as nobody else can write to
 * them or to a folder above.  A script there is let through when it is root's and nobody else can write to
 * it.  Only scripts: their interpreter is asked about by itself, and "INTERPRETER FILE" would have been no
 * question about the file at all, so nothing runs that way that could not run anyway.
 *
 * Loading asks file systems, which may wait for a server: never on the path of an answer.  Load into a set
 * that nobody looks at, then hand it over; a set is plain data without pointers, so it can also go to
 * another process.  Load again after the package manager has run: it replaces files.
 */
#ifndef RINGFORT_GATE_CRITICAL_H
#define RINGFORT_GATE_CRITICAL_H

#include <stdbool.h>
#include <stdint.h>

#define CRITICAL_VERSION 2u /* of critical.def */
#define CRITICAL_MAX 256u   /* entries, with the caller's */
#define CRITICAL_FOLDERS 4u /* of scripts */
#define CRITICAL_PATH 256u
#define CRITICAL_REASON 96u

enum critical_state {
	CRITICAL_MATCHED,     /* dev and ino are good */
	CRITICAL_MISSING,
	CRITICAL_UNREADABLE,  /* it could not be looked at: see error */
	CRITICAL_NOT_REGULAR,
	CRITICAL_NOT_ROOTS,   /* its owner could change it */
	CRITICAL_WRITABLE,    /* its group or others could */
	CRITICAL_NOT_FOLDER,  /* nor is a symbolic link one */
	_CRITICAL_STATE_N
};

struct critical_entry {
	char path[CRITICAL_PATH];
	char reason[CRITICAL_REASON];
	uint64_t dev, ino; /* in the kernel's encoding (major << 20 | minor); 0 when there is no file */
	uint32_t state;    /* enum critical_state */
	int32_t error;     /* errno, when CRITICAL_UNREADABLE */
	uint32_t scripts;  /* 1: a folder, whose scripts are meant; it need not be there yet */
	uint32_t reserved;
};

struct critical_folder {
	uint64_t dev;
	char path[CRITICAL_PATH];
};

struct critical_file {
	uint64_t dev, ino;
};

struct critical_set {
	uint32_t version; /* CRITICAL_VERSION */
	uint32_t n_entries;
	uint32_t n_files;
	uint32_t n_folders;
	struct critical_entry entries[CRITICAL_MAX]; /* in the order of critical.def, then the caller's */
	struct critical_file files[CRITICAL_MAX];    /* what is matched, in order, each once */
	struct critical_folder folders[CRITICAL_FOLDERS];
};

/* A row of the caller's. */
struct critical_row {
	const char *path; /* absolute */
	const char *reason;
	bool scripts;     /* it is a folder, whose scripts are meant */
};

/**
 * critical_load() - look at all files of critical.def and of the caller
 *
 * Return: 0, also when files are missing (see the entries); -ENOSPC too many rows or folders; -ENAMETOOLONG a path
 *         or reason of the caller's.  On failure the set is untouched.
 */
int critical_load(struct critical_set *set, const struct critical_row *more, uint32_t n_more);

/** critical_has() - is this file one of them? */
bool critical_has(const struct critical_set *set, uint64_t dev, uint64_t ino);

/**
 * critical_has_script() - is this file in one of the folders of scripts?
 * @path: of the file, as the host's root sees it: not the claim of another mount namespace
 *
 * That it is a script, root's, and that nobody else can write to it, is the caller's to see.
 */
bool critical_has_script(const struct critical_set *set, uint64_t dev, const char *path);

/** critical_state_name() - "matched", "missing", ..., or NULL */
const char *critical_state_name(uint32_t state);

#endif
