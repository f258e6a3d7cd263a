/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gate scope - where opens are decided, and what was written there.
 *
 * A scope has a group of its own, so that a question tells by where it comes from who is to be asked.  What
 * was written is told by a group for each solution: its events wait in the kernel while that solution has
 * no room, and keep no other waiting.  They hold their file system mounted, hence not for long: when the
 * solution gives nothing back for PATIENCE_NS, or has no room for MOST_PATIENCE_NS, they are given up,
 * counted, and it is told that there were some.
 */
#include "gate/gate-internal.h"

#include "gate/fan.h"
#include "gate/mounts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATIENCE_NS 1000000000ull
#define MARKING_NS (5 * PATIENCE_NS) /* what was sent before it was known that there is somebody new has come by then */
#define MOST_PATIENCE_NS (30 * PATIENCE_NS) /* it looks at large files: that is slow, and is work */
#define SHOWN_A_TURN 16u    /* openers wait meanwhile */
#define GIVEN_UP_A_TURN 512 /* a few times a second */

void gate_scopes_init(struct gate *gate)
{
	for (uint32_t scope = 0; scope < GATE_SCOPES; scope++)
		gate->scopes[scope].group = -1;
	for (uint32_t slot = 0; slot < DECISION_VOICES; slot++)
		gate->shown[slot].group = -1;
}

void gate_scopes_done(struct gate *gate)
{
	for (uint32_t scope = 0; scope < GATE_SCOPES; scope++)
		gate->scopes[scope].group = close_fd(gate->scopes[scope].group);
	for (uint32_t slot = 0; slot < DECISION_VOICES; slot++)
		gate->shown[slot].group = close_fd(gate->shown[slot].group);
}

/* ---- marks -------------------------------------------------------------------------------------- */

static int open_opens(struct gate *gate, uint32_t scope)
{
	struct scope *to = &gate->scopes[scope];
	int r;

	if (to->group >= 0)
		return 0;
	r = fan_open(&to->group);
	return r < 0 ? r : gate_watch_source(gate, to->group, SOURCE_OPENS + scope);
}

static int mark_everywhere(struct gate *gate, uint32_t scope, int file)
{
	const struct scope *to = &gate->scopes[scope];
	int r = 0;

	if (to->acts & 1u << RINGFORT_ACT_OPEN)
		r = fan_mark_scope(to->group, RINGFORT_ACT_OPEN, to->whole, file);
	for (uint32_t slot = 0; slot < DECISION_VOICES && r == 0; slot++)
		if (gate->shown[slot].group >= 0 && gate->shown[slot].scopes & 1u << scope)
			r = fan_mark_scope(gate->shown[slot].group, RINGFORT_ACT_MODIFY, to->whole, file);
	return r;
}

/* Return: 1 it had a mark, 0 none, or a negative errno. */
static int unmark_everywhere(struct gate *gate, uint32_t scope, int folder)
{
	const struct scope *from = &gate->scopes[scope];
	int r, had = 0;

	if (from->acts & 1u << RINGFORT_ACT_OPEN && from->group >= 0) {
		r = fan_unmark_folder(from->group, RINGFORT_ACT_OPEN, folder);
		if (r < 0)
			return r;
		had = r;
	}
	for (uint32_t slot = 0; slot < DECISION_VOICES; slot++) {
		if (gate->shown[slot].group < 0 || !(gate->shown[slot].scopes & 1u << scope))
			continue;
		r = fan_unmark_folder(gate->shown[slot].group, RINGFORT_ACT_MODIFY, folder);
		if (r < 0)
			return r;
		had |= r;
	}
	return had;
}

static void tell_why(struct gate *gate, uint32_t scope, const char *why)
{
	struct history_scope *told = &gate->numbers->scopes[scope];

	snprintf(told->why, sizeof(told->why), "%s", why);
}

static void tell_scope(struct gate *gate, uint32_t scope, const char *path, const char *why)
{
	struct history_scope *told = &gate->numbers->scopes[scope];

	history_path(told->path, path);
	tell_why(gate, scope, why);
	told->whole = gate->scopes[scope].whole;
}

int gate_scope(struct gate *gate, const struct gate_scope *is, int file)
{
	struct scope *scope;
	int r = 0;

	if (is->scope >= GATE_SCOPES)
		return -ERANGE;
	scope = &gate->scopes[is->scope];
	scope->acts = is->acts;
	scope->whole = is->whole;
	if (scope->acts & 1u << RINGFORT_ACT_OPEN)
		r = open_opens(gate, is->scope);
	if (r == 0)
		r = mark_everywhere(gate, is->scope, file);
	/* It may be another file system's place now, whose files have the numbers of those that were judged. */
	gate_forget(gate);
	tell_scope(gate, is->scope, is->path, r < 0 ? strerror(-r) : "");
	gate->numbers->scopes[is->scope].n_folders = r == 0;
	return r;
}

int gate_scope_folder(struct gate *gate, uint32_t scope, int folder)
{
	int r;

	if (scope >= GATE_SCOPES || !gate->scopes[scope].acts || gate->scopes[scope].whole)
		return -ERANGE;
	r = mark_everywhere(gate, scope, folder);
	if (r == 0)
		gate->numbers->scopes[scope].n_folders++;
	else
		tell_why(gate, scope, strerror(-r));
	return r;
}

/* 1 there are all, 0 some are not, or a negative errno. */
static int has_marks(const struct gate *gate, uint32_t scope, int file)
{
	const struct scope *to = &gate->scopes[scope];
	int r = 1;

	if (to->acts & 1u << RINGFORT_ACT_OPEN && to->group >= 0)
		r = fan_marked_scope(to->group, RINGFORT_ACT_OPEN, to->whole, file);
	for (uint32_t slot = 0; slot < DECISION_VOICES && r == 1; slot++)
		if (gate->shown[slot].group >= 0 && gate->shown[slot].scopes & 1u << scope &&
		    gate->now_ns - gate->shown[slot].since_ns > MARKING_NS)
			r = fan_marked_scope(gate->shown[slot].group, RINGFORT_ACT_MODIFY, to->whole, file);
	return r;
}

/* Who took one away may have taken others: all are set again. */
int gate_scope_still(struct gate *gate, uint32_t scope, int file)
{
	int r;

	if (scope >= GATE_SCOPES || !gate->scopes[scope].acts)
		return -ERANGE;
	gate->now_ns = gate_clock_ns(CLOCK_MONOTONIC);
	r = has_marks(gate, scope, file);
	if (r != 0)
		return r < 0 ? r : 0;
	r = mark_everywhere(gate, scope, file);
	if (gate->now_ns - gate->scopes[scope].unmarked_ns < PATIENCE_NS)
		return r;
	gate->scopes[scope].unmarked_ns = gate->now_ns;
	gate_forget(gate);
	gate_tell(gate, GATE_UNMARKED, GATE_PLACES + scope, NULL);
	gate_tell(gate, GATE_UNSCOPED, 0, NULL);
	return r;
}

/* In any order with what marks it: who is in two scopes, or comes back, is told again. */
int gate_scope_left(struct gate *gate, uint32_t scope, int folder)
{
	int r;

	if (scope >= GATE_SCOPES || !gate->scopes[scope].acts || gate->scopes[scope].whole)
		return -ERANGE;
	r = unmark_everywhere(gate, scope, folder);
	if (r > 0 && gate->numbers->scopes[scope].n_folders > 0)
		gate->numbers->scopes[scope].n_folders--;
	return r < 0 ? r : 0;
}

void gate_scope_refuse(struct gate *gate, uint32_t scope, const char *path, const char *why)
{
	if (scope < GATE_SCOPES)
		tell_scope(gate, scope, path, why);
}

int gate_scope_voter(struct gate *gate, const struct voter *voter)
{
	struct shown *shown = &gate->shown[voter->terms.slot];
	int r;

	if (!(voter->terms.granted & 1u << RINGFORT_ACT_MODIFY))
		return 0;
	if (shown->group < 0) {
		r = fan_open_shown(&shown->group);
		if (r == 0)
			r = gate_watch_source(gate, shown->group, SOURCE_SHOWN + voter->terms.slot);
		if (r < 0)
			return r;
	} else if (shown->scopes == voter->terms.scopes) {
		return 0;
	}
	shown->scopes = voter->terms.scopes;
	shown->since_ns = gate_clock_ns(CLOCK_MONOTONIC);
	gate_tell(gate, GATE_UNSCOPED, voter->terms.slot, NULL);
	return 0;
}

/* ---- what was written ------------------------------------------------------------------------------ */

static bool takes_part(const struct gate *gate, uint32_t slot)
{
	return gate->voters[slot] && !gate->numbers->open && voter_takes_part(gate->voters[slot], RINGFORT_ACT_MODIFY);
}

static void unshown(struct gate *gate, uint32_t slot)
{
	gate->shown[slot].lost = true;
	gate->numbers->voices[slot].n_unshown++;
}

/* By its number alone, as nobody waits: what the kernel closes (nfsd, a late fput) is shown too. */
static bool is_own(const struct gate *gate, uint32_t pid)
{
	for (uint32_t i = 0; i < gate->n_own; i++)
		if (gate->own[i] == pid)
			return true;
	return false;
}

static void show_one(struct gate *gate, uint32_t slot, const struct fan_event *event)
{
	struct shown *shown = &gate->shown[slot];
	struct voter_question asked = { .act = RINGFORT_ACT_MODIFY, .pid = event->pid, .fd = event->fd,
					.path = &gate->path };
	struct file file;

	if (is_own(gate, event->pid) || file_read(&file, event->fd) < 0 || !S_ISREG(file.mode))
		return;
	file_path(&gate->path, gate->names, event->fd);
	asked.file = &file;
	asked.id = ASK_SHOWN | ++gate->n_shown;
	asked.flags = (mounts_has(gate->mounts, file.mount) ? 0 : RINGFORT_REQUEST_FOREIGN_NS) |
		      (shown->lost ? RINGFORT_REQUEST_LOST : 0);
	if (voter_ask(gate->voters[slot], &asked) < 0)
		unshown(gate, slot);
	else
		shown->lost = false;
}

/* It is there, may be shown files, and wants none: nothing is lost to it. */
static bool wants_none(const struct gate *gate, uint32_t slot)
{
	return gate->voters[slot] && !(gate->numbers->voices[slot].acts & 1u << RINGFORT_ACT_MODIFY);
}

static void take(struct gate *gate, uint32_t slot, const struct fan_event *event)
{
	if (event->fd >= 0 && takes_part(gate, slot))
		show_one(gate, slot, event);
	else if (!wants_none(gate, slot))
		unshown(gate, slot);
	if (event->fd >= 0)
		close(event->fd);
}

static int read_some(struct gate *gate, uint32_t slot)
{
	struct fan_event events[FAN_EVENTS];
	int n = fan_read(gate->shown[slot].group, events, SHOWN_A_TURN);

	for (int i = 0; i < n; i++)
		take(gate, slot, &events[i]);
	return n;
}

static void pause_shown(struct gate *gate, uint32_t slot)
{
	struct shown *shown = &gate->shown[slot];

	epoll_ctl(gate->epoll_fd, EPOLL_CTL_DEL, shown->group, NULL);
	shown->paused = true;
	shown->paused_ns = shown->moved_ns = gate->now_ns;
	shown->given_back = voter_given_back(gate->voters[slot]);
}

void gate_show(struct gate *gate, uint32_t slot)
{
	if (takes_part(gate, slot) && !voter_has_room(gate->voters[slot]))
		pause_shown(gate, slot);
	else
		read_some(gate, slot);
}

static void give_up(struct gate *gate, uint32_t slot)
{
	struct fan_event events[FAN_EVENTS];
	int n = 1;

	for (int taken = 0; taken < GIVEN_UP_A_TURN && n > 0; taken += n) {
		n = fan_read(gate->shown[slot].group, events, FAN_EVENTS);
		for (int i = 0; i < n; i++) {
			close_fd(events[i].fd);
			unshown(gate, slot);
		}
	}
}

static bool has_patience(struct gate *gate, uint32_t slot)
{
	struct shown *shown = &gate->shown[slot];
	uint64_t given_back = voter_given_back(gate->voters[slot]);

	if (given_back != shown->given_back)
		shown->moved_ns = gate->now_ns;
	shown->given_back = given_back;
	return gate->now_ns - shown->moved_ns <= PATIENCE_NS && gate->now_ns - shown->paused_ns <= MOST_PATIENCE_NS;
}

void gate_show_again(struct gate *gate, uint32_t slot)
{
	struct shown *shown = &gate->shown[slot];

	if (!shown->paused)
		return;
	if (!takes_part(gate, slot) || voter_has_room(gate->voters[slot])) {
		shown->paused = false;
		gate_watch_source(gate, shown->group, SOURCE_SHOWN + slot);
	} else if (!has_patience(gate, slot)) {
		give_up(gate, slot);
	}
}
