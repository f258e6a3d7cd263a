/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tamper - what was done to ourselves becomes a finding of the built-in reporter "ringfort".
 *
 * It goes the way of every other finding.  Somebody who tampers in a loop shall not push everything else
 * out of the history: what is over a bucket is counted (`ringfort doctor`), and not told.
 */
#include "ringfortd/control.h"

#include "base/log.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define REPORTER "ringfort"
#define A_SECOND 2
#define AT_ONCE 20
#define RECORD_BYTES 4096 /* more than the struct and three strings take */

static void put_string(struct ringfort_event *event, struct ringfort_span *span, const char *text, size_t room)
{
	uint32_t n = (uint32_t)strnlen(text, room - 1);

	if (n == 0)
		return;
	*span = (struct ringfort_span){ .offset = event->size, .length = n };
	memcpy((char *)event + event->size, text, n);
	event->size += (n + 8) / 8 * 8;
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

/* Who did it is seldom known: nobody shall take a stranger for root. */
static struct ringfort_event *make_event(const struct message_tamper *tamper, uint64_t seq)
{
	static _Alignas(8) char record[RECORD_BYTES];
	struct ringfort_event *event = (void *)record;
	struct ringfort_tamper *body = (void *)(event + 1);

	memset(record, 0, sizeof(record));
	*event = (struct ringfort_event){ .size = sizeof(*event) + sizeof(*body), .type = ringfort_type_tamper,
					  .via = RINGFORT_VIA_KERNEL, .seq = seq,
					  .time_ns = clock_ns(CLOCK_REALTIME),
					  .monotonic_ns = clock_ns(CLOCK_MONOTONIC) };
	event->process.pid = event->process.tid = tamper->actor;
	event->process.uid = event->process.euid = event->process.gid = event->process.egid = UINT32_MAX;
	event->process.loginuid = event->process.session = UINT32_MAX;
	body->what = tamper->what;
	body->healed = tamper->healed != 0;
	body->target.pid = tamper->pid;
	put_string(event, &body->part, tamper->part, sizeof(tamper->part));
	put_string(event, &body->path, tamper->path, sizeof(tamper->path));
	put_string(event, &body->detail, tamper->detail, sizeof(tamper->detail));
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
		.author = REPORTER, .matched_as = "", .matched = matched, .n_matched = 3, .count = 1,
	};

	snprintf(rule, sizeof(rule), REPORTER ".tamper.%s", what);
	snprintf(title, sizeof(title), "Ringfort was tampered with: %s %s%s", ringfort_string(event, body->part), what,
		 tamper->healed ? ", and healed" : "");
	log_error("%s: %s (%s)", title, log_quote(ringfort_string(event, body->path)),
		  ringfort_string(event, body->detail));
	findings_keep(control, REPORTER, &finding);
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
