/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gate canary - an opener of ours, by whom somebody else sees whether we answer.
 *
 * Its file lies on a file system that nobody else sees, so that no other group has a mark there: who waits
 * there waits for us.  Every group that decides is asked, one after the other, so none of them can be
 * forgotten unnoticed.
 */
#include "gate/gate-internal.h"

#include "gate/fan.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

int gate_canary(struct gate *gate, uint32_t pid, int root)
{
	struct stat st;

	if (fstat(root, &st) < 0)
		return -errno;
	gate->canary.pid = 0;
	close_fd(gate->canary.root);
	gate->canary.root = fcntl(root, F_DUPFD_CLOEXEC, 0);
	if (gate->canary.root < 0)
		return -errno;
	gate->canary.pid = pid;
	gate->canary.device = st.st_dev;
	return gate_canary_mark(gate);
}

int gate_canary_mark(struct gate *gate)
{
	int r;

	if (!gate->canary.pid)
		return 0;
	r = fan_mark_scope(gate->group, RINGFORT_ACT_OPEN, true, gate->canary.root);
	for (uint32_t scope = 0; scope < GATE_SCOPES && r == 0; scope++)
		if (gate->scopes[scope].group >= 0)
			r = fan_mark_scope(gate->scopes[scope].group, RINGFORT_ACT_OPEN, true, gate->canary.root);
	return r;
}

/* Its number may be somebody else's by now: he cannot be there. */
bool gate_canary_is(const struct gate *gate, const struct fan_event *event)
{
	struct stat st;

	return event->pid && event->pid == gate->canary.pid && fstat(event->fd, &st) == 0 &&
	       st.st_dev == gate->canary.device;
}

void gate_canary_answer(struct gate *gate, const struct fan_event *event)
{
	fan_answer(event->group, event->fd, RINGFORT_VERDICT_ALLOW);
	close(event->fd);
	gate->numbers->n_canary++;
}
