/* SPDX-License-Identifier: Apache-2.0 */
/* Scope keeper - the lives of the process that walks scopes. */
#include "ringfortd/scope-keeper.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "host/scopes.h"
#include "ringfortd/role-life.h"
#include "ringfortd/role.h"
#include "ringfortd/supervisor.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define SHORT_LIFE_NS 1000000000ull

bool scope_keeper_wanted(const struct supervisor *supervisor)
{
	for (uint32_t scope = 0; scope < scopes_n(supervisor->config); scope++)
		if (scopes_acts(supervisor->config, scope))
			return true;
	return false;
}

static int run(const struct supervisor *supervisor, int fd)
{
	const struct scopes_role role = { .gate_fd = fd, .config = supervisor->config };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	role_begin("scopes", role.config);
	role_keep_only((int[]){ role.gate_fd }, 1);
	return role_scopes(&role);
}

int scope_keeper_start(struct supervisor *supervisor)
{
	struct scope_keeper *keeper = &supervisor->gate.scopes;
	uint64_t now_ns = supervisor_now_ns();
	int fd;

	if (keeper->pid || !scope_keeper_wanted(supervisor) ||
	    (!keeper->condemned && now_ns - keeper->born_ns < SHORT_LIFE_NS))
		return -1;
	fd = gate_keeper_spawn(&supervisor->gate, run, &keeper->pid);
	if (fd < 0)
		return fd;
	keeper->condemned = false;
	keeper->born_ns = now_ns;
	return fd;
}

void scope_keeper_end(struct scope_keeper *keeper)
{
	if (keeper->pid <= 0)
		return;
	keeper->condemned = true;
	kill(keeper->pid, SIGKILL);
}

bool scope_keeper_ended(struct supervisor *supervisor)
{
	struct scope_keeper *keeper = &supervisor->gate.scopes;
	const pid_t pid = keeper->pid;
	int status;

	if (pid <= 0 || waitpid(pid, &status, WNOHANG) != pid)
		return false;
	keeper->pid = 0;
	gate_keeper_own(&supervisor->gate, pid, false);
	if (supervisor->ending || keeper->condemned)
		return true;
	log_error("the process that walks scopes ended (status %#x): new folders are not guarded until the next one", status);
	if (WIFSIGNALED(status))
		tamper_killed(supervisor, "scopes", pid, WTERMSIG(status), true);
	return true;
}
