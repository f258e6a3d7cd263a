/* SPDX-License-Identifier: Apache-2.0 */
/* Report-gate - what an operator is told of verdicts and of the gate, to the letter. */
#undef NDEBUG
#include "ringfortd/report-gate.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TIME_NS 1721362140000000042ull /* 2024-07-19T04:09:00.000000042Z */

static const struct report_names names = { .of = { "allowlist", "yara" } };
static struct json json;

/* Empty memory of a gate, as the gate has it. */
static struct history *new_history(void)
{
	struct history *history;
	int writer, reader;

	assert(history_create(&writer, &reader) == 0);
	assert(history_open(&history, writer, true) == 0);
	close(writer);
	close(reader);
	return history;
}

static struct history_entry denied_entry(void)
{
	return (struct history_entry){
		.time_ns = TIME_NS,
		.dev = 8 << 20 | 1,
		.ino = 77,
		.act = RINGFORT_ACT_EXEC,
		.verdict = RINGFORT_VERDICT_DENY,
		.pid = 4711,
		.us = 312,
		.n_reasons = 2,
		.n_voices = 2,
		.path = "/tmp/x",
		.reasons = {
			{ .slot = 0, .answer = DECISION_DENY, .us = 205, .generation = 4 },
			{ .slot = 1, .mode = DECISION_SHADOW, .miss = DECISION_FAIL_CLOSED,
			  .answer = DECISION_LATE, .us = 1000 },
		},
	};
}

#define expect(text) expect_text(__LINE__, text)

static void expect_text(int line, const char *text)
{
	const char *got = json_text(&json);

	if (strcmp(got, text) != 0)
		fprintf(stderr, "line %d:\n%s\nexpected:\n%s\n", line, got, text);
	assert(strcmp(got, text) == 0);
}

static void expect_part(const char *part)
{
	const char *got = json_text(&json);

	if (!strstr(got, part))
		fprintf(stderr, "not there: %s\nthere: %s\n", part, got);
	assert(strstr(got, part));
}

/* The verdict of this id, as it is told. */
static void tell(const struct history *history, uint64_t id)
{
	struct history_entry entry;

	assert(history_get(history, id, &entry) == 1);
	json_reset(&json);
	report_verdict(&json, history, &entry, &names);
}

static void a_verdict_is_told_with_every_reason(void)
{
	struct history *history = new_history();
	struct history_entry entry = denied_entry();

	tell(history, history_add(history, &entry));
	expect("{\"verdict_id\":1,\"time\":\"2024-07-19T04:09:00.000000042Z\",\"act\":\"process.exec\","
	       "\"path\":\"/tmp/x\",\"dev\":8388609,\"ino\":77,\"pid\":4711,\"verdict\":\"deny\",\"cached\":false,"
	       "\"overridden\":false,\"stopped\":false,\"foreign_ns\":false,\"us\":312,\"cached_from\":0,\"hold\":null,\"reasons\":["
	       "{\"solution\":\"allowlist\",\"answer\":\"deny\",\"us\":205,\"mode\":\"enforce\","
	       "\"miss\":\"fail-open\",\"generation\":4},"
	       "{\"solution\":\"yara\",\"answer\":\"late\",\"us\":1000,\"mode\":\"shadow\","
	       "\"miss\":\"fail-closed\",\"generation\":0}],\"n_voices\":2}");
	history_close(history);
}

static void a_verdict_from_the_cache_is_explained_by_the_one_it_came_from(void)
{
	struct history_entry entry = denied_entry(), cached = { .cached = 1, .path = "/tmp/x", .us = 3 };
	struct history *history = new_history();

	cached.cached_from = history_add(history, &entry);
	tell(history, history_add(history, &cached));
	expect_part("{\"verdict_id\":2,");
	expect_part("\"cached\":true,");
	expect_part("\"us\":3,\"cached_from\":1,\"hold\":null,\"reasons\":[{\"solution\":\"allowlist\",\"answer\":\"deny\",\"us\":205,");
	expect_part("\"n_voices\":2}");
	history_close(history);
}

static void a_verdict_whose_origin_is_overwritten_has_no_reasons(void)
{
	struct history_entry entry = denied_entry(), cached = { .cached = 1, .path = "/tmp/x" };
	struct history *history = new_history();

	cached.cached_from = history_add(history, &entry);
	for (uint32_t i = 0; i < HISTORY_ENTRIES; i++)
		history_add(history, &cached);
	tell(history, HISTORY_ENTRIES);
	expect_part("\"cached\":true,");
	expect_part("\"cached_from\":1,\"hold\":null,\"reasons\":[],\"n_voices\":0}");
	history_close(history);
}

static void an_override_and_a_foreign_namespace_are_told(void)
{
	struct history_entry entry = denied_entry();
	struct history *history = new_history();

	entry.verdict = RINGFORT_VERDICT_ALLOW;
	entry.act = RINGFORT_ACT_OPEN;
	entry.overridden = entry.stopped = entry.foreign_ns = 1;
	tell(history, history_add(history, &entry));
	expect_part("\"act\":\"file.open\",");
	expect_part("\"verdict\":\"allow\",\"cached\":false,\"overridden\":true,\"stopped\":true,\"foreign_ns\":true,");
	history_close(history);
}

static void what_was_held_is_told_with_who_ended_it(void)
{
	static const char *const ends[_HISTORY_HOLD_N] = { NULL, "held", "operator allow", "operator deny", "ran out",
							   "let go", "given up" };
	struct history *history = new_history();
	char part[96];

	for (uint32_t hold = HISTORY_HELD; hold < _HISTORY_HOLD_N; hold++) {
		struct history_entry entry = denied_entry();

		entry.hold = hold;
		entry.hold_id = 3;
		entry.held_us = 4200000;
		tell(history, history_add(history, &entry));
		snprintf(part, sizeof(part), "\"hold\":{\"id\":3,\"end\":\"%s\",\"us\":4200000},\"reasons\":[", ends[hold]);
		expect_part(part);
	}
	history_close(history);
}

static void who_is_held_is_told_with_the_time_left_and_what_follows(void)
{
	struct history_entry entry = denied_entry();

	entry.hold = HISTORY_HELD;
	entry.hold_id = 3;
	entry.until_ns = 61500000000ull;
	entry.n_reasons = entry.n_voices = 1;
	json_reset(&json);
	report_held(&json, &entry, &names, 1500000000ull);
	expect("{\"hold_id\":3,\"time\":\"2024-07-19T04:09:00.000000042Z\",\"act\":\"process.exec\","
	       "\"path\":\"/tmp/x\",\"dev\":8388609,\"ino\":77,\"pid\":4711,\"foreign_ns\":false,\"left_ms\":60000,"
	       "\"then\":\"deny\",\"reasons\":[{\"solution\":\"allowlist\",\"answer\":\"deny\",\"us\":205,"
	       "\"mode\":\"enforce\",\"miss\":\"fail-open\",\"generation\":4}],\"n_voices\":1}");
	/* A gate that stands still holds for longer than it may. */
	json_reset(&json);
	report_held(&json, &entry, &names, 61500000001ull);
	expect_part("\"left_ms\":0,");
}

static void what_a_broken_gate_wrote_is_not_believed(void)
{
	struct history_entry entry = denied_entry();
	struct history *history = new_history();

	entry.act = entry.verdict = entry.hold = 4000000000u;
	entry.n_reasons = 255;
	memset(entry.path, 'p', sizeof(entry.path));
	for (uint32_t i = 0; i < HISTORY_REASONS; i++)
		entry.reasons[i] = (struct decision_voice){ .slot = 200, .mode = 99, .miss = 99, .answer = 99 };
	json_reset(&json);
	report_verdict(&json, history, &entry, &names);
	expect_part("\"act\":\"unknown\",\"path\":\"pppp");
	expect_part("pppp\",\"dev\":");
	expect_part("\"hold\":{\"id\":0,\"end\":\"unknown\",\"us\":0},");
	expect_part("\"verdict\":\"unknown\",");
	expect_part("{\"solution\":\"slot 200\",\"answer\":\"unknown\",\"us\":0,\"mode\":\"unknown\",\"miss\":\"unknown\",");
	history_close(history);
}

static const struct report_outside outside = {
	.says = { BACKSTOP_KILL, BACKSTOP_STOP, 77 }, .n_outside = { 5, 3 }, .n_killed = { 4 }, .n_stopped = { 0, 2 },
	.n_denied = { 0, 1 }, .n_unjudged = { 0, 9 }, .can_kill = true,
};

static const struct report_late in_time;

static struct history_numbers some_numbers(void)
{
	return (struct history_numbers){
		.n_asked = 100, .n_at_once = 60, .n_critical = 9, .n_cached = 25, .n_decided = 15, .n_denied = 4,
		.n_overridden = 1, .n_expired = 2, .n_overflow = 3, .n_unguarded = 8, .n_unanswered = 5,
		.n_held = 22, .n_unheld = 23, .n_holding = 24, .n_net_untold = 21, .n_canary = 26, .since_ns = TIME_NS,
		.n_pending = 6, .n_marks = 7, .n_restarts = 8,
		.places[0] = { .path = "/srv" }, .places[1] = { .path = "/mnt/\"x", .why = "it waits" },
		.scopes[2] = { .path = "/srv", .n_folders = 20 },
		.scopes[3] = { .path = "/data", .why = "it is gone", .whole = 1 },
		.voices[1] = { .n_asked = 15, .n_allowed = 7, .n_denied = 4, .n_late = 2, .n_full = 1, .n_gone = 1,
			       .n_after = 3, .n_wrong = 13, .n_self_harm = 2, .n_net_rules = 14, .n_net_denied = 15,
			       .n_net_shadow = 16, .n_net_refused = 17, .n_shown = 18, .n_unshown = 19, .acts = 1u << RINGFORT_ACT_EXEC | 1u << RINGFORT_ACT_OPEN,
			       .without_files = 1u << RINGFORT_ACT_OPEN,
			       .miss = DECISION_FAIL_CLOSED, .demoted = 1 },
	};
}

static void the_numbers_of_the_gate_are_told_with_those_who_take_part(void)
{
	struct history_numbers numbers = some_numbers();

	json_reset(&json);
	report_gate(&json, &numbers, &in_time, &outside, &names);
	expect("{\"open\":false,\"marks\":7,\"canary\":{\"answered\":26,\"late\":0,\"last\":null,\"waited_ms\":0,\"back_in_ms\":0},\"refused\":[{\"path\":\"/mnt/\\\"x\",\"why\":\"it waits\"}],"
	       "\"scopes\":[{\"path\":\"/srv\",\"filesystem\":false,\"folders\":20,\"why\":\"\"},"
	       "{\"path\":\"/data\",\"filesystem\":true,\"folders\":0,\"why\":\"it is gone\"}],"
	       "\"asked\":100,\"at_once\":60,\"critical\":9,\"cached\":25,\"decided\":15,"
	       "\"denied\":4,\"overridden\":1,\"expired\":2,\"held\":22,\"unheld\":23,\"overflow\":3,\"unguarded\":8,"
	       "\"outside\":{\"memfd\":{\"policy\":\"kill\",\"seen\":5,\"killed\":4,\"stopped\":0,\"denied\":0,\"unjudged\":0},"
	       "\"user_mount\":{\"policy\":\"stop\",\"seen\":3,\"killed\":0,\"stopped\":2,\"denied\":1,\"unjudged\":9},"
	       "\"elsewhere\":{\"policy\":\"unknown\",\"seen\":0,\"killed\":0,\"stopped\":0,\"denied\":0,\"unjudged\":0},"
	       "\"can_kill\":true,\"can_stop\":false},\"unanswered\":5,\"net_untold\":21,\"pending\":6,\"holding\":24,"
	       "\"restarts\":8,\"since\":\"2024-07-19T04:09:00.000000042Z\",\"solutions\":["
	       "{\"name\":\"yara\",\"acts\":[\"process.exec\",\"file.open\"],\"without_files\":[\"file.open\"],\"mode\":\"enforce\","
	       "\"miss\":\"fail-closed\",\"demoted\":true,\"asked\":15,\"allowed\":7,\"denied\":4,\"late\":2,"
	       "\"full\":1,\"gone\":1,\"after\":3,\"wrong\":13,\"self_harm\":2,\"shown\":18,\"unshown\":19,\"net_rules\":14,\"net_denied\":15,"
	       "\"net_shadow\":16,\"net_refused\":17}]}");
}

static void who_took_part_and_who_is_not_asked_yet_are_told_too(void)
{
	struct history_numbers numbers = { .open = 1, .voices[2].n_asked = 1, .voices[63].acts = 1 };

	json_reset(&json);
	report_gate(&json, &numbers, &in_time, &outside, &names);
	expect_part("{\"open\":true,");
	expect_part("\"since\":null,");
	expect_part("{\"name\":\"slot 2\",\"acts\":[],");
	expect_part("{\"name\":\"slot 63\",\"acts\":[\"process.exec\"],");
	assert(!strstr(json_text(&json), "allowlist"));
}

static void the_short_form_tells_whether_all_is_well(void)
{
	struct history_numbers numbers = some_numbers();

	json_reset(&json);
	report_gate_short(&json, &numbers, &in_time);
	expect("{\"open\":false,\"marks\":7,\"denied\":4,\"expired\":2,\"pending\":6,\"holding\":24,\"restarts\":8}");
}

static void a_gate_that_opened_itself_is_told_as_open_until_it_is_back(void)
{
	struct report_late late = { .n = 3, .last_ns = TIME_NS, .waited_ms = 1801, .back_in_ms = 950 };
	struct history_numbers numbers = some_numbers();

	json_reset(&json);
	report_gate(&json, &numbers, &late, &outside, &names);
	expect_part("{\"open\":true,\"marks\":0,\"canary\":{\"answered\":26,\"late\":3,\"last\":\"2024-07-19T04:09:00.000000042Z\","
		    "\"waited_ms\":1801,\"back_in_ms\":950},");
	json_reset(&json);
	report_gate_short(&json, &numbers, &late);
	expect_part("{\"open\":true,\"marks\":0,");
	late.back_in_ms = 0;
	json_reset(&json);
	report_gate(&json, &numbers, &late, &outside, &names);
	expect_part("{\"open\":false,\"marks\":7,\"canary\":{\"answered\":26,\"late\":3,");
}

static void a_gate_that_is_not_started_is_told_as_open(void)
{
	json_reset(&json);
	report_gate_disabled(&json);
	expect("{\"open\":true,\"disabled\":true,\"marks\":0,\"denied\":0,\"expired\":0,\"pending\":0,\"holding\":0,"
	       "\"restarts\":0,\"solutions\":[]}");
}

static void what_the_host_needs_is_told_row_by_row(void)
{
	static struct critical_set set = {
		.version = 7, .n_entries = 2, .n_files = 1,
		.entries = { { .path = "/bin/a", .reason = "pid 1", .dev = 8 << 20 | 1, .ino = 77 },
			     { .path = "/opt/\"b", .reason = "ours", .state = CRITICAL_UNREADABLE, .error = ELOOP, .scripts = 1 } },
	};

	json_reset(&json);
	report_critical(&json, &set);
	expect("{\"version\":7,\"from\":\"ringfortd\",\"files\":1,\"rows\":["
	       "{\"path\":\"/bin/a\",\"reason\":\"pid 1\",\"state\":\"matched\",\"error\":\"\",\"dev\":8388609,\"ino\":77,\"scripts\":false},"
	       "{\"path\":\"/opt/\\\"b\",\"reason\":\"ours\",\"state\":\"unreadable\","
	       "\"error\":\"Too many levels of symbolic links\",\"dev\":0,\"ino\":0,\"scripts\":true}]}");
}

int main(void)
{
	a_verdict_is_told_with_every_reason();
	a_verdict_from_the_cache_is_explained_by_the_one_it_came_from();
	a_verdict_whose_origin_is_overwritten_has_no_reasons();
	an_override_and_a_foreign_namespace_are_told();
	what_was_held_is_told_with_who_ended_it();
	who_is_held_is_told_with_the_time_left_and_what_follows();
	what_a_broken_gate_wrote_is_not_believed();
	the_numbers_of_the_gate_are_told_with_those_who_take_part();
	who_took_part_and_who_is_not_asked_yet_are_told_too();
	the_short_form_tells_whether_all_is_well();
	a_gate_that_opened_itself_is_told_as_open_until_it_is_back();
	a_gate_that_is_not_started_is_told_as_open();
	what_the_host_needs_is_told_row_by_row();
	json_done(&json);
	return 0;
}
