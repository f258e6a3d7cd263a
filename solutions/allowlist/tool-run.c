/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tool: ringfort-allowlist run - the solution's process.
 *
 * ringfortd starts it in a sandbox with the folders of content named in RINGFORT_CONTENT, between
 * colons.  It loads the policy, asks to be asked, and answers.  One thread; all waiting is in one poll().
 *
 * A policy of which something is refused is never taken for the whole: on a reload the old one stays; at
 * the start, where there is no old one, its good rules hold and nothing is denied by default.
 */
#include "live.h"
#include "tool.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define LONGEST_WAIT_MS 1000
#define PATIENCE_MS 5000 /* with hooks that are to be attached */
#define FULL_WAIT_MS 2   /* until the mailbox is tried again */

struct solution {
	struct ringfort_client *client;
	struct live *live;
	struct content content;
	uint64_t n_told_untold;
	bool is_asked;
};

static volatile sig_atomic_t stopping;

static void on_signal(int signal_number)
{
	stopping = 1;
}

static void usage(FILE *stream)
{
	fprintf(stream, "Usage: ringfort-allowlist run\n"
			"\n"
			"The allow-list solution of Ringfort; ringfortd starts it.  To try a policy by hand\n"
			"use `ringfort-allowlist check' and `ringfort-allowlist eval'.\n"
			"\n"
			"The policy is read from the folders in $RINGFORT_CONTENT, with colons between.\n"
			"\n"
			"Exit codes: 0 ringfortd ended the stream; 2 wrong usage; 3 it cannot go on.\n");
}

/* ---- the policy --------------------------------------------------------------------------- */

static int load(struct solution *solution, struct policy **ret)
{
	solution->content.first_reason[0] = 0;
	return policy_load(ret, solution->content.paths, solution->content.n_paths, content_refused,
			   &solution->content);
}

/* One line for all: ringfortd keeps the last. */
static int say_state(struct solution *solution)
{
	const struct policy *policy = live_policy(solution->live);
	char refused[456] = "", untold[64] = "", line[1024];

	if (policy_refused(policy))
		snprintf(refused, sizeof(refused), "; nothing is denied by default until that is mended: %s",
			 solution->content.first_reason);
	if (solution->n_told_untold)
		snprintf(untold, sizeof(untold), "; %llu findings could not be reported",
			 (unsigned long long)solution->n_told_untold);
	snprintf(line, sizeof(line), "%s, %zu rules, %zu refused%s%s%s",
		 policy_is_lockdown(policy) ? "lockdown" : "monitor", policy_count(policy),
		 policy_refused(policy),
		 solution->is_asked ? "" : "; the operator does not let it decide on process.exec",
		 untold, refused);
	return ringfort_client_say(solution->client, line);
}

static void reload(struct solution *solution)
{
	_cleanup_(policy_freep) struct policy *policy = NULL;
	int r = load(solution, &policy);
	char line[512];

	if (r < 0 || policy_refused(policy)) {
		snprintf(line, sizeof(line), "the old policy stays: %s",
			 *solution->content.first_reason ? solution->content.first_reason : strerror(-r));
		ringfort_client_reload_done(solution->client, line);
		return;
	}
	live_use(solution->live, &policy);
	say_state(solution);
	ringfort_client_reload_done(solution->client, NULL);
}

static int start(struct solution *solution)
{
	_cleanup_(policy_freep) struct policy *policy = NULL;
	int r = load(solution, &policy);

	if (r < 0)
		return r;
	if (policy_refused(policy))
		policy_monitor(policy);
	live_use(solution->live, &policy);
	return 0;
}

/* ---- the loop ----------------------------------------------------------------------------- */

/* First the events, and until they come, so that none of a denied execution is missed. */
static int ask_to_be_asked(struct solution *solution)
{
	uint32_t exec = 1u << RINGFORT_ACT_EXEC;
	int r = ringfort_client_subscribe(solution->client, 1ull << ringfort_type_process_exec);

	if (r < 0)
		return r;
	r = ringfort_client_barrier(solution->client, PATIENCE_MS);
	/* Better a verdict without a finding than none. */
	if (r < 0 && r != -ETIMEDOUT)
		return r;
	solution->is_asked = ringfort_client_authorizable(solution->client) & exec;
	return solution->is_asked ? ringfort_client_authorize(solution->client, exec) : 0;
}

static void tell_untold(struct solution *solution)
{
	uint64_t n = live_counts(solution->live).n_untold, told = solution->n_told_untold;

	solution->n_told_untold = n;
	if (n != told && say_state(solution) < 0)
		solution->n_told_untold = told;
}

/* Requests are looked at before each turn of events.  Return: 0; 1 the mailbox is full; -errno. */
static int work(struct solution *solution)
{
	int more, full;

	do {
		full = live_answer(solution->live);
		if (full < 0)
			return full;
		more = live_read(solution->live);
	} while (more > 0 && !stopping);
	return more < 0 ? more : full;
}

static int loop(struct solution *solution)
{
	struct pollfd wake = { .fd = ringfort_client_fd(solution->client), .events = POLLIN };
	uint64_t refreshed_ns = monotonic_ns();
	int r = 0;

	while (!stopping) {
		if (poll(&wake, 1, r ? FULL_WAIT_MS : LONGEST_WAIT_MS) < 0 && errno != EINTR)
			return -errno;
		r = work(solution);
		if (r < 0)
			break;
		if (ringfort_client_reload_wanted(solution->client))
			reload(solution);
		if (monotonic_ns() - refreshed_ns >= LONGEST_WAIT_MS * UINT64_C(1000000)) {
			policy_refresh(live_policy(solution->live));
			refreshed_ns = monotonic_ns();
		}
		tell_untold(solution);
	}
	return r == -EPIPE || r > 0 ? 0 : r;
}

static int fail(const char *what, int error)
{
	fprintf(stderr, "allowlist: %s: %s\n", what, strerror(-error));
	return TOOL_BROKEN;
}

static int run(struct solution *solution)
{
	int r;

	/* Before the policy: opening tells the host that we live. */
	r = ringfort_client_open(&solution->client);
	if (r < 0)
		return fail("no channel to ringfortd", r);
	r = live_new(&solution->live, solution->client);
	if (r < 0)
		return fail("start", r);
	r = content_find(&solution->content, "allowlist");
	if (r < 0)
		return fail("no folder with a policy: set RINGFORT_CONTENT", r);
	r = start(solution);
	if (r < 0)
		return fail("the policy cannot be loaded", r);
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
