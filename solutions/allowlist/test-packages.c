/* SPDX-License-Identifier: Apache-2.0 */
/* Test-packages - dpkg's lists */
#include "packages.h"
#include "test-support.h"

#include <errno.h>
#include <sys/resource.h>

static struct packages *read_folder(const char *folder)
{
	struct packages *packages = NULL;

	assert_int_equal(packages_new(&packages), 0);
	assert_int_equal(packages_add_folder(packages, folder), 0);
	assert_int_equal(packages_read(packages), 0);
	return packages;
}

static void put(const char *folder, const char *name, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	write_file(path, text);
}

/* The folder's time moves on by a tick of the clock that file systems use. */
static void put_later(const char *folder, const char *name, const char *text)
{
	usleep(20 * 1000);
	put(folder, name, text);
}

static void lists_are_read_and_nothing_else(void **state)
{
	struct packages *packages;
	char folder[64];

	make_folder(folder);
	put(folder, "a.list", "/.\n/usr\n/usr/games/a\n/opt/a b");
	put(folder, "b:amd64.list", "/usr/games/b\n\nusr/games/relative\n");
	put(folder, "a.md5sums", "/usr/games/no\n");
	put(folder, ".hidden.list", "/usr/games/hidden\n");
	packages = read_folder(folder);
	assert_int_equal(packages_count(packages), 5);
	assert_true(packages_has(packages, "/usr/games/a"));
	assert_true(packages_has(packages, "/usr/games/b"));
	assert_true(packages_has(packages, "/opt/a b"));
	assert_false(packages_has(packages, "/usr/games/no"));
	assert_false(packages_has(packages, "/usr/games/hidden"));
	assert_false(packages_has(packages, "usr/games/relative"));
	assert_false(packages_has(packages, "/usr/games"));
	assert_false(packages_has(packages, ""));
	packages_free(packages);
	remove_folder(folder);
}

static void both_names_of_a_merged_usr_are_one(void **state)
{
	struct packages *packages;
	char folder[64];

	make_folder(folder);
	put(folder, "a.list", "/bin/ls\n/usr/sbin/cron\n/lib64/ld.so\n/usr/share/x\n/usr/libexec/y\n/binary\n");
	packages = read_folder(folder);
	assert_true(packages_has(packages, "/usr/bin/ls"));
	assert_true(packages_has(packages, "/bin/ls"));
	assert_true(packages_has(packages, "/sbin/cron"));
	assert_true(packages_has(packages, "/usr/lib64/ld.so"));
	assert_false(packages_has(packages, "/share/x"));
	assert_false(packages_has(packages, "/libexec/y"));
	assert_false(packages_has(packages, "/usr/binary"));
	packages_free(packages);
	remove_folder(folder);
}

static void what_is_installed_later_is_found_when_it_is_asked_for(void **state)
{
	struct packages *packages;
	char folder[64], path[128];

	make_folder(folder);
	put(folder, "a.list", "/usr/games/a\n");
	packages = read_folder(folder);
	assert_false(packages_has(packages, "/usr/games/b"));
	put_later(folder, "b.list", "/usr/games/b\n");
	assert_true(packages_has(packages, "/usr/games/b"));
	assert_true(packages_has(packages, "/usr/games/a"));

	usleep(20 * 1000);
	snprintf(path, sizeof(path), "%s/a.list", folder);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(packages_refresh(packages), 0);
	assert_false(packages_has(packages, "/usr/games/a"));
	packages_free(packages);
	remove_folder(folder);
}

static void a_folder_that_goes_leaves_what_was_known(void **state)
{
	struct packages *packages;
	char folder[64];

	make_folder(folder);
	put(folder, "a.list", "/usr/games/a\n");
	packages = read_folder(folder);
	remove_folder(folder);
	assert_int_equal(packages_read(packages), -ENOENT);
	assert_true(packages_has(packages, "/usr/games/a"));
	assert_false(packages_has(packages, "/usr/games/b"));
	packages_free(packages);
}

/* A change in the tick in which the lists were read does not move the folder's time. */
static void a_change_within_one_tick_of_the_clock_is_seen(void **state)
{
	struct packages *packages;
	struct stat status;
	char folder[64];

	make_folder(folder);
	put(folder, "a.list", "/usr/games/a\n");
	packages = read_folder(folder);
	assert_int_equal(stat(folder, &status), 0);
	put(folder, "b.list", "/usr/games/b\n");
	assert_int_equal(utimensat(AT_FDCWD, folder, (struct timespec[]){ status.st_atim, status.st_mtim }, 0), 0);
	assert_true(packages_has(packages, "/usr/games/b"));
	packages_free(packages);
	remove_folder(folder);
}

static void lists_that_cannot_be_read_are_read_later_and_until_then_not_whole(void **state)
{
	struct packages *packages;
	struct rlimit before, few;
	char folder[64];
	int next = dup(0);

	close(next);
	make_folder(folder);
	put(folder, "a.list", "/usr/games/a\n");
	usleep(100 * 1000);
	packages = read_folder(folder);
	put_later(folder, "b.list", "/usr/games/b\n");
	usleep(100 * 1000);
	/* enough for the folder */
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = (struct rlimit){ .rlim_cur = (rlim_t)next + 1, .rlim_max = before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	assert_int_equal(packages_read(packages), -EMFILE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_true(packages_has(packages, "/usr/games/a"));
	assert_false(packages_are_whole(packages));
	assert_int_equal(packages_refresh(packages), 0);
	assert_true(packages_has(packages, "/usr/games/b"));
	assert_true(packages_are_whole(packages));
	packages_free(packages);
	remove_folder(folder);
}

static void the_number_of_paths_has_a_ceiling(void **state)
{
	struct packages *packages;
	char folder[64], path[128];
	FILE *file;

	make_folder(folder);
	snprintf(path, sizeof(path), "%s/a.list", folder);
	file = fopen(path, "we");
	assert_non_null(file);
	for (unsigned int i = 0; i <= PACKAGES_MAX_PATHS; i++)
		fprintf(file, "/%x\n", i);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(packages_new(&packages), 0);
	assert_int_equal(packages_add_folder(packages, folder), 0);
	assert_int_equal(packages_read(packages), E_REFUSED);
	assert_int_equal(packages_count(packages), PACKAGES_MAX_PATHS);
	assert_true(packages_has(packages, "/0"));
	assert_true(packages_has(packages, "/1e847f"));
	assert_false(packages_has(packages, "/1e8480"));
	assert_false(packages_are_whole(packages));
	packages_free(packages);
	remove_folder(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_are_read_and_nothing_else),
		cmocka_unit_test(both_names_of_a_merged_usr_are_one),
		cmocka_unit_test(what_is_installed_later_is_found_when_it_is_asked_for),
		cmocka_unit_test(a_folder_that_goes_leaves_what_was_known),
		cmocka_unit_test(a_change_within_one_tick_of_the_clock_is_seen),
		cmocka_unit_test(lists_that_cannot_be_read_are_read_later_and_until_then_not_whole),
		cmocka_unit_test(the_number_of_paths_has_a_ceiling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
