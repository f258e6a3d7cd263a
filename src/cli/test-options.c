/* SPDX-License-Identifier: Apache-2.0 */
#undef NDEBUG
#include "cli/options.h"
#include "cli/when.h"

#include <assert.h>
#include <errno.h>
#include <ringfort/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define S 1000000000ull
#define NOW (1721362140ull * S) /* 2024-07-19T04:09:00Z */

static char complaint[512];

/* The arguments in one string, blanks between them. */
static int parse(const char *line, struct options *ret_options)
{
	static char text[1024];
	char *argv[32] = { "ringfort" }, *save = NULL;
	int argc = 1;

	snprintf(text, sizeof(text), "%s", line);
	for (char *word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save))
		argv[argc++] = word;
	return options_parse(argc, argv, NOW, ret_options, complaint, sizeof(complaint));
}

static void options_stand_before_and_behind_the_subcommand(void)
{
	static const char *const lines[] = {
		"--json --socket /x events --count 5", "events --json --socket=/x --count=5",
		"--count 5 events --socket /x --json", "-n5 --json events --socket /x", "-n 5 events --json --socket /x",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct options options;

		assert(parse(lines[i], &options) == 0);
		assert(options.given == (OPTION_BIT(JSON) | OPTION_BIT(SOCKET) | OPTION_BIT(COUNT)));
		assert(strcmp(options.socket, "/x") == 0 && options.count == 5);
		assert(options.n_words == 1 && strcmp(options.words[0], "events") == 0);
	}
}

static void short_options_stand_together(void)
{
	struct options options;

	assert(parse("findings -fv", &options) == 0);
	assert(options.given == (OPTION_BIT(FOLLOW) | OPTION_BIT(VERBOSE)));
	assert(parse("findings -fvn3", &options) == 0 && options.count == 3);
}

static void two_dashes_end_the_options(void)
{
	struct options options;

	assert(parse("solution stop -- --json", &options) == 0);
	assert(options.given == 0 && options.n_words == 3 && strcmp(options.words[2], "--json") == 0);
}

static void a_refusal_names_the_option_and_what_to_do(void)
{
	static const struct {
		const char *line, *part;
	} cases[] = {
		{ "events --cuont 4", "did you mean --count?" },
		{ "events --xyzzy", "unknown option '--xyzzy'" },
		{ "events -x", "unknown option '-x'" },
		{ "events --count", "--count needs a value: --count N" },
		{ "events -n", "-n needs a value: -n N" },
		{ "events --json=yes", "--json takes no value" },
		{ "events --count 0", "--count: '0'" },
		{ "events --count -3", "--count: '-3'" },
		{ "events --count 3x", "--count: '3x'" },
		{ "events --count 99999999999999999999", "--count:" },
		{ "events --timeout 0", "--timeout: '0'" },
		{ "events --timeout soon", "--timeout: 'soon'" },
		{ "events --since yesterday", "--since: 'yesterday'" },
		{ "events --type process.exce", "did you mean process.exec?" },
		{ "events --type qqq", "events --schema" },
		{ "events --type ,", "--type" },
		{ "status --color blue", "--color: 'blue'" },
		{ "--socket= status", "--socket: the path is empty" },
		{ "a b c d e f g h i", "too many arguments" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct options options = { .count = 77 };

		assert(parse(cases[i].line, &options) == -EINVAL);
		if (!strstr(complaint, cases[i].part))
			fprintf(stderr, "%s: %s\n", cases[i].line, complaint);
		assert(strstr(complaint, cases[i].part));
		assert(options.count == 77); /* untouched */
	}
}

static void types_are_single_or_whole_kinds(void)
{
	uint64_t net = 1ull << ringfort_type_net_connect | 1ull << ringfort_type_net_bind |
		       1ull << ringfort_type_net_listen | 1ull << ringfort_type_net_accept;
	uint64_t exec = 1ull << ringfort_type_process_exec;
	struct options options;

	assert(parse("events --type process.exec", &options) == 0 && options.types == exec);
	assert(parse("events -t net", &options) == 0 && options.types == net);
	assert(parse("events -t net.*", &options) == 0 && options.types == net);
	assert(parse("events -t net.,process.exec", &options) == 0 && options.types == (net | exec));
	assert(parse("events -t net -t process.exec", &options) == 0 && options.types == (net | exec));
	assert(parse("events -t ne", &options) == -EINVAL);
	assert(parse("events -t *", &options) == -EINVAL);
}

static void what_a_subcommand_does_not_take_is_found(void)
{
	struct options options;

	assert(parse("status --json --follow", &options) == 0);
	assert(options_refused(&options, OPTIONS_GLOBAL) == OPTION_FOLLOW);
	assert(options_refused(&options, OPTIONS_GLOBAL | OPTION_BIT(FOLLOW)) == _OPTION_N);
	assert(parse("why --id 17", &options) == 0 && options.given == OPTION_BIT(ID));
	assert(options.n_words == 2 && strcmp(options.words[1], "17") == 0);
	assert(options_refused(&options, OPTIONS_GLOBAL) == OPTION_ID);
}

static void the_nearest_word_is_suggested_and_none_when_all_are_far(void)
{
	static const char list[] = "status events findings solution doctor reload why gate";
	static const struct {
		const char *typed, *nearest;
	} cases[] = {
		{ "stauts", "status" }, { "event", "events" }, { "sol", "solution" }, { "docter", "doctor" },
		{ "realod", "reload" }, { "finding", "findings" }, { "whi", "why" }, { "gaet", "gate" }, { "frobnicate", "" }, { "x", "" },
		{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "" },
	};
	char buffer[64];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert(strcmp(nearest_word(cases[i].typed, list, buffer, sizeof(buffer)), cases[i].nearest) == 0);
}

static void durations_are_read(void)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} good[] = {
		{ "10", 10 * S }, { "0.5", S / 2 }, { "500ms", S / 2 }, { "2m", 120 * S }, { "2min", 120 * S },
		{ "1.5h", 5400 * S }, { "3d", 3 * 86400 * S }, { "7s", 7 * S },
	};
	static const char *const bad[] = { "", "-5", "+5", " 5", "5 m", "m", ".5", "1e3", "0x10", "inf", "nan",
					   "5y", "1..2", "999999999999d" };
	uint64_t ns = 1;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert(duration_parse(good[i].text, true, &ns) == 0 && ns == good[i].ns);
	assert(duration_parse("10", false, &ns) == -EINVAL);
	ns = 42;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert(duration_parse(bad[i], true, &ns) == -EINVAL && ns == 42);
}

static void points_in_time_are_read(void)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} good[] = {
		{ "5m", NOW - 300 * S },
		{ "2h", NOW - 7200 * S },
		{ "2024-07-19T04:09:00Z", NOW },
		{ "2024-07-19t04:09:00.25z", NOW + S / 4 },
		{ "2024-07-19T06:09:00+02:00", NOW },
		{ "2024-07-18T23:39:00-0430", NOW },
		{ "2024-07-19T05:09", NOW }, /* local: TZ is one hour east */
		{ "2024-07-19 05:09:00", NOW },
		{ "2024-07-19", NOW - (5 * 3600 + 9 * 60) * S },
		{ "05:09", NOW },
		{ "05:08:59.5", NOW - S / 2 },
		{ "05:10", NOW + 60 * S - 86400 * S }, /* not yet today: yesterday */
	};
	static const char *const bad[] = { "", "now", "5", "25:00", "12:60", "1:30", "12:30:", "12:30x",
					   "2024-02-30", "2024-13-01", "2024-07-19T", "2024-07-19T04:09:00Zx",
					   "2024-07-19T04:09:00+2", "1969-12-31T00:00:00Z", "2024-07-19T04" };
	uint64_t ns = 42;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert(when_parse(bad[i], NOW, &ns) == -EINVAL && ns == 42);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert(when_parse(good[i].text, NOW, &ns) == 0);
		if (ns != good[i].ns)
			fprintf(stderr, "%s: %llu\n", good[i].text, (unsigned long long)ns);
		assert(ns == good[i].ns);
	}
}

static void times_are_written(void)
{
	char buffer[32];

	assert(strcmp(when_clock(NOW + 7000000, buffer), "05:09:00.007") == 0);
	assert(strcmp(when_date(NOW, buffer), "2024-07-19 05:09:00") == 0);
	assert(strcmp(when_span(59, buffer), "59 s") == 0);
	assert(strcmp(when_span(7261, buffer), "2 h 1 min") == 0);
	assert(strcmp(when_span(90000, buffer), "1 d 1 h") == 0);
}

int main(void)
{
	setenv("TZ", "XXX-1", 1);
	tzset();
	options_stand_before_and_behind_the_subcommand();
	short_options_stand_together();
	two_dashes_end_the_options();
	a_refusal_names_the_option_and_what_to_do();
	types_are_single_or_whole_kinds();
	what_a_subcommand_does_not_take_is_found();
	the_nearest_word_is_suggested_and_none_when_all_are_far();
	durations_are_read();
	points_in_time_are_read();
	times_are_written();
	return 0;
}
