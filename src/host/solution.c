/* SPDX-License-Identifier: Apache-2.0 */
/* Solution - the state machine; decides, does nothing. */
#include "host/solution.h"

#include <assert.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const state_names[_SOLUTION_STATE_N] = {
	[SOLUTION_STOPPED] = "stopped",     [SOLUTION_STARTING] = "starting",
	[SOLUTION_SHADOW] = "shadow",       [SOLUTION_ACTIVE] = "active",
	[SOLUTION_DEGRADED] = "degraded",   [SOLUTION_SUSPENDED] = "suspended",
	[SOLUTION_QUARANTINED] = "quarantined",
};

const char *solution_state_name(enum solution_state state)
{
	return state_names[state];
}

void solution_init(struct solution *solution,
		   void (*changed)(void *userdata, enum solution_state from, enum solution_state to,
				   const char *reason),
		   void *userdata)
{
	*solution = (struct solution){ .changed = changed, .userdata = userdata };
}

/* The only writer of solution->state. */
static void enter(struct solution *solution, enum solution_state state, uint64_t now, const char *format,
		  ...) __attribute__((format(printf, 4, 5)));

static void enter(struct solution *solution, enum solution_state state, uint64_t now, const char *format,
		  ...)
{
	enum solution_state from = solution->state;
	char reason[sizeof(solution->reason)];
	va_list args;

	va_start(args, format);
	vsnprintf(reason, sizeof(reason), format, args);
	va_end(args);
	memcpy(solution->reason, reason, sizeof(reason));
	if (from == state)
		return;
	solution->state = state;
	solution->since = now;
	if (solution->changed)
		solution->changed(solution->userdata, from, state, solution->reason);
}

static void start_now(struct solution *solution, uint64_t now, const char *reason)
{
	solution->next = now;
	solution->n_in_a_row = 0;
	enter(solution, SOLUTION_STARTING, now, "%s", reason);
}

static void kill_it(struct solution *solution, uint64_t now, const char *fault)
{
	if (!solution->running || solution->killing)
		return;
	solution->killing = true;
	solution->next = now;
	snprintf(solution->fault, sizeof(solution->fault), "%s", fault);
}

static uint64_t back_off(const struct solution *solution)
{
	uint64_t wait = SOLUTION_BACKOFF_FIRST;

	for (uint32_t i = 1; i < solution->n_in_a_row && wait < SOLUTION_BACKOFF_MOST; i++)
		wait *= 2;
	return wait < SOLUTION_BACKOFF_MOST ? wait : SOLUTION_BACKOFF_MOST;
}

/* ---- strikes -------------------------------------------------------------------------------- */

static void remember_strike(struct solution *solution, uint64_t now)
{
	if (solution->n_strikes > 0 && now - solution->strikes[0] >= SOLUTION_FORGET)
		solution->n_suspensions = 0;
	memmove(&solution->strikes[1], &solution->strikes[0],
		sizeof(solution->strikes) - sizeof(solution->strikes[0]));
	solution->strikes[0] = now;
	if (solution->n_strikes < SOLUTION_STRIKES)
		solution->n_strikes++;
}

static bool struck_often(const struct solution *solution, uint32_t n, uint64_t now, uint64_t within)
{
	return solution->n_strikes >= n && now - solution->strikes[n - 1] < within;
}

static bool loops(const struct solution *solution, uint64_t now)
{
	return (solution->on_trial && now < solution->trial_until) ||
	       struck_often(solution, SOLUTION_FEW, now, SOLUTION_SHORT) ||
	       struck_often(solution, SOLUTION_STRIKES, now, SOLUTION_LONG);
}

static void strike(struct solution *solution, uint64_t now, const char *reason)
{
	remember_strike(solution, now);
	if (now - solution->spawned_at >= SOLUTION_GOOD)
		solution->n_in_a_row = 0;
	solution->n_in_a_row++;
	if (!loops(solution, now)) {
		solution->on_trial = false;
		solution->next = now + back_off(solution);
		enter(solution, SOLUTION_STARTING, now, "%s", reason);
		return;
	}
	solution->on_trial = false;
	solution->n_suspensions++;
	if (solution->n_suspensions >= SOLUTION_SUSPENSIONS) {
		enter(solution, SOLUTION_QUARANTINED, now, "%s, again and again", reason);
		return;
	}
	solution->next = now + (SOLUTION_COOL_DOWN << (solution->n_suspensions - 1));
	enter(solution, SOLUTION_SUSPENDED, now, "%s, too often", reason);
}

/* ---- the inputs ----------------------------------------------------------------------------- */

static void take_start(struct solution *solution, uint64_t now)
{
	solution->wanted = true;
	if (solution->running)
		return;
	if (solution->state == SOLUTION_STOPPED || solution->state == SOLUTION_SUSPENDED)
		start_now(solution, now, "started by the operator");
}

static void take_stop(struct solution *solution, uint64_t now)
{
	solution->wanted = false;
	kill_it(solution, now, "");
	if (!solution->running && solution->state != SOLUTION_QUARANTINED)
		enter(solution, SOLUTION_STOPPED, now, "stopped by the operator");
}

static void take_reset(struct solution *solution, uint64_t now)
{
	solution->n_strikes = solution->n_suspensions = solution->n_in_a_row = 0;
	solution->on_trial = false;
	if (solution->state != SOLUTION_SUSPENDED && solution->state != SOLUTION_QUARANTINED)
		return;
	if (solution->wanted)
		start_now(solution, now, "reset by the operator");
	else
		enter(solution, SOLUTION_STOPPED, now, "reset by the operator");
}

static void take_spawned(struct solution *solution, uint64_t now)
{
	solution->running = true;
	solution->ready = solution->proven = solution->killing = false;
	solution->spawned_at = solution->moved_at = now;
	solution->progress = solution->lost = solution->trouble_at = 0;
	solution->n_restarts += solution->n_spawned > 0;
	solution->n_spawned++;
	/* Stopped between the question and the answer. */
	if (!solution->wanted)
		kill_it(solution, now, "");
}

static void take_spawn_failed(struct solution *solution, const struct solution_input *input, uint64_t now)
{
	solution->n_in_a_row++;
	solution->next = now + back_off(solution);
	enter(solution, solution->state, now, "cannot be started: %s", strerrordesc_np(-input->error));
}

static void take_ready(struct solution *solution, uint64_t now)
{
	if (!solution->running || solution->ready)
		return;
	solution->ready = true;
	solution->moved_at = now;
	enter(solution, SOLUTION_SHADOW, now, "ready");
}

static void take_proven(struct solution *solution, uint64_t now)
{
	if (!solution->ready)
		return;
	solution->proven = true;
	if (solution->state == SOLUTION_SHADOW)
		enter(solution, SOLUTION_ACTIVE, now, "proven");
}

static void describe_exit(const struct solution_input *input, char *reason, size_t size)
{
	const char *name = input->signal ? sigabbrev_np(input->signal) : NULL;

	if (input->out_of_memory)
		snprintf(reason, size, "needed more memory than its limit");
	else if (input->signal == SIGSYS)
		snprintf(reason, size, "killed for a forbidden system call");
	else if (input->signal)
		snprintf(reason, size, "killed by SIG%s", name ? name : "?");
	else
		snprintf(reason, size, "ended with status %d", input->code);
}

static void take_exited(struct solution *solution, const struct solution_input *input, uint64_t now)
{
	char reason[64];

	if (!solution->running)
		return;
	describe_exit(input, reason, sizeof(reason));
	solution->running = solution->ready = false;
	if (!solution->wanted)
		enter(solution, SOLUTION_STOPPED, now, "stopped by the operator");
	else if (solution->killing && !solution->fault[0])
		start_now(solution, now, "started by the operator");
	else
		strike(solution, now, solution->killing ? solution->fault : reason);
	solution->killing = false;
	solution->fault[0] = '\0';
}

/* How it keeps up: only for one that is ready. */
static void look(struct solution *solution, const struct solution_input *input, uint64_t now)
{
	uint64_t stalled;

	if (!input->pending || input->progress != solution->progress)
		solution->moved_at = now;
	stalled = now - solution->moved_at;
	if (stalled >= SOLUTION_STALL || input->lost > solution->lost) {
		solution->trouble_at = now;
		if (solution->state != SOLUTION_DEGRADED)
			enter(solution, SOLUTION_DEGRADED, now, "%s",
			      input->lost > solution->lost ? "loses events" : "makes no progress");
	}
	solution->progress = input->progress;
	solution->lost = input->lost;
	if (stalled >= SOLUTION_HANG)
		kill_it(solution, now, "hangs");
	else if (solution->state == SOLUTION_DEGRADED && now - solution->trouble_at >= SOLUTION_RECOVER)
		enter(solution, solution->proven ? SOLUTION_ACTIVE : SOLUTION_SHADOW, now, "keeps up again");
}

static void take_tick(struct solution *solution, const struct solution_input *input, uint64_t now)
{
	if (solution->state == SOLUTION_SUSPENDED && now >= solution->next) {
		solution->on_trial = true;
		solution->trial_until = now + SOLUTION_TRIAL;
		start_now(solution, now, "on trial after its cool-down");
	}
	if (!solution->running || solution->killing)
		return;
	if (solution->ready)
		look(solution, input, now);
	else if (now - solution->spawned_at >= SOLUTION_START)
		kill_it(solution, now, "did not open its channel");
}

static void take_input(struct solution *solution, const struct solution_input *input, uint64_t now)
{
	switch (input->event) {
	case SOLUTION_TICK:
		take_tick(solution, input, now);
		break;
	case SOLUTION_OPERATOR_START:
		take_start(solution, now);
		break;
	case SOLUTION_OPERATOR_STOP:
		take_stop(solution, now);
		break;
	case SOLUTION_OPERATOR_RESET:
		take_reset(solution, now);
		break;
	case SOLUTION_SPAWNED:
		take_spawned(solution, now);
		break;
	case SOLUTION_SPAWN_FAILED:
		take_spawn_failed(solution, input, now);
		break;
	case SOLUTION_READY:
		take_ready(solution, now);
		break;
	case SOLUTION_PROVEN:
		take_proven(solution, now);
		break;
	case SOLUTION_EXITED:
		take_exited(solution, input, now);
		break;
	case SOLUTION_MISBEHAVED:
		kill_it(solution, now, input->what);
		break;
	case _SOLUTION_EVENT_N:
		assert(false);
	}
}

/* What follows from the state, whatever the input was. */
static struct solution_output decide(struct solution *solution, uint64_t now)
{
	struct solution_output output = { .action = SOLUTION_NOTHING, .deadline = UINT64_MAX };

	if (solution->running && solution->killing) {
		if (now >= solution->next) {
			output.action = SOLUTION_KILL_IT;
			solution->next = now + SOLUTION_KILL;
		}
		output.deadline = solution->next;
	} else if (solution->running) {
		output.deadline = solution->ready ? now + SOLUTION_LOOK :
						    solution->spawned_at + SOLUTION_START;
	} else if (solution->state == SOLUTION_STARTING) {
		if (now >= solution->next)
			output.action = SOLUTION_SPAWN;
		else
			output.deadline = solution->next;
	} else if (solution->state == SOLUTION_SUSPENDED) {
		output.deadline = solution->next;
	}
	return output;
}

struct solution_output solution_step(struct solution *solution, const struct solution_input *input,
				     uint64_t now)
{
	take_input(solution, input, now);
	return decide(solution, now);
}
