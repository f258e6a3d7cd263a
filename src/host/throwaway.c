/* SPDX-License-Identifier: Apache-2.0 */
/* Throwaway - one run, its output, its end. */
#include "host/throwaway.h"

#include "base/cleanup.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#define TURN_BYTES 65536

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

void throwaway_done(struct throwaway *run)
{
	spawned_done(&run->spawned);
	run->cgroup = cgroup_free(run->cgroup);
	free(run->output);
	run->output = NULL;
}

int throwaway_start(struct throwaway *ret_run, struct cgroup_tree *tree, const char *name,
		    const struct cgroup_limits *limits, const struct spawn_options *options,
		    uint32_t timeout_ms, size_t max_output, const char **ret_step)
{
	_cleanup_(throwaway_done) struct throwaway run = THROWAWAY_NONE;
	struct spawn_options placed = *options;
	int r;

	run.max_output = max_output;
	run.output = calloc(1, max_output + 1);
	if (!run.output)
		return -ENOMEM;
	if (tree) {
		if (ret_step)
			*ret_step = "make a cgroup";
		r = cgroup_new(&run.cgroup, tree, name, limits);
		if (r < 0)
			return r;
	}
	placed.cgroup = run.cgroup;
	r = host_spawn(&placed, &run.spawned, ret_step);
	if (r < 0)
		return r;
	run.deadline_ns = now_ns() + timeout_ms * 1000000ull;
	*ret_run = run;
	run = THROWAWAY_NONE;
	return 0;
}

/* Keep what fits; go on reading beyond it, so that its writer is not held up. */
static void read_output(struct throwaway *run)
{
	char buffer[4096];

	if (run->spawned.output < 0)
		return;
	for (size_t turn = 0; turn < TURN_BYTES;) {
		ssize_t n = read(run->spawned.output, buffer, sizeof(buffer));
		size_t fits = run->max_output - run->size_output;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			/* All of its writers are gone: no more of an ever readable pipe. */
			run->spawned.output = close_fd(run->spawned.output);
			return;
		}
		if ((size_t)n > fits)
			run->output_cut = true;
		else
			fits = (size_t)n;
		memcpy(run->output + run->size_output, buffer, fits);
		run->size_output += fits;
		turn += (size_t)n;
	}
}

int throwaway_process(struct throwaway *run, uint64_t now)
{
	struct cgroup_usage usage = { 0 };
	int r;

	if (run->spawned.pid == 0)
		return 1;
	r = spawned_reap(&run->spawned, &run->exit);
	if (r < 0)
		return r;
	read_output(run);
	if (r == 0) {
		if (now < run->deadline_ns)
			return 0;
		run->timed_out = true;
		return spawned_kill(&run->spawned);
	}
	if (run->cgroup)
		cgroup_usage(run->cgroup, &usage);
	run->out_of_memory = usage.n_oom_kills > 0;
	return 1;
}

int throwaway_wait(struct throwaway *run)
{
	for (;;) {
		uint64_t now = now_ns();
		struct pollfd fds[] = {
			{ .fd = run->spawned.pidfd, .events = POLLIN },
			{ .fd = run->spawned.output, .events = POLLIN },
		};
		int r, timeout_ms;

		r = throwaway_process(run, now);
		if (r != 0)
			return r < 0 ? r : 0;
		/* Rounded up; once it is killed, only its end is left to wait for. */
		timeout_ms = run->timed_out ? -1 : (int)((run->deadline_ns - now) / 1000000) + 1;
		if (poll(fds, 2, timeout_ms) < 0 && errno != EINTR)
			return -errno;
	}
}

bool throwaway_succeeded(const struct throwaway *run)
{
	return !run->timed_out && run->exit.signal == 0 && run->exit.code == 0;
}
