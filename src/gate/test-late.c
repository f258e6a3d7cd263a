/* SPDX-License-Identifier: Apache-2.0 */
/* Test-late - when an opener that is not back says that the gate does not answer. */
#undef NDEBUG
#include "gate/late.h"

#include <assert.h>

/* Looks until it counts as late; 0: never. */
static unsigned int looks(struct late *late, bool waits, unsigned int answered_each, unsigned int most)
{
	uint64_t n_answered = late->n_answered;

	for (unsigned int n = 1; n <= most; n++) {
		n_answered += answered_each;
		if (late_look(late, waits, n_answered))
			return n;
	}
	return 0;
}

static void where_nobody_is_answered_it_is_late_after_the_bound(void)
{
	struct late late;

	late_begin(&late, 7);
	assert(looks(&late, true, 0, 100) == LATE_SILENT);
	/* With the second between two of them nobody waits for three. */
	assert(LATE_LOOK_MS * LATE_SILENT + 1000 < 3000);
}

static void behind_a_crowd_that_is_answered_it_has_longer_but_not_for_ever(void)
{
	struct late late;

	late_begin(&late, 0);
	assert(looks(&late, true, 1, 100) == LATE_IN_ALL);
}

static void one_that_was_let_go_and_waits_for_a_processor_is_not_late(void)
{
	struct late late;

	late_begin(&late, 0);
	assert(looks(&late, false, 0, 1000) == 0);
	/* Nor does that count for later. */
	assert(looks(&late, true, 0, 100) == LATE_SILENT);
}

static void when_the_crowd_stands_still_as_well_the_bound_begins_then(void)
{
	struct late late;

	late_begin(&late, 0);
	assert(looks(&late, true, 3, LATE_SILENT + 2) == 0);
	assert(looks(&late, true, 0, 100) == LATE_SILENT);
}

static void each_flight_begins_anew(void)
{
	struct late late;

	late_begin(&late, 0);
	assert(looks(&late, true, 0, LATE_SILENT - 1) == 0);
	late_begin(&late, 0);
	assert(looks(&late, true, 0, 100) == LATE_SILENT);
}

int main(void)
{
	where_nobody_is_answered_it_is_late_after_the_bound();
	behind_a_crowd_that_is_answered_it_has_longer_but_not_for_ever();
	one_that_was_let_go_and_waits_for_a_processor_is_not_late();
	when_the_crowd_stands_still_as_well_the_bound_begins_then();
	each_flight_begins_anew();
	return 0;
}
