/* SPDX-License-Identifier: Apache-2.0 */
/* Test-live - from Ringfort's events to hits, and from hits to findings */
#include "fold.h"
#include "mapping.h"
#include "test-support.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

/* ---- events ------------------------------------------------------------------------------ */

struct record {
	struct ringfort_event event;
	char body[512];
	char strings[4096];
	size_t n_strings;
};

static struct ringfort_span put(struct record *record, const char *text, size_t n)
{
	struct ringfort_span span = {
		.offset = (uint32_t)(offsetof(struct record, strings) + record->n_strings),
		.length = (uint32_t)n,
	};

	memcpy(record->strings + record->n_strings, text, n);
	record->strings[record->n_strings + n] = 0;
	record->n_strings += n + 1;
	return span;
}

static struct ringfort_span put_text(struct record *record, const char *text)
{
	return put(record, text, strlen(text));
}

static void begin(struct record *record, uint16_t type, const char *exe, const char *called)
{
	memset(record, 0, sizeof(*record));
	record->event.size = sizeof(*record) & ~7u;
	record->event.type = type;
	record->event.process.pid = 42;
	record->event.process.uid = 1000;
	record->event.process.exe = put_text(record, exe);
	record->event.process.exe_called = put_text(record, called);
	record->event.process.cwd = put_text(record, "/srv");
	record->event.process.parent_exe = put_text(record, "/usr/bin/make");
}

static struct ringfort_process_exec *begin_exec(struct record *record, const char *file,
						const char *called, const char *argv, size_t n_argv)
{
	struct ringfort_process_exec *exec = (struct ringfort_process_exec *)record->body;

	begin(record, ringfort_type_process_exec, file, called);
	exec->file.path = put_text(record, file);
	exec->called = put_text(record, called);
	exec->argv = put(record, argv, n_argv);
	exec->argc = 2;
	exec->cwd = put_text(record, "/home/u");
	exec->stdin_is = RINGFORT_STDIO_SOCKET;
	return exec;
}

#define ARGV(text) text, sizeof(text) - 1

/* ---- rules ------------------------------------------------------------------------------- */

struct setup {
	struct sigma_rules *rules;
	struct mapping *mapping;
	char titles[256];
	struct mapping_hit hit;
};

static void set_up(struct setup *setup, const char *text)
{
	memset(setup, 0, sizeof(*setup));
	assert_int_equal(sigma_rules_load_text(&setup->rules, "t", text, strlen(text),
					       &(struct sigma_options){
						       .sources = sigma_live_sources,
						       .n_sources = SIGMA_N_LIVE_SOURCES }),
			 0);
	assert_int_equal(sigma_rules_count(setup->rules, SIGMA_REFUSED), 0);
	assert_int_equal(mapping_new(&setup->mapping, setup->rules), 0);
}

static void take_down(struct setup *setup)
{
	mapping_free(setup->mapping);
	sigma_rules_free(setup->rules);
}

static void on_hit(const struct mapping_hit *hit, void *userdata)
{
	struct setup *setup = userdata;

	setup->hit = *hit;
	strcat(setup->titles, sigma_rule_info(hit->rule)->title);
	strcat(setup->titles, " ");
}

static const char *titles(struct setup *setup, const struct record *record)
{
	setup->titles[0] = 0;
	assert_true(mapping_match(setup->mapping, &record->event, on_hit, setup) >= 0);
	return setup->titles;
}

#define RULE(title, source, selection) \
	"title: " title "\nid: id-" title "\nlogsource: {product: linux, " source "}\n" \
	"detection:\n  s: {" selection "}\n  condition: s\n---\n"
#define EXEC "category: process_creation"
#define AUDITD "service: auditd"

static void an_execution_is_a_process_creation(void **state)
{
	struct setup setup;
	struct record record;
	struct ringfort_process_exec *exec;

	set_up(&setup, RULE("line", EXEC, "CommandLine: 'ls -l /x y'") RULE("dir", EXEC, "CurrentDirectory: /home/u")
			       RULE("parent", EXEC, "ParentImage: /usr/bin/make") RULE("user", EXEC, "User: 1000")
				       RULE("stdin", EXEC, "StdinType: socket") RULE("not", EXEC, "StdoutType: socket"));
	assert_int_equal(mapping_types(setup.mapping), 1ull << ringfort_type_process_exec);
	exec = begin_exec(&record, "/usr/bin/ls", "/usr/bin/ls", ARGV("ls\0-l\0/x y"));
	assert_string_equal(titles(&setup, &record), "line dir parent user stdin ");

	exec->error = ENOENT;
	assert_string_equal(titles(&setup, &record), "");
	exec->error = 0;
	record.event.flags = RINGFORT_FLAG_SELFTEST;
	assert_string_equal(titles(&setup, &record), "");
	take_down(&setup);
}

static void an_image_matches_as_resolved_or_as_called(void **state)
{
	struct setup setup;
	struct record record;

	set_up(&setup, RULE("sh", EXEC, "Image|endswith: /sh") RULE("dash", EXEC, "Image|endswith: /dash")
			       RULE("both", EXEC, "Image|endswith: sh"));
	begin_exec(&record, "/usr/bin/dash", "/bin/sh", ARGV("sh"));
	assert_string_equal(titles(&setup, &record), "dash both sh ");
	assert_string_equal(mapping_matched_as(setup.hit.matched_as), "called");
	assert_string_equal(setup.hit.matched[0].value, "/bin/sh");

	begin_exec(&record, "/usr/bin/dash", "/usr/bin/dash", ARGV("sh"));
	assert_string_equal(titles(&setup, &record), "dash both ");
	assert_string_equal(mapping_matched_as(setup.hit.matched_as), "resolved");
	take_down(&setup);

	set_up(&setup, RULE("both", EXEC, "Image|endswith: sh"));
	begin_exec(&record, "/usr/bin/dash", "/bin/sh", ARGV("sh"));
	assert_string_equal(titles(&setup, &record), "both ");
	assert_string_equal(mapping_matched_as(setup.hit.matched_as), "both");
	assert_string_equal(setup.hit.matched[0].value, "/usr/bin/dash");
	take_down(&setup);

	set_up(&setup, RULE("home", EXEC, "Image: /home/u/x.sh"));
	begin_exec(&record, "/usr/bin/dash", "./x.sh", ARGV("sh\0./x.sh"));
	assert_string_equal(titles(&setup, &record), "home ");
	take_down(&setup);
}

static void auditd_rules_see_the_records_of_an_event_joined(void **state)
{
	struct setup setup;
	struct record record;

	set_up(&setup,
	       RULE("execve", AUDITD, "type: EXECVE, a0: chmod, a1|startswith: '+'")
		       RULE("syscall", AUDITD, "type: SYSCALL, SYSCALL: execve, comm: chmod, euid: 0")
			       RULE("path", AUDITD, "type: PATH, name: /usr/bin/chmod")
	       "title: joined\nlogsource: {product: linux, service: auditd}\ndetection:\n"
	       "  a: {type: EXECVE, a0: chmod}\n  b: {type: CWD, cwd: /home/u}\n  condition: a and b\n"
	       "---\ntitle: keyword\nlogsource: {product: linux, service: auditd}\ndetection:\n"
	       "  a: [chmo]\n  condition: a\n");
	begin_exec(&record, "/usr/bin/chmod", "/usr/bin/chmod", ARGV("chmod\0+x"));
	assert_string_equal(titles(&setup, &record), "execve syscall path joined keyword ");
	take_down(&setup);
}

static void names_of_files_reach_their_categories(void **state)
{
	struct ringfort_file_open_write *open_write;
	struct ringfort_file_create *create;
	struct ringfort_file_rename *rename;
	struct ringfort_file_unlink *unlink;
	struct ringfort_file_attr *attr;
	struct setup setup;
	struct record record;

#define NAMED(category) RULE(#category, "category: " #category, "TargetFilename: /etc/x, Image: /usr/bin/vi")
	set_up(&setup, NAMED(file_event) NAMED(file_write) NAMED(file_delete) NAMED(file_rename)
			       RULE("mode", "category: file_attribute", "Mode: '4755', Attribute: mode")
				       RULE("created", AUDITD, "type: PATH, nametype: CREATE, name: /etc/x")
					       RULE("deleted", AUDITD, "type: PATH, nametype: DELETE, name: /etc/x"));

	begin(&record, ringfort_type_file_create, "/usr/bin/vi", "/usr/bin/vi");
	create = (struct ringfort_file_create *)record.body;
	create->file.path = put_text(&record, "/etc/x");
	assert_string_equal(titles(&setup, &record), "file_event created ");

	begin(&record, ringfort_type_file_open_write, "/usr/bin/vi", "/usr/bin/vi");
	open_write = (struct ringfort_file_open_write *)record.body;
	open_write->file.path = put_text(&record, "/etc/x");
	assert_string_equal(titles(&setup, &record), "file_write ");
	open_write->open_flags = O_TRUNC;
	assert_string_equal(titles(&setup, &record), "file_event file_write ");

	begin(&record, ringfort_type_file_rename, "/usr/bin/vi", "/usr/bin/vi");
	rename = (struct ringfort_file_rename *)record.body;
	rename->from.path = put_text(&record, "/etc/y");
	rename->to.path = put_text(&record, "/etc/x");
	assert_string_equal(titles(&setup, &record), "file_event file_rename created ");

	begin(&record, ringfort_type_file_unlink, "/usr/bin/vi", "/usr/bin/vi");
	unlink = (struct ringfort_file_unlink *)record.body;
	unlink->file.path = put_text(&record, "/etc/x");
	assert_string_equal(titles(&setup, &record), "file_delete deleted ");

	begin(&record, ringfort_type_file_attr, "/usr/bin/vi", "/usr/bin/vi");
	attr = (struct ringfort_file_attr *)record.body;
	attr->mode = 0104755;
	assert_string_equal(titles(&setup, &record), "mode ");
	take_down(&setup);
}

static void connections_have_ends_and_a_direction(void **state)
{
	struct ringfort_net_connect *connect;
	struct ringfort_net_accept *accepted;
	struct setup setup;
	struct record record;

#define NET "category: network_connection"
	set_up(&setup, RULE("out", NET, "Initiated: 'true', DestinationIp|cidr: 192.0.2.0/24, DestinationPort: 4444, Protocol: tcp")
			       RULE("in", NET, "Initiated: 'false', SourceIp|cidr: '2001:db8::/32', DestinationPort: 22"));
	begin(&record, ringfort_type_net_connect, "/usr/bin/nc", "/usr/bin/nc");
	connect = (struct ringfort_net_connect *)record.body;
	connect->protocol = RINGFORT_PROTOCOL_TCP;
	connect->remote.family = AF_INET;
	connect->remote.port = 4444;
	inet_pton(AF_INET, "192.0.2.7", connect->remote.ip);
	assert_string_equal(titles(&setup, &record), "out ");
	connect->remote.family = AF_UNIX;
	assert_string_equal(titles(&setup, &record), "");

	begin(&record, ringfort_type_net_accept, "/usr/sbin/sshd", "/usr/sbin/sshd");
	accepted = (struct ringfort_net_accept *)record.body;
	accepted->local.family = accepted->remote.family = AF_INET6;
	accepted->local.port = 22;
	inet_pton(AF_INET6, "2001:db8::5", accepted->remote.ip);
	assert_string_equal(titles(&setup, &record), "in ");
	take_down(&setup);
}

/* ---- folding ----------------------------------------------------------------------------- */

struct sink {
	char told[1024]; /* "title*count " of each */
	int answer;
};

static int on_finding(const struct ringfort_finding *finding, void *userdata)
{
	struct sink *sink = userdata;
	size_t n = strlen(sink->told);

	if (sink->answer < 0)
		return sink->answer;
	snprintf(sink->told + n, sizeof(sink->told) - n, "%s*%u ", finding->title, finding->count);
	return 0;
}

#define SECOND UINT64_C(1000000000)

struct folding {
	struct fold *fold;
	const struct record *record;
	uint64_t now_ns;
};

static void add_hit(const struct mapping_hit *hit, void *userdata)
{
	struct folding *folding = userdata;

	assert_int_equal(fold_add(folding->fold, &folding->record->event, hit, folding->now_ns), 0);
}

static void the_same_finding_is_told_once_with_a_count(void **state)
{
	struct setup setup;
	struct record record;
	struct sink sink = { 0 };
	struct folding folding = { .record = &record };

	set_up(&setup, RULE("r", EXEC, "CommandLine|contains: x"));
	assert_int_equal(fold_new(&folding.fold, on_finding, &sink), 0);
	begin_exec(&record, "/bin/a", "/bin/a", ARGV("a\0x"));
	for (size_t i = 0; i < 5; i++)
		mapping_match(setup.mapping, &record.event, add_hit, &folding);
	assert_string_equal(sink.told, "r*1 ");
	begin_exec(&record, "/bin/a", "/bin/a", ARGV("a\0xx"));
	mapping_match(setup.mapping, &record.event, add_hit, &folding);
	assert_string_equal(sink.told, "r*1 r*1 ");

	assert_int_equal(fold_tick(folding.fold, 5 * SECOND), FOLD_WINDOW_NS);
	fold_tick(folding.fold, 11 * SECOND);
	assert_string_equal(sink.told, "r*1 r*1 r*4 ");
	fold_tick(folding.fold, 30 * SECOND);
	assert_int_equal(fold_tick(folding.fold, 60 * SECOND), UINT64_MAX);
	assert_string_equal(sink.told, "r*1 r*1 r*4 ");
	fold_free(folding.fold);
	take_down(&setup);
}

static void a_full_mailbox_delays_and_memory_is_bounded(void **state)
{
	struct setup setup;
	struct record record;
	struct sink sink = { .answer = -EAGAIN };
	struct folding folding = { .record = &record };

	set_up(&setup, RULE("r", EXEC, "CommandLine|contains: x"));
	assert_int_equal(fold_new(&folding.fold, on_finding, &sink), 0);
	begin_exec(&record, "/bin/a", "/bin/a", ARGV("a\0x"));
	mapping_match(setup.mapping, &record.event, add_hit, &folding);
	sink.answer = 0;
	fold_tick(folding.fold, SECOND);
	assert_string_equal(sink.told, "r*1 ");

	sink.answer = -EAGAIN;
	for (unsigned int i = 0; i < 3 * FOLD_MAX_ENTRIES; i++) {
		char argv[32];

		begin_exec(&record, "/bin/a", "/bin/a", argv,
			   (size_t)snprintf(argv, sizeof(argv), "x%u", i));
		mapping_match(setup.mapping, &record.event, add_hit, &folding);
	}
	assert_int_equal(fold_dropped(folding.fold), 2 * FOLD_MAX_ENTRIES);
	sink.answer = -EINVAL;
	fold_flush(folding.fold);
	assert_int_equal(fold_dropped(folding.fold), 3 * FOLD_MAX_ENTRIES);
	fold_free(folding.fold);
	take_down(&setup);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_execution_is_a_process_creation),
		cmocka_unit_test(an_image_matches_as_resolved_or_as_called),
		cmocka_unit_test(auditd_rules_see_the_records_of_an_event_joined),
		cmocka_unit_test(names_of_files_reach_their_categories),
		cmocka_unit_test(connections_have_ends_and_a_direction),
		cmocka_unit_test(the_same_finding_is_told_once_with_a_count),
		cmocka_unit_test(a_full_mailbox_delays_and_memory_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
