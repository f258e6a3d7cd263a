/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ringfort-solution-sigma - the solution's process.
 *
 * ringfortd starts it in a sandbox with the folders of rules named in RINGFORT_CONTENT, between
 * colons.  It loads them, subscribes to what they need, reads events, and reports findings.
 * One thread; all waiting is in one poll().
 *
 * With --probe it only loads the rules and says what it thinks of them: the host tries new
 * content so in a throw-away process before a reload.
 */
#include "../common/content.h"
#include "../common/util.h"
#include "fold.h"
#include "mapping.h"

#include <errno.h>
#include <poll.h>
#include <ringfort/client.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define MAX_TURN 4096 /* events before due findings are looked at again */
#define LONGEST_WAIT_MS 1000

enum {
	EXIT_GOOD = 0,
	EXIT_PARTLY = 1,  /* --probe: some rules were refused, the others load */
	EXIT_USELESS = 2, /* no rule can be used */
	EXIT_BROKEN = 3,
};

struct solution {
	struct ringfort_client *client;
	struct sigma_rules *rules;
	struct mapping *mapping;
	struct fold *fold;
	uint64_t n_told_dropped;
};

static volatile sig_atomic_t stopping;

static void on_signal(int signal_number)
{
	stopping = 1;
}

/* ---- content ---------------------------------------------------------------------------- */

/* Of many the first is kept, for whoever asked. */
static void on_report(const struct sigma_report *report, void *userdata)
{
	struct content *content = userdata;

	if (report->verdict == SIGMA_REFUSED && !*content->first_reason)
		snprintf(content->first_reason, sizeof(content->first_reason), "%s:%u: %s",
			 report->file, report->line, report->reason);
}

static void on_probed(const struct sigma_report *report, void *userdata)
{
	if (report->verdict == SIGMA_REFUSED)
		printf("%s:%u: refused: %s\n", report->file, report->line, report->reason);
}

static int find_content(struct content *content, int argc, char **argv)
{
	if (!argc)
		return content_find(content, "sigma");
	while (content->n_paths < (size_t)argc && content->n_paths < CONTENT_MAX_FOLDERS) {
		content->paths[content->n_paths] = argv[content->n_paths];
		content->n_paths++;
	}
	return 0;
}

static int load(struct content *content, sigma_report_fn report, struct sigma_rules **ret)
{
	_cleanup_(sigma_rules_freep) struct sigma_rules *rules = NULL;
	int r;

	content->first_reason[0] = 0;
	r = sigma_rules_load(&rules, content->paths, content->n_paths,
			     &(struct sigma_options){ .sources = sigma_live_sources,
						      .n_sources = SIGMA_N_LIVE_SOURCES,
						      .report = report,
						      .userdata = content });
	if (r < 0)
		return r;
	*ret = take_ptr(rules);
	return 0;
}

static void summary(const struct sigma_rules *rules, char *ret, size_t n)
{
	snprintf(ret, n, "%zu loaded, %zu refused, %zu no source",
		 sigma_rules_count(rules, SIGMA_LOADED), sigma_rules_count(rules, SIGMA_REFUSED),
		 sigma_rules_count(rules, SIGMA_NO_SOURCE));
}

static int probe(struct content *content)
{
	_cleanup_(sigma_rules_freep) struct sigma_rules *rules = NULL;
	_cleanup_(mapping_freep) struct mapping *mapping = NULL;
	char line[120];
	int r;

	setvbuf(stdout, NULL, _IOLBF, 0); /* what was found stays told if the next rule kills us */
	r = load(content, on_probed, &rules);
	if (!r)
		r = mapping_new(&mapping, rules);
	if (r < 0) {
		printf("the rules cannot be loaded: %s\n", strerror(-r));
		return EXIT_BROKEN;
	}
	summary(rules, line, sizeof(line));
	printf("%s\n", line);
	if (!sigma_rules_count(rules, SIGMA_LOADED))
		return EXIT_USELESS;
	return sigma_rules_count(rules, SIGMA_REFUSED) ? EXIT_PARTLY : EXIT_GOOD;
}

/* ---- events ----------------------------------------------------------------------------- */

static int report(const struct ringfort_finding *finding, void *userdata)
{
	struct solution *solution = userdata;

	return ringfort_client_report(solution->client, finding);
}

struct hit_context {
	struct solution *solution;
	const struct ringfort_event *event;
};

static void on_hit(const struct mapping_hit *hit, void *userdata)
{
	const struct hit_context *context = userdata;

	fold_add(context->solution->fold, context->event, hit, monotonic_ns());
}

/* Return: 0; -EPIPE the stream has ended; -EIO. */
static int read_events(struct solution *solution)
{
	const struct ringfort_event *event;
	int r = 0;

	for (size_t i = 0; i < MAX_TURN; i++) {
		struct hit_context context = { .solution = solution };

		r = ringfort_client_next(solution->client, &event);
		if (r <= 0)
			return r;
		context.event = event;
		r = mapping_match(solution->mapping, event, on_hit, &context);
		if (r < 0)
			return r;
	}
	return 0;
}

static int use_rules(struct solution *solution, struct sigma_rules **rules)
{
	_cleanup_(mapping_freep) struct mapping *mapping = NULL;
	uint64_t types;
	int r;

	r = mapping_new(&mapping, *rules);
	if (r < 0)
		return r;
	types = mapping_types(mapping) & ringfort_client_granted(solution->client);
	r = ringfort_client_subscribe(solution->client, types);
	if (r < 0)
		return r;
	/* Findings in the fold point to the rules that go. */
	fold_flush(solution->fold);
	mapping_free(solution->mapping);
	sigma_rules_free(solution->rules);
	solution->mapping = take_ptr(mapping);
	solution->rules = take_ptr(*rules);
	return 0;
}

/* Events wait in the ring meanwhile; the old rules stay when the new ones are of no use. */
static void reload(struct solution *solution, struct content *content)
{
	_cleanup_(sigma_rules_freep) struct sigma_rules *rules = NULL;
	char line[512];
	int r;

	r = load(content, on_report, &rules);
	if (!r && !sigma_rules_count(rules, SIGMA_LOADED))
		r = -ENOENT;
	if (!r)
		r = use_rules(solution, &rules);
	if (r < 0) {
		snprintf(line, sizeof(line), "the old rules stay: %s",
			 *content->first_reason ? content->first_reason : strerror(-r));
		ringfort_client_reload_done(solution->client, line);
		return;
	}
	summary(solution->rules, line, sizeof(line));
	ringfort_client_say(solution->client, line);
	ringfort_client_reload_done(solution->client, NULL);
}

static void tell_dropped(struct solution *solution)
{
	uint64_t n = fold_dropped(solution->fold);
	char line[80];

	if (n == solution->n_told_dropped)
		return;
	snprintf(line, sizeof(line), "%llu findings did not fit the mailbox", (unsigned long long)n);
	if (ringfort_client_say(solution->client, line) == 0)
		solution->n_told_dropped = n;
}

static int wait_ms(uint64_t due_ns, uint64_t now)
{
	uint64_t ms = due_ns <= now ? 0 : (due_ns - now) / 1000000 + 1;

	return ms < LONGEST_WAIT_MS ? (int)ms : LONGEST_WAIT_MS;
}

static int loop(struct solution *solution, struct content *content)
{
	struct pollfd poll_fd = { .fd = ringfort_client_fd(solution->client), .events = POLLIN };
	int r = 0;

	while (!stopping) {
		uint64_t due_ns = fold_tick(solution->fold, monotonic_ns());

		if (poll(&poll_fd, 1, wait_ms(due_ns, monotonic_ns())) < 0 && errno != EINTR)
			return -errno;
		r = read_events(solution);
		if (r < 0)
			break;
		if (ringfort_client_reload_wanted(solution->client))
			reload(solution, content);
		tell_dropped(solution);
	}
	fold_flush(solution->fold);
	return r == -EPIPE ? 0 : r;
}

static int fail(const char *what, int error)
{
	fprintf(stderr, "sigma: %s: %s\n", what, strerror(-error));
	return EXIT_BROKEN;
}

static int run(struct solution *solution, struct content *content)
{
	_cleanup_(sigma_rules_freep) struct sigma_rules *rules = NULL;
	char line[120];
	int r;

	/* Before the rules: opening tells the host that we live. */
	r = ringfort_client_open(&solution->client);
	if (r < 0)
		return fail("no channel to ringfortd", r);
	r = fold_new(&solution->fold, report, solution);
	if (r < 0)
		return fail("start", r);
	r = load(content, on_report, &rules);
	if (r < 0)
		return fail("the rules cannot be loaded", r);
	if (*content->first_reason)
		fprintf(stderr, "sigma: refused: %s\n", content->first_reason);
	r = use_rules(solution, &rules);
	if (r < 0)
		return fail("subscribe", r);
	summary(solution->rules, line, sizeof(line));
	ringfort_client_say(solution->client, line);
	r = loop(solution, content);
	return r < 0 ? fail("stopped", r) : EXIT_GOOD;
}

static void usage(FILE *stream)
{
	fprintf(stream, "Usage: sigma [--probe] [PATH...]\n"
			"\n"
			"The Sigma solution of Ringfort; ringfortd starts it.  To try rules by hand use\n"
			"ringfort-sigma(1).\n"
			"\n"
			"PATH: files and folders of rules; without any, those in $RINGFORT_CONTENT, with\n"
			"colons between.\n"
			"\n"
			"--probe  load the rules, print why some were refused, and end\n"
			"\n"
			"Exit codes of --probe: 0 all load; 1 some were refused; 2 none can be used.\n");
}

int main(int argc, char **argv)
{
	bool only_probe = argc > 1 && !strcmp(argv[1], "--probe");
	struct solution solution = { 0 };
	struct content content = { 0 };
	int r, code;

	if (argc > 1 && argv[1][0] == '-' && !only_probe) {
		usage(!strcmp(argv[1], "--help") ? stdout : stderr);
		return !strcmp(argv[1], "--help") ? EXIT_GOOD : EXIT_USELESS;
	}
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	r = find_content(&content, argc - 1 - only_probe, argv + 1 + only_probe);
	if (r < 0)
		return fail("no folder of rules: set RINGFORT_CONTENT", r);
	code = only_probe ? probe(&content) : run(&solution, &content);

	fold_free(solution.fold);
	mapping_free(solution.mapping);
	sigma_rules_free(solution.rules);
	ringfort_client_close(solution.client);
	content_done(&content);
	return code;
}
