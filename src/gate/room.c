/* SPDX-License-Identifier: Apache-2.0 */
/* Room - descriptors, counted before they are opened. */
#include "gate/room.h"

#include "gate/fan.h"
#include "gate/question.h"

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

struct room room_of(uint64_t limit, uint32_t n_voters, uint32_t n_waiting)
{
	uint64_t others = ROOM_OTHERS + (uint64_t)ROOM_VOTER * n_voters;
	uint64_t all = limit > others ? limit - others : 0;
	uint64_t kept = least(FAN_EVENTS, all / 2);

	if (kept == 0)
		return (struct room){ 0 };
	return (struct room){
		.n_read = (uint32_t)(n_waiting < all ? least(FAN_EVENTS, all - n_waiting) : 0),
		.n_wait = (uint32_t)least(QUESTION_PLACES, all - kept),
	};
}
