/* SPDX-License-Identifier: Apache-2.0 */
/* Tool: ringfort-sigma check */
#include "tool.h"

#include "mapping-sources.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void usage(FILE *stream)
{
	fprintf(stream,
		"Usage: ringfort-sigma check [OPTION]... PATH...\n"
		"\n"
		"Read Sigma rules from files, and from folders with all their *.yml and *.yaml,\n"
		"and say what becomes of each document:\n"
		"\n"
		"  loaded     it would be matched against events (filters count here, too)\n"
		"  refused    it breaks Sigma's format; other documents are not touched by that\n"
		"  no source  it is well, but this endpoint has no events for its log source\n"
		"\n"
		"For each refused one a line FILE:LINE: refused: REASON is printed; the last line\n"
		"counts all three, which together are all documents.\n"
		"\n"
		"Options:\n"
		"  --placeholders FILE  values for %%name%% in rules that say `expand': a YAML map\n"
		"                       from names to a value or a list of values\n"
		"  -v, --verbose        print a line for every document\n"
		"  --help               this text\n"
		"\n"
		"Exit codes: 0 none was refused; 1 some were; 2 wrong usage.\n"
		"\n"
		"Examples:\n"
		"  ringfort-sigma check my-rule.yml\n"
		"  ringfort-sigma check --placeholders site.yaml rules/\n");
}

struct check {
	bool verbose;
};

static void on_report(const struct sigma_report *report, void *userdata)
{
	static const char *const words[] = { "loaded", "refused", "no source" };
	const struct check *check = userdata;

	if (!check->verbose && report->verdict != SIGMA_REFUSED)
		return;
	printf("%s:%u: %s: %s\n", report->file, report->line, words[report->verdict],
	       report->reason ? report->reason : report->title);
}

int tool_read_placeholders(const char *path, struct sigma_placeholders **ret)
{
	_cleanup_(cleanup_free) char *text = NULL;
	char reason[300];
	size_t n;
	int r;

	r = tool_read_file(path, &text, &n);
	if (r < 0) {
		fprintf(stderr, "ringfort-sigma: %s: %s\n", path, strerror(-r));
		return TOOL_USAGE;
	}
	r = sigma_placeholders_read(ret, text, n, reason, sizeof(reason));
	if (!r)
		return TOOL_OK;
	fprintf(stderr, "ringfort-sigma: %s: %s\n", path, r > 0 ? reason : strerror(-r));
	return TOOL_USAGE;
}

int tool_check(int argc, char **argv)
{
	static const struct option options[] = { { "placeholders", required_argument, NULL, 'p' },
						 { "verbose", no_argument, NULL, 'v' },
						 { "help", no_argument, NULL, 'h' },
						 { 0 } };
	_cleanup_(sigma_placeholders_freep) struct sigma_placeholders *placeholders = NULL;
	_cleanup_(sigma_rules_freep) struct sigma_rules *rules = NULL;
	struct check check = { 0 };
	int c, r;

	while ((c = getopt_long(argc, argv, "vh", options, NULL)) >= 0) {
		if (c == 'h') {
			usage(stdout);
			return TOOL_OK;
		}
		if (c == '?' || (c == 'p' && placeholders))
			return TOOL_USAGE;
		if (c == 'p' && tool_read_placeholders(optarg, &placeholders))
			return TOOL_USAGE;
		check.verbose |= c == 'v';
	}
	if (optind == argc) {
		usage(stderr);
		return TOOL_USAGE;
	}
	r = sigma_rules_load(&rules, (const char *const *)argv + optind, (size_t)(argc - optind),
			     &(struct sigma_options){ .sources = sigma_live_sources,
						      .n_sources = SIGMA_N_LIVE_SOURCES,
						      .placeholders = placeholders,
						      .check_only = true,
						      .report = on_report,
						      .userdata = &check });
	if (r < 0) {
		fprintf(stderr, "ringfort-sigma: %s\n", strerror(-r));
		return TOOL_USAGE;
	}
	printf("%zu loaded, %zu refused, %zu no source\n", sigma_rules_count(rules, SIGMA_LOADED),
	       sigma_rules_count(rules, SIGMA_REFUSED), sigma_rules_count(rules, SIGMA_NO_SOURCE));
	return sigma_rules_count(rules, SIGMA_REFUSED) ? TOOL_NEGATIVE : TOOL_OK;
}
