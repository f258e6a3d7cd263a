/* SPDX-License-Identifier: Apache-2.0 */
/* Vendor BPF - walk every program of the kernel, look who made it and what it can read. */
#include "ringfortd/vendor-bpf.h"

#include "base/cleanup.h"

#include <bpf/bpf.h>
#include <errno.h>

#define MAPS_OF_ONE 64

static uint64_t map_bytes(uint32_t id)
{
	_cleanup_(closep) int fd = bpf_map_get_fd_by_id(id);
	struct bpf_map_info info = { 0 };
	uint32_t size = sizeof(info);

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size) < 0)
		return 0;
	return ((uint64_t)info.key_size + info.value_size) * info.max_entries;
}

/* The instructions, and the maps that they use: content is one or the other. */
static uint64_t program_bytes(int fd)
{
	uint32_t ids[MAPS_OF_ONE];
	struct bpf_prog_info info = { .nr_map_ids = MAPS_OF_ONE, .map_ids = (uintptr_t)ids };
	uint32_t size = sizeof(info);
	uint64_t bytes;

	if (bpf_obj_get_info_by_fd(fd, &info, &size) < 0)
		return 0;
	bytes = info.xlated_prog_len;
	for (uint32_t i = 0; i < info.nr_map_ids && i < MAPS_OF_ONE; i++)
		bytes += map_bytes(ids[i]);
	return bytes;
}

int vendor_bpf_count(uid_t first, uint32_t count, uint64_t *ret_programs, uint64_t *ret_bytes)
{
	uint64_t n = 0, bytes = 0;
	uint32_t id = 0;

	while (bpf_prog_get_next_id(id, &id) == 0) {
		_cleanup_(closep) int fd = bpf_prog_get_fd_by_id(id);
		struct bpf_prog_info info = { 0 };
		uint32_t size = sizeof(info);

		if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &size) < 0)
			continue;
		if (info.created_by_uid < first || info.created_by_uid - first >= count)
			continue;
		n++;
		bytes += program_bytes(fd);
	}
	if (errno != ENOENT)
		return -errno;
	*ret_programs = n;
	*ret_bytes = bytes;
	return 0;
}
