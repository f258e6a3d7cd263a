/* SPDX-License-Identifier: Apache-2.0 */
/* Gate - its loop, what it is told, its life. */
#include "gate/gate-internal.h"

#include "gate/backstop.h"
#include "gate/cache.h"
#include "gate/critical.h"
#include "gate/fan.h"
#include "gate/mounts.h"
#include "gate/net-gate.h"

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
#define BEHIND_ENTRIES (4 * CRITICAL_MAX) /* a file that others push out of its set is asked about again */
#define SOURCES 16 /* that are looked at a turn */

uint64_t gate_clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

void gate_tell(const struct gate *gate, enum gate_news news, uint32_t slot, const struct history_entry *entry)
{
	if (gate->options.told)
		gate->options.told(gate->options.userdata, news, slot, entry);
}

/* ---- the loop's side ---------------------------------------------------------------------------------- */

static int serve(struct gate *gate, uint32_t source)
{
	int r = 0;

	if (source == SOURCE_FAN)
		r = gate_read_events(gate, gate->group, 0);
	else if (source >= SOURCE_SHOWN)
		gate_show(gate, source - SOURCE_SHOWN);
	else if (source >= SOURCE_OPENS)
		r = gate_read_events(gate, gate->scopes[source - SOURCE_OPENS].group, source - SOURCE_OPENS + 1);
	else if (source == SOURCE_TIMER)
		gate_expire(gate);
	else if (source == SOURCE_NET)
		net_gate_process(gate->options.net);
	else if (gate->voters[source])
		gate_hear(gate, gate->voters[source]);
	gate_release_left(gate);
	gate_gather(gate);
	gate_release_left(gate);
	return r < 0 ? r : 0;
}

/* Not longer than those who answered quietly may go unheard. */
static int wait_at_most(const struct gate *gate, int timeout_ms)
{
	const int quiet_ms = ASK_QUIET_NS / 1000000;

	return gate->quiet_ns && timeout_ms > quiet_ms ? quiet_ms : timeout_ms;
}

int gate_process(struct gate *gate, int timeout_ms)
{
	struct epoll_event events[SOURCES];
	int n = epoll_wait(gate->epoll_fd, events, SOURCES, wait_at_most(gate, timeout_ms));
	int callers = 0;

	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	gate->now_ns = gate_clock_ns(CLOCK_MONOTONIC);
	for (int i = 0; i < n; i++) {
		int r = 0;

		if (events[i].data.u32 == SOURCE_CALLER)
			callers = 1;
		else
			r = serve(gate, events[i].data.u32);
		if (r < 0)
			return r;
	}
	if (gate->quiet_ns && gate->now_ns - gate->quiet_ns >= ASK_QUIET_NS) {
		gate_gather_old(gate);
		gate_release_left(gate);
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

int gate_watch_source(struct gate *gate, int fd, uint32_t source)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = source };

	return epoll_ctl(gate->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

/* What was remembered meanwhile has not its voice in it. */
static void readmitted(struct gate *gate, struct voter *voter)
{
	gate_watch_source(gate, voter->channel.woken, voter->terms.slot);
	gate_forget(gate);
}

void gate_tick(struct gate *gate)
{
	uint64_t now_ns = gate_clock_ns(CLOCK_MONOTONIC);

	activate(gate);
	gate->numbers->n_unguarded = backstop_unguarded(gate->backstop);
	gate->now_ns = now_ns;
	gate_bury_held(gate);
	gate_canary_mark(gate);
	for (uint32_t slot = 0; slot < DECISION_VOICES; slot++) {
		if (gate->voters[slot] && voter_readmit(gate->voters[slot], now_ns))
			readmitted(gate, gate->voters[slot]);
		gate_show_again(gate, slot);
	}
	if (!mounts_changed(gate->mounts))
		return;
	/* A mark goes with its file system, and the next one may have the same number. */
	memset(gate->marked, 0, sizeof(gate->marked));
	gate_tell(gate, GATE_MOUNTED, 0, NULL);
}

int gate_watch(struct gate *gate, int fd)
{
	return gate_watch_source(gate, fd, SOURCE_CALLER);
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
	bool unmarked, missing;
	struct stat st;
	int r;

	/* What was mounted until now is known before the mark is missed. */
	gate_tick(gate);
	if (fstat(file, &st) < 0)
		return -errno;
	unmarked = fan_marked(gate->group, file) == 0;
	missing = unmarked && gate->marked[place] == st.st_dev;
	r = fan_mark(gate->group, file);
	if (r < 0)
		return r;
	/* A mark goes with its file system: this is another one, and its files may have the numbers and times of
	 * those that were judged (a copy of a disk, or one made for it). */
	if (unmarked)
		gate_forget(gate);
	gate->marked[place] = st.st_dev;
	if (missing)
		gate_tell(gate, GATE_UNMARKED, place, NULL);
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

	/* Of places that we were not told of yet it keeps what the life before us knew: no image runs unseen
	 * until we are. */
	for (uint32_t place = 0; r == 0 && place < GATE_PLACES; place++)
		if (gate->devices[place])
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

	gate->now_ns = gate_clock_ns(CLOCK_MONOTONIC);
	for (question = questions_first(gate->questions); question; question = question->later)
		if (question->fd >= 0 && question->pid == pid)
			gate_give(gate, question, (struct decision){ .verdict = RINGFORT_VERDICT_ALLOW });
	gate_let_go_held(gate, pid, (struct decision){ .verdict = RINGFORT_VERDICT_ALLOW });
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
	int r;

	gate->generation++;
	backstop_forget(gate->backstop);
	if (!gate->n_remembered)
		return;
	r = fan_forget_all(gate->group);
	for (uint32_t scope = 0; scope < GATE_SCOPES; scope++)
		if (gate->scopes[scope].whole && gate->scopes[scope].group >= 0 && r == 0)
			r = fan_forget_all(gate->scopes[scope].group);
	if (r == 0)
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
	r = gate_watch_source(gate, voter->channel.woken, terms->slot);
	if (r < 0) {
		voter_close(voter);
		return r;
	}
	r = gate_scope_voter(gate, voter);
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
	gate->now_ns = gate_clock_ns(CLOCK_MONOTONIC);
	/* Its last words may lie there. */
	if (gate->voters[slot])
		gate_hear(gate, gate->voters[slot]);
	if (gate->options.net)
		net_gate_down(gate->options.net, slot, stopped);
	if (!gate->voters[slot])
		return;
	gate_release_from(gate, slot);
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
	gate_hold_again(gate);
	activate(gate);
	if (gate->options.net)
		net_gate_open(gate->options.net, open);
	gate_forget(gate);
	if (!open)
		return;
	gate->now_ns = gate_clock_ns(CLOCK_MONOTONIC);
	for (question = questions_first(gate->questions); question; question = later) {
		later = question->later;
		if (question->fd >= 0)
			gate_give(gate, question, (struct decision){ .verdict = RINGFORT_VERDICT_ALLOW,
								.overridden = true });
		decision_expire(question->voices, question->n_voices);
		gate_settle(gate, question);
	}
	gate_let_go_held(gate, 0, (struct decision){ .verdict = RINGFORT_VERDICT_ALLOW, .overridden = true });
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
		r = cache_new(&gate->asked_behind, BEHIND_ENTRIES);
	if (r == 0)
		r = mounts_new(&gate->mounts, gate->options.mounts ? gate->options.mounts : MOUNTS_OF_HOST);
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
		r = gate_watch_source(gate, gate->group, SOURCE_FAN);
	if (r == 0)
		r = gate_watch_source(gate, gate->timer_fd, SOURCE_TIMER);
	if (r == 0 && gate->options.net)
		r = gate_watch_source(gate, net_gate_fd(gate->options.net), SOURCE_NET);
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
	gate->numbers->n_marks = gate->numbers->n_pending = gate->numbers->n_holding = 0;
	history_unhold_all(options->history);
	memset(gate->numbers->places, 0, sizeof(gate->numbers->places));
	memset(gate->numbers->scopes, 0, sizeof(gate->numbers->scopes));
	gate->numbers->since_ns = gate_clock_ns(CLOCK_REALTIME);
	gate->group = gate->epoll_fd = gate->timer_fd = gate->names = gate->canary.root = -1;
	gate_scopes_init(gate);
	r = open_parts(gate);
	if (r < 0)
		return r;
	*ret_gate = take_ptr(gate);
	return 0;
}

static void close_files(const struct question *first)
{
	for (const struct question *question = first; question; question = question->later)
		close_fd(question->fd);
}

struct gate *gate_free(struct gate *gate)
{
	if (!gate)
		return NULL;
	for (uint32_t slot = 0; slot < DECISION_VOICES; slot++)
		voter_close(gate->voters[slot]);
	/* First: who waits is let through by the kernel, and the numbers of their files mean nothing more. */
	close_fd(gate->group);
	gate_scopes_done(gate);
	close_files(gate->questions ? questions_first(gate->questions) : NULL);
	close_files(gate->questions ? questions_first_held(gate->questions) : NULL);
	history_unhold_all(gate->options.history);
	close_fd(gate->timer_fd);
	close_fd(gate->epoll_fd);
	backstop_close(gate->backstop);
	close_fd(gate->names);
	close_fd(gate->canary.root);
	mounts_free(gate->mounts);
	cache_free(gate->cache);
	cache_free(gate->asked_behind);
	questions_free(gate->questions);
	free(gate);
	return NULL;
}
