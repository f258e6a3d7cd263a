/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No wake-up is lost, whichever of events and requests a solution looks at first.
 *
 * What must happen in the middle of ringfort_client_next() is done from inside its read(): see
 * __wrap_read().
 */
#undef NDEBUG
#include "sdk/straw.h"

#include <assert.h>
#include <unistd.h>

static void (*before_read)(struct straw *f);
static struct straw *before_read_of;

ssize_t __real_read(int fd, void *buffer, size_t size);
ssize_t __wrap_read(int fd, void *buffer, size_t size);

/* Once: what another process does just before we empty the pipe. */
ssize_t __wrap_read(int fd, void *buffer, size_t size)
{
	void (*act)(struct straw *f) = before_read;

	before_read = NULL;
	if (act)
		act(before_read_of);
	return __real_read(fd, buffer, size);
}

static void ask_one(struct straw *f)
{
	straw_ask(f, 1);
}

static void a_request_that_comes_before_the_pipe_is_emptied_still_wakes(void)
{
	struct straw f;

	straw_setup(&f, OPEN);
	straw_publish(&f);
	assert(straw_request_now(&f) == 0);
	straw_ask(&f, 1);
	assert(straw_event_now(&f) == 1 && straw_event_now(&f) == 0);
	assert(straw_readable(&f, 0));
	assert(straw_request_now(&f) == 1 && straw_request_now(&f) == 0);
	assert(straw_event_now(&f) == 0);
	assert(!straw_readable(&f, 0));
	straw_teardown(&f);
}

static void a_request_that_comes_while_the_pipe_is_emptied_still_wakes(void)
{
	struct straw f;

	straw_setup(&f, OPEN);
	assert(straw_request_now(&f) == 0);
	before_read = ask_one;
	before_read_of = &f;
	assert(straw_event_now(&f) == 0);
	assert(!before_read);
	assert(straw_readable(&f, 0));
	/* However often events are looked for in between. */
	assert(straw_event_now(&f) == 0 && straw_readable(&f, 0));
	assert(straw_request_now(&f) == 1 && straw_readable(&f, 0));
	assert(straw_request_now(&f) == 0 && !straw_readable(&f, 0));
	straw_teardown(&f);
}

static void an_event_that_comes_while_the_pipe_is_emptied_is_found(void)
{
	struct straw f;

	straw_setup(&f, OPEN);
	assert(straw_request_now(&f) == 0);
	before_read = straw_publish;
	before_read_of = &f;
	assert(straw_event_now(&f) == 1);
	assert(straw_request_now(&f) == 0 && straw_event_now(&f) == 0);
	assert(!straw_readable(&f, 0));
	straw_teardown(&f);
}

static void an_event_that_comes_before_requests_are_looked_for_still_wakes(void)
{
	struct straw f;

	straw_setup(&f, OPEN);
	assert(straw_event_now(&f) == 0);
	straw_publish(&f);
	assert(straw_request_now(&f) == 0);
	assert(straw_readable(&f, 0));
	assert(straw_event_now(&f) == 1 && straw_event_now(&f) == 0 && !straw_readable(&f, 0));
	straw_teardown(&f);
}

#define STORM 20000

/* Each waits for its answer, so a lost wake-up stands still for ever; events make the solution drain. */
static void ask_without_end(struct straw *f)
{
	for (uint64_t id = 1; id <= STORM; id++) {
		if (id % 3)
			straw_publish(f);
		for (volatile uint64_t spin = id * 7919 % 3000; spin; spin--)
			;
		straw_ask(f, id);
		assert(straw_hear_answer(f).id == id);
	}
}

static void in_a_storm_no_wake_up_is_lost(void)
{
	uint64_t n_requests = 0, n_events = 0;
	const struct ringfort_request *request;
	struct straw f;
	pid_t gate;

	straw_setup(&f, OPEN);
	gate = straw_play(&f, ask_without_end);
	while (n_requests < STORM) {
		assert(straw_readable(&f, 10000));
		while (ringfort_client_next_request(f.client, &request) == 1) {
			assert(request->id == ++n_requests);
			assert(ringfort_client_answer(f.client, request->id, RINGFORT_VERDICT_ALLOW,
						      0) == 0);
		}
		while (straw_event_now(&f) == 1)
			n_events++;
	}
	while (straw_event_now(&f) == 1)
		n_events++;
	assert(n_events == STORM - STORM / 3);
	straw_played(gate);
	straw_teardown(&f);
}

int main(void)
{
	a_request_that_comes_before_the_pipe_is_emptied_still_wakes();
	a_request_that_comes_while_the_pipe_is_emptied_still_wakes();
	an_event_that_comes_while_the_pipe_is_emptied_is_found();
	an_event_that_comes_before_requests_are_looked_for_still_wakes();
	in_a_storm_no_wake_up_is_lost();
	return 0;
}
