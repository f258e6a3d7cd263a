/* SPDX-License-Identifier: Apache-2.0 */
/* Supervisor - what the files of the supervising process share. */
#include "ringfortd/supervisor.h"

#include "base/log.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

uint64_t supervisor_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

void supervisor_end(struct supervisor *supervisor, int result)
{
	if (!supervisor->ending)
		supervisor->result = result;
	supervisor->ending = true;
	if (supervisor->base)
		event_base_loopbreak(supervisor->base);
}

void supervisor_tell_sensor(struct supervisor *supervisor, const struct message *message, const int *fd)
{
	int r = message_send_fd(supervisor->sensor_fd, message, fd, fd ? 1 : 0);

	if (r < 0 && !supervisor->ending) {
		log_error("cannot reach the sensor: %s", strerror(-r));
		supervisor_end(supervisor, EX_SOFTWARE);
	}
}

void supervisor_tell_control(struct supervisor *supervisor, const struct message *message,
			     const int *fds, unsigned int n_fds)
{
	int r = message_send_fd(supervisor->control_fd, message, fds, n_fds);

	if (r < 0 && !supervisor->ending) {
		log_error("cannot reach the control process: %s", strerror(-r));
		supervisor_end(supervisor, EX_SOFTWARE);
	}
}

void supervisor_tell_tamper(struct supervisor *supervisor, const struct message_tamper *tamper)
{
	const struct message message = { .kind = MESSAGE_TAMPER, .tamper = *tamper };
	int r = supervisor->ending ? -EPIPE : message_send_fd(supervisor->control_fd, &message, NULL, 0);

	/* Control may be what was tampered with: that is no reason to end. */
	if (r < 0)
		log_error("tampered with: %s: %s", tamper->part, tamper->detail);
}

void tamper_killed(struct supervisor *supervisor, const char *part, pid_t pid, int signal, bool healed)
{
	struct message_tamper tamper = { .what = RINGFORT_TAMPER_KILLED, .healed = healed, .pid = (uint32_t)pid };

	snprintf(tamper.part, sizeof(tamper.part), "%s", part);
	snprintf(tamper.detail, sizeof(tamper.detail), "by SIG%s%s; %s", sigabbrev_np(signal) ? sigabbrev_np(signal) : "?",
		 signal == SIGKILL ? ", which may be the kernel's when memory runs out" : "",
		 healed ? "it is started again" : "the daemon ends, and the service manager starts it again");
	supervisor_tell_tamper(supervisor, &tamper);
}
