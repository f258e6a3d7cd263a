/* SPDX-License-Identifier: Apache-2.0 */
/* Process state - stopped, traced, adjusted; and a name that lies. */
#undef NDEBUG
#include "ringfortd/process-state.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t child(const char *name)
{
	pid_t pid = fork();

	assert(pid >= 0);
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, name);
	for (;;)
		pause();
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	assert(waitpid(pid, NULL, 0) == pid);
}

static void a_stopped_process_is_stopped_until_it_goes_on(void)
{
	struct process_state state;
	pid_t pid = child("plain");

	assert(process_state_read(pid, &state) == 0 && !state.stopped && state.tracer == 0);
	kill(pid, SIGSTOP);
	assert(waitpid(pid, NULL, WUNTRACED) == pid);
	assert(process_state_read(pid, &state) == 0 && state.stopped);
	kill(pid, SIGCONT);
	assert(process_state_read(pid, &state) == 0 && !state.stopped);
	end(pid);
}

static void a_tracer_is_named_and_its_stop_is_no_signal(void)
{
	struct process_state state;
	pid_t pid = child("traced");

	assert(ptrace(PTRACE_ATTACH, pid, NULL, NULL) == 0);
	assert(waitpid(pid, NULL, 0) == pid);
	assert(process_state_read(pid, &state) == 0);
	assert(state.tracer == getpid() && !state.stopped);
	end(pid);
}

static void a_name_cannot_lie(void)
{
	struct process_state state;
	pid_t pid = child("x\nState:\tT");

	usleep(20000);
	assert(process_state_read(pid, &state) == 0 && !state.stopped);
	end(pid);
}

static void the_score_is_read_and_written(void)
{
	struct process_state state;
	pid_t pid = child("score");

	assert(process_state_read(pid, &state) == 0);
	assert(process_state_set_oom(pid, 777) == 0);
	assert(process_state_read(pid, &state) == 0 && state.oom_score == 777);
	end(pid);
}

static void one_that_ended_is_gone(void)
{
	struct process_state state;
	pid_t pid = child("gone");

	kill(pid, SIGKILL);
	assert(waitid(P_PID, (id_t)pid, &(siginfo_t){ 0 }, WEXITED | WNOWAIT) == 0);
	assert(process_state_read(pid, &state) == -ESRCH);
	end(pid);
	assert(process_state_read(pid, &state) == -ENOENT);
}

int main(void)
{
	a_stopped_process_is_stopped_until_it_goes_on();
	a_tracer_is_named_and_its_stop_is_no_signal();
	a_name_cannot_lie();
	the_score_is_read_and_written();
	one_that_ended_is_gone();
	return 0;
}
