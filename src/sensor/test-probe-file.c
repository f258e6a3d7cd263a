/* SPDX-License-Identifier: Apache-2.0 */
/* Test probe, file - opens, names that come and go, attributes: every field, against what was done. */
#undef NDEBUG
#include "sensor/test-probe-common.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#define OPENS (TYPE(file_open_write) | TYPE(file_create))

static void act_open(void *argument)
{
	struct open_how how = { .flags = O_RDWR | O_APPEND };

	close(open("new", O_WRONLY | O_CREAT | O_EXCL, 0640));
	close(open("new", O_RDONLY));
	close(open("new", O_RDWR | O_CREAT, 0640));
	close((int)syscall(SYS_open, in_scratch("new"), O_WRONLY | O_TRUNC));
	close((int)syscall(SYS_openat2, AT_FDCWD, "new", &how, sizeof(how)));
	close((int)syscall(SYS_creat, "new", 0600));
	close(open("new", O_RDONLY | O_TRUNC));
	close(open("read-only", O_RDONLY | O_CREAT, 0600));
	close(open("nowhere/new", O_WRONLY | O_CREAT, 0600));
	close(open("new", O_PATH | O_RDWR));
}

static void opens_for_writing_are_told_and_others_are_not(void **state)
{
	static const uint32_t flags[] = {
		O_WRONLY | O_CREAT | O_EXCL, O_RDWR | O_CREAT, O_WRONLY | O_TRUNC, O_RDWR | O_APPEND,
		O_WRONLY | O_CREAT | O_TRUNC, O_RDONLY | O_TRUNC,
	};
	pid_t pid = perform(OPENS, act_open, NULL);
	const struct ringfort_file_create *create;
	const struct ringfort_file_open_write *open_write;
	const struct probe_record *record;

	assert_int_equal(n_records(ringfort_type_file_open_write, pid), 6);
	for (unsigned int i = 0; i < 6; i++) {
		record = the_record(ringfort_type_file_open_write, pid, i);
		open_write = body_of(record);
		assert_actor(record, pid);
		assert_opened(record, &open_write->file, in_scratch("new"));
		assert_int_equal(open_write->open_flags, flags[i]);
	}
	assert_int_equal(n_records(ringfort_type_file_create, pid), 2);
	record = the_record(ringfort_type_file_create, pid, 0);
	create = body_of(record);
	assert_actor(record, pid);
	assert_opened(record, &create->file, in_scratch("new"));
	assert_int_equal(create->kind, RINGFORT_CREATE_REGULAR);
	assert_int_equal(create->mode, S_IFREG | 0640);
	assert_int_equal(create->target.offset, 0);
	record = the_record(ringfort_type_file_create, pid, 1);
	create = body_of(record);
	assert_opened(record, &create->file, in_scratch("read-only"));
}

static void only_what_is_subscribed_is_told(void **state)
{
	pid_t pid = perform(TYPE(file_create), act_open, NULL);

	/* Both files exist by now. */
	assert_int_equal(n_records(ringfort_type_file_create, pid), 0);
	assert_int_equal(n_records(ringfort_type_file_open_write, pid), 0);
	assert_int_equal(unlink("new"), 0);
	pid = perform(TYPE(file_create), act_open, NULL);
	assert_int_equal(n_records(ringfort_type_file_create, pid), 1);
	assert_int_equal(n_records(ringfort_type_file_open_write, pid), 0);
}

static void act_open_deep(void *argument)
{
	for (int i = 0; i < 70; i++)
		if (mkdir("d", 0700) < 0 || chdir("d") < 0)
			_exit(99);
	close(open("leaf", O_WRONLY | O_CREAT, 0600));
	for (int i = 0; i < 100; i++)
		if (mkdir("d", 0700) < 0 || chdir("d") < 0)
			_exit(99);
	close(open("leaf", O_WRONLY | O_CREAT, 0600));
}

static void deep_paths_are_whole_and_deeper_ones_are_said_to_be_cut(void **state)
{
	pid_t pid = perform(TYPE(file_open_write), act_open_deep, NULL);
	const struct probe_record *record = the_record(ringfort_type_file_open_write, pid, 0);
	const struct ringfort_file_open_write *open_write = body_of(record);
	const char *path = path_text(record, open_write->file.path, open_write->file.flags);

	assert_int_equal(last_status(), 0);
	assert_int_equal(open_write->file.flags, PROBE_FILE_REVERSED);
	assert_int_equal(strlen(path), strlen(scratch) + 2 * 70 + strlen("/leaf"));
	assert_memory_equal(path, scratch, strlen(scratch));
	record = the_record(ringfort_type_file_open_write, pid, 1);
	open_write = body_of(record);
	assert_int_equal(open_write->file.flags, PROBE_FILE_REVERSED | 1u << RINGFORT_FILE_TRUNCATED);
	path = path_text(record, open_write->file.path, open_write->file.flags);
	assert_string_equal(path + strlen(path) - 7, "/d/leaf");
}

static void *idle(void *argument)
{
	pause();
	return NULL;
}

static void act_open_link(void *argument)
{
	pthread_t id;

	if (symlink("new", "link") < 0)
		_exit(99);
	close(open("link", O_WRONLY));
	/* From here on the descriptors are shared, so that another could have changed them. */
	if (pthread_create(&id, NULL, idle, NULL) != 0)
		_exit(99);
	close(open("new", O_WRONLY));
	close(open("./new", O_WRONLY));
	close(open("link", O_WRONLY));
	close(open(".", O_TMPFILE | O_WRONLY, 0600));
}

static void an_open_that_may_have_been_exchanged_is_compared_with_its_call(void **state)
{
	pid_t pid = perform(TYPE(file_open_write), act_open_link, NULL);
	const struct ringfort_file_open_write *open_write;
	const struct probe_record *record;

	for (unsigned int i = 0; i < 3; i++) {
		record = the_record(ringfort_type_file_open_write, pid, i);
		open_write = body_of(record);
		assert_opened(record, &open_write->file, in_scratch("new"));
	}
	record = the_record(ringfort_type_file_open_write, pid, 3);
	open_write = body_of(record);
	assert_string_equal(path_text(record, open_write->file.path, open_write->file.flags),
			    in_scratch("link"));
	assert_int_equal(open_write->file.quality, RINGFORT_QUALITY_RACED);
	assert_int_equal(open_write->file.ino, 0);
	record = the_record(ringfort_type_file_open_write, pid, 4);
	open_write = body_of(record);
	assert_int_equal(open_write->file.quality, RINGFORT_QUALITY_RESOLVED);
	assert_int_equal(open_write->file.flags, PROBE_FILE_REVERSED | 1u << RINGFORT_FILE_DELETED);
}

static void act_open_elsewhere(void *argument)
{
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", scratch, "tmpfs", 0, NULL) < 0 || chdir(scratch) < 0)
		_exit(99);
	close(open("passwd", O_WRONLY | O_CREAT, 0600));
	unlink("passwd");
	if (chroot(".") < 0 || chdir("/") < 0 || mkdir("/etc", 0700) < 0 || mkdir("sub", 0700) < 0)
		_exit(99);
}

static void another_mount_namespace_and_a_chroot_are_seen_through(void **state)
{
	pid_t pid = perform(OPENS | TYPE(file_unlink), act_open_elsewhere, NULL);
	const struct probe_record *record = the_record(ringfort_type_file_open_write, pid, 0);
	const struct ringfort_file *file = &((const struct ringfort_file_open_write *)body_of(record))->file;

	assert_int_equal(last_status(), 0);
	assert_string_equal(path_text(record, file->path, file->flags), in_scratch("passwd"));
	assert_int_equal(file->flags, PROBE_FILE_REVERSED | 1u << RINGFORT_FILE_FOREIGN_NS);
	assert_int_equal(file->mnt_ns, record->mnt_ns);
	assert_int_not_equal(file->mnt_ns, own_mnt_ns);

	record = the_record(ringfort_type_file_unlink, pid, 0);
	file = &((const struct ringfort_file_unlink *)body_of(record))->file;
	assert_int_equal(file->flags, PROBE_FILE_RELATIVE | 1u << RINGFORT_FILE_FOREIGN_NS);
	assert_int_equal(file->mnt_ns, record->mnt_ns);

	record = the_record(ringfort_type_file_create, pid, 1);
	file = &((const struct ringfort_file_create *)body_of(record))->file;
	assert_string_equal(path_text(record, file->path, file->flags), in_scratch("etc"));
	record = the_record(ringfort_type_file_create, pid, 2);
	file = &((const struct ringfort_file_create *)body_of(record))->file;
	assert_string_equal(path_text(record, file->path, file->flags), in_scratch("sub"));
}

static void act_create(void *argument)
{
	int folder = open("/tmp", O_PATH | O_DIRECTORY);

	if (mkdir("folder", 0750) < 0 || mkdirat(folder, in_scratch("folder2") + strlen("/tmp/"), 0700) < 0 ||
	    mknod("fifo", S_IFIFO | 0600, 0) < 0 || mknod("file", S_IFREG | 0600, 0) < 0 ||
	    symlink("where/ever", "symlink") < 0 || link("file", "hard") < 0 ||
	    linkat(folder, in_scratch("file"), AT_FDCWD, "hard2", 0) < 0 || mkdir("folder", 0700) == 0)
		_exit(99);
}

static void assert_created(pid_t pid, unsigned int index, const char *name, uint32_t kind,
			   uint32_t mode, const char *target)
{
	const struct probe_record *record = the_record(ringfort_type_file_create, pid, index);
	const struct ringfort_file_create *create = body_of(record);

	assert_actor(record, pid);
	assert_called(record, &create->file, in_scratch(name));
	assert_int_equal(create->kind, kind);
	assert_int_equal(create->mode, mode);
	assert_string_equal(text(record, create->target), target);
}

static void names_that_are_created_are_told(void **state)
{
	pid_t pid = perform(TYPE(file_create), act_create, NULL);
	char file[128];

	strcpy(file, in_scratch("file"));
	assert_int_equal(last_status(), 0);
	assert_int_equal(n_records(ringfort_type_file_create, pid), 7);
	assert_created(pid, 0, "folder", RINGFORT_CREATE_DIRECTORY, 0750, "");
	assert_created(pid, 1, "folder2", RINGFORT_CREATE_DIRECTORY, 0700, "");
	assert_created(pid, 2, "fifo", RINGFORT_CREATE_NODE, S_IFIFO | 0600, "");
	assert_created(pid, 3, "file", RINGFORT_CREATE_REGULAR, S_IFREG | 0600, "");
	assert_created(pid, 4, "symlink", RINGFORT_CREATE_SYMLINK, 0, "where/ever");
	assert_created(pid, 5, "hard", RINGFORT_CREATE_HARDLINK, 0, "file");
	assert_created(pid, 6, "hard2", RINGFORT_CREATE_HARDLINK, 0, file);
}

static void act_rename(void *argument)
{
	int folder = open("folder", O_PATH | O_DIRECTORY);

	if (rename("hard", "moved") < 0 || renameat(AT_FDCWD, "moved", folder, "moved") < 0 ||
	    syscall(SYS_renameat2, folder, "moved", AT_FDCWD, in_scratch("back"), 1u) < 0 ||
	    rename("nothing", "moved") == 0)
		_exit(99);
}

static void assert_renamed(pid_t pid, unsigned int index, const char *from, const char *to, uint32_t flags)
{
	const struct probe_record *record = the_record(ringfort_type_file_rename, pid, index);
	const struct ringfort_file_rename *body = body_of(record);

	assert_actor(record, pid);
	assert_called(record, &body->from, in_scratch(from));
	assert_called(record, &body->to, in_scratch(to));
	assert_int_equal(body->rename_flags, flags);
}

static void renames_are_told_with_both_names(void **state)
{
	pid_t pid = perform(TYPE(file_rename), act_rename, NULL);

	assert_int_equal(last_status(), 0);
	assert_int_equal(n_records(ringfort_type_file_rename, pid), 3);
	assert_renamed(pid, 0, "hard", "moved", 0);
	assert_renamed(pid, 1, "moved", "folder/moved", 0);
	assert_renamed(pid, 2, "folder/moved", "back", 1);
}

static void act_unlink(void *argument)
{
	int folder = open(".", O_PATH | O_DIRECTORY);

	if (unlink("back") < 0 || unlinkat(folder, "hard2", 0) < 0 || rmdir("folder2") < 0 ||
	    unlinkat(AT_FDCWD, in_scratch("folder"), AT_REMOVEDIR) < 0 || unlink("nothing") == 0)
		_exit(99);
}

static void removed_names_are_told(void **state)
{
	static const char *const names[] = { "back", "hard2", "folder2", "folder" };
	pid_t pid = perform(TYPE(file_unlink), act_unlink, NULL);

	assert_int_equal(last_status(), 0);
	assert_int_equal(n_records(ringfort_type_file_unlink, pid), 4);
	for (unsigned int i = 0; i < 4; i++) {
		const struct probe_record *record = the_record(ringfort_type_file_unlink, pid, i);
		const struct ringfort_file_unlink *body = body_of(record);

		assert_actor(record, pid);
		assert_called(record, &body->file, in_scratch(names[i]));
		assert_int_equal(body->directory, i >= 2);
	}
}

static void act_attr(void *argument)
{
	struct vfs_cap_data capability = { .magic_etc = VFS_CAP_REVISION_2, .data = { { 1 << 13, 0 } } };
	int fd = open("file", O_RDONLY);

	if (chmod("file", 04711) < 0 || fchmod(fd, 0600) < 0 ||
	    syscall(SYS_fchmodat, AT_FDCWD, "file", 02755) < 0 || chown("file", 1, 2) < 0 ||
	    fchown(fd, (uid_t)-1, 3) < 0 || lchown("symlink", 4, (gid_t)-1) < 0 ||
	    fchownat(fd, "", 5, 6, AT_EMPTY_PATH) < 0 ||
	    setxattr("file", "security.capability", &capability, XATTR_CAPS_SZ_2, 0) < 0 ||
	    fsetxattr(fd, "security.capability", &capability, XATTR_CAPS_SZ_2, 0) < 0 ||
	    chmod("nothing", 0600) == 0)
		_exit(99);
	setxattr("file", "user.other", "x", 1, 0);
}

static void attributes_that_are_set_are_told(void **state)
{
	static const struct {
		const char *name;
		bool open;
		uint32_t what, mode, uid, gid;
	} expected[] = {
		{ "file", false, RINGFORT_ATTR_MODE, 04711, UINT32_MAX, UINT32_MAX },
		{ "file", true, RINGFORT_ATTR_MODE, 0600, UINT32_MAX, UINT32_MAX },
		{ "file", false, RINGFORT_ATTR_MODE, 02755, UINT32_MAX, UINT32_MAX },
		{ "file", false, RINGFORT_ATTR_OWNER, 0, 1, 2 },
		{ "file", true, RINGFORT_ATTR_OWNER, 0, UINT32_MAX, 3 },
		{ "symlink", false, RINGFORT_ATTR_OWNER, 0, 4, UINT32_MAX },
		{ "file", true, RINGFORT_ATTR_OWNER, 0, 5, 6 },
		{ "file", false, RINGFORT_ATTR_CAPABILITIES, 0, UINT32_MAX, UINT32_MAX },
		{ "file", true, RINGFORT_ATTR_CAPABILITIES, 0, UINT32_MAX, UINT32_MAX },
	};
	pid_t pid = perform(TYPE(file_attr), act_attr, NULL);

	assert_int_equal(last_status(), 0);
	assert_int_equal(n_records(ringfort_type_file_attr, pid), 9);
	for (unsigned int i = 0; i < 9; i++) {
		const struct probe_record *record = the_record(ringfort_type_file_attr, pid, i);
		const struct ringfort_file_attr *body = body_of(record);

		assert_actor(record, pid);
		if (expected[i].open)
			assert_opened(record, &body->file, in_scratch(expected[i].name));
		else
			assert_called(record, &body->file, in_scratch(expected[i].name));
		assert_int_equal(body->what, expected[i].what);
		assert_int_equal(body->mode, expected[i].mode);
		assert_int_equal(body->new_uid, expected[i].uid);
		assert_int_equal(body->new_gid, expected[i].gid);
	}
}

/* By int $0x80 a program of 64 bits reaches the 32-bit table; its pointers must fit there. */
static long call32(long number, long a, long b, long c)
{
	long result;

	__asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory");
	return result;
}

static void act_compat(void *argument)
{
	char *low = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	strcpy(low, "compat");
	if (call32(5, (long)low, O_WRONLY | O_CREAT, 0600) < 0 || call32(182, (long)low, 7, 0xffff) < 0)
		_exit(99);
}

static void calls_of_the_32_bit_table_are_told(void **state)
{
	pid_t pid = perform(OPENS | TYPE(file_attr), act_compat, NULL);
	const struct ringfort_file_open_write *open_write;
	const struct ringfort_file_attr *attr;
	const struct probe_record *record;

	if (WIFSIGNALED(last_status()) || WEXITSTATUS(last_status()) == 99)
		skip();
	record = the_record(ringfort_type_file_open_write, pid, 0);
	open_write = body_of(record);
	assert_opened(record, &open_write->file, in_scratch("compat"));
	assert_int_equal(open_write->open_flags, O_WRONLY | O_CREAT);
	record = the_record(ringfort_type_file_attr, pid, 0);
	attr = body_of(record);
	assert_int_equal(attr->new_uid, 7);
	assert_int_equal(attr->new_gid, UINT32_MAX);
}

static void act_modify(void *argument)
{
	int fd = open("new", O_WRONLY), other = dup(fd);

	if (write(fd, "x", 1) != 1)
		_exit(99);
	close(fd);
	close(other);
	close(open("new", O_RDONLY));
	/* The exit closes this one. */
	if (open("new", O_RDWR) < 0)
		_exit(99);
}

static void a_file_that_was_open_for_writing_is_told_when_it_is_closed(void **state)
{
	struct probe_description description;
	pid_t pid = perform(TYPE(file_modify), act_modify, NULL);

	probe_describe(probe, ringfort_type_file_modify, &description);
	if (description.level == PROBE_UNAVAILABLE) {
		printf("# %s\n", description.why);
		skip();
	}
	assert_int_equal(n_records(ringfort_type_file_modify, pid), 2);
	for (unsigned int i = 0; i < 2; i++) {
		const struct probe_record *record = the_record(ringfort_type_file_modify, pid, i);
		const struct ringfort_file_modify *body = body_of(record);

		assert_actor(record, pid);
		assert_int_equal(record->via, RINGFORT_VIA_KERNEL);
		assert_opened(record, &body->file, in_scratch("new"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opens_for_writing_are_told_and_others_are_not),
		cmocka_unit_test(only_what_is_subscribed_is_told),
		cmocka_unit_test(deep_paths_are_whole_and_deeper_ones_are_said_to_be_cut),
		cmocka_unit_test(an_open_that_may_have_been_exchanged_is_compared_with_its_call),
		cmocka_unit_test(another_mount_namespace_and_a_chroot_are_seen_through),
		cmocka_unit_test(names_that_are_created_are_told),
		cmocka_unit_test(renames_are_told_with_both_names),
		cmocka_unit_test(removed_names_are_told),
		cmocka_unit_test(attributes_that_are_set_are_told),
		cmocka_unit_test(calls_of_the_32_bit_table_are_told),
		cmocka_unit_test(a_file_that_was_open_for_writing_is_told_when_it_is_closed),
	};

	probe_skip_unless_loadable();
	umask(0);
	return cmocka_run_group_tests(tests, NULL, probe_teardown);
}
