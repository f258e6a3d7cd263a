/* SPDX-License-Identifier: Apache-2.0 */
/* Net book - two images in shared memory. */
#include "gate/net-book.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

struct net_book {
	_Atomic uint32_t current;
	uint32_t reserved;
	struct net_sets images[2];
};

int net_book_create(int *ret_fd)
{
	_cleanup_(closep) int fd = memfd_create("ringfort-rules", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -errno;
	if (fchmod(fd, 0600) < 0 || ftruncate(fd, sizeof(struct net_book)) < 0)
		return -errno;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return -errno;
	*ret_fd = take_fd(&fd);
	return 0;
}

int net_book_open(struct net_book **ret_book, int fd)
{
	struct net_book *book;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size != (off_t)sizeof(*book))
		return -EPROTO;
	book = mmap(NULL, sizeof(*book), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (book == MAP_FAILED)
		return -errno;
	if (!net_sets_sound(net_book_now(book)))
		memset(book, 0, sizeof(*book));
	*ret_book = book;
	return 0;
}

struct net_book *net_book_close(struct net_book *book)
{
	if (book)
		munmap(book, sizeof(*book));
	return NULL;
}

const struct net_sets *net_book_now(const struct net_book *book)
{
	return &book->images[atomic_load_explicit(&book->current, memory_order_acquire) & 1];
}

struct net_sets *net_book_next(struct net_book *book)
{
	return &book->images[~atomic_load_explicit(&book->current, memory_order_relaxed) & 1];
}

void net_book_turn(struct net_book *book)
{
	uint32_t current = atomic_load_explicit(&book->current, memory_order_relaxed);

	atomic_store_explicit(&book->current, ~current & 1, memory_order_release);
}
