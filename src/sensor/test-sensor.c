/* SPDX-License-Identifier: Apache-2.0 */
#undef NDEBUG
#include "sensor/test-stream.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static void is(const struct ringfort_event *event, struct ringfort_span span, const char *expected)
{
	if (strcmp(ringfort_string(event, span), expected))
		fprintf(stderr, "got '%s', expected '%s'\n", ringfort_string(event, span), expected);
	assert(strcmp(ringfort_string(event, span), expected) == 0);
}

/* Return: whether the kernel lets us look; it hides the init of some virtual machines. */
static bool exe_of(pid_t pid, char exe[PATH_MAX])
{
	char link[64];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/%d/exe", pid);
	n = readlink(link, exe, PATH_MAX - 1);
	exe[n < 0 ? 0 : n] = '\0';
	return n >= 0 || errno != EACCES;
}

/* ---- table and machine ------------------------------------------------------------------------ */

static bool is_zombie(pid_t pid)
{
	char path[64], text[512];
	const char *state;
	FILE *file;
	size_t n;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "re");
	if (!file)
		return true;
	n = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[n] = '\0';
	state = strrchr(text, ')');
	return !state || state[2] == 'Z' || state[2] == 'X';
}

static char difference[256];

static int check_living(void *userdata, struct process *process)
{
	char path[64];
	int *n_wrong = userdata;

	if (process->exited)
		return 0;
	snprintf(path, sizeof(path), "/proc/%u", process->pid);
	if (access(path, F_OK) < 0) {
		(*n_wrong)++;
		snprintf(difference, sizeof(difference), "%u: '%.60s' lives only in the table", process->pid,
			 process->image->text);
	}
	return 0;
}

/* Processes that one of /proc and the table has, and the other has not, or not with this exe. */
static int n_differences(struct stream *s)
{
	DIR *folder = opendir("/proc");
	struct dirent *entry;
	int n = 0;

	while ((entry = readdir(folder))) {
		pid_t pid = atoi(entry->d_name);
		struct process *process;
		char exe[PATH_MAX];
		size_t length;

		if (pid <= 0 || is_zombie(pid))
			continue;
		if (!exe_of(pid, exe))
			continue;
		process = table_find(sensor_table(s->sensor), (uint32_t)pid, 0);
		length = strlen(exe);
		if (length > 10 && strcmp(exe + length - 10, " (deleted)") == 0)
			exe[length - 10] = '\0';
		if (!process || process->exited || strcmp(process->image->text, exe)) {
			n++;
			snprintf(difference, sizeof(difference), "%d: '%.60s' in /proc, %s'%.60s' in the table", pid,
				 exe, !process ? "nothing " : process->exited ? "exited " : "",
				 process ? process->image->text : "");
		}
	}
	closedir(folder);
	table_each(sensor_table(s->sensor), check_living, &n);
	return n;
}

/* Others start and end processes while we compare: one quiet moment is enough. */
static void the_table_is_the_machine(struct stream *s)
{
	int n = 0;

	for (int i = 0; i < 100; i++) {
		stream_flush(s);
		n = n_differences(s);
		if (n == 0)
			return;
		usleep(20000);
	}
	fprintf(stderr, "%d differences between table and /proc, as %s\n", n, difference);
	assert(n == 0);
}

static void a_fork_storm_is_followed_to_the_last_process(void)
{
	enum { N = 5000 };
	struct sensor_statistics statistics;
	struct stream s;
	size_t n_exec = 0, n_exit = 0;
	const struct ringfort_event *event = NULL;
	pid_t pid;

	stream_open(&s, 0, 0, MASK(process_fork) | MASK(process_exec) | MASK(process_exit));
	pid = fork_child();
	if (pid == 0) {
		run_true(N);
		_exit(0);
	}
	stream_wait(&s, pid);
	stream_flush(&s);
	assert(stream_count(&s, ringfort_type_process_fork, pid) == N);
	while ((event = stream_next(&s, event, 0, 0))) {
		if (event->process.ppid != (uint32_t)pid)
			continue;
		n_exec += event->type == ringfort_type_process_exec;
		n_exit += event->type == ringfort_type_process_exit;
		is(event, event->process.exe, "/usr/bin/true");
		assert(strstr(ringfort_string(event, event->process.parent_exe), "test-sensor"));
	}
	assert(n_exec == N && n_exit == N);
	assert(s.n_emitted[ringfort_type_stream_loss] == 0);
	stream_adds_up(&s);
	the_table_is_the_machine(&s);
	sensor_statistics(s.sensor, &statistics);
	assert(statistics.n_processes > N && statistics.n_evicted == 0);
	stream_close(&s);
}

static int n_wrong(struct stream *s, const pid_t *children, int n, pid_t parent)
{
	int wrong = 0;

	for (int i = 0; i < n; i++) {
		struct process *process = table_find(sensor_table(s->sensor), (uint32_t)children[i], 0);
		char exe[PATH_MAX];

		exe_of(children[i], exe);
		wrong += !process || process->exited || process->ppid != (uint32_t)parent ||
			 strcmp(process->image->text, exe) || !strstr(process->line->text, "test-sensor");
	}
	return wrong;
}

/* Children that are born all the time while the sensor starts, and live on. */
static void no_process_falls_between_scan_and_stream(void)
{
	enum { N = 400 };
	struct stream s;
	pid_t pid, children[N];
	int pipes[2], wrong = N;

	assert(pipe(pipes) == 0);
	pid = fork_child();
	if (pid == 0) {
		for (int i = 0; i < N; i++) {
			pid_t child = fork_child();

			if (child == 0) {
				if (i % 2)
					execl("/bin/sleep", "sleep", "60", NULL);
				pause();
			}
			if (write(pipes[1], &child, sizeof(child)) != sizeof(child))
				_exit(1);
			usleep(300);
		}
		pause();
	}
	usleep(20000);
	stream_open(&s, 0, 0, 0);
	for (int i = 0; i < N; i++)
		assert(read(pipes[0], &children[i], sizeof(pid_t)) == sizeof(pid_t));
	/* the last may not have come to their exec yet; what fell into a gap stays wrong */
	for (int i = 0; i < 100 && wrong; i++) {
		usleep(20000);
		stream_flush(&s);
		wrong = n_wrong(&s, children, N, pid);
	}
	kill(pid, SIGKILL); /* the children follow by PR_SET_PDEATHSIG */
	waitpid(pid, NULL, 0);
	close(pipes[0]);
	close(pipes[1]);
	assert(wrong == 0);
	stream_close(&s);
}

static void after_a_loss_the_table_is_repaired(void)
{
	struct stream s;
	pid_t pid, child = 0, late;
	char *argv[] = { "sleep", "60", NULL };
	int pipes[2];

	assert(pipe(pipes) == 0);
	late = fork_child();
	if (late == 0) {
		char byte;

		if (read(pipes[0], &byte, 1) == 1)
			execv("/bin/sleep", argv);
		_exit(1);
	}
	stream_open(&s, 4096, 4096, MASK(process_fork));
	pid = fork_child();
	if (pid == 0) {
		run_true(100);
		_exit(0);
	}
	assert(waitpid(pid, NULL, 0) == pid);
	assert(posix_spawn(&child, "/bin/sleep", NULL, NULL, argv, environ) == 0);
	assert(write(pipes[1], "x", 1) == 1);
	/* the fork and exec of the one and the exec of the other were lost, and nothing else tells */
	for (int i = 0; i < 150 && n_differences(&s); i++)
		stream_run(&s, 100);
	the_table_is_the_machine(&s);
	kill(child, SIGKILL);
	kill(late, SIGKILL);
	waitpid(child, NULL, 0);
	waitpid(late, NULL, 0);
	close(pipes[0]);
	close(pipes[1]);
	stream_close(&s);
}

/* ---- the same pid twice ------------------------------------------------------------------------- */

static pid_t clone_with_pid(pid_t wanted)
{
	struct clone_args args = { .exit_signal = SIGCHLD, .set_tid = (uint64_t)&wanted, .set_tid_size = 1 };

	return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

static void run_with_pid(pid_t wanted, const char *program, const char *argument)
{
	pid_t pid = clone_with_pid(wanted);

	if (pid == 0) {
		execl(program, program, argument, NULL);
		_exit(1);
	}
	if (pid < 0) {
		printf("skipped: clone3 with set_tid: %s\n", strerror(errno));
		exit(77);
	}
	assert(pid == wanted && waitpid(pid, NULL, 0) == pid);
}

static pid_t unused_pid(void)
{
	FILE *file = fopen("/proc/sys/kernel/pid_max", "re");
	int max = 0;

	assert(file && fscanf(file, "%d", &max) == 1);
	fclose(file);
	for (pid_t pid = max - 1 - getpid() % 1000; pid > 2; pid--)
		if (kill(pid, 0) < 0 && errno == ESRCH)
			return pid;
	return 0;
}

static void a_pid_used_twice_is_two_processes(void)
{
	const struct ringfort_event *first, *second;
	struct process *process;
	struct stream s;
	pid_t pid = unused_pid();

	stream_open(&s, 0, 0, MASK(process_exec) | MASK(process_exit));
	run_with_pid(pid, "/bin/true", NULL);
	run_with_pid(pid, "/bin/cat", "/dev/null");
	stream_flush(&s);
	first = stream_next(&s, NULL, ringfort_type_process_exec, pid);
	assert(first);
	second = stream_next(&s, first, ringfort_type_process_exec, pid);
	assert(second && first->process.start_ns < second->process.start_ns);
	is(first, first->process.exe, "/usr/bin/true");
	is(second, second->process.exe, "/usr/bin/cat");
	process = table_find(sensor_table(s.sensor), (uint32_t)pid, first->process.start_ns);
	assert(process && process->exited && strcmp(process->image->text, "/usr/bin/true") == 0);
	process = table_find(sensor_table(s.sensor), (uint32_t)pid, second->process.start_ns);
	assert(process && process->exited && strcmp(process->image->text, "/usr/bin/cat") == 0);
	assert(stream_count(&s, ringfort_type_process_exit, pid) == 2);
	stream_close(&s);
}

/* ---- single events ------------------------------------------------------------------------------ */

static void an_exec_shows_the_new_image_and_a_failed_one_the_old(void)
{
	const struct ringfort_event *event;
	const struct ringfort_process_exec *exec;
	struct stream s;
	struct timespec now;
	const char *at;
	pid_t pid;

	stream_open(&s, 0, 0, MASK(process_exec));
	pid = fork_child();
	if (pid == 0) {
		assert(chdir("/tmp") == 0);
		execl("./no-such-program", "x", NULL);
		execl("/bin/true", "name", "", "b c", NULL);
		_exit(1);
	}
	stream_wait(&s, pid);
	stream_flush(&s);
	event = stream_next(&s, NULL, ringfort_type_process_exec, pid);
	assert(event);
	exec = ringfort_as_process_exec(event);
	assert(exec->error == ENOENT);
	assert(strstr(ringfort_string(event, event->process.exe), "test-sensor"));
	is(event, exec->called, "./no-such-program");
	event = stream_next(&s, event, ringfort_type_process_exec, pid);
	assert(event);
	exec = ringfort_as_process_exec(event);
	assert(exec->error == 0 && exec->argc == 3);
	is(event, exec->file.path, "/usr/bin/true");
	is(event, exec->called, "/bin/true");
	is(event, exec->cwd, "/tmp");
	is(event, event->process.exe, "/usr/bin/true");
	is(event, event->process.exe_called, "/bin/true");
	is(event, event->process.cwd, "/tmp");
	at = ringfort_next_string(event, event->process.argv, NULL);
	assert(strcmp(at, "name") == 0);
	at = ringfort_next_string(event, event->process.argv, at);
	assert(strcmp(at, "") == 0);
	at = ringfort_next_string(event, event->process.argv, at);
	assert(strcmp(at, "b c") == 0 && !ringfort_next_string(event, event->process.argv, at));
	assert(event->process.ppid == (uint32_t)getpid());
	assert(strstr(ringfort_string(event, event->process.parent_exe), "test-sensor"));
	assert(strstr(ringfort_string(event, event->process.ancestors), "test-sensor"));
	assert(event->process.cgroup_id == 0 || event->process.cgroup.length > 0);
	clock_gettime(CLOCK_REALTIME, &now);
	assert(llabs((long long)event->time_ns - now.tv_sec * 1000000000ll - now.tv_nsec) < 5000000000ll);
	stream_close(&s);
}

static void setid_is_told_once_with_what_was_before(void)
{
	const struct ringfort_event *event;
	const struct ringfort_process_setid *setid;
	struct stream s;
	pid_t pid;

	stream_open(&s, 0, 0, MASK(process_setid));
	pid = fork_child();
	if (pid == 0) {
		assert(setresuid(7, 7, 0) == 0);
		assert(setresuid(7, 7, 0) == 0);
		assert(setresuid(7, 7, 7) == 0);
		_exit(0);
	}
	stream_wait(&s, pid);
	stream_flush(&s);
	assert(stream_count(&s, ringfort_type_process_setid, pid) == 2);
	event = stream_next(&s, NULL, ringfort_type_process_setid, pid);
	setid = ringfort_as_process_setid(event);
	assert(setid->old_uid == 0 && setid->old_euid == 0 && setid->old_gid == 0);
	assert(setid->uid == 7 && setid->euid == 7 && setid->suid == 0);
	event = stream_next(&s, event, ringfort_type_process_setid, pid);
	setid = ringfort_as_process_setid(event);
	assert(setid->old_uid == 7 && setid->suid == 7);
	stream_adds_up(&s);
	stream_close(&s);
}

static void *wait_for_ever(void *nothing)
{
	pause();
	return nothing;
}

/* glibc makes all of them call setuid. */
static void threads_that_change_together_are_told_once(void)
{
	struct stream s;
	pid_t pid;

	stream_open(&s, 0, 0, MASK(process_setid));
	pid = fork_child();
	if (pid == 0) {
		pthread_t threads[4];

		for (int i = 0; i < 4; i++)
			assert(pthread_create(&threads[i], NULL, wait_for_ever, NULL) == 0);
		assert(setuid(7) == 0);
		_exit(0);
	}
	stream_wait(&s, pid);
	stream_flush(&s);
	assert(stream_count(&s, ringfort_type_process_setid, pid) == 1);
	stream_adds_up(&s);
	stream_close(&s);
}

static void *exec_true(void *nothing)
{
	execl("/bin/true", "true", NULL);
	_exit(1);
}

/* The kernel gives it the leader's pid and start. */
static void a_thread_that_execs_stays_the_same_process(void)
{
	const struct ringfort_event *fork_event, *exec_event;
	struct stream s;
	pid_t pid;

	stream_open(&s, 0, 0, MASK(process_fork) | MASK(process_exec) | MASK(process_exit));
	pid = fork_child();
	if (pid == 0) {
		pthread_t thread;

		usleep(20000);
		assert(pthread_create(&thread, NULL, exec_true, NULL) == 0);
		pause();
	}
	stream_wait(&s, pid);
	stream_flush(&s);
	fork_event = stream_next(&s, NULL, ringfort_type_process_fork, getpid());
	exec_event = stream_next(&s, NULL, ringfort_type_process_exec, pid);
	assert(fork_event && exec_event);
	assert(ringfort_as_process_fork(fork_event)->child.pid == (uint32_t)pid);
	assert(ringfort_as_process_fork(fork_event)->child.start_ns == exec_event->process.start_ns);
	assert(stream_count(&s, ringfort_type_process_exit, pid) == 1);
	assert(!table_find(sensor_table(s.sensor), (uint32_t)pid, 0)->older);
	stream_close(&s);
}

#define CONTAINER "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void a_cgroup_has_its_path_and_its_container(void)
{
	char top[64], path[256], procs[300], expected[256];
	const char *root = "/sys/fs/cgroup/unified";
	const struct ringfort_event *event;
	struct stream s;
	pid_t pid;

	if (access("/sys/fs/cgroup/unified/cgroup.procs", F_OK) < 0)
		root = "/sys/fs/cgroup";
	snprintf(top, sizeof(top), "%s/ringfort-test-%d", root, getpid());
	snprintf(path, sizeof(path), "%s/docker-" CONTAINER ".scope", top);
	snprintf(expected, sizeof(expected), "/ringfort-test-%d/docker-" CONTAINER ".scope", getpid());
	if (mkdir(top, 0755) < 0 || mkdir(path, 0755) < 0) {
		printf("no cgroup v2 here: %s, not tried\n", strerror(errno));
		return;
	}
	stream_open(&s, 0, 0, MASK(process_exec));
	pid = fork_child();
	if (pid == 0) {
		FILE *file;

		snprintf(procs, sizeof(procs), "%s/cgroup.procs", path);
		file = fopen(procs, "we");
		if (!file || fprintf(file, "0") < 0 || fclose(file) != 0)
			_exit(1);
		execl("/bin/true", "true", NULL);
		_exit(1);
	}
	/* before the assertions, so that nothing of it stays; the name must be learnt while it is there */
	stream_wait(&s, pid);
	stream_flush(&s);
	rmdir(path);
	rmdir(top);
	event = stream_next(&s, NULL, ringfort_type_process_exec, pid);
	assert(event);
	is(event, event->process.cgroup, expected);
	is(event, event->process.container_id, CONTAINER);
	stream_close(&s);
}

static void ptrace_names_its_target(void)
{
	const struct ringfort_event *event;
	const struct ringfort_process_ptrace *ptrace_event;
	struct stream s;
	pid_t pid, target;

	stream_open(&s, 0, 0, MASK(process_ptrace));
	target = fork_child();
	if (target == 0) {
		execl("/bin/sleep", "sleep", "60", NULL);
		_exit(1);
	}
	usleep(100000);
	pid = fork_child();
	if (pid == 0) {
		assert(ptrace(PTRACE_SEIZE, target, 0, 0) == 0);
		_exit(0);
	}
	stream_wait(&s, pid);
	stream_flush(&s);
	kill(target, SIGKILL);
	waitpid(target, NULL, 0);
	event = stream_next(&s, NULL, ringfort_type_process_ptrace, pid);
	assert(event);
	ptrace_event = ringfort_as_process_ptrace(event);
	assert(ptrace_event->target.pid == (uint32_t)target && ptrace_event->target.start_ns > 0);
	is(event, ptrace_event->target_exe, "/usr/bin/sleep");
	stream_close(&s);
}

static void a_self_test_and_its_children_are_marked(void)
{
	const struct ringfort_event *event = NULL;
	size_t n_marked = 0, n_other = 0;
	struct stream s;
	pid_t pid;
	int pipes[2];
	char byte;

	stream_open(&s, 0, 0, MASK(process_fork) | MASK(process_exec) | MASK(process_exit));
	assert(pipe(pipes) == 0);
	pid = fork_child();
	if (pid == 0) {
		if (read(pipes[0], &byte, 1) == 1)
			run_true(3);
		_exit(0);
	}
	stream_flush(&s);
	sensor_mark_selftest(s.sensor, (uint32_t)pid, table_find(sensor_table(s.sensor), (uint32_t)pid, 0)->start_ns);
	assert(write(pipes[1], "x", 1) == 1);
	stream_wait(&s, pid);
	run_true(1);
	stream_flush(&s);
	while ((event = stream_next(&s, event, 0, 0))) {
		bool ours = event->process.pid == (uint32_t)pid || event->process.ppid == (uint32_t)pid;

		assert(ours == !!(event->flags & RINGFORT_FLAG_SELFTEST));
		n_marked += ours;
		n_other += event->process.ppid == (uint32_t)getpid() && !ours;
	}
	assert(n_marked == 3 * 3 + 1 && n_other > 0);
	close(pipes[0]);
	close(pipes[1]);
	stream_close(&s);
}

int main(void)
{
	if (geteuid() != 0) {
		printf("skipped: needs root\n");
		return 77;
	}
	an_exec_shows_the_new_image_and_a_failed_one_the_old();
	setid_is_told_once_with_what_was_before();
	threads_that_change_together_are_told_once();
	a_thread_that_execs_stays_the_same_process();
	a_cgroup_has_its_path_and_its_container();
	ptrace_names_its_target();
	a_self_test_and_its_children_are_marked();
	a_pid_used_twice_is_two_processes();
	no_process_falls_between_scan_and_stream();
	a_fork_storm_is_followed_to_the_last_process();
	after_a_loss_the_table_is_repaired();
	return 0;
}
