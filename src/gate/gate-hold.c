/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gate hold - who was not answered in time waits for the operator, so long and no longer.
 *
 * A step of the operator's policy between the deadline and the miss modes, and no answer: it ends with his
 * word, or the miss modes decide as they would have at once.  Only the opener waits.  What is critical is
 * never held: without it there might be no operator who could say anything.
 *
 * A hold that runs out says that no operator is there.  Held one after the other, a login or a boot that a
 * solution does not answer would take for ever, and too slowly for its misses to be too many: so nobody is
 * held for a while then.
 */
#include "gate/gate-internal.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

#define ALONE_NS 600000000000ull

static bool operator_is_there(const struct gate *gate)
{
	return gate->now_ns >= gate->alone_until_ns;
}

void gate_hold_again(struct gate *gate)
{
	gate->alone_until_ns = 0;
}

bool gate_hold(struct gate *gate, struct question *question)
{
	struct history_entry entry;

	if (!gate->options.hold_ms || gate_critical(gate, &question->file))
		return false;
	question->hold_ns = gate->now_ns;
	question->hold_until_ns = gate->now_ns + gate->options.hold_ms * 1000000ull;
	gate_fill_entry(&entry, question);
	entry.verdict = gate_decide(gate, question).verdict;
	entry.hold = HISTORY_HELD;
	entry.until_ns = question->hold_until_ns;
	if (operator_is_there(gate))
		entry.hold_id = question->hold_id = history_hold(gate->options.history, &entry);
	if (!entry.hold_id) {
		gate->numbers->n_unheld++;
		return false;
	}
	question->hold = HISTORY_HELD;
	question_hold(gate->questions, question);
	gate->numbers->n_held++;
	gate->numbers->n_holding = questions_n_held(gate->questions);
	gate_tell(gate, GATE_HELD, 0, &entry);
	return true;
}

static void end_hold(struct gate *gate, struct question *question, enum history_hold how, struct decision decision)
{
	question->hold = how;
	question->held_us = (uint32_t)((gate->now_ns - question->hold_ns) / 1000);
	gate_give(gate, question, decision);
	history_unhold(gate->options.history, question->hold_id);
	gate_settle(gate, question);
	gate->numbers->n_holding = questions_n_held(gate->questions);
}

static void run_out(struct gate *gate, struct question *question)
{
	gate->numbers->n_expired++;
	end_hold(gate, question, HISTORY_HELD_OUT, gate_decide(gate, question));
}

uint64_t gate_expire_holds(struct gate *gate)
{
	struct question *question;

	while ((question = questions_first_held(gate->questions)) && question->hold_until_ns <= gate->now_ns) {
		gate->alone_until_ns = gate->now_ns + ALONE_NS;
		run_out(gate, question);
	}
	return question ? question->hold_until_ns : 0;
}

bool gate_shed_hold(struct gate *gate)
{
	struct question *question = questions_first_held(gate->questions);

	if (question)
		run_out(gate, question);
	return question != NULL;
}

void gate_let_go_held(struct gate *gate, uint32_t pid, struct decision decision)
{
	struct question *question, *later;

	for (question = questions_first_held(gate->questions); question; question = later) {
		later = question->later;
		if (!pid || question->pid == pid)
			end_hold(gate, question, HISTORY_HELD_LET_GO, decision);
	}
}

/* The kernel lets a process be killed that waits for us, and does not tell. */
void gate_bury_held(struct gate *gate)
{
	struct question *question, *later;

	for (question = questions_first_held(gate->questions); question; question = later) {
		later = question->later;
		if (getsid((pid_t)question->pid) < 0 && errno == ESRCH)
			end_hold(gate, question, HISTORY_HELD_GIVEN_UP, gate_decide(gate, question));
	}
}

int gate_decide_held(struct gate *gate, uint64_t hold_id, enum ringfort_verdict verdict)
{
	enum history_hold how = verdict == RINGFORT_VERDICT_DENY ? HISTORY_HELD_DENIED : HISTORY_HELD_ALLOWED;
	struct question *question = questions_first_held(gate->questions);

	while (question && question->hold_id != hold_id)
		question = question->later;
	if (!question)
		return -ENOENT;
	gate_hold_again(gate);
	gate->now_ns = gate_clock_ns(CLOCK_MONOTONIC);
	end_hold(gate, question, how, (struct decision){ .verdict = verdict });
	return 0;
}
