/* SPDX-License-Identifier: Apache-2.0 */
/* Test ringbuf - order, busy and discarded records, and when space is given back; the kernel is played. */
#undef NDEBUG
#include "sensor/ringbuf.h"

#include "base/cleanup.h"

#include <errno.h>
#include <linux/bpf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#define RING (1u << 20)

/* What the kernel has mapped: the two position pages and the data, here without the mirror. */
struct kernel {
	int fd;
	size_t page;
	uint8_t *memory;
	unsigned long end;
	struct ringbuf *ringbuf;
};

static int begin(void **state)
{
	struct kernel *kernel = calloc(1, sizeof(*kernel));

	kernel->page = (size_t)sysconf(_SC_PAGESIZE);
	kernel->fd = memfd_create("ring", MFD_CLOEXEC);
	assert_int_equal(ftruncate(kernel->fd, (off_t)(2 * kernel->page + 2 * RING)), 0);
	kernel->memory = mmap(NULL, 2 * kernel->page + RING, PROT_READ | PROT_WRITE, MAP_SHARED, kernel->fd, 0);
	assert_true(kernel->memory != MAP_FAILED);
	assert_int_equal(ringbuf_new(&kernel->ringbuf, kernel->fd, RING), 0);
	*state = kernel;
	return 0;
}

static int end(void **state)
{
	struct kernel *kernel = *state;

	ringbuf_free(kernel->ringbuf);
	munmap(kernel->memory, 2 * kernel->page + RING);
	close(kernel->fd);
	free(kernel);
	return 0;
}

static uint32_t *header_at(struct kernel *kernel, unsigned long position)
{
	return (uint32_t *)(kernel->memory + 2 * kernel->page + (position & (RING - 1)));
}

/* Write one record, with bits in its header.  Return: its position. */
static unsigned long put(struct kernel *kernel, uint64_t time_ns, uint32_t bits)
{
	unsigned long position = kernel->end;
	uint32_t *header = header_at(kernel, position);
	struct probe_record record = { .size = sizeof(record), .monotonic_ns = time_ns };

	memcpy((uint8_t *)header + BPF_RINGBUF_HDR_SZ, &record, sizeof(record));
	header[0] = (uint32_t)sizeof(record) | bits;
	kernel->end += sizeof(record) + BPF_RINGBUF_HDR_SZ;
	*(unsigned long *)(kernel->memory + kernel->page) = kernel->end;
	return position;
}

static uint64_t next(struct kernel *kernel)
{
	const struct probe_record *record;

	assert_int_equal(ringbuf_peek(kernel->ringbuf, &record), 1);
	return record->monotonic_ns;
}

static unsigned long given_back(const struct kernel *kernel)
{
	return *(const unsigned long *)kernel->memory;
}

static void records_come_in_the_order_of_their_times(void **state)
{
	static const uint64_t times[] = { 5, 3, 9, 1, 7, 8, 2 };
	struct kernel *kernel = *state;
	uint64_t last = 0;

	for (size_t i = 0; i < 7; i++)
		put(kernel, times[i], 0);
	ringbuf_look(kernel->ringbuf);
	for (size_t i = 0; i < 7; i++) {
		assert_true(next(kernel) > last);
		last = next(kernel);
		ringbuf_pop(kernel->ringbuf);
	}
	assert_int_equal(ringbuf_peek(kernel->ringbuf, &(const struct probe_record *){ NULL }), 0);
}

static void what_comes_after_a_look_waits_for_the_next(void **state)
{
	struct kernel *kernel = *state;
	const struct probe_record *record;

	put(kernel, 1, 0);
	ringbuf_look(kernel->ringbuf);
	put(kernel, 2, 0);
	assert_int_equal(next(kernel), 1);
	ringbuf_pop(kernel->ringbuf);
	assert_int_equal(ringbuf_peek(kernel->ringbuf, &record), 0);
	ringbuf_look(kernel->ringbuf);
	assert_int_equal(next(kernel), 2);
}

static void a_record_that_is_being_written_holds_up_those_behind_it(void **state)
{
	struct kernel *kernel = *state;
	const struct probe_record *record;
	unsigned long busy;

	put(kernel, 1, 0);
	busy = put(kernel, 2, BPF_RINGBUF_BUSY_BIT);
	put(kernel, 3, 0);
	ringbuf_look(kernel->ringbuf);
	assert_int_equal(next(kernel), 1);
	ringbuf_pop(kernel->ringbuf);
	assert_int_equal(ringbuf_peek(kernel->ringbuf, &record), -EAGAIN);
	*header_at(kernel, busy) &= ~BPF_RINGBUF_BUSY_BIT;
	assert_int_equal(next(kernel), 2);
	ringbuf_pop(kernel->ringbuf);
	assert_int_equal(next(kernel), 3);
}

static void discarded_records_are_passed_over(void **state)
{
	struct kernel *kernel = *state;
	const struct probe_record *record;

	for (size_t i = 0; i < 300; i++)
		put(kernel, 0, BPF_RINGBUF_DISCARD_BIT);
	put(kernel, 4, 0);
	put(kernel, 0, BPF_RINGBUF_DISCARD_BIT);
	ringbuf_look(kernel->ringbuf);
	assert_int_equal(next(kernel), 4);
	ringbuf_pop(kernel->ringbuf);
	assert_int_equal(ringbuf_peek(kernel->ringbuf, &record), 0);
	ringbuf_give_back(kernel->ringbuf);
	assert_int_equal(given_back(kernel), kernel->end);
}

static void space_is_given_back_in_order_and_in_batches(void **state)
{
	struct kernel *kernel = *state;

	put(kernel, 2, 0);
	put(kernel, 1, 0);
	ringbuf_look(kernel->ringbuf);
	assert_int_equal(next(kernel), 1);
	ringbuf_pop(kernel->ringbuf);
	/* The first in the ring is still ours. */
	ringbuf_give_back(kernel->ringbuf);
	assert_int_equal(given_back(kernel), 0);
	assert_int_equal(next(kernel), 2);
	ringbuf_pop(kernel->ringbuf);
	assert_int_equal(given_back(kernel), 0);
	ringbuf_give_back(kernel->ringbuf);
	assert_int_equal(given_back(kernel), kernel->end);
}

static void a_window_that_is_full_goes_on_behind(void **state)
{
	struct kernel *kernel = *state;
	uint64_t time_ns = 0, n = 4 * RINGBUF_WINDOW;
	const struct probe_record *record;

	for (uint64_t i = 0; i < n; i++)
		put(kernel, i + 1, 0);
	assert_true(kernel->end < RING);
	ringbuf_look(kernel->ringbuf);
	while (ringbuf_peek(kernel->ringbuf, &record) == 1) {
		assert_int_equal(record->monotonic_ns, ++time_ns);
		ringbuf_pop(kernel->ringbuf);
	}
	assert_int_equal(time_ns, n);
	/* More than an eighth of the ring at a time is not kept back. */
	assert_true(given_back(kernel) > RING / 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(records_come_in_the_order_of_their_times, begin, end),
		cmocka_unit_test_setup_teardown(what_comes_after_a_look_waits_for_the_next, begin, end),
		cmocka_unit_test_setup_teardown(a_record_that_is_being_written_holds_up_those_behind_it, begin, end),
		cmocka_unit_test_setup_teardown(discarded_records_are_passed_over, begin, end),
		cmocka_unit_test_setup_teardown(space_is_given_back_in_order_and_in_batches, begin, end),
		cmocka_unit_test_setup_teardown(a_window_that_is_full_goes_on_behind, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
