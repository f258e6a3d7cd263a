/* SPDX-License-Identifier: Apache-2.0 */
/* Test-room - whatever the limit: who waits and who is read never need more descriptors than there are. */
#undef NDEBUG
#include "gate/fan.h"
#include "gate/question.h"
#include "gate/room.h"

#include <assert.h>

static void with_the_usual_limit_every_place_can_be_taken_and_a_batch_read(void)
{
	struct room room = room_of(8192, 64, 0);

	assert(room.n_wait == QUESTION_PLACES && room.n_read == FAN_EVENTS);
	room = room_of(8192, 64, QUESTION_PLACES);
	assert(room.n_wait == QUESTION_PLACES && room.n_read == FAN_EVENTS);
}

static void a_limit_that_leaves_nothing_is_told(void)
{
	assert(room_of(0, 0, 0).n_wait == 0);
	assert(room_of(ROOM_OTHERS + 1, 0, 0).n_wait == 0);
	assert(room_of(ROOM_OTHERS + 2, 0, 0).n_wait == 1);
	assert(room_of(ROOM_OTHERS + 2 + ROOM_VOTER, 1, 0).n_wait == 1);
	assert(room_of(ROOM_OTHERS + 1 + ROOM_VOTER, 1, 0).n_wait == 0);
}

static void no_limit_is_ever_exceeded(void)
{
	for (uint32_t n_voters = 0; n_voters <= 64; n_voters += 8)
		for (uint64_t limit = 0; limit < 6000; limit++) {
			uint64_t others = ROOM_OTHERS + ROOM_VOTER * n_voters;
			struct room room = room_of(limit, n_voters, 0);

			if (room.n_wait == 0)
				continue;
			assert(others + room.n_wait < limit);
			/* With everybody waiting who may, the next ones can still be read, and be answered. */
			room = room_of(limit, n_voters, room.n_wait);
			assert(room.n_read > 0 && others + room.n_wait + room.n_read <= limit);
		}
}

static void where_more_wait_than_may_nothing_is_read(void)
{
	/* 36 are left beside others: 18 may wait. */
	assert(room_of(100, 0, 18).n_read == 18);
	assert(room_of(100, 0, 35).n_read == 1);
	assert(room_of(100, 0, 36).n_read == 0 && room_of(100, 0, 4000).n_read == 0);
	assert(room_of(100, 0, 4000).n_wait == 18);
}

static void a_limit_without_end_is_no_overflow(void)
{
	assert(room_of(UINT64_MAX, 64, UINT32_MAX).n_wait == QUESTION_PLACES);
	assert(room_of(UINT64_MAX, 64, UINT32_MAX).n_read == FAN_EVENTS);
}

int main(void)
{
	with_the_usual_limit_every_place_can_be_taken_and_a_batch_read();
	a_limit_that_leaves_nothing_is_told();
	no_limit_is_ever_exceeded();
	where_more_wait_than_may_nothing_is_read();
	a_limit_without_end_is_no_overflow();
	return 0;
}
