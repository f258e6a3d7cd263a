/* SPDX-License-Identifier: Apache-2.0 */
/* Canary - a child that is born and gone at once. */
#include "sensor/canary.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define STACK_BYTES 16384

static int gone_at_once(void *userdata)
{
	return 0;
}

int canary_fly(struct canary *canary)
{
	static _Alignas(16) char stack[STACK_BYTES];
	pid_t pid;

	/* On a machine that is busy the last one may still wait for its turn; nobody waits for it. */
	if (canary->child && waitpid((pid_t)canary->child, NULL, WNOHANG) == 0)
		return -EAGAIN;
	canary->self = (uint32_t)getpid();
	canary->before = canary->child;
	canary->born = false;
	/* Our memory is shared, not copied. */
	pid = clone(gone_at_once, stack + sizeof(stack), CLONE_VM | SIGCHLD, NULL);
	canary->child = pid < 0 ? 0 : (uint32_t)pid;
	return pid < 0 ? -errno : 0;
}

bool canary_is(struct canary *canary, const struct probe_record *record)
{
	const struct ringfort_process_fork *born = (const void *)(record + 1);

	if (record->pid == 0)
		return false;
	if (record->type == ringfort_type_process_fork && record->pid == canary->self) {
		canary->born |= born->child.pid == canary->child;
		return true;
	}
	return record->type == ringfort_type_process_exit &&
	       (record->pid == canary->child || record->pid == canary->before);
}
