/* SPDX-License-Identifier: Apache-2.0 */
/* Gate verdict - the answer to the kernel, and behind it what is kept of it. */
#include "gate/gate-internal.h"

#include "gate/backstop.h"
#include "gate/cache.h"
#include "gate/fan.h"

#include <string.h>
#include <unistd.h>

#define MAX_REMEMBERED 16384 /* ignore marks in the kernel: to drop them all takes it 8 ms */

struct cache_key gate_cache_key(const struct file *file, uint32_t act, uint32_t scope)
{
	return (struct cache_key){ .dev = file->dev, .ino = file->ino, .size = file->size,
				   .ctime_ns = file->ctime_ns, .act = act | scope << 8 };
}

/* ---- behind the answer -------------------------------------------------------------------------- */

void gate_fill_entry(struct history_entry *entry, const struct question *question)
{
	*entry = (struct history_entry){
		.id = question->verdict_id, .time_ns = question->time_ns, .dev = question->file.dev, .ino = question->file.ino,
		.act = question->act, .verdict = question->decision.verdict, .pid = question->pid,
		.us = question->us, .overridden = question->decision.overridden,
		.foreign_ns = question->foreign_ns, .n_reasons = (uint8_t)question->n_voices,
		.n_voices = question->n_voices, .hold = question->hold, .held_us = question->held_us,
		.hold_id = question->hold_id, .stopped = IS_STOPPED(question->group),
	};
	memcpy(entry->path, question->path, sizeof(entry->path));
	memcpy(entry->reasons, question->voices, question->n_voices * sizeof(question->voices[0]));
}

/* Only what was said counts: nobody's miss mode would have decided about what nobody waited for. */
static bool would_be_denied(const struct question *question)
{
	for (uint32_t i = 0; i < question->n_voices; i++)
		if (question->voices[i].answer == DECISION_DENY && question->voices[i].mode == DECISION_ENFORCE)
			return true;
	return false;
}

/* That the host needs the file decided about it; who would have decided otherwise is known only now. */
static void record_behind(struct gate *gate, struct question *question)
{
	question->decision = (struct decision){ .verdict = RINGFORT_VERDICT_ALLOW,
						.overridden = would_be_denied(question) };
	gate->numbers->n_overridden += question->decision.overridden;
	gate_record(gate, question);
	for (uint32_t i = 0; i < question->n_voices; i++)
		if (question->voices[i].answer == DECISION_DENY)
			gate_tell(gate, GATE_SELF_HARM, question->voices[i].slot, NULL);
}

/* The last words are there, or will not come. */
void gate_settle(struct gate *gate, struct question *question)
{
	struct history_entry entry;

	if (question->behind) {
		record_behind(gate, question);
	} else {
		gate_fill_entry(&entry, question);
		history_replace(gate->options.history, &entry);
	}
	question_end(gate->questions, question);
	gate->numbers->n_pending = questions_n(gate->questions);
	if (gate->numbers->n_pending == 0)
		gate->quiet_ns = 0;
}

/* For the probe too, which looks at images only. */
static bool mark_remembered(struct gate *gate, const struct question *question)
{
	if (question->scope == 0 &&
	    !backstop_remember(gate->backstop, question->file.dev, question->file.ino, gate->now_ns))
		return false;
	return fan_remember(question->group, question->act, question->fd) == 0;
}

/* Where marks of folders would go with those of files, the kernel is not told to remember any; nor where it did not ask. */
static bool may_mark(const struct gate *gate, const struct question *question)
{
	return question->memory == FILE_IN_KERNEL && question->decision.verdict == RINGFORT_VERDICT_ALLOW &&
	       (question->scope == 0 || gate->scopes[question->scope - 1].whole) && !IS_STOPPED(question->group);
}

/*
 * Where the verdict may be kept.  In the kernel it is marked first and looked at then: what was written
 * since it was judged shows in the time of its change, what is written from now on clears the mark.
 */
static void remember(struct gate *gate, struct question *question)
{
	if (!question->decision.remember || question->generation != gate->generation || !question->steady)
		return;
	question->memory = file_memory(&question->file, question->fd, (int64_t)gate_clock_ns(CLOCK_REALTIME));
	if (!may_mark(gate, question))
		return;
	if (gate->n_remembered >= MAX_REMEMBERED)
		gate_forget(gate);
	if (!mark_remembered(gate, question))
		return;
	gate->n_remembered++;
	if (!file_same(&question->file, question->fd)) {
		fan_forget(question->group, question->act, question->fd);
		question->memory = FILE_ASK_AGAIN;
	}
}

/* Into the history at once, with what was heard so far, and where it may be into the table. */
void gate_record(struct gate *gate, struct question *question)
{
	struct cache_key key = gate_cache_key(&question->file, question->act, question->scope);
	struct cache_value value = { .generation = gate->generation, .time_ns = gate->now_ns,
				     .verdict = question->decision.verdict };
	struct history_entry entry;

	gate_fill_entry(&entry, question);
	entry.id = value.id = question->verdict_id = history_add(gate->options.history, &entry);
	if (question->memory != FILE_ASK_AGAIN)
		cache_put(gate->cache, &key, &value);
	if (entry.verdict == RINGFORT_VERDICT_DENY)
		gate_tell(gate, GATE_DENIED, 0, &entry);
	if (entry.overridden)
		gate_tell(gate, GATE_OVERRIDDEN, 0, &entry);
}

/* ---- the answer --------------------------------------------------------------------------------- */

/* Its number is the kernel's name of the question: closed only when it is answered. */
void gate_answer(struct gate *gate, int group, int fd, const struct file *file, enum ringfort_verdict verdict)
{
	int r = 0;

	if (verdict == RINGFORT_VERDICT_ALLOW && file && group == gate->group)
		backstop_pass(gate->backstop, file->dev, file->ino, gate->now_ns);
	if (!IS_STOPPED(group))
		r = fan_answer(group, fd, verdict);
	else if (gate->options.judged)
		gate->options.judged(gate->options.userdata, STOPPED_OF_GROUP(group), verdict);
	if (r < 0)
		gate->numbers->n_unanswered++;
	else if (verdict == RINGFORT_VERDICT_DENY)
		gate->numbers->n_denied++;
}

void gate_at_once(struct gate *gate, int group, int fd)
{
	struct file file;
	bool known = gate->backstop && group == gate->group && file_read(&file, fd) == 0;

	gate_answer(gate, group, fd, known ? &file : NULL, RINGFORT_VERDICT_ALLOW);
	close(fd);
	gate->numbers->n_at_once++;
}

void gate_give(struct gate *gate, struct question *question, struct decision decision)
{
	gate_answer(gate, question->group, question->fd, &question->file, decision.verdict);
	question->decision = decision;
	question->us = (uint32_t)((gate->now_ns - question->asked_ns) / 1000);
	gate->n_waiting--;
	gate->numbers->n_decided++;
	gate->numbers->n_overridden += decision.overridden;
	remember(gate, question);
	question->fd = close_fd(question->fd);
	gate_record(gate, question);
}

static bool all_heard(const struct question *question)
{
	for (uint32_t i = 0; i < question->n_voices; i++)
		if (question->voices[i].answer == DECISION_WAITING)
			return false;
	return true;
}

bool gate_critical(const struct gate *gate, const struct file *file)
{
	return gate->options.is_critical &&
	       gate->options.is_critical(gate->options.userdata, file->dev, file->ino);
}

struct decision gate_decide(const struct gate *gate, const struct question *question)
{
	return decision_make(question->voices, question->n_voices, gate_critical(gate, &question->file),
			     gate->options.deny_critical);
}

/* Somebody is to be heard yet, and of those who enforce all were asked quietly. */
static bool only_quiet(const struct question *question)
{
	uint32_t quiet = 0, loud = 0;

	for (uint32_t i = 0; i < question->n_voices; i++) {
		if (question->voices[i].answer != DECISION_WAITING || question->voices[i].mode != DECISION_ENFORCE)
			continue;
		if (question->quiet & 1u << i)
			quiet++;
		else
			loud++;
	}
	return quiet && !loud;
}

/* What can be done with a question now that something is known of it. */
void gate_advance(struct gate *gate, struct question *question)
{
	if (question->fd >= 0 && decision_ready(question->voices, question->n_voices))
		gate_give(gate, question, gate_decide(gate, question));
	if (question->fd < 0 && all_heard(question))
		gate_settle(gate, question);
	else if (only_quiet(question))
		gate_gather_later(gate, question);
}
