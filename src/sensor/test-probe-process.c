/* SPDX-License-Identifier: Apache-2.0 */
/* Test probe, process - exec, fork, exit, setid, ptrace: every field, against what was done. */
#undef NDEBUG
#include "sensor/test-probe-common.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <termios.h>

static char *const test_env[] = { "PATH=/usr/bin:/bin", "SECRET=no", "LD_TEST_VARIABLE=1", "RINGFORT_TEST=x",
				  "RINGFORT_TESTER=no", "P=no", NULL };

static uint64_t effective_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	assert_int_equal(syscall(SYS_capget, &header, data), 0);
	return data[0].effective | (uint64_t)data[1].effective << 32;
}

/* The strings of a STRV, joined by '|'. */
static const char *list_text(const struct probe_record *record, struct ringfort_span span)
{
	static char out[4096];

	memcpy(out, text(record, span), span.length + 1);
	for (uint32_t i = 0; i < span.length; i++)
		if (out[i] == '\0')
			out[i] = '|';
	return out;
}

static void act_exec(void *argument)
{
	char *const argv[] = { "sh-as-called", "-c", "exit 7", "", NULL };

	close(0);
	if (open("/dev/null", O_RDONLY) != 0 || dup2(open("/etc/passwd", O_RDONLY), 1) != 1)
		_exit(99);
	close(2);
	execve("/bin/sh", argv, test_env);
	_exit(99);
}

static void an_exec_tells_image_arguments_environment_and_stdio(void **state)
{
	pid_t pid = perform(TYPE(process_exec), act_exec, NULL);
	const struct probe_record *record = the_record(ringfort_type_process_exec, pid, 0);
	const struct ringfort_process_exec *exec = body_of(record);
	char image[4096];

	assert_non_null(realpath("/bin/sh", image));
	assert_int_equal(n_records(ringfort_type_process_exec, pid), 1);
	assert_actor(record, pid);
	assert_int_equal(record->via, RINGFORT_VIA_SYSCALL);
	assert_opened(record, &exec->file, image);
	assert_string_equal(text(record, exec->called), "/bin/sh");
	assert_string_equal(list_text(record, exec->argv), "sh-as-called|-c|exit 7|");
	assert_int_equal(exec->argv.length, strlen("sh-as-called|-c|exit 7|"));
	assert_int_equal(exec->argc, 4);
	assert_int_equal(exec->flags, PROBE_EXEC_ENV_WHOLE);
	assert_int_equal(exec->script.quality, RINGFORT_QUALITY_NONE);
	assert_int_equal(exec->interpreter.offset, 0);
	assert_string_equal(path_text(record, exec->cwd, PROBE_FILE_REVERSED), scratch);
	assert_string_equal(list_text(record, exec->env),
			    "PATH=/usr/bin:/bin|SECRET=no|LD_TEST_VARIABLE=1|RINGFORT_TEST=x|RINGFORT_TESTER=no|P=no");
	assert_int_equal(exec->stdin_is, RINGFORT_STDIO_NULL);
	assert_int_equal(exec->stdout_is, RINGFORT_STDIO_FILE);
	assert_int_equal(exec->stderr_is, RINGFORT_STDIO_CLOSED);
	assert_int_equal(exec->cap_effective, effective_capabilities());
	assert_int_equal(exec->error, 0);
	assert_int_equal(WEXITSTATUS(last_status()), 7);
}

static void act_exec_long_environment(void *argument)
{
	char *const argv[] = { "true", NULL };
	static char fill[5000];
	char *long_env[sizeof(test_env) / sizeof(test_env[0]) + 1];

	memset(fill, 'x', sizeof(fill) - 1);
	long_env[0] = fill;
	memcpy(long_env + 1, test_env, sizeof(test_env));
	execve("/bin/true", argv, long_env);
	_exit(99);
}

static void of_a_long_environment_the_probe_takes_what_is_asked_for(void **state)
{
	pid_t pid = perform(TYPE(process_exec), act_exec_long_environment, NULL);
	const struct probe_record *record = the_record(ringfort_type_process_exec, pid, 0);
	const struct ringfort_process_exec *exec = body_of(record);

	assert_int_equal(exec->flags, 0);
	assert_string_equal(list_text(record, exec->env),
			    "PATH=/usr/bin:/bin|LD_TEST_VARIABLE=1|RINGFORT_TEST=x");
}

static void act_exec_sockets(void *argument)
{
	int sockets[2], pipes[2], terminal = posix_openpt(O_RDWR | O_NOCTTY);
	char *const argv[] = { "true", NULL };

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) < 0 || pipe(pipes) < 0 || terminal < 0 ||
	    chdir("/") < 0)
		_exit(99);
	dup2(sockets[0], 0);
	dup2(pipes[1], 1);
	dup2(terminal, 2);
	execve("/bin/true", argv, test_env);
}

static void a_shell_on_a_socket_can_be_told(void **state)
{
	pid_t pid = perform(TYPE(process_exec), act_exec_sockets, NULL);
	const struct probe_record *record = the_record(ringfort_type_process_exec, pid, 0);
	const struct ringfort_process_exec *exec = body_of(record);

	assert_int_equal(exec->stdin_is, RINGFORT_STDIO_SOCKET);
	assert_int_equal(exec->stdout_is, RINGFORT_STDIO_PIPE);
	assert_int_equal(exec->stderr_is, RINGFORT_STDIO_TTY);
	assert_int_not_equal(exec->cwd.offset, 0);
	assert_int_equal(exec->cwd.length, 0);
}

static void act_exec_script(void *argument)
{
	char *const argv[] = { "whatever", "one", NULL };

	execve(argument, argv, test_env);
	_exit(99);
}

static void a_script_is_told_with_its_interpreter(void **state)
{
	static const char bytes[] = "#!/bin/sh -e\nexit 0\n";
	const struct ringfort_process_exec *exec;
	const struct probe_record *record;
	char image[4096];
	pid_t pid;

	write_file("script", bytes, strlen(bytes), 0755);
	assert_non_null(realpath("/bin/sh", image));
	pid = perform(TYPE(process_exec), act_exec_script, "./script");
	record = the_record(ringfort_type_process_exec, pid, 0);
	exec = body_of(record);
	assert_opened(record, &exec->file, image);
	assert_int_equal(exec->flags & ~PROBE_EXEC_ENV_WHOLE, 1u << RINGFORT_EXEC_SCRIPT);
	assert_string_equal(text(record, exec->called), "./script");
	assert_string_equal(text(record, exec->interpreter), "/bin/sh");
	assert_string_equal(list_text(record, exec->argv), "/bin/sh|-e|./script|one");
	assert_int_equal(exec->argc, 4);
	assert_called(record, &exec->script, in_scratch("./script"));

	pid = perform(TYPE(process_exec), act_exec_script, (void *)in_scratch("script"));
	record = the_record(ringfort_type_process_exec, pid, 0);
	exec = body_of(record);
	assert_int_equal(exec->script.flags, 0);
	assert_string_equal(text(record, exec->script.path), in_scratch("script"));
}

static void act_exec_memfd(void *argument)
{
	char *const argv[] = { "hidden", NULL };
	int from = open("/bin/true", O_RDONLY), fd = memfd_create("hidden", MFD_CLOEXEC);
	char bytes[65536];
	ssize_t n;

	while ((n = read(from, bytes, sizeof(bytes))) > 0)
		if (write(fd, bytes, (size_t)n) != n)
			_exit(99);
	fexecve(fd, argv, test_env);
	_exit(99);
}

static void an_image_in_memory_is_told(void **state)
{
	pid_t pid = perform(TYPE(process_exec), act_exec_memfd, NULL);
	const struct probe_record *record = the_record(ringfort_type_process_exec, pid, 0);
	const struct ringfort_process_exec *exec = body_of(record);

	assert_int_equal(WEXITSTATUS(last_status()), 0);
	assert_string_equal(path_text(record, exec->file.path, exec->file.flags), "/memfd:hidden");
	assert_int_equal(exec->flags & ~PROBE_EXEC_ENV_WHOLE, 1u << RINGFORT_EXEC_MEMFD | 1u << RINGFORT_EXEC_DELETED);
	assert_int_equal(exec->file.flags, PROBE_FILE_REVERSED | 1u << RINGFORT_FILE_MEMFD |
						   1u << RINGFORT_FILE_DELETED);
	assert_memory_equal(text(record, exec->called), "/dev/fd/", 8);
}

/* What the probe kills it kills on the whole host: of a user whom nobody else is. */
static void act_exec_memfd_as_nobody_else(void *argument)
{
	const uid_t uid = *(const uid_t *)argument;

	if (setresuid(uid, uid, uid) < 0)
		_exit(98);
	act_exec_memfd(NULL);
}

static void expect_policed(const struct backstop_reach *reach, uint32_t policy, bool seen, bool killed)
{
	struct backstop *backstop = mmap(NULL, sizeof(*backstop), PROT_READ | PROT_WRITE, MAP_SHARED,
					 probe_backstop_fd(probe), 0);
	const uint32_t flags = seen ? 1u << RINGFORT_EXEC_OUTSIDE : 0;
	const struct ringfort_process_exec *exec;
	uid_t uid = (uid_t)(1700000000 + getpid());
	struct probe_outside before, after;
	pid_t pid;

	assert_true(backstop != MAP_FAILED);
	backstop->reach = *reach;
	backstop->says = BACKSTOP_SAYS(BACKSTOP_MEMFD, policy);
	probe_outside(probe, &before);
	pid = perform(TYPE(process_exec), act_exec_memfd_as_nobody_else, &uid);
	probe_outside(probe, &after);
	backstop->says = 0;
	munmap(backstop, sizeof(*backstop));
	exec = body_of(the_record(ringfort_type_process_exec, pid, 0));
	assert_int_equal(WIFSIGNALED(last_status()) ? WTERMSIG(last_status()) : 0, killed ? SIGKILL : 0);
	assert_int_equal(exec->flags & (1u << RINGFORT_EXEC_OUTSIDE | 1u << RINGFORT_EXEC_KILLED),
			 flags | (killed ? 1u << RINGFORT_EXEC_KILLED : 0));
	assert_int_equal(after.n_outside[BACKSTOP_MEMFD] - before.n_outside[BACKSTOP_MEMFD], seen);
	assert_int_equal(after.n_killed[BACKSTOP_MEMFD] - before.n_killed[BACKSTOP_MEMFD], killed);
}

static void an_image_in_memory_is_killed_where_the_policy_says_so_of_its_user(void **state)
{
	const uint64_t uid = 1700000000 + (uint64_t)getpid();
	struct backstop_reach reach = { .uid_first = uid, .uid_last = uid };
	struct probe_outside outside;
	struct stat ns;

	probe_outside(probe, &outside);
	expect_policed(&reach, BACKSTOP_IGNORE, false, false);
	expect_policed(&reach, BACKSTOP_REPORT, true, false);
	expect_policed(&reach, BACKSTOP_KILL, true, outside.can_kill);
	reach.uid_first = uid + 1;
	reach.uid_last = uid + 2;
	expect_policed(&reach, BACKSTOP_KILL, false, false);
	/* In a container the probe has another number for us. */
	if (stat("/proc/self/ns/pid", &ns) < 0 || ns.st_ino != 0xeffffffc)
		return;
	reach = (struct backstop_reach){ .uid_first = uid, .uid_last = uid, .supervisor = (uint64_t)getpid() };
	expect_policed(&reach, BACKSTOP_KILL, true, false);
}

static void act_exec_long(void *argument)
{
	static char argument_bytes[20000];
	char *const argv[] = { "true", argument_bytes, argument_bytes, "end", NULL };

	memset(argument_bytes, 'x', sizeof(argument_bytes) - 1);
	execve(argument, argv, test_env);
	_exit(0);
}

static void long_arguments_are_cut_and_said_to_be(void **state)
{
	static const char *const images[] = { "/bin/true", "/nowhere/true" };

	for (size_t i = 0; i < 2; i++) {
		pid_t pid = perform(TYPE(process_exec), act_exec_long, (void *)images[i]);
		const struct probe_record *record = the_record(ringfort_type_process_exec, pid, 0);
		const struct ringfort_process_exec *exec = body_of(record);

		assert_int_equal(exec->flags & ~PROBE_EXEC_ENV_WHOLE, 1u << RINGFORT_EXEC_ARGV_TRUNCATED);
		assert_int_equal(exec->argc, 4);
		assert_int_equal(exec->argv.length, 32767);
		assert_string_equal(text(record, exec->called), images[i]);
	}
}

static void act_exec_failed(void *argument)
{
	char *const argv[] = { "nothing", "a b", NULL };

	execve("./nothing", argv, test_env);
	execve("/nowhere/nothing", argv, test_env);
	if (syscall(SYS_execveat, open("/usr", O_PATH | O_DIRECTORY), "nothing", argv, test_env, 0) < 0)
		_exit(5);
}

static void failed_execs_are_told_with_their_error(void **state)
{
	pid_t pid = perform(TYPE(process_exec), act_exec_failed, NULL);
	const struct probe_record *record = the_record(ringfort_type_process_exec, pid, 0);
	const struct ringfort_process_exec *exec = body_of(record);

	assert_int_equal(n_records(ringfort_type_process_exec, pid), 3);
	assert_actor(record, pid);
	assert_int_equal(exec->error, ENOENT);
	assert_string_equal(text(record, exec->called), "./nothing");
	assert_called(record, &exec->file, in_scratch("./nothing"));
	assert_string_equal(list_text(record, exec->argv), "nothing|a b");
	assert_int_equal(exec->argc, 2);
	assert_int_equal(exec->flags & ~PROBE_EXEC_ENV_WHOLE, 0);
	assert_int_equal(exec->cap_effective, effective_capabilities());
	assert_string_equal(path_text(record, exec->cwd, PROBE_FILE_REVERSED), scratch);

	record = the_record(ringfort_type_process_exec, pid, 1);
	exec = body_of(record);
	assert_called(record, &exec->file, "/nowhere/nothing");
	record = the_record(ringfort_type_process_exec, pid, 2);
	exec = body_of(record);
	assert_called(record, &exec->file, "/usr/nothing");
}

static void act_exec_set_id(void *argument)
{
	char *const argv[] = { "true", NULL };

	if (setresuid(65534, 65534, 65534) < 0)
		_exit(99);
	execve("./set-id", argv, test_env);
	_exit(99);
}

static void a_secure_exec_is_told(void **state)
{
	const struct ringfort_process_exec *exec;
	const struct probe_record *record;
	char command[256];
	pid_t pid;

	snprintf(command, sizeof(command), "cp /bin/true %s", in_scratch("set-id"));
	assert_int_equal(system(command), 0);
	assert_int_equal(chmod("set-id", 04755), 0);
	assert_int_equal(chmod(".", 0755), 0);
	pid = perform(TYPE(process_exec), act_exec_set_id, NULL);
	record = the_record(ringfort_type_process_exec, pid, 0);
	exec = body_of(record);
	assert_int_equal(exec->flags & ~PROBE_EXEC_ENV_WHOLE, 1u << RINGFORT_EXEC_SECURE);
	assert_int_equal(record->uid, 65534);
	assert_int_equal(record->euid, 0);
}

static void act_terminal(void *argument)
{
	int terminal = posix_openpt(O_RDWR | O_NOCTTY), slave;
	char *const argv[] = { "true", NULL };

	setsid();
	if (grantpt(terminal) < 0 || unlockpt(terminal) < 0)
		_exit(99);
	slave = open(ptsname(terminal), O_RDWR);
	*(unsigned int *)argument = 0;
	if (slave < 0)
		_exit(99);
	execve("/bin/true", argv, test_env);
}

static void the_controlling_terminal_is_told(void **state)
{
	unsigned int unused;
	pid_t pid = perform(TYPE(process_exec), act_terminal, &unused);
	const struct probe_record *record = the_record(ringfort_type_process_exec, pid, 0);

	assert_in_range(record->tty >> 20, 136, 143);
}

static void act_fork(void *argument)
{
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	waitpid(child, NULL, 0);
	_exit(child & 0x7f);
}

static void a_fork_tells_its_child(void **state)
{
	pid_t pid = perform(TYPE(process_fork) | TYPE(process_exit), act_fork, NULL);
	const struct probe_record *record = the_record(ringfort_type_process_fork, pid, 0);
	const struct ringfort_process_fork *fork_body = body_of(record);
	const struct probe_record *end;

	assert_int_equal(n_records(ringfort_type_process_fork, pid), 1);
	assert_actor(record, pid);
	assert_int_equal(fork_body->child.pid & 0x7f, WEXITSTATUS(last_status()));
	assert_int_equal(fork_body->child.reserved, 0);
	assert_int_equal(fork_body->clone_flags & 0xff, 0);
	assert_true(fork_body->clone_flags & CLONE_CHILD_SETTID);
	end = the_record(ringfort_type_process_exit, (pid_t)fork_body->child.pid, 0);
	assert_int_equal(end->start_ns, fork_body->child.start_ns);
	assert_int_equal(end->ppid, pid);
	assert_int_equal(end->parent_start_ns, record->start_ns);
}

static void *thread(void *argument)
{
	return NULL;
}

static void act_threads(void *argument)
{
	pthread_t id;

	for (int i = 0; i < 50; i++) {
		if (pthread_create(&id, NULL, thread, NULL) != 0)
			_exit(99);
		if (i % 2)
			pthread_join(id, NULL);
		else
			pthread_detach(id);
	}
	_exit(42);
}

static void threads_are_no_processes_and_exit_is_told_once(void **state)
{
	pid_t pid = perform(TYPE(process_fork) | TYPE(process_exit), act_threads, NULL);
	const struct ringfort_process_exit *end;

	assert_int_equal(n_records(ringfort_type_process_fork, pid), 0);
	assert_int_equal(n_records(ringfort_type_process_exit, pid), 1);
	end = body_of(the_record(ringfort_type_process_exit, pid, 0));
	assert_int_equal(end->exit_code, 42);
	assert_int_equal(end->signal, 0);
	assert_int_equal(end->core_dumped, 0);
}

/* Only a core that falls into the scratch folder is wanted. */
static bool core_stays_here(void)
{
	_cleanup_(fclosep) FILE *file = fopen("/proc/sys/kernel/core_pattern", "re");
	char pattern[128] = "|";

	return file && fgets(pattern, sizeof(pattern), file) && pattern[0] != '|' && pattern[0] != '/';
}

static void act_die(void *argument)
{
	struct rlimit limit = { 1 << 20, 1 << 20 };

	/* The test framework has a handler for some. */
	signal(*(int *)argument, SIG_DFL);
	setrlimit(RLIMIT_CORE, &limit);
	prctl(PR_SET_DUMPABLE, core_stays_here());
	kill(getpid(), *(int *)argument);
	pause();
}

static void a_death_by_signal_is_told(void **state)
{
	static const int signals[] = { SIGKILL, SIGTERM, SIGSEGV };

	for (size_t i = 0; i < 3; i++) {
		pid_t pid = perform(TYPE(process_exit), act_die, (void *)&signals[i]);
		const struct ringfort_process_exit *end =
			body_of(the_record(ringfort_type_process_exit, pid, 0));

		assert_int_equal(end->exit_code, 0);
		assert_int_equal(end->signal, signals[i]);
		assert_int_equal(WTERMSIG(last_status()), signals[i]);
		assert_int_equal(end->core_dumped, !!WCOREDUMP(last_status()));
	}
}

static void act_set_ids(void *argument)
{
	if (syscall(SYS_setresgid, 1001, 1002, 1003) < 0 || syscall(SYS_setfsgid, 1004) < 0 ||
	    syscall(SYS_setresuid, 65531, 65532, 65533) < 0 || syscall(SYS_setresuid, 0, 0, 0) == 0)
		_exit(99);
}

static void changed_credentials_are_told(void **state)
{
	pid_t pid = perform(TYPE(process_setid), act_set_ids, NULL);
	const struct probe_record *record = the_record(ringfort_type_process_setid, pid, 2);
	const struct ringfort_process_setid *ids = body_of(record);

	assert_int_equal(last_status(), 0);
	/* The last call failed, so nothing changed. */
	assert_int_equal(n_records(ringfort_type_process_setid, pid), 3);
	assert_int_equal(ids->uid, 65531);
	assert_int_equal(ids->euid, 65532);
	assert_int_equal(ids->suid, 65533);
	assert_int_equal(ids->fsuid, 65532);
	assert_int_equal(ids->gid, 1001);
	assert_int_equal(ids->egid, 1002);
	assert_int_equal(ids->sgid, 1003);
	assert_int_equal(ids->fsgid, 1004);
	assert_int_equal(ids->cap_effective, 0);
	/* What they were is filled by the sensor, which knows. */
	assert_int_equal(ids->old_uid, 0);
	assert_int_equal(record->uid, 65531);
	assert_int_equal(record->euid, 65532);
	ids = body_of(the_record(ringfort_type_process_setid, pid, 0));
	assert_int_equal(ids->fsgid, 1002);
	assert_int_equal(ids->cap_effective, effective_capabilities());
}

static void act_ptrace(void *argument)
{
	char word[8] = "written";
	struct iovec iov = { word, sizeof(word) };
	pid_t child = fork();

	if (child == 0) {
		pause();
		_exit(0);
	}
	*(volatile pid_t *)argument = child;
	ptrace(PTRACE_SEIZE, child, 0, 0);
	ptrace(PTRACE_PEEKUSER, child, 0, 0);
	ptrace(PTRACE_DETACH, child, 0, 0);
	ptrace(PTRACE_ATTACH, 0x7ffffff, 0, 0);
	process_vm_writev(child, &iov, 1, &iov, 1, 0);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	ptrace(PTRACE_TRACEME, 0, 0, 0);
}

static void taking_hold_of_a_process_is_told(void **state)
{
	pid_t *child = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = perform(TYPE(process_ptrace) | TYPE(process_exit), act_ptrace, child);
	const struct probe_record *record = the_record(ringfort_type_process_ptrace, pid, 0);
	const struct ringfort_process_ptrace *hold = body_of(record);
	uint64_t start_ns = the_record(ringfort_type_process_exit, *child, 0)->start_ns;

	assert_int_equal(n_records(ringfort_type_process_ptrace, pid), 4);
	assert_actor(record, pid);
	assert_int_equal(hold->request, RINGFORT_PTRACE_REQUEST_SEIZE);
	assert_int_equal(hold->target.pid, *child);
	assert_int_equal(hold->target.start_ns, start_ns);
	assert_int_equal(hold->error, 0);

	hold = body_of(the_record(ringfort_type_process_ptrace, pid, 1));
	assert_int_equal(hold->request, RINGFORT_PTRACE_REQUEST_ATTACH);
	assert_int_equal(hold->target.pid, 0x7ffffff);
	assert_int_equal(hold->target.start_ns, 0);
	assert_int_equal(hold->error, ESRCH);

	hold = body_of(the_record(ringfort_type_process_ptrace, pid, 2));
	assert_int_equal(hold->request, RINGFORT_PTRACE_REQUEST_VM_WRITEV);
	assert_int_equal(hold->target.pid, *child);
	assert_int_equal(hold->error, 0);

	hold = body_of(the_record(ringfort_type_process_ptrace, pid, 3));
	assert_int_equal(hold->request, RINGFORT_PTRACE_REQUEST_TRACEME);
	assert_int_equal(hold->target.pid, pid);
	assert_int_equal(hold->target.start_ns, record->start_ns);
	munmap(child, 4096);
}

static void act_ptrace_inside(void *argument)
{
	pid_t child;

	if (unshare(CLONE_NEWPID) < 0)
		_exit(99);
	child = fork();
	if (child == 0) {
		child = fork();
		if (child == 0) {
			pause();
			_exit(0);
		}
		/* It is number 2 in there. */
		if (child != 2 || ptrace(PTRACE_SEIZE, child, 0, 0) < 0)
			_exit(99);
		_exit(0);
	}
	*(volatile pid_t *)argument = child;
	waitpid(child, &(int){ 0 }, 0);
}

static void a_target_in_a_pid_namespace_has_its_number_outside(void **state)
{
	pid_t *tracer = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	const struct ringfort_process_ptrace *hold;
	const struct ringfort_process_fork *birth;

	perform(TYPE(process_ptrace) | TYPE(process_fork), act_ptrace_inside, tracer);
	hold = body_of(the_record(ringfort_type_process_ptrace, *tracer, 0));
	birth = body_of(the_record(ringfort_type_process_fork, *tracer, 0));
	assert_int_equal(hold->request, RINGFORT_PTRACE_REQUEST_SEIZE);
	assert_int_equal(hold->target.pid, birth->child.pid);
	assert_int_equal(hold->target.start_ns, birth->child.start_ns);
	munmap(tracer, 4096);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_exec_tells_image_arguments_environment_and_stdio),
		cmocka_unit_test(of_a_long_environment_the_probe_takes_what_is_asked_for),
		cmocka_unit_test(a_shell_on_a_socket_can_be_told),
		cmocka_unit_test(a_script_is_told_with_its_interpreter),
		cmocka_unit_test(an_image_in_memory_is_told),
		cmocka_unit_test(an_image_in_memory_is_killed_where_the_policy_says_so_of_its_user),
		cmocka_unit_test(long_arguments_are_cut_and_said_to_be),
		cmocka_unit_test(failed_execs_are_told_with_their_error),
		cmocka_unit_test(a_secure_exec_is_told),
		cmocka_unit_test(the_controlling_terminal_is_told),
		cmocka_unit_test(a_fork_tells_its_child),
		cmocka_unit_test(threads_are_no_processes_and_exit_is_told_once),
		cmocka_unit_test(a_death_by_signal_is_told),
		cmocka_unit_test(changed_credentials_are_told),
		cmocka_unit_test(taking_hold_of_a_process_is_told),
		cmocka_unit_test(a_target_in_a_pid_namespace_has_its_number_outside),
	};

	probe_skip_unless_loadable();
	return cmocka_run_group_tests(tests, NULL, probe_teardown);
}
