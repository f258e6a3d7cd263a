/* SPDX-License-Identifier: Apache-2.0 */
/* Test-history - what is found, what is not, and that nothing half written is. */
#undef NDEBUG
#include "gate/history.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct fixture {
	int writer_fd, reader_fd;
	struct history *writer, *reader;
};

static void setup(struct fixture *f)
{
	assert(history_create(&f->writer_fd, &f->reader_fd) == 0);
	assert(history_open(&f->writer, f->writer_fd, true) == 0);
	assert(history_open(&f->reader, f->reader_fd, false) == 0);
}

static void teardown(struct fixture *f)
{
	assert(!history_close(f->writer) && !history_close(f->reader));
	close(f->writer_fd);
	close(f->reader_fd);
}

/* Every byte of it follows from the id, so that a mixture of two is seen. */
static struct history_entry entry_of(uint64_t id)
{
	struct history_entry entry;

	memset(&entry, (int)(id % 251 + 1), sizeof(entry));
	entry.id = id;
	entry.pid = (uint32_t)(id % 7 + 1);
	entry.n_reasons = HISTORY_REASONS;
	entry.path[HISTORY_PATH - 1] = '\0';
	return entry;
}

static void assert_whole(const struct history_entry *entry)
{
	struct history_entry expected = entry_of(entry->id);

	assert(memcmp(entry, &expected, sizeof(expected)) == 0);
}

static uint64_t add(struct history *history)
{
	uint64_t id = history_next_id(history);
	struct history_entry entry = entry_of(id);

	entry.id = 0;
	assert(history_add(history, &entry) == id);
	return id;
}

static uint64_t add_path(struct history *history, const char *path, uint32_t pid)
{
	struct history_entry entry = { .pid = pid };

	history_path(entry.path, path);
	return history_add(history, &entry);
}

static uint64_t find(const struct fixture *f, uint64_t before, const char *path, uint32_t pid)
{
	struct history_entry entry;

	return history_find(f->reader, before, path, pid, &entry) == 1 ? entry.id : 0;
}

static void an_empty_history_finds_nothing(void)
{
	struct history_entry entry = { .id = 77 };
	struct fixture f;

	setup(&f);
	assert(history_next_id(f.reader) == 1);
	assert(history_get(f.reader, 0, &entry) == 0 && history_get(f.reader, 1, &entry) == 0);
	assert(history_get(f.reader, HISTORY_ENTRIES, &entry) == 0);
	assert(history_find(f.reader, 0, NULL, 0, &entry) == 0);
	assert(entry.id == 77);
	teardown(&f);
}

static void the_newest_is_found_first_and_one_before_the_other(void)
{
	struct history_entry entry;
	struct fixture f;

	setup(&f);
	for (uint64_t id = 1; id <= 100; id++)
		assert(add(f.writer) == id);
	assert(history_next_id(f.reader) == 101);
	for (uint64_t before = 0, id = 100; id > 0; before = id--) {
		assert(history_find(f.reader, before, NULL, 0, &entry) == 1 && entry.id == id);
		assert_whole(&entry);
		assert(history_get(f.reader, id, &entry) == 1 && entry.id == id);
		assert_whole(&entry);
	}
	assert(find(&f, 1, NULL, 0) == 0);
	assert(find(&f, 101, NULL, 0) == 100 && find(&f, UINT64_MAX, NULL, 0) == 100);
	assert(history_get(f.reader, 101, &entry) == 0);
	teardown(&f);
}

static void the_oldest_is_overwritten_when_the_ring_is_full(void)
{
	const uint64_t last = 3 * HISTORY_ENTRIES + 17, oldest = last - HISTORY_ENTRIES + 1;
	struct history_entry entry;
	uint64_t n = 0;
	struct fixture f;

	setup(&f);
	while (add(f.writer) < last)
		;
	assert(history_get(f.reader, oldest - 1, &entry) == 0);
	for (uint64_t before = 0; history_find(f.reader, before, NULL, 0, &entry) == 1; before = entry.id, n++) {
		assert(entry.id == last - n);
		assert_whole(&entry);
	}
	assert(n == HISTORY_ENTRIES && entry.id == oldest);
	teardown(&f);
}

static void a_verdict_is_found_by_its_path_its_process_or_both(void)
{
	struct fixture f;

	setup(&f);
	assert(add_path(f.writer, "/bin/a", 10) == 1);
	assert(add_path(f.writer, "/bin/b", 10) == 2);
	assert(add_path(f.writer, "/bin/a", 20) == 3);
	assert(add_path(f.writer, "/bin/ab", 30) == 4);
	assert(find(&f, 0, "/bin/a", 0) == 3 && find(&f, 3, "/bin/a", 0) == 1 && find(&f, 1, "/bin/a", 0) == 0);
	assert(find(&f, 0, NULL, 10) == 2 && find(&f, 2, NULL, 10) == 1);
	assert(find(&f, 0, "/bin/a", 10) == 1 && find(&f, 0, "/bin/b", 20) == 0);
	assert(find(&f, 0, "/bin", 0) == 0 && find(&f, 0, "/bin/abc", 0) == 0 && find(&f, 0, "", 0) == 0);
	teardown(&f);
}

static void of_a_long_path_the_end_is_kept_and_found(void)
{
	char path[2 * HISTORY_PATH], kept[HISTORY_PATH];
	struct history_entry entry;
	struct fixture f;

	setup(&f);
	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[HISTORY_PATH - 1] = '\0'; /* the longest that fits */
	history_path(kept, path);
	assert(strcmp(kept, path) == 0);
	path[HISTORY_PATH - 1] = 'x';
	memcpy(path + sizeof(path) - 5, "/end", 5);
	assert(add_path(f.writer, path, 1) == 1);
	assert(history_get(f.reader, 1, &entry) == 1);
	assert(strlen(entry.path) == HISTORY_PATH - 1 && strncmp(entry.path, "...xx", 5) == 0);
	assert(strcmp(entry.path + HISTORY_PATH - 6, "x/end") == 0);
	assert(find(&f, 0, path, 0) == 1 && find(&f, 0, entry.path, 0) == 1);
	teardown(&f);
}

static void a_path_without_end_is_ended(void)
{
	struct history_entry entry, kept;
	struct fixture f;

	setup(&f);
	memset(&entry, 'x', sizeof(entry));
	entry.n_reasons = 0;
	history_add(f.writer, &entry);
	assert(history_get(f.reader, 1, &kept) == 1 && strlen(kept.path) == HISTORY_PATH - 1);
	teardown(&f);
}

static void the_reader_can_never_write(void)
{
	struct history *writable = NULL;
	struct fixture f;

	setup(&f);
	assert(history_open(&writable, f.reader_fd, true) == -EACCES && !writable);
	assert(mprotect((void *)f.reader, 4096, PROT_READ | PROT_WRITE) < 0 && errno == EACCES);
	assert(write(f.reader_fd, "x", 1) < 0 && errno == EBADF);
	assert(ftruncate(f.reader_fd, 0) < 0);
	teardown(&f);
}

static void its_size_is_sealed_and_another_size_refused(void)
{
	struct history *history = NULL;
	struct fixture f;
	struct stat st;
	int other;

	setup(&f);
	assert(fstat(f.writer_fd, &st) == 0 && (st.st_mode & 07777) == 0600);
	assert(ftruncate(f.writer_fd, 0) < 0 && errno == EPERM);
	assert(ftruncate(f.writer_fd, st.st_size + 4096) < 0 && errno == EPERM);
	other = memfd_create("other", MFD_CLOEXEC);
	assert(other >= 0 && ftruncate(other, st.st_size - 4096) == 0);
	assert(history_open(&history, other, false) == -EPROTO && !history);
	close(other);
	teardown(&f);
}

static void the_numbers_are_read_where_they_were_written(void)
{
	struct history_numbers numbers;
	struct fixture f;

	setup(&f);
	history_numbers(f.writer)->n_asked = 5;
	history_numbers(f.writer)->n_marks = 6;
	history_numbers(f.writer)->voices[DECISION_VOICES - 1].demoted = 7;
	add(f.writer);
	history_read_numbers(f.reader, &numbers);
	assert(numbers.n_asked == 5 && numbers.n_marks == 6);
	assert(numbers.voices[DECISION_VOICES - 1].demoted == 7 && numbers.n_denied == 0);
	assert(history_n_answered(f.reader) == 0);
	history_numbers(f.writer)->n_at_once = 10;
	history_numbers(f.writer)->n_cached = 20;
	history_numbers(f.writer)->n_decided = 30;
	history_numbers(f.writer)->n_canary = 40;
	assert(history_n_answered(f.reader) == 60);
	teardown(&f);
}

/* ---- two processes -------------------------------------------------------------------------------- */

/* A gate that adds as fast as it can, until it is killed. */
static pid_t start_gate(const struct fixture *f)
{
	pid_t pid = fork();
	struct history *history;

	assert(pid >= 0);
	if (pid > 0)
		return pid;
	/* A test that fails leaves no writer behind. */
	assert(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
	assert(history_open(&history, f->writer_fd, true) == 0);
	for (;;)
		add(history);
}

static void kill_gate(pid_t pid)
{
	assert(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

struct hammer {
	struct fixture f;
	uint64_t n_whole, n_refused;
};

static void ask_beside_the_writer(struct hammer *h, uint64_t id)
{
	struct history_entry entry;

	if (history_get(h->f.reader, id, &entry) != 1) {
		h->n_refused++;
		return;
	}
	assert(entry.id == id);
	assert_whole(&entry);
	h->n_whole++;
}

/* Asks for the oldest, over which the writer goes next, and the newest, which it has just begun. */
static void what_is_written_while_it_is_copied_is_never_returned(void)
{
	struct hammer oldest = { 0 }, newest;
	double end = now() + 20;
	uint64_t last;
	pid_t gate;

	setup(&oldest.f);
	newest = oldest;
	gate = start_gate(&oldest.f);
	while ((oldest.n_whole < 200000 || oldest.n_refused < 1000 || newest.n_whole < 200000 ||
		newest.n_refused < 1000) && now() < end) {
		last = history_next_id(oldest.f.reader) - 1;
		if (last < HISTORY_ENTRIES)
			continue;
		ask_beside_the_writer(&oldest, last - HISTORY_ENTRIES + 1);
		ask_beside_the_writer(&oldest, last - HISTORY_ENTRIES + 2);
		ask_beside_the_writer(&newest, history_next_id(oldest.f.reader) - 1);
		ask_beside_the_writer(&newest, history_next_id(oldest.f.reader));
	}
	kill_gate(gate);
	printf("oldest: %llu whole, %llu overwritten meanwhile; newest: %llu whole, %llu not yet\n",
	       (unsigned long long)oldest.n_whole, (unsigned long long)oldest.n_refused,
	       (unsigned long long)newest.n_whole, (unsigned long long)newest.n_refused);
	assert(oldest.n_whole > 0 && oldest.n_refused > 0 && newest.n_whole > 0 && newest.n_refused > 0);
	teardown(&oldest.f);
}

static void after_a_kill_the_next_gate_goes_on_with_the_ids(void)
{
	struct history_entry entry;
	uint64_t next = 1;
	struct fixture f;

	setup(&f);
	for (int i = 0; i < 50; i++) {
		pid_t gate = start_gate(&f);
		uint64_t n_found = 0, before = 0;

		while (history_next_id(f.reader) < next + 10)
			usleep(100);
		usleep((useconds_t)(i * 37 % 500));
		kill_gate(gate);
		assert(history_next_id(f.reader) >= next + 10);
		next = history_next_id(f.reader);
		/* The one that was being written is missing, and perhaps those before it that were, too. */
		while (history_find(f.reader, before, NULL, 0, &entry) == 1) {
			assert(entry.id < (before ? before : next));
			assert_whole(&entry);
			before = entry.id;
			n_found++;
		}
		assert(n_found + 50 >= (next - 1 < HISTORY_ENTRIES ? next - 1 : HISTORY_ENTRIES));
	}
	assert(add(f.writer) == next);
	assert(history_get(f.reader, next, &entry) == 1);
	teardown(&f);
}

static uint64_t hold(struct history *history, uint32_t pid)
{
	struct history_entry entry = { .pid = pid, .hold = HISTORY_HELD, .path = "/held" };

	return history_hold(history, &entry);
}

static uint32_t next_held(const struct fixture *f, uint64_t after)
{
	struct history_entry entry = { 0 };

	return history_next_held(f->reader, after, &entry) ? entry.pid : 0;
}

static void who_is_held_is_listed_in_order_until_he_is_not(void)
{
	struct history_entry entry = { .id = 77 };
	struct fixture f;

	setup(&f);
	assert(history_next_held(f.reader, 0, &entry) == 0 && entry.id == 77);
	for (uint32_t i = 1; i <= HISTORY_HOLDS; i++)
		assert(hold(f.writer, 100 + i) == i);
	assert(hold(f.writer, 1) == 0);
	history_unhold(f.writer, 2);
	history_unhold(f.writer, 9999);
	/* In a place that was used before, with an id that was not. */
	assert(hold(f.writer, 500) == HISTORY_HOLDS + 1 && hold(f.writer, 1) == 0);
	assert(next_held(&f, 0) == 101 && next_held(&f, 1) == 103 && next_held(&f, HISTORY_HOLDS - 1) == 100 + HISTORY_HOLDS);
	assert(next_held(&f, HISTORY_HOLDS) == 500 && next_held(&f, HISTORY_HOLDS + 1) == 0 && next_held(&f, UINT64_MAX) == 0);
	assert(history_next_held(f.reader, 0, &entry) == 1 && entry.hold_id == 1 && strcmp(entry.path, "/held") == 0);
	history_unhold_all(f.writer);
	assert(next_held(&f, 0) == 0 && hold(f.writer, 1) == HISTORY_HOLDS + 2);
	teardown(&f);
}

static void what_became_of_a_hold_is_found_by_its_id(void)
{
	struct history_entry entry = { .hold_id = 3, .hold = HISTORY_HELD_DENIED, .pid = 42 };
	struct fixture f;

	setup(&f);
	assert(history_find_held(f.reader, 3, &entry) == 0);
	history_add(f.writer, &entry);
	for (uint32_t i = 0; i < HISTORY_ENTRIES - 1; i++)
		add_path(f.writer, "/bin/a", 1);
	assert(history_find_held(f.reader, 4, &entry) == 0);
	assert(history_find_held(f.reader, 3, &entry) == 1 && entry.id == 1 && entry.pid == 42);
	add_path(f.writer, "/bin/a", 1);
	assert(history_find_held(f.reader, 3, &entry) == 0);
	teardown(&f);
}

int main(void)
{
	an_empty_history_finds_nothing();
	the_newest_is_found_first_and_one_before_the_other();
	the_oldest_is_overwritten_when_the_ring_is_full();
	a_verdict_is_found_by_its_path_its_process_or_both();
	of_a_long_path_the_end_is_kept_and_found();
	a_path_without_end_is_ended();
	the_reader_can_never_write();
	its_size_is_sealed_and_another_size_refused();
	the_numbers_are_read_where_they_were_written();
	what_is_written_while_it_is_copied_is_never_returned();
	after_a_kill_the_next_gate_goes_on_with_the_ids();
	who_is_held_is_listed_in_order_until_he_is_not();
	what_became_of_a_hold_is_found_by_its_id();
	return 0;
}
