/* SPDX-License-Identifier: Apache-2.0 */
#undef NDEBUG
#include "ringfortd/journal.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/test-journal.XXXXXX";

static void empty_folder(void)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;

	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			assert(unlinkat(dirfd(dir), entry->d_name, 0) == 0);
	closedir(dir);
}

static struct journal *open_journal(size_t file_bytes, unsigned int n_files, int *ret_fd)
{
	struct journal *journal;

	*ret_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert(*ret_fd >= 0);
	assert(journal_open(&journal, *ret_fd, file_bytes, n_files) == 0);
	return journal;
}

static void append(struct journal *journal, const char *line)
{
	assert(journal_append(journal, line, strlen(line)) == 0);
}

static void expect(struct journal_cursor *cursor, const char *line)
{
	const char *got;
	size_t n;
	int r = journal_cursor_next(cursor, &got, &n);

	if (!line) {
		assert(r == 0);
		return;
	}
	assert(r == 1);
	assert(n == strlen(line) && memcmp(got, line, n) == 0);
}

static void lines_come_back_in_order_and_a_cursor_goes_on(void)
{
	struct journal_cursor *cursor;
	struct journal *journal;
	int fd;

	empty_folder();
	journal = open_journal(1 << 20, 4, &fd);
	append(journal, "one");
	append(journal, "two");
	assert(journal_cursor_new(&cursor, journal) == 0);
	expect(cursor, "one");
	expect(cursor, "two");
	expect(cursor, NULL);
	append(journal, "three");
	expect(cursor, "three");
	expect(cursor, NULL);
	journal_cursor_free(cursor);
	journal_close(journal);
	close(fd);
}

static void history_survives_a_restart_and_half_a_line_costs_only_itself(void)
{
	struct journal_cursor *cursor;
	struct journal *journal;
	int fd, file;

	empty_folder();
	journal = open_journal(1 << 20, 4, &fd);
	append(journal, "one");
	journal_close(journal);
	file = openat(fd, "findings-00000001.jsonl", O_WRONLY | O_APPEND);
	assert(write(file, "half", 4) == 4);
	close(file);
	close(fd);
	journal = open_journal(1 << 20, 4, &fd);
	append(journal, "two");
	assert(journal_cursor_new(&cursor, journal) == 0);
	expect(cursor, "one");
	expect(cursor, "two");
	expect(cursor, NULL);
	journal_cursor_free(cursor);
	journal_close(journal);
	close(fd);
}

static void a_full_file_begins_the_next_and_the_oldest_goes(void)
{
	struct journal_cursor *cursor;
	struct journal *journal;
	struct stat st;
	char line[101];
	int fd;

	empty_folder();
	journal = open_journal(1000, 3, &fd);
	for (int i = 0; i < 100; i++) {
		memset(line, 'a', 100);
		snprintf(line, sizeof(line), "%03d", i);
		line[3] = 'a';
		line[100] = '\0';
		append(journal, line);
	}
	assert(fstatat(fd, "findings-00000001.jsonl", &st, 0) < 0 && errno == ENOENT);
	assert(journal_cursor_new(&cursor, journal) == 0);
	for (int i = 0; i < 19; i++) { /* nine lines a file, and one in the newest */
		const char *got;
		size_t n;

		assert(journal_cursor_next(cursor, &got, &n) == 1);
		assert(n == 100);
	}
	expect(cursor, NULL);
	journal_cursor_free(cursor);
	journal_close(journal);
	close(fd);
}

static void a_cursor_that_rotation_overtook_goes_on_with_what_is_there(void)
{
	struct journal_cursor *cursor;
	struct journal *journal;
	const char *got;
	size_t n, lines = 0;
	int fd;

	empty_folder();
	journal = open_journal(1000, 2, &fd);
	append(journal, "first");
	assert(journal_cursor_new(&cursor, journal) == 0);
	expect(cursor, "first");
	for (int i = 0; i < 500; i++)
		append(journal, "a line of some twenty bytes");
	while (journal_cursor_next(cursor, &got, &n) == 1)
		lines++;
	assert(lines > 20 && lines < 500);
	append(journal, "last");
	expect(cursor, "last");
	journal_cursor_free(cursor);
	journal_close(journal);
	close(fd);
}

static void a_line_over_the_ceiling_is_refused(void)
{
	char *line = calloc(1, 4 << 20);
	struct journal *journal;
	int fd;

	empty_folder();
	journal = open_journal(1000, 2, &fd);
	memset(line, 'a', (4 << 20) - 1);
	assert(journal_append(journal, line, (4 << 20) - 1) == -EMSGSIZE);
	journal_close(journal);
	close(fd);
	free(line);
}

static void history_stays_while_no_new_file_can_be_made(void)
{
	struct journal_cursor *cursor;
	struct journal *journal;
	int fd;

	journal = open_journal(8, 3, &fd);
	append(journal, "first");
	append(journal, "second");
	/* Where the next file would be. */
	assert(mkdirat(fd, "findings-00000003.jsonl", 0700) == 0);
	for (int i = 0; i < 10; i++)
		assert(journal_append(journal, "lost", 4) == -EISDIR);
	assert(unlinkat(fd, "findings-00000003.jsonl", AT_REMOVEDIR) == 0);
	append(journal, "third");
	assert(journal_cursor_new(&cursor, journal) == 0);
	expect(cursor, "first");
	expect(cursor, "second");
	expect(cursor, "third");
	expect(cursor, NULL);
	journal_cursor_free(cursor);
	journal_close(journal);
	close(fd);
	empty_folder();
}

int main(void)
{
	assert(mkdtemp(folder));
	lines_come_back_in_order_and_a_cursor_goes_on();
	history_survives_a_restart_and_half_a_line_costs_only_itself();
	a_full_file_begins_the_next_and_the_oldest_goes();
	a_cursor_that_rotation_overtook_goes_on_with_what_is_there();
	a_line_over_the_ceiling_is_refused();
	history_stays_while_no_new_file_can_be_made();
	empty_folder();
	assert(rmdir(folder) == 0);
	return 0;
}
