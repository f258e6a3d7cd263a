/* SPDX-License-Identifier: Apache-2.0 */
/* Test-plan - what of a manifest's wishes comes through, and what the operator's word changes. */
#undef NDEBUG
#include "host/plan.h"

#include <errno.h>
#include <ringfort/event.h>
#include <ringfort/verdict.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct manifest manifest;
static struct config config;
static struct plan plan;

static int read_both(void **state)
{
	static const char manifest_text[] =
		"name: sigma\nvendor: R\nversion: '1'\napi: 1\nexecutable: bin/ringfort-sigma\n"
		"arguments: [run]\nprobe_arguments: [check, /content]\ncontent: rules\n"
		"events: [process.exec, net.connect]\nshare: [network, uts]\n"
		"authorize: [process.exec, file.open]\nmiss: fail-closed\n"
		"limits: {memory_mb: 64, pids: 3, files: 32, cpu_percent: 50}\n";
	static const char config_text[] =
		"solutions: [{name: sigma, grant: [net.connect, net.bind], share: [network, pid],"
		" content: [/etc/a, /etc/b], arguments: [watch, -v], authorize: [file.open],"
		" mode: shadow}]\n";
	struct yaml_error error;

	config_default(&config);
	return manifest_parse(&manifest, manifest_text, strlen(manifest_text), &error) ||
	       config_parse(&config, config_text, strlen(config_text), &error);
}

static void without_the_operators_word_the_manifest_has_its_way_but_shares_nothing(void **state)
{
	assert_int_equal(plan_fill(&plan, &manifest, NULL, "/p/sigma", 1900000007, PLAN_RUN), 0);
	assert_true(plan.events ==
		    (1ull << ringfort_type_process_exec | 1ull << ringfort_type_net_connect));
	assert_int_equal(plan.options.share, 0);
	assert_int_equal(plan.options.uid, 1900000007);
	assert_string_equal(plan.options.executable, "/solution/bin/ringfort-sigma");
	assert_string_equal(plan.options.arguments[0], "ringfort-sigma");
	assert_string_equal(plan.options.arguments[1], "run");
	assert_null(plan.options.arguments[2]);
	assert_int_equal(plan.options.n_binds, 2);
	assert_string_equal(plan.options.binds[0].source, "/p/sigma");
	assert_string_equal(plan.options.binds[0].target, "/solution");
	assert_true(plan.options.binds[0].executable);
	assert_string_equal(plan.options.binds[1].source, "/p/sigma/rules");
	assert_string_equal(plan.options.binds[1].target, "/content/0");
	assert_false(plan.options.binds[1].executable);
	assert_int_equal(plan.options.memory_mb, 64);
	assert_int_equal(plan.options.n_pids, 3);
	assert_int_equal(plan.options.n_files, 32);
	assert_int_equal(plan.limits.memory_mb, 64);
	assert_int_equal(plan.limits.pids, 3);
	assert_int_equal(plan.limits.cpu_percent, 50);
}

static void without_the_operators_word_nothing_is_decided(void **state)
{
	manifest.net = 3;
	assert_int_equal(plan_fill(&plan, &manifest, NULL, "/p/sigma", 5, PLAN_RUN), 0);
	assert_int_equal(plan.authorize, 0);
	assert_int_equal(plan.net, 0);
	assert_int_equal(plan.mode, CONFIG_ENFORCE);
	assert_int_equal(plan.miss, MANIFEST_FAIL_CLOSED);
}

static void what_both_name_is_decided_and_the_operator_has_the_last_word_on_misses(void **state)
{
	struct config_solution *word = &config.solutions[0];
	static const struct {
		uint32_t asked, granted, authorize, manifest_says, operator_says, miss;
	} cases[] = {
		{ 3, 2, 2, MANIFEST_FAIL_CLOSED, CONFIG_MISS_MANIFEST, MANIFEST_FAIL_CLOSED },
		{ 1, 2, 0, MANIFEST_FAIL_OPEN, CONFIG_MISS_MANIFEST, MANIFEST_FAIL_OPEN },
		{ 3, 3, 3, MANIFEST_FAIL_CLOSED, CONFIG_MISS_OPEN, MANIFEST_FAIL_OPEN },
		{ 0, 3, 0, MANIFEST_FAIL_OPEN, CONFIG_MISS_CLOSED, MANIFEST_FAIL_CLOSED },
		{ 3, 0, 0, MANIFEST_FAIL_CLOSED, CONFIG_MISS_CLOSED, MANIFEST_FAIL_CLOSED },
	};

	manifest.net = 3;
	word->net = 6;
	assert_int_equal(plan_fill(&plan, &manifest, word, "/p/sigma", 5, PLAN_RUN), 0);
	assert_int_equal(plan.net, 2);
	assert_int_equal(plan.authorize, 1u << RINGFORT_ACT_OPEN);
	assert_int_equal(plan.mode, CONFIG_SHADOW);
	word->mode = CONFIG_ENFORCE;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		manifest.authorize = cases[i].asked;
		manifest.miss = cases[i].manifest_says;
		word->authorize = cases[i].granted;
		word->miss = cases[i].operator_says;
		assert_int_equal(plan_fill(&plan, &manifest, word, "/p/sigma", 5, PLAN_RUN), 0);
		assert_int_equal(plan.authorize, cases[i].authorize);
		assert_int_equal(plan.mode, CONFIG_ENFORCE);
		assert_int_equal(plan.miss, cases[i].miss);
	}
}

static void the_operator_narrows_and_redirects(void **state)
{
	const struct config_solution *word = config_solution_find(&config, "sigma");

	assert_int_equal(plan_fill(&plan, &manifest, word, "/p/sigma", 5, PLAN_RUN), 0);
	assert_true(plan.events == 1ull << ringfort_type_net_connect);
	assert_int_equal(plan.options.share, SPAWN_SHARE_NETWORK);
	assert_string_equal(plan.options.arguments[1], "watch");
	assert_string_equal(plan.options.arguments[2], "-v");
	assert_null(plan.options.arguments[3]);
	assert_int_equal(plan.options.n_binds, 3);
	assert_string_equal(plan.options.binds[1].source, "/etc/a");
	assert_string_equal(plan.options.binds[2].source, "/etc/b");
	assert_string_equal(plan.options.binds[2].target, "/content/1");
}

static void a_probe_has_its_own_arguments_and_the_same_content(void **state)
{
	const struct config_solution *word = config_solution_find(&config, "sigma");

	assert_int_equal(plan_fill(&plan, &manifest, word, "/p/sigma", 5, PLAN_PROBE), 0);
	assert_string_equal(plan.options.arguments[1], "check");
	assert_string_equal(plan.options.arguments[2], "/content");
	assert_int_equal(plan.options.n_binds, 3);
	manifest.probe_arguments.n = 0;
	assert_int_equal(plan_fill(&plan, &manifest, word, "/p/sigma", 5, PLAN_PROBE), -ENOEXEC);
}

static void one_that_is_granted_nothing_does_not_start(void **state)
{
	config.solutions[0].grant = 1ull << ringfort_type_file_create;
	assert_int_equal(plan_fill(&plan, &manifest, &config.solutions[0], "/p/sigma", 5, PLAN_RUN),
			 -EACCES);
}

static void the_longest_of_everything_fits(void **state)
{
	char package[PLAIN_TEXT_SIZE];

	memset(package, 'p', sizeof(package));
	package[0] = '/';
	package[sizeof(package) - 1] = '\0';
	memset(manifest.executable, 'e', PLAIN_TEXT_SIZE - 1);
	memset(manifest.content, 'c', PLAIN_TEXT_SIZE - 1);
	manifest.arguments.n = PLAIN_LIST_MAX;
	assert_int_equal(plan_fill(&plan, &manifest, NULL, package, 5, PLAN_RUN), 0);
	assert_int_equal(strlen(plan.options.executable), strlen("/solution/") + PLAIN_TEXT_SIZE - 1);
	assert_int_equal(strlen(plan.options.binds[1].source), 2 * PLAIN_TEXT_SIZE - 1);
	assert_null(plan.options.arguments[PLAIN_LIST_MAX + 1]);
	config.solutions[0].content.n = PLAIN_LIST_MAX;
	assert_int_equal(plan_fill(&plan, &manifest, &config.solutions[0], package, 5, PLAN_RUN), 0);
	assert_string_equal(plan.options.binds[PLAIN_LIST_MAX].target, "/content/15");
	for (size_t i = plan.options.n_binds; i < SPAWN_MAX_BINDS; i++)
		assert_int_equal(plan_bind(&plan, "/x", "/y", false), 0);
	assert_int_equal(plan_bind(&plan, "/x", "/y", false), -ENOSPC);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, read_both)
	const struct CMUnitTest tests[] = {
		T(without_the_operators_word_the_manifest_has_its_way_but_shares_nothing),
		T(without_the_operators_word_nothing_is_decided),
		T(what_both_name_is_decided_and_the_operator_has_the_last_word_on_misses),
		T(the_operator_narrows_and_redirects),
		T(a_probe_has_its_own_arguments_and_the_same_content),
		T(one_that_is_granted_nothing_does_not_start),
		T(the_longest_of_everything_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
