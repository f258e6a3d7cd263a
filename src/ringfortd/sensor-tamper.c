/* SPDX-License-Identifier: Apache-2.0 */
/* Sensor tamper - a stopped supervisor, and what became of our hooks and maps. */
#include "ringfortd/sensor-tamper.h"

#include "ringfortd/message.h"
#include "ringfortd/process-state.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static int tell(const struct sensor_tamper *tamper, const struct message_tamper *what)
{
	const struct message message = { .kind = MESSAGE_TAMPER, .tamper = *what };
	int r = message_send_fd(tamper->control_fd, &message, NULL, 0);

	/* Full: control is held up, and has much of this to read already. */
	return r == -EAGAIN ? 0 : r;
}

static int look_supervisor(struct sensor_tamper *tamper)
{
	struct message_tamper stopped = { .what = RINGFORT_TAMPER_STOPPED, .pid = (uint32_t)tamper->supervisor,
					  .part = "supervisor", .detail = "by a signal; it was told to go on" };
	struct process_state state;
	bool was = tamper->stopped;

	if (process_state_read(tamper->supervisor, &state) < 0)
		return 0;
	tamper->stopped = state.stopped;
	if (!state.stopped || was)
		return 0;
	kill(tamper->supervisor, SIGCONT);
	stopped.healed = process_state_read(tamper->supervisor, &state) == 0 && !state.stopped;
	tamper->stopped = state.stopped;
	return tell(tamper, &stopped);
}

static void on_harm(void *userdata, const struct sensor_harm *harm)
{
	static const struct {
		uint32_t what;
		const char *words;
	} kinds[] = {
		[SENSOR_LINK] = { RINGFORT_TAMPER_LINK_DETACHED, "was detached" },
		[SENSOR_MAP] = { RINGFORT_TAMPER_MAP_CHANGED, "was written by somebody else" },
		[SENSOR_STREAM] = { RINGFORT_TAMPER_STREAM_STOPPED, "has stopped: an act of our own did not come back" },
	};
	struct sensor_tamper *tamper = userdata;
	struct message_tamper told = { .what = kinds[harm->kind].what, .healed = harm->healed,
				       .pid = (uint32_t)getpid(), .part = "sensor" };
	int r;

	snprintf(told.detail, sizeof(told.detail), "%s %s", harm->name, kinds[harm->kind].words);
	r = tell(tamper, &told);
	if (r < 0)
		tamper->error = r;
}

int sensor_tamper_look(struct sensor_tamper *tamper, struct sensor *sensor)
{
	int r = look_supervisor(tamper);

	if (r == 0)
		r = sensor_guard(sensor, on_harm, tamper);
	return r < 0 ? r : tamper->error;
}
