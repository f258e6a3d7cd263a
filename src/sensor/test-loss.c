/* SPDX-License-Identifier: Apache-2.0 */
#undef NDEBUG
#include "sensor/loss.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define TYPE ringfort_type_process_exec

static void a_gap_is_told_once_and_before_the_record_that_shows_it(void)
{
	struct loss loss;

	assert(loss_init(&loss, 2) == 0);
	assert(loss_by_gap(&loss, 0, TYPE, 1) == 0);
	assert(loss_by_gap(&loss, 0, TYPE, 2) == 0);
	assert(loss_by_gap(&loss, 0, TYPE, 6) == 3);
	assert(loss_by_gap(&loss, 0, TYPE, 7) == 0);
	/* the other CPU has its own numbers, and so has another type */
	assert(loss_by_gap(&loss, 1, TYPE, 2) == 1);
	assert(loss_by_gap(&loss, 0, TYPE + 1, 1) == 0);
	/* the counter knows no more than the gaps did */
	assert(loss_by_counter(&loss, 0, TYPE, 3) == 0);
	assert(loss_by_counter(&loss, 0, TYPE, 5) == 2);
	loss_done(&loss);
}

static void a_loss_told_early_by_the_counter_is_not_told_again_by_the_gap(void)
{
	struct loss loss;

	assert(loss_init(&loss, 1) == 0);
	/* 1 and 2 lie unread in the ring, 3 and 4 were lost already */
	assert(loss_by_counter(&loss, 0, TYPE, 2) == 2);
	assert(loss_by_gap(&loss, 0, TYPE, 1) == 0);
	assert(loss_by_gap(&loss, 0, TYPE, 2) == 0);
	assert(loss_by_gap(&loss, 0, TYPE, 5) == 0);
	assert(loss_by_gap(&loss, 0, TYPE, 7) == 1);
	loss_done(&loss);
}

static void numbers_count_the_lost(void)
{
	struct loss loss;

	assert(loss_init(&loss, 1) == 0);
	assert(loss_next(&loss, TYPE) == 1);
	assert(loss_count(&loss, TYPE, 4) == 5);
	assert(loss_next(&loss, TYPE) == 6);
	assert(loss.n_lost[TYPE] == 4);
	loss_done(&loss);
}

static void nonsense_from_the_ring_is_harmless(void)
{
	struct loss loss;

	assert(loss_init(&loss, 1) == 0);
	assert(loss_by_gap(&loss, 7, TYPE, 1) == 0);
	assert(loss_by_gap(&loss, 0, TYPE, 5) == 4);
	assert(loss_by_gap(&loss, 0, TYPE, 0) == 0);
	assert(loss_by_gap(&loss, 0, TYPE, 2) == 0);
	loss_done(&loss);
}

/* Whatever is lost, and whenever the counter is looked at: received + told = performed. */
static void any_order_of_gaps_and_counters_adds_up(void)
{
	for (unsigned int seed = 0; seed < 200; seed++) {
		struct loss loss;
		uint64_t in_ring[64], n_ring = 0, n = 0, n_lost = 0, received = 0, told = 0;

		srandom(seed);
		assert(loss_init(&loss, 1) == 0);
		for (int i = 0; i < 5000; i++) {
			switch (random() % 4) {
			case 0:
			case 1:
				n++;
				if (n_ring < 20)
					in_ring[n_ring++] = n;
				else
					n_lost++;
				break;
			case 2:
				if (random() % 8 == 0)
					told += loss_by_counter(&loss, 0, TYPE, n_lost);
				break;
			case 3:
				for (uint64_t k = 0; k < n_ring; k++, received++)
					told += loss_by_gap(&loss, 0, TYPE, in_ring[k]);
				n_ring = 0;
				break;
			}
			assert(told <= n_lost);
		}
		for (uint64_t k = 0; k < n_ring; k++, received++)
			told += loss_by_gap(&loss, 0, TYPE, in_ring[k]);
		told += loss_by_counter(&loss, 0, TYPE, n_lost);
		assert(received + told == n && told == n_lost);
		loss_done(&loss);
	}
}

int main(void)
{
	a_gap_is_told_once_and_before_the_record_that_shows_it();
	a_loss_told_early_by_the_counter_is_not_told_again_by_the_gap();
	numbers_count_the_lost();
	nonsense_from_the_ring_is_harmless();
	any_order_of_gaps_and_counters_adds_up();
	return 0;
}
