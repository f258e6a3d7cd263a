/* SPDX-License-Identifier: Apache-2.0 */
/* Alone - see test-alone.h */
#include "gate/test-alone.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* What was mounted is in the namespace of all three. */
static _Noreturn void end_with(pid_t pid, const char *folder)
{
	int status = -1;

	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	umount2(folder, MNT_DETACH);
	rmdir(folder);
	if (WIFSIGNALED(status))
		_exit(128 + WTERMSIG(status));
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

bool alone_begin(char *folder)
{
	pid_t pid;

	if (unshare(CLONE_NEWNS | CLONE_NEWPID) < 0 || !mkdtemp(folder))
		return false;
	/* Process 1 hears no signal that it does not handle, abort() and alarm() among them: the test is its child. */
	for (int i = 0; i < 2; i++) {
		pid = fork();
		if (pid != 0)
			end_with(pid, folder);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	}
	return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 && mount("proc", "/proc", "proc", 0, NULL) == 0 &&
	       mount("none", folder, "tmpfs", 0, "mode=755") == 0;
}
