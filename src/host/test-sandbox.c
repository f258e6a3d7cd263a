/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Test-sandbox - real foreign processes that try to get out, and the host that must not notice.
 *
 * Usage: test-sandbox PAYLOAD (the program test-payload).  Needs root.  The cases run in a child, so
 * that the parent can remove its cgroups whatever becomes of it.
 */
#undef NDEBUG
#include "base/fs.h"
#include "host/chroot.h"
#include "host/cgroup.h"
#include "host/throwaway.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define UID 1999990001u
#define NEIGHBOUR_UID 1999990002u

static const char *payload;      /* on the host */
static char instance[33];
static char content[] = "/tmp/ringfort-test-XXXXXX";
static char own_pid[16];
static char neighbour_pid[16];
static struct cgroup_tree *tree;
static struct spawned neighbour = { .pidfd = -1, .output = -1 };

static const struct cgroup_limits limits = { .memory_mb = 48, .pids = 12, .cpu_percent = 60 };

/* ---- helpers -------------------------------------------------------------------------------- */

static struct spawn_bind binds[2];

static struct spawn_options options_for(const char *const *arguments)
{
	binds[0] = (struct spawn_bind){ payload, "/solution/payload", true };
	binds[1] = (struct spawn_bind){ content, "/content/0", false };
	return (struct spawn_options){
		.executable = "/solution/payload",
		.arguments = arguments,
		.binds = binds,
		.n_binds = 2,
		.uid = UID,
		.memory_mb = 48,
		.n_pids = 12,
		.n_files = 64,
	};
}

/* The case that runs: ended after each test, however that went. */
static struct throwaway run = { .spawned = { .pidfd = -1, .output = -1 } };

static int end_run(void **state)
{
	throwaway_done(&run);
	run = THROWAWAY_NONE;
	return 0;
}

static void run_options(const struct spawn_options *options, unsigned int timeout_ms)
{
	const char *step = "";
	int r;

	end_run(NULL);
	r = throwaway_start(&run, tree, "case", &limits, options, timeout_ms, 8192, &step);
	if (r < 0)
		fail_msg("%s: %s", step, strerror(-r));
	assert_int_equal(throwaway_wait(&run), 0);
}

static void run_act(const char *act, const char *argument)
{
	const char *const arguments[] = { "payload", act, argument, NULL };
	struct spawn_options options = options_for(arguments);

	run_options(&options, 10000);
}

static int count_descriptors(void)
{
	int n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void read_mounts(char *text, size_t size)
{
	assert_true(fs_read_at(AT_FDCWD, "/proc/self/mountinfo", text, size) > 0);
}

/* The value of "Key:\tvalue" in /proc/PID/status. */
static void status_line(pid_t pid, const char *key, char *value, size_t size)
{
	char path[64], text[8192], *at;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	assert_true(fs_read_at(AT_FDCWD, path, text, sizeof(text)) > 0);
	at = strstr(text, key);
	assert_non_null(at);
	at += strlen(key) + 1;
	at += strspn(at, "\t ");
	snprintf(value, size, "%.*s", (int)strcspn(at, "\n"), at);
}

static void await_output(struct spawned *spawned, char *text, size_t size)
{
	struct pollfd fd = { .fd = spawned->output, .events = POLLIN };
	ssize_t n;

	assert_int_equal(poll(&fd, 1, 5000), 1);
	n = read(spawned->output, text, size - 1);
	assert_true(n >= 0);
	text[n] = '\0';
}

/* ---- one forbidden thing per case ----------------------------------------------------------- */

struct attempt {
	const char *name;
	const char *act;
	const char *argument;
	const char *output; /* without its newline; NULL: any */
	int signal;         /* that it dies of */
};

static struct attempt attempts[] = {
	{ "the shadow file is not there", "read", "/etc/shadow", "ENOENT", 0 },
	{ "the processes of the host are not there", "read", "/proc/1/status", "ENOENT", 0 },
	{ "sysfs is not there", "list", "/sys", "ENOENT", 0 },
	{ "its root holds what was given and nothing else", "list", "/etc", "ld.so.cache ", 0 },
	{ "the only device is null", "list", "/dev", "null ", 0 },
	{ "null can be written", "write", "/dev/null", "ok", 0 },
	{ "content can be read", "read", "/content/0/rule", "a rule", 0 },
	{ "content cannot be written", "write", "/content/0/rule", "EACCES", 0 },
	{ "content cannot be added", "write", "/content/0/new", "EROFS", 0 },
	{ "the package cannot be written", "write", "/solution/payload", "EACCES", 0 },
	{ "the root cannot be written", "write", "/new", "EROFS", 0 },
	{ "modes cannot be changed", "chmod", "/content/0/rule", "EPERM", 0 },
	{ "no socket of the network can be opened", "socket", "2", "EPERM", 0 },
	{ "no socket of this host can be opened, abstract or not", "socket", "1", "EPERM", 0 },
	{ "no netlink socket can be opened", "socket", "16", "EPERM", 0 },
	{ "no pair of sockets can be made", "socketpair", NULL, "EPERM", 0 },
	{ "the daemon cannot be traced", "ptrace", own_pid, "", SIGSYS },
	{ "the neighbour cannot be traced", "ptrace", neighbour_pid, "", SIGSYS },
	{ "the daemon cannot be killed", "kill", own_pid, "ESRCH", 0 },
	{ "the neighbour cannot be killed", "kill", neighbour_pid, "ESRCH", 0 },
	{ "everybody cannot be killed", "kill-all", NULL, "ESRCH", 0 },
	{ "mount kills it", "mount", NULL, "", SIGSYS },
	{ "unshare kills it", "unshare", NULL, "", SIGSYS },
	{ "no namespace comes by clone", "clone-user", NULL, "EPERM", 0 },
	{ "it cannot become root", "setuid", NULL, "EPERM", 0 },
	{ "io_uring_setup kills it", "io_uring_setup", NULL, "", SIGSYS },
	{ "bpf kills it", "bpf", NULL, "", SIGSYS },
	{ "userfaultfd kills it", "userfaultfd", NULL, "", SIGSYS },
	{ "perf_event_open kills it", "perf_event_open", NULL, "", SIGSYS },
	{ "finit_module kills it", "finit_module", NULL, "", SIGSYS },
	{ "kexec_load kills it", "kexec_load", NULL, "", SIGSYS },
	{ "no memfd can be made", "memfd_create", NULL, "EPERM", 0 },
	{ "no key can be reached", "keyctl", NULL, "", SIGSYS },
#ifdef __x86_64__
	{ "calls by another architecture's numbers kill it", "x32", NULL, "", SIGSYS },
#endif
	{ "a shell cannot be executed", "exec", "/bin/sh", "EPERM", 0 },
	{ "it cannot execute itself by path", "exec", "/solution/payload", "EPERM", 0 },
	{ "it cannot execute itself by descriptor", "exec-fd", "/solution/payload", "EPERM", 0 },
	{ "the address that started it is gone for good", "exec-again", NULL, "page EPERM EFAULT", 0 },
	{ "no memory is writable and executable", "map-wx", NULL, "EPERM", 0 },
	{ "no anonymous memory is executable", "map-x", NULL, "EPERM", 0 },
	{ "no memory becomes executable", "protect-x", NULL, "EPERM", 0 },
	{ "content cannot be mapped executable", "map-file-x", "/content/0/rule", "EPERM", 0 },
	{ "its program can be mapped executable", "map-file-x", "/solution/payload", "ok", 0 },
	{ "a thread can be started", "thread", NULL, "ok", 0 },
	{ "memory below the limit can be had", "allocate", "24", "ok", 0 },
	{ "descriptors end at the limit", "open-bomb", NULL, "64 EMFILE", 0 },
};

static void an_attempt_ends_as_designed(void **state)
{
	const struct attempt *attempt = *state;

	run_act(attempt->act, attempt->argument);
	run.output[strcspn(run.output, "\n")] = '\0';
	assert_int_equal(run.exit.signal, attempt->signal);
	assert_string_equal(run.output, attempt->output);
	assert_false(run.timed_out);
}

/* ---- cases of their own --------------------------------------------------------------------- */

static void it_is_nobody_it_talks_and_its_status_is_told(void **state)
{
	run_act("hello", NULL);
	assert_non_null(strstr(run.output, "hello from pid 1 uid 1999990001 gid 1999990001 groups 0\n"));
	assert_non_null(strstr(run.output, "to stderr\n"));
	assert_int_equal(run.exit.signal, 0);
	assert_int_equal(run.exit.code, 42);
	assert_false(throwaway_succeeded(&run));
}

static void its_environment_is_what_was_given(void **state)
{
	const char *const arguments[] = { "payload", "environment", NULL };
	const char *const environment[] = { "A=b", "RINGFORT_CHANNEL=1", NULL };
	struct spawn_options options = options_for(arguments);

	setenv("SECRET", "of the daemon", 1);
	run_options(&options, 5000);
	assert_string_equal(run.output, "");
	options.environment = environment;
	run_options(&options, 5000);
	assert_string_equal(run.output, "A=b\nRINGFORT_CHANNEL=1\n");
}

static void it_inherits_the_given_descriptors_and_no_other(void **state)
{
	const char *const arguments[] = { "payload", "descriptors", NULL };
	struct spawn_options options = options_for(arguments);
	struct spawn_fd fds[2];
	int leaked, high, pair[2];

	/* One that is not close-on-exec, two whose numbers are each other's targets. */
	leaked = open("/etc/passwd", O_RDONLY);
	high = fcntl(leaked, F_DUPFD, 500);
	assert_true(leaked >= 0 && high >= 500 && pipe(pair) == 0);
	fds[0] = (struct spawn_fd){ pair[0], 10 };
	fds[1] = (struct spawn_fd){ pair[1], 5 };
	options.fds = fds;
	options.n_fds = 2;
	run_options(&options, 5000);
	assert_string_equal(run.output, "0 1 2 5 10 \n");

	assert_true(dup2(pair[0], 30) == 30 && dup2(pair[1], 31) == 31);
	fds[0] = (struct spawn_fd){ 30, 31 };
	fds[1] = (struct spawn_fd){ 31, 30 };
	run_options(&options, 5000);
	assert_string_equal(run.output, "0 1 2 30 31 \n");
	close(30);
	close(31);
	close(pair[0]);
	close(pair[1]);
	close(leaked);
	close(high);
}

static void seven_descriptors_fit_into_the_smallest_limit(void **state)
{
	const char *const arguments[] = { "payload", "descriptors", NULL };
	struct spawn_options options = options_for(arguments);
	struct spawn_fd fds[7];
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	assert_true(null >= 0);
	for (int i = 0; i < 7; i++)
		fds[i] = (struct spawn_fd){ null, 3 + i };
	options.fds = fds;
	options.n_fds = 7;
	options.n_files = 16;
	run_options(&options, 5000);
	assert_string_equal(run.output, "0 1 2 3 4 5 6 7 8 9 \n");
	close(null);
}

static void run_with_memfd(const char *act, const char *output)
{
	const char *const arguments[] = { "payload", act, NULL };
	struct spawn_options options = options_for(arguments);
	struct spawn_fd fd = { .target = 3 };

	fd.fd = memfd_create("ring", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_true(fd.fd >= 0 && ftruncate(fd.fd, 4096) == 0);
	options.fds = &fd;
	options.n_fds = 1;
	run_options(&options, 5000);
	assert_string_equal(run.output, output);
	close(fd.fd);
}

static void what_it_inherited_it_cannot_lock_seal_or_punch(void **state)
{
	run_with_memfd("punch", "EPERM\n");
	run_with_memfd("flock", "EPERM\n");
	run_with_memfd("seal", "EPERM\n");
}

/* A file that the solution owns, with every permission, so that nothing but the sandbox says no. */
static int open_file_to_pass(void)
{
	char path[] = "/tmp/ringfort-passed-XXXXXX";
	int writer = mkstemp(path), fd;

	assert_true(writer >= 0 && write(writer, "passed", 6) == 6);
	assert_int_equal(fchown(writer, UID, UID), 0);
	assert_int_equal(fchmod(writer, 0777), 0);
	close(writer);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	unlink(path);
	return fd;
}

static void send_fd(int socket, int fd)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec part = { "x", 1 };
	struct msghdr packet = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *rights = CMSG_FIRSTHDR(&packet);

	rights->cmsg_level = SOL_SOCKET;
	rights->cmsg_type = SCM_RIGHTS;
	rights->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(rights), &fd, sizeof(fd));
	assert_int_equal(sendmsg(socket, &packet, 0), 1);
}

static void a_file_that_was_passed_to_it_can_be_read_and_nothing_else(void **state)
{
	const char *const arguments[] = { "payload", "passed", NULL };
	struct spawn_options options = options_for(arguments);
	struct spawn_fd fd = { .target = 3 };
	int pair[2], file = open_file_to_pass();

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	send_fd(pair[0], file);
	fd.fd = pair[1];
	options.fds = &fd;
	options.n_fds = 1;
	run_options(&options, 10000);
	close(pair[0]);
	close(pair[1]);
	close(file);
	assert_string_equal(run.output, "read ok\n"
					"pread ok\n"
					"fstat ok\n"
					"map ok\n"
					"map-writable EACCES\n"
					"map-and-protect EACCES\n"
					"write EBADF\n"
					"pwrite EPERM\n"
					"ftruncate EPERM\n"
					"fallocate EPERM\n"
					"fchmod EPERM\n"
					"fchown EPERM\n"
					"futimens EPERM\n"
					"fsetxattr EPERM\n"
					"flock EPERM\n"
					"lock EPERM\n"
					"lock-wait EPERM\n"
					"ofd-lock EPERM\n"
					"lease EPERM\n"
					"notify EPERM\n"
					"owner EPERM\n"
					"ioctl EPERM\n"
					"ioctl-size EPERM\n"
					"execveat EPERM\n"
					"fexecve EPERM\n"
					"reopen ENOENT\n"
					"link EPERM\n"
					"sendfile EPERM\n"
					"send EPERM\n");
}

static const char *const namespaces[] = { "user", "mnt", "pid", "net", "ipc", "uts", "cgroup", "time" };

/* 1 it is ours, 0 its own, -1 this kernel has none of that kind. */
static int shares_namespace(pid_t pid, const char *name)
{
	char path[64], ours[64] = "", theirs[64] = "";

	snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
	if (readlink(path, ours, sizeof(ours) - 1) < 0) {
		assert_int_equal(errno, ENOENT);
		return -1;
	}
	snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, name);
	assert_true(readlink(path, theirs, sizeof(theirs) - 1) > 0);
	return strcmp(ours, theirs) == 0;
}

static void every_namespace_is_its_own(void **state)
{
	for (size_t i = 0; i < sizeof(namespaces) / sizeof(namespaces[0]); i++)
		if (shares_namespace(neighbour.pid, namespaces[i]) == 1)
			fail_msg("namespace %s is shared", namespaces[i]);
}

static void a_granted_network_is_shared_and_nothing_else(void **state)
{
	const char *const open_inet[] = { "payload", "socket", "2", NULL };
	const char *const open_unix[] = { "payload", "socket", "1", NULL };
	const char *const stay[] = { "payload", "sleep", NULL };
	struct spawn_options options = options_for(open_inet);
	struct spawned spawned = SPAWNED_NONE;

	options.share = SPAWN_SHARE_NETWORK;
	run_options(&options, 5000);
	assert_string_equal(run.output, "ok\n");
	options.arguments = open_unix;
	run_options(&options, 5000);
	assert_string_equal(run.output, "EPERM\n");
	options.arguments = stay;
	assert_int_equal(host_spawn(&options, &spawned, NULL), 0);
	for (size_t i = 0; i < sizeof(namespaces) / sizeof(namespaces[0]); i++) {
		int shared = shares_namespace(spawned.pid, namespaces[i]);

		assert_true(shared < 0 || shared == (strcmp(namespaces[i], "net") == 0));
	}
	spawned_done(&spawned);
}

static void from_outside_it_has_no_capabilities_and_is_the_given_user(void **state)
{
	char value[128], expected[64];

	for (size_t i = 0; i < 5; i++) {
		static const char *const caps[] = { "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb" };

		status_line(neighbour.pid, caps[i], value, sizeof(value));
		assert_string_equal(value, "0000000000000000");
	}
	status_line(neighbour.pid, "NoNewPrivs", value, sizeof(value));
	assert_string_equal(value, "1");
	status_line(neighbour.pid, "Seccomp", value, sizeof(value));
	assert_string_equal(value, "2");
	snprintf(expected, sizeof(expected), "%u\t%u\t%u\t%u", NEIGHBOUR_UID, NEIGHBOUR_UID,
		 NEIGHBOUR_UID, NEIGHBOUR_UID);
	status_line(neighbour.pid, "Uid", value, sizeof(value));
	assert_string_equal(value, expected);
	status_line(neighbour.pid, "Gid", value, sizeof(value));
	assert_string_equal(value, expected);
	status_line(neighbour.pid, "Groups", value, sizeof(value));
	assert_string_equal(value, "");
	status_line(neighbour.pid, "SigBlk", value, sizeof(value));
	assert_string_equal(value, "0000000000000000");
}

static void its_mounts_are_read_only_and_do_not_reach_the_host(void **state)
{
	char path[64], text[16384], host[65536];
	unsigned int n = 0;

	snprintf(path, sizeof(path), "/proc/%d/mountinfo", neighbour.pid);
	assert_true(fs_read_at(AT_FDCWD, path, text, sizeof(text)) > 0);
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"), n++) {
		char options[128];

		assert_int_equal(sscanf(line, "%*s %*s %*s %*s %*s %127s", options), 1);
		assert_true(strncmp(options, "ro,", 3) == 0);
		assert_non_null(strstr(options, "nosuid"));
	}
	/* The root, null, the payload, the libraries and the cache at least; never the host's own. */
	assert_in_range(n, 4, 14);
	read_mounts(host, sizeof(host));
	assert_null(strstr(host, "/solution/payload"));
}

static void it_lives_in_its_cgroups(void **state)
{
	char path[64], text[4096], expected[64];
	unsigned int n = 0;

	snprintf(path, sizeof(path), "/proc/%d/cgroup", neighbour.pid);
	assert_true(fs_read_at(AT_FDCWD, path, text, sizeof(text)) > 0);
	snprintf(expected, sizeof(expected), ":/ringfort-%s/neighbour\n", instance);
	for (char *at = text; (at = strstr(at, expected)); at++)
		n++;
	assert_true(n >= 1);
}

static void a_fork_bomb_stops_at_the_limit(void **state)
{
	const char *const arguments[] = { "payload", "fork-bomb", NULL };
	struct spawn_options options = options_for(arguments);

	run_options(&options, 1500);
	/* Twelve with itself. */
	assert_string_equal(run.output, "11 EAGAIN\n");
	assert_true(run.timed_out);
	assert_int_equal(run.exit.signal, SIGKILL);
}

static void without_a_cgroup_rlimits_stop_both_bombs(void **state)
{
	const char *const forks[] = { "payload", "fork-bomb", NULL };
	const char *const memory[] = { "payload", "memory-bomb", NULL };
	struct spawn_options options = options_for(forks);

	assert_int_equal(throwaway_start(&run, NULL, NULL, NULL, &options, 1500, 100, NULL), 0);
	assert_int_equal(throwaway_wait(&run), 0);
	assert_string_equal(run.output, "11 EAGAIN\n");
	end_run(NULL);
	options = options_for(memory);
	assert_int_equal(throwaway_start(&run, NULL, NULL, NULL, &options, 5000, 100, NULL), 0);
	assert_int_equal(throwaway_wait(&run), 0);
	assert_string_equal(run.output, "ENOMEM\n");
}

static void a_memory_bomb_dies_in_its_cgroup(void **state)
{
	struct cgroup_usage usage;

	if (cgroup_tree_missing(tree) & CGROUP_MEMORY)
		skip();
	run_act("memory-bomb", NULL);
	assert_int_equal(run.exit.signal, SIGKILL);
	assert_true(run.out_of_memory);
	assert_false(run.timed_out);
	cgroup_usage(run.cgroup, &usage);
	assert_in_range(usage.memory_peak_bytes, 40u << 20, 48u << 20);
}

static void no_core_is_dumped(void **state)
{
	run_act("core", NULL);
	assert_string_equal(run.output, "1 1\n");
	assert_int_equal(run.exit.signal, SIGSEGV);
	assert_false(run.exit.core);
}

static void its_share_of_the_processor_is_bounded(void **state)
{
	const char *const arguments[] = { "payload", "spin", NULL };
	struct spawn_options options = options_for(arguments);
	struct cgroup_usage usage;

	if (cgroup_tree_missing(tree) & CGROUP_CPU)
		skip();
	run_options(&options, 1000);
	assert_true(run.timed_out);
	cgroup_usage(run.cgroup, &usage);
	/* 60 % of a second, and a period or two of slack. */
	assert_true(usage.cpu_us < 850000);
}

static void a_flood_of_output_is_cut_and_ends_at_the_deadline(void **state)
{
	const char *const arguments[] = { "payload", "flood", NULL };
	struct spawn_options options = options_for(arguments);

	run_options(&options, 300);
	assert_true(run.timed_out);
	assert_true(run.output_cut);
	assert_int_equal(run.size_output, 8192);
}

static void one_that_is_stopped_can_be_killed(void **state)
{
	const char *const arguments[] = { "payload", "sleep", NULL };
	struct spawn_options options = options_for(arguments);
	struct spawned spawned = SPAWNED_NONE;
	struct spawned_exit end;
	struct pollfd fd;
	char text[64];

	assert_int_equal(host_spawn(&options, &spawned, NULL), 0);
	await_output(&spawned, text, sizeof(text));
	assert_string_equal(text, "asleep\n");
	assert_int_equal(kill(spawned.pid, SIGSTOP), 0);
	assert_int_equal(spawned_reap(&spawned, &end), 0);
	assert_int_equal(spawned_kill(&spawned), 0);
	fd = (struct pollfd){ .fd = spawned.pidfd, .events = POLLIN };
	assert_int_equal(poll(&fd, 1, 5000), 1);
	assert_int_equal(spawned_reap(&spawned, &end), 1);
	assert_int_equal(end.signal, SIGKILL);
	assert_int_equal(spawned_reap(&spawned, &end), -ECHILD);
	assert_int_equal(spawned_kill(&spawned), -ESRCH);
	spawned_done(&spawned);
}

static void it_dies_with_the_one_who_started_it(void **state)
{
	const char *const arguments[] = { "payload", "sleep", NULL };
	struct spawn_options options = options_for(arguments);
	struct spawned spawned = SPAWNED_NONE;
	int pair[2];
	char byte;
	pid_t pid;

	/* The program holds the only write end that is left: its end is the end of the pipe. */
	assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		struct spawn_fd fd = { pair[1], 3 };

		options.fds = &fd;
		options.n_fds = 1;
		_exit(host_spawn(&options, &spawned, NULL) == 0 ? 0 : 1);
	}
	close(pair[1]);
	assert_true(pid > 0);
	assert_int_equal(read(pair[0], &byte, 1), 0);
	assert_int_equal(waitpid(pid, &(int){ 0 }, 0), pid);
	close(pair[0]);
}

/* ---- what goes wrong leaves nothing --------------------------------------------------------- */

static void expect_failure(const struct spawn_options *options, int error, const char *step)
{
	static char before[65536], after[65536];
	const char *got = "";
	int n = count_descriptors();

	read_mounts(before, sizeof(before));
	assert_int_equal(throwaway_start(&run, tree, "case", &limits, options, 1000, 100, &got), error);
	assert_string_equal(got, step);
	read_mounts(after, sizeof(after));
	assert_string_equal(before, after);
	assert_int_equal(count_descriptors(), n);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), 0); /* the neighbour alone is left */
}

static void a_start_that_fails_says_where_and_leaves_nothing(void **state)
{
	const char *const arguments[] = { "payload", "hello", NULL };
	struct spawn_fd fds[2] = { { 0, 3 }, { 0, 3 } };
	struct spawn_options options = options_for(arguments);

	options.uid = 0;
	expect_failure(&options, -EINVAL, "check the options");
	options = options_for(arguments);
	options.fds = fds;
	options.n_fds = 2;
	expect_failure(&options, -EINVAL, "check the options");
	options.n_fds = 1;
	fds[0].target = 2;
	expect_failure(&options, -EINVAL, "check the options");
	fds[0] = (struct spawn_fd){ 999, 3 };
	expect_failure(&options, -EBADF, "arrange descriptors");
	options = options_for(arguments);
	binds[1].source = "/no/such/folder";
	expect_failure(&options, -ENOENT, "/no/such/folder");
	options = options_for(arguments);
	options.executable = "/solution/other";
	expect_failure(&options, -ENOENT, "find the program");
	/* A text is not a program; and content is mounted so that it cannot be one. */
	options = options_for(arguments);
	options.executable = "/content/0/rule";
	expect_failure(&options, -EACCES, "execute");
	binds[1].executable = true;
	expect_failure(&options, -ENOEXEC, "execute");
}

static void a_cgroup_is_refused_a_bad_name_and_a_second_owner(void **state)
{
	struct cgroup_tree *second = NULL;
	struct cgroup *one = NULL, *two = NULL;

	assert_int_equal(cgroup_tree_open(&second, instance), -EBUSY);
	assert_int_equal(cgroup_tree_open(&second, ""), -EINVAL);
	assert_int_equal(cgroup_tree_open(&second, "../x"), -EINVAL);
	assert_int_equal(cgroup_new(&one, tree, "a/b", &limits), -EINVAL);
	assert_int_equal(cgroup_new(&one, tree, "..", &limits), -EINVAL);
	assert_int_equal(cgroup_new(&one, tree, "twice", &limits), 0);
	assert_int_equal(cgroup_new(&two, tree, "twice", &limits), -EEXIST);
	cgroup_free(one);
}

/* In any hierarchy; below the mount points of systemd or at the top. */
static bool cgroups_exist(const char *path)
{
	char command[160];

	snprintf(command, sizeof(command), "find /sys/fs/cgroup -maxdepth 3 -path '*/%s' | grep -q .", path);
	return system(command) == 0;
}

static void the_remains_of_a_dead_instance_are_cleaned(void **state)
{
	struct cgroup_tree *next = NULL;
	char name[33], folder[48];
	pid_t pid, orphan;
	int pair[2];

	snprintf(name, sizeof(name), "dead-%d", getpid());
	snprintf(folder, sizeof(folder), "ringfort-%s", name);
	assert_int_equal(pipe(pair), 0);
	pid = fork();
	if (pid == 0) {
		struct cgroup *cgroup = NULL;

		if (cgroup_tree_open(&next, name) < 0 || cgroup_new(&cgroup, next, "left", &limits) < 0)
			_exit(1);
		/* It holds the pipe, and lives on when its parent is gone. */
		orphan = fork();
		if (orphan == 0) {
			/* As a program would by execve(): the lock is the instance's. */
			close_range(pair[1] + 1, ~0u, 0);
			for (;;)
				pause();
		}
		cgroup_place(cgroup, orphan);
		dprintf(openat(cgroup_unified_fd(cgroup), "cgroup.procs", O_WRONLY), "%d", orphan);
		_exit(0);
	}
	close(pair[1]);
	assert_int_equal(waitpid(pid, &(int){ 0 }, 0), pid);
	assert_true(cgroups_exist(folder));
	assert_int_equal(cgroup_tree_open(&next, name), 0);
	/* The orphan is dead: nobody holds the pipe any more. */
	assert_int_equal(read(pair[0], name, 1), 0);
	close(pair[0]);
	cgroup_tree_close(next);
	assert_false(cgroups_exist(folder));
}

static void when_all_is_over_no_cgroup_is_left(void **state)
{
	char path[64];

	spawned_done(&neighbour);
	snprintf(path, sizeof(path), "ringfort-%s/neighbour", instance);
	assert_true(cgroups_exist(path));
	snprintf(path, sizeof(path), "ringfort-%s/case", instance);
	assert_false(cgroups_exist(path));
}

/* ---- the whole ------------------------------------------------------------------------------ */

static struct cgroup *neighbour_cgroup;

static int set_up(void **state)
{
	const char *const arguments[] = { "payload", "sleep", NULL };
	struct spawn_options options;
	char path[64], text[64];
	FILE *rule;

	assert_non_null(mkdtemp(content));
	assert_int_equal(chmod(content, 0755), 0);
	snprintf(path, sizeof(path), "%s/rule", content);
	rule = fopen(path, "w");
	assert_non_null(rule);
	fprintf(rule, "a rule");
	fclose(rule);
	assert_int_equal(chmod(path, 0755), 0);
	assert_int_equal(cgroup_tree_open(&tree, instance), 0);
	assert_int_equal(cgroup_new(&neighbour_cgroup, tree, "neighbour", &limits), 0);
	options = options_for(arguments);
	options.n_binds = 1;
	options.uid = NEIGHBOUR_UID;
	options.cgroup = neighbour_cgroup;
	assert_int_equal(host_spawn(&options, &neighbour, NULL), 0);
	await_output(&neighbour, text, sizeof(text));
	snprintf(own_pid, sizeof(own_pid), "%d", getpid());
	snprintf(neighbour_pid, sizeof(neighbour_pid), "%d", neighbour.pid);
	return 0;
}

static int tear_down(void **state)
{
	char folder[48], path[64];

	spawned_done(&neighbour);
	neighbour_cgroup = cgroup_free(neighbour_cgroup);
	tree = cgroup_tree_close(tree);
	snprintf(folder, sizeof(folder), "ringfort-%s", instance);
	snprintf(path, sizeof(path), "%s/rule", content);
	unlink(path);
	rmdir(content);
	return cgroups_exist(folder) ? -1 : 0;
}

static int run_all(void)
{
	static const struct CMUnitTest single[] = {
		cmocka_unit_test_teardown(it_is_nobody_it_talks_and_its_status_is_told, end_run),
		cmocka_unit_test_teardown(its_environment_is_what_was_given, end_run),
		cmocka_unit_test_teardown(it_inherits_the_given_descriptors_and_no_other, end_run),
		cmocka_unit_test_teardown(seven_descriptors_fit_into_the_smallest_limit, end_run),
		cmocka_unit_test_teardown(what_it_inherited_it_cannot_lock_seal_or_punch, end_run),
		cmocka_unit_test_teardown(a_file_that_was_passed_to_it_can_be_read_and_nothing_else, end_run),
		cmocka_unit_test_teardown(every_namespace_is_its_own, end_run),
		cmocka_unit_test_teardown(a_granted_network_is_shared_and_nothing_else, end_run),
		cmocka_unit_test_teardown(from_outside_it_has_no_capabilities_and_is_the_given_user, end_run),
		cmocka_unit_test_teardown(its_mounts_are_read_only_and_do_not_reach_the_host, end_run),
		cmocka_unit_test_teardown(it_lives_in_its_cgroups, end_run),
		cmocka_unit_test_teardown(a_fork_bomb_stops_at_the_limit, end_run),
		cmocka_unit_test_teardown(without_a_cgroup_rlimits_stop_both_bombs, end_run),
		cmocka_unit_test_teardown(a_memory_bomb_dies_in_its_cgroup, end_run),
		cmocka_unit_test_teardown(no_core_is_dumped, end_run),
		cmocka_unit_test_teardown(its_share_of_the_processor_is_bounded, end_run),
		cmocka_unit_test_teardown(a_flood_of_output_is_cut_and_ends_at_the_deadline, end_run),
		cmocka_unit_test_teardown(one_that_is_stopped_can_be_killed, end_run),
		cmocka_unit_test_teardown(it_dies_with_the_one_who_started_it, end_run),
		cmocka_unit_test_teardown(a_start_that_fails_says_where_and_leaves_nothing, end_run),
		cmocka_unit_test_teardown(a_cgroup_is_refused_a_bad_name_and_a_second_owner, end_run),
		cmocka_unit_test_teardown(the_remains_of_a_dead_instance_are_cleaned, end_run),
		cmocka_unit_test_teardown(when_all_is_over_no_cgroup_is_left, end_run),
	};
	enum {
		N_ATTEMPTS = sizeof(attempts) / sizeof(attempts[0]),
		N_SINGLE = sizeof(single) / sizeof(single[0]),
	};
	static struct CMUnitTest tests[N_ATTEMPTS + N_SINGLE];

	for (size_t i = 0; i < N_ATTEMPTS; i++)
		tests[i] = (struct CMUnitTest){ .name = attempts[i].name,
						.test_func = an_attempt_ends_as_designed,
						.teardown_func = end_run,
						.initial_state = &attempts[i] };
	memcpy(tests + N_ATTEMPTS, single, sizeof(single));
	return cmocka_run_group_tests(tests, set_up, tear_down);
}

int main(int argc, char **argv)
{
	int status = 1;
	pid_t pid;

	if (geteuid() != 0) {
		printf("SKIP: needs root to make namespaces and cgroups\n");
		return 77;
	}
	if (argc != 2) {
		printf("usage: %s PAYLOAD\n", argv[0]);
		return 2;
	}
	payload = argv[1];
	/* As the supervisor does. */
	if (host_leave_chroot() < 0) {
		printf("SKIP: in a chroot that cannot be left, so no user namespaces\n");
		return 77;
	}
	snprintf(instance, sizeof(instance), "test-%d", getpid());
	if (cgroup_tree_open(&tree, instance) < 0) {
		printf("SKIP: no cgroup hierarchy that we may write to\n");
		return 77;
	}
	tree = cgroup_tree_close(tree);
	/* What others mount meanwhile is not left by us. */
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		perror("a mount namespace of our own");
		return 1;
	}
	pid = fork();
	if (pid == 0)
		exit(run_all());
	/* A time-out is for the child; we clean. */
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	waitpid(pid, &status, 0);
	if (cgroup_tree_open(&tree, instance) == 0)
		cgroup_tree_close(tree);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
