/* SPDX-License-Identifier: Apache-2.0 */
/* Control - what the files of the control process share: messages, barriers, subscriptions. */
#include "ringfortd/control.h"

#include "base/log.h"

#include <string.h>
#include <time.h>

uint64_t control_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

void control_end(struct control *control, const char *what, int error)
{
	if (error)
		log_error("%s: %s", what, strerror(-error));
	control->result = error ? 1 : 0;
	event_base_loopbreak(control->base);
}

void control_tell_supervisor(struct control *control, const struct message *message)
{
	int r = message_send_fd(control->role->supervisor_fd, message, NULL, 0);

	if (r < 0)
		control_end(control, "cannot reach the supervisor", r);
}

void control_tell_sensor(struct control *control, const struct message *message)
{
	int r = message_send_fd(control->role->sensor_fd, message, NULL, 0);

	if (r < 0)
		control_end(control, "cannot reach the sensor", r);
}

uint64_t control_barrier(struct control *control)
{
	struct message message = { .kind = MESSAGE_BARRIER, .slot = MESSAGE_CONTROL_SLOT };

	message.value[0] = ++control->token;
	control_tell_sensor(control, &message);
	return control->token;
}

bool control_passed(const struct control *control, uint64_t token)
{
	return ring_reader_barrier(control->barrier_ring, MESSAGE_CONTROL_SLOT) >= token;
}

void control_subscribe(struct control *control)
{
	struct message message = { .kind = MESSAGE_SUBSCRIBE, .slot = MESSAGE_CONTROL_SLOT };

	message.value[0] = control->followed;
	if (control->selftest.step != SELFTEST_IDLE)
		message.value[0] = ~1ull;
	if (message.value[0] == control->subscribed)
		return;
	control->subscribed = message.value[0];
	control_tell_sensor(control, &message);
}

struct control_solution *control_by_name(struct control *control, const char *name)
{
	for (uint32_t slot = 0; slot < MESSAGE_SLOTS; slot++)
		if (control->solutions[slot].used &&
		    strcmp(control->solutions[slot].view.name, name) == 0)
			return &control->solutions[slot];
	return NULL;
}

uint32_t control_slot(const struct control *control, const struct control_solution *solution)
{
	return (uint32_t)(solution - control->solutions);
}
