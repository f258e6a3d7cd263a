/* SPDX-License-Identifier: Apache-2.0 */
/* Control - what the files of the control process share: messages, barriers, subscriptions. */
#include "ringfortd/control.h"

#include "base/log.h"

#include <errno.h>
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

static bool tell(struct control *control, int fd, const struct message *message, const char *failed)
{
	int r = message_send_fd(fd, message, NULL, 0);

	/* Full: the other role is held up.  Solutions and operators can bring that about. */
	if (r < 0 && r != -EAGAIN)
		control_end(control, failed, r);
	return r == 0;
}

bool control_tell_supervisor(struct control *control, const struct message *message)
{
	return tell(control, control->role->supervisor_fd, message, "cannot reach the supervisor");
}

bool control_tell_sensor(struct control *control, const struct message *message)
{
	return tell(control, control->role->sensor_fd, message, "cannot reach the sensor");
}

uint64_t control_barrier(struct control *control)
{
	struct message message = { .kind = MESSAGE_BARRIER, .slot = MESSAGE_CONTROL_SLOT };

	message.value[0] = control->token + 1;
	return control_tell_sensor(control, &message) ? ++control->token : 0;
}

bool control_passed(const struct control *control, uint64_t token)
{
	return token && ring_reader_barrier(control->barrier_ring, MESSAGE_CONTROL_SLOT) >= token;
}

void control_subscribe(struct control *control)
{
	struct message message = { .kind = MESSAGE_SUBSCRIBE, .slot = MESSAGE_CONTROL_SLOT };

	message.value[0] = control->followed;
	if (control->selftest.step != SELFTEST_IDLE)
		message.value[0] = ~1ull;
	if (message.value[0] == control->subscribed)
		return;
	/* One at a time: operators come and go faster than hooks are attached. */
	if (control->subscribed_token && !control_passed(control, control->subscribed_token))
		return;
	if (!control_tell_sensor(control, &message))
		return;
	control->subscribed = message.value[0];
	control->subscribed_token = control_barrier(control);
}

bool control_bucket_take(struct control_bucket *bucket, double rate, double burst)
{
	uint64_t now = control_now_ns();

	bucket->tokens += rate * (double)(now - bucket->since_ns) / 1e9;
	bucket->since_ns = now;
	if (bucket->tokens > burst)
		bucket->tokens = burst;
	if (bucket->tokens < 1)
		return false;
	bucket->tokens -= 1;
	return true;
}

struct report_late control_late(const struct control *control)
{
	struct report_late late = control->late;
	uint64_t now_ns = control_now_ns();

	/* Up to the next look of its keeper. */
	if (control->again_ns > now_ns)
		late.back_in_ms = (control->again_ns - now_ns) / 1000000 + 1;
	return late;
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
