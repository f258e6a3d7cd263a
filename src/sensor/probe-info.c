/* SPDX-License-Identifier: Apache-2.0 */
/* Probe, info - what the kernel says of our programs and maps, and the tasks it has. */
#include "base/cleanup.h"
#include "sensor/probe-internal.h"
#include "probe.skel.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static int program_info(const struct bpf_program *program, struct bpf_prog_info *ret_info)
{
	uint32_t size = sizeof(*ret_info);

	memset(ret_info, 0, sizeof(*ret_info));
	if (bpf_program__fd(program) < 0)
		return -ENOENT;
	return bpf_obj_get_info_by_fd(bpf_program__fd(program), ret_info, &size);
}

uint64_t probe_skipped(const struct probe *probe)
{
	struct bpf_program *program;
	struct bpf_prog_info info;
	uint64_t sum = 0;

	bpf_object__for_each_program(program, probe->bpf->obj)
		if (program_info(program, &info) == 0)
			sum += info.recursion_misses;
	return sum;
}

/* What the kernel charges for a map. */
static uint64_t map_bytes(const struct bpf_map *map)
{
	_cleanup_(fclosep) FILE *file = NULL;
	unsigned long long bytes = 0;
	char path[64], line[128];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", bpf_map__fd(map));
	file = fopen(path, "re");
	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "memlock: %llu", &bytes) == 1)
			break;
	return bytes;
}

int probe_footprint(const struct probe *probe, struct probe_footprint *ret_footprint)
{
	struct probe_footprint footprint = { 0 };
	struct bpf_program *program;
	struct bpf_prog_info info;
	struct bpf_map *map;

	bpf_object__for_each_program(program, probe->bpf->obj) {
		if (program_info(program, &info) < 0)
			continue;
		footprint.n_programs++;
		footprint.n_instructions += info.xlated_prog_len / sizeof(struct bpf_insn);
	}
	bpf_object__for_each_map(map, probe->bpf->obj)
		footprint.map_bytes += map_bytes(map);
	for (size_t i = 0; i < PROBE_MAX_HOOKS; i++)
		footprint.n_attached += probe->hooks[i].link != NULL;
	*ret_footprint = footprint;
	return 0;
}

static int read_tasks(int fd, int (*each)(void *userdata, const struct probe_task *task),
		      void *userdata)
{
	struct probe_task tasks[64];
	size_t have = 0;
	ssize_t n;
	int r;

	for (;;) {
		n = read(fd, (char *)tasks + have, sizeof(tasks) - have);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		have += (size_t)n;
		for (size_t i = 0; i < have / sizeof(tasks[0]); i++) {
			r = each(userdata, &tasks[i]);
			if (r < 0)
				return r;
		}
		/* A read may end within one. */
		memmove(tasks, &tasks[have / sizeof(tasks[0])], have % sizeof(tasks[0]));
		have %= sizeof(tasks[0]);
	}
}

int probe_tasks(struct probe *probe, int (*each)(void *userdata, const struct probe_task *task),
		void *userdata)
{
	_cleanup_(closep) int fd = -1;
	struct bpf_link *link = bpf_program__attach_iter(probe->bpf->progs.tasks, NULL);

	if (!link)
		return -errno;
	fd = bpf_iter_create(bpf_link__fd(link));
	bpf_link__destroy(link);
	if (fd < 0)
		return fd;
	return read_tasks(fd, each, userdata);
}
