/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tamper - what was done to ourselves becomes a finding of the built-in reporter "ringfort".
 *
 * It goes the way of every other finding.  Somebody who tampers in a loop shall not push everything else
 * out of the history: what is over a bucket is counted (`ringfort doctor`), and not told.
 */
#include "ringfortd/control.h"

#include "base/log.h"
#include "ringfortd/own-event.h"

#include <stdio.h>

#define A_SECOND 2
#define AT_ONCE 20

/* Who did it is seldom known. */
static struct ringfort_event *make_event(const struct message_tamper *tamper, uint64_t seq)
{
	struct ringfort_event *event = own_event(ringfort_type_tamper, sizeof(struct ringfort_tamper), seq);
	struct ringfort_tamper *body = (void *)(event + 1);

	event->process.pid = event->process.tid = tamper->actor;
	body->what = tamper->what;
	body->healed = tamper->healed != 0;
	body->target.pid = tamper->pid;
	own_event_string(event, &body->part, tamper->part, sizeof(tamper->part));
	own_event_string(event, &body->path, tamper->path, sizeof(tamper->path));
	own_event_string(event, &body->detail, tamper->detail, sizeof(tamper->detail));
	return event;
}

static void find(struct control *control, const struct message_tamper *tamper)
{
	const char *what = ringfort_value_name("tamper", tamper->what);
	struct ringfort_event *event = make_event(tamper, control->tamper.seq);
	const struct ringfort_tamper *body = ringfort_as_tamper(event);
	char rule[64], title[256];
	const struct ringfort_matched matched[] = {
		{ "what", what },
		{ "part", ringfort_string(event, body->part) },
		{ "detail", ringfort_string(event, body->detail) },
	};
	const struct ringfort_finding finding = {
		.size = sizeof(finding), .level = RINGFORT_LEVEL_HIGH, .event = event, .rule_id = rule, .title = title,
		.author = OWN_REPORTER, .matched_as = "", .matched = matched, .n_matched = 3, .count = 1,
	};

	snprintf(rule, sizeof(rule), OWN_REPORTER ".tamper.%s", what);
	snprintf(title, sizeof(title), "Ringfort was tampered with: %s %s%s", ringfort_string(event, body->part), what,
		 tamper->healed ? ", and healed" : "");
	log_error("%s: %s (%s)", title, log_quote(ringfort_string(event, body->path)),
		  ringfort_string(event, body->detail));
	findings_keep(control, OWN_REPORTER, &finding);
}

void tamper_tell(struct control *control, const struct message_tamper *tamper)
{
	struct control_tamper *told = &control->tamper;

	if (tamper->what >= CONTROL_TAMPERS)
		return;
	told->seq++;
	told->n[tamper->what]++;
	told->n_healed[tamper->what] += tamper->healed != 0;
	if (control_bucket_take(&told->bucket, A_SECOND, AT_ONCE))
		find(control, tamper);
	else if (told->n_dropped++ == 0)
		log_error("more is done to us than is worth telling: what is over %d a second is counted only", A_SECOND);
}
