/* SPDX-License-Identifier: Apache-2.0 */
/* Test-stream - a real sensor whose events are kept, checked as they come. */
#undef NDEBUG
#include "sensor/test-stream.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TRUE "/bin/true"

extern char **environ;

static void on_event(void *userdata, const struct ringfort_event *event)
{
	struct stream *s = userdata;

	assert(ringfort_event_check(event, event->size) == 0);
	assert(event->monotonic_ns >= s->last_ns);
	s->last_ns = event->monotonic_ns;
	assert(event->seq == ++s->seq[event->type]);
	s->n_emitted[event->type]++;
	if (event->type == ringfort_type_stream_loss) {
		const struct ringfort_stream_loss *loss = ringfort_as_stream_loss(event);

		s->seq[loss->lost_type] += loss->count;
		s->n_lost[loss->lost_type] += loss->count;
		assert(loss->last_seq == s->seq[loss->lost_type]);
	}
	if (s->mute >> event->type & 1)
		return;
	if (s->used + event->size > s->size) {
		s->size = 2 * s->size + 2 * RINGFORT_MAX_EVENT;
		s->bytes = realloc(s->bytes, s->size);
		assert(s->bytes);
	}
	memcpy(s->bytes + s->used, event, event->size);
	s->used += event->size;
}

static void on_log(void *userdata, const char *message)
{
	fprintf(stderr, "%s\n", message);
}

void stream_open(struct stream *s, size_t rare_bytes, size_t bulk_bytes, uint64_t types)
{
	static const char *const env[] = { "PATH", "LD_*" };
	struct sensor_options options = {
		.probe = { .rare_bytes = rare_bytes ? rare_bytes : 4 << 20,
			   .bulk_bytes = bulk_bytes ? bulk_bytes : 8 << 20,
			   .env = env, .n_env = 2, .log = on_log },
		.emit = on_event,
		.userdata = s,
	};
	struct stat st;
	int r;

	memset(s, 0, sizeof(*s));
	assert(stat("/proc/self/ns/mnt", &st) == 0);
	options.probe.host_mnt_ns = (uint32_t)st.st_ino;
	options.probe.cgroup_path = access("/sys/fs/cgroup/unified/cgroup.procs", F_OK) == 0 ?
					    "/sys/fs/cgroup/unified" : "/sys/fs/cgroup";
	r = sensor_new(&s->sensor, &options);
	if (r == -EPERM || r == -EACCES || r == -EOPNOTSUPP) {
		printf("skipped: no BPF here: %s\n", strerror(-r));
		exit(77);
	}
	assert(r == 0);
	assert(sensor_subscribe(s->sensor, types) == 0);
}

void stream_close(struct stream *s)
{
	sensor_free(s->sensor);
	free(s->bytes);
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void stream_run(struct stream *s, int ms)
{
	int64_t end = now_ms() + ms, left;

	do {
		int delay = sensor_process(s->sensor);
		struct pollfd p = { .fd = sensor_fd(s->sensor), .events = POLLIN };

		assert(delay >= -1);
		left = end - now_ms();
		if (left <= 0)
			return;
		if (delay >= 0)
			usleep((useconds_t)delay * 1000);
		else
			poll(&p, 1, (int)left);
	} while (true);
}

void stream_flush(struct stream *s)
{
	assert(sensor_flush(s->sensor) == 0);
}

void stream_forget(struct stream *s)
{
	s->used = 0;
}

const struct ringfort_event *stream_next(const struct stream *s,
					 const struct ringfort_event *previous, uint32_t type, pid_t pid)
{
	const char *at = previous ? (const char *)previous + previous->size : s->bytes;

	for (; at < s->bytes + s->used; at += ((const struct ringfort_event *)at)->size) {
		const struct ringfort_event *event = (const void *)at;

		if ((!type || event->type == type) && (!pid || event->process.pid == (uint32_t)pid))
			return event;
	}
	return NULL;
}

size_t stream_count(const struct stream *s, uint32_t type, pid_t pid)
{
	const struct ringfort_event *event = NULL;
	size_t n = 0;

	while ((event = stream_next(s, event, type, pid)))
		n++;
	return n;
}

void stream_adds_up(struct stream *s)
{
	struct sensor_statistics statistics;
	uint32_t bad = 0;

	/* The kernel's counters go on while we compare: once they stood still, all must agree. */
	for (int i = 0; i < 50; i++) {
		stream_flush(s);
		sensor_statistics(s->sensor, &statistics);
		bad = 0;
		for (uint32_t type = 1; type < RINGFORT_MAX_TYPES; type++) {
			assert(statistics.n_lost[type] == s->n_lost[type]);
			if (s->n_emitted[type] + s->n_lost[type] != statistics.n_performed[type])
				bad = type;
		}
		if (!bad)
			return;
	}
	fprintf(stderr, "type %u: emitted %lu + lost %lu, performed %lu\n", bad, s->n_emitted[bad],
		s->n_lost[bad], statistics.n_performed[bad]);
	assert(bad == 0);
}

void stream_wait(struct stream *s, pid_t pid)
{
	int status;
	pid_t r;

	while ((r = waitpid(pid, &status, WNOHANG)) == 0)
		stream_run(s, 4);
	assert(r == pid && status == 0);
}

pid_t fork_child(void)
{
	pid_t pid = fork();

	assert(pid >= 0);
	if (pid == 0)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

void run_true(int n)
{
	char *argv[] = { TRUE, NULL };

	for (int i = 0; i < n; i++) {
		pid_t pid;

		if (posix_spawn(&pid, TRUE, NULL, NULL, argv, environ) != 0 || waitpid(pid, NULL, 0) != pid)
			_exit(1);
	}
}
