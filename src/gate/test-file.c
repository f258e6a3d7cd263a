/* SPDX-License-Identifier: Apache-2.0 */
/* Test-file - what is known of an open file, and what may be remembered of it. */
#undef NDEBUG
#include "gate/file.h"

#include <assert.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define SECOND 1000000000ll

static char folder[] = "/tmp/ringfort-file-XXXXXX";

static int make(const char *name, char ret_path[4096], mode_t mode)
{
	int fd;

	snprintf(ret_path, 4096, "%s/%s", folder, name);
	fd = open(ret_path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert(fd >= 0 && fchmod(fd, mode) == 0 && write(fd, "text", 4) == 4);
	close(fd);
	fd = open(ret_path, O_RDONLY | O_CLOEXEC);
	assert(fd >= 0);
	return fd;
}

static struct file read_file(int fd)
{
	struct file file;

	assert(file_read(&file, fd) == 0);
	return file;
}

static void attributes_are_those_of_the_file(void)
{
	char path[4096];
	int fd = make("one", path, 0751);
	struct file file = read_file(fd);
	struct stat st;

	assert(fstat(fd, &st) == 0);
	assert(file.dev == ((uint64_t)major(st.st_dev) << 20 | minor(st.st_dev)) && file.ino == st.st_ino);
	assert(file.size == 4 && file.mode == (S_IFREG | 0751) && file.uid == st.st_uid && file.gid == st.st_gid);
	assert(file.ctime_ns == st.st_ctim.tv_sec * SECOND + st.st_ctim.tv_nsec && file.mount != 0);
	assert(file_read(&file, -1) < 0);
	close(fd);
}

static void the_path_is_told_as_it_is_now(void)
{
	static struct file_path told;
	char path[4096], other[4200];
	int fd = make("two", path, 0600), names;

	assert(file_open_names(&names) == 0);
	file_path(&told, names, fd);
	assert(strcmp(told.text, path) == 0 && told.length == strlen(path));
	snprintf(other, sizeof(other), "%s.other", path);
	assert(rename(path, other) == 0);
	file_path(&told, names, fd);
	assert(strcmp(told.text, other) == 0);
	assert(unlink(other) == 0);
	strcat(other, " (deleted)");
	file_path(&told, names, fd);
	assert(strcmp(told.text, other) == 0);
	file_path(&told, names, -1);
	assert(told.length == 0 && told.text[0] == '\0');
	close(names);
	close(fd);
}

/* Longer than the time of change takes to move. */
static void settle(void)
{
	usleep(20000);
}

static void a_change_of_any_kind_is_seen(void)
{
	char path[4096];
	int fd = make("three", path, 0600), writer;
	struct file file = read_file(fd);

	assert(file_same(&file, fd));
	settle();
	writer = open(path, O_WRONLY | O_CLOEXEC);
	assert(write(writer, "TEXT", 4) == 4 && close(writer) == 0);
	assert(!file_same(&file, fd));
	file = read_file(fd);
	settle();
	assert(chmod(path, 0700) == 0 && !file_same(&file, fd));
	file = read_file(fd);
	settle();
	assert(truncate(path, 3) == 0 && !file_same(&file, fd));
	file = read_file(fd);
	settle();
	assert(file_same(&file, fd));
	close(fd);
	assert(!file_same(&file, fd));
}

static void a_writer_is_seen_by_descriptor_and_by_mapping(void)
{
	char path[4096];
	int fd = make("four", path, 0600), writer;
	void *memory;

	assert(!file_has_writer(fd) && !file_has_writer(fd));
	writer = open(path, O_RDWR | O_CLOEXEC);
	assert(file_has_writer(fd));
	memory = mmap(NULL, 4, PROT_READ | PROT_WRITE, MAP_SHARED, writer, 0);
	assert(memory != MAP_FAILED);
	close(writer);
	assert(file_has_writer(fd));
	munmap(memory, 4);
	assert(!file_has_writer(fd));
	/* Our look leaves nothing that a later writer would have to wait for. */
	writer = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	assert(writer >= 0);
	close(writer);
	assert(file_has_writer(-1));
	close(fd);
}

static bool on_disk(void)
{
	struct statfs fs;

	return statfs(folder, &fs) == 0 && (fs.f_type == EXT4_SUPER_MAGIC || fs.f_type == 0x58465342 ||
					    fs.f_type == BTRFS_SUPER_MAGIC);
}

static void where_an_answer_may_be_kept_follows_from_who_could_change_the_file(void)
{
	char path[4096];
	int fd = make("five", path, 0755), writer;
	struct file file = read_file(fd);
	int64_t later = file.ctime_ns + SECOND;

	file.uid = 0;
	assert(file_memory(&file, fd, later) == FILE_IN_KERNEL);
	/* Changed just now: another change could have the same time. */
	assert(file_memory(&file, fd, file.ctime_ns) == FILE_ASK_AGAIN);
	file.mode = S_IFREG | 0775;
	assert(file_memory(&file, fd, later) == FILE_IN_TABLE);
	file.mode = S_IFREG | 0757;
	assert(file_memory(&file, fd, later) == FILE_IN_TABLE);
	file.mode = S_IFREG | 0755;
	file.uid = 1000;
	assert(file_memory(&file, fd, later) == FILE_IN_TABLE);
	assert(file_memory(&file, fd, file.ctime_ns) == FILE_ASK_AGAIN);
	writer = open(path, O_WRONLY | O_CLOEXEC);
	file.uid = 0;
	assert(file_memory(&file, fd, later) == FILE_ASK_AGAIN);
	close(writer);
	close(fd);
}

static void on_tmpfs_and_proc_nothing_is_kept(void)
{
	int fd = memfd_create("x", MFD_CLOEXEC), proc = open("/proc/version", O_RDONLY | O_CLOEXEC);
	struct file file = read_file(fd);

	file.uid = 0;
	file.mode = S_IFREG | 0755;
	assert(file_memory(&file, fd, INT64_MAX) == FILE_ASK_AGAIN);
	assert(file_memory(&file, proc, INT64_MAX) == FILE_ASK_AGAIN);
	close(fd);
	close(proc);
}

static void remove_files(void)
{
	static const char *const names[] = { "one", "three", "four", "five" };
	char path[4096];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		unlink(path);
	}
	assert(rmdir(folder) == 0);
}

int main(void)
{
	/* As the gate does: a writer that meets our look makes the kernel tell us. */
	signal(SIGIO, SIG_IGN);
	assert(mkdtemp(folder));
	attributes_are_those_of_the_file();
	the_path_is_told_as_it_is_now();
	a_change_of_any_kind_is_seen();
	a_writer_is_seen_by_descriptor_and_by_mapping();
	on_tmpfs_and_proc_nothing_is_kept();
	if (on_disk())
		where_an_answer_may_be_kept_follows_from_who_could_change_the_file();
	else
		fprintf(stderr, "no local disk below /tmp: what may be kept is not tried\n");
	remove_files();
	return 0;
}
