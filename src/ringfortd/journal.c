/* SPDX-License-Identifier: Apache-2.0 */
/* Journal - append, rotate, read on. */
#include "ringfortd/journal.h"

#include "base/cleanup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define JOURNAL_LINE_MAX (2u * 1024 * 1024) /* of a finding whose every byte must be escaped */

struct journal {
	int folder_fd;
	int fd; /* of the newest file */
	unsigned int oldest, newest;
	unsigned int n_files;
	size_t file_bytes, used;
};

struct journal_cursor {
	struct journal *journal;
	unsigned int number; /* of the file being read */
	int fd;
	char *buffer;
	size_t size, begin, end;
};

static void file_name(char name[32], unsigned int number)
{
	snprintf(name, 32, "findings-%08u.jsonl", number);
}

/* The lowest and the highest number of the files that are there; 0 and 0 for none. */
static int scan_folder(struct journal *journal)
{
	int fd = openat(journal->folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	unsigned int number;
	int used;

	if (!folder) {
		int r = -errno;

		close_fd(fd);
		return r;
	}
	while ((entry = readdir(folder))) {
		used = 0;
		if (sscanf(entry->d_name, "findings-%8u.jsonl%n", &number, &used) != 1 ||
		    !used || entry->d_name[used])
			continue;
		if (!journal->oldest || number < journal->oldest)
			journal->oldest = number;
		if (number > journal->newest)
			journal->newest = number;
	}
	closedir(folder);
	return 0;
}

/* A power cut in the middle of a line: what is left of it is no JSON, and only it is lost. */
static int drop_half_line(struct journal *journal, off_t size)
{
	char bytes[4096];
	off_t end = size;

	while (end > 0) {
		off_t begin = end > (off_t)sizeof(bytes) ? end - (off_t)sizeof(bytes) : 0;
		ssize_t n = pread(journal->fd, bytes, (size_t)(end - begin), begin);
		const char *newline = n == end - begin ? memrchr(bytes, '\n', (size_t)n) : NULL;

		if (n != end - begin)
			return n < 0 ? -errno : -EIO;
		if (newline) {
			end = begin + (newline - bytes) + 1;
			break;
		}
		end = begin;
	}
	if (end != size && ftruncate(journal->fd, end) < 0)
		return -errno;
	journal->used = (size_t)end;
	return 0;
}

static int open_newest(struct journal *journal)
{
	struct stat st;
	char name[32];

	file_name(name, journal->newest);
	journal->fd = openat(journal->folder_fd, name,
			     O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (journal->fd < 0)
		return -errno;
	if (fstat(journal->fd, &st) < 0)
		return -errno;
	return drop_half_line(journal, st.st_size);
}

int journal_open(struct journal **ret_journal, int folder_fd, size_t file_bytes, unsigned int n_files)
{
	struct journal *journal = calloc(1, sizeof(*journal));
	int r;

	if (!journal)
		return -ENOMEM;
	journal->folder_fd = folder_fd;
	journal->fd = -1;
	journal->file_bytes = file_bytes;
	journal->n_files = n_files ? n_files : 1;
	r = scan_folder(journal);
	if (r == 0) {
		if (!journal->newest)
			journal->oldest = journal->newest = 1;
		r = open_newest(journal);
	}
	if (r < 0) {
		journal_close(journal);
		return r;
	}
	*ret_journal = journal;
	return 0;
}

struct journal *journal_close(struct journal *journal)
{
	if (journal) {
		close_fd(journal->fd);
		free(journal);
	}
	return NULL;
}

static int rotate(struct journal *journal)
{
	char name[32];

	/* After a failure the same file is tried again: history is not dropped for files that never came to be. */
	if (journal->fd >= 0)
		journal->newest++;
	journal->fd = close_fd(journal->fd);
	while (journal->newest - journal->oldest >= journal->n_files) {
		file_name(name, journal->oldest++);
		unlinkat(journal->folder_fd, name, 0);
	}
	return open_newest(journal);
}

int journal_append(struct journal *journal, const char *line, size_t n)
{
	struct iovec parts[2] = { { (void *)line, n }, { "\n", 1 } };
	ssize_t written;
	int r;

	if (n > JOURNAL_LINE_MAX)
		return -EMSGSIZE;
	if (journal->fd < 0 || (journal->used && journal->used + n + 1 > journal->file_bytes)) {
		r = rotate(journal);
		if (r < 0)
			return r;
	}
	written = writev(journal->fd, parts, 2);
	if (written < 0)
		return -errno;
	if ((size_t)written == n + 1) {
		journal->used += (size_t)written;
		return 0;
	}
	/* A full disk took a part, which is no finding; where it cannot be taken back, the next one stands alone. */
	if (ftruncate(journal->fd, (off_t)journal->used) < 0) {
		journal->used += (size_t)written;
		if (write(journal->fd, "\n", 1) == 1)
			journal->used++;
	}
	return -ENOSPC;
}

int journal_cursor_new(struct journal_cursor **ret_cursor, struct journal *journal)
{
	struct journal_cursor *cursor = calloc(1, sizeof(*cursor));

	if (!cursor)
		return -ENOMEM;
	cursor->journal = journal;
	cursor->number = journal->oldest;
	cursor->fd = -1;
	*ret_cursor = cursor;
	return 0;
}

struct journal_cursor *journal_cursor_free(struct journal_cursor *cursor)
{
	if (cursor) {
		close_fd(cursor->fd);
		free(cursor->buffer);
		free(cursor);
	}
	return NULL;
}

/* Open the file that the cursor stands at; files that rotation has taken are passed over. */
static int cursor_open(struct journal_cursor *cursor)
{
	char name[32];

	if (cursor->number < cursor->journal->oldest)
		cursor->number = cursor->journal->oldest;
	for (; cursor->number <= cursor->journal->newest; cursor->number++) {
		file_name(name, cursor->number);
		cursor->fd = openat(cursor->journal->folder_fd, name,
				    O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		if (cursor->fd >= 0)
			return 1;
		if (errno != ENOENT)
			return -errno;
	}
	cursor->number = cursor->journal->newest;
	return 0;
}

/* Read on behind what is in the buffer.  1 something came; 0 the end of the file. */
static int cursor_fill(struct journal_cursor *cursor)
{
	ssize_t n;

	if (cursor->begin) {
		memmove(cursor->buffer, cursor->buffer + cursor->begin, cursor->end - cursor->begin);
		cursor->end -= cursor->begin;
		cursor->begin = 0;
	}
	if (cursor->end == cursor->size) {
		size_t size = cursor->size ? cursor->size * 2 : 65536;
		char *buffer = size > 2 * JOURNAL_LINE_MAX ? NULL : realloc(cursor->buffer, size);

		if (!buffer)
			return -ENOMEM;
		cursor->buffer = buffer;
		cursor->size = size;
	}
	n = read(cursor->fd, cursor->buffer + cursor->end, cursor->size - cursor->end);
	if (n < 0)
		return -errno;
	cursor->end += (size_t)n;
	return n > 0;
}

int journal_cursor_next(struct journal_cursor *cursor, const char **ret_line, size_t *ret_n)
{
	char *newline;
	int r;

	for (;;) {
		newline = cursor->end > cursor->begin ?
				  memchr(cursor->buffer + cursor->begin, '\n',
					 cursor->end - cursor->begin) :
				  NULL;
		if (newline) {
			*ret_line = cursor->buffer + cursor->begin;
			*ret_n = (size_t)(newline - *ret_line);
			cursor->begin += *ret_n + 1;
			return 1;
		}
		if (cursor->fd < 0) {
			r = cursor_open(cursor);
			if (r <= 0)
				return r;
		}
		r = cursor_fill(cursor);
		if (r < 0)
			return r;
		if (r > 0)
			continue;
		if (cursor->number >= cursor->journal->newest)
			return 0;
		cursor->fd = close_fd(cursor->fd);
		cursor->begin = cursor->end = 0;
		cursor->number++;
	}
}
