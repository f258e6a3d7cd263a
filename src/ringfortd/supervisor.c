/* SPDX-License-Identifier: Apache-2.0 */
/* Supervisor - what the files of the supervising process share. */
#include "ringfortd/supervisor.h"

#include "base/log.h"

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
