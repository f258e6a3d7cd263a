/* SPDX-License-Identifier: Apache-2.0 */
/* Outside - names, and what crosses from the sensor to control. */
#include "ringfortd/outside.h"

#include "event/backstop.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define INITIAL_PID_NS 0xeffffffcu /* its inode, on every kernel */

uint32_t outside_kind(uint32_t exec_flags)
{
	if (exec_flags & 1u << RINGFORT_EXEC_MEMFD)
		return BACKSTOP_MEMFD;
	return exec_flags & 1u << RINGFORT_EXEC_USER_MOUNT ? BACKSTOP_USER_MOUNT : BACKSTOP_ELSEWHERE;
}

const char *outside_name(uint32_t kind)
{
	static const char *const names[_BACKSTOP_KIND_N] = { "memfd", "user_mount", "elsewhere" };

	return kind < _BACKSTOP_KIND_N ? names[kind] : "unknown";
}

const char *outside_says(uint32_t policy)
{
	static const char *const words[_BACKSTOP_POLICY_N] = { "ignore", "report", "kill", "stop" };

	return policy < _BACKSTOP_POLICY_N ? words[policy] : "unknown";
}

bool outside_can_stop(void)
{
	struct stat ns;

	return stat("/proc/self/ns/pid", &ns) == 0 && ns.st_ino == INITIAL_PID_NS;
}

void outside_killed(struct message_killed *ret_killed, const struct ringfort_event *event)
{
	const struct ringfort_process_exec *exec = ringfort_as_process_exec(event);

	memset(ret_killed, 0, sizeof(*ret_killed));
	ret_killed->flags = exec->flags;
	ret_killed->file_flags = exec->file.flags;
	ret_killed->pid = event->process.pid;
	ret_killed->ppid = event->process.ppid;
	ret_killed->uid = event->process.uid;
	ret_killed->euid = event->process.euid;
	ret_killed->start_ns = event->process.start_ns;
	ret_killed->dev = exec->file.dev;
	ret_killed->ino = exec->file.ino;
	snprintf(ret_killed->path, sizeof(ret_killed->path), "%s", ringfort_string(event, exec->file.path));
	snprintf(ret_killed->parent, sizeof(ret_killed->parent), "%s",
		 ringfort_string(event, event->process.parent_exe));
}
