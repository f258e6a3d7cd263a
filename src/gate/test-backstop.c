/* SPDX-License-Identifier: Apache-2.0 */
#undef NDEBUG
#include "gate/backstop.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define DEV 0x800001ull
#define SECOND 1000000000ull

static struct backstop *backstop;

/* What the probe asks, in its words (src/sensor/bpf/exec.bpf.h). */
static bool is_known(uint64_t dev, uint64_t ino, uint64_t now_ns)
{
	uint32_t first = backstop_first(dev, ino);

	for (uint32_t way = 0; way < BACKSTOP_WAYS; way++) {
		const struct backstop_entry *entry = &backstop->entries[first + way];

		if (entry->ino == ino && entry->dev == dev &&
		    (entry->epoch == backstop->epoch || now_ns - entry->stamp_ns < BACKSTOP_NS))
			return true;
	}
	return false;
}

static void setup(void)
{
	int fd = memfd_create("backstop", MFD_CLOEXEC);

	assert(fd >= 0 && ftruncate(fd, sizeof(struct backstop)) == 0);
	assert(backstop_open(&backstop, fd) == 0);
	close(fd);
}

static void done(void)
{
	backstop = backstop_close(backstop);
}

/* Numbers of files that fall into the set of the first one. */
static uint64_t same_set(uint64_t after)
{
	uint32_t wanted = backstop_first(DEV, 1);

	while (backstop_first(DEV, ++after) != wanted)
		;
	return after;
}

static void what_may_run_is_known_for_a_while(void)
{
	setup();
	assert(!is_known(DEV, 7, SECOND));
	backstop_pass(backstop, DEV, 7, SECOND);
	assert(is_known(DEV, 7, SECOND) && is_known(DEV, 7, 10 * SECOND));
	assert(!is_known(DEV, 7, 12 * SECOND));
	assert(!is_known(DEV + 1, 7, SECOND) && !is_known(DEV, 8, SECOND));
	backstop_pass(backstop, DEV, 7, 12 * SECOND);
	assert(is_known(DEV, 7, 12 * SECOND));
	done();
}

static void what_the_kernel_remembers_is_known_until_it_forgets(void)
{
	setup();
	assert(backstop_remember(backstop, DEV, 7, SECOND));
	assert(is_known(DEV, 7, 1000 * SECOND));
	/* A verdict in between takes nothing away. */
	backstop_pass(backstop, DEV, 7, 2 * SECOND);
	assert(is_known(DEV, 7, 1000 * SECOND));
	backstop_forget(backstop);
	assert(!is_known(DEV, 7, 1000 * SECOND));
	assert(backstop_remember(backstop, DEV, 7, 1000 * SECOND) && is_known(DEV, 7, 2000 * SECOND));
	done();
}

static void a_full_set_spares_what_the_kernel_remembers(void)
{
	uint64_t ino = 1;

	setup();
	for (uint32_t way = 0; way < BACKSTOP_WAYS - 1; way++, ino = same_set(ino))
		assert(backstop_remember(backstop, DEV, ino, SECOND));
	for (int i = 0; i < 10; i++, ino = same_set(ino)) {
		backstop_pass(backstop, DEV, ino, (2 + (uint64_t)i) * SECOND);
		assert(is_known(DEV, ino, (2 + (uint64_t)i) * SECOND));
	}
	assert(backstop_remember(backstop, DEV, ino, 20 * SECOND));
	assert(!backstop_remember(backstop, DEV, same_set(ino), 20 * SECOND));
	backstop_pass(backstop, DEV, same_set(ino), 20 * SECOND);
	assert(is_known(DEV, 1, 1000 * SECOND) && is_known(DEV, ino, 1000 * SECOND));
	done();
}

static void places_and_activity_are_told(void)
{
	setup();
	backstop_guard(backstop, 3, DEV);
	backstop_guard(backstop, BACKSTOP_PLACES, DEV);
	assert(backstop->guarded[3] == DEV && !backstop->guarded[0]);
	backstop_activate(backstop, true);
	assert(backstop->active == 1);
	backstop_activate(backstop, false);
	assert(backstop->active == 0);
	backstop->n_unguarded = 5;
	assert(backstop_unguarded(backstop) == 5);
	done();
}

static void what_becomes_of_each_kind_is_one_number_and_a_change_of_it_is_seen(void)
{
	const uint64_t says = BACKSTOP_SAYS(BACKSTOP_MEMFD, BACKSTOP_KILL) | BACKSTOP_SAYS(BACKSTOP_ELSEWHERE, BACKSTOP_REPORT);

	const struct backstop_reach reach = { .uid_first = 1000, .uid_last = 2000, .supervisor = 41 };

	setup();
	assert(BACKSTOP_SAID(says, BACKSTOP_MEMFD) == BACKSTOP_KILL);
	assert(BACKSTOP_SAID(says, BACKSTOP_USER_MOUNT) == BACKSTOP_IGNORE);
	assert(BACKSTOP_SAID(says, BACKSTOP_ELSEWHERE) == BACKSTOP_REPORT);
	assert(!backstop_police(backstop, says, &reach) && backstop_police(backstop, says, &reach));
	backstop->says = 0;
	assert(!backstop_police(backstop, says, &reach) && backstop->says == says);
	backstop->reach.uid_last = 1000;
	assert(!backstop_police(backstop, says, &reach) && backstop->reach.uid_last == 2000);
	assert(backstop_police(backstop, says, &reach) && backstop->says == says);
	backstop_name(backstop, 2, DEV);
	backstop_name(backstop, BACKSTOP_PLACES, DEV);
	assert(backstop->named[2] == DEV && !backstop->named[0] && !backstop->guarded[2]);
	done();
}

static void without_a_backstop_nothing_happens(void)
{
	backstop_name(NULL, 0, DEV);
	assert(backstop_police(NULL, 1, NULL));
	backstop_activate(NULL, true);
	backstop_guard(NULL, 0, DEV);
	backstop_pass(NULL, DEV, 1, SECOND);
	backstop_forget(NULL);
	assert(backstop_remember(NULL, DEV, 1, SECOND) && backstop_unguarded(NULL) == 0);
	assert(!backstop_close(NULL));
}

int main(void)
{
	what_may_run_is_known_for_a_while();
	what_the_kernel_remembers_is_known_until_it_forgets();
	a_full_set_spares_what_the_kernel_remembers();
	places_and_activity_are_told();
	what_becomes_of_each_kind_is_one_number_and_a_change_of_it_is_seen();
	without_a_backstop_nothing_happens();
	return 0;
}
