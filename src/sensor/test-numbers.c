/* SPDX-License-Identifier: Apache-2.0 */
#undef NDEBUG
#include "sensor/test-stream.h"

#include <assert.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void what_a_tiny_ring_loses_is_told_exactly(void)
{
	enum { N = 600 };
	const struct ringfort_event *event = NULL;
	size_t n_seen = 0;
	struct stream s;
	pid_t pid;

	stream_open(&s, 16384, 16384, MASK(process_fork) | MASK(process_exec) | MASK(process_exit) |
					      MASK(file_create) | MASK(file_unlink));
	for (int round = 0; round < 4; round++) {
		pid = fork_child();
		if (pid == 0) {
			run_true(N / 4);
			_exit(0);
		}
		/* nobody drains: the ring runs over */
		assert(waitpid(pid, NULL, 0) == pid);
		stream_flush(&s);
		while ((event = stream_next(&s, event, ringfort_type_process_fork, pid)))
			n_seen++;
	}
	assert(n_seen < N && s.n_lost[ringfort_type_process_fork] >= N - n_seen);
	assert(s.n_lost[ringfort_type_process_exec] > 0);
	stream_adds_up(&s);
	stream_run(&s, 100);
	stream_adds_up(&s);
	stream_close(&s);
}

/* The loss comes before the next event of its type, and at the end within about a second. */
static void losses_at_the_end_are_told_when_all_is_quiet(void)
{
	struct stream s;
	pid_t pid;

	stream_open(&s, 16384, 16384, MASK(process_fork));
	pid = fork_child();
	if (pid == 0) {
		run_true(150);
		_exit(0);
	}
	assert(waitpid(pid, NULL, 0) == pid);
	stream_run(&s, 1300);
	assert(s.n_lost[ringfort_type_process_fork] > 0);
	stream_adds_up(&s);
	stream_close(&s);
}

static void only_what_is_subscribed_is_emitted_and_counted(void)
{
	struct stream s;
	uint64_t before;

	stream_open(&s, 0, 0, 0);
	run_true(20);
	stream_flush(&s);
	for (uint32_t type = 1; type < RINGFORT_MAX_TYPES; type++)
		assert(s.n_emitted[type] == 0);
	stream_adds_up(&s);
	assert(sensor_subscribe(s.sensor, MASK(process_exec)) == 0);
	run_true(20);
	stream_flush(&s);
	assert(s.n_emitted[ringfort_type_process_exec] >= 20 && s.n_emitted[ringfort_type_process_fork] == 0);
	stream_adds_up(&s);
	assert(sensor_subscribe(s.sensor, MASK(process_exit)) == 0);
	before = s.n_emitted[ringfort_type_process_exec];
	run_true(20);
	stream_flush(&s);
	assert(s.n_emitted[ringfort_type_process_exec] == before && s.n_emitted[ringfort_type_process_exit] >= 20);
	stream_adds_up(&s);
	assert(sensor_subscribe(s.sensor, MASK(process_exec) | MASK(process_exit)) == 0);
	run_true(20);
	stream_adds_up(&s);
	assert(s.n_emitted[ringfort_type_process_exec] >= before + 20);
	stream_close(&s);
}

/* Two processes on all CPUs: on_event() asserts that no event is older than the one before. */
static void a_stream_from_several_cpus_is_in_order(void)
{
	struct stream s;
	pid_t pids[3];

	stream_open(&s, 0, 16 << 20, ~0ull & ~MASK(file_modify));
	s.mute = ~0ull;
	for (int i = 0; i < 3; i++) {
		pids[i] = fork_child();
		if (pids[i] == 0) {
			run_true(300);
			_exit(0);
		}
	}
	for (int i = 0; i < 3; i++)
		stream_wait(&s, pids[i]);
	stream_adds_up(&s);
	assert(s.n_emitted[ringfort_type_process_exec] >= 900);
	stream_close(&s);
}

static size_t anonymous_kib(void)
{
	FILE *file = fopen("/proc/self/status", "re");
	char line[128];
	size_t kib = 0;

	assert(file);
	while (fgets(line, sizeof(line), file))
		sscanf(line, "RssAnon: %zu", &kib);
	fclose(file);
	return kib;
}

/* A wake-up a batch, none when nothing happens; others on this machine may cause a few. */
static void an_idle_sensor_sleeps(void)
{
	struct rusage before, after;
	struct stream s;
	long us;

	stream_open(&s, 0, 0, MASK(process_exec));
	stream_run(&s, 50);
	getrusage(RUSAGE_SELF, &before);
	stream_run(&s, 2000);
	getrusage(RUSAGE_SELF, &after);
	us = (after.ru_utime.tv_sec - before.ru_utime.tv_sec + after.ru_stime.tv_sec - before.ru_stime.tv_sec) * 1000000 +
	     after.ru_utime.tv_usec - before.ru_utime.tv_usec + after.ru_stime.tv_usec - before.ru_stime.tv_usec;
	printf("idle: %ld us of CPU in 2 s, %lu execs meanwhile\n", us, s.n_emitted[ringfort_type_process_exec]);
	printf("memory beside the rings: %zu KiB\n", anonymous_kib());
	assert(us < 20000 + 200 * (long)s.n_emitted[ringfort_type_process_exec]);
	stream_close(&s);
}

int main(void)
{
	if (geteuid() != 0) {
		printf("skipped: needs root\n");
		return 77;
	}
	only_what_is_subscribed_is_emitted_and_counted();
	what_a_tiny_ring_loses_is_told_exactly();
	losses_at_the_end_are_told_when_all_is_quiet();
	a_stream_from_several_cpus_is_in_order();
	an_idle_sensor_sleeps();
	return 0;
}
