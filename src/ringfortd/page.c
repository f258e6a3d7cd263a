/* SPDX-License-Identifier: Apache-2.0 */
/* Page - one writer, one reader, a version between them. */
#include "ringfortd/page.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

struct page {
	_Atomic uint64_t version;
	struct page_numbers numbers;
};

int page_create(int *ret_writer, int *ret_reader)
{
	_cleanup_(closep) int fd = memfd_create("ringfort-numbers", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	_cleanup_(closep) int reader = -1;
	char path[64];

	if (fd < 0)
		return -errno;
	if (fchmod(fd, 0600) < 0 || ftruncate(fd, sizeof(struct page)) < 0)
		return -errno;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return -errno;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	reader = open(path, O_RDONLY | O_CLOEXEC);
	if (reader < 0)
		return -errno;
	*ret_writer = take_fd(&fd);
	*ret_reader = take_fd(&reader);
	return 0;
}

int page_open(struct page **ret_page, int fd, int writable)
{
	void *map = mmap(NULL, sizeof(struct page), PROT_READ | (writable ? PROT_WRITE : 0),
			 MAP_SHARED, fd, 0);

	if (map == MAP_FAILED)
		return -errno;
	*ret_page = map;
	return 0;
}

/* The numbers are copied while they may change, and copied again then. */
__attribute__((no_sanitize("thread"))) void page_write(struct page *page,
						       const struct page_numbers *numbers)
{
	uint64_t version = atomic_load_explicit(&page->version, memory_order_relaxed);

	atomic_store_explicit(&page->version, version + 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	memcpy(&page->numbers, numbers, sizeof(*numbers));
	atomic_store_explicit(&page->version, version + 2, memory_order_release);
}

__attribute__((no_sanitize("thread"))) void page_read(const struct page *page,
						      struct page_numbers *ret_numbers)
{
	uint64_t before, after;
	int tries = 0;

	do {
		before = atomic_load_explicit(&page->version, memory_order_acquire);
		memcpy(ret_numbers, &page->numbers, sizeof(*ret_numbers));
		atomic_thread_fence(memory_order_acquire);
		after = atomic_load_explicit(&page->version, memory_order_relaxed);
		/* A sensor that died while it wrote leaves an odd version: take what is there. */
	} while ((before != after || before & 1) && ++tries < 1000);
}
