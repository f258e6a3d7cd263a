/* SPDX-License-Identifier: Apache-2.0 */
/* Gate voices - what solutions say, and what becomes of those that do not. */
#include "gate/gate-internal.h"

#include "gate/cache.h"
#include "gate/net-gate.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define LAST_KNOWN_NS 60000000000ull /* a verdict under older content is good for */

/* Others decide now: what was remembered had its voice in it.  What it still says is not even heard. */
static void demoted(struct gate *gate, struct voter *voter)
{
	gate->left |= 1ull << voter->terms.slot;
	epoll_ctl(gate->epoll_fd, EPOLL_CTL_DEL, voter->channel.woken, NULL);
	gate_forget(gate);
	gate_tell(gate, GATE_DEMOTED, voter->terms.slot, NULL);
}

void gate_missed(struct gate *gate, uint32_t slot, enum decision_answer how)
{
	struct voter *voter = gate->voters[slot];

	if (voter && voter_missed(voter, how, gate->now_ns))
		demoted(gate, voter);
}

/* ---- answers of solutions -------------------------------------------------------------------------- */

static void wrong(struct gate *gate, struct voter *voter)
{
	if (voter_wrong(voter, gate->now_ns))
		demoted(gate, voter);
}

static void count_answer(struct voter *voter, const struct ask_answer *told, const struct question *question)
{
	bool denied = told->verdict == RINGFORT_VERDICT_DENY;

	voter_answered(voter);
	if (denied)
		voter->numbers->n_denied++;
	else
		voter->numbers->n_allowed++;
	voter->numbers->n_self_harm += denied && question->behind;
	voter->numbers->n_after += question->fd < 0 && !question->behind;
}

/* Once; and where its last known answer was taken, in time all the same: that stays in the record. */
static bool may_answer(const struct decision_voice *voice)
{
	return voice->answer == DECISION_WAITING || voice->answer == DECISION_LAST_KNOWN_ALLOW ||
	       voice->answer == DECISION_LAST_KNOWN_DENY;
}

/*
 * About what the host needs nobody waits, so an answer that comes too late is no fault, and changes nothing.
 * Once, as every answer.
 */
static bool pass_over(const struct question *question, struct decision_voice *voice)
{
	if (!question->behind || question->open || voice->answer != DECISION_LATE)
		return false;
	voice->answer = DECISION_GONE;
	return true;
}

/* Every number in it is the solution's: which question, whether it was asked, whether it may still answer. */
static void take_answer(struct gate *gate, struct voter *voter, const struct ask_answer *told)
{
	struct question *question = question_find(gate->questions, told->id);
	struct decision_voice *voice = question ? question_voice(question, voter->terms.slot) : NULL;

	if (voice && pass_over(question, voice))
		return;
	if (!voice || !question->open || !may_answer(voice) || told->verdict >= _RINGFORT_VERDICT_N ||
	    gate->now_ns >= question->deadline_ns) {
		wrong(gate, voter);
		return;
	}
	voice->answer = told->verdict == RINGFORT_VERDICT_DENY ? DECISION_DENY : DECISION_ALLOW;
	voice->remember = told->flags & RINGFORT_ANSWER_REMEMBER;
	voice->us = (uint32_t)((gate->now_ns - question->asked_ns) / 1000);
	count_answer(voter, told, question);
	gate_advance(gate, question);
}

/* What is too much is the operator's to see, not nonsense. */
static void take_rules(struct gate *gate, struct voter *voter)
{
	if (!gate->options.net || net_gate_take(gate->options.net, voter->terms.slot, voter->rules,
						voter->rules_bytes) == -EBADMSG)
		wrong(gate, voter);
}

/*
 * Answers first, somebody waits for each; the pipe is emptied when there are none left, and what came
 * meanwhile is looked for once more.  Who left more than a turn's worth stays readable.
 */
static void hear(struct gate *gate, struct voter *voter, bool woken)
{
	struct ask_answer told;
	bool emptied = !woken;

	for (int i = 0; i < VOTER_MESSAGES; i++) {
		int r = voter_take(voter, &told);

		if (r == VOTER_NONE) {
			if (emptied)
				return;
			voter_hear(voter);
			emptied = true;
		} else if (r == VOTER_ANSWER)
			take_answer(gate, voter, &told);
		else if (r == VOTER_CHANGED)
			gate_forget(gate);
		else if (r == VOTER_RULES)
			take_rules(gate, voter);
		else
			wrong(gate, voter);
	}
}

void gate_hear(struct gate *gate, struct voter *voter)
{
	hear(gate, voter, true);
	gate_show_again(gate, voter->terms.slot);
}

/* ---- who was asked quietly -------------------------------------------------------------------------- */

/* More of them in one turn than there is room for are found by their age. */
void gate_gather_later(struct gate *gate, struct question *question)
{
	if (question->unheard || gate->n_unheard == VOTER_MESSAGES)
		return;
	question->unheard = true;
	gate->unheard[gate->n_unheard++] = question->id;
}

/* Of one question; to hear the last of them ends it. */
static void hear_quiet(struct gate *gate, struct question *question, bool want)
{
	for (uint32_t i = 0; i < question->n_voices && question->open; i++) {
		struct voter *voter = gate->voters[question->voices[i].slot];

		if (!(question->quiet & 1u << i) || question->voices[i].answer != DECISION_WAITING || !voter ||
		    voter->demoted)
			continue;
		if (want) {
			voter_want(voter, question->id);
			question->quiet &= ~(1u << i);
		}
		hear(gate, voter, false);
	}
}

void gate_gather(struct gate *gate)
{
	/* It may grow meanwhile, by questions that are heard of beside. */
	for (uint32_t i = 0; i < gate->n_unheard; i++) {
		struct question *question = question_find(gate->questions, gate->unheard[i]);

		if (!question)
			continue;
		hear_quiet(gate, question, false);
		hear_quiet(gate, question, true);
	}
	gate->n_unheard = 0;
}

/* Whose turn to wake us it was has not done so: the others are not kept waiting to be heard. */
void gate_gather_old(struct gate *gate)
{
	struct question *question;

	gate->quiet_ns = 0;
	for (question = questions_first(gate->questions); question; question = question->later) {
		if (!question->quiet || question->unheard)
			continue;
		if (gate->n_unheard == VOTER_MESSAGES || gate->now_ns - question->asked_ns < ASK_QUIET_NS) {
			gate->quiet_ns = question->asked_ns;
			break;
		}
		gate_gather_later(gate, question);
	}
	gate_gather(gate);
}

/* ---- deadlines -------------------------------------------------------------------------------------- */

static void expire_voices(struct gate *gate, struct question *question)
{
	bool waited[QUESTION_VOICES];

	for (uint32_t i = 0; i < question->n_voices; i++)
		waited[i] = question->voices[i].answer == DECISION_WAITING;
	decision_expire(question->voices, question->n_voices);
	for (uint32_t i = 0; i < question->n_voices; i++) {
		if (!waited[i])
			continue;
		question->voices[i].us = (uint32_t)((gate->now_ns - question->asked_ns) / 1000);
		if (!question->behind)
			gate_missed(gate, question->voices[i].slot, DECISION_LATE);
	}
}

/*
 * The soft deadline: what was decided about this very file under older content stands for those who have
 * not answered, where the operator lets it, and marked as such.
 */
static void soften(struct gate *gate, struct question *question)
{
	struct cache_key key = gate_cache_key(&question->file, question->act, question->scope);
	struct cache_value last;

	question->soft_ns = 0;
	if (question->fd < 0 || !cache_find_old(gate->cache, &key, gate->now_ns, LAST_KNOWN_NS, &last))
		return;
	for (uint32_t i = 0; i < question->n_voices; i++)
		if (question->voices[i].answer == DECISION_WAITING && question->voices[i].mode == DECISION_ENFORCE)
			question->voices[i].answer = last.verdict == RINGFORT_VERDICT_DENY ?
							     DECISION_LAST_KNOWN_DENY :
							     DECISION_LAST_KNOWN_ALLOW;
	gate_advance(gate, question);
}

/* In the order of asking, which is that of soft deadlines too.  Return: the next of these, or 0 */
static uint64_t soften_due(struct gate *gate)
{
	struct question *question, *later;

	for (question = questions_first(gate->questions); question; question = later) {
		later = question->later;
		if (question->soft_ns > gate->now_ns)
			return question->soft_ns;
		if (question->soft_ns)
			soften(gate, question);
	}
	return 0;
}

void gate_arm_timer(struct gate *gate, uint64_t at_ns)
{
	const struct itimerspec at = { .it_value = { .tv_sec = (time_t)(at_ns / 1000000000),
						     .tv_nsec = (long)(at_ns % 1000000000) } };

	if (!at_ns || (gate->timer_ns && gate->timer_ns <= at_ns))
		return;
	gate->timer_ns = timerfd_settime(gate->timer_fd, TFD_TIMER_ABSTIME, &at, NULL) == 0 ? at_ns : 0;
}

/* Who still waits for it waits for the operator now, or for nobody. */
static void expire(struct gate *gate, struct question *question)
{
	bool waits = question->fd >= 0;

	expire_voices(gate, question);
	if (waits && gate_hold(gate, question))
		return;
	gate->numbers->n_expired += waits;
	gate_advance(gate, question);
}

void gate_expire(struct gate *gate)
{
	struct question *question;
	uint64_t n_expirations;

	if (read(gate->timer_fd, &n_expirations, sizeof(n_expirations)) < 0)
		return;
	gate->timer_ns = 0;
	while ((question = questions_first(gate->questions)) && question->deadline_ns <= gate->now_ns)
		expire(gate, question);
	gate_arm_timer(gate, soften_due(gate));
	gate_arm_timer(gate, gate_expire_holds(gate));
	question = questions_first(gate->questions);
	gate_arm_timer(gate, question ? question->deadline_ns : 0);
}

/* Nobody waits for an answer that cannot come. */
void gate_release_from(struct gate *gate, uint32_t slot)
{
	struct question *question, *later;

	for (question = questions_first(gate->questions); question; question = later) {
		struct decision_voice *voice = question_voice(question, slot);

		later = question->later;
		if (!voice || voice->answer != DECISION_WAITING)
			continue;
		voice->answer = DECISION_GONE;
		voice->us = (uint32_t)((gate->now_ns - question->asked_ns) / 1000);
		if (!question->behind)
			gate_missed(gate, slot, DECISION_GONE);
		gate_advance(gate, question);
	}
}

/* Not where it is found out: that may be in the middle of the list of questions. */
void gate_release_left(struct gate *gate)
{
	uint64_t left = gate->left;

	gate->left = 0;
	for (uint32_t slot = 0; left; slot++, left >>= 1)
		if (left & 1)
			gate_release_from(gate, slot);
}
