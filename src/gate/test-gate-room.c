/* SPDX-License-Identifier: Apache-2.0 */
/* Test-gate-room - too few descriptors. */
#undef NDEBUG
#include "gate/scene.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- too few descriptors -------------------------------------------------------------------------------- */

static rlim_t limit_descriptors(rlim_t n)
{
	struct rlimit files;
	rlim_t before;

	assert(getrlimit(RLIMIT_NOFILE, &files) == 0);
	before = files.rlim_cur;
	files.rlim_cur = n;
	assert(setrlimit(RLIMIT_NOFILE, &files) == 0);
	return before;
}

static void who_finds_no_room_is_decided_by_miss_modes_and_that_is_told(void)
{
	pid_t pids[60];
	struct scene scene;
	rlim_t before;
	int n_full = 0;

	scene_begin_with(&scene, 20000, false);
	scene_add(&scene, 0, DECISION_ENFORCE, DECISION_FAIL_OPEN);
	/* Beside others there is room for 16 to wait. */
	before = limit_descriptors(64 + 5 + 32);
	for (int i = 0; i < 60; i++)
		pids[i] = scene_execute(scene_program);
	while (scene_numbers(&scene)->n_asked < 60)
		scene_turn(&scene, 100);
	assert(scene_numbers(&scene)->n_pending == 16 && scene_numbers(&scene)->voices[0].n_full == 44 &&
	       scene_numbers(&scene)->n_overflow == 0);
	assert(scene_last_entry(&scene).reasons[0].answer == DECISION_FULL && !scene_numbers(&scene)->voices[0].demoted);
	/* Less room, and one more who comes: those who wait longest go. */
	limit_descriptors(64 + 5 + 8);
	assert(scene_outcome(&scene, scene_execute(scene_program)) == RAN);
	assert(scene_numbers(&scene)->n_pending <= 4 && scene_numbers(&scene)->n_overflow == 0);
	limit_descriptors(before);
	gate_open(scene.gate, true);
	for (int i = 0; i < 60; i++) {
		n_full += scene_outcome(&scene, pids[i]) == RAN;
	}
	assert(n_full == 60);
	scene_end(&scene);
}

static void where_descriptors_are_short_who_is_held_goes_first(void)
{
	struct scene scene;
	rlim_t before;
	pid_t held, waiting;

	scene_begin_holding(&scene, 300, 60000);
	scene_add(&scene, 0, DECISION_ENFORCE, DECISION_FAIL_CLOSED);
	held = scene_execute(scene_program);
	scene_await(&scene, 0);
	scene_await_held(&scene, 0);
	waiting = scene_execute(scene_program);
	scene_await(&scene, 0);
	/* Beside others there is room for one to wait. */
	before = limit_descriptors(64 + 5 + 2);
	assert(scene_outcome(&scene, scene_execute(scene_program)) == DENIED);
	assert(scene_outcome(&scene, held) == DENIED && !scene_has_ended(waiting) &&
	       scene_numbers(&scene)->n_overflow == 0);
	limit_descriptors(before);
	gate_open(scene.gate, true);
	assert(scene_outcome(&scene, waiting) == RAN);
	scene_end(&scene);
}

static void without_any_room_it_cannot_go_on_and_denies_nobody(void)
{
	struct scene scene;
	rlim_t before;
	int status;
	pid_t pid;

	scene_begin_with(&scene, 20000, false);
	scene_add(&scene, 0, DECISION_ENFORCE, DECISION_FAIL_CLOSED);
	before = limit_descriptors(60);
	pid = scene_execute(scene_program);
	assert(gate_process(scene.gate, 10000) == -EMFILE);
	limit_descriptors(before);
	scene_end(&scene);
	/* Its end lets through who waits. */
	assert(waitpid(pid, &status, 0) == pid && status == 0);
}

static void all(void)
{
	who_finds_no_room_is_decided_by_miss_modes_and_that_is_told();
	where_descriptors_are_short_who_is_held_goes_first();
	without_any_room_it_cannot_go_on_and_denies_nobody();
}

int main(void)
{
	return scene_run(all);
}
