/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tool: ringfort-yara run - the solution's process.
 *
 * ringfortd starts it in a sandbox with the folders of content named in RINGFORT_CONTENT, between
 * colons.  It compiles the rules, asks to be asked, and answers.  One thread; all waiting is in one poll().
 *
 * Where something of the content is refused the rest holds: ringfortd asks for such a reload only when the
 * operator tolerates it.  Rules stay until there are others.
 */
#include "live.h"
#include "tool.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#define LONGEST_WAIT_MS 1000
#define PATIENCE_MS 5000 /* with hooks that are to be attached */
#define FULL_WAIT_MS 2 /* until the mailbox is tried again */
#define PATIENT_TURNS 16 /* of events, while a file waits to be scanned for which nobody waits */
#define MAX_DATA_MB 448 /* below memory_mb of the manifest */

struct solution {
	struct ringfort_client *client;
	struct live *live;
	struct content content;
	struct live_counts told; /* what was said last */
	bool is_asked;
};

static volatile sig_atomic_t stopping;

static void on_signal(int signal_number)
{
	stopping = 1;
}

static void usage(FILE *stream)
{
	fprintf(stream, "Usage: ringfort-yara run\n"
			"\n"
			"The YARA solution of Ringfort; ringfortd starts it.  To try rules by hand use\n"
			"`ringfort-yara check' and `ringfort-yara scan'.\n"
			"\n"
			"Rules and policies are read from the folders in $RINGFORT_CONTENT, with colons\n"
			"between.\n"
			"\n"
			"Exit codes: 0 ringfortd ended the stream; 2 wrong usage; 3 it cannot go on.\n");
}

/* ---- rules -------------------------------------------------------------------------------- */

/* Somebody waits for each request, also while rules are compiled: the old ones answer. */
static void on_pause(void *userdata)
{
	struct solution *solution = userdata;

	if (!live_rules(solution->live))
		return;
	/* If ringfortd is gone, or the mailbox full, the loop sees it soon. */
	live_answer(solution->live);
	live_read(solution->live);
}

static int load(struct solution *solution, struct rules **ret)
{
	struct rules_loading loading = {
		.report = { .tell = content_refused, .userdata = &solution->content },
		.pause = on_pause,
		.userdata = solution,
	};

	solution->content.first_reason[0] = 0;
	return rules_load(ret, solution->content.paths, solution->content.n_paths, &loading);
}

/* One line for all: ringfortd keeps the last. */
static int say_state(struct solution *solution)
{
	const struct rules *rules = live_rules(solution->live);
	struct live_counts counts = live_counts(solution->live);
	char untold[64] = "", eventless[64] = "", lost[80] = "", line[1024];

	if (counts.n_untold)
		snprintf(untold, sizeof(untold), "; %llu findings could not be reported",
			 (unsigned long long)counts.n_untold);
	if (counts.n_eventless)
		snprintf(eventless, sizeof(eventless), "; found something in %llu opened files",
			 (unsigned long long)counts.n_eventless);
	if (counts.n_lost)
		snprintf(lost, sizeof(lost), "; %llu times more was written than it could look at",
			 (unsigned long long)counts.n_lost);
	snprintf(line, sizeof(line), "%zu rules, %zu of them deny, %zu refused%s%s%s%s%s%s", rules_count(rules),
		 rules_count_denying(rules), rules_refused(rules),
		 solution->is_asked ? "" : "; the operator does not let it decide on process.exec", untold,
		 eventless, lost, rules_refused(rules) ? ": " : "",
		 rules_refused(rules) ? solution->content.first_reason : "");
	solution->told = counts;
	return ringfort_client_say(solution->client, line);
}

static void reload(struct solution *solution)
{
	_cleanup_(rules_freep) struct rules *rules = NULL;
	int r = load(solution, &rules);
	char line[512];

	if (!r && !rules_count(rules))
		r = -ENOENT;
	if (r < 0) {
		snprintf(line, sizeof(line), "the old rules stay: %s",
			 *solution->content.first_reason ? solution->content.first_reason : strerror(-r));
		ringfort_client_reload_done(solution->client, line);
		return;
	}
	live_use(solution->live, &rules);
	say_state(solution);
	ringfort_client_reload_done(solution->client, NULL);
}

static int start(struct solution *solution)
{
	_cleanup_(rules_freep) struct rules *rules = NULL;
	int r = load(solution, &rules);

	if (r < 0)
		return r;
	live_use(solution->live, &rules);
	return 0;
}

/* ---- the loop ----------------------------------------------------------------------------- */

/* Each write of the host is an event: only where what is written is shown. */
static uint64_t wanted_types(uint32_t acts)
{
	uint64_t types = 1ull << ringfort_type_process_exec;

	return acts & 1u << RINGFORT_ACT_MODIFY ? types | 1ull << ringfort_type_file_modify : types;
}

/* First the events, and until they come, so that none of a denied execution is missed. */
static int ask_to_be_asked(struct solution *solution)
{
	uint32_t acts = 1u << RINGFORT_ACT_EXEC | 1u << RINGFORT_ACT_OPEN | 1u << RINGFORT_ACT_MODIFY;
	int r;

	acts &= ringfort_client_authorizable(solution->client);
	r = ringfort_client_subscribe(solution->client, wanted_types(acts));
	if (r < 0)
		return r;
	r = ringfort_client_barrier(solution->client, PATIENCE_MS);
	/* Better a verdict without a finding than none. */
	if (r < 0 && r != -ETIMEDOUT)
		return r;
	solution->is_asked = acts & 1u << RINGFORT_ACT_EXEC;
	return acts ? ringfort_client_authorize(solution->client, acts) : 0;
}

static void say_changes(struct solution *solution)
{
	struct live_counts counts = live_counts(solution->live), told = solution->told;

	if ((counts.n_untold != told.n_untold || counts.n_eventless != told.n_eventless ||
	     counts.n_lost != told.n_lost) &&
	    say_state(solution) < 0)
		solution->told = told;
}

/*
 * Requests are looked at before each turn of events, and before each file that was only shown: somebody who
 * waits does so for one scan at most.  Return: 0; 1 the mailbox is full; -errno.
 */
static int work(struct solution *solution)
{
	int more, full, n_turns = 0;
	bool scanned;

	do {
		full = live_answer(solution->live);
		if (full < 0)
			return full;
		more = live_read(solution->live);
		scanned = (more == 0 || ++n_turns % PATIENT_TURNS == 0) && live_scan(solution->live);
	} while ((more > 0 || scanned) && !stopping);
	return more < 0 ? more : full;
}

static int loop(struct solution *solution)
{
	struct pollfd wake = { .fd = ringfort_client_fd(solution->client), .events = POLLIN };
	int r = 0;

	while (!stopping) {
		if (poll(&wake, 1, r ? FULL_WAIT_MS : LONGEST_WAIT_MS) < 0 && errno != EINTR)
			return -errno;
		r = work(solution);
		if (r < 0)
			break;
		if (ringfort_client_reload_wanted(solution->client))
			reload(solution);
		say_changes(solution);
	}
	return r == -EPIPE || r > 0 ? 0 : r;
}

static int fail(const char *what, int error)
{
	fprintf(stderr, "yara: %s: %s\n", what, strerror(-error));
	return TOOL_BROKEN;
}

/* A file that makes libyara hungry shall end its own scan, not the solution. */
static int limit_memory(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_DATA, &limit) < 0)
		return -errno;
	if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur > (rlim_t)MAX_DATA_MB << 20)
		limit.rlim_cur = (rlim_t)MAX_DATA_MB << 20;
	return setrlimit(RLIMIT_DATA, &limit) < 0 ? -errno : 0;
}

static int run(struct solution *solution)
{
	int r;

	/* Before the rules: opening tells the host that we live. */
	r = ringfort_client_open(&solution->client);
	if (r < 0)
		return fail("no channel to ringfortd", r);
	r = limit_memory();
	if (r < 0)
		return fail("limit of memory", r);
	r = live_new(&solution->live, solution->client);
	if (r < 0)
		return fail("start", r);
	r = content_find(&solution->content, "yara");
	if (r < 0)
		return fail("no folder with rules: set RINGFORT_CONTENT", r);
	r = start(solution);
	if (r < 0)
		return fail("the rules cannot be loaded", r);
	r = ask_to_be_asked(solution);
	if (r < 0)
		return fail("subscribe", r);
	say_state(solution);
	r = loop(solution);
	return r < 0 ? fail("stopped", r) : TOOL_OK;
}

int tool_run(int argc, char **argv)
{
	struct solution solution = { 0 };
	int code;

	if (argc > 1) {
		usage(!strcmp(argv[1], "--help") ? stdout : stderr);
		return !strcmp(argv[1], "--help") ? TOOL_OK : TOOL_USAGE;
	}
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	code = run(&solution);

	live_free(solution.live);
	ringfort_client_close(solution.client);
	content_done(&solution.content);
	return code;
}
