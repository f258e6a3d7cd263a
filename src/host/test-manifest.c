/* SPDX-License-Identifier: Apache-2.0 */
/* Test-manifest - what manifest.yaml may say, and that nothing else passes. */
#undef NDEBUG
#include "host/manifest.h"
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

#define HEAD "name: sigma\nvendor: Ringfort\nversion: 0.1.0\napi: 1\nexecutable: bin/sigma\n"
#define GOOD HEAD "events: [process.exec]\n"

static struct manifest parse_good(const char *text)
{
	struct manifest manifest;
	struct yaml_error error = { 0 };

	if (manifest_parse(&manifest, text, strlen(text), &error) != 0)
		fail_msg("line %u: %s", error.line, error.reason);
	assert_true(manifest_check(&manifest));
	return manifest;
}

static void a_whole_manifest_is_read(void **state)
{
	struct manifest manifest = parse_good(
		HEAD "schema: 00000000deadbeef\narguments: [run, \"-v\"]\nprobe_arguments: [check]\n"
		     "content: content\nevents:\n  - process.exec\n  - 'net.connect'\nshare: [network]\n"
		     "authorize: [file.open, process.exec]\nmiss: fail-closed\n"
		     "limits:\n  memory_mb: 64\n  pids: 3\n  files: 32\n  cpu_percent: 50\n"
		     "  findings_per_second: 7\n");

	assert_string_equal(manifest.name, "sigma");
	assert_string_equal(manifest.vendor, "Ringfort");
	assert_string_equal(manifest.version, "0.1.0");
	assert_string_equal(manifest.executable, "bin/sigma");
	assert_string_equal(manifest.content, "content");
	assert_int_equal(manifest.schema, 0xdeadbeef);
	assert_int_equal(manifest.arguments.n, 2);
	assert_string_equal(manifest.arguments.text[1], "-v");
	assert_string_equal(manifest.probe_arguments.text[0], "check");
	assert_true(manifest.events ==
		    (1ull << ringfort_type_process_exec | 1ull << ringfort_type_net_connect));
	assert_int_equal(manifest.share, SPAWN_SHARE_NETWORK);
	assert_int_equal(manifest.authorize, 1u << RINGFORT_ACT_EXEC | 1u << RINGFORT_ACT_OPEN);
	assert_int_equal(manifest.miss, MANIFEST_FAIL_CLOSED);
	assert_int_equal(manifest.memory_mb, 64);
	assert_int_equal(manifest.n_pids, 3);
	assert_int_equal(manifest.n_files, 32);
	assert_int_equal(manifest.cpu_percent, 50);
	assert_int_equal(manifest.findings_per_second, 7);
}

static void what_is_left_out_has_its_default(void **state)
{
	struct manifest manifest = parse_good(GOOD);

	assert_int_equal(manifest.memory_mb, 256);
	assert_int_equal(manifest.n_pids, 8);
	assert_int_equal(manifest.n_files, 64);
	assert_int_equal(manifest.cpu_percent, 100);
	assert_int_equal(manifest.share, 0);
	assert_int_equal(manifest.authorize, 0);
	assert_int_equal(manifest.miss, MANIFEST_FAIL_OPEN);
	assert_int_equal(manifest.schema, 0);
	assert_string_equal(manifest.content, "");
}

static void an_act_is_asked_for_by_its_name(void **state)
{
	assert_int_equal(parse_good(GOOD "authorize: [process.exec]\n").authorize,
			 1u << RINGFORT_ACT_EXEC);
	assert_int_equal(parse_good(GOOD "authorize: [file.open]\n").authorize, 1u << RINGFORT_ACT_OPEN);
	assert_int_equal(parse_good(GOOD "authorize: []\n").authorize, 0);
	assert_int_equal(parse_good(GOOD "authorize: [net.bind, file.open]\n").net, 1u << RINGFORT_NET_BIND);
	assert_int_equal(parse_good(GOOD "authorize: [net.bind, file.open]\n").authorize, 1u << RINGFORT_ACT_OPEN);
	assert_int_equal(parse_good(GOOD "miss: fail-open\n").miss, MANIFEST_FAIL_OPEN);
}

static void a_star_means_every_type_of_the_schema(void **state)
{
	struct manifest manifest = parse_good(HEAD "events: [\"*\"]\n");

	for (uint32_t type = 0; type < RINGFORT_MAX_TYPES; type++)
		assert_int_equal(manifest.events >> type & 1, ringfort_type_info(type) != NULL);
}

static const struct {
	const char *text;
	unsigned int line;
	const char *reason; /* a part of it */
} refused[] = {
	{ "", 0, "is empty" },
	{ "# nothing\n", 0, "is empty" },
	{ "- a\n", 1, "must be a map, not a list" },
	{ "sigma\n", 1, "must be a map, not a value" },
	{ HEAD, 1, "'events' is missing" },
	{ "name: a\n", 1, "'vendor' is missing" },
	{ GOOD "colour: red\n", 7, "unknown key 'colour'" },
	{ GOOD "name: again\n", 7, "'name' is given twice" },
	{ HEAD "events: [process.exec, process.exec]\n", 6, "given twice" },
	{ HEAD "events: [\"*\", process.exec]\n", 6, "given twice" },
	{ HEAD "events: []\n", 6, "events is empty" },
	{ HEAD "events: process.exec\n", 6, "must be a list, not a value" },
	{ HEAD "events:\n  - process.exec\n  - process.dance\n", 8, "'process.dance' is not known" },
	{ HEAD "events: [*]\n", 6, "" },
	{ HEAD "events: [[process.exec]]\n", 6, "must be a value, not a list" },
	{ GOOD "share: [mount]\n", 7, "'mount' is not known" },
	{ GOOD "share: [user]\n", 7, "'user' is not known" },
	{ GOOD "authorize: [net.accept]\n", 7, "authorize: 'net.accept' is not known" },
	{ GOOD "authorize: [\"*\"]\n", 7, "authorize: '*' is not known" },
	{ GOOD "authorize:\n  - file.open\n  - file.open\n", 9, "'file.open' is given twice" },
	{ GOOD "authorize: process.exec\n", 7, "authorize must be a list, not a value" },
	{ GOOD "authorize: [[process.exec]]\n", 7, "must be a value, not a list" },
	{ GOOD "miss: open\n", 7, "miss must be fail-open or fail-closed" },
	{ GOOD "miss: fail-closed-please\n", 7, "miss must be fail-open or fail-closed" },
	{ GOOD "miss:\n", 7, "miss must be fail-open or fail-closed" },
	{ GOOD "miss: [fail-open]\n", 7, "miss must be a value, not a list" },
	{ GOOD "mode: shadow\n", 7, "unknown key 'mode'" },
	{ GOOD "limits: {memory_mb: 7}\n", 7, "memory_mb: 7 is not within 8 to 16384" },
	{ GOOD "limits:\n  pids: 0\n", 8, "pids: 0 is not within" },
	{ GOOD "limits:\n  pids: 513\n", 8, "pids: 513 is not within" },
	{ GOOD "limits:\n  pids: 4294967297\n", 8, "is not within" },
	{ GOOD "limits:\n  pids: 99999999999999999999\n", 8, "must be a decimal number" },
	{ GOOD "limits:\n  pids: 010\n", 8, "must be a decimal number" },
	{ GOOD "limits:\n  pids: 0x10\n", 8, "must be a decimal number" },
	{ GOOD "limits:\n  pids: -1\n", 8, "must be a decimal number" },
	{ GOOD "limits:\n  pids: +1\n", 8, "must be a decimal number" },
	{ GOOD "limits:\n  pids: 1e1\n", 8, "must be a decimal number" },
	{ GOOD "limits:\n  pids: \"1\"\n", 8, "must be a decimal number" },
	{ GOOD "limits:\n  pids:\n", 8, "must be a decimal number" },
	{ GOOD "limits:\n  pids: 1\n  pids: 2\n", 9, "'pids' is given twice" },
	{ GOOD "limits:\n  cores: 2\n", 8, "unknown key 'cores'" },
	{ GOOD "limits: 5\n", 7, "limits must be a map, not a value" },
	{ GOOD "schema: abc\n", 7, "16 hexadecimal digits" },
	{ GOOD "schema: 00000000DEADBEEF\n", 7, "16 hexadecimal digits" },
	{ GOOD "content: /etc\n", 7, "path below the package" },
	{ GOOD "content: ../x\n", 7, "path below the package" },
	{ GOOD "content: a/../../x\n", 7, "path below the package" },
	{ GOOD "content: a//b\n", 7, "path below the package" },
	{ GOOD "content: a/\n", 7, "path below the package" },
	{ GOOD "content: .\n", 7, "path below the package" },
	{ GOOD "content: ''\n", 7, "path below the package" },
	{ GOOD "arguments: [\"a\\0b\"]\n", 7, "control characters" },
	{ GOOD "arguments: [\"a\\nb\"]\n", 7, "control characters" },
	{ GOOD "arguments: [\"a\\eb\"]\n", 7, "control characters" },
	{ GOOD "arguments: |\n  a\n  b\n", 7, "several lines" },
	{ GOOD "arguments: [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]\n", 7, "more than 16" },
	{ GOOD "arguments: &x [a]\n", 7, "anchors and tags" },
	{ GOOD "arguments: [&x a]\n", 7, "anchors and tags" },
	{ GOOD "arguments: [*x]\n", 7, "alias" },
	{ GOOD "arguments: [!!str a]\n", 7, "anchors and tags" },
	{ GOOD "limits: !x {pids: 1}\n", 7, "anchors and tags" },
	{ GOOD "? [a]\n: b\n", 7, "a key must be a simple word" },
	{ GOOD "? {a: b}\n: c\n", 7, "a key must be a simple word" },
	{ GOOD "<<: {pids: 1}\n", 7, "unknown key '<<'" },
	{ GOOD "---\nname: b\n", 7, "second document" },
	{ GOOD "arguments: [[[[[[[[a]]]]]]]]\n", 7, "deeper than 8" },
	{ GOOD "arguments: [a\n", 8, "" },
	{ GOOD "\targuments: [a]\n", 7, "" },
	{ GOOD "vendor\n", 8, "" },
	{ "name: Sigma\n", 1, "name must be 1 to 32 of" },
	{ "name: a.b\n", 1, "name must be 1 to 32 of" },
	{ "name: ringfort\n", 1, "and not ringfort" },
	{ "name: ''\n", 1, "name must be 1 to 32 of" },
	{ "name: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n", 1, "name is longer than 32 bytes" },
	{ "vendor: ''\n", 1, "vendor must not be empty" },
	{ "api: 2\n", 1, "api: 2 is not within 1 to 1" },
	{ "executable: /bin/sh\n", 1, "path below the package" },
	{ "vendor: \xff\xfe\n", 1, "" },
};

static void what_is_wrong_is_refused_with_its_line_and_reason(void **state)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct manifest manifest, before;
		struct yaml_error error = { 0 };
		int r;

		memset(&manifest, 0x5a, sizeof(manifest));
		before = manifest;
		r = manifest_parse(&manifest, refused[i].text, strlen(refused[i].text), &error);
		if (r != YAML_REFUSED || error.line != refused[i].line ||
		    !strstr(error.reason, refused[i].reason) || !error.reason[0])
			fail_msg("case %zu: %d, line %u: %s\n%s", i, r, error.line, error.reason,
				 refused[i].text);
		assert_memory_equal(&manifest, &before, sizeof(manifest));
	}
}

static void a_file_of_more_than_64_kib_is_refused(void **state)
{
	char *text = malloc(YAML_MAX_BYTES + 1);
	struct yaml_error error = { 0 };
	struct manifest manifest;

	assert_non_null(text);
	memset(text, '#', YAML_MAX_BYTES + 1);
	memcpy(text, GOOD, sizeof(GOOD) - 1);
	assert_int_equal(manifest_parse(&manifest, text, YAML_MAX_BYTES, &error), 0);
	assert_int_equal(manifest_parse(&manifest, text, YAML_MAX_BYTES + 1, &error), YAML_REFUSED);
	assert_string_equal(error.reason, "longer than 65536 bytes");
	free(text);
}

/* Each spoils one member of what came through the pipe. */
static void spoil(struct manifest *m, unsigned int which)
{
	switch (which) {
	case 0: memset(m->name, 'a', sizeof(m->name)); break;
	case 1: m->name[0] = '/'; break;
	case 2: m->name[sizeof(m->name) - 1] = 'x'; break;
	case 3: memset(m->vendor, 0, sizeof(m->vendor)); break;
	case 4: m->vendor[0] = '\n'; break;
	case 5: memcpy(m->executable, "../x", 5); break;
	case 6: memcpy(m->executable, "/x", 3); break;
	case 7: memset(m->executable, 'a', sizeof(m->executable)); break;
	case 8: memcpy(m->content, "..", 2); break;
	case 9: m->content[200] = 'x'; break;
	case 10: m->api = 7; break;
	case 11: m->events = 0; break;
	case 12: m->events |= 1; break;
	case 13: m->share = 1u << 31; break;
	case 14: m->memory_mb = 0; break;
	case 15: m->memory_mb = UINT32_MAX; break;
	case 16: m->cpu_percent = 0; break;
	case 17: m->n_pids = UINT32_MAX; break;
	case 18: m->n_files = 0; break;
	case 19: m->findings_per_second = 0; break;
	case 20: m->arguments.n = PLAIN_LIST_MAX + 1; break;
	case 21: m->arguments.n = UINT32_MAX; break;
	case 22: m->arguments.text[3][0] = 'x'; break;
	case 23: m->arguments.n = 1; memset(m->arguments.text[0], 'a', PLAIN_TEXT_SIZE); break;
	case 24: m->probe_arguments.n = UINT32_MAX; break;
	case 25: m->version[0] = 0x1b; break;
	case 26: memset(m->version, 'x', sizeof(m->version)); break;
	case 27: m->authorize = 1u << _RINGFORT_ACT_N; break;
	case 28: m->authorize = UINT32_MAX; break;
	case 29: m->miss = _MANIFEST_MISS_N; break;
	case 30: m->miss = UINT32_MAX; break;
	case 31: m->net = 1u << _RINGFORT_NET_ACT_N; break;
	default: fail_msg("no case %u", which);
	}
}

static void a_spoiled_struct_does_not_pass_the_check(void **state)
{
	for (unsigned int which = 0; which <= 31; which++) {
		struct manifest manifest = parse_good(GOOD);

		spoil(&manifest, which);
		if (manifest_check(&manifest))
			fail_msg("case %u passed", which);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_manifest_is_read),
		cmocka_unit_test(what_is_left_out_has_its_default),
		cmocka_unit_test(an_act_is_asked_for_by_its_name),
		cmocka_unit_test(a_star_means_every_type_of_the_schema),
		cmocka_unit_test(what_is_wrong_is_refused_with_its_line_and_reason),
		cmocka_unit_test(a_file_of_more_than_64_kib_is_refused),
		cmocka_unit_test(a_spoiled_struct_does_not_pass_the_check),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
