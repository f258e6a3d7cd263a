/* SPDX-License-Identifier: Apache-2.0 */
/* Kernel helper: who comes from a kernel thread, and who is merely in no session. */
#undef NDEBUG
#include "gate/kernel-helper.h"

#include <assert.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* The kernel's threads are seen only where process 2 is their parent: not in a container. */
static bool sees_kernel_threads(void)
{
	char name[32] = "";
	FILE *file = fopen("/proc/2/comm", "re");

	if (file) {
		assert(fgets(name, sizeof(name), file));
		fclose(file);
	}
	return !strcmp(name, "kthreadd\n");
}

static pid_t sleeper(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pause();
		_exit(0);
	}
	assert(pid > 0);
	return pid;
}

static void end(pid_t pid)
{
	assert(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
}

static bool is_kernel_thread(pid_t pid)
{
	char path[32], line[128];
	bool is = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		is |= !strcmp(line, "PPid:\t2\n");
	if (file)
		fclose(file);
	return is;
}

static void a_kernel_thread_and_what_would_be_its_child_are_the_kernels(void)
{
	int n = 0;

	if (!sees_kernel_threads()) {
		fprintf(stderr, "skipped: no kernel threads in this /proc\n");
		return;
	}
	assert(kernel_helper_is(2));
	for (pid_t pid = 3; pid < 100; pid++)
		if (is_kernel_thread(pid)) {
			assert(kernel_helper_is(pid));
			n++;
		}
	assert(n > 0);
}

static void process_one_and_its_descendants_are_not(void)
{
	pid_t pid = sleeper();

	assert(!kernel_helper_is(1) && !kernel_helper_is(getpid()) && !kernel_helper_is(pid));
	end(pid);
}

static void a_name_with_parentheses_changes_nothing(void)
{
	char path[32], name[32] = "";
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* As if it were a child of kthreadd. */
		prctl(PR_SET_NAME, ") S 2 0 0 0 0 0");
		pause();
		_exit(0);
	}
	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	while (strcmp(name, ") S 2 0 0 0 0 0\n")) {
		FILE *file = fopen(path, "re");

		assert(file && fgets(name, sizeof(name), file));
		fclose(file);
	}
	assert(!kernel_helper_is(pid));
	end(pid);
}

static void of_who_has_gone_nothing_can_be_told(void)
{
	pid_t pid = sleeper();

	end(pid);
	assert(!kernel_helper_is(pid));
}

/* As process 1 of a namespace: it and its children are in no session that is known here. */
static int inside(void)
{
	pid_t pid;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || mount("proc", "/proc", "proc", 0, NULL) < 0)
		return 77;
	pid = sleeper();
	assert(getsid(0) == 0 && getsid(pid) == 0);
	assert(!kernel_helper_is(1) && !kernel_helper_is(pid));
	end(pid);
	return 0;
}

static void in_a_container_who_is_in_no_session_is_not_the_kernels(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		if (unshare(CLONE_NEWNS | CLONE_NEWPID) < 0)
			_exit(77);
		pid = fork();
		if (pid == 0)
			_exit(inside());
		_exit(waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : 1);
	}
	assert(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		fprintf(stderr, "skipped: needs namespaces of its own\n");
	else
		assert(WEXITSTATUS(status) == 0);
}

int main(void)
{
	a_kernel_thread_and_what_would_be_its_child_are_the_kernels();
	process_one_and_its_descendants_are_not();
	a_name_with_parentheses_changes_nothing();
	of_who_has_gone_nothing_can_be_told();
	in_a_container_who_is_in_no_session_is_not_the_kernels();
	return 0;
}
