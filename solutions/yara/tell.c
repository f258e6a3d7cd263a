/* SPDX-License-Identifier: Apache-2.0 */
/* Tell - see tell.h */
#include "tell.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MAX_MATCHED 6

/* What the findings of one file have in common. */
struct telling {
	struct ringfort_client *client;
	const struct ringfort_event *event;
	const struct verdict *verdict;
	const char *outcome;
	char others[48];
};

static bool is_file(const struct ringfort_file *file, const struct verdict *verdict)
{
	return file->ino && file->ino == verdict->ino && file->dev == verdict->dev;
}

/* Of a script the event has the name alone. */
static bool is_script(const struct ringfort_event *event, const struct ringfort_file *script,
		      const struct verdict *verdict)
{
	return script->ino ? is_file(script, verdict) : !strcmp(ringfort_string(event, script->path), verdict->path);
}

/* What became of the file that was looked at; NULL: nothing that is worth telling. */
static const char *outcome_of(const struct ringfort_event *event, const struct verdict *verdict)
{
	const struct ringfort_process_exec *exec = ringfort_as_process_exec(event);

	if (!exec)
		return "written";
	if (exec->error)
		return verdict->result->deny && exec->error == EPERM ? "refused" : NULL;
	if (is_file(&exec->file, verdict) || is_script(event, &exec->script, verdict))
		return "executed";
	/* The dynamic loader of the image, or a file that the process only asked about. */
	return "loaded";
}

static void add(struct ringfort_finding *finding, struct ringfort_matched *matched,
		const char *field, const char *value)
{
	if (*value)
		matched[finding->n_matched++] = (struct ringfort_matched){ field, value };
}

static int tell_match(const struct telling *telling, const struct match *match)
{
	struct ringfort_matched matched[MAX_MATCHED];
	struct ringfort_finding finding = {
		.size = sizeof(finding),
		.level = match->level,
		.event = telling->event,
		.rule_id = match->rule,
		.title = match->title,
		.author = *match->author ? match->author : NULL,
		.references = match->references,
		.n_references = match->n_references,
		.tags = match->tags,
		.n_tags = match->n_tags,
		.matched = matched,
		.count = 1,
	};

	add(&finding, matched, "file", telling->verdict->path);
	add(&finding, matched, "outcome", telling->outcome);
	add(&finding, matched, "action", match->deny ? "deny" : "report");
	add(&finding, matched, "strings", match->strings);
	add(&finding, matched, "source", match->source);
	add(&finding, matched, "others", telling->others);
	return ringfort_client_report(telling->client, &finding);
}

static int tell_not_scanned(const struct telling *telling)
{
	const struct result *result = telling->verdict->result;
	struct ringfort_matched matched[MAX_MATCHED];
	struct ringfort_finding finding = {
		.size = sizeof(finding),
		/* A file that somebody made so that libyara gives up looks like this. */
		.level = result->outcome == OUTCOME_TOO_LARGE ? RINGFORT_LEVEL_LOW : RINGFORT_LEVEL_MEDIUM,
		.event = telling->event,
		.rule_id = TELL_NOT_SCANNED_ID,
		.title = ringfort_as_process_exec(telling->event) ? "Execution of a file that was not scanned" :
								    "Write to a file that was not scanned",
		.matched = matched,
		.count = 1,
	};

	add(&finding, matched, "file", telling->verdict->path);
	add(&finding, matched, "outcome", telling->outcome);
	add(&finding, matched, "reason", outcome_text(result->outcome));
	add(&finding, matched, "detail", result->detail);
	return ringfort_client_report(telling->client, &finding);
}

/* Of the others nothing is known but that there were some: this file is the first one shown after them. */
static int tell_lost(const struct telling *telling)
{
	struct ringfort_matched matched[MAX_MATCHED];
	struct ringfort_finding finding = {
		.size = sizeof(finding),
		.level = RINGFORT_LEVEL_MEDIUM,
		.event = telling->event,
		.rule_id = TELL_NOT_SCANNED_ID,
		.title = "Writes to files that were not scanned",
		.matched = matched,
		.count = 1,
	};

	add(&finding, matched, "before", telling->verdict->path);
	add(&finding, matched, "outcome", telling->outcome);
	add(&finding, matched, "reason", "more was written than could be looked at");
	return ringfort_client_report(telling->client, &finding);
}

size_t tell(struct ringfort_client *client, const struct ringfort_event *event,
	    const struct verdict *verdict)
{
	const struct result *result = verdict->result;
	struct telling telling = { .client = client, .event = event, .verdict = verdict };
	size_t n_untold = 0;

	telling.outcome = outcome_of(event, verdict);
	if (!telling.outcome || event->flags & RINGFORT_FLAG_SELFTEST)
		return 0;
	if (result->n_more)
		snprintf(telling.others, sizeof(telling.others), "%zu more rules match", result->n_more);
	if (verdict->lost)
		n_untold += tell_lost(&telling) < 0;
	if (result->outcome != OUTCOME_SCANNED)
		n_untold += tell_not_scanned(&telling) < 0;
	for (size_t i = 0; i < result->n_matches; i++)
		n_untold += tell_match(&telling, &result->matches[i]) < 0;
	return n_untold;
}
