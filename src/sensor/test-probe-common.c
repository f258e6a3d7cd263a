/* SPDX-License-Identifier: Apache-2.0 */
/* Test probe, common - do an act in a child and look at the records that it caused. */
#undef NDEBUG
#include "sensor/test-probe-common.h"

#include "base/cleanup.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>

struct probe *probe;
char scratch[64];
uint32_t own_mnt_ns;

static struct probe_record **records;
static size_t n_kept;
static int status;

static void on_log(void *userdata, const char *message)
{
	fprintf(stderr, "# %s\n", message);
}

void probe_skip_unless_loadable(void)
{
	static const char *const env[] = { "PATH", "LD_*", "RINGFORT_TEST" };
	struct probe_options options = {
		.rare_bytes = 1 << 20, .bulk_bytes = 4 << 20, .env = env, .n_env = 3, .log = on_log,
	};
	struct stat ns;
	int r;

	assert(stat("/proc/self/ns/mnt", &ns) == 0);
	own_mnt_ns = (uint32_t)ns.st_ino;
	options.host_mnt_ns = own_mnt_ns;
	r = probe_new(&probe, &options);
	if (r < 0) {
		printf("skipped: the probe cannot be loaded here: %s\n", strerror(-r));
		exit(77);
	}
	strcpy(scratch, "/tmp/ringfort-probe-XXXXXX");
	assert(mkdtemp(scratch));
	assert(chdir(scratch) == 0);
}

static int remove_entry(const char *path, const struct stat *entry, int kind, struct FTW *ftw)
{
	return remove(path);
}

static void forget_records(void)
{
	while (n_kept > 0)
		free(records[--n_kept]);
}

int probe_teardown(void **state)
{
	forget_records();
	free(records);
	probe = probe_free(probe);
	assert(chdir("/") == 0);
	return nftw(scratch, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void collect(void)
{
	const struct probe_record *record;
	uint64_t until_ns = now_ns(), last_ns = 0;

	forget_records();
	while (probe_peek(probe, until_ns, &record) == 1) {
		assert(record->monotonic_ns >= last_ns && record->monotonic_ns <= until_ns);
		last_ns = record->monotonic_ns;
		records = realloc(records, (n_kept + 1) * sizeof(*records));
		assert(records);
		records[n_kept] = malloc(record->size);
		assert(records[n_kept]);
		memcpy(records[n_kept++], record, record->size);
		probe_release(probe);
	}
}

pid_t perform(uint64_t types, void (*act)(void *argument), void *argument)
{
	pid_t pid;

	assert(probe_attach(probe, types) == 0);
	collect();
	fflush(NULL);
	pid = fork();
	assert(pid >= 0);
	if (pid == 0) {
		act(argument);
		_exit(0);
	}
	assert(waitpid(pid, &status, 0) == pid);
	collect();
	return pid;
}

int last_status(void)
{
	return status;
}

unsigned int n_records(uint32_t type, pid_t pid)
{
	unsigned int n = 0;

	for (size_t i = 0; i < n_kept; i++)
		n += records[i]->type == type && (pid == 0 || records[i]->pid == (uint32_t)pid);
	return n;
}

const struct probe_record *the_record(uint32_t type, pid_t pid, unsigned int index)
{
	for (size_t i = 0; i < n_kept; i++)
		if (records[i]->type == type && records[i]->pid == (uint32_t)pid && index-- == 0)
			return records[i];
	fail_msg("no record %u of type %u by process %d", index, type, pid);
	return NULL;
}

const char *text(const struct probe_record *record, struct ringfort_span span)
{
	const char *bytes = (const char *)record + span.offset;

	if (span.offset == 0)
		return "";
	assert_in_range(span.offset, sizeof(*record), record->size - 1);
	assert_in_range(span.length, 0, record->size - span.offset - 1);
	assert_int_equal(bytes[span.length], '\0');
	return bytes;
}

/* Put the names of a walked path before what stands in out already. */
static const char *turn(const char *bytes, size_t length, char *out)
{
	size_t at = 0;

	while (at < length && bytes[at] != '\0') {
		size_t n = strlen(bytes + at);

		memmove(out + n + 1, out, strlen(out) + 1);
		memcpy(out + 1, bytes + at, n);
		out[0] = '/';
		at += n + 1;
	}
	return bytes + at;
}

const char *path_text(const struct probe_record *record, struct ringfort_span span, uint32_t flags)
{
	static char out[2 * 4096];
	const char *bytes = text(record, span), *call;

	out[0] = '\0';
	if (flags & PROBE_FILE_RELATIVE) {
		call = turn(bytes, span.length, out);
		snprintf(out + strlen(out), 4096, "/%s", call + 1);
	} else if (flags & PROBE_FILE_REVERSED) {
		turn(bytes, span.length + 1, out);
	} else {
		snprintf(out, sizeof(out), "%s", bytes);
	}
	return out;
}

const char *in_scratch(const char *name)
{
	static char path[4096];

	snprintf(path, sizeof(path), "%s/%s", scratch, name);
	return path;
}

uint64_t start_ticks(uint64_t start_ns)
{
	return start_ns / (1000000000u / (uint64_t)sysconf(_SC_CLK_TCK));
}

/* Field 22 of /proc/self/stat, and field 7, in the encoding that user space knows. */
static void own_stat(unsigned long long *ret_start, unsigned int *ret_tty)
{
	_cleanup_(fclosep) FILE *file = fopen("/proc/self/stat", "re");
	char line[1024];

	assert(file && fgets(line, sizeof(line), file));
	assert(sscanf(strrchr(line, ')'),
		      ") %*c %*d %*d %*d %u %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
		      ret_tty, ret_start) == 2);
}

static uint32_t own_number(const char *path)
{
	_cleanup_(fclosep) FILE *file = fopen(path, "re");
	unsigned int number;

	assert(file && fscanf(file, "%u", &number) == 1);
	return number;
}

/* The id of a cgroup is the inode of its folder; 0 when no v2 hierarchy is to be found. */
static uint64_t own_cgroup(void)
{
	static const char *const mounts[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
	_cleanup_(fclosep) FILE *file = fopen("/proc/self/cgroup", "re");
	char line[1024], path[1200], controllers[1300];
	struct stat folder;

	while (file && fgets(line, sizeof(line), file)) {
		if (strncmp(line, "0::", 3) != 0)
			continue;
		line[strcspn(line, "\n")] = '\0';
		for (size_t i = 0; i < 2; i++) {
			snprintf(path, sizeof(path), "%s%s", mounts[i], line + 3);
			snprintf(controllers, sizeof(controllers), "%s/cgroup.controllers", path);
			if (access(controllers, F_OK) == 0 && stat(path, &folder) == 0)
				return folder.st_ino;
		}
	}
	return 0;
}

void assert_actor(const struct probe_record *record, pid_t pid)
{
	unsigned long long start;
	unsigned int tty;

	own_stat(&start, &tty);
	assert_in_range(record->via, RINGFORT_VIA_SYSCALL, RINGFORT_VIA_KERNEL);
	assert_true(record->also == 0 || (record->also == PROBE_RECORD_OPENED && record->type == ringfort_type_file_create));
	assert_in_range(record->n, 1, UINT64_MAX);
	assert_in_range(record->cpu, 0, probe_n_cpus(probe) - 1);
	assert_int_equal(record->pid, pid);
	assert_int_equal(record->tid, pid);
	assert_int_equal(record->ppid, getpid());
	assert_int_equal(start_ticks(record->parent_start_ns), start);
	assert_in_range(record->start_ns, record->parent_start_ns, UINT64_MAX);
	assert_int_equal(record->uid, getuid());
	assert_int_equal(record->gid, getgid());
	assert_int_equal(record->euid, geteuid());
	assert_int_equal(record->egid, getegid());
	assert_int_equal(record->loginuid, own_number("/proc/self/loginuid"));
	assert_int_equal(record->session, own_number("/proc/self/sessionid"));
	assert_int_equal(record->tty, (tty >> 8 & 0xfff) << 20 | (tty & 0xff) | (tty >> 12 & 0xfff00));
	/* What is closed by the end of a process comes after its namespaces. */
	if (record->via != RINGFORT_VIA_KERNEL || record->mnt_ns != 0)
		assert_int_equal(record->mnt_ns, own_mnt_ns);
	if (own_cgroup())
		assert_int_equal(record->cgroup_id, own_cgroup());
}

void assert_opened(const struct probe_record *record, const struct ringfort_file *file,
		   const char *path)
{
	struct stat is;

	assert_string_equal(path_text(record, file->path, file->flags), path);
	assert_int_equal(file->quality, RINGFORT_QUALITY_RESOLVED);
	assert_int_equal(file->flags, PROBE_FILE_REVERSED);
	assert_int_equal(stat(path, &is), 0);
	assert_int_equal(file->ino, is.st_ino);
	assert_int_equal(file->dev, (uint64_t)major(is.st_dev) << 20 | minor(is.st_dev));
	assert_int_equal(file->mnt_ns, own_mnt_ns);
}

void assert_called(const struct probe_record *record, const struct ringfort_file *file,
		   const char *path)
{
	assert_string_equal(path_text(record, file->path, file->flags), path);
	assert_int_equal(file->quality, RINGFORT_QUALITY_CALLER);
	assert_int_equal(file->flags & ~PROBE_FILE_RELATIVE, 0);
	assert_int_equal(file->ino, 0);
	assert_int_equal(file->dev, 0);
	assert_int_equal(file->mnt_ns, own_mnt_ns);
}

void write_file(const char *name, const void *bytes, size_t n, unsigned int mode)
{
	int fd = open(in_scratch(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert(fd >= 0);
	assert(write(fd, bytes, n) == (ssize_t)n);
	assert(fchmod(fd, mode) == 0);
	close(fd);
}
