/* SPDX-License-Identifier: Apache-2.0 */
/* Test-solution - every state with every input, and the rules of strikes, back-off and hangs. */
#undef NDEBUG
#include "host/solution.h"

#include <assert.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define S SOLUTION_SECOND

static struct solution solution;
static uint64_t now;
static char journal[4096]; /* "stopped>starting " ... */
static struct solution_output last;

static void note(void *userdata, enum solution_state from, enum solution_state to, const char *reason)
{
	size_t used = strlen(journal);

	assert_ptr_equal(userdata, &journal);
	assert_true(reason[0] != '\0');
	snprintf(journal + used, sizeof(journal) - used, "%s>%s ", solution_state_name(from),
		 solution_state_name(to));
}

static int begin(void **state)
{
	now = 1000 * S;
	journal[0] = '\0';
	solution_init(&solution, note, journal);
	return 0;
}

static enum solution_action say(const struct solution_input *input)
{
	last = solution_step(&solution, input, now);
	assert_true(last.deadline > now);
	return last.action;
}

#define SAY(...) say(&(struct solution_input){ .event = __VA_ARGS__ })

static void start(void)
{
	assert_int_equal(SAY(SOLUTION_OPERATOR_START), SOLUTION_SPAWN);
	assert_int_equal(SAY(SOLUTION_SPAWNED), SOLUTION_NOTHING);
}

static void start_active(void)
{
	start();
	SAY(SOLUTION_READY);
	SAY(SOLUTION_PROVEN);
	assert_int_equal(solution.state, SOLUTION_ACTIVE);
}

/* Wait for the back-off and come up again; returns how long that was. */
static uint64_t come_back(void)
{
	uint64_t from = now;

	assert_int_equal(solution.state, SOLUTION_STARTING);
	assert_int_equal(last.action, SOLUTION_NOTHING);
	now = last.deadline - 1;
	assert_int_equal(SAY(SOLUTION_TICK), SOLUTION_NOTHING);
	now++;
	assert_int_equal(SAY(SOLUTION_TICK), SOLUTION_SPAWN);
	SAY(SOLUTION_SPAWNED);
	SAY(SOLUTION_READY);
	SAY(SOLUTION_PROVEN);
	return now - from;
}

static void crash(void)
{
	SAY(SOLUTION_EXITED, .signal = SIGSEGV);
}

static void it_goes_from_stopped_to_active_by_the_picture(void **state)
{
	start_active();
	assert_string_equal(journal, "stopped>starting starting>shadow shadow>active ");
	assert_int_equal(solution.n_restarts, 0);
}

static void a_stop_kills_and_ends_in_stopped(void **state)
{
	start_active();
	assert_int_equal(SAY(SOLUTION_OPERATOR_STOP), SOLUTION_KILL_IT);
	assert_int_equal(solution.state, SOLUTION_ACTIVE);
	assert_int_equal(SAY(SOLUTION_EXITED, .signal = SIGKILL), SOLUTION_NOTHING);
	assert_int_equal(solution.state, SOLUTION_STOPPED);
	assert_int_equal(solution.n_strikes, 0);
	assert_true(last.deadline == UINT64_MAX);
}

static void a_start_while_it_dies_brings_it_back_without_a_strike(void **state)
{
	start_active();
	SAY(SOLUTION_OPERATOR_STOP);
	assert_int_equal(SAY(SOLUTION_OPERATOR_START), SOLUTION_NOTHING);
	assert_int_equal(SAY(SOLUTION_EXITED, .signal = SIGKILL), SOLUTION_SPAWN);
	assert_int_equal(solution.n_strikes, 0);
}

static void a_stop_between_spawn_and_answer_kills_what_came(void **state)
{
	SAY(SOLUTION_OPERATOR_START);
	SAY(SOLUTION_OPERATOR_STOP);
	assert_int_equal(solution.state, SOLUTION_STOPPED);
	assert_int_equal(SAY(SOLUTION_SPAWNED), SOLUTION_KILL_IT);
	SAY(SOLUTION_EXITED, .signal = SIGKILL);
	assert_int_equal(solution.state, SOLUTION_STOPPED);
	assert_false(solution.running);
}

static void what_does_not_die_is_killed_again(void **state)
{
	start_active();
	SAY(SOLUTION_OPERATOR_STOP);
	assert_int_equal(SAY(SOLUTION_TICK), SOLUTION_NOTHING);
	now += SOLUTION_KILL;
	assert_int_equal(SAY(SOLUTION_TICK), SOLUTION_KILL_IT);
}

static void the_first_restart_comes_after_100_ms(void **state)
{
	start_active();
	crash();
	assert_string_equal(solution.reason, "killed by SIGSEGV");
	assert_int_equal(come_back(), S / 10);
	assert_int_equal(solution.n_restarts, 1);
	assert_int_equal(solution.state, SOLUTION_ACTIVE);
}

static void back_off_doubles_to_30_s_and_begins_anew_after_a_good_minute(void **state)
{
	uint64_t expected = S / 10;

	SAY(SOLUTION_OPERATOR_START);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(SAY(SOLUTION_SPAWN_FAILED, .error = -ENOMEM), SOLUTION_NOTHING);
		assert_true(last.deadline == now + expected);
		now = last.deadline;
		assert_int_equal(SAY(SOLUTION_TICK), SOLUTION_SPAWN);
		expected = expected * 2 < 30 * S ? expected * 2 : 30 * S;
	}
	assert_int_equal(solution.n_strikes, 0);
	assert_int_equal(solution.state, SOLUTION_STARTING);
	assert_string_equal(solution.reason, "cannot be started: Cannot allocate memory");
	SAY(SOLUTION_SPAWNED);
	now += SOLUTION_GOOD;
	crash();
	assert_true(last.deadline == now + S / 10);
}

static void three_strikes_in_ten_minutes_suspend(void **state)
{
	start_active();
	crash();
	come_back();
	now += 200 * S;
	crash();
	come_back();
	now += 200 * S;
	crash();
	assert_int_equal(solution.state, SOLUTION_SUSPENDED);
	assert_string_equal(solution.reason, "killed by SIGSEGV, too often");
	assert_true(last.deadline == now + SOLUTION_COOL_DOWN);
	assert_int_equal(last.action, SOLUTION_NOTHING);
}

static void three_strikes_in_more_than_ten_minutes_do_not(void **state)
{
	start_active();
	for (int i = 0; i < 4; i++) {
		crash();
		come_back();
		now += 301 * S;
	}
	assert_int_equal(solution.state, SOLUTION_ACTIVE);
}

static void five_strikes_in_an_hour_suspend(void **state)
{
	start_active();
	for (int i = 0; i < 4; i++) {
		crash();
		come_back();
		now += 800 * S;
	}
	crash();
	assert_int_equal(solution.state, SOLUTION_SUSPENDED);
}

static void five_strikes_in_more_than_an_hour_do_not(void **state)
{
	start_active();
	for (int i = 0; i < 12; i++) {
		crash();
		come_back();
		now += 901 * S;
	}
	assert_int_equal(solution.state, SOLUTION_ACTIVE);
}

static void suspend(void)
{
	while (solution.state != SOLUTION_SUSPENDED && solution.state != SOLUTION_QUARANTINED) {
		crash();
		if (solution.state == SOLUTION_STARTING)
			come_back();
	}
}

static void after_its_cool_down_it_is_on_trial_for_one_strike(void **state)
{
	start_active();
	suspend();
	now = last.deadline;
	assert_int_equal(SAY(SOLUTION_TICK), SOLUTION_SPAWN);
	assert_string_equal(solution.reason, "on trial after its cool-down");
	SAY(SOLUTION_SPAWNED);
	SAY(SOLUTION_READY);
	now += SOLUTION_TRIAL - 1;
	crash();
	assert_int_equal(solution.state, SOLUTION_SUSPENDED);
	assert_true(last.deadline == now + 2 * SOLUTION_COOL_DOWN);
}

static void a_passed_trial_gives_it_its_strikes_back(void **state)
{
	start_active();
	suspend();
	now = last.deadline;
	SAY(SOLUTION_TICK);
	SAY(SOLUTION_SPAWNED);
	now += SOLUTION_TRIAL;
	crash();
	assert_int_equal(solution.state, SOLUTION_STARTING);
	assert_int_equal(come_back(), S / 10);
}

static void quarantine(void)
{
	start_active();
	for (int i = 0; i < SOLUTION_SUSPENSIONS; i++) {
		suspend();
		if (solution.state == SOLUTION_QUARANTINED)
			return;
		now = last.deadline;
		SAY(SOLUTION_TICK);
		SAY(SOLUTION_SPAWNED);
	}
}

static void the_third_suspension_in_a_row_quarantines(void **state)
{
	quarantine();
	assert_int_equal(solution.state, SOLUTION_QUARANTINED);
	assert_int_equal(solution.n_suspensions, 3);
	assert_true(last.deadline == UINT64_MAX);
	now += 1000000 * S;
	assert_int_equal(SAY(SOLUTION_TICK), SOLUTION_NOTHING);
	assert_int_equal(solution.state, SOLUTION_QUARANTINED);
}

static void an_hour_without_a_strike_makes_suspensions_forgotten(void **state)
{
	start_active();
	for (int i = 0; i < 5; i++) {
		suspend();
		assert_int_equal(solution.state, SOLUTION_SUSPENDED);
		now = last.deadline;
		SAY(SOLUTION_TICK);
		SAY(SOLUTION_SPAWNED);
		SAY(SOLUTION_READY);
		SAY(SOLUTION_PROVEN);
		now += SOLUTION_FORGET;
	}
}

static void only_a_reset_ends_a_quarantine(void **state)
{
	quarantine();
	assert_int_equal(SAY(SOLUTION_OPERATOR_START), SOLUTION_NOTHING);
	assert_int_equal(SAY(SOLUTION_OPERATOR_STOP), SOLUTION_NOTHING);
	assert_int_equal(solution.state, SOLUTION_QUARANTINED);
	SAY(SOLUTION_OPERATOR_RESET);
	assert_int_equal(solution.state, SOLUTION_STOPPED);
	assert_int_equal(solution.n_strikes, 0);

	begin(NULL);
	quarantine();
	assert_int_equal(SAY(SOLUTION_OPERATOR_RESET), SOLUTION_SPAWN);
	assert_int_equal(solution.n_suspensions, 0);
}

static void the_operator_can_start_and_stop_what_is_suspended(void **state)
{
	start_active();
	suspend();
	assert_int_equal(SAY(SOLUTION_OPERATOR_START), SOLUTION_SPAWN);

	begin(NULL);
	start_active();
	suspend();
	SAY(SOLUTION_OPERATOR_STOP);
	assert_int_equal(solution.state, SOLUTION_STOPPED);
	now += 2 * SOLUTION_COOL_DOWN;
	assert_int_equal(SAY(SOLUTION_TICK), SOLUTION_NOTHING);
}

static void one_that_never_opens_its_channel_is_killed_and_struck(void **state)
{
	start();
	assert_true(last.deadline == now + SOLUTION_START);
	now = last.deadline;
	assert_int_equal(SAY(SOLUTION_TICK), SOLUTION_KILL_IT);
	SAY(SOLUTION_EXITED, .signal = SIGKILL);
	assert_string_equal(solution.reason, "did not open its channel");
	assert_int_equal(solution.n_strikes, 1);
}

static void one_that_stalls_is_degraded_and_one_that_hangs_is_killed(void **state)
{
	start_active();
	SAY(SOLUTION_TICK, .pending = true, .progress = 5);
	now += SOLUTION_STALL - 1;
	SAY(SOLUTION_TICK, .pending = true, .progress = 5);
	assert_int_equal(solution.state, SOLUTION_ACTIVE);
	now++;
	SAY(SOLUTION_TICK, .pending = true, .progress = 5);
	assert_int_equal(solution.state, SOLUTION_DEGRADED);
	assert_string_equal(solution.reason, "makes no progress");
	now += SOLUTION_HANG - SOLUTION_STALL;
	assert_int_equal(SAY(SOLUTION_TICK, .pending = true, .progress = 5), SOLUTION_KILL_IT);
	SAY(SOLUTION_EXITED, .signal = SIGKILL);
	assert_string_equal(solution.reason, "hangs");
	assert_int_equal(solution.n_strikes, 1);
	assert_string_equal(journal, "stopped>starting starting>shadow shadow>active active>degraded "
				     "degraded>starting ");
}

static void one_with_nothing_to_read_never_hangs(void **state)
{
	start_active();
	for (int i = 0; i < 100; i++) {
		now += S;
		assert_int_equal(SAY(SOLUTION_TICK, .progress = 5), SOLUTION_NOTHING);
		assert_true(last.deadline == now + SOLUTION_LOOK);
	}
	assert_int_equal(solution.state, SOLUTION_ACTIVE);
}

static void slow_progress_is_progress(void **state)
{
	start_active();
	for (uint64_t i = 0; i < 100; i++) {
		now += 4 * S;
		SAY(SOLUTION_TICK, .pending = true, .progress = i + 1);
	}
	assert_int_equal(solution.state, SOLUTION_ACTIVE);
}

static void one_that_loses_events_is_degraded_until_it_keeps_up(void **state)
{
	start_active();
	SAY(SOLUTION_TICK, .progress = 1, .lost = 7);
	assert_int_equal(solution.state, SOLUTION_DEGRADED);
	assert_string_equal(solution.reason, "loses events");
	now += SOLUTION_RECOVER - 1;
	SAY(SOLUTION_TICK, .progress = 2, .lost = 8);
	now += SOLUTION_RECOVER - 1;
	SAY(SOLUTION_TICK, .progress = 3, .lost = 8);
	assert_int_equal(solution.state, SOLUTION_DEGRADED);
	now++;
	SAY(SOLUTION_TICK, .progress = 4, .lost = 8);
	assert_int_equal(solution.state, SOLUTION_ACTIVE);
}

static void one_that_was_not_proven_recovers_into_shadow(void **state)
{
	start();
	SAY(SOLUTION_READY);
	SAY(SOLUTION_TICK, .lost = 1);
	assert_int_equal(solution.state, SOLUTION_DEGRADED);
	now += SOLUTION_RECOVER;
	SAY(SOLUTION_TICK, .lost = 1);
	assert_int_equal(solution.state, SOLUTION_SHADOW);
	SAY(SOLUTION_TICK, .lost = 2);
	SAY(SOLUTION_PROVEN);
	assert_int_equal(solution.state, SOLUTION_DEGRADED);
	now += SOLUTION_RECOVER;
	SAY(SOLUTION_TICK, .lost = 2);
	assert_int_equal(solution.state, SOLUTION_ACTIVE);
}

static void what_the_last_run_lost_is_not_held_against_the_next(void **state)
{
	start_active();
	SAY(SOLUTION_TICK, .progress = 9, .lost = 100);
	crash();
	come_back();
	SAY(SOLUTION_TICK, .progress = 1, .lost = 0);
	assert_int_equal(solution.state, SOLUTION_ACTIVE);
}

static void misbehaviour_kills_and_is_the_reason(void **state)
{
	start_active();
	assert_int_equal(SAY(SOLUTION_MISBEHAVED, .what = "wrote noise"), SOLUTION_KILL_IT);
	assert_int_equal(SAY(SOLUTION_MISBEHAVED, .what = "wrote more"), SOLUTION_NOTHING);
	SAY(SOLUTION_EXITED, .code = 0);
	assert_string_equal(solution.reason, "wrote noise");
	assert_int_equal(solution.n_strikes, 1);
}

static void every_way_to_end_has_its_words(void **state)
{
	static const struct {
		struct solution_input input;
		const char *reason;
	} ends[] = {
		{ { .event = SOLUTION_EXITED, .code = 0 }, "ended with status 0" },
		{ { .event = SOLUTION_EXITED, .code = 3 }, "ended with status 3" },
		{ { .event = SOLUTION_EXITED, .signal = SIGSYS }, "killed for a forbidden system call" },
		{ { .event = SOLUTION_EXITED, .signal = SIGKILL }, "killed by SIGKILL" },
		{ { .event = SOLUTION_EXITED, .signal = 63 }, "killed by SIG?" },
		{ { .event = SOLUTION_EXITED, .signal = SIGKILL, .out_of_memory = true },
		  "needed more memory than its limit" },
	};

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		begin(NULL);
		start_active();
		say(&ends[i].input);
		assert_string_equal(solution.reason, ends[i].reason);
		assert_int_equal(solution.n_strikes, 1);
	}
}

/* ---- every state with every input ----------------------------------------------------------- */

static void reach(enum solution_state state)
{
	begin(NULL);
	switch (state) {
	case SOLUTION_STARTING:
		start();
		break;
	case SOLUTION_SHADOW:
		start();
		SAY(SOLUTION_READY);
		break;
	case SOLUTION_ACTIVE:
		start_active();
		break;
	case SOLUTION_DEGRADED:
		start_active();
		SAY(SOLUTION_TICK, .lost = 1);
		break;
	case SOLUTION_SUSPENDED:
		start_active();
		suspend();
		break;
	case SOLUTION_QUARANTINED:
		quarantine();
		break;
	default:
		break;
	}
	assert_int_equal(solution.state, state);
}

#define X _SOLUTION_STATE_N /* stays as it is */

static const enum solution_state follows[_SOLUTION_STATE_N][_SOLUTION_EVENT_N] = {
	/* tick, start, stop, reset, spawned, spawn failed, ready, proven, exited, misbehaved */
	[SOLUTION_STOPPED] = { X, SOLUTION_STARTING, X, X, X, X, X, X, X, X },
	[SOLUTION_STARTING] = { X, X, X, X, X, X, SOLUTION_SHADOW, X, X, X },
	[SOLUTION_SHADOW] = { X, X, X, X, X, X, X, SOLUTION_ACTIVE, SOLUTION_STARTING, X },
	[SOLUTION_ACTIVE] = { X, X, X, X, X, X, X, X, SOLUTION_STARTING, X },
	[SOLUTION_DEGRADED] = { X, X, X, X, X, X, X, X, SOLUTION_STARTING, X },
	[SOLUTION_SUSPENDED] = { X, SOLUTION_STARTING, SOLUTION_STOPPED, SOLUTION_STARTING, X, X, X, X,
				 X, X },
	[SOLUTION_QUARANTINED] = { X, X, X, SOLUTION_STARTING, X, X, X, X, X, X },
};

static void every_input_in_every_state_does_what_the_table_says(void **state)
{
	for (int from = 0; from < _SOLUTION_STATE_N; from++)
		for (int event = 0; event < _SOLUTION_EVENT_N; event++) {
			struct solution_input input = {
				.event = (enum solution_event)event, .error = -ENOENT, .code = 1,
				.what = "did wrong", .lost = 1,
			};
			enum solution_state want = follows[from][event];

			/* SPAWNED and SPAWN_FAILED answer a question that is not asked here. */
			if (event == SOLUTION_SPAWNED || event == SOLUTION_SPAWN_FAILED)
				continue;
			if (event == SOLUTION_TICK && (from == SOLUTION_SHADOW || from == SOLUTION_ACTIVE))
				input.lost = 0;
			reach((enum solution_state)from);
			say(&input);
			if (solution.state != (want == X ? (enum solution_state)from : want))
				fail_msg("%s, input %d: %s", solution_state_name((enum solution_state)from),
					 event, solution_state_name(solution.state));
		}
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, begin)
	const struct CMUnitTest tests[] = {
		T(it_goes_from_stopped_to_active_by_the_picture),
		T(a_stop_kills_and_ends_in_stopped),
		T(a_start_while_it_dies_brings_it_back_without_a_strike),
		T(a_stop_between_spawn_and_answer_kills_what_came),
		T(what_does_not_die_is_killed_again),
		T(the_first_restart_comes_after_100_ms),
		T(back_off_doubles_to_30_s_and_begins_anew_after_a_good_minute),
		T(three_strikes_in_ten_minutes_suspend),
		T(three_strikes_in_more_than_ten_minutes_do_not),
		T(five_strikes_in_an_hour_suspend),
		T(five_strikes_in_more_than_an_hour_do_not),
		T(after_its_cool_down_it_is_on_trial_for_one_strike),
		T(a_passed_trial_gives_it_its_strikes_back),
		T(the_third_suspension_in_a_row_quarantines),
		T(an_hour_without_a_strike_makes_suspensions_forgotten),
		T(only_a_reset_ends_a_quarantine),
		T(the_operator_can_start_and_stop_what_is_suspended),
		T(one_that_never_opens_its_channel_is_killed_and_struck),
		T(one_that_stalls_is_degraded_and_one_that_hangs_is_killed),
		T(one_with_nothing_to_read_never_hangs),
		T(slow_progress_is_progress),
		T(one_that_loses_events_is_degraded_until_it_keeps_up),
		T(one_that_was_not_proven_recovers_into_shadow),
		T(what_the_last_run_lost_is_not_held_against_the_next),
		T(misbehaviour_kills_and_is_the_reason),
		T(every_way_to_end_has_its_words),
		T(every_input_in_every_state_does_what_the_table_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
