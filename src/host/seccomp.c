/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seccomp - the system calls that a solution has.
 *
 * What is not listed fails with EPERM, so that a library that merely tries goes on; what only an
 * attack has a use for kills the process with SIGSYS.
 *
 * execve(2) is allowed for one value of its first argument: an address in page 0.  Only a process
 * with CAP_SYS_RAWIO can map that page (vm.mmap_min_addr), we are one before we drop it, and the
 * page goes with our address space.  So the path can be there for the one call that starts the
 * solution and never again.  Where we lack that capability the page lies elsewhere, and a solution
 * could rebuild it; Landlock then still lets it execute nothing but itself, in this very sandbox.
 */
#include "host/sandbox.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static const int allowed[] = {
	/* read, write and wait on what it was given; open and read files */
	SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(readv), SCMP_SYS(writev), SCMP_SYS(pread64),
	SCMP_SYS(preadv), SCMP_SYS(preadv2), SCMP_SYS(close), SCMP_SYS(close_range),
	SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(lseek), SCMP_SYS(_llseek), SCMP_SYS(getdents),
	SCMP_SYS(getdents64), SCMP_SYS(stat), SCMP_SYS(lstat), SCMP_SYS(fstat), SCMP_SYS(stat64),
	SCMP_SYS(lstat64), SCMP_SYS(fstat64), SCMP_SYS(newfstatat), SCMP_SYS(fstatat64),
	SCMP_SYS(statx), SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2),
	SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(getcwd), SCMP_SYS(chdir), SCMP_SYS(fchdir),
	SCMP_SYS(fadvise64), SCMP_SYS(dup), SCMP_SYS(dup2), SCMP_SYS(dup3), SCMP_SYS(pipe),
	SCMP_SYS(pipe2), SCMP_SYS(eventfd), SCMP_SYS(eventfd2), SCMP_SYS(poll), SCMP_SYS(ppoll),
	SCMP_SYS(select), SCMP_SYS(_newselect), SCMP_SYS(pselect6), SCMP_SYS(epoll_create),
	SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_pwait2),
	/* take the files of requests; there is no call to hand one on */
	SCMP_SYS(recvmsg),
	/* memory; mmap, mprotect and madvise see below */
	SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(membarrier),
	/* time */
	SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres), SCMP_SYS(clock_nanosleep),
	SCMP_SYS(nanosleep), SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(times),
	SCMP_SYS(timerfd_create), SCMP_SYS(timerfd_settime), SCMP_SYS(timerfd_gettime),
	SCMP_SYS(alarm), SCMP_SYS(setitimer), SCMP_SYS(getitimer),
	/* signals: its pid namespace holds its own processes only */
	SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigsuspend), SCMP_SYS(rt_sigtimedwait), SCMP_SYS(rt_sigpending),
	SCMP_SYS(sigaltstack), SCMP_SYS(signalfd4), SCMP_SYS(sigreturn), SCMP_SYS(kill),
	SCMP_SYS(tkill), SCMP_SYS(tgkill), SCMP_SYS(pause), SCMP_SYS(restart_syscall),
	/* threads and children, as many as its limits hold; clone see below */
	SCMP_SYS(fork), SCMP_SYS(vfork), SCMP_SYS(wait4), SCMP_SYS(waitid), SCMP_SYS(exit),
	SCMP_SYS(exit_group), SCMP_SYS(futex), SCMP_SYS(set_robust_list), SCMP_SYS(get_robust_list),
	SCMP_SYS(set_tid_address), SCMP_SYS(rseq), SCMP_SYS(arch_prctl), SCMP_SYS(set_thread_area),
	SCMP_SYS(sched_yield), SCMP_SYS(sched_getaffinity), SCMP_SYS(getcpu),
	/* about itself */
	SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(getppid), SCMP_SYS(getpgrp), SCMP_SYS(getpgid),
	SCMP_SYS(getsid), SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getegid),
	SCMP_SYS(getresuid), SCMP_SYS(getresgid), SCMP_SYS(getgroups), SCMP_SYS(getrandom),
	SCMP_SYS(getrusage), SCMP_SYS(getrlimit), SCMP_SYS(ugetrlimit), SCMP_SYS(setrlimit),
	SCMP_SYS(uname),
	SCMP_SYS(sysinfo), SCMP_SYS(capget), SCMP_SYS(umask),
};

/* Only with SPAWN_SHARE_NETWORK, and only of these families: no other process of the host. */
static const int families[] = { AF_INET, AF_INET6 };

static const int allowed_network[] = {
	SCMP_SYS(connect), SCMP_SYS(bind), SCMP_SYS(listen), SCMP_SYS(accept), SCMP_SYS(accept4),
	SCMP_SYS(getsockname), SCMP_SYS(getpeername), SCMP_SYS(getsockopt), SCMP_SYS(setsockopt),
	SCMP_SYS(shutdown), SCMP_SYS(sendto), SCMP_SYS(recvfrom), SCMP_SYS(sendmsg),
	SCMP_SYS(sendmmsg), SCMP_SYS(recvmmsg),
};

/* Nobody tries these by accident. */
static const int deadly[] = {
	SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev), SCMP_SYS(kcmp),
	SCMP_SYS(pidfd_getfd), SCMP_SYS(bpf), SCMP_SYS(perf_event_open), SCMP_SYS(userfaultfd),
	SCMP_SYS(io_uring_setup), SCMP_SYS(io_uring_enter), SCMP_SYS(io_uring_register),
	SCMP_SYS(init_module), SCMP_SYS(finit_module), SCMP_SYS(delete_module), SCMP_SYS(kexec_load),
	SCMP_SYS(kexec_file_load), SCMP_SYS(reboot), SCMP_SYS(mount), SCMP_SYS(umount),
	SCMP_SYS(umount2), SCMP_SYS(pivot_root), SCMP_SYS(chroot), SCMP_SYS(move_mount),
	SCMP_SYS(open_tree), SCMP_SYS(fsopen), SCMP_SYS(fsconfig), SCMP_SYS(fsmount),
	SCMP_SYS(fspick), SCMP_SYS(mount_setattr), SCMP_SYS(unshare), SCMP_SYS(setns),
	SCMP_SYS(open_by_handle_at), SCMP_SYS(fanotify_init), SCMP_SYS(add_key),
	SCMP_SYS(request_key), SCMP_SYS(keyctl), SCMP_SYS(swapon), SCMP_SYS(swapoff), SCMP_SYS(acct),
	SCMP_SYS(quotactl), SCMP_SYS(iopl), SCMP_SYS(ioperm), SCMP_SYS(settimeofday),
	SCMP_SYS(clock_settime), SCMP_SYS(adjtimex), SCMP_SYS(clock_adjtime), SCMP_SYS(syslog),
};

static const int prctls[] = {
	PR_SET_NAME, PR_GET_NAME, PR_SET_DUMPABLE, PR_GET_DUMPABLE, PR_GET_NO_NEW_PRIVS,
	PR_GET_SECCOMP, PR_CAPBSET_READ, 0x53564d41 /* PR_SET_VMA: malloc names its mappings */,
};

/* No locks, leases, seals or signal owners: each reaches beyond the process. */
static const int fcntls[] = {
	F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD, F_DUPFD_CLOEXEC,
};

/* Not MADV_REMOVE, which punches holes into what is shared, nor what pages it out or merges it. */
static const int advices[] = {
	MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED, MADV_DONTNEED, MADV_FREE,
	MADV_DONTFORK, MADV_DOFORK, MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_DONTDUMP, MADV_DODUMP,
	MADV_WIPEONFORK, MADV_KEEPONFORK,
};

#define N(array) (sizeof(array) / sizeof(array[0]))

static int add_all(scmp_filter_ctx filter, uint32_t action, const int *calls, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int r = seccomp_rule_add(filter, action, calls[i], 0);

		if (r < 0)
			return r;
	}
	return 0;
}

/* Allow a call for each of some values of one argument. */
static int add_values(scmp_filter_ctx filter, int call, unsigned int argument, const int *values,
		      size_t n)
{
	for (size_t i = 0; i < n; i++) {
		/* The kernel looks at 32 bits of it: so do we. */
		int r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1,
					 SCMP_CMP64(argument, SCMP_CMP_MASKED_EQ, 0xffffffff,
						    (uint32_t)values[i]));

		if (r < 0)
			return r;
	}
	return 0;
}

/*
 * Executable memory comes from files only (on mounts that allow it), and no mapping is both writable and
 * executable.  Two of them can be of one memory, the mailbox: no mount is there to say noexec for it.
 */
static int add_memory(scmp_filter_ctx filter)
{
	static const int maps[] = { SCMP_SYS(mmap), SCMP_SYS(mmap2) };
	int r = 0;

	for (size_t i = 0; r == 0 && i < N(maps); i++) {
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, maps[i], 1,
				     SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
		if (r == 0)
			r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, maps[i], 2,
					     SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC | PROT_WRITE, PROT_EXEC),
					     SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, 0));
	}
	if (r == 0)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
				     SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	return r;
}

static int add_network(scmp_filter_ctx filter)
{
	int r = add_all(filter, SCMP_ACT_ALLOW, allowed_network, N(allowed_network));

	return r < 0 ? r : add_values(filter, SCMP_SYS(socket), 0, families, N(families));
}

static int add_processes(scmp_filter_ctx filter, const struct sandbox *sandbox)
{
	const uint64_t namespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
				    CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
	int r;

	r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
			     SCMP_A0(SCMP_CMP_MASKED_EQ, namespaces, 0));
	/* Its flags lie in memory, out of a filter's sight; libc then takes clone(2). */
	if (r == 0)
		r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	if (r == 0)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(execve), 1,
				     SCMP_A0(SCMP_CMP_EQ, (uintptr_t)sandbox->executable));
	/* Its own limits, to read or to lower: hard ones cannot be raised without a capability. */
	if (r == 0)
		r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1,
				     SCMP_A0(SCMP_CMP_MASKED_EQ, 0xffffffff, 0));
	return r;
}

int sandbox_executable(struct sandbox *sandbox)
{
	const char *path = sandbox->options->executable;
	size_t size = strlen(path) + 1, page = (size_t)sysconf(_SC_PAGESIZE);
	uintptr_t address = 16;
	char *at;

	if (size > page - address)
		return -ENAMETOOLONG;
	at = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	if (at == MAP_FAILED)
		at = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED)
		return -errno;
	address += (uintptr_t)at;
	/* Hide from the compiler that this may be next to NULL. */
	__asm__("" : "+r"(address));
	sandbox->executable = (char *)address;
	memcpy(sandbox->executable, path, size);
	return 0;
}

static int add_rules(scmp_filter_ctx filter, const struct sandbox *sandbox)
{
	int r;

	/* A call by another architecture's numbers means something else. */
	r = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (r == 0)
		r = add_all(filter, SCMP_ACT_ALLOW, allowed, N(allowed));
	if (r == 0)
		r = add_all(filter, SCMP_ACT_KILL_PROCESS, deadly, N(deadly));
	if (r == 0 && sandbox->options->share & SPAWN_SHARE_NETWORK)
		r = add_network(filter);
	if (r == 0)
		r = add_values(filter, SCMP_SYS(prctl), 0, prctls, N(prctls));
	if (r == 0)
		r = add_values(filter, SCMP_SYS(fcntl), 1, fcntls, N(fcntls));
	if (r == 0)
		r = add_values(filter, SCMP_SYS(madvise), 2, advices, N(advices));
	if (r == 0)
		r = add_memory(filter);
	if (r == 0)
		r = add_processes(filter, sandbox);
	return r;
}

/* The only way out of libseccomp 2.5 that is not seccomp_load() is a file. */
static int export(scmp_filter_ctx filter, struct sandbox *sandbox)
{
	_cleanup_(closep) int fd = -1;
	struct stat st;
	int r;

	fd = memfd_create("seccomp", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = seccomp_export_bpf(filter, fd);
	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		return -errno;
	sandbox->filter = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (sandbox->filter == MAP_FAILED)
		return -errno;
	sandbox->n_filter = (size_t)st.st_size / sizeof(struct sock_filter);
	return 0;
}

int sandbox_filter(struct sandbox *sandbox)
{
	scmp_filter_ctx filter;
	int r;

	filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	if (!filter)
		return -ENOMEM;
	r = add_rules(filter, sandbox);
	if (r == 0)
		r = export(filter, sandbox);
	seccomp_release(filter);
	return r;
}

int sandbox_seccomp(struct sandbox *sandbox)
{
	struct sock_fprog program = {
		.len = (unsigned short)sandbox->n_filter,
		.filter = sandbox->filter,
	};

	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
		return -errno;
	return 0;
}
