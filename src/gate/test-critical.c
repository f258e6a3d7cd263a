/* SPDX-License-Identifier: Apache-2.0 */
/* Test-critical - which files a path leads to, and which of them can be relied on. */
#undef NDEBUG
#include "gate/critical.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define NAMES 8

struct fixture {
	char folder[64];
	char paths[NAMES][128];
	struct critical_row rows[NAMES];
	struct critical_set set;
};

static const char *const names[NAMES] = { "good", "other", "link", "dangling", "strangers", "writable",
					  "folder", "missing" };

enum { GOOD, OTHER, LINK, DANGLING, STRANGERS, WRITABLE, FOLDER, MISSING };

static void create(const char *path, mode_t mode, uid_t uid)
{
	int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0700);

	assert(fd >= 0 && fchown(fd, uid, 0) == 0 && fchmod(fd, mode) == 0);
	close(fd);
}

static void setup(struct fixture *f)
{
	strcpy(f->folder, "/tmp/ringfort-critical-XXXXXX");
	assert(mkdtemp(f->folder));
	for (size_t i = 0; i < NAMES; i++) {
		snprintf(f->paths[i], sizeof(f->paths[i]), "%s/%s", f->folder, names[i]);
		f->rows[i] = (struct critical_row){ .path = f->paths[i], .reason = names[i] };
	}
	create(f->paths[GOOD], 0755, 0);
	create(f->paths[OTHER], 0700, 0);
	create(f->paths[STRANGERS], 0755, 1);
	create(f->paths[WRITABLE], 0775, 0);
	assert(mkdir(f->paths[FOLDER], 0755) == 0);
	assert(symlink("good", f->paths[LINK]) == 0 && symlink("nowhere", f->paths[DANGLING]) == 0);
	assert(critical_load(&f->set, f->rows, NAMES) == 0);
}

static void teardown(struct fixture *f)
{
	for (size_t i = 0; i < NAMES; i++)
		assert(remove(f->paths[i]) == 0 || i == MISSING);
	assert(rmdir(f->folder) == 0);
}

static const struct critical_entry *entry_of(const struct fixture *f, size_t row)
{
	for (uint32_t i = 0; i < f->set.n_entries; i++)
		if (strcmp(f->set.entries[i].path, f->paths[row]) == 0)
			return &f->set.entries[i];
	abort();
}

static uint64_t kernel_dev(dev_t dev)
{
	return (uint64_t)major(dev) << 20 | minor(dev);
}

/* Does the set have the file that this path leads to now? */
static bool has(const struct fixture *f, size_t row)
{
	struct stat st;

	assert(stat(f->paths[row], &st) == 0);
	return critical_has(&f->set, kernel_dev(st.st_dev), st.st_ino);
}

static void a_file_that_only_root_can_change_is_matched_by_device_and_inode(void)
{
	const struct critical_entry *entry;
	struct fixture f;
	struct stat st;

	setup(&f);
	entry = entry_of(&f, GOOD);
	assert(stat(f.paths[GOOD], &st) == 0);
	assert(entry->state == CRITICAL_MATCHED && strcmp(entry->reason, "good") == 0);
	assert(entry->dev == kernel_dev(st.st_dev) && entry->ino == st.st_ino);
	assert(has(&f, GOOD) && has(&f, OTHER));
	assert(!critical_has(&f.set, entry->dev + 1, entry->ino));
	assert(!critical_has(&f.set, entry->dev, st.st_ino + 1000000));
	assert(!critical_has(&f.set, 0, 0));
	teardown(&f);
}

static void a_link_is_followed_and_its_file_counted_once(void)
{
	uint32_t n_files;
	struct fixture f;

	setup(&f);
	assert(entry_of(&f, LINK)->state == CRITICAL_MATCHED);
	assert(entry_of(&f, LINK)->ino == entry_of(&f, GOOD)->ino);
	n_files = f.set.n_files;
	assert(unlink(f.paths[LINK]) == 0 && symlink("nowhere", f.paths[LINK]) == 0);
	assert(critical_load(&f.set, f.rows, NAMES) == 0);
	assert(entry_of(&f, LINK)->state == CRITICAL_MISSING);
	assert(f.set.n_files == n_files && has(&f, GOOD));
	teardown(&f);
}

static void what_others_own_or_can_write_is_not_matched(void)
{
	struct fixture f;

	setup(&f);
	assert(entry_of(&f, STRANGERS)->state == CRITICAL_NOT_ROOTS && !has(&f, STRANGERS));
	assert(entry_of(&f, WRITABLE)->state == CRITICAL_WRITABLE && !has(&f, WRITABLE));
	assert(chmod(f.paths[WRITABLE], 0757) == 0 && critical_load(&f.set, f.rows, NAMES) == 0);
	assert(entry_of(&f, WRITABLE)->state == CRITICAL_WRITABLE && !has(&f, WRITABLE));
	assert(chmod(f.paths[WRITABLE], 0755) == 0 && critical_load(&f.set, f.rows, NAMES) == 0);
	assert(entry_of(&f, WRITABLE)->state == CRITICAL_MATCHED && has(&f, WRITABLE));
	teardown(&f);
}

static void what_is_no_regular_file_or_not_there_is_said(void)
{
	struct fixture f;

	setup(&f);
	assert(entry_of(&f, FOLDER)->state == CRITICAL_NOT_REGULAR && !has(&f, FOLDER));
	assert(entry_of(&f, MISSING)->state == CRITICAL_MISSING && entry_of(&f, MISSING)->ino == 0);
	assert(entry_of(&f, DANGLING)->state == CRITICAL_MISSING);
	assert(unlink(f.paths[DANGLING]) == 0 && symlink("dangling", f.paths[DANGLING]) == 0);
	assert(critical_load(&f.set, f.rows, NAMES) == 0);
	assert(entry_of(&f, DANGLING)->state == CRITICAL_UNREADABLE);
	assert(entry_of(&f, DANGLING)->error == ELOOP);
	teardown(&f);
}

static void a_replaced_file_is_matched_after_the_next_load_and_the_old_one_no_more(void)
{
	char next[128];
	uint64_t dev, before;
	struct fixture f;

	setup(&f);
	dev = entry_of(&f, OTHER)->dev;
	before = entry_of(&f, OTHER)->ino;
	snprintf(next, sizeof(next), "%s/next", f.folder);
	create(next, 0755, 0);
	assert(rename(next, f.paths[OTHER]) == 0);
	assert(!has(&f, OTHER) && critical_has(&f.set, dev, before));
	assert(critical_load(&f.set, f.rows, NAMES) == 0);
	assert(has(&f, OTHER) && !critical_has(&f.set, dev, before));
	teardown(&f);
}

/* The folder of the fixture, reached through nothing but folders of root's. */
struct scripts {
	char base[64], folder[128], script[192], below[256];
	struct critical_row row;
	struct critical_set set;
};

static void load_scripts(struct scripts *s)
{
	s->row = (struct critical_row){ .path = s->folder, .reason = "scripts", .scripts = true };
	assert(critical_load(&s->set, &s->row, 1) == 0);
}

static void setup_scripts(struct scripts *s)
{
	strcpy(s->base, "/run/ringfort-critical-XXXXXX");
	assert(mkdtemp(s->base));
	snprintf(s->folder, sizeof(s->folder), "%s/info", s->base);
	snprintf(s->script, sizeof(s->script), "%s/a.postinst", s->folder);
	snprintf(s->below, sizeof(s->below), "%s/more/a.postinst", s->folder);
	assert(mkdir(s->folder, 0755) == 0);
	load_scripts(s);
}

static void teardown_scripts(struct scripts *s)
{
	assert((unlink(s->folder) == 0 || rmdir(s->folder) == 0 || errno == ENOENT) && rmdir(s->base) == 0);
}

static const struct critical_entry *last_of(const struct scripts *s)
{
	return &s->set.entries[s->set.n_entries - 1];
}

static bool has_script(const struct scripts *s, const char *path)
{
	struct stat st;

	assert(stat(s->base, &st) == 0);
	return critical_has_script(&s->set, kernel_dev(st.st_dev), path);
}

static void scripts_are_matched_by_the_folder_that_only_root_can_write_to_and_not_below_it(void)
{
	struct scripts s;
	struct stat st;

	setup_scripts(&s);
	assert(last_of(&s)->state == CRITICAL_MATCHED && last_of(&s)->scripts && has_script(&s, s.script));
	assert(stat(s.base, &st) == 0 && !critical_has_script(&s.set, kernel_dev(st.st_dev) + 1, s.script));
	assert(!has_script(&s, s.below) && !has_script(&s, s.folder) && !has_script(&s, "a.postinst") && !has_script(&s, ""));
	assert(!has_script(&s, "/a.postinst") && !critical_has(&s.set, kernel_dev(st.st_dev), last_of(&s)->ino));
	teardown_scripts(&s);
}

static void scripts_are_not_matched_where_somebody_else_could_put_one(void)
{
	struct scripts s;

	setup_scripts(&s);
	assert(chmod(s.folder, 0775) == 0);
	load_scripts(&s);
	assert(last_of(&s)->state == CRITICAL_WRITABLE && !has_script(&s, s.script));
	assert(chmod(s.folder, 0755) == 0 && chown(s.folder, 1, 0) == 0);
	load_scripts(&s);
	assert(last_of(&s)->state == CRITICAL_NOT_ROOTS && !has_script(&s, s.script));
	/* Above it, also by a folder that everybody may write to and nobody may take from. */
	assert(chown(s.folder, 0, 0) == 0 && chmod(s.base, 01777) == 0);
	load_scripts(&s);
	assert(last_of(&s)->state == CRITICAL_WRITABLE && !has_script(&s, s.script));
	assert(chmod(s.base, 0700) == 0 && chown(s.base, 1, 0) == 0);
	load_scripts(&s);
	assert(last_of(&s)->state == CRITICAL_NOT_ROOTS && !has_script(&s, s.script));
	assert(chown(s.base, 0, 0) == 0);
	load_scripts(&s);
	assert(has_script(&s, s.script));
	teardown_scripts(&s);
}

static void a_folder_of_scripts_may_be_missing_but_not_the_one_above_and_no_link_is_followed(void)
{
	struct scripts s;
	char elsewhere[160];

	setup_scripts(&s);
	assert(rmdir(s.folder) == 0);
	load_scripts(&s);
	assert(last_of(&s)->state == CRITICAL_MATCHED && has_script(&s, s.script));
	assert(symlink("..", s.folder) == 0);
	load_scripts(&s);
	assert(last_of(&s)->state == CRITICAL_NOT_FOLDER && !has_script(&s, s.script));
	snprintf(elsewhere, sizeof(elsewhere), "%s/none/info", s.base);
	s.row.path = elsewhere;
	assert(critical_load(&s.set, &s.row, 1) == 0);
	assert(last_of(&s)->state == CRITICAL_MISSING && last_of(&s)->ino == 0);
	teardown_scripts(&s);
}

static void on_this_host_the_shell_is_in_the_set_and_this_test_is_not(void)
{
	static struct critical_set set;
	uint32_t n_matched = 0;
	struct stat st;

	assert(critical_load(&set, NULL, 0) == 0 && set.version == CRITICAL_VERSION);
	for (uint32_t i = 0; i < set.n_entries; i++) {
		assert(set.entries[i].path[0] == '/' && set.entries[i].reason[0]);
		assert(critical_state_name(set.entries[i].state));
		n_matched += set.entries[i].state == CRITICAL_MATCHED;
		for (uint32_t j = 0; j < i; j++)
			assert(strcmp(set.entries[i].path, set.entries[j].path) != 0);
	}
	printf("%u of %u rows are matched here, by %u files\n", n_matched, set.n_entries, set.n_files);
	assert(set.n_files > 0 && set.n_files <= n_matched);
	assert(stat("/bin/sh", &st) == 0 && critical_has(&set, kernel_dev(st.st_dev), st.st_ino));
	assert(stat("/proc/self/exe", &st) == 0 && !critical_has(&set, kernel_dev(st.st_dev), st.st_ino));
	assert(!critical_state_name(_CRITICAL_STATE_N));
}

static void too_much_is_refused_and_changes_nothing(void)
{
	static struct critical_row rows[CRITICAL_MAX];
	static struct critical_set set, before;
	char path[CRITICAL_PATH + 1], reason[CRITICAL_REASON + 1];
	uint32_t room;

	assert(critical_load(&set, NULL, 0) == 0);
	before = set;
	room = CRITICAL_MAX - set.n_entries;
	for (uint32_t i = 0; i < CRITICAL_MAX; i++)
		rows[i] = (struct critical_row){ "/nowhere", "" };
	assert(critical_load(&set, rows, room + 1) == -ENOSPC);
	for (uint32_t i = 0; i <= CRITICAL_FOLDERS; i++)
		rows[i].scripts = true;
	assert(critical_load(&set, rows, room) == -ENOSPC);
	for (uint32_t i = 0; i < CRITICAL_MAX; i++)
		rows[i].scripts = false;
	memset(path, 'x', sizeof(path));
	memset(reason, 'x', sizeof(reason));
	path[CRITICAL_PATH] = reason[CRITICAL_REASON] = '\0';
	assert(critical_load(&set, &(struct critical_row){ path, "" }, 1) == -ENAMETOOLONG);
	assert(critical_load(&set, &(struct critical_row){ "/", reason }, 1) == -ENAMETOOLONG);
	assert(memcmp(&set, &before, sizeof(set)) == 0);
	path[CRITICAL_PATH - 1] = reason[CRITICAL_REASON - 1] = '\0';
	rows[0] = (struct critical_row){ path, reason };
	assert(critical_load(&set, rows, room) == 0 && set.n_entries == CRITICAL_MAX);
	assert(strcmp(set.entries[before.n_entries].path, path) == 0);
}

int main(void)
{
	on_this_host_the_shell_is_in_the_set_and_this_test_is_not();
	too_much_is_refused_and_changes_nothing();
	if (geteuid() != 0) {
		printf("SKIP the rest: only root can make files that are root's\n");
		return 77;
	}
	a_file_that_only_root_can_change_is_matched_by_device_and_inode();
	a_link_is_followed_and_its_file_counted_once();
	what_others_own_or_can_write_is_not_matched();
	what_is_no_regular_file_or_not_there_is_said();
	a_replaced_file_is_matched_after_the_next_load_and_the_old_one_no_more();
	scripts_are_matched_by_the_folder_that_only_root_can_write_to_and_not_below_it();
	scripts_are_not_matched_where_somebody_else_could_put_one();
	a_folder_of_scripts_may_be_missing_but_not_the_one_above_and_no_link_is_followed();
	return 0;
}
