/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Told - what was last told of files that were written to.
 *
 * The kernel shows a file each time that somebody closes it who could write to it, also when two close it, or
 * when nothing was written: one finding for one content is enough.  A file that was written to again, even with
 * the same bytes, is told again: its time of change says so, and where that stands still (a mapping, on
 * tmpfs), its content does.
 *
 * Bounded: TOLD_FILES; where two share a place the later one takes it, and the other may be told twice.
 */
#ifndef YARA_TOLD_H
#define YARA_TOLD_H

#include <stdbool.h>
#include <stdint.h>

#define TOLD_FILES 1024

struct told_file {
	uint64_t dev, ino, size;
	int64_t ctime_ns;
	uint64_t content; /* a hash of it */
};

struct told_files {
	struct told_file places[TOLD_FILES];
};

/** told_is_new() - is it another content than was last told of this file?  It is the last from now on. */
bool told_is_new(struct told_files *files, const struct told_file *file);

/** told_forget() - nothing is to be told of this file now */
void told_forget(struct told_files *files, const struct told_file *file);

#endif
