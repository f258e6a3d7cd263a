/* SPDX-License-Identifier: Apache-2.0 */
/* Gate - the kernel's questions, who is asked, and what becomes of the answers. */
#include "gate/gate.h"

#include "base/cleanup.h"
#include "gate/backstop.h"
#include "gate/cache.h"
#include "gate/fan.h"
#include "gate/mounts.h"
#include "gate/net-gate.h"
#include "gate/question.h"
#include "gate/room.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define CACHE_ENTRIES 65536
#define MAX_REMEMBERED 16384 /* ignore marks in the kernel: to drop them all takes it 8 ms */
#define LAST_KNOWN_NS 60000000000ull /* a verdict under older content is good for */
#define SOURCES 16           /* that are looked at a turn */

/* In epoll's data: a slot, or one of these. */
enum source {
	SOURCE_FAN = DECISION_VOICES,
	SOURCE_TIMER,
	SOURCE_CALLER,
	SOURCE_NET,
};

struct gate {
	struct gate_options options;
	struct history_numbers *numbers;
	struct questions *questions;
	struct cache *cache;
	struct mounts *mounts;
	struct backstop *backstop; /* NULL: nobody looks behind us */
	uint64_t devices[GATE_PLACES]; /* of what is guarded */
	struct voter *voters[DECISION_VOICES];
	uint32_t n_voters;
	uint32_t n_waiting;      /* openers: questions with a descriptor */
	uint32_t n_waiting_most; /* for whom there is room */
	uint64_t left;    /* slots that were demoted in this turn, a bit each: nobody waits for them any more */
	uint32_t guarded; /* places, a bit each */
	dev_t marked[GATE_PLACES]; /* the file system that has the place's mark, 0: none, or mounts changed since */
	uint32_t own[GATE_OWN_MAX];
	uint32_t n_own;
	uint64_t generation;   /* of all that was remembered */
	uint32_t n_remembered; /* ignore marks set since they were dropped last */
	uint64_t now_ns;
	bool timer_armed;
	int group, epoll_fd, timer_fd, names;
	struct file_path path; /* of the event that is looked at */
};

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

static void tell(const struct gate *gate, enum gate_news news, uint32_t slot, const struct history_entry *entry)
{
	if (gate->options.told)
		gate->options.told(gate->options.userdata, news, slot, entry);
}

static struct cache_key key_of(const struct file *file, uint32_t act)
{
	return (struct cache_key){ .dev = file->dev, .ino = file->ino, .size = file->size,
				   .ctime_ns = file->ctime_ns, .act = act };
}

/* ---- behind the answer -------------------------------------------------------------------------- */

static void fill_entry(struct history_entry *entry, const struct question *question)
{
	*entry = (struct history_entry){
		.id = question->verdict_id, .time_ns = question->time_ns, .dev = question->file.dev, .ino = question->file.ino,
		.act = question->act, .verdict = question->decision.verdict, .pid = question->pid,
		.us = question->us, .overridden = question->decision.overridden,
		.foreign_ns = question->foreign_ns, .n_reasons = (uint8_t)question->n_voices,
		.n_voices = question->n_voices,
	};
	memcpy(entry->path, question->path, sizeof(entry->path));
	memcpy(entry->reasons, question->voices, question->n_voices * sizeof(question->voices[0]));
}

/* The last words are there, or will not come. */
static void settle(struct gate *gate, struct question *question)
{
	struct history_entry entry;

	fill_entry(&entry, question);
	history_replace(gate->options.history, &entry);
	question_end(gate->questions, question);
	gate->numbers->n_pending = questions_n(gate->questions);
}

/*
 * Where the verdict may be kept.  In the kernel it is marked first and looked at then: what was written
 * since it was judged shows in the time of its change, what is written from now on clears the mark.
 */
static void remember(struct gate *gate, struct question *question)
{
	if (!question->decision.remember || question->generation != gate->generation)
		return;
	question->memory = file_memory(&question->file, question->fd, (int64_t)clock_ns(CLOCK_REALTIME));
	if (question->memory != FILE_IN_KERNEL || question->decision.verdict != RINGFORT_VERDICT_ALLOW)
		return;
	if (gate->n_remembered >= MAX_REMEMBERED)
		gate_forget(gate);
	if (!backstop_remember(gate->backstop, question->file.dev, question->file.ino, gate->now_ns) ||
	    fan_remember(gate->group, question->fd) < 0)
		return;
	gate->n_remembered++;
	if (!file_same(&question->file, question->fd)) {
		fan_forget(gate->group, question->fd);
		question->memory = FILE_ASK_AGAIN;
	}
}

/* Into the history at once, with what was heard so far, and where it may be into the table. */
static void record(struct gate *gate, struct question *question)
{
	struct cache_key key = key_of(&question->file, question->act);
	struct cache_value value = { .generation = gate->generation, .time_ns = gate->now_ns,
				     .verdict = question->decision.verdict };
	struct history_entry entry;

	fill_entry(&entry, question);
	entry.id = value.id = question->verdict_id = history_add(gate->options.history, &entry);
	if (question->memory != FILE_ASK_AGAIN)
		cache_put(gate->cache, &key, &value);
	if (entry.verdict == RINGFORT_VERDICT_DENY)
		tell(gate, GATE_DENIED, 0, &entry);
	if (entry.overridden)
		tell(gate, GATE_OVERRIDDEN, 0, &entry);
}

/* ---- the answer --------------------------------------------------------------------------------- */

/* Its number is the kernel's name of the question: closed only when it is answered. */
static void answer(struct gate *gate, int fd, const struct file *file, enum ringfort_verdict verdict)
{
	if (verdict == RINGFORT_VERDICT_ALLOW && file)
		backstop_pass(gate->backstop, file->dev, file->ino, gate->now_ns);
	if (fan_answer(gate->group, fd, verdict) < 0)
		gate->numbers->n_unanswered++;
	else if (verdict == RINGFORT_VERDICT_DENY)
		gate->numbers->n_denied++;
}

static void at_once(struct gate *gate, int fd)
{
	struct file file;
	bool known = gate->backstop && file_read(&file, fd) == 0;

	answer(gate, fd, known ? &file : NULL, RINGFORT_VERDICT_ALLOW);
	close(fd);
	gate->numbers->n_at_once++;
}

static void give(struct gate *gate, struct question *question, struct decision decision)
{
	answer(gate, question->fd, &question->file, decision.verdict);
	question->decision = decision;
	question->us = (uint32_t)((gate->now_ns - question->asked_ns) / 1000);
	gate->n_waiting--;
	gate->numbers->n_decided++;
	gate->numbers->n_overridden += decision.overridden;
	remember(gate, question);
	question->fd = close_fd(question->fd);
	record(gate, question);
}

static bool all_heard(const struct question *question)
{
	for (uint32_t i = 0; i < question->n_voices; i++)
		if (question->voices[i].answer == DECISION_WAITING)
			return false;
	return true;
}

static bool critical(const struct gate *gate, const struct file *file)
{
	return gate->options.is_critical &&
	       gate->options.is_critical(gate->options.userdata, file->dev, file->ino);
}

/* What can be done with a question now that something is known of it. */
static void advance(struct gate *gate, struct question *question)
{
	if (question->fd >= 0 && decision_ready(question->voices, question->n_voices))
		give(gate, question, decision_make(question->voices, question->n_voices,
						   critical(gate, &question->file), gate->options.deny_critical));
	if (question->fd < 0 && all_heard(question))
		settle(gate, question);
}

/* ---- asking ------------------------------------------------------------------------------------- */

/* Others decide now: what was remembered had its voice in it.  What it still says is not even heard. */
static void demoted(struct gate *gate, struct voter *voter)
{
	gate->left |= 1ull << voter->terms.slot;
	epoll_ctl(gate->epoll_fd, EPOLL_CTL_DEL, voter->channel.woken, NULL);
	gate_forget(gate);
	tell(gate, GATE_DEMOTED, voter->terms.slot, NULL);
}

static void missed(struct gate *gate, uint32_t slot, enum decision_answer how)
{
	struct voter *voter = gate->voters[slot];

	if (voter && voter_missed(voter, how, gate->now_ns))
		demoted(gate, voter);
}

static void add_voice(struct question *question, const struct voter *voter)
{
	question->voices[question->n_voices++] = (struct decision_voice){
		.slot = (uint8_t)voter->terms.slot,
		.mode = (uint8_t)voter->terms.mode,
		.miss = (uint8_t)voter->terms.miss,
		.generation = voter->generation,
	};
}

/* Who takes part in this act. */
static uint32_t find_voters(struct gate *gate, uint32_t act, struct voter *voters[QUESTION_VOICES])
{
	uint32_t n = 0;

	for (uint32_t slot = 0; slot < DECISION_VOICES && n < QUESTION_VOICES; slot++)
		if (gate->voters[slot] && voter_takes_part(gate->voters[slot], act))
			voters[n++] = gate->voters[slot];
	return n;
}

static void arm_timer(struct gate *gate, uint64_t deadline_ns)
{
	const struct itimerspec at = { .it_value = { .tv_sec = (time_t)(deadline_ns / 1000000000),
						     .tv_nsec = (long)(deadline_ns % 1000000000) } };

	gate->timer_armed = timerfd_settime(gate->timer_fd, TFD_TIMER_ABSTIME, &at, NULL) == 0;
}

/* What it is about.  Its name is read, so not before whoever waits for nobody is answered. */
static void describe(struct gate *gate, struct question *question, const struct fan_event *event,
		     const struct file *file)
{
	file_path(&gate->path, gate->names, event->fd);
	history_path(question->path, gate->path.text);
	question->act = event->act;
	question->pid = event->pid;
	question->file = *file;
	question->foreign_ns = !mounts_has(gate->mounts, file->mount);
	question->generation = gate->generation;
	question->asked_ns = gate->now_ns;
	question->time_ns = clock_ns(CLOCK_REALTIME);
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
			settle(gate, question);
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
		missed(gate, voters[i]->terms.slot, DECISION_FULL);
	}
	question.decision = decision_make(question.voices, n, critical(gate, file), gate->options.deny_critical);
	answer(gate, event->fd, file, question.decision.verdict);
	gate->numbers->n_decided++;
	gate->numbers->n_overridden += question.decision.overridden;
	describe(gate, &question, event, file);
	close(event->fd);
	record(gate, &question);
}

static void ask(struct gate *gate, const struct fan_event *event, const struct file *file,
		struct voter *const voters[], uint32_t n)
{
	struct question *question = begin(gate);
	struct voter_question asked = { .act = event->act, .pid = event->pid, .fd = event->fd, .file = file,
					.path = &gate->path };

	if (!question) {
		decide_unasked(gate, event, file, voters, n);
		return;
	}
	describe(gate, question, event, file);
	question->fd = event->fd;
	question->deadline_ns = gate->now_ns + gate->options.deadline_ms * 1000000ull;
	if (gate->options.soft_ms && gate->options.soft_ms < gate->options.deadline_ms)
		question->soft_ns = gate->now_ns + gate->options.soft_ms * 1000000ull;
	gate->n_waiting++;
	asked.id = question->id;
	asked.deadline_ns = question->deadline_ns;
	asked.flags = question->foreign_ns ? RINGFORT_REQUEST_FOREIGN_NS : 0;
	for (uint32_t i = 0; i < n; i++)
		add_voice(question, voters[i]);
	if (!gate->timer_armed)
		arm_timer(gate, question->soft_ns ? question->soft_ns : question->deadline_ns);
	for (uint32_t i = 0; i < n; i++)
		if (voter_ask(voters[i], &asked) < 0) {
			question->voices[i].answer = DECISION_FULL;
			missed(gate, voters[i]->terms.slot, DECISION_FULL);
		}
	gate->numbers->n_pending = questions_n(gate->questions);
	advance(gate, question);
}

/* ---- events ------------------------------------------------------------------------------------- */

/* Ours, a child of ours, or a helper that the kernel itself started (those are in no session). */
static bool is_ours(const struct gate *gate, uint32_t pid)
{
	pid_t session = pid ? getsid((pid_t)pid) : 0;

	if (session == 0)
		return true;
	for (uint32_t i = 0; i < gate->n_own; i++)
		if (gate->own[i] == pid || gate->own[i] == (uint32_t)session)
			return true;
	return false;
}

/* The same file, with nobody who could be changing it: as before.  Return: whether it was answered */
static bool answer_from_table(struct gate *gate, const struct fan_event *event, const struct file *file)
{
	struct cache_key key = key_of(file, event->act);
	struct cache_value value;
	struct history_entry entry;

	if (!cache_find(gate->cache, &key, gate->generation, &value) ||
	    file_memory(file, event->fd, (int64_t)clock_ns(CLOCK_REALTIME)) == FILE_ASK_AGAIN)
		return false;
	answer(gate, event->fd, file, value.verdict);
	gate->numbers->n_cached++;
	file_path(&gate->path, gate->names, event->fd);
	close(event->fd);
	entry = (struct history_entry){
		.time_ns = clock_ns(CLOCK_REALTIME), .dev = file->dev, .ino = file->ino, .act = event->act,
		.verdict = value.verdict, .pid = event->pid, .cached = 1, .cached_from = value.id,
		.foreign_ns = !mounts_has(gate->mounts, file->mount),
	};
	history_path(entry.path, gate->path.text);
	entry.id = history_add(gate->options.history, &entry);
	if (entry.verdict == RINGFORT_VERDICT_DENY)
		tell(gate, GATE_DENIED, 0, &entry);
	return true;
}

static void handle(struct gate *gate, const struct fan_event *event)
{
	struct voter *voters[QUESTION_VOICES];
	struct file file;
	uint32_t n;

	if (event->fd < 0) {
		gate->numbers->n_overflow++;
		tell(gate, GATE_OVERFLOW, 0, NULL);
		return;
	}
	gate->numbers->n_asked++;
	n = gate->numbers->open ? 0 : find_voters(gate, event->act, voters);
	if (n == 0 || is_ours(gate, event->pid) || file_read(&file, event->fd) < 0 || !S_ISREG(file.mode)) {
		at_once(gate, event->fd);
		return;
	}
	if (!gate->options.deny_critical && critical(gate, &file)) {
		gate->numbers->n_critical++;
		at_once(gate, event->fd);
		return;
	}
	if (!answer_from_table(gate, event, &file))
		ask(gate, event, &file, voters, n);
}

/* There is less room than there was: who waits longest is decided by miss modes. */
static void shed(struct gate *gate)
{
	struct question *question, *later;

	for (question = questions_first(gate->questions); question && gate->n_waiting > gate->n_waiting_most;
	     question = later) {
		later = question->later;
		if (question->fd < 0)
			continue;
		for (uint32_t i = 0; i < question->n_voices; i++) {
			if (question->voices[i].answer != DECISION_WAITING)
				continue;
			question->voices[i].answer = DECISION_FULL;
			missed(gate, question->voices[i].slot, DECISION_FULL);
		}
		advance(gate, question);
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

static int read_events(struct gate *gate)
{
	struct fan_event events[FAN_EVENTS];
	int n = make_room(gate);

	if (n > 0)
		n = fan_read(gate->group, events, (uint32_t)n);
	for (int i = 0; i < n; i++)
		handle(gate, &events[i]);
	return n;
}

/* ---- answers of solutions -------------------------------------------------------------------------- */

static void wrong(struct gate *gate, struct voter *voter)
{
	if (voter_wrong(voter, gate->now_ns))
		demoted(gate, voter);
}

static void count_answer(struct voter *voter, const struct ask_answer *told, bool after)
{
	if (told->verdict == RINGFORT_VERDICT_DENY)
		voter->numbers->n_denied++;
	else
		voter->numbers->n_allowed++;
	voter->numbers->n_after += after;
}

/* Once; and where its last known answer was taken, in time all the same: that stays in the record. */
static bool may_answer(const struct decision_voice *voice)
{
	return voice->answer == DECISION_WAITING || voice->answer == DECISION_LAST_KNOWN_ALLOW ||
	       voice->answer == DECISION_LAST_KNOWN_DENY;
}

/* Every number in it is the solution's: which question, whether it was asked, whether it may still answer. */
static void take_answer(struct gate *gate, struct voter *voter, const struct ask_answer *told)
{
	struct question *question = question_find(gate->questions, told->id);
	struct decision_voice *voice = question ? question_voice(question, voter->terms.slot) : NULL;

	if (!voice || !question->open || !may_answer(voice) || told->verdict >= _RINGFORT_VERDICT_N ||
	    gate->now_ns >= question->deadline_ns) {
		wrong(gate, voter);
		return;
	}
	voice->answer = told->verdict == RINGFORT_VERDICT_DENY ? DECISION_DENY : DECISION_ALLOW;
	voice->remember = told->flags & RINGFORT_ANSWER_REMEMBER;
	voice->us = (uint32_t)((gate->now_ns - question->asked_ns) / 1000);
	count_answer(voter, told, question->fd < 0);
	advance(gate, question);
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
static void hear(struct gate *gate, struct voter *voter)
{
	struct ask_answer told;
	bool emptied = false;

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
		missed(gate, question->voices[i].slot, DECISION_LATE);
	}
}

/*
 * The soft deadline: what was decided about this very file under older content stands for those who have
 * not answered, where the operator lets it, and marked as such.
 */
static void soften(struct gate *gate, struct question *question)
{
	struct cache_key key = key_of(&question->file, question->act);
	struct cache_value last;

	question->soft_ns = 0;
	if (question->fd < 0 || !cache_find_old(gate->cache, &key, gate->now_ns, LAST_KNOWN_NS, &last))
		return;
	for (uint32_t i = 0; i < question->n_voices; i++)
		if (question->voices[i].answer == DECISION_WAITING && question->voices[i].mode == DECISION_ENFORCE)
			question->voices[i].answer = last.verdict == RINGFORT_VERDICT_DENY ?
							     DECISION_LAST_KNOWN_DENY :
							     DECISION_LAST_KNOWN_ALLOW;
	advance(gate, question);
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

static void expire(struct gate *gate)
{
	struct question *question;
	uint64_t n_expirations, soft_ns;

	if (read(gate->timer_fd, &n_expirations, sizeof(n_expirations)) < 0)
		return;
	gate->timer_armed = false;
	while ((question = questions_first(gate->questions)) && question->deadline_ns <= gate->now_ns) {
		gate->numbers->n_expired += question->fd >= 0;
		expire_voices(gate, question);
		advance(gate, question);
	}
	soft_ns = soften_due(gate);
	question = questions_first(gate->questions);
	if (question)
		arm_timer(gate, soft_ns && soft_ns < question->deadline_ns ? soft_ns : question->deadline_ns);
}

/* Nobody waits for an answer that cannot come. */
static void release_from(struct gate *gate, uint32_t slot)
{
	struct question *question, *later;

	for (question = questions_first(gate->questions); question; question = later) {
		struct decision_voice *voice = question_voice(question, slot);

		later = question->later;
		if (!voice || voice->answer != DECISION_WAITING)
			continue;
		voice->answer = DECISION_GONE;
		voice->us = (uint32_t)((gate->now_ns - question->asked_ns) / 1000);
		missed(gate, slot, DECISION_GONE);
		advance(gate, question);
	}
}

/* Not where it is found out: that may be in the middle of the list of questions. */
static void release_left(struct gate *gate)
{
	uint64_t left = gate->left;

	gate->left = 0;
	for (uint32_t slot = 0; left; slot++, left >>= 1)
		if (left & 1)
			release_from(gate, slot);
}

/* ---- the loop's side ---------------------------------------------------------------------------------- */

static int serve(struct gate *gate, uint32_t source)
{
	int r = 0;

	if (source == SOURCE_FAN)
		r = read_events(gate);
	else if (source == SOURCE_TIMER)
		expire(gate);
	else if (source == SOURCE_NET)
		net_gate_process(gate->options.net);
	else if (gate->voters[source])
		hear(gate, gate->voters[source]);
	release_left(gate);
	return r < 0 ? r : 0;
}

int gate_process(struct gate *gate, int timeout_ms)
{
	struct epoll_event events[SOURCES];
	int n = epoll_wait(gate->epoll_fd, events, SOURCES, timeout_ms);
	int callers = 0;

	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	gate->now_ns = clock_ns(CLOCK_MONOTONIC);
	for (int i = 0; i < n; i++) {
		int r = 0;

		if (events[i].data.u32 == SOURCE_CALLER)
			callers = 1;
		else
			r = serve(gate, events[i].data.u32);
		if (r < 0)
			return r;
	}
	return callers;
}

/* Somebody decides: what runs without a verdict from now on does so behind our back. */
static void activate(struct gate *gate)
{
	bool active = false;

	for (uint32_t slot = 0; slot < DECISION_VOICES; slot++)
		active |= gate->voters[slot] && gate->voters[slot]->numbers->acts & 1u << RINGFORT_ACT_EXEC;
	backstop_activate(gate->backstop, active && !gate->numbers->open);
}

static int watch(struct gate *gate, int fd, uint32_t source)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = source };

	return epoll_ctl(gate->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

/* What was remembered meanwhile has not its voice in it. */
static void readmitted(struct gate *gate, struct voter *voter)
{
	watch(gate, voter->channel.woken, voter->terms.slot);
	gate_forget(gate);
}

void gate_tick(struct gate *gate)
{
	uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);

	activate(gate);
	gate->numbers->n_unguarded = backstop_unguarded(gate->backstop);
	for (uint32_t slot = 0; slot < DECISION_VOICES; slot++)
		if (gate->voters[slot] && voter_readmit(gate->voters[slot], now_ns))
			readmitted(gate, gate->voters[slot]);
	if (!mounts_changed(gate->mounts))
		return;
	/* A mark goes with its file system, and the next one may have the same number. */
	memset(gate->marked, 0, sizeof(gate->marked));
	tell(gate, GATE_MOUNTED, 0, NULL);
}

int gate_watch(struct gate *gate, int fd)
{
	return watch(gate, fd, SOURCE_CALLER);
}

/* ---- what it is told ------------------------------------------------------------------------------------ */

static void tell_place(struct gate *gate, uint32_t place, const char *path, const char *why)
{
	struct history_place *told = &gate->numbers->places[place];

	if (why[0])
		gate->guarded &= ~(1u << place);
	else
		gate->guarded |= 1u << place;
	gate->numbers->n_marks = (uint32_t)__builtin_popcount(gate->guarded);
	history_path(told->path, path);
	snprintf(told->why, sizeof(told->why), "%s", why);
}

static int mark_place(struct gate *gate, uint32_t place, int file)
{
	struct stat st;
	bool missing;
	int r;

	/* What was mounted until now is known before the mark is missed. */
	gate_tick(gate);
	if (fstat(file, &st) < 0)
		return -errno;
	missing = gate->marked[place] == st.st_dev && fan_marked(gate->group, file) == 0;
	r = fan_mark(gate->group, file);
	if (r < 0)
		return r;
	gate->marked[place] = st.st_dev;
	if (missing)
		tell(gate, GATE_UNMARKED, place, NULL);
	return 0;
}

int gate_guard(struct gate *gate, uint32_t place, const char *path, int file)
{
	int r = place < GATE_PLACES ? mark_place(gate, place, file) : -ERANGE;

	if (r == -ERANGE)
		return r;
	tell_place(gate, place, path, r < 0 ? strerror(-r) : "");
	gate->devices[place] = r < 0 ? 0 : file_device(file);
	backstop_guard(gate->backstop, place, gate->devices[place]);
	return r;
}

int gate_backstop(struct gate *gate, int fd)
{
	int r = gate->backstop ? -EEXIST : backstop_open(&gate->backstop, fd);

	for (uint32_t place = 0; r == 0 && place < GATE_PLACES; place++)
		backstop_guard(gate->backstop, place, gate->devices[place]);
	if (r == 0)
		activate(gate);
	return r;
}

void gate_refuse(struct gate *gate, uint32_t place, const char *path, const char *why)
{
	if (place < GATE_PLACES)
		tell_place(gate, place, path, why);
}

/* We may be waiting for it, and it for a verdict about itself. */
static void release(struct gate *gate, uint32_t pid)
{
	struct question *question;

	gate->now_ns = clock_ns(CLOCK_MONOTONIC);
	for (question = questions_first(gate->questions); question; question = question->later)
		if (question->fd >= 0 && question->pid == pid)
			give(gate, question, (struct decision){ .verdict = RINGFORT_VERDICT_ALLOW });
}

int gate_own(struct gate *gate, uint32_t pid, bool add)
{
	if (gate->options.net)
		net_gate_own(gate->options.net, pid, add);
	for (uint32_t i = 0; i < gate->n_own; i++) {
		if (gate->own[i] != pid)
			continue;
		if (!add)
			gate->own[i] = gate->own[--gate->n_own];
		return 0;
	}
	if (!add)
		return 0;
	if (gate->n_own == GATE_OWN_MAX)
		return -ENOSPC;
	gate->own[gate->n_own++] = pid;
	release(gate, pid);
	return 0;
}

void gate_forget(struct gate *gate)
{
	gate->generation++;
	backstop_forget(gate->backstop);
	if (gate->n_remembered && fan_forget_all(gate->group) == 0)
		gate->n_remembered = 0;
}

static void tell_net(struct gate *gate, const struct voter_terms *terms)
{
	struct net_terms net = { .slot = terms->slot, .run = terms->run, .granted = terms->net,
				 .mode = terms->mode, .miss = terms->miss };

	snprintf(net.name, sizeof(net.name), "%s", terms->name ? terms->name : "");
	if (gate->options.net)
		net_gate_up(gate->options.net, &net);
}

int gate_voter_up(struct gate *gate, const struct voter_terms *terms, struct voter_channel *channel)
{
	struct voter *voter;
	int r;

	assert(terms->slot < DECISION_VOICES);
	if (gate->voters[terms->slot])
		gate_voter_down(gate, terms->slot, false);
	r = voter_open(&voter, terms, channel, &gate->numbers->voices[terms->slot]);
	if (r < 0)
		return r;
	r = watch(gate, voter->channel.woken, terms->slot);
	if (r < 0) {
		voter_close(voter);
		return r;
	}
	gate->voters[terms->slot] = voter;
	gate->n_voters++;
	tell_net(gate, terms);
	gate_forget(gate);
	return 0;
}

/* One that this gate never saw may have left rules with an earlier one. */
void gate_voter_down(struct gate *gate, uint32_t slot, bool stopped)
{
	gate->now_ns = clock_ns(CLOCK_MONOTONIC);
	/* Its last words may lie there. */
	if (gate->voters[slot])
		hear(gate, gate->voters[slot]);
	if (gate->options.net)
		net_gate_down(gate->options.net, slot, stopped);
	if (!gate->voters[slot])
		return;
	release_from(gate, slot);
	gate->voters[slot]->numbers->acts = gate->voters[slot]->numbers->demoted = 0;
	gate->voters[slot] = voter_close(gate->voters[slot]);
	gate->n_voters--;
	gate->left &= ~(1ull << slot);
	gate_forget(gate);
}

void gate_voter_reset(struct gate *gate, uint32_t slot)
{
	if (gate->voters[slot] && voter_reset(gate->voters[slot]))
		readmitted(gate, gate->voters[slot]);
}

void gate_open(struct gate *gate, bool open)
{
	struct question *question, *later;

	gate->numbers->open = open;
	activate(gate);
	if (gate->options.net)
		net_gate_open(gate->options.net, open);
	gate_forget(gate);
	if (!open)
		return;
	gate->now_ns = clock_ns(CLOCK_MONOTONIC);
	for (question = questions_first(gate->questions); question; question = later) {
		later = question->later;
		if (question->fd >= 0)
			give(gate, question, (struct decision){ .verdict = RINGFORT_VERDICT_ALLOW,
								.overridden = true });
		decision_expire(question->voices, question->n_voices);
		settle(gate, question);
	}
}

/* ---- life --------------------------------------------------------------------------------------------- */

static void gate_freep(struct gate **gate)
{
	gate_free(*gate);
}

static int open_parts(struct gate *gate)
{
	int r = questions_new(&gate->questions, gate->options.epoch);

	if (r == 0)
		r = cache_new(&gate->cache, CACHE_ENTRIES);
	if (r == 0)
		r = mounts_new(&gate->mounts);
	if (r == 0)
		r = file_open_names(&gate->names);
	if (r < 0)
		return r;
	gate->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	gate->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (gate->epoll_fd < 0 || gate->timer_fd < 0)
		return -errno;
	r = fan_open(&gate->group);
	if (r == 0)
		r = watch(gate, gate->group, SOURCE_FAN);
	if (r == 0)
		r = watch(gate, gate->timer_fd, SOURCE_TIMER);
	if (r == 0 && gate->options.net)
		r = watch(gate, net_gate_fd(gate->options.net), SOURCE_NET);
	return r;
}

int gate_new(struct gate **ret_gate, const struct gate_options *options)
{
	_cleanup_(gate_freep) struct gate *gate = calloc(1, sizeof(*gate));
	int r;

	if (!gate)
		return -ENOMEM;
	gate->options = *options;
	gate->numbers = history_numbers(options->history);
	gate->numbers->n_marks = gate->numbers->n_pending = 0;
	memset(gate->numbers->places, 0, sizeof(gate->numbers->places));
	gate->numbers->since_ns = clock_ns(CLOCK_REALTIME);
	gate->group = gate->epoll_fd = gate->timer_fd = gate->names = -1;
	r = open_parts(gate);
	if (r < 0)
		return r;
	*ret_gate = take_ptr(gate);
	return 0;
}

struct gate *gate_free(struct gate *gate)
{
	if (!gate)
		return NULL;
	for (uint32_t slot = 0; slot < DECISION_VOICES; slot++)
		voter_close(gate->voters[slot]);
	/* First: who waits is let through by the kernel, and the numbers of their files mean nothing more. */
	close_fd(gate->group);
	for (const struct question *question = gate->questions ? questions_first(gate->questions) : NULL; question;
	     question = question->later)
		close_fd(question->fd);
	close_fd(gate->timer_fd);
	close_fd(gate->epoll_fd);
	backstop_close(gate->backstop);
	close_fd(gate->names);
	mounts_free(gate->mounts);
	cache_free(gate->cache);
	questions_free(gate->questions);
	free(gate);
	return NULL;
}
