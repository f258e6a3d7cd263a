/* SPDX-License-Identifier: Apache-2.0 */
/* Findings - from a solution's claim to a line of the journal. */
#include "ringfortd/control.h"

#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* OCSF severity_id by our level: 1 informational ... 5 critical. */
static uint32_t severity(enum ringfort_level level)
{
	return (uint32_t)level + 1;
}

static void write_strings(struct json *json, const char *name, const char *const *strings, uint32_t n)
{
	json_name(json, name);
	json_begin_array(json);
	for (uint32_t i = 0; i < n; i++)
		json_string(json, strings[i]);
	json_end_array(json);
}

static void write_info(struct json *json, const struct ringfort_finding *finding)
{
	char uid[64];

	snprintf(uid, sizeof(uid), "%llu-%u-%llu", (unsigned long long)finding->event->time_ns,
		 finding->event->type, (unsigned long long)finding->event->seq);
	json_name(json, "finding_info");
	json_begin_object(json);
	json_name_string(json, "uid", uid);
	json_name_string(json, "title", finding->title);
	json_name(json, "analytic");
	json_begin_object(json);
	json_name_string(json, "uid", finding->rule_id);
	json_name_string(json, "name", finding->title);
	json_name_uint(json, "type_id", 1);
	json_end_object(json);
	json_end_object(json);
}

static void write_ours(struct json *json, const char *solution,
		       const struct ringfort_finding *finding)
{
	json_name(json, "ringfort");
	json_begin_object(json);
	json_ringfort_fields(json, finding->event);
	json_name_string(json, "solution", solution);
	json_name_string(json, "rule_id", finding->rule_id);
	json_name_string(json, "title", finding->title);
	json_name_string(json, "level", finding_level_name(finding->level));
	json_name_string(json, "author", finding->author);
	json_name_uint(json, "count", finding->count);
	if (finding->matched_as[0])
		json_name_string(json, "matched_as", finding->matched_as);
	write_strings(json, "references", finding->references, finding->n_references);
	write_strings(json, "tags", finding->tags, finding->n_tags);
	json_name(json, "matched");
	json_begin_object(json);
	for (uint32_t i = 0; i < finding->n_matched; i++)
		json_name_string(json, finding->matched[i].field, finding->matched[i].value);
	json_end_object(json);
	json_end_object(json);
}

static void render(struct control *control, const char *solution,
		   const struct ringfort_finding *finding)
{
	struct json *json = &control->json;

	json_reset(json);
	json_begin_object(json);
	json_ocsf_head(json, 2004, 1, severity(finding->level), finding->event->time_ns,
		       control->hostname);
	write_info(json, finding);
	json_name(json, "evidences");
	json_begin_array(json);
	json_begin_object(json);
	json_ocsf_fields(json, finding->event);
	json_end_object(json);
	json_end_array(json);
	write_ours(json, solution, finding);
	json_end_object(json);
}

/* One field of journald's native protocol; a newline would begin another field. */
static size_t journald_field(char *to, size_t room, const char *name, const char *value)
{
	int n = snprintf(to, room, "%s=%s", name, value);
	size_t used = n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;

	for (size_t i = 0; i < used; i++)
		if ((unsigned char)to[i] < ' ')
			to[i] = ' ';
	if (used + 1 < room)
		to[used++] = '\n';
	return used;
}

static void tell_journald(const struct control *control, const char *solution,
			  const struct ringfort_finding *finding)
{
	static const char *const priorities[_RINGFORT_LEVEL_N] = { "6", "5", "4", "3", "2" };
	const struct ringfort_event *event = finding->event;
	char text[4096], message[1024];
	size_t n = 0;

	if (control->role->journald_fd < 0)
		return;
	snprintf(message, sizeof(message), "%s: %s (%s, pid %u)", finding_level_name(finding->level),
		 finding->title, ringfort_string(event, event->process.exe), event->process.pid);
	n += journald_field(text + n, sizeof(text) - n, "MESSAGE", message);
	n += journald_field(text + n, sizeof(text) - n, "PRIORITY", priorities[finding->level]);
	n += journald_field(text + n, sizeof(text) - n, "SYSLOG_IDENTIFIER", "ringfortd");
	n += journald_field(text + n, sizeof(text) - n, "MESSAGE_ID", "6d1f0b0c5f6e4a0f9a7b2f7d3c1e8a42");
	n += journald_field(text + n, sizeof(text) - n, "RINGFORT_SOLUTION", solution);
	n += journald_field(text + n, sizeof(text) - n, "RINGFORT_RULE_ID", finding->rule_id);
	n += journald_field(text + n, sizeof(text) - n, "RINGFORT_AUTHOR", finding->author);
	snprintf(message, sizeof(message), "%u", event->process.pid);
	n += journald_field(text + n, sizeof(text) - n, "OBJECT_PID", message);
	n += journald_field(text + n, sizeof(text) - n, "OBJECT_EXE",
			    ringfort_string(event, event->process.exe));
	/* Not waiting: a journald that hangs must not hang us.  The history on disk has it all. */
	if (send(control->role->journald_fd, text, n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return;
}

/*
 * What write_ours() put first.  Quotes inside strings are escaped, so these bytes can only be the
 * member itself.
 */
bool findings_line_facts(const char *line, size_t n, uint32_t *ret_type, uint64_t *ret_time_ns)
{
	static const char head[] = "\"ringfort\":{\"type\":\"", stamp[] = "\"time_ns\":";
	const char *at = memmem(line, n, head, sizeof(head) - 1);
	const char *end = line + n;
	char name[64];

	if (!at)
		return false;
	at += sizeof(head) - 1;
	if (end - at < (ptrdiff_t)sizeof(name))
		return false;
	memccpy(name, at, '"', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	name[strcspn(name, "\"")] = '\0';
	*ret_type = ringfort_type_by_name(name);
	at = memmem(at, (size_t)(end - at), stamp, sizeof(stamp) - 1);
	if (!at || !*ret_type)
		return false;
	*ret_time_ns = strtoull(at + sizeof(stamp) - 1, NULL, 10);
	return true;
}

/* Said when it begins and when it is over, not for each finding. */
static void note_journal(struct control *control, int r)
{
	if (r < 0)
		control->n_journal_errors++;
	if (r < 0 && !control->journal_fails)
		log_error("cannot write the history of findings: %s; make room in the state folder (findings "
			  "are lost until then)", strerror(-r));
	else if (r == 0 && control->journal_fails)
		log_info("the history of findings is written again; %llu findings are not in it",
			 (unsigned long long)control->n_journal_errors);
	control->journal_fails = r < 0;
}

bool findings_keep(struct control *control, const char *solution, const struct ringfort_finding *finding)
{
	const char *text;
	int r;

	render(control, solution, finding);
	text = json_text(&control->json);
	r = text ? journal_append(control->journal, text, control->json.used) : -ENOMEM;
	note_journal(control, r);
	/* All the more when the history cannot take it. */
	tell_journald(control, solution, finding);
	return r == 0;
}
