/* SPDX-License-Identifier: Apache-2.0 */
#undef NDEBUG
#include "sensor/mounts.h"
#include "sensor/test-stream.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

static char scratch[] = "/tmp/ringfort-modify-XXXXXX";

/* Return: descriptor of the written file, whose close is the event */
static int write_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, "x", 1) != 1)
		_exit(1);
	return fd;
}

static const struct ringfort_event *modified(const struct stream *s, const char *path)
{
	const struct ringfort_event *event = NULL;

	while ((event = stream_next(s, event, ringfort_type_file_modify, 0)))
		if (strcmp(ringfort_string(event, ringfort_as_file_modify(event)->file.path), path) == 0)
			return event;
	return NULL;
}

static void a_written_file_is_told_with_its_writer(void)
{
	const struct ringfort_event *event;
	const struct ringfort_file *file;
	char path[PATH_MAX];
	struct stream s;
	struct stat st, ns;
	pid_t pid;

	stream_open(&s, 0, 0, MASK(file_modify));
	snprintf(path, sizeof(path), "%s/one", scratch);
	pid = fork_child();
	if (pid == 0) {
		close(write_file(path));
		_exit(0);
	}
	assert(waitpid(pid, NULL, 0) == pid);
	stream_flush(&s);
	event = modified(&s, path);
	assert(event && event->process.pid == (uint32_t)pid && event->via == RINGFORT_VIA_KERNEL);
	assert(event->process.start_ns > 0 && event->process.ppid == (uint32_t)getpid());
	assert(strstr(ringfort_string(event, event->process.exe), "test-modify"));
	assert(strstr(ringfort_string(event, event->process.parent_exe), "test-modify"));
	file = &ringfort_as_file_modify(event)->file;
	assert(stat(path, &st) == 0 && stat("/proc/self/ns/mnt", &ns) == 0);
	assert(file->ino == st.st_ino && file->dev == ((uint64_t)major(st.st_dev) << 20 | minor(st.st_dev)));
	assert(file->mnt_ns == ns.st_ino && file->quality == RINGFORT_QUALITY_RESOLVED && file->flags == 0);
	stream_adds_up(&s);
	stream_close(&s);
}

static void our_own_writes_and_those_unsubscribed_are_not_told(void)
{
	char path[PATH_MAX];
	struct stream s;
	pid_t pid;

	stream_open(&s, 0, 0, MASK(file_modify));
	snprintf(path, sizeof(path), "%s/own", scratch);
	close(write_file(path));
	stream_flush(&s);
	assert(!modified(&s, path));
	assert(sensor_subscribe(s.sensor, 0) == 0);
	snprintf(path, sizeof(path), "%s/late", scratch);
	pid = fork_child();
	if (pid == 0) {
		close(write_file(path));
		_exit(0);
	}
	assert(waitpid(pid, NULL, 0) == pid);
	stream_flush(&s);
	assert(!modified(&s, path));
	stream_adds_up(&s);
	stream_close(&s);
}

static void a_file_that_is_gone_keeps_its_name(void)
{
	const struct ringfort_event *event;
	char path[PATH_MAX];
	struct stream s;
	pid_t pid;

	stream_open(&s, 0, 0, MASK(file_modify));
	snprintf(path, sizeof(path), "%s/gone", scratch);
	pid = fork_child();
	if (pid == 0) {
		int fd = write_file(path);

		unlink(path);
		close(fd);
		_exit(0);
	}
	assert(waitpid(pid, NULL, 0) == pid);
	stream_flush(&s);
	event = modified(&s, path);
	assert(event && ringfort_as_file_modify(event)->file.flags & 1u << RINGFORT_FILE_DELETED);
	stream_close(&s);
}

static void devices_pipes_and_terminals_are_no_files(void)
{
	const struct ringfort_event *event = NULL;
	char path[PATH_MAX];
	struct stream s;
	pid_t pid;

	stream_open(&s, 0, 0, MASK(file_modify));
	snprintf(path, sizeof(path), "%s/pipe", scratch);
	assert(mkfifo(path, 0600) == 0);
	pid = fork_child();
	if (pid == 0) {
		close(open("/dev/null", O_WRONLY | O_CLOEXEC));
		close(open(path, O_RDWR | O_CLOEXEC));
		_exit(0);
	}
	assert(waitpid(pid, NULL, 0) == pid);
	stream_flush(&s);
	while ((event = stream_next(&s, event, ringfort_type_file_modify, 0)))
		assert(event->process.pid != (uint32_t)pid);
	stream_close(&s);
}

/* ---- mounts, in a namespace of our own so that nothing of them can stay behind --------------- */

static void mount_at(const char *point, const char *type, const char *options)
{
	assert(mkdir(point, 0700) == 0 || errno == EEXIST);
	assert(mount(type, point, type, 0, options) == 0);
}

static void a_file_system_mounted_later_is_watched_and_one_never_kept_busy(void)
{
	char point[PATH_MAX], path[PATH_MAX + 8];
	struct stream s;
	pid_t pid;

	stream_open(&s, 0, 0, MASK(file_modify));
	snprintf(point, sizeof(point), "%s/mount", scratch);
	snprintf(path, sizeof(path), "%s/file", point);
	for (int i = 0; i < 20; i++) {
		stream_forget(&s);
		mount_at(point, "tmpfs", "size=1m");
		stream_run(&s, 120);
		pid = fork_child();
		if (pid == 0) {
			close(write_file(path));
			/* as "cp x /mnt; umount /mnt" does: the event still waits in the queue */
			_exit(i % 2 && umount(point) < 0);
		}
		stream_wait(&s, pid);
		stream_flush(&s);
		if (i % 2 == 0) {
			assert(modified(&s, path));
			assert(umount(point) == 0);
		}
	}
	stream_close(&s);
}

static void a_file_of_an_overlay_is_told(void)
{
	char point[256], path[PATH_MAX], options[PATH_MAX], base[256];
	const struct ringfort_event *event;
	struct stream s;
	pid_t pid;

	snprintf(base, sizeof(base), "%s/base", scratch);
	snprintf(point, sizeof(point), "%s/merged", scratch);
	snprintf(path, sizeof(path), "%s/file", point);
	mount_at(base, "tmpfs", "size=4m");
	for (int i = 0; i < 3; i++) {
		snprintf(options, sizeof(options), "%s/%c", base, "luw"[i]);
		assert(mkdir(options, 0700) == 0);
	}
	snprintf(options, sizeof(options), "lowerdir=%s/l,upperdir=%s/u,workdir=%s/w", base, base, base);
	assert(mkdir(point, 0700) == 0);
	if (mount("overlay", point, "overlay", 0, options) < 0) {
		printf("no overlay here: %s, not tried\n", strerror(errno));
		return;
	}
	stream_open(&s, 0, 0, MASK(file_modify));
	pid = fork_child();
	if (pid == 0) {
		close(write_file(path));
		_exit(0);
	}
	assert(waitpid(pid, NULL, 0) == pid);
	stream_flush(&s);
	event = modified(&s, path);
	assert(event && ringfort_as_file_modify(event)->file.ino > 0);
	stream_close(&s);
	assert(umount(point) == 0 && umount(base) == 0);
}

static void an_overflow_of_the_queue_is_told(void)
{
	struct probe_description description;
	char point[PATH_MAX];
	struct stream s;
	pid_t pid;

	snprintf(point, sizeof(point), "%s/many", scratch);
	mount_at(point, "tmpfs", "size=64m");
	stream_open(&s, 0, 0, MASK(file_modify));
	sensor_describe(s.sensor, ringfort_type_file_modify, &description);
	/* The probe's own hook has no queue but the ring that all share. */
	if (strncmp(description.hook, "fanotify", 8) != 0) {
		stream_close(&s);
		assert(umount(point) == 0);
		return;
	}
	s.mute = ~0ull;
	pid = fork_child();
	if (pid == 0) {
		assert(chdir(point) == 0);
		for (int i = 0; i < 20000; i++) {
			char name[16];

			snprintf(name, sizeof(name), "%d", i);
			close(write_file(name));
		}
		_exit(0);
	}
	assert(waitpid(pid, NULL, 0) == pid);
	/* What says so stands at the end of the queue. */
	for (int i = 0; i < 60 && s.n_lost[ringfort_type_file_modify] == 0; i++)
		stream_run(&s, 1000);
	/* At least one: while it is read, others on this machine may fill it again. */
	assert(s.n_lost[ringfort_type_file_modify] >= 1);
	assert(s.n_emitted[ringfort_type_file_modify] >= 10000);
	stream_adds_up(&s);
	stream_close(&s);
	assert(umount(point) == 0);
}

static bool watchable(const char *type, const char *options)
{
	const struct mount_line line = { .root = "/", .point = "/x", .type = type, .options = options };

	return mounts_watchable(&line);
}

static void only_local_file_systems_are_watched(void)
{
	char line[] = "36 35 98:5 /mnt1\\040x /mnt2\\011y rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n";
	char short_line[] = "36 35 98:5 /";
	struct mount_line parsed;

	assert(watchable("ext4", "rw") && watchable("tmpfs", "rw"));
	assert(!watchable("nfs4", "rw") && !watchable("fuse.sshfs", "rw") && !watchable("proc", "rw"));
	assert(!watchable("cgroup2", "rw") && !watchable("autofs", "rw") && !watchable("9p", "rw"));
	assert(watchable("overlay", "rw,lowerdir=/:/tmp,upperdir=/tmp,workdir=/tmp"));
	assert(!watchable("overlay", "rw,lowerdir=/proc,upperdir=/tmp"));
	assert(!watchable("overlay", "rw,lowerdir=/no/such/folder"));
	assert(mounts_parse(line, &parsed) == 0);
	assert(parsed.dev == (98ull << 20 | 5) && strcmp(parsed.root, "/mnt1 x") == 0);
	assert(strcmp(parsed.point, "/mnt2\ty") == 0 && strcmp(parsed.type, "ext3") == 0);
	assert(strcmp(parsed.options, "rw,errors=continue") == 0);
	assert(mounts_parse(short_line, &parsed) == -EBADMSG);
}

static void remove_scratch(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", scratch);
	assert(system(command) == 0);
}

int main(void)
{
	pid_t pid;
	int status;

	if (geteuid() != 0) {
		printf("skipped: needs root\n");
		return 77;
	}
	only_local_file_systems_are_watched();
	assert(mkdtemp(scratch));
	/* The outer process only cleans up, even when an assertion fails. */
	pid = fork_child();
	if (pid == 0) {
		assert(unshare(CLONE_NEWNS) == 0);
		assert(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
		a_written_file_is_told_with_its_writer();
		our_own_writes_and_those_unsubscribed_are_not_told();
		a_file_that_is_gone_keeps_its_name();
		devices_pipes_and_terminals_are_no_files();
		a_file_system_mounted_later_is_watched_and_one_never_kept_busy();
		a_file_of_an_overlay_is_told();
		an_overflow_of_the_queue_is_told();
		exit(0);
	}
	assert(waitpid(pid, &status, 0) == pid);
	remove_scratch();
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	return 1;
}
