/* SPDX-License-Identifier: Apache-2.0 */
/* Test-gate-hold - who is held for the operator. */
#undef NDEBUG
#include "gate/scene.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- held for the operator -------------------------------------------------------------------------- */

/* So many are held at this moment, the one with this id and those behind it. */
static uint32_t count_held(const struct scene *scene, uint64_t after)
{
	struct history_entry entry;
	uint32_t n = 0;

	while (history_next_held(scene->history, after, &entry)) {
		after = entry.hold_id;
		n++;
	}
	return n;
}

static void who_was_not_answered_in_time_is_held_until_the_operator_speaks(void)
{
	for (int verdict = RINGFORT_VERDICT_ALLOW; verdict < _RINGFORT_VERDICT_N; verdict++) {
		struct history_entry held, entry;
		struct scene scene;
		pid_t pid;

		scene_begin_holding(&scene, 50, 60000);
		/* The miss mode would say the other. */
		scene_add(&scene, 0, DECISION_ENFORCE, verdict == RINGFORT_VERDICT_ALLOW ? DECISION_FAIL_CLOSED : DECISION_FAIL_OPEN);
		pid = scene_execute(scene_program);
		held = scene_await_held(&scene, 0);
		assert(held.pid == (uint32_t)pid && strcmp(held.path, scene_program) == 0 && held.hold == HISTORY_HELD);
		assert((int)held.verdict != verdict && held.reasons[0].answer == DECISION_LATE && held.until_ns);
		assert(scene_numbers(&scene)->n_holding == 1 && scene_numbers(&scene)->n_held == 1 &&
		       scene.n_news[GATE_HELD] == 1);
		for (int i = 0; i < 20; i++)
			scene_turn(&scene, 5);
		assert(!scene_has_ended(pid) && scene_numbers(&scene)->n_decided == 0 &&
		       scene_numbers(&scene)->voices[0].n_late == 1);
		assert(gate_decide_held(scene.gate, held.hold_id + 1, (enum ringfort_verdict)verdict) == -ENOENT);
		assert(gate_decide_held(scene.gate, held.hold_id, (enum ringfort_verdict)verdict) == 0);
		assert(gate_decide_held(scene.gate, held.hold_id, (enum ringfort_verdict)verdict) == -ENOENT);
		assert(scene_outcome(&scene, pid) == (verdict == RINGFORT_VERDICT_ALLOW ? RAN : DENIED));
		assert(history_find_held(scene.history, held.hold_id, &entry) == 1 && (int)entry.verdict == verdict);
		assert(entry.hold == (verdict == RINGFORT_VERDICT_ALLOW ? HISTORY_HELD_ALLOWED : HISTORY_HELD_DENIED));
		assert(entry.held_us >= 100000 && entry.us >= entry.held_us + 50000 &&
		       entry.reasons[0].answer == DECISION_LATE);
		assert(count_held(&scene, 0) == 0 && scene_numbers(&scene)->n_holding == 0 &&
		       scene_numbers(&scene)->n_pending == 0);
		assert(scene_numbers(&scene)->n_expired == 0);
		scene_end(&scene);
	}
}

static void a_hold_that_runs_out_ends_by_the_miss_mode(void)
{
	for (int miss = DECISION_FAIL_OPEN; miss <= DECISION_FAIL_CLOSED; miss++) {
		struct history_entry entry;
		struct scene scene;

		scene_begin_holding(&scene, 50, 200);
		scene_add(&scene, 0, DECISION_ENFORCE, (enum decision_miss)miss);
		assert(scene_outcome(&scene, scene_execute(scene_program)) == (miss == DECISION_FAIL_OPEN ? RAN : DENIED));
		entry = scene_last_entry(&scene);
		assert(entry.hold == HISTORY_HELD_OUT && entry.hold_id == 1 && entry.held_us >= 200000 &&
		       entry.us >= 250000);
		assert(scene_numbers(&scene)->n_expired == 1 && scene_numbers(&scene)->n_held == 1 &&
		       count_held(&scene, 0) == 0);
		scene_end(&scene);
	}
}

/* What is executed one by one would wait each time, and so slowly that the misses are never too many. */
static void behind_a_hold_that_ran_out_nobody_is_held_until_the_operator_is_there(void)
{
	struct history_entry held;
	struct scene scene;
	pid_t pids[2];

	scene_begin_holding(&scene, 50, 1000);
	scene_add(&scene, 0, DECISION_ENFORCE, DECISION_FAIL_CLOSED);
	for (int i = 0; i < 2; i++)
		assert(scene_outcome(&scene, scene_execute(scene_program)) == DENIED &&
		       scene_numbers(&scene)->n_held == 1);
	assert(scene_last_entry(&scene).hold == HISTORY_NOT_HELD && scene_numbers(&scene)->n_unheld == 1 &&
	       scene_numbers(&scene)->n_expired == 2);
	gate_open(scene.gate, false);
	pids[0] = scene_execute(scene_program);
	held = scene_await_held(&scene, 0);
	/* One runs out while he speaks about the other: he is there. */
	for (int i = 0; i < 20; i++)
		scene_turn(&scene, 5);
	pids[1] = scene_execute(scene_program);
	held = scene_await_held(&scene, held.hold_id);
	assert(scene_outcome(&scene, pids[0]) == DENIED && scene_last_entry(&scene).hold == HISTORY_HELD_OUT);
	assert(gate_decide_held(scene.gate, held.hold_id, RINGFORT_VERDICT_ALLOW) == 0 &&
	       scene_outcome(&scene, pids[1]) == RAN);
	gate_voter_reset(scene.gate, 0);
	assert(scene_outcome(&scene, scene_execute(scene_program)) == DENIED && scene_numbers(&scene)->n_held == 4 &&
	       scene_numbers(&scene)->n_unheld == 1);
	scene_end(&scene);
}

static void what_was_answered_or_denied_or_waits_for_a_shadow_is_not_held(void)
{
	struct scene scene;
	pid_t pid;

	scene_begin_holding(&scene, 100, 60000);
	scene_add(&scene, 0, DECISION_ENFORCE, DECISION_FAIL_OPEN);
	scene_add(&scene, 1, DECISION_SHADOW, DECISION_FAIL_CLOSED);
	pid = scene_execute(scene_program);
	scene_answer(&scene, 0, scene_await(&scene, 0).id, RINGFORT_VERDICT_ALLOW);
	assert(scene_outcome(&scene, pid) == RAN);
	scene_add(&scene, 2, DECISION_ENFORCE, DECISION_FAIL_OPEN);
	pid = scene_execute(scene_program);
	scene_answer(&scene, 2, scene_await(&scene, 2).id, RINGFORT_VERDICT_DENY);
	assert(scene_outcome(&scene, pid) == DENIED);
	/* Those who were not waited for any more are late. */
	while (scene_numbers(&scene)->n_pending)
		scene_turn(&scene, 100);
	assert(scene_numbers(&scene)->voices[0].n_late == 1 && scene_numbers(&scene)->n_held == 0);
	/* One that ends does not answer either: decided at once, as ever. */
	scene_await(&scene, 0);
	pid = scene_execute(scene_program);
	scene_answer(&scene, 0, scene_await(&scene, 0).id, RINGFORT_VERDICT_ALLOW);
	gate_voter_down(scene.gate, 2, false);
	assert(scene_outcome(&scene, pid) == RAN && scene_numbers(&scene)->n_held == 0);
	scene_end(&scene);
}

static void others_are_decided_as_ever_while_somebody_is_held(void)
{
	struct scene scene;
	struct timespec begin_at, now;
	uint64_t held;
	pid_t first, second;

	scene_begin_holding(&scene, 100, 60000);
	scene_add(&scene, 0, DECISION_ENFORCE, DECISION_FAIL_CLOSED);
	first = scene_execute(scene_program);
	scene_await(&scene, 0);
	held = scene_await_held(&scene, 0).hold_id;
	second = scene_execute(scene_program);
	scene_answer(&scene, 0, scene_await(&scene, 0).id, RINGFORT_VERDICT_ALLOW);
	assert(scene_outcome(&scene, second) == RAN && !scene_has_ended(first));
	/* The timer stands at the end of the hold, a minute away: a deadline before it is kept all the same. */
	clock_gettime(CLOCK_MONOTONIC, &begin_at);
	second = scene_execute(scene_program);
	scene_await_held(&scene, held);
	clock_gettime(CLOCK_MONOTONIC, &now);
	assert(now.tv_sec - begin_at.tv_sec < 5);
	assert(count_held(&scene, 0) == 2 && gate_decide_held(scene.gate, held, RINGFORT_VERDICT_DENY) == 0);
	assert(scene_outcome(&scene, first) == DENIED && !scene_has_ended(second) && count_held(&scene, 0) == 1);
	assert(gate_decide_held(scene.gate, held + 1, RINGFORT_VERDICT_ALLOW) == 0 &&
	       scene_outcome(&scene, second) == RAN);
	scene_end(&scene);
}

static void an_answer_while_it_is_held_is_late_and_changes_nothing(void)
{
	struct scene scene;
	uint64_t id;
	pid_t pid;

	scene_begin_holding(&scene, 50, 400);
	scene_add(&scene, 0, DECISION_ENFORCE, DECISION_FAIL_OPEN);
	pid = scene_execute(scene_program);
	id = scene_await(&scene, 0).id;
	scene_await_held(&scene, 0);
	scene_answer(&scene, 0, id, RINGFORT_VERDICT_DENY);
	while (scene_numbers(&scene)->voices[0].n_wrong < 1)
		scene_turn(&scene, 100);
	assert(!scene_has_ended(pid) && scene_outcome(&scene, pid) == RAN &&
	       scene_last_entry(&scene).hold == HISTORY_HELD_OUT);
	scene_end(&scene);
}

static void no_more_are_held_than_there_is_room_for_and_that_is_told(void)
{
	enum { N = HISTORY_HOLDS + 6 };
	static pid_t pids[N];
	uint32_t n_ended = 0;
	struct scene scene;

	scene_begin_holding(&scene, 2000, 60000);
	scene_add(&scene, 0, DECISION_ENFORCE, DECISION_FAIL_OPEN);
	for (int i = 0; i < N; i++)
		pids[i] = scene_execute(scene_program);
	while (scene_numbers(&scene)->n_asked < N)
		scene_turn(&scene, 100);
	/* In one turn: behind the fifth it is demoted, and nobody waits for it who is not late yet. */
	nanosleep(&(struct timespec){ .tv_sec = 2, .tv_nsec = 100000000 }, NULL);
	while (scene_numbers(&scene)->n_held + scene_numbers(&scene)->n_unheld < N)
		scene_turn(&scene, 100);
	assert(scene_numbers(&scene)->n_holding == HISTORY_HOLDS && scene_numbers(&scene)->n_unheld == 6);
	assert(scene_numbers(&scene)->n_expired == 6 && count_held(&scene, 0) == HISTORY_HOLDS);
	/* Misses are counted as ever: by now it is not asked any more, and so nobody is held for it. */
	assert(scene_numbers(&scene)->voices[0].demoted && scene_outcome(&scene, scene_execute(scene_program)) == RAN);
	while (n_ended < 6) {
		n_ended = 0;
		scene_turn(&scene, 5);
		for (int i = 0; i < N; i++)
			n_ended += scene_has_ended(pids[i]);
	}
	assert(n_ended == 6);
	/* A place that is free again is used again. */
	assert(gate_decide_held(scene.gate, 7, RINGFORT_VERDICT_DENY) == 0);
	gate_voter_reset(scene.gate, 0);
	scene_execute(scene_program);
	assert(scene_await_held(&scene, HISTORY_HOLDS).hold_id == HISTORY_HOLDS + 1);
	gate_open(scene.gate, true);
	while (waitpid(-1, NULL, 0) > 0)
		;
	scene_end(&scene);
}

static void what_is_critical_is_not_held(void)
{
	struct scene scene;
	struct stat st;

	scene_begin_as(&scene, (struct gate_options){ .deadline_ms = 50, .hold_ms = 60000, .deny_critical = true });
	assert(stat(scene_program, &st) == 0);
	scene.critical_ino = st.st_ino;
	scene_add(&scene, 0, DECISION_ENFORCE, DECISION_FAIL_CLOSED);
	assert(scene_outcome(&scene, scene_execute(scene_program)) == DENIED && scene_numbers(&scene)->n_held == 0 &&
	       scene_numbers(&scene)->n_unheld == 0);
	scene_end(&scene);
}

static void an_open_gate_and_one_of_ours_end_a_hold_at_once(void)
{
	struct scene scene;
	pid_t pids[2];

	scene_begin_holding(&scene, 50, 60000);
	scene_add(&scene, 0, DECISION_ENFORCE, DECISION_FAIL_CLOSED);
	for (uint64_t i = 0; i < 2; i++) {
		pids[i] = scene_execute(scene_program);
		assert(scene_await_held(&scene, i).pid == (uint32_t)pids[i]);
	}
	assert(gate_own(scene.gate, (uint32_t)pids[1], true) == 0);
	assert(scene_outcome(&scene, pids[1]) == RAN && !scene_last_entry(&scene).overridden &&
	       !scene_has_ended(pids[0]));
	gate_open(scene.gate, true);
	assert(scene_outcome(&scene, pids[0]) == RAN && scene_last_entry(&scene).overridden &&
	       scene_last_entry(&scene).hold == HISTORY_HELD_LET_GO);
	assert(scene_numbers(&scene)->n_holding == 0 && count_held(&scene, 0) == 0);
	scene_end(&scene);
}

static void who_is_killed_while_he_is_held_frees_his_place(void)
{
	struct scene scene;
	pid_t pid;

	scene_begin_holding(&scene, 50, 60000);
	scene_add(&scene, 0, DECISION_ENFORCE, DECISION_FAIL_CLOSED);
	pid = scene_execute(scene_program);
	scene_await_held(&scene, 0);
	gate_tick(scene.gate);
	assert(count_held(&scene, 0) == 1);
	kill(pid, SIGKILL);
	assert(waitpid(pid, NULL, 0) == pid);
	gate_tick(scene.gate);
	assert(count_held(&scene, 0) == 0 && scene_last_entry(&scene).hold == HISTORY_HELD_GIVEN_UP);
	assert(scene_numbers(&scene)->n_holding == 0 && scene_numbers(&scene)->n_pending == 0);
	scene_end(&scene);
}

static void the_end_of_the_gate_lets_go_who_is_held_and_the_next_one_knows_of_none(void)
{
	struct gate_options options = { .deadline_ms = 50, .hold_ms = 60000, .epoch = 2 };
	struct scene scene;
	int status;
	pid_t pid;

	scene_begin_holding(&scene, 50, 60000);
	scene_add(&scene, 0, DECISION_ENFORCE, DECISION_FAIL_CLOSED);
	pid = scene_execute(scene_program);
	scene_await_held(&scene, 0);
	assert(!gate_free(scene.gate) && waitpid(pid, &status, 0) == pid && status == 0);
	scene_close_straw(&scene.straws[0]);
	/* As after a kill, which leaves it there. */
	assert(history_hold(scene.history, &(struct history_entry){ .pid = 1 }) == 2 && count_held(&scene, 0) == 1);
	options.history = scene.history;
	assert(gate_new(&scene.gate, &options) == 0 && count_held(&scene, 0) == 0);
	scene_end(&scene);
}

static void all(void)
{
	who_was_not_answered_in_time_is_held_until_the_operator_speaks();
	a_hold_that_runs_out_ends_by_the_miss_mode();
	behind_a_hold_that_ran_out_nobody_is_held_until_the_operator_is_there();
	what_was_answered_or_denied_or_waits_for_a_shadow_is_not_held();
	others_are_decided_as_ever_while_somebody_is_held();
	an_answer_while_it_is_held_is_late_and_changes_nothing();
	no_more_are_held_than_there_is_room_for_and_that_is_told();
	what_is_critical_is_not_held();
	an_open_gate_and_one_of_ours_end_a_hold_at_once();
	who_is_killed_while_he_is_held_frees_his_place();
	the_end_of_the_gate_lets_go_who_is_held_and_the_next_one_knows_of_none();
}

int main(void)
{
	return scene_run(all);
}
