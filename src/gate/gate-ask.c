/* SPDX-License-Identifier: Apache-2.0 */
/* Gate ask - the kernel's questions: who is asked, or why nobody is. */
#include "gate/gate-internal.h"

#include "gate/cache.h"
#include "gate/fan.h"
#include "gate/kernel-helper.h"
#include "gate/mounts.h"
#include "gate/room.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static void add_voice(struct question *question, const struct voter *voter)
{
	question->voices[question->n_voices++] = (struct decision_voice){
		.slot = (uint8_t)voter->terms.slot,
		.mode = (uint8_t)voter->terms.mode,
		.miss = (uint8_t)voter->terms.miss,
		.generation = voter->generation,
	};
}

/* Who takes part in this act, there. */
static uint32_t find_voters(struct gate *gate, const struct fan_event *event, struct voter *voters[QUESTION_VOICES])
{
	uint32_t n = 0;

	for (uint32_t slot = 0; slot < DECISION_VOICES && n < QUESTION_VOICES; slot++) {
		struct voter *voter = gate->voters[slot];

		if (voter && voter_takes_part(voter, event->act) &&
		    (event->scope == 0 || voter->terms.scopes & 1u << (event->scope - 1)))
			voters[n++] = voter;
	}
	return n;
}

/* Once an event: it is looked at by more than one. */
static const struct file_path *read_name(struct gate *gate, int fd)
{
	if (gate->path_fd != fd)
		file_path(&gate->path, gate->names, fd);
	gate->path_fd = fd;
	return &gate->path;
}

/* What it is about.  Its name is read, so not before whoever waits for nobody is answered. */
static void describe(struct gate *gate, struct question *question, const struct fan_event *event,
		     const struct file *file)
{
	history_path(question->path, read_name(gate, event->fd)->text);
	question->group = event->group;
	question->scope = event->scope;
	question->act = event->act;
	question->pid = event->pid;
	question->file = *file;
	question->foreign_ns = !mounts_has(gate->mounts, file->mount);
	question->generation = gate->generation;
	question->asked_ns = gate->now_ns;
	question->time_ns = gate_clock_ns(CLOCK_REALTIME);
}

/*
 * A place for a question.  Where all are taken, one that was answered and only waits for its last words
 * makes room; where somebody waits in every one, there is none.
 */
static struct question *begin(struct gate *gate)
{
	struct question *question;

	if (gate->n_waiting >= gate->n_waiting_most)
		return NULL;
	question = question_begin(gate->questions);
	if (question)
		return question;
	for (question = questions_first(gate->questions); question; question = question->later)
		if (question->fd < 0) {
			decision_expire(question->voices, question->n_voices);
			gate_settle(gate, question);
			return question_begin(gate->questions);
		}
	return NULL;
}

/* No room to ask anybody: the miss modes decide. */
static void decide_unasked(struct gate *gate, const struct fan_event *event, const struct file *file,
			   struct voter *const voters[], uint32_t n)
{
	struct question question = { .fd = -1 };

	for (uint32_t i = 0; i < n; i++) {
		add_voice(&question, voters[i]);
		question.voices[i].answer = DECISION_FULL;
		gate_missed(gate, voters[i]->terms.slot, DECISION_FULL);
	}
	question.decision = decision_make(question.voices, n, gate_critical(gate, file), gate->options.deny_critical);
	gate_answer(gate, event->group, event->fd, file, question.decision.verdict);
	gate->numbers->n_decided++;
	gate->numbers->n_overridden += question.decision.overridden;
	describe(gate, &question, event, file);
	close(event->fd);
	gate_record(gate, &question);
}

/*
 * Where several must be heard before it can be allowed, the last of them to be asked wakes us, and the
 * others are heard then: each waking costs the opener the time of two changes of process.
 */
static uint32_t quiet_voices(const struct question *question)
{
	uint32_t enforcing = 0;

	if (question->behind)
		return 0;
	for (uint32_t i = 0; i < question->n_voices; i++)
		if (question->voices[i].mode == DECISION_ENFORCE)
			enforcing |= 1u << i;
	return enforcing ? enforcing & ~(1u << (31 - __builtin_clz(enforcing))) : 0;
}

/* To everybody who takes part. */
static void put(struct gate *gate, struct question *question, const struct fan_event *event, const struct file *file,
		struct voter *const voters[], uint32_t n)
{
	struct voter_question asked = { .act = event->act, .pid = event->pid, .fd = event->unread ? -1 : event->fd,
					.file = file, .path = &gate->path };

	describe(gate, question, event, file);
	question->deadline_ns = gate->now_ns + gate->options.deadline_ms * 1000000ull;
	if (gate->options.soft_ms && gate->options.soft_ms < gate->options.deadline_ms)
		question->soft_ns = gate->now_ns + gate->options.soft_ms * 1000000ull;
	asked.deadline_ns = question->deadline_ns;
	asked.flags = question->foreign_ns ? RINGFORT_REQUEST_FOREIGN_NS : 0;
	for (uint32_t i = 0; i < n; i++)
		add_voice(question, voters[i]);
	question->quiet = quiet_voices(question);
	if (question->quiet && !gate->quiet_ns)
		gate->quiet_ns = gate->now_ns;
	gate_arm_timer(gate, question->soft_ns ? question->soft_ns : question->deadline_ns);
	for (uint32_t i = 0; i < n; i++) {
		asked.id = question->id | (question->quiet & 1u << i ? ASK_QUIET : 0);
		if (voter_ask(voters[i], &asked) < 0) {
			question->voices[i].answer = DECISION_FULL;
			if (!question->behind)
				gate_missed(gate, voters[i]->terms.slot, DECISION_FULL);
		}
	}
	gate->numbers->n_pending = questions_n(gate->questions);
}

static void ask(struct gate *gate, const struct fan_event *event, const struct file *file,
		struct voter *const voters[], uint32_t n)
{
	struct question *question = begin(gate);

	if (!question) {
		decide_unasked(gate, event, file, voters, n);
		return;
	}
	question->fd = event->fd;
	/* Before anybody reads it: whoever has it mapped by now may change it behind that, and let it go before we
	 * look again. */
	question->steady = file_memory(file, event->fd, (int64_t)gate_clock_ns(CLOCK_REALTIME)) != FILE_ASK_AGAIN;
	gate->n_waiting++;
	put(gate, question, event, file, voters, n);
	gate_advance(gate, question);
}

/*
 * What the host needs was let through.  Would anybody have denied it?  An operator shall know before he
 * lets solutions decide about such files as well, so they are asked when nobody waits any more: once for
 * each file and generation, and only where no opener wants the place.  They are not told that it is so.
 */
static void ask_behind(struct gate *gate, const struct fan_event *event, const struct file *file,
		       struct voter *const voters[], uint32_t n)
{
	struct cache_key key = gate_cache_key(file, event->act, event->scope);
	struct cache_value value = { .generation = gate->generation, .time_ns = gate->now_ns };
	struct question *question;

	if (cache_find(gate->asked_behind, &key, gate->generation, &value))
		return;
	question = question_begin(gate->questions);
	if (!question)
		return;
	cache_put(gate->asked_behind, &key, &value);
	question->behind = true;
	put(gate, question, event, file, voters, n);
	gate_advance(gate, question);
}

/* ---- events ------------------------------------------------------------------------------------- */

/* Number 0 is somebody outside of our namespace of processes: nothing could be told of him. */
bool gate_is_ours(const struct gate *gate, uint32_t pid)
{
	pid_t session = pid ? getsid((pid_t)pid) : 0;

	if (pid == 0)
		return true;
	for (uint32_t i = 0; i < gate->n_own; i++)
		if (gate->own[i] == pid || gate->own[i] == (uint32_t)session)
			return true;
	return session == 0 && kernel_helper_is((pid_t)pid);
}

/* The same file, with nobody who could be changing it: as before.  Return: whether it was answered */
static bool answer_from_table(struct gate *gate, const struct fan_event *event, const struct file *file)
{
	struct cache_key key = gate_cache_key(file, event->act, event->scope);
	struct cache_value value;
	struct history_entry entry;

	if (!cache_find(gate->cache, &key, gate->generation, &value) ||
	    file_memory(file, event->fd, (int64_t)gate_clock_ns(CLOCK_REALTIME)) == FILE_ASK_AGAIN)
		return false;
	gate_answer(gate, event->group, event->fd, file, value.verdict);
	gate->numbers->n_cached++;
	read_name(gate, event->fd);
	close(event->fd);
	entry = (struct history_entry){
		.time_ns = gate_clock_ns(CLOCK_REALTIME), .dev = file->dev, .ino = file->ino, .act = event->act,
		.verdict = value.verdict, .pid = event->pid, .cached = 1, .cached_from = value.id,
		.foreign_ns = !mounts_has(gate->mounts, file->mount), .stopped = IS_STOPPED(event->group),
	};
	history_path(entry.path, gate->path.text);
	entry.id = history_add(gate->options.history, &entry);
	if (entry.verdict == RINGFORT_VERDICT_DENY)
		gate_tell(gate, GATE_DENIED, 0, &entry);
	return true;
}

/*
 * A script of the package manager's, which only root can have put where it is.  This reads from the file
 * itself, so it comes last: it is on a local disk, and whoever executes it reads the same bytes next.
 */
static bool is_critical_script(struct gate *gate, const struct fan_event *event, const struct file *file)
{
	char begin[2];

	if (event->act != RINGFORT_ACT_EXEC || !gate->options.is_critical_script || file->uid != 0 || file->mode & (S_IWGRP | S_IWOTH))
		return false;
	return gate->options.is_critical_script(gate->options.userdata, file->dev, read_name(gate, event->fd)->text) &&
	       mounts_has(gate->mounts, file->mount) && pread(event->fd, begin, sizeof(begin), 0) == sizeof(begin) &&
	       begin[0] == '#' && begin[1] == '!';
}

static void allow_critical(struct gate *gate, const struct fan_event *event, const struct file *file,
			   struct voter *const voters[], uint32_t n)
{
	gate->numbers->n_critical++;
	gate->numbers->n_at_once++;
	gate_answer(gate, event->group, event->fd, file, RINGFORT_VERDICT_ALLOW);
	ask_behind(gate, event, file, voters, n);
	close(event->fd);
}

static void handle(struct gate *gate, const struct fan_event *event)
{
	struct voter *voters[QUESTION_VOICES];
	struct file file;
	uint32_t n;

	if (event->fd < 0) {
		gate->numbers->n_overflow++;
		gate_tell(gate, GATE_OVERFLOW, 0, NULL);
		return;
	}
	gate->path_fd = -1;
	if (gate_canary_is(gate, event)) {
		gate_canary_answer(gate, event);
		return;
	}
	gate->numbers->n_asked++;
	n = gate->numbers->open ? 0 : find_voters(gate, event, voters);
	if (n == 0 || gate_is_ours(gate, event->pid) || file_read(&file, event->fd) < 0 || !S_ISREG(file.mode)) {
		gate_at_once(gate, event->group, event->fd);
		return;
	}
	if (!gate->options.deny_critical && gate_critical(gate, &file)) {
		allow_critical(gate, event, &file, voters, n);
		return;
	}
	if (answer_from_table(gate, event, &file))
		return;
	if (!gate->options.deny_critical && is_critical_script(gate, event, &file))
		allow_critical(gate, event, &file, voters, n);
	else
		ask(gate, event, &file, voters, n);
}

/* There is less room than there was: who waits longest is decided by miss modes. */
static void shed(struct gate *gate)
{
	struct question *question, *later;

	while (gate->n_waiting > gate->n_waiting_most && gate_shed_hold(gate))
		;
	for (question = questions_first(gate->questions); question && gate->n_waiting > gate->n_waiting_most;
	     question = later) {
		later = question->later;
		if (question->fd < 0)
			continue;
		for (uint32_t i = 0; i < question->n_voices; i++) {
			if (question->voices[i].answer != DECISION_WAITING)
				continue;
			question->voices[i].answer = DECISION_FULL;
			gate_missed(gate, question->voices[i].slot, DECISION_FULL);
		}
		gate_advance(gate, question);
	}
}

/* How many events may be read; -EMFILE none, whatever is done: then a gate that ends denies nobody. */
static int make_room(struct gate *gate)
{
	struct rlimit files;
	struct room room;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return -errno;
	room = room_of(files.rlim_cur, gate->n_voters, gate->n_waiting);
	if (room.n_wait == 0)
		return -EMFILE;
	gate->n_waiting_most = room.n_wait;
	if (room.n_read > 0)
		return (int)room.n_read;
	shed(gate);
	return (int)room_of(files.rlim_cur, gate->n_voters, gate->n_waiting).n_read;
}

int gate_read_events(struct gate *gate, int group, uint32_t scope)
{
	struct fan_event events[FAN_EVENTS];
	int n = make_room(gate);

	if (n > 0)
		n = fan_read(group, events, (uint32_t)n);
	for (int i = 0; i < n; i++) {
		events[i].scope = scope;
		handle(gate, &events[i]);
	}
	return n;
}

/* ---- images that run already ---------------------------------------------------------------------- */

void gate_stopped(struct gate *gate, uint32_t number, uint32_t pid, int fd, bool readable)
{
	const struct fan_event event = { .fd = fd, .pid = pid, .act = RINGFORT_ACT_EXEC,
					 .group = GROUP_OF_STOPPED(number), .unread = !readable };

	gate->now_ns = gate_clock_ns(CLOCK_MONOTONIC);
	/* Where there is no room at all the next read of the kernel's questions ends us. */
	if (make_room(gate) >= 0)
		handle(gate, &event);
	else
		gate_at_once(gate, event.group, fd);
	gate_release_left(gate);
}
