/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mailbox turn - one look at what a solution says; every byte of it is hostile.
 *
 * Bounded: so many messages a turn, findings by a token bucket.  What is over the bound is
 * dropped and counted.  That is no fault: how much there is to find, an attacker may choose.
 */
#include "ringfortd/control.h"

#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TURN_MESSAGES 64
#define LAST_TURNS 512 /* more than fit into a mailbox */
#define NOISE_TOLERATED 16
#define BURST_SECONDS 5
#define SUBSCRIPTIONS 8 /* at once; then one a second: each may attach and detach hooks */
#define BARRIERS_A_TURN 1 /* each makes the sensor drain */

static void misbehaves(struct control *control, struct control_solution *solution, const char *why)
{
	struct message message = { .kind = MESSAGE_MISBEHAVES,
				   .slot = control_slot(control, solution) };

	if (solution->misbehaves_told)
		return;
	snprintf(message.text, sizeof(message.text), "%s", why);
	solution->misbehaves_told = control_tell_supervisor(control, &message);
}

static void noise(struct control *control, struct control_solution *solution)
{
	solution->n_noise++;
	if (++solution->n_noise_now >= NOISE_TOLERATED)
		misbehaves(control, solution, "it writes noise into its mailbox");
}

static void take_finding(struct control *control, struct control_solution *solution,
			 const struct mailbox_message *message)
{
	struct finding_decoded decoded;
	double rate = solution->view.findings_per_second;

	if (!control_bucket_take(&solution->findings, rate, rate * BURST_SECONDS)) {
		if (solution->n_dropped_now++ == 0)
			log_warning("solution %s finds more than %u a second; what is over is dropped and counted",
				    solution->view.name, solution->view.findings_per_second);
		solution->n_dropped++;
		return;
	}
	if (finding_decode(message->data, message->size, &decoded) < 0) {
		noise(control, solution);
		return;
	}
	if (findings_keep(control, solution->view.name, &decoded.finding))
		solution->n_findings++;
}

/* Text of a solution, made safe to print and to put into JSON. */
static void copy_text(char *to, size_t room, const char *from, size_t n)
{
	size_t used = 0;

	for (; used < n && used + 1 < room && from[used]; used++)
		to[used] = (unsigned char)from[used] < ' ' ? ' ' : from[used];
	to[used] = '\0';
}

/*
 * A solution that changes its mind all the time would have the sensor attach and detach hooks all
 * the time.  What is over the rate waits, and what it says afterwards waits behind it.
 */
static void subscribe(struct control *control, struct control_solution *solution)
{
	struct message message = { .kind = MESSAGE_SUBSCRIBE,
				   .slot = control_slot(control, solution) };

	if (!control_bucket_take(&solution->subscriptions, 1, SUBSCRIPTIONS))
		return;
	message.value[0] = solution->types;
	message.value[1] = solution->run;
	if (!control_tell_sensor(control, &message))
		return;
	if (!solution->subscribed)
		solution->started_token = control_barrier(control);
	solution->subscribed |= solution->started_token != 0;
	solution->subscribing = !solution->subscribed;
}

static void take_subscribe(struct control *control, struct control_solution *solution, uint64_t types)
{
	solution->types = types & solution->view.granted;
	solution->subscribing = true;
	subscribe(control, solution);
}

/* Told once the hooks of its first subscription are attached: from then on it misses nothing. */
static void tell_started(struct control *control, struct control_solution *solution)
{
	struct message message = { .kind = MESSAGE_STARTED,
				   .slot = control_slot(control, solution) };

	if (!solution->started_token || !control_passed(control, solution->started_token))
		return;
	if (control_tell_supervisor(control, &message))
		solution->started_token = 0;
}

/* While the sensor is held up it waits, and what is said afterwards waits behind it. */
static void bar(struct control *control, struct control_solution *solution)
{
	struct message message = { .kind = MESSAGE_BARRIER,
				   .slot = control_slot(control, solution),
				   .class = solution->class };

	message.value[0] = solution->barrier;
	message.value[1] = solution->run;
	solution->barring = !control_tell_sensor(control, &message);
}

static void take_barrier(struct control *control, struct control_solution *solution, uint64_t token)
{
	solution->barrier = token;
	bar(control, solution);
}

static void take_reloaded(struct control *control, struct control_solution *solution,
			  const struct mailbox_message *message)
{
	uint64_t generation;
	char reason[513];

	memcpy(&generation, message->data, sizeof(generation));
	copy_text(reason, sizeof(reason), (const char *)message->data + sizeof(generation),
		  message->size - sizeof(generation));
	connections_reloaded(control, control_slot(control, solution), generation, reason);
}

static void dispatch(struct control *control, struct control_solution *solution,
		     const struct mailbox_message *message)
{
	uint64_t number = 0;

	if (message->size >= sizeof(number))
		memcpy(&number, message->data, sizeof(number));
	if (message->kind == MAILBOX_FINDING)
		take_finding(control, solution, message);
	else if (message->kind == MAILBOX_SAY)
		copy_text(solution->said, sizeof(solution->said), message->data, message->size);
	else if (message->kind == MAILBOX_SUBSCRIBE && message->size == sizeof(number))
		take_subscribe(control, solution, number);
	else if (message->kind == MAILBOX_BARRIER && message->size == sizeof(number))
		take_barrier(control, solution, number);
	else if (message->kind == MAILBOX_RELOADED && message->size >= sizeof(number))
		take_reloaded(control, solution, message);
	else
		noise(control, solution);
}

bool mailbox_turn(struct control *control, struct control_solution *solution)
{
	struct mailbox_message message;
	int n_barriers = 0;

	tell_started(control, solution);
	if (solution->subscribing)
		subscribe(control, solution);
	if (solution->barring)
		bar(control, solution);
	for (int i = 0; i < TURN_MESSAGES && !solution->subscribing && !solution->barring; i++) {
		int r = mailbox_take(solution->mailbox, &message);

		if (r == 0)
			return false;
		if (r < 0) {
			noise(control, solution);
			continue;
		}
		dispatch(control, solution, &message);
		if (message.kind == MAILBOX_BARRIER && ++n_barriers == BARRIERS_A_TURN)
			break;
	}
	return !solution->subscribing && !solution->barring;
}

/* It is dead and writes no more: what it said last is still worth hearing. */
void mailbox_last_turn(struct control *control, struct control_solution *solution)
{
	for (int i = 0; i < LAST_TURNS && mailbox_turn(control, solution); i++)
		;
	mailbox_progress(control, solution);
}

/* More events than there were, by a margin for those that the sensor has not told us of yet. */
#define PROGRESS_MARGIN 10000000u

static bool is_believable(const struct mailbox_progress *now, const uint64_t *n_performed)
{
	for (uint32_t type = 0; type < RINGFORT_MAX_TYPES; type++) {
		uint64_t most = n_performed[type] + PROGRESS_MARGIN;

		if (now->n_delivered[type] > most || now->n_lost[type] > most ||
		    now->n_muted[type] > most)
			return false;
	}
	return true;
}

void mailbox_progress(struct control *control, struct control_solution *solution)
{
	struct mailbox_progress now;
	struct page_numbers numbers;

	mailbox_read_progress(solution->mailbox, &now);
	page_read(control->page, &numbers);
	if (is_believable(&now, numbers.statistics.n_performed))
		solution->progress = now;
	else
		noise(control, solution);
}

/* How it gets on, once a second; what follows from it is the supervisor's to decide. */
void mailbox_health(struct control *control, struct control_solution *solution)
{
	struct message message = { .kind = MESSAGE_HEALTH, .slot = control_slot(control, solution) };
	const struct mailbox_progress *now = &solution->progress;

	if (!solution->mailbox)
		return;
	mailbox_progress(control, solution);
	message.result = now->position != ring_reader_head(solution->ring);
	message.value[0] = now->position + now->n_turns;
	for (uint32_t type = 1; type < RINGFORT_MAX_TYPES; type++)
		message.value[1] += now->n_lost[type];
	control_tell_supervisor(control, &message);
}
