/* SPDX-License-Identifier: Apache-2.0 */
/* Trigger, processes - birth, death, credentials, and taking hold of one another. */
#include "trigger.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

/* A child that waits until it is killed. */
static pid_t start_child(void)
{
	pid_t pid = (pid_t)check(fork());

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	return pid;
}

static void end_child(pid_t pid)
{
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
		;
}

/* ---- birth -------------------------------------------------------------------------------- */

static void tell_child(pid_t pid, uint64_t flags)
{
	fact_begin();
	fact_process("child", pid);
	fact_number("flags", (int64_t)flags);
	fact_end();
	end_child(pid);
}

/* fork HOW: fork, clone (a raw one, with flags), clone3 */
static void act_fork(char **argv)
{
	const char *how = argument(&argv);
	uint64_t flags = 0;
	long pid;

	if (strcmp(how, "clone3") == 0) {
		struct clone_args args = { .flags = CLONE_FS, .exit_signal = SIGCHLD };

		flags = args.flags;
		pid = syscall(SYS_clone3, &args, sizeof(args));
	} else {
		if (strcmp(how, "clone") == 0)
			flags = CLONE_FILES | CLONE_FS;
		pid = syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL);
	}
	if (check(pid) == 0)
		for (;;)
			pause();
	tell_child((pid_t)pid, flags);
}

/* The parent waits until the child has gone, so the child's start is told by itself. */
static void act_vfork(char **argv)
{
	pid_t pid = vfork();

	if (pid == 0) {
		fact_begin();
		fact_process("child", getpid());
		fact_number("flags", CLONE_VFORK | CLONE_VM);
		fact_end();
		_exit(0);
	}
	check(pid);
	check(waitpid(pid, NULL, 0));
}

static void *nothing(void *arg)
{
	return arg;
}

/* A thread is no process: nothing to tell. */
static void act_thread(char **argv)
{
	pthread_t thread;

	check(-pthread_create(&thread, NULL, nothing, NULL));
	check(-pthread_join(thread, NULL));
	fact_begin();
	fact_end();
}

/* ---- death -------------------------------------------------------------------------------- */

static void act_exit_code(char **argv)
{
	fact_begin();
	fact_end();
	_exit(atoi(argument(&argv)));
}

/* exit-signal SIGNAL CORE: with 1 the kernel may write a core file */
static void act_exit_signal(char **argv)
{
	int number = atoi(argument(&argv));
	struct rlimit limit = { 0 };

	if (atoi(argument(&argv)))
		limit = (struct rlimit){ RLIM_INFINITY, RLIM_INFINITY };
	check(setrlimit(RLIMIT_CORE, &limit));
	/* A shell lets what it starts in the background ignore some. */
	signal(number, SIG_DFL);
	fact_begin();
	fact_end();
	kill(getpid(), number);
	pause();
}

static void *exit_later(void *arg)
{
	struct timespec pause_for = { .tv_nsec = 100000000 };

	fact_begin();
	fact_number("tid", gettid());
	fact_end();
	nanosleep(&pause_for, NULL);
	syscall(SYS_exit, 5);
	return arg;
}

/* The leader goes first: the process is dead when the thread goes too. */
static void act_exit_thread_last(char **argv)
{
	pthread_t thread;

	check(-pthread_create(&thread, NULL, exit_later, NULL));
	syscall(SYS_exit, 3);
}

/* ---- credentials -------------------------------------------------------------------------- */

static uint64_t effective_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	check(syscall(SYS_capget, &header, data));
	return (uint64_t)data[1].effective << 32 | data[0].effective;
}

static void tell_ids(void)
{
	uid_t uid, euid, suid;
	gid_t gid, egid, sgid;

	check(getresuid(&uid, &euid, &suid));
	check(getresgid(&gid, &egid, &sgid));
	fact_begin();
	fact_number("uid", uid);
	fact_number("euid", euid);
	fact_number("suid", suid);
	fact_number("fsuid", (uid_t)setfsuid((uid_t)-1));
	fact_number("gid", gid);
	fact_number("egid", egid);
	fact_number("sgid", sgid);
	fact_number("fsgid", (gid_t)setfsgid((gid_t)-1));
	fact_number("cap_effective", (int64_t)effective_capabilities());
	fact_end();
}

static void drop_capability(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	check(syscall(SYS_capget, &header, data));
	data[0].effective &= ~(1u << CAP_SYS_ADMIN);
	check(syscall(SYS_capset, &header, data));
}

/* setid HOW: raw calls, which concern this thread only */
static void act_setid(char **argv)
{
	const char *how = argument(&argv);

	if (strcmp(how, "setuid") == 0)
		check(syscall(SYS_setuid, 1001));
	else if (strcmp(how, "setreuid") == 0)
		check(syscall(SYS_setreuid, 1001, 1002));
	else if (strcmp(how, "setresuid") == 0)
		check(syscall(SYS_setresuid, 1001, 1002, 1003));
	else if (strcmp(how, "setgid") == 0)
		check(syscall(SYS_setgid, 1001));
	else if (strcmp(how, "setregid") == 0)
		check(syscall(SYS_setregid, 1001, 1002));
	else if (strcmp(how, "setresgid") == 0)
		check(syscall(SYS_setresgid, 1001, 1002, 1003));
	else if (strcmp(how, "setfsuid") == 0)
		check(syscall(SYS_setfsuid, 1004));
	else if (strcmp(how, "setfsgid") == 0)
		check(syscall(SYS_setfsgid, 1004));
	else if (strcmp(how, "capset") == 0)
		drop_capability();
	else if (strcmp(how, "same") == 0)
		check(syscall(SYS_setuid, getuid()));
	else
		argument(&argv);
	tell_ids();
}

/* ---- taking hold -------------------------------------------------------------------------- */

static void tell_target(pid_t pid, int error)
{
	fact_begin();
	fact_process("target", pid);
	fact_number("error", error);
	fact_end();
}

static void act_ptrace_attach(char **argv)
{
	pid_t pid = start_child();

	check(ptrace(PTRACE_ATTACH, pid, NULL, NULL));
	tell_target(pid, 0);
	end_child(pid);
}

static void act_ptrace_seize(char **argv)
{
	pid_t pid = start_child();

	check(ptrace(PTRACE_SEIZE, pid, NULL, NULL));
	tell_target(pid, 0);
	end_child(pid);
}

static void act_ptrace_traceme(char **argv)
{
	check(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
	tell_target(getpid(), 0);
}

/* Only the requests behind the attachment are looked at. */
static void act_ptrace_write(char **argv)
{
	struct user_regs_struct registers;
	static long word = 1;
	pid_t pid = start_child();

	check(ptrace(PTRACE_ATTACH, pid, NULL, NULL));
	check(waitpid(pid, NULL, 0));
	check(ptrace(PTRACE_POKEDATA, pid, &word, 2L));
	check(ptrace(PTRACE_POKETEXT, pid, &word, 3L));
	check(ptrace(PTRACE_GETREGS, pid, NULL, &registers));
	check(ptrace(PTRACE_SETREGS, pid, NULL, &registers));
	tell_target(pid, 0);
	end_child(pid);
}

static void act_ptrace_failed(char **argv)
{
	pid_t pid = (pid_t)atoi(argument(&argv));

	check(ptrace(PTRACE_ATTACH, pid, NULL, NULL) < 0 ? 0 : -1);
	tell_target(pid, errno);
}

static void act_vm_writev(char **argv)
{
	static char byte;
	pid_t pid = start_child();
	struct iovec local = { "x", 1 }, remote = { &byte, 1 };

	check(process_vm_writev(pid, &local, 1, &remote, 1, 0));
	tell_target(pid, 0);
	end_child(pid);
}

const struct act process_acts[] = {
	{ "fork", act_fork },
	{ "vfork", act_vfork },
	{ "thread", act_thread },
	{ "exit-code", act_exit_code },
	{ "exit-signal", act_exit_signal },
	{ "exit-thread-last", act_exit_thread_last },
	{ "setid", act_setid },
	{ "ptrace-attach", act_ptrace_attach },
	{ "ptrace-seize", act_ptrace_seize },
	{ "ptrace-traceme", act_ptrace_traceme },
	{ "ptrace-write", act_ptrace_write },
	{ "ptrace-failed", act_ptrace_failed },
	{ "vm-writev", act_vm_writev },
	{ 0 },
};
