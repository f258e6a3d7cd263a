/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Floor - the reader of floor.bpf.c: every DRAIN_MS it takes what is there and throws it away.
 *
 *   floor     prints "ready" when everything is attached, and one line of JSON after SIGTERM
 *
 * It has the marks for file.modify as well, and reads those events as bytes only; where the probe is
 * granted a better hook for them, the floor keeps the marks.
 */
#include "base/cleanup.h"
#include "sensor/mounts.h"
#include "sensor/probe-internal.h"
#include "probe.skel.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/fanotify.h>
#include <time.h>
#include <unistd.h>

#define DRAIN_MS 10
#define RING_BYTES (16u * 1024 * 1024)

struct groups {
	int by_handle, by_file;
};

static volatile sig_atomic_t ended;

static void on_signal(int number)
{
	ended = 1;
}

static int fail(const char *what, int error)
{
	fprintf(stderr, "floor: %s: %s\n", what, strerror(error < 0 ? -error : error));
	return 1;
}

/* The probe's headers may bring programs of their own, for hooks that not every kernel grants. */
static void keep_ours(struct probe_bpf *bpf)
{
	static const char *const ours[] = { "sys_exit", "process_exec", "process_fork", "process_exit" };
	struct bpf_program *program;

	bpf_object__for_each_program(program, bpf->obj) {
		bool is_ours = false;

		for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
			is_ours |= strcmp(bpf_program__name(program), ours[i]) == 0;
		bpf_program__set_autoload(program, is_ours);
	}
}

static struct probe_bpf *load(void)
{
	struct probe_bpf *bpf = probe_bpf__open();
	struct probe probe = { .bpf = bpf };
	int n_cpus = libbpf_num_possible_cpus();

	if (!bpf)
		return NULL;
	keep_ours(bpf);
	if (n_cpus < 0 ||
	    bpf_map__set_max_entries(bpf->maps.scratches, (uint32_t)n_cpus) < 0 ||
	    bpf_map__set_max_entries(bpf->maps.counters, (uint32_t)n_cpus) < 0 ||
	    bpf_map__set_max_entries(bpf->maps.bulk, RING_BYTES) < 0 || probe_bpf__load(bpf) < 0)
		return NULL;
	bpf->bss->subscribed = ~1ull;
	probe_calls_fill(&probe, ~1ull);
	return probe_bpf__attach(bpf) < 0 ? NULL : bpf;
}

static int mark(void *userdata, const struct mount_line *line)
{
	const struct groups *groups = userdata;
	_cleanup_(closep) int folder = -1;

	if (!mounts_watchable(line))
		return 0;
	folder = open(line->point, O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC);
	if (folder < 0)
		return 0;
	if (strcmp(line->type, "devtmpfs") == 0 ||
	    fanotify_mark(groups->by_handle, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, FAN_CLOSE_WRITE,
			  folder, NULL) < 0)
		fanotify_mark(groups->by_file, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, FAN_CLOSE_WRITE,
			      folder, NULL);
	return 0;
}

static void open_groups(struct groups *groups)
{
	unsigned int flags = FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK;
	unsigned int event_flags = O_RDONLY | O_LARGEFILE | O_CLOEXEC | O_NOATIME;

	groups->by_handle = fanotify_init(flags | FAN_REPORT_FID | FAN_REPORT_DFID_NAME, event_flags);
	groups->by_file = fanotify_init(flags, event_flags);
	mounts_each(mark, groups);
}

static void drain_by_handle(int group)
{
	static char buffer[65536] __attribute__((aligned(8)));

	while (read(group, buffer, sizeof(buffer)) > 0)
		;
}

static void drain_by_file(int group)
{
	static char buffer[8192] __attribute__((aligned(8)));
	const struct fanotify_event_metadata *event;
	ssize_t n;

	while ((n = read(group, buffer, sizeof(buffer))) > 0)
		for (event = (void *)buffer; FAN_EVENT_OK(event, n); event = FAN_EVENT_NEXT(event, n))
			if (event->fd >= 0)
				close(event->fd);
}

static int throw_away(void *userdata, void *data, size_t size)
{
	uint64_t *n_received = userdata;

	++*n_received;
	return 0;
}

int main(void)
{
	const struct timespec pause = { .tv_nsec = DRAIN_MS * 1000000 };
	struct probe_bpf *bpf = load();
	struct ring_buffer *ring;
	struct groups groups;
	uint64_t n_received = 0;

	if (!bpf)
		return fail("cannot load", errno);
	ring = ring_buffer__new(bpf_map__fd(bpf->maps.bulk), throw_away, &n_received, NULL);
	if (!ring)
		return fail("cannot map the ring", errno);
	open_groups(&groups);
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	puts("ready");
	fflush(stdout);
	while (!ended) {
		nanosleep(&pause, NULL);
		ring_buffer__consume(ring);
		drain_by_handle(groups.by_handle);
		drain_by_file(groups.by_file);
	}
	printf("{\"received\": %llu, \"lost\": %llu}\n", (unsigned long long)n_received,
	       (unsigned long long)bpf->bss->n_lost);
	ring_buffer__free(ring);
	probe_bpf__destroy(bpf);
	return 0;
}
