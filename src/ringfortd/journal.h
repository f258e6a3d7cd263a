/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Journal - the history of findings: JSON lines in numbered files, bounded and rotated.
 *
 * The control process alone writes it.  Files are NAME-00000001.jsonl and so on in one folder;
 * when the newest is full the next begins and the oldest beyond n_files is removed.  A cursor
 * reads from the oldest line on, and goes on as lines are appended.
 */
#ifndef RINGFORT_RINGFORTD_JOURNAL_H
#define RINGFORT_RINGFORTD_JOURNAL_H

#include <stddef.h>
#include <stdint.h>

struct journal;

/** journal_open() - take up the files in a folder; what a power cut left of a line is dropped */
int journal_open(struct journal **ret_journal, int folder_fd, size_t file_bytes, unsigned int n_files);
struct journal *journal_close(struct journal *journal);

/** journal_append() - one line, without its newline */
int journal_append(struct journal *journal, const char *line, size_t n);

struct journal_cursor;

/** journal_cursor_new() - before the oldest line; the journal must outlive it */
int journal_cursor_new(struct journal_cursor **ret_cursor, struct journal *journal);
struct journal_cursor *journal_cursor_free(struct journal_cursor *cursor);

/**
 * journal_cursor_next() - the next line
 * @ret_line: without newline, valid until the next call
 *
 * Return: 1; 0 no more now; a negative errno.
 */
int journal_cursor_next(struct journal_cursor *cursor, const char **ret_line, size_t *ret_n);

#endif
