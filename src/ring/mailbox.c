/* SPDX-License-Identifier: Apache-2.0 */
/* Mailbox - messages from one solution; its peer is hostile by assumption. */
#include "ring/mailbox.h"

#include "base/cleanup.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

struct mailbox_shared {
	_Atomic uint64_t tail __attribute__((aligned(64)));       /* the solution writes up to here */
	_Atomic uint64_t head __attribute__((aligned(64)));       /* the daemon has read up to here */
	_Atomic uint64_t wanted __attribute__((aligned(64)));     /* by the daemon; what, they have agreed on */
	struct mailbox_progress progress __attribute__((aligned(64)));
	unsigned char data[MAILBOX_DATA_BYTES] __attribute__((aligned(4096)));
};

struct message_head {
	uint32_t size; /* of what follows */
	uint32_t kind;
};

struct mailbox_writer {
	struct mailbox_shared *shared;
	uint64_t tail;
};

struct mailbox_reader {
	struct mailbox_shared *shared;
	uint64_t head; /* ours; the shared one is only told to the writer */
	uint64_t hold; /* it is told no more than this */
	_Alignas(8) unsigned char message[MAILBOX_MAX_MESSAGE];
};

int mailbox_create(int *ret_fd)
{
	_cleanup_(closep) int fd = memfd_create("ringfort-mailbox", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -errno;
	if (fchmod(fd, 0600) < 0 || ftruncate(fd, sizeof(struct mailbox_shared)) < 0)
		return -errno;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return -errno;
	*ret_fd = take_fd(&fd);
	return 0;
}

static int map_shared(int fd, struct mailbox_shared **ret_shared)
{
	struct stat st;
	void *map;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size != sizeof(struct mailbox_shared))
		return -EPROTO;
	map = mmap(NULL, sizeof(struct mailbox_shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	*ret_shared = map;
	return 0;
}

int mailbox_writer_open(struct mailbox_writer **ret_writer, int fd)
{
	_cleanup_(freep) struct mailbox_writer *writer = calloc(1, sizeof(*writer));
	int r;

	if (!writer)
		return -ENOMEM;
	r = map_shared(fd, &writer->shared);
	if (r < 0)
		return r;
	writer->tail = atomic_load(&writer->shared->tail);
	*ret_writer = take_ptr(writer);
	return 0;
}

struct mailbox_writer *mailbox_writer_close(struct mailbox_writer *writer)
{
	if (writer) {
		munmap(writer->shared, sizeof(*writer->shared));
		free(writer);
	}
	return NULL;
}

static size_t padded(size_t n)
{
	return (n + 7) & ~(size_t)7;
}

static void copy_into(struct mailbox_shared *shared, uint64_t at, const void *from, size_t n)
{
	size_t offset = at % MAILBOX_DATA_BYTES;
	size_t first = n < MAILBOX_DATA_BYTES - offset ? n : MAILBOX_DATA_BYTES - offset;

	if (!n)
		return;
	memcpy(shared->data + offset, from, first);
	memcpy(shared->data, (const unsigned char *)from + first, n - first);
}

int mailbox_put(struct mailbox_writer *writer, uint32_t kind, const void *first, size_t n_first,
		const void *second, size_t n_second)
{
	struct mailbox_shared *shared = writer->shared;
	struct message_head head = { .size = (uint32_t)(n_first + n_second), .kind = kind };
	uint64_t at = writer->tail;
	size_t need;

	if (n_first > MAILBOX_MAX_MESSAGE || n_second > MAILBOX_MAX_MESSAGE - n_first)
		return -EMSGSIZE;
	need = sizeof(head) + padded(head.size);
	if (at + need - atomic_load_explicit(&shared->head, memory_order_acquire) >
	    MAILBOX_DATA_BYTES)
		return -EAGAIN;
	copy_into(shared, at, &head, sizeof(head));
	copy_into(shared, at + sizeof(head), first, n_first);
	copy_into(shared, at + sizeof(head) + n_first, second, n_second);
	writer->tail = at + need;
	atomic_store_explicit(&shared->tail, writer->tail, memory_order_release);
	return 0;
}

uint64_t mailbox_unread(const struct mailbox_writer *writer)
{
	return writer->tail - atomic_load_explicit(&writer->shared->head, memory_order_acquire);
}

uint64_t mailbox_read(const struct mailbox_writer *writer)
{
	return atomic_load_explicit(&writer->shared->head, memory_order_acquire);
}

struct mailbox_progress *mailbox_progress_now(struct mailbox_writer *writer)
{
	return &writer->shared->progress;
}

uint64_t mailbox_wanted(const struct mailbox_writer *writer)
{
	/* Behind what was put: the processor would let the load go first. */
	atomic_thread_fence(memory_order_seq_cst);
	return atomic_load_explicit(&writer->shared->wanted, memory_order_acquire);
}

int mailbox_reader_open(struct mailbox_reader **ret_reader, int fd)
{
	_cleanup_(freep) struct mailbox_reader *reader = calloc(1, sizeof(*reader));
	int r;

	if (!reader)
		return -ENOMEM;
	r = map_shared(fd, &reader->shared);
	if (r < 0)
		return r;
	/* Where an earlier reader stopped.  The solution can write there too, and would fool itself. */
	reader->head = atomic_load(&reader->shared->head);
	reader->hold = UINT64_MAX;
	*ret_reader = take_ptr(reader);
	return 0;
}

struct mailbox_reader *mailbox_reader_close(struct mailbox_reader *reader)
{
	if (reader) {
		munmap(reader->shared, sizeof(*reader->shared));
		free(reader);
	}
	return NULL;
}

/*
 * The solution may write while we copy: what arrives is any bytes, but ours.  Hence the thread
 * sanitizer is told to look away.
 */
__attribute__((no_sanitize("thread"))) static void
copy_from(void *to, const struct mailbox_shared *shared, uint64_t at, size_t n)
{
	size_t offset = at % MAILBOX_DATA_BYTES;
	size_t first = n < MAILBOX_DATA_BYTES - offset ? n : MAILBOX_DATA_BYTES - offset;

	memcpy(to, shared->data + offset, first);
	memcpy((unsigned char *)to + first, shared->data, n - first);
}

static uint64_t told_head(const struct mailbox_reader *reader)
{
	return reader->head < reader->hold ? reader->head : reader->hold;
}

static void advance(struct mailbox_reader *reader, uint64_t to)
{
	reader->head = to;
	atomic_store_explicit(&reader->shared->head, told_head(reader), memory_order_release);
}

int mailbox_take(struct mailbox_reader *reader, struct mailbox_message *ret_message)
{
	uint64_t tail = atomic_load_explicit(&reader->shared->tail, memory_order_acquire);
	uint64_t waiting = tail - reader->head;
	struct message_head head;

	if (waiting == 0)
		return 0;
	if (waiting > MAILBOX_DATA_BYTES || waiting < sizeof(head)) {
		advance(reader, tail);
		return -EBADMSG;
	}
	copy_from(&head, reader->shared, reader->head, sizeof(head));
	if (head.size > MAILBOX_MAX_MESSAGE || sizeof(head) + padded(head.size) > waiting) {
		advance(reader, tail);
		return -EBADMSG;
	}
	copy_from(reader->message, reader->shared, reader->head + sizeof(head), head.size);
	advance(reader, reader->head + sizeof(head) + padded(head.size));
	*ret_message = (struct mailbox_message){
		.kind = head.kind,
		.size = head.size,
		.data = reader->message,
	};
	return 1;
}

bool mailbox_waiting(const struct mailbox_reader *reader)
{
	return atomic_load_explicit(&reader->shared->tail, memory_order_acquire) != reader->head;
}

uint64_t mailbox_position(const struct mailbox_reader *reader)
{
	return reader->head;
}

void mailbox_hold(struct mailbox_reader *reader, uint64_t position)
{
	reader->hold = position;
	advance(reader, reader->head);
}

uint64_t mailbox_left(const struct mailbox_reader *reader)
{
	return atomic_load_explicit(&reader->shared->tail, memory_order_acquire) - told_head(reader);
}

__attribute__((no_sanitize("thread"))) void
mailbox_read_progress(const struct mailbox_reader *reader, struct mailbox_progress *ret_progress)
{
	memcpy(ret_progress, &reader->shared->progress, sizeof(*ret_progress));
}

void mailbox_want(struct mailbox_reader *reader, uint64_t wanted)
{
	atomic_store_explicit(&reader->shared->wanted, wanted, memory_order_release);
	/* Before what is taken next. */
	atomic_thread_fence(memory_order_seq_cst);
}
