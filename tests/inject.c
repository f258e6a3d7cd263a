/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inject - make another process close descriptors of its own, as root can by ptrace: PID FD...
 *
 * Each call of close(2) is one instruction written where the process stands; then all is as it was.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>

#if defined(__x86_64__)
#define SYSCALL_INSTRUCTION 0x050fl

static int close_in(pid_t pid, unsigned long fd)
{
	struct user_regs_struct before, call;
	long word;
	int status;

	if (ptrace(PTRACE_GETREGS, pid, NULL, &before) < 0)
		return -errno;
	errno = 0;
	word = ptrace(PTRACE_PEEKTEXT, pid, before.rip, NULL);
	if (errno)
		return -errno;
	call = before;
	call.rax = SYS_close;
	call.rdi = fd;
	call.orig_rax = (unsigned long)-1; /* no call is to be begun again */
	if (ptrace(PTRACE_POKETEXT, pid, before.rip, (word & ~0xffffl) | SYSCALL_INSTRUCTION) < 0 ||
	    ptrace(PTRACE_SETREGS, pid, NULL, &call) < 0 || ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) < 0 ||
	    waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status) ||
	    ptrace(PTRACE_GETREGS, pid, NULL, &call) < 0)
		return -EIO;
	if (ptrace(PTRACE_POKETEXT, pid, before.rip, word) < 0 || ptrace(PTRACE_SETREGS, pid, NULL, &before) < 0)
		return -EIO;
	return (int)call.rax;
}
#else
static int close_in(pid_t pid, unsigned long fd)
{
	return -ENOSYS;
}
#endif

int main(int argc, char **argv)
{
	pid_t pid = argc > 1 ? (pid_t)atol(argv[1]) : 0;
	int status, r = 0;

	if (pid <= 0 || ptrace(PTRACE_ATTACH, pid, NULL, NULL) < 0 || waitpid(pid, &status, 0) != pid) {
		perror("ptrace");
		return 2;
	}
	for (int i = 2; i < argc && r == 0; i++)
		r = close_in(pid, strtoul(argv[i], NULL, 10));
	ptrace(PTRACE_DETACH, pid, NULL, NULL);
	if (r < 0)
		fprintf(stderr, "close: %d\n", r);
	return r < 0 ? (r == -ENOSYS ? 77 : 1) : 0;
}
