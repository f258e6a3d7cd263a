/* SPDX-License-Identifier: Apache-2.0 */
/* Guard - what we have in the kernel, changed behind the sensor's back. */
#undef NDEBUG
#include "sensor/probe-internal.h"
#include "sensor/test-stream.h"
#include "probe.skel.h"

#include <assert.h>
#include <bpf/bpf.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_HARMS 32

static struct sensor_harm harms[MAX_HARMS];
static size_t n_harms;

static void on_harm(void *userdata, const struct sensor_harm *harm)
{
	assert(n_harms < MAX_HARMS);
	harms[n_harms++] = *harm;
}

/* How many harms there were. */
static size_t guard(struct stream *stream)
{
	n_harms = 0;
	assert(sensor_guard(stream->sensor, on_harm, NULL) == 0);
	return n_harms;
}

static void nothing_is_told_of_what_nobody_touched(struct stream *stream)
{
	for (int i = 0; i < 5; i++)
		assert(guard(stream) == 0);
	/* Nor does anybody hear of the canaries. */
	assert(stream_count(stream, ringfort_type_process_fork, getpid()) == 0);
	stream_adds_up(stream);
}

static void a_flood_is_no_silence(struct stream *stream)
{
	pid_t pid = fork_child();

	if (pid == 0)
		for (;;)
			run_true(1);
	for (int i = 0; i < 20; i++)
		assert(guard(stream) == 0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	stream_forget(stream);
}

static void a_link_whose_descriptor_is_closed_is_attached_again(struct stream *stream)
{
	struct probe *probe = sensor_probe(stream->sensor);

	for (size_t i = 0; i < PROBE_MAX_HOOKS; i++) {
		if (!probe->hooks[i].link)
			continue;
		close(bpf_link__fd(probe->hooks[i].link));
		assert(guard(stream) == 1);
		assert(harms[0].kind == SENSOR_LINK && harms[0].healed);
		assert(guard(stream) == 0);
	}
	run_true(1);
	stream_flush(stream);
	assert(stream_next(stream, NULL, ringfort_type_process_exec, 0));
}

static void a_descriptor_that_became_another_file_is_not_closed(struct stream *stream)
{
	struct probe *probe = sensor_probe(stream->sensor);
	int fd = bpf_link__fd(probe->hooks[0].link), ends[2];

	assert(pipe(ends) == 0 && dup2(ends[0], fd) == fd);
	assert(guard(stream) == 1 && harms[0].kind == SENSOR_LINK && harms[0].healed);
	assert(write(ends[1], "x", 1) == 1 && read(fd, &(char){ 0 }, 1) == 1);
	close(fd);
	close(ends[0]);
	close(ends[1]);
}

static void an_emptied_table_of_calls_is_filled_again(struct stream *stream)
{
	struct probe *probe = sensor_probe(stream->sensor);

	memset(probe->bpf->data_calls->calls, 0, sizeof(probe->calls));
	assert(guard(stream) == 1 && harms[0].kind == SENSOR_MAP && harms[0].healed);
	assert(memcmp(probe->bpf->data_calls->calls, probe->calls, sizeof(probe->calls)) == 0);
	assert(guard(stream) == 0);
}

static void another_subscription_is_put_right(struct stream *stream)
{
	struct probe *probe = sensor_probe(stream->sensor);

	probe->bpf->bss->subscribed = 0;
	assert(guard(stream) == 1 && harms[0].kind == SENSOR_MAP && harms[0].healed);
	assert(probe->bpf->bss->subscribed == (probe->types | probe->table_types));
	probe->bpf->bss->uring_opcodes ^= 1;
	assert(guard(stream) == 1 && probe->bpf->bss->uring_opcodes == probe->uring_opcodes);
}

static void a_moved_position_in_a_ring_is_put_right(struct stream *stream)
{
	struct probe *probe = sensor_probe(stream->sensor);
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	unsigned long *consumer = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED,
				       bpf_map__fd(probe->bpf->maps.rare), 0);
	unsigned long before;

	assert(consumer != MAP_FAILED);
	stream_flush(stream);
	before = *consumer;
	*consumer = before + 4096;
	assert(guard(stream) >= 1 && harms[0].kind == SENSOR_MAP && harms[0].healed);
	assert(guard(stream) == 0);
	munmap(consumer, page);
}

/* Guards until one tells something, at most so many times. */
static size_t guard_often(struct stream *stream, int times)
{
	for (int i = 0; i < times; i++) {
		if (guard(stream))
			return n_harms;
		usleep(20000);
	}
	return 0;
}

static void a_stream_that_falls_silent_is_told_once(struct stream *stream)
{
	struct probe *probe = sensor_probe(stream->sensor);

	probe_hooks_detach(probe);
	assert(guard_often(stream, 20) == 1 && harms[0].kind == SENSOR_STREAM);
	assert(guard_often(stream, 5) == 0);
	assert(probe_attach(probe, probe->types) == 0);
	assert(guard_often(stream, 5) == 0);
	probe_hooks_detach(probe);
	assert(guard_often(stream, 20) == 1 && harms[0].kind == SENSOR_STREAM);
}

int main(void)
{
	struct stream stream;

	if (geteuid() != 0) {
		printf("skipped: needs root\n");
		return 77;
	}
	stream_open(&stream, 0, 0, MASK(process_fork) | MASK(process_exec) | MASK(file_create));
	nothing_is_told_of_what_nobody_touched(&stream);
	a_flood_is_no_silence(&stream);
	a_link_whose_descriptor_is_closed_is_attached_again(&stream);
	a_descriptor_that_became_another_file_is_not_closed(&stream);
	an_emptied_table_of_calls_is_filled_again(&stream);
	another_subscription_is_put_right(&stream);
	a_moved_position_in_a_ring_is_put_right(&stream);
	a_stream_that_falls_silent_is_told_once(&stream);
	stream_close(&stream);
	return 0;
}
