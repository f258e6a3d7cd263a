/* SPDX-License-Identifier: Apache-2.0 */
/* Tell - see tell.h */
#include "tell.h"

#include <errno.h>
#include <string.h>

#define MAX_MATCHED 5

static bool is_file(const struct ringfort_file *file, const struct verdict *verdict)
{
	return file->ino && file->ino == verdict->ino && file->dev == verdict->dev;
}

/* What became of the file that was asked about; NULL: nothing that is worth telling. */
static const char *outcome_of(const struct ringfort_process_exec *exec,
			      const struct verdict *verdict)
{
	if (exec->error)
		return verdict->denied && exec->error == EPERM ? "refused" : NULL;
	if (is_file(&exec->file, verdict) || is_file(&exec->script, verdict))
		return "executed";
	/* The dynamic loader of the image, or a file that the process only asked about. */
	return "loaded";
}

static const char *title_of(const struct verdict *verdict)
{
	switch (verdict->action) {
	case ACTION_DENY:
		return "Execution that the policy denies";
	case ACTION_AUDIT:
		return "Execution that the policy audits";
	default:
		return verdict->denied ? "Execution denied: no rule allows it" :
					 "Execution that no rule allows";
	}
}

static enum ringfort_level level_of(const struct verdict *verdict)
{
	if (verdict->denied)
		return RINGFORT_LEVEL_HIGH;
	return verdict->action == ACTION_AUDIT ? RINGFORT_LEVEL_MEDIUM : RINGFORT_LEVEL_LOW;
}

static void add(struct ringfort_finding *finding, struct ringfort_matched *matched,
		const char *field, const char *value)
{
	if (value && *value)
		matched[finding->n_matched++] = (struct ringfort_matched){ field, value };
}

int tell(struct ringfort_client *client, const struct ringfort_event *event,
	 const struct verdict *verdict)
{
	const char *outcome = outcome_of(ringfort_as_process_exec(event), verdict);
	struct ringfort_matched matched[MAX_MATCHED];
	struct ringfort_finding finding = {
		.size = sizeof(finding),
		.level = level_of(verdict),
		.event = event,
		.rule_id = verdict->rule_id,
		.title = title_of(verdict),
		.matched = matched,
		.count = 1,
	};
	char hex[DIGEST_HEX] = "";

	if (!outcome || event->flags & RINGFORT_FLAG_SELFTEST)
		return 0;
	if (verdict->hashing == HASHING_DONE)
		digest_format(&verdict->digest, hex);
	add(&finding, matched, "file", verdict->path);
	add(&finding, matched, "outcome", outcome);
	add(&finding, matched, "reason", verdict->reason);
	add(&finding, matched, "sha256", hex);
	add(&finding, matched, "note", hashing_note(verdict->hashing));
	return ringfort_client_report(client, &finding);
}
