/* SPDX-License-Identifier: Apache-2.0 */
/* Tool: ringfort-sigma conformance */
#include "tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void usage(FILE *stream)
{
	fprintf(stream,
		"Usage: ringfort-sigma conformance FILE\n"
		"\n"
		"Run a table of cases, each a rule, an event and what must come of it: match,\n"
		"no-match, or reject (the rule must be refused).  Log sources are ignored: an event\n"
		"is taken as belonging to its rule's.\n"
		"\n"
		"FILE is JSON: an object with `cases', a list of objects with `case' (its name),\n"
		"`group', `grade', `rule' (the YAML text), `event' (a flat object), `expect', and\n"
		"where it is needed `placeholders' (names to lists of values).  A case of grade\n"
		"`advisory' is reported but does not count: implementations differ there.\n"
		"\n"
		"Failing cases are listed; the last line is `N passed, N failed'.\n"
		"\n"
		"Exit codes: 0 none failed; 1 some did; 2 wrong usage, or FILE cannot be read.\n");
}

struct outcome {
	const char *got;
	char why[300];
};

static void on_report(const struct sigma_report *report, void *userdata)
{
	struct outcome *outcome = userdata;

	if (report->verdict == SIGMA_REFUSED)
		snprintf(outcome->why, sizeof(outcome->why), "line %u: %s", report->line,
			 report->reason);
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static int load_placeholders(const json_t *json, struct sigma_placeholders **ret,
			     struct outcome *outcome)
{
	_cleanup_(cleanup_free) char *text = NULL;
	int r;

	if (!json)
		return 0;
	text = json_dumps(json, JSON_COMPACT); /* JSON is YAML */
	if (!text)
		return -1;
	r = sigma_placeholders_read(ret, text, strlen(text), outcome->why, sizeof(outcome->why));
	return r;
}

static void run_case(const json_t *one, struct outcome *outcome)
{
	_cleanup_(sigma_placeholders_freep) struct sigma_placeholders *placeholders = NULL;
	_cleanup_(sigma_rules_freep) struct sigma_rules *rules = NULL;
	_cleanup_(json_event_done) struct json_event event = { 0 };
	const char *rule = text_of(one, "rule");
	int r;

	outcome->got = "error";
	outcome->why[0] = 0;
	if (load_placeholders(json_object_get(one, "placeholders"), &placeholders, outcome))
		return;
	r = sigma_rules_load_text(&rules, "rule", rule, strlen(rule),
				  &(struct sigma_options){ .placeholders = placeholders,
							   .report = on_report,
							   .userdata = outcome });
	if (r < 0) {
		snprintf(outcome->why, sizeof(outcome->why), "%s", strerror(-r));
		return;
	}
	if (sigma_rules_count(rules, SIGMA_REFUSED)) {
		outcome->got = "reject";
		return;
	}
	if (json_event_set(&event, json_object_get(one, "event"), outcome->why,
			   sizeof(outcome->why)))
		return;
	r = json_event_match(&event, rules, 0, NULL, NULL);
	if (r >= 0)
		outcome->got = r ? "match" : "no-match";
}

static int run_all(const json_t *cases)
{
	size_t i, n_passed = 0, n_failed = 0, n_advisory = 0, n_advisory_failed = 0;
	const json_t *one;

	json_array_foreach(cases, i, one) {
		bool advisory = !strcmp(text_of(one, "grade"), "advisory"), good;
		struct outcome outcome;

		run_case(one, &outcome);
		good = !strcmp(outcome.got, text_of(one, "expect"));
		n_advisory += advisory;
		n_advisory_failed += advisory && !good;
		n_passed += !advisory && good;
		n_failed += !advisory && !good;
		if (!good)
			printf("%s: %s (group %s): expected %s, got %s%s%s\n",
			       advisory ? "advisory" : "FAILED", text_of(one, "case"),
			       text_of(one, "group"), text_of(one, "expect"), outcome.got,
			       *outcome.why ? ": " : "", outcome.why);
	}
	printf("advisory, not counted: %zu as expected, %zu otherwise\n",
	       n_advisory - n_advisory_failed, n_advisory_failed);
	printf("%zu passed, %zu failed\n", n_passed, n_failed);
	return n_failed ? TOOL_NEGATIVE : TOOL_OK;
}

int tool_conformance(int argc, char **argv)
{
	json_error_t error;
	const json_t *cases;
	json_t *json;
	int r;

	if (argc == 2 && !strcmp(argv[1], "--help")) {
		usage(stdout);
		return TOOL_OK;
	}
	if (argc != 2 || argv[1][0] == '-') {
		usage(stderr);
		return TOOL_USAGE;
	}
	json = json_load_file(argv[1], JSON_ALLOW_NUL, &error);
	cases = json_object_get(json, "cases");
	if (!json_is_array(cases)) {
		fprintf(stderr, "ringfort-sigma: %s: %s\n", argv[1],
			json ? "there is no list `cases'" : error.text);
		json_decref(json);
		return TOOL_USAGE;
	}
	r = run_all(cases);
	json_decref(json);
	return r;
}
