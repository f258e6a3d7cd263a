/* SPDX-License-Identifier: Apache-2.0 */
/* Report-gate - verdicts and the gate's numbers as JSON. */
#include "ringfortd/report-gate.h"

#include "ringfortd/outside.h"

#include <ringfort/net.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define NS_PER_S 1000000000ull

static const char *const acts[_RINGFORT_ACT_N] = { "process.exec", "file.open", "file.modify" };
static const char *const net_acts[_RINGFORT_NET_ACT_N] = { "net.connect", "net.bind", "net.send" };

static const char *or_unknown(const char *name)
{
	return name ? name : "unknown";
}

static const char *act_name(uint32_t act)
{
	if (act < _RINGFORT_ACT_N)
		return acts[act];
	if (act >= HISTORY_NET_ACT && act - HISTORY_NET_ACT < _RINGFORT_NET_ACT_N)
		return net_acts[act - HISTORY_NET_ACT];
	return "unknown";
}

static void name_time(struct json *json, const char *name, uint64_t ns)
{
	time_t seconds = (time_t)(ns / NS_PER_S);
	char date[32], text[64];
	struct tm tm;

	json_name(json, name);
	if (!ns) {
		json_null(json);
		return;
	}
	gmtime_r(&seconds, &tm);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text, sizeof(text), "%s.%09uZ", date, (unsigned int)(ns % NS_PER_S));
	json_string(json, text);
}

static void name_solution(struct json *json, const char *name, uint32_t slot,
			  const struct report_names *names)
{
	char number[32];

	json_name(json, name);
	if (slot < DECISION_VOICES && names->of[slot]) {
		json_string(json, names->of[slot]);
		return;
	}
	snprintf(number, sizeof(number), "slot %u", slot);
	json_string(json, number);
}

static void report_reasons(struct json *json, const struct history_entry *entry,
			   const struct report_names *names)
{
	uint32_t n = entry->n_reasons < HISTORY_REASONS ? entry->n_reasons : HISTORY_REASONS;

	json_name(json, "reasons");
	json_begin_array(json);
	for (uint32_t i = 0; i < n; i++) {
		const struct decision_voice *voice = &entry->reasons[i];

		json_begin_object(json);
		name_solution(json, "solution", voice->slot, names);
		json_name_string(json, "answer", or_unknown(decision_answer_name(voice->answer)));
		json_name_uint(json, "us", voice->us);
		json_name_string(json, "mode", or_unknown(decision_mode_name(voice->mode)));
		json_name_string(json, "miss", or_unknown(decision_miss_name(voice->miss)));
		json_name_uint(json, "generation", voice->generation);
		json_end_object(json);
	}
	json_end_array(json);
	json_name_uint(json, "n_voices", entry->n_voices);
}

/* Who does what, and when. */
static void report_act(struct json *json, const struct history_entry *entry)
{
	name_time(json, "time", entry->time_ns);
	json_name_string(json, "act", act_name(entry->act));
	json_name(json, "path");
	json_bytes(json, entry->path, strnlen(entry->path, sizeof(entry->path)));
	json_name_uint(json, "dev", entry->dev);
	json_name_uint(json, "ino", entry->ino);
	json_name_uint(json, "pid", entry->pid);
}

const char *report_hold_name(uint32_t hold)
{
	static const char *const ends[_HISTORY_HOLD_N] = {
		[HISTORY_NOT_HELD] = "not held",
		[HISTORY_HELD] = "held",
		[HISTORY_HELD_ALLOWED] = "operator allow",
		[HISTORY_HELD_DENIED] = "operator deny",
		[HISTORY_HELD_OUT] = "ran out",
		[HISTORY_HELD_LET_GO] = "let go",
		[HISTORY_HELD_GIVEN_UP] = "given up",
	};

	return hold < _HISTORY_HOLD_N ? ends[hold] : "unknown";
}

static void report_hold(struct json *json, const struct history_entry *entry)
{
	json_name(json, "hold");
	if (!entry->hold) {
		json_null(json);
		return;
	}
	json_begin_object(json);
	json_name_uint(json, "id", entry->hold_id);
	json_name_string(json, "end", report_hold_name(entry->hold));
	json_name_uint(json, "us", entry->held_us);
	json_end_object(json);
}

void report_held(struct json *json, const struct history_entry *entry, const struct report_names *names, uint64_t now_ns)
{
	json_begin_object(json);
	json_name_uint(json, "hold_id", entry->hold_id);
	report_act(json, entry);
	json_name_bool(json, "foreign_ns", entry->foreign_ns);
	json_name_uint(json, "left_ms", entry->until_ns > now_ns ? (entry->until_ns - now_ns) / 1000000 : 0);
	json_name_string(json, "then", or_unknown(decision_verdict_name(entry->verdict)));
	report_reasons(json, entry, names);
	json_end_object(json);
}

void report_verdict(struct json *json, const struct history *history, const struct history_entry *entry,
		    const struct report_names *names)
{
	const struct history_entry *reasons = entry;
	struct history_entry origin;

	if (entry->cached && history_get(history, entry->cached_from, &origin))
		reasons = &origin;
	json_begin_object(json);
	json_name_uint(json, "verdict_id", entry->id);
	report_act(json, entry);
	json_name_string(json, "verdict", or_unknown(decision_verdict_name(entry->verdict)));
	json_name_bool(json, "cached", entry->cached);
	json_name_bool(json, "overridden", entry->overridden);
	json_name_bool(json, "stopped", entry->stopped);
	json_name_bool(json, "foreign_ns", entry->foreign_ns);
	json_name_uint(json, "us", entry->us);
	json_name_uint(json, "cached_from", entry->cached_from);
	report_hold(json, entry);
	report_reasons(json, reasons, names);
	json_end_object(json);
}

static void report_acts(struct json *json, const char *name, uint32_t mask)
{
	json_name(json, name);
	json_begin_array(json);
	for (uint32_t act = 0; act < _RINGFORT_ACT_N; act++)
		if (mask & 1u << act)
			json_string(json, acts[act]);
	json_end_array(json);
}

static void report_voice(struct json *json, const struct history_voice *voice, uint32_t slot,
			 const struct report_names *names)
{
	json_begin_object(json);
	name_solution(json, "name", slot, names);
	report_acts(json, "acts", voice->acts);
	report_acts(json, "without_files", voice->without_files);
	json_name_string(json, "mode", or_unknown(decision_mode_name(voice->mode)));
	json_name_string(json, "miss", or_unknown(decision_miss_name(voice->miss)));
	json_name_bool(json, "demoted", voice->demoted);
	json_name_uint(json, "asked", voice->n_asked);
	json_name_uint(json, "allowed", voice->n_allowed);
	json_name_uint(json, "denied", voice->n_denied);
	json_name_uint(json, "late", voice->n_late);
	json_name_uint(json, "full", voice->n_full);
	json_name_uint(json, "gone", voice->n_gone);
	json_name_uint(json, "after", voice->n_after);
	json_name_uint(json, "wrong", voice->n_wrong);
	json_name_uint(json, "self_harm", voice->n_self_harm);
	json_name_uint(json, "shown", voice->n_shown);
	json_name_uint(json, "unshown", voice->n_unshown);
	json_name_uint(json, "net_rules", voice->n_net_rules);
	json_name_uint(json, "net_denied", voice->n_net_denied);
	json_name_uint(json, "net_shadow", voice->n_net_shadow);
	json_name_uint(json, "net_refused", voice->n_net_refused);
	json_end_object(json);
}

/* What the operator named, and is not guarded. */
static void report_refused(struct json *json, const struct history_numbers *numbers)
{
	json_name(json, "refused");
	json_begin_array(json);
	for (uint32_t i = 0; i < HISTORY_PLACES; i++) {
		const struct history_place *place = &numbers->places[i];

		if (!place->why[0])
			continue;
		json_begin_object(json);
		json_name(json, "path");
		json_bytes(json, place->path, strnlen(place->path, sizeof(place->path)));
		json_name_string(json, "why", place->why);
		json_end_object(json);
	}
	json_end_array(json);
}

static void report_scopes(struct json *json, const struct history_numbers *numbers)
{
	json_name(json, "scopes");
	json_begin_array(json);
	for (uint32_t i = 0; i < HISTORY_SCOPES; i++) {
		const struct history_scope *scope = &numbers->scopes[i];

		if (!scope->path[0])
			continue;
		json_begin_object(json);
		json_name(json, "path");
		json_bytes(json, scope->path, strnlen(scope->path, sizeof(scope->path)));
		json_name_bool(json, "filesystem", scope->whole);
		json_name_uint(json, "folders", scope->n_folders);
		json_name_string(json, "why", scope->why);
		json_end_object(json);
	}
	json_end_array(json);
}

/* Or took part. */
static bool takes_part(const struct history_voice *voice)
{
	return voice->acts || voice->n_asked || voice->n_shown || voice->n_unshown || voice->n_net_rules || voice->n_net_denied || voice->n_net_shadow ||
	       voice->n_net_refused;
}

static void report_outside(struct json *json, const struct report_outside *outside)
{
	json_name(json, "outside");
	json_begin_object(json);
	for (uint32_t kind = 0; kind < _BACKSTOP_KIND_N; kind++) {
		json_name(json, outside_name(kind));
		json_begin_object(json);
		json_name_string(json, "policy", outside_says(outside->says[kind]));
		json_name_uint(json, "seen", outside->n_outside[kind]);
		json_name_uint(json, "killed", outside->n_killed[kind]);
		json_name_uint(json, "stopped", outside->n_stopped[kind]);
		json_name_uint(json, "denied", outside->n_denied[kind]);
		json_name_uint(json, "unjudged", outside->n_unjudged[kind]);
		json_end_object(json);
	}
	json_name_bool(json, "can_kill", outside->can_kill);
	json_name_bool(json, "can_stop", outside->can_stop);
	json_end_object(json);
}

static void report_canary(struct json *json, const struct history_numbers *numbers, const struct report_late *late)
{
	json_name(json, "canary");
	json_begin_object(json);
	json_name_uint(json, "answered", numbers->n_canary);
	json_name_uint(json, "late", late->n);
	name_time(json, "last", late->last_ns);
	json_name_uint(json, "waited_ms", late->waited_ms);
	json_name_uint(json, "back_in_ms", late->back_in_ms);
	json_end_object(json);
}

/* Of one that has ended, what it wrote last is no longer so. */
static void report_open(struct json *json, const struct history_numbers *numbers, const struct report_late *late)
{
	bool gone = late->back_in_ms > 0;

	json_name_bool(json, "open", numbers->open || gone);
	json_name_uint(json, "marks", gone ? 0 : numbers->n_marks);
}

void report_gate(struct json *json, const struct history_numbers *numbers, const struct report_late *late,
		 const struct report_outside *outside, const struct report_names *names)
{
	json_begin_object(json);
	report_open(json, numbers, late);
	report_canary(json, numbers, late);
	report_refused(json, numbers);
	report_scopes(json, numbers);
	json_name_uint(json, "asked", numbers->n_asked);
	json_name_uint(json, "at_once", numbers->n_at_once);
	json_name_uint(json, "critical", numbers->n_critical);
	json_name_uint(json, "cached", numbers->n_cached);
	json_name_uint(json, "decided", numbers->n_decided);
	json_name_uint(json, "denied", numbers->n_denied);
	json_name_uint(json, "overridden", numbers->n_overridden);
	json_name_uint(json, "expired", numbers->n_expired);
	json_name_uint(json, "held", numbers->n_held);
	json_name_uint(json, "unheld", numbers->n_unheld);
	json_name_uint(json, "overflow", numbers->n_overflow);
	json_name_uint(json, "unguarded", numbers->n_unguarded);
	report_outside(json, outside);
	json_name_uint(json, "unanswered", numbers->n_unanswered);
	json_name_uint(json, "net_untold", numbers->n_net_untold);
	json_name_uint(json, "pending", numbers->n_pending);
	json_name_uint(json, "holding", numbers->n_holding);
	json_name_uint(json, "restarts", numbers->n_restarts);
	name_time(json, "since", numbers->since_ns);
	json_name(json, "solutions");
	json_begin_array(json);
	for (uint32_t slot = 0; slot < DECISION_VOICES; slot++)
		if (takes_part(&numbers->voices[slot]))
			report_voice(json, &numbers->voices[slot], slot, names);
	json_end_array(json);
	json_end_object(json);
}

static void report_row(struct json *json, const struct critical_entry *entry)
{
	json_begin_object(json);
	json_name(json, "path");
	json_bytes(json, entry->path, strnlen(entry->path, sizeof(entry->path)));
	json_name_string(json, "reason", entry->reason);
	json_name_string(json, "state", or_unknown(critical_state_name(entry->state)));
	json_name_string(json, "error", entry->error ? strerror(entry->error) : "");
	json_name_uint(json, "dev", entry->dev);
	json_name_uint(json, "ino", entry->ino);
	json_name_bool(json, "scripts", entry->scripts);
	json_end_object(json);
}

void report_critical(struct json *json, const struct critical_set *set)
{
	json_begin_object(json);
	json_name_uint(json, "version", set->version);
	json_name_string(json, "from", "ringfortd");
	json_name_uint(json, "files", set->n_files);
	json_name(json, "rows");
	json_begin_array(json);
	for (uint32_t i = 0; i < set->n_entries; i++)
		report_row(json, &set->entries[i]);
	json_end_array(json);
	json_end_object(json);
}

/* The keys that say whether all is well are there in every report. */
void report_gate_disabled(struct json *json)
{
	json_begin_object(json);
	json_name_bool(json, "open", true);
	json_name_bool(json, "disabled", true);
	json_name_uint(json, "marks", 0);
	json_name_uint(json, "denied", 0);
	json_name_uint(json, "expired", 0);
	json_name_uint(json, "pending", 0);
	json_name_uint(json, "holding", 0);
	json_name_uint(json, "restarts", 0);
	json_name(json, "solutions");
	json_begin_array(json);
	json_end_array(json);
	json_end_object(json);
}

void report_gate_short(struct json *json, const struct history_numbers *numbers, const struct report_late *late)
{
	json_begin_object(json);
	report_open(json, numbers, late);
	json_name_uint(json, "denied", numbers->n_denied);
	json_name_uint(json, "expired", numbers->n_expired);
	json_name_uint(json, "pending", numbers->n_pending);
	json_name_uint(json, "holding", numbers->n_holding);
	json_name_uint(json, "restarts", numbers->n_restarts);
	json_end_object(json);
}
