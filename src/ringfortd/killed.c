/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Killed - an image that was ended before its first instruction becomes a finding of our own.
 *
 * Whoever tries again and again shall not push everything else out of the history: what is over a bucket is
 * counted (`ringfort gate status`), and not told.
 */
#include "ringfortd/control.h"

#include "base/log.h"
#include "ringfortd/outside.h"
#include "ringfortd/own-event.h"

#include <stdio.h>

#define A_SECOND 2
#define AT_ONCE 20

static struct ringfort_event *make_event(const struct message_killed *killed, uint64_t seq)
{
	struct ringfort_event *event =
		own_event(ringfort_type_process_exec, sizeof(struct ringfort_process_exec), seq);
	struct ringfort_process_exec *body = (void *)(event + 1);

	event->process.pid = event->process.tid = killed->pid;
	event->process.ppid = killed->ppid;
	event->process.start_ns = killed->start_ns;
	event->process.uid = killed->uid;
	event->process.euid = killed->euid;
	body->flags = killed->flags;
	body->file.flags = killed->file_flags;
	body->file.quality = RINGFORT_QUALITY_RESOLVED;
	body->file.dev = killed->dev;
	body->file.ino = killed->ino;
	own_event_string(event, &body->file.path, killed->path, sizeof(killed->path));
	own_event_string(event, &event->process.parent_exe, killed->parent, sizeof(killed->parent));
	event->process.exe = body->file.path;
	return event;
}

static void find(struct control *control, const struct message_killed *killed)
{
	static const char *const images[_BACKSTOP_KIND_N] = {
		"an image in memory", "an image on a file system that was mounted in a user namespace",
		"an image on a file system that is not guarded",
	};
	const struct ringfort_event *event = make_event(killed, control->killed.seq);
	const uint32_t kind = outside_kind(killed->flags);
	char rule[64], title[160], pid[16];
	const struct ringfort_matched matched[] = {
		{ "what", outside_name(kind) },
		{ "pid", pid },
		{ "path", ringfort_string(event, ringfort_as_process_exec(event)->file.path) },
	};
	const struct ringfort_finding finding = {
		.size = sizeof(finding), .level = RINGFORT_LEVEL_HIGH, .event = event, .rule_id = rule, .title = title,
		.author = OWN_REPORTER, .matched_as = "", .matched = matched, .n_matched = 3, .count = 1,
	};

	snprintf(pid, sizeof(pid), "%u", killed->pid);
	snprintf(rule, sizeof(rule), OWN_REPORTER ".outside.%s", outside_name(kind));
	snprintf(title, sizeof(title), "Killed before its first instruction: %s", images[kind]);
	log_warning("%s: %s, process %u", title, log_quote(matched[2].value), killed->pid);
	findings_keep(control, OWN_REPORTER, &finding);
}

void killed_tell(struct control *control, const struct message_killed *killed)
{
	struct control_killed *told = &control->killed;

	told->seq++;
	if (control_bucket_take(&told->bucket, A_SECOND, AT_ONCE))
		find(control, killed);
	else if (told->n_dropped++ == 0)
		log_warning("more images are killed than is worth telling: what is over %d a second is counted only",
			    A_SECOND);
}
