/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Self-test watch - does the act of a marked child come back through the whole pipeline?
 *
 * attach every hook -> barrier -> the supervisor's child performs the acts -> barrier -> what
 * arrived in the ring, marked, is proven; what was performed and did not arrive has failed.
 */
#include "ringfortd/control.h"

#include "base/log.h"

#include <string.h>

#define ATTACH_WAIT_NS 30000000000ull /* the kernel verifies the probe; a slow machine takes its time */
#define ACT_WAIT_NS 10000000000ull
#define LATE_WAIT_NS 5000000000ull /* file.modify comes when the kernel likes, on a busy machine late */

static void finish(struct control *control)
{
	struct selftest_watch *watch = &control->selftest;

	for (uint32_t type = 1; type < RINGFORT_MAX_TYPES; type++) {
		if (watch->seen & 1ull << type)
			watch->results[type] = SELFTEST_PASSED;
		else if (watch->performed & 1ull << type)
			watch->results[type] = SELFTEST_FAILED;
		else
			watch->results[type] = SELFTEST_NOT_RUN;
	}
	watch->ring = ring_reader_close(watch->ring);
	watch->step = SELFTEST_IDLE;
	control_subscribe(control);
}

static void enter(struct selftest_watch *watch, enum selftest_step step, uint64_t wait_ns)
{
	watch->step = step;
	watch->deadline_ns = control_now_ns() + wait_ns;
}

void selftest_start(struct control *control)
{
	struct selftest_watch *watch = &control->selftest;

	if (watch->step != SELFTEST_IDLE)
		return;
	if (ring_reader_open(&watch->ring, control->role->ring_fd) < 0)
		return;
	watch->seen = watch->performed = 0;
	watch->token = 0;
	enter(watch, SELFTEST_ATTACHING, ATTACH_WAIT_NS);
	control_subscribe(control);
}

void selftest_performed(struct control *control, uint64_t performed)
{
	struct selftest_watch *watch = &control->selftest;

	if (watch->step != SELFTEST_ACTING)
		return;
	watch->performed = performed;
	control_barrier(control);
	enter(watch, SELFTEST_WAITING, LATE_WAIT_NS);
}

/* Every hook is attached: a barrier behind the subscription has passed. */
static bool attached(struct control *control)
{
	struct selftest_watch *watch = &control->selftest;

	control_subscribe(control);
	if (!watch->token && control->subscribed == ~1ull)
		watch->token = control_barrier(control);
	return control_passed(control, watch->token);
}

static void read_ring(struct selftest_watch *watch)
{
	const struct ringfort_event *event;

	while (ring_reader_next(watch->ring, &event) == 1)
		if (event->flags & RINGFORT_FLAG_SELFTEST)
			watch->seen |= 1ull << event->type;
}

void selftest_tick(struct control *control)
{
	const struct message perform = { .kind = MESSAGE_SELFTEST };
	struct selftest_watch *watch = &control->selftest;
	bool late;

	if (watch->step == SELFTEST_IDLE)
		return;
	read_ring(watch);
	late = control_now_ns() >= watch->deadline_ns;
	if (watch->step == SELFTEST_ATTACHING && (attached(control) || late)) {
		if (control_tell_supervisor(control, &perform))
			enter(watch, SELFTEST_ACTING, ACT_WAIT_NS);
	} else if (watch->step == SELFTEST_ACTING && late) {
		log_warning("the self-test did not end in time");
		finish(control);
	} else if (watch->step == SELFTEST_WAITING && (late || (watch->performed & ~watch->seen) == 0)) {
		finish(control);
	}
}
