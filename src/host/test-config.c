/* SPDX-License-Identifier: Apache-2.0 */
/* Test-config - what ringfortd.yaml may say, in which order files win, and that nothing else passes. */
#undef NDEBUG
#include "base/log.h"
#include "host/config.h"
#include "host/scopes.h"
#include "host/spawn.h"

#include <assert.h>
#include <ringfort/event.h>
#include <ringfort/net.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct config config;

static int set_defaults(void **state)
{
	config_default(&config);
	return 0;
}

static void read_good(const char *text)
{
	struct yaml_error error = { 0 };

	if (config_parse(&config, text, strlen(text), &error) != 0)
		fail_msg("line %u: %s", error.line, error.reason);
	assert_true(config_check(&config));
}

static void without_a_file_every_package_runs_as_it_asks(void **state)
{
	assert_true(config_check(&config));
	assert_int_equal(config.all_packages, 1);
	assert_int_equal(config.n_solutions, 0);
	assert_int_equal(config.uid_first, 1900000000);
	assert_int_equal(config.uid_count, 256);
	assert_int_equal(config.log_level, LOG_LEVEL_INFO);
	assert_string_equal(config.environment[0], "LD_*");
	assert_int_equal(config.gate_enabled, 1);
	assert_int_equal(config.gate_deadline_ms, 1000);
	assert_int_equal(config.gate_hold_ms, 0);
	assert_int_equal(config.gate_deny_critical, 0);
	assert_int_equal(config.gate_exec.n, 0);
}

static void a_whole_file_is_read(void **state)
{
	const struct config_solution *sigma;

	read_good("log_level: debug\n"
		  "solutions:\n"
		  "  - name: sigma\n"
		  "    package: /opt/sigma\n"
		  "    grant: [process.exec]\n"
		  "    share: [network]\n"
		  "    content: [/etc/rules, /srv/more]\n"
		  "    arguments: []\n"
		  "    authorize: [process.exec, file.open]\n"
		  "    scopes: [/srv/in, /data]\n"
		  "    mode: shadow\n"
		  "    miss: fail-closed\n"
		  "  - {name: yara, enabled: false}\n"
		  "uid_range: {first: 2000000000, count: 10}\n"
		  "environment: [PATH, \"LD_*\"]\n"
		  "rings: {rare_kb: 64, bulk_kb: 128, broadcast_kb: 1024}\n"
		  "findings: {max_mb: 1, files: 2}\n"
		  "gate: {enabled: false, deadline_ms: 250, soft_deadline_ms: 40, hold_ms: 600000, exec: [/, /srv/data], deny_critical: true,\n"
		  "       open: [/srv/in, /usr/local], open_filesystems: [/data]}\n");
	assert_int_equal(config.log_level, LOG_LEVEL_DEBUG);
	assert_int_equal(config.all_packages, 0);
	assert_int_equal(config.n_solutions, 2);
	sigma = config_solution_find(&config, "sigma");
	assert_non_null(sigma);
	assert_string_equal(sigma->package, "/opt/sigma");
	assert_true(sigma->grant == 1ull << ringfort_type_process_exec);
	assert_int_equal(sigma->share, SPAWN_SHARE_NETWORK);
	assert_int_equal(sigma->content.n, 2);
	assert_int_equal(sigma->own_arguments, 1);
	assert_int_equal(sigma->arguments.n, 0);
	assert_int_equal(sigma->authorize, 1u << RINGFORT_ACT_EXEC | 1u << RINGFORT_ACT_OPEN);
	assert_int_equal(sigma->mode, CONFIG_SHADOW);
	assert_int_equal(sigma->miss, CONFIG_MISS_CLOSED);
	assert_int_equal(config_solution_find(&config, "yara")->enabled, 0);
	assert_int_equal(config_solution_find(&config, "yara")->own_arguments, 0);
	assert_null(config_solution_find(&config, "zeek"));
	assert_int_equal(config.uid_first, 2000000000);
	assert_int_equal(config.n_environment, 2);
	assert_int_equal(config.rare_kb, 64);
	assert_int_equal(config.findings_files, 2);
	assert_int_equal(config.gate_enabled, 0);
	assert_int_equal(config.gate_deadline_ms, 250);
	assert_int_equal(config.gate_soft_deadline_ms, 40);
	assert_int_equal(config.gate_hold_ms, 600000);
	assert_int_equal(config.gate_deny_critical, 1);
	assert_int_equal(config.gate_exec.n, 2);
	assert_string_equal(config.gate_exec.text[0], "/");
	assert_string_equal(config.gate_exec.text[1], "/srv/data");
	assert_int_equal(sigma->scopes.n, 2);
	assert_int_equal(scopes_n(&config), 3);
	assert_string_equal(scopes_path(&config, 1), "/usr/local");
	assert_string_equal(scopes_path(&config, 2), "/data");
	assert_true(!scopes_whole(&config, 1) && scopes_whole(&config, 2));
}

static void a_scope_is_no_place_where_the_system_lives(void **state)
{
	static const char *const refused[] = { "/", "/usr", "/usr/lib", "/usr/lib/x", "/etc", "/etc/ssl", "/var", "/var/lib",
					       "/var/log/x", "/lib64", "srv", "/srv/../etc" };
	static const char *const good[] = { "/srv", "/usr/local", "/usr/library", "/home", "/var/www", "/binaries" };

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (scopes_may_name(refused[i]))
			fail_msg("passed: %s", refused[i]);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (!scopes_may_name(good[i]))
			fail_msg("refused: %s", good[i]);
}

static void who_takes_part_where_is_said_by_scopes(void **state)
{
	const uint32_t open = 1u << RINGFORT_ACT_OPEN, modify = 1u << RINGFORT_ACT_MODIFY;

	read_good("gate: {open: [/a, /b], open_filesystems: [/c]}\n"
		  "solutions: [{name: all, authorize: [file.open]}, {name: one, authorize: [file.modify, process.exec], scopes: [/b]},\n"
		  " {name: off, enabled: false, authorize: [file.modify]}, {name: lost, scopes: [/b, /d]}]\n");
	assert_int_equal(scopes_of(&config, &config.solutions[0]), 7);
	assert_int_equal(scopes_of(&config, &config.solutions[1]), 2);
	assert_int_equal(scopes_acts(&config, 0), open);
	assert_int_equal(scopes_acts(&config, 1), open | modify);
	assert_null(scopes_unknown(&config, &config.solutions[1]));
	assert_string_equal(scopes_unknown(&config, &config.solutions[3]), "/d");
	/* Nobody who is asked: nothing is marked. */
	config_default(&config);
	read_good("gate: {open: [/a]}\nsolutions: [{name: a, authorize: [process.exec]}]\n");
	assert_int_equal(scopes_acts(&config, 0), 0);
}

static void a_solution_decides_nothing_unless_the_operator_says_so(void **state)
{
	read_good("solutions: [{name: a}, {name: b, mode: enforce, miss: fail-open, authorize: []}]\n");
	assert_int_equal(config.solutions[0].authorize, 0);
	assert_int_equal(config.solutions[0].mode, CONFIG_ENFORCE);
	assert_int_equal(config.solutions[0].miss, CONFIG_MISS_MANIFEST);
	assert_int_equal(config.solutions[1].authorize, 0);
	assert_int_equal(config.solutions[1].mode, CONFIG_ENFORCE);
	assert_int_equal(config.solutions[1].miss, CONFIG_MISS_OPEN);
}

static void a_drop_in_replaces_what_it_names_and_nothing_else(void **state)
{
	read_good("solutions: [{name: a, package: /p/a, share: [uts]}, {name: b}]\nuid_range: {count: 5}\n");
	read_good("solutions: [{name: a, package: /q/a}, {name: c}]\nuid_range: {first: 100000}\n");
	assert_int_equal(config.n_solutions, 3);
	assert_string_equal(config.solutions[0].package, "/q/a");
	assert_int_equal(config.solutions[0].share, 0);
	assert_string_equal(config.solutions[1].name, "b");
	assert_string_equal(config.solutions[2].name, "c");
	assert_int_equal(config.uid_first, 100000);
	assert_int_equal(config.uid_count, 5);
}

static void net_acts_have_a_mask_of_their_own_and_dhcp_is_protected(void **state)
{
	read_good("solutions: [{name: a, authorize: [net.send, process.exec, net.connect]}, {name: b, enabled: false}]\n");
	assert_int_equal(config.solutions[0].authorize, 1u << RINGFORT_ACT_EXEC);
	assert_int_equal(config.solutions[0].net, 1u << RINGFORT_NET_CONNECT | 1u << RINGFORT_NET_SEND);
	assert_true(config_rules_net(&config));
	assert_int_equal(config.gate_net_protect.n, 1);
	assert_string_equal(config.gate_net_protect.text[0], "dhcp");
	read_good("solutions: [{name: a, enabled: false, authorize: [net.bind]}]\n"
		  "gate: {net_protect: [dns, loopback, 192.0.2.0/24, '2001:db8::1']}\n");
	assert_false(config_rules_net(&config));
	assert_int_equal(config.gate_net_protect.n, 4);
	read_good("gate: {net_protect: []}\n");
	assert_int_equal(config.gate_net_protect.n, 0);
}

static void what_becomes_of_images_outside_is_said_by_kind_and_a_gap_is_no_kind(void **state)
{
	struct yaml_error error = { 0 };
	static const char gap[] = "gate: {outside: {gap: kill}}\n", word[] = "gate: {outside: {memfd: freeze}}\n";

	assert_true(config_outside(&config) == 0);
	assert_int_equal(config.gate_outside_uid_first, 0);
	assert_int_equal(config.gate_outside_uid_count, UINT32_MAX);
	read_good("gate: {outside: {memfd: kill, user_mount: report}}\n");
	read_good("gate: {outside: {elsewhere: kill, user_mount: ignore, uid_range: {first: 1000, count: 9}}}\n");
	assert_int_equal(config.gate_outside_uid_first, 1000);
	assert_int_equal(config.gate_outside_uid_count, 9);
	assert_true(config_outside(&config) == (BACKSTOP_SAYS(BACKSTOP_MEMFD, BACKSTOP_KILL) |
						BACKSTOP_SAYS(BACKSTOP_ELSEWHERE, BACKSTOP_KILL)));
	read_good("gate: {outside: {memfd: stop}}\n");
	assert_true(BACKSTOP_SAID(config_outside(&config), BACKSTOP_MEMFD) == BACKSTOP_STOP);
	assert_int_equal(config_parse(&config, gap, strlen(gap), &error), YAML_REFUSED);
	assert_int_equal(config_parse(&config, word, strlen(word), &error), YAML_REFUSED);
	config.gate_outside[BACKSTOP_MEMFD] = _BACKSTOP_POLICY_N;
	assert_false(config_check(&config));
	config.gate_outside[BACKSTOP_MEMFD] = 0;
	config.gate_outside[_BACKSTOP_KIND_N] = 1;
	assert_false(config_check(&config));
}

static void a_drop_in_changes_keys_of_the_gate_and_what_a_solution_may_decide(void **state)
{
	read_good("solutions: [{name: a, authorize: [process.exec], mode: shadow, miss: fail-open}]\n"
		  "gate: {deadline_ms: 50, exec: [/srv, /opt], deny_critical: true}\n");
	read_good("solutions: [{name: a, authorize: [file.open]}]\ngate: {exec: [/data], enabled: false}\n");
	assert_int_equal(config.solutions[0].authorize, 1u << RINGFORT_ACT_OPEN);
	assert_int_equal(config.solutions[0].mode, CONFIG_ENFORCE);
	assert_int_equal(config.solutions[0].miss, CONFIG_MISS_MANIFEST);
	assert_int_equal(config.gate_enabled, 0);
	assert_int_equal(config.gate_deadline_ms, 50);
	assert_int_equal(config.gate_deny_critical, 1);
	assert_int_equal(config.gate_exec.n, 1);
	assert_string_equal(config.gate_exec.text[0], "/data");
	assert_string_equal(config.gate_exec.text[1], "");
	read_good("gate: {exec: []}\n");
	assert_int_equal(config.gate_exec.n, 0);
}

static void an_empty_list_of_solutions_runs_none(void **state)
{
	read_good("solutions: []\n");
	assert_int_equal(config.all_packages, 0);
	assert_int_equal(config.n_solutions, 0);
}

static const struct {
	const char *text;
	unsigned int line;
	const char *reason;
} refused[] = {
	{ "", 0, "is empty" },
	{ "log_level: loud\n", 1, "log_level must be error, warning, info or debug" },
	{ "loglevel: info\n", 1, "unknown key 'loglevel'" },
	{ "solutions: sigma\n", 1, "solutions must be a list" },
	{ "solutions:\n  - package: /x\n", 2, "'name' is missing" },
	{ "solutions:\n  - name: a\n  - name: a\n", 3, "'a' is given twice" },
	{ "solutions:\n  - name: a\n    colour: red\n", 3, "unknown key 'colour'" },
	{ "solutions:\n  - name: a\n    package: rel\n", 3, "package must be an absolute path" },
	{ "solutions:\n  - name: a\n    package: /a/../b\n", 3, "package must be an absolute path" },
	{ "solutions:\n  - name: a\n    package: /\n", 3, "package must be an absolute path" },
	{ "solutions:\n  - name: a\n    content: [rules]\n", 3, "content must be absolute paths" },
	{ "solutions:\n  - name: a\n    content: /rules\n", 3, "content must be a list" },
	{ "solutions:\n  - name: a\n    enabled: yes\n", 3, "enabled must be true or false" },
	{ "solutions:\n  - name: a\n    enabled: \"true\"\n", 3, "enabled must be true or false" },
	{ "solutions:\n  - name: a\n    grant: [all]\n", 3, "'all' is not known" },
	{ "solutions:\n  - name: a\n    grant: []\n", 3, "grant is empty" },
	{ "uid_range: {first: 0}\n", 1, "first: 0 is not within" },
	{ "uid_range: {first: 1000}\n", 1, "first: 1000 is not within" },
	{ "uid_range: {first: 4294967295}\n", 1, "is not within" },
	{ "uid_range: {count: 0}\n", 1, "count: 0 is not within" },
	{ "environment: PATH\n", 1, "environment must be a list" },
	{ "environment: [\"*\"]\n", 1, "name of a variable" },
	{ "environment: [\"A*B\"]\n", 1, "name of a variable" },
	{ "environment: [\"A=B\"]\n", 1, "name of a variable" },
	{ "environment: ['']\n", 1, "name of a variable" },
	{ "rings: {rare_kb: 100}\n", 1, "powers of two" },
	{ "rings: {bulk_kb: 32}\n", 1, "bulk_kb: 32 is not within" },
	{ "findings: {files: 1}\n", 1, "files: 1 is not within" },
	{ "solutions:\n  - name: a\n    authorize: [net.accept]\n", 3, "'net.accept' is not known" },
	{ "solutions:\n  - name: a\n    authorize: [net.bind, net.bind]\n", 3, "'net.bind' is given twice" },
	{ "gate: {net_protect: [everything]}\n", 1, "net_protect must be dhcp" },
	{ "gate: {net_protect: [192.0.2.1/24]}\n", 1, "net_protect must be dhcp" },
	{ "gate: {net_protect: dhcp}\n", 1, "net_protect must be a list" },
	{ "solutions:\n  - name: a\n    authorize: [\"*\"]\n", 3, "authorize: '*' is not known" },
	{ "solutions:\n  - name: a\n    authorize: process.exec\n", 3, "authorize must be a list" },
	{ "solutions:\n  - name: a\n    authorize:\n      - file.open\n      - file.open\n", 5,
	  "'file.open' is given twice" },
	{ "solutions:\n  - name: a\n    mode: block\n", 3, "mode must be enforce or shadow" },
	{ "solutions:\n  - name: a\n    mode: [shadow]\n", 3, "mode must be a value, not a list" },
	{ "solutions:\n  - name: a\n    miss: closed\n", 3, "miss must be fail-open or fail-closed" },
	{ "solutions:\n  - name: a\n    miss:\n", 3, "miss must be fail-open or fail-closed" },
	{ "gate: true\n", 1, "gate must be a map, not a value" },
	{ "gate:\n  scope: [/]\n", 2, "unknown key 'scope'" },
	{ "gate:\n  open: [/etc]\n", 2, "not where the system lives" },
	{ "gate:\n  open_filesystems: [/]\n", 2, "not where the system lives" },
	{ "gate:\n  open: [/a, /b, /c, /d, /e, /f, /g, /h]\n  open_filesystems: [/i, /j, /k, /l, /m, /n, /o, /p, /q]\n", 2,
	  "more than 16 entries together" },
	{ "solutions:\n  - name: a\n    scopes: [srv]\n", 3, "scopes must be absolute paths" },
	{ "gate:\n  enabled: on\n", 2, "enabled must be true or false" },
	{ "gate:\n  deny_critical: 1\n", 2, "deny_critical must be true or false" },
	{ "gate:\n  deadline_ms: 9\n", 2, "deadline_ms: 9 is not within 10 to 60000" },
	{ "gate:\n  deadline_ms: 60001\n", 2, "deadline_ms: 60001 is not within 10 to 60000" },
	{ "gate:\n  deadline_ms: 1s\n", 2, "deadline_ms must be a decimal number" },
	{ "gate:\n  exec: /srv\n", 2, "exec must be a list, not a value" },
	{ "gate:\n  exec:\n    - /srv\n    - opt\n", 4, "exec must be absolute paths" },
	{ "gate:\n  exec: [/srv/../etc]\n", 2, "exec must be absolute paths" },
	{ "gate:\n  exec: [//]\n", 2, "exec must be absolute paths" },
	{ "gate:\n  exec: ['']\n", 2, "exec must be absolute paths" },
	{ "gate:\n  exec: [/,/,/,/,/,/,/,/,/,/,/,/,/,/,/,/,/]\n", 2, "exec has more than 16 entries" },
};

static void what_is_wrong_is_refused_and_changes_nothing(void **state)
{
	static struct config before;

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct yaml_error error = { 0 };
		int r;

		before = config;
		r = config_parse(&config, refused[i].text, strlen(refused[i].text), &error);
		if (r != YAML_REFUSED || error.line != refused[i].line ||
		    !strstr(error.reason, refused[i].reason))
			fail_msg("case %zu: %d, line %u: %s\n%s", i, r, error.line, error.reason,
				 refused[i].text);
		assert_memory_equal(&config, &before, sizeof(config));
	}
}

static void the_thirty_third_solution_is_refused(void **state)
{
	char text[4096] = "solutions:\n";
	struct yaml_error error = { 0 };

	for (int i = 0; i <= CONFIG_MAX_SOLUTIONS; i++)
		sprintf(text + strlen(text), " - {name: s%d}\n", i);
	assert_int_equal(config_parse(&config, text, strlen(text), &error), YAML_REFUSED);
	assert_int_equal(error.line, CONFIG_MAX_SOLUTIONS + 2);
	assert_string_equal(error.reason, "more than 32 solutions");
}

static void a_spoiled_struct_does_not_pass_the_check(void **state)
{
	static struct config good;

	read_good("solutions: [{name: a, package: /p}, {name: b}]\n");
	good = config;
#define SPOIL(statement) \
	do { \
		config = good; \
		statement; \
		if (config_check(&config)) \
			fail_msg("passed: %s", #statement); \
	} while (0)
	SPOIL(config.n_solutions = CONFIG_MAX_SOLUTIONS + 1);
	SPOIL(config.n_solutions = UINT32_MAX);
	SPOIL(config.all_packages = 1);
	SPOIL(config.solutions[1].name[0] = 'a');
	SPOIL(config.solutions[0].name[0] = '/');
	SPOIL(memset(config.solutions[0].package, 'a', PLAIN_TEXT_SIZE));
	SPOIL(memcpy(config.solutions[0].package, "x", 2));
	SPOIL(config.solutions[0].enabled = 2);
	SPOIL(config.solutions[0].authorize = 1u << _RINGFORT_ACT_N);
	SPOIL(config.solutions[0].authorize = UINT32_MAX);
	SPOIL(config.solutions[0].net = 1u << _RINGFORT_NET_ACT_N);
	SPOIL(config.gate_net_protect.n = 2);
	SPOIL(config.gate_open.n = 1);
	SPOIL(config.solutions[0].scopes.n = 1);
	SPOIL((config.solutions[0].scopes.n = 1, memcpy(config.solutions[0].scopes.text[0], "/etc", 5)));
	SPOIL(memcpy(config.gate_net_protect.text[0], "none", 5));
	SPOIL(config.solutions[0].mode = _CONFIG_MODE_N);
	SPOIL(config.solutions[0].miss = _CONFIG_MISS_N);
	SPOIL(config.solutions[0].own_arguments = 2);
	SPOIL(config.solutions[0].grant = 0);
	SPOIL(config.solutions[0].grant = UINT64_MAX);
	SPOIL(config.solutions[0].share = UINT32_MAX);
	SPOIL(config.solutions[0].content.n = 1);
	SPOIL(config.solutions[0].arguments.n = 99);
	SPOIL(config.uid_first = 0);
	SPOIL(config.uid_count = 0);
	SPOIL(config.n_environment = CONFIG_MAX_ENVIRONMENT + 1);
	SPOIL(memset(config.environment[0], 'A', CONFIG_VARIABLE_SIZE));
	SPOIL(config.rare_kb = 65);
	SPOIL(config.broadcast_kb = 0);
	SPOIL(config.findings_files = 0);
	SPOIL(config.log_level = 5);
	SPOIL(config.gate_enabled = 2);
	SPOIL(config.gate_deny_critical = UINT32_MAX);
	SPOIL(config.gate_deadline_ms = 0);
	SPOIL(config.gate_deadline_ms = 60001);
	SPOIL(config.gate_soft_deadline_ms = 60001);
	SPOIL(config.gate_hold_ms = 600001);
	SPOIL(config.gate_exec.n = 1);
	SPOIL(config.gate_exec.n = UINT32_MAX);
	SPOIL(memcpy(config.gate_exec.text[0], "/x", 2));
	SPOIL(config.gate_exec.n = 1; memcpy(config.gate_exec.text[0], "x", 1));
	SPOIL(config.gate_exec.n = 1; memset(config.gate_exec.text[0], '/', PLAIN_TEXT_SIZE));
#undef SPOIL
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(without_a_file_every_package_runs_as_it_asks, set_defaults),
		cmocka_unit_test_setup(a_whole_file_is_read, set_defaults),
		cmocka_unit_test_setup(a_solution_decides_nothing_unless_the_operator_says_so, set_defaults),
		cmocka_unit_test_setup(a_scope_is_no_place_where_the_system_lives, set_defaults),
		cmocka_unit_test_setup(who_takes_part_where_is_said_by_scopes, set_defaults),
		cmocka_unit_test_setup(net_acts_have_a_mask_of_their_own_and_dhcp_is_protected, set_defaults),
		cmocka_unit_test_setup(what_becomes_of_images_outside_is_said_by_kind_and_a_gap_is_no_kind,
					set_defaults),
		cmocka_unit_test_setup(a_drop_in_changes_keys_of_the_gate_and_what_a_solution_may_decide,
				       set_defaults),
		cmocka_unit_test_setup(a_drop_in_replaces_what_it_names_and_nothing_else, set_defaults),
		cmocka_unit_test_setup(an_empty_list_of_solutions_runs_none, set_defaults),
		cmocka_unit_test_setup(what_is_wrong_is_refused_and_changes_nothing, set_defaults),
		cmocka_unit_test_setup(the_thirty_third_solution_is_refused, set_defaults),
		cmocka_unit_test_setup(a_spoiled_struct_does_not_pass_the_check, set_defaults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
