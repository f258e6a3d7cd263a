/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program `ringfort` against a daemon of straw: a child that answers as each case wants.
 * Argument: the program.
 */
#undef NDEBUG
#include "cli/tree.h"
#include "event/sample.h"
#include "wire/wire.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *program;
static char folder[64], socket_path[128];
static char output[1 << 20], errors[1 << 16];

typedef void (*straw)(int fd, const struct wire_request *request);

static void send_text(int fd, enum wire_kind kind, const char *text)
{
	assert(wire_send(fd, kind, text, strlen(text)) == 0);
}

static void send_end(int fd, int result, const char *text)
{
	struct wire_end end = { .result = result };

	snprintf(end.text, sizeof(end.text), "%s", text);
	assert(wire_send(fd, WIRE_END, &end, sizeof(end)) == 0);
}

/* A child for every connection: one that follows must not keep the others waiting. */
static void serve(int listener, straw answer)
{
	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		struct wire_request request;

		assert(fd >= 0);
		if (fork() == 0) {
			alarm(30);
			assert(recv(fd, &request, sizeof(request), 0) == sizeof(request));
			assert(request.magic == WIRE_MAGIC && request.schema_hash == ringfort_schema_hash());
			answer(fd, &request);
			_exit(0);
		}
		close(fd);
	}
}

/* A daemon of straw at socket_path; it goes when we go. */
static pid_t start_straw(straw answer)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	pid_t pid;

	memcpy(address.sun_path, socket_path, strlen(socket_path));
	unlink(socket_path);
	assert(bind(listener, (struct sockaddr *)&address, sizeof(address)) == 0 && listen(listener, 8) == 0);
	pid = fork();
	assert(pid >= 0);
	if (pid == 0) {
		signal(SIGPIPE, SIG_IGN);
		alarm(30);
		serve(listener, answer);
	}
	close(listener);
	return pid;
}

static void stop_straw(pid_t pid)
{
	kill(pid, SIGKILL);
	assert(waitpid(pid, NULL, 0) == pid);
	unlink(socket_path);
}

static void read_back(const char *name, char *buffer, size_t size)
{
	char path[128];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_RDONLY);
	n = read(fd, buffer, size - 1);
	assert(n >= 0);
	buffer[n] = '\0';
	close(fd);
}

/* Run "$ringfort --socket ... <arguments>"; its output and errors are in those buffers after. */
static int run(const char *arguments)
{
	char line[1024];
	int status;

	snprintf(line, sizeof(line),
		 "exec env -u NO_COLOR LC_ALL=C.UTF-8 TZ=UTC timeout 20 '%s' --socket '%s' %s >'%s/out' 2>'%s/err' </dev/null",
		 program, socket_path, arguments, folder, folder);
	status = system(line);
	assert(WIFEXITED(status));
	read_back("out", output, sizeof(output));
	read_back("err", errors, sizeof(errors));
	return WEXITSTATUS(status);
}

static int run_with(straw answer, const char *arguments)
{
	pid_t pid = start_straw(answer);
	int code = run(arguments);

	stop_straw(pid);
	return code;
}

#define expect_in(text, part) expect_part(__LINE__, text, part)

static void expect_part(int line, const char *text, const char *part)
{
	bool there = strstr(text, part) != NULL;

	if (!there)
		fprintf(stderr, "line %d: not there: %s\nthere: %s\n", line, part, text);
	assert(there);
}

#define HEALTHY_STATUS \
	"{\"daemon\":{\"version\":\"0.1.0\",\"pid\":4711,\"uptime_s\":7261},\"events\":{\"performed\":1234," \
	"\"lost\":0,\"types\":{\"process.exec\":{\"performed\":34,\"lost\":0}}},\"solutions\":[{\"name\":" \
	"\"sigma\",\"state\":\"active\",\"pid\":4712,\"restarts\":0,\"delivered\":34,\"lost\":0,\"findings\":2," \
	"\"why\":\"\"}],\"healthy\":true}"
#define DEGRADED_STATUS \
	"{\"daemon\":{\"version\":\"0.1.0\",\"pid\":4711,\"uptime_s\":5},\"events\":{\"performed\":1234," \
	"\"lost\":56,\"types\":{\"file.create\":{\"performed\":1234,\"lost\":56}}},\"solutions\":[{\"name\":" \
	"\"bad\\u001b[2J\",\"state\":\"quarantined\",\"pid\":0,\"restarts\":5,\"delivered\":1,\"lost\":7," \
	"\"findings\":0,\"why\":\"crashed 5 times\"}],\"healthy\":false}"

static void healthy(int fd, const struct wire_request *request)
{
	assert(request->operation == WIRE_STATUS);
	send_text(fd, WIRE_JSON, HEALTHY_STATUS);
	send_end(fd, 0, "");
}

static void degraded(int fd, const struct wire_request *request)
{
	send_text(fd, WIRE_JSON, DEGRADED_STATUS);
	send_end(fd, 0, "");
}

static void status_tells_health_by_its_exit_code(void)
{
	assert(run_with(healthy, "status") == 0);
	assert(strncmp(output, "lost nothing of 1234 events\n", 28) == 0);
	expect_in(output, "up 2 h 1 min: healthy");
	expect_in(output, "  sigma     active  4712         0         34     0         2");
	expect_in(output, "  process.exec         34     0");
	assert(run_with(healthy, "status --json") == 0 && strcmp(output, HEALTHY_STATUS "\n") == 0);
	assert(run_with(degraded, "status") == 1);
	assert(strncmp(output, "LOST 56 of 1234 events\n", 23) == 0);
	expect_in(output, "quarantined");
	expect_in(output, "crashed 5 times");
	expect_in(output, "bad\\x1b[2J");
	assert(!strchr(output, '\033'));
	assert(run_with(degraded, "status --json") == 1 && strcmp(output, DEGRADED_STATUS "\n") == 0);
	assert(run_with(degraded, "status --color=always") == 1 && strstr(output, "\033[0;31mLOST"));
}

#define STATUS_WITH_GATE(gate) "{\"daemon\":{},\"events\":{},\"solutions\":[],\"gate\":" gate ",\"healthy\":true}"

static void guarded(int fd, const struct wire_request *request)
{
	send_text(fd, WIRE_JSON, STATUS_WITH_GATE("{\"open\":false,\"marks\":2,\"denied\":5,\"expired\":1,\"pending\":3,"
						  "\"holding\":2,\"restarts\":4}"));
	send_end(fd, 0, "");
}

static void guarding_nothing(int fd, const struct wire_request *request)
{
	send_text(fd, WIRE_JSON, STATUS_WITH_GATE("{\"open\":false,\"marks\":0}"));
	send_end(fd, 0, "");
}

static void let_through(int fd, const struct wire_request *request)
{
	send_text(fd, WIRE_JSON, STATUS_WITH_GATE("{\"open\":true,\"marks\":2}"));
	send_end(fd, 0, "");
}

static void disabled_at_boot(int fd, const struct wire_request *request)
{
	send_text(fd, WIRE_JSON, STATUS_WITH_GATE("{\"open\":true,\"disabled\":true,\"marks\":0}"));
	send_end(fd, 0, "");
}

static void status_has_a_line_for_a_gate_that_guards(void)
{
	assert(run_with(guarded, "status") == 0);
	expect_in(output, "healthy\ngate: 5 denied, 1 decided by the deadline, 3 waiting; file systems guarded: 2, "
			  "restarts: 4\ngate: 2 held for you; 'ringfort hold' lists them\n\n");
	assert(run_with(guarding_nothing, "status") == 0 && !strstr(output, "gate"));
	assert(run_with(let_through, "status") == 0);
	expect_in(output, "\ngate OPEN: everything is let through; ");
	assert(run_with(disabled_at_boot, "status") == 0);
	expect_in(output, "\ngate DISABLED on the kernel's command line: ");
}

static void no_daemon_is_3_and_says_what_to_do(void)
{
	static const char *const commands[] = { "status", "events", "findings", "solution", "doctor", "reload",
						"findings -f", "solution stop sigma", "why 1", "gate", "gate off",
						"hold", "hold allow 3" };

	unlink(socket_path);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		assert(run(commands[i]) == 3);
		expect_in(errors, socket_path);
		expect_in(errors, "is ringfortd running? Start it with");
		assert(output[0] == '\0');
	}
	/* A socket that a daemon left behind. */
	stop_straw(start_straw(healthy));
	assert(mknod(socket_path, S_IFSOCK | 0600, 0) == 0);
	assert(run("status") == 3);
	unlink(socket_path);
}

static void without_permission_is_4_and_says_who_may(void)
{
	char line[1024];
	pid_t pid;
	int status;

	if (geteuid() != 0) {
		fprintf(stderr, "skipped: not root, so nobody can be without permission\n");
		return;
	}
	pid = start_straw(healthy);
	chmod(socket_path, 0600);
	/* A copy: nobody may not be allowed to see where we were built. */
	snprintf(line, sizeof(line),
		 "cp '%s' '%s/copy' && exec setpriv --reuid 65534 --regid 65534 --clear-groups '%s/copy' "
		 "--socket '%s' status 2>'%s/err'",
		 program, folder, folder, socket_path, folder);
	status = system(line);
	stop_straw(pid);
	read_back("err", errors, sizeof(errors));
	assert(WIFEXITED(status) && WEXITSTATUS(status) == 4);
	expect_in(errors, "group ringfort");
}

static void wrong_calls_are_2_and_name_what_is_wrong(void)
{
	static const struct {
		const char *arguments, *part;
	} cases[] = {
		{ "", "a subcommand is missing" },
		{ "stauts", "did you mean 'status'?" },
		{ "frobnicate", "there are: status events findings solution doctor reload why gate hold critical" },
		{ "status --follow", "'ringfort status' does not take --follow" },
		{ "status now", "'ringfort status' has no use for 'now'" },
		{ "reload a b", "'ringfort reload' has no use for 'b'" },
		{ "events --count", "--count needs a value" },
		{ "solution strat sigma", "did you mean 'start'?" },
		{ "solution start", "needs the NAME of a solution" },
		{ "solution list sigma", "has no use for 'sigma'" },
		{ "solution stop 0123456789012345678901234567890123456789012345678901234567890123", "at most 63 bytes" },
		{ "why", "needs the PATH of a file, a PID, or" },
		{ "why a b", "'ringfort why' has no use for 'b'" },
		{ "why ''", "needs the PATH of a file, a PID, or" },
		{ "why 0", "there can be no process 0" },
		{ "why 4294967297", "there can be no process 4294967297; if it is a verdict, say --id" },
		{ "why 99999999999999999999", "there can be no process" },
		{ "why '#'", "'#' is no id of a verdict" },
		{ "why '#0'", "'#0' is no id of a verdict" },
		{ "why '#99999999999999999999'", "is no id of a verdict" },
		{ "why --id /bin/x", "'/bin/x' is no id of a verdict" },
		{ "why $(printf 'a/%.0s' $(seq 2048))b", "File name too long: 'a/a/" },
		{ "gate of", "'ringfort gate' knows status, on and off, not 'of'" },
		{ "gate off now", "'ringfort gate' has no use for 'now'" },
		{ "hold lits", "'ringfort hold' knows list, allow and deny, not 'lits'" },
		{ "hold allow", "needs the ID of who is held; 'ringfort hold' lists them" },
		{ "hold deny 0", "'0' is no id of a hold" },
		{ "hold deny /bin/x", "'/bin/x' is no id of a hold" },
		{ "hold deny 99999999999999999999", "is no id of a hold" },
		{ "hold list 3", "'ringfort hold list' has no use for '3'" },
		{ "hold deny 3 4", "'ringfort hold' has no use for '4'" },
		{ "critical lst", "'ringfort critical' knows list, not 'lst'" },
		{ "status --id", "'ringfort status' does not take --id" },
		{ "--completion fish", "none for 'fish'" },
		{ "$(printf 'a\\033b')", "a\\x1bb" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert(run(cases[i].arguments) == 2);
		expect_in(errors, cases[i].part);
		assert(output[0] == '\0');
	}
}

static void help_and_version_go_to_standard_output(void)
{
	static const char *const subcommands[] = { "status", "events", "findings", "solution", "doctor", "reload",
						   "why", "gate", "hold", "critical" };

	assert(run("--version") == 0 && strcmp(output, "ringfort " RINGFORT_VERSION "\n") == 0);
	assert(run("-h") == 0 && errors[0] == '\0');
	for (size_t i = 0; i < sizeof(subcommands) / sizeof(subcommands[0]); i++) {
		char arguments[64];

		expect_in(output, subcommands[i]);
		snprintf(arguments, sizeof(arguments), "%s --help", subcommands[i]);
		assert(run(arguments) == 0 && errors[0] == '\0');
		expect_in(output, "Examples:\n  ringfort ");
		expect_in(output, "Exit code:");
		assert(run("--help") == 0);
	}
}

static _Alignas(8) char record[RINGFORT_MAX_EVENT];

static void send_record(int fd, uint32_t type, uint64_t seq, uint64_t time_ns)
{
	struct ringfort_event *event = sample_event(type, record);

	event->seq = seq;
	event->time_ns = time_ns;
	assert(wire_send(fd, WIRE_EVENT, event, event->size) == 0);
}

/* Every type; then until the client goes. */
static void all_types(int fd, const struct wire_request *request)
{
	struct wire_lost lost = { .n_lost[ringfort_type_file_create] = 10, .n_lost[ringfort_type_process_exec] = 2 };

	assert(request->operation == WIRE_EVENTS);
	for (uint32_t type = 1; type < RINGFORT_MAX_TYPES; type++)
		if (ringfort_type_info(type))
			send_record(fd, type, 7, SAMPLE_TIME_NS);
	assert(wire_send(fd, WIRE_LOST, &lost, sizeof(lost)) == 0);
	recv(fd, &lost, sizeof(lost), 0);
}

static size_t count_lines(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

static size_t count_types(void)
{
	size_t n = 0;

	for (uint32_t type = 1; type < RINGFORT_MAX_TYPES; type++)
		n += ringfort_type_info(type) != NULL;
	return n;
}

static void events_as_json_are_one_object_per_line(void)
{
	char *save = NULL;
	size_t n = 0;

	assert(run_with(all_types, "events --json --timeout 0.5") == 0);
	assert(count_lines(output) == count_types());
	for (char *line = strtok_r(output, "\n", &save); line; line = strtok_r(NULL, "\n", &save), n++) {
		json_t *tree = tree_parse(line, strlen(line));
		const json_t *told = json_object_get(tree, "ringfort");

		assert(ringfort_type_by_name(tree_string(told, "type")) != 0);
		assert(tree_string(json_object_get(told, "process"), "exe")[0]);
		json_decref(tree);
	}
	assert(n == count_types());
	expect_in(errors, "lost 12 events before they reached this command: 2 process.exec, 10 file.create");
}

static void count_and_timeout_end_events_well(void)
{
	char arguments[64];

	assert(run_with(all_types, "events --count 3") == 0 && count_lines(output) == 3);
	snprintf(arguments, sizeof(arguments), "events --count %zu", count_types());
	assert(run_with(all_types, arguments) == 0 && count_lines(output) == count_types());
	assert(run_with(all_types, "events --timeout 200ms") == 0 && count_lines(output) == count_types());
}

static void unwanted_types(int fd, const struct wire_request *request)
{
	assert(request->types == 1ull << ringfort_type_process_exec && request->flags == WIRE_SELFTESTS);
	send_record(fd, ringfort_type_file_modify, 1, SAMPLE_TIME_NS);
	send_record(fd, ringfort_type_process_exec, 2, SAMPLE_TIME_NS - 1);
	send_record(fd, ringfort_type_process_exec, 3, SAMPLE_TIME_NS);
	send_record(fd, ringfort_type_stream_loss, 4, SAMPLE_TIME_NS);
	send_end(fd, 0, "");
}

static void only_wanted_types_and_new_events_are_printed_but_every_loss(void)
{
	assert(run_with(unwanted_types, "events --selftests --type process.exec --json "
					"--since 2024-07-19T04:09:00.123456789Z") == 0);
	assert(count_lines(output) == 2);
	expect_in(output, "\"type\":\"process.exec\",\"seq\":3");
	expect_in(output, "\"type\":\"stream.loss\"");
}

static void hostile_record(int fd, const struct wire_request *request)
{
	struct ringfort_event *event = sample_event(ringfort_type_process_exec, record);

	event->process.exe.offset = event->size - 4;
	event->process.exe.length = 4000000000u;
	assert(wire_send(fd, WIRE_EVENT, event, event->size) == 0);
	send_end(fd, 0, "");
}

static void goes_away(int fd, const struct wire_request *request)
{
	if (request->operation == WIRE_EVENTS)
		send_record(fd, ringfort_type_file_modify, 1, SAMPLE_TIME_NS);
}

static void noise(int fd, const struct wire_request *request)
{
	assert(send(fd, "not a frame", 11, 0) == 11);
}

static void odd_end(int fd, const struct wire_request *request)
{
	assert(wire_send(fd, WIRE_END, "short", 5) == 0);
}

static void a_daemon_that_breaks_off_or_talks_nonsense_is_told(void)
{
	assert(run_with(hostile_record, "events") == 1 && output[0] == '\0');
	expect_in(errors, "are both of one version?");
	assert(run_with(goes_away, "events") == 3 && count_lines(output) == 1);
	expect_in(errors, "the stream ends here");
	assert(run_with(goes_away, "status") == 1);
	expect_in(errors, "closed the connection");
	assert(run_with(noise, "status") == 1 && run_with(noise, "events") == 1);
	assert(run_with(odd_end, "status") == 1 && run_with(odd_end, "events") == 1);
}

static void refuses(int fd, const struct wire_request *request)
{
	if (request->operation == WIRE_STATUS)
		send_end(fd, -EACCES, "");
	else
		send_end(fd, -ENOENT, "there is no solution 'x\033y'");
}

static void a_refusal_of_the_daemon_is_passed_on(void)
{
	assert(run_with(refuses, "solution start x") == 1);
	expect_in(errors, "ringfort: x: there is no solution 'x\\x1by'");
	assert(run_with(refuses, "status") == 4);
	expect_in(errors, "Permission denied");
}

#define FINDING(title, level, type, rest) \
	"{\"class_uid\":2004,\"ringfort\":{\"type\":\"" type "\",\"seq\":1,\"time_ns\":1721362140123456789," \
	"\"process\":{\"pid\":12,\"exe\":\"/usr/bin/dash\",\"argv\":[\"sh\",\"-c\",\"x y\"]}," rest \
	",\"solution\":\"sigma\",\"rule_id\":\"0e1f\",\"title\":\"" title "\",\"level\":\"" level "\"," \
	"\"author\":\"A. Uthor\",\"count\":3,\"tags\":[\"attack.t1059\"],\"references\":[\"https://example.org/\"]," \
	"\"matched\":{\"Image\":\"/usr/bin/nc\"}}}"
#define FINDING_EXEC \
	FINDING("Reverse\\u001b shell", "high", "process.exec", \
		"\"file\":{\"path\":\"/usr/bin/nc\"},\"argv\":[\"nc\",\"-e\",\"/bin/sh\",\"a\\nb\"]")
#define FINDING_FILE FINDING("Rename", "low", "file.rename", "\"from\":{\"path\":\"/a\"},\"to\":{\"path\":\"/b c\"}")
#define FINDING_NET FINDING("Connect", "medium", "net.connect", "\"remote\":{\"family\":\"inet\",\"ip\":\"192.0.2.9\",\"port\":80}")

static void history(int fd, const struct wire_request *request)
{
	char byte;

	if (request->operation == WIRE_STATUS) {
		healthy(fd, request);
		return;
	}
	assert(request->operation == WIRE_FINDINGS);
	send_text(fd, WIRE_JSON, FINDING_EXEC);
	send_text(fd, WIRE_JSON, FINDING_FILE);
	if (request->flags & WIRE_FOLLOW) {
		assert(wire_send(fd, WIRE_CAUGHT_UP, NULL, 0) == 0);
		send_text(fd, WIRE_JSON, FINDING_NET);
		recv(fd, &byte, 1, 0);
	} else {
		send_end(fd, 0, "");
	}
}

static void findings_are_one_line_each(void)
{
	assert(run_with(history, "findings") == 0);
	assert(strcmp(output,
		      "2024-07-19 04:09:00 high Reverse\\x1b shell (3 times): /usr/bin/nc: nc -e /bin/sh $'a\\nb' [sigma]\n"
		      "2024-07-19 04:09:00 low Rename (3 times): /usr/bin/dash: '/b c' [sigma]\n") == 0);
	assert(run_with(history, "findings -v") == 0);
	expect_in(output, "    rule 0e1f by A. Uthor\n    tags attack.t1059\n");
	expect_in(output, "    matched Image = /usr/bin/nc\n");
	assert(run_with(history, "findings --json") == 0 && strcmp(output, FINDING_EXEC "\n" FINDING_FILE "\n") == 0);
	assert(run_with(history, "findings --count 1 --json") == 0 && strcmp(output, FINDING_EXEC "\n") == 0);
}

static void findings_follow_when_asked(void)
{
	assert(run_with(history, "findings -f --timeout 0.3") == 0 && count_lines(output) == 3);
	expect_in(output, "medium Connect (3 times): /usr/bin/dash: 192.0.2.9:80 [sigma]\n");
	assert(!strchr(output, '\r'));
	assert(run_with(history, "findings -f --count 3 --json") == 0 && count_lines(output) == 3);
}

static void since_and_types(int fd, const struct wire_request *request)
{
	assert(request->since_ns == SAMPLE_TIME_NS && request->types == 1ull << ringfort_type_net_bind);
	send_text(fd, WIRE_JSON, "not JSON \033");
	send_end(fd, 0, "");
}

static void what_is_asked_of_findings_reaches_the_daemon(void)
{
	assert(run_with(since_and_types, "findings --type net.bind --since 2024-07-19T04:09:00.123456789Z") == 0);
	assert(strcmp(output, "not JSON \\x1b\n") == 0);
}

static void solutions(int fd, const struct wire_request *request)
{
	if (request->operation == WIRE_STATUS) {
		degraded(fd, request);
		return;
	}
	assert(strcmp(request->name, "sigma") == 0);
	if (request->operation == WIRE_OUTPUT)
		send_text(fd, WIRE_TEXT, "loaded 30 rules\n\tand \xff \033[2J");
	else
		assert(request->operation == WIRE_START || request->operation == WIRE_STOP ||
		       request->operation == WIRE_RESET);
	send_end(fd, 0, "");
}

static void solutions_are_listed_started_and_heard(void)
{
	assert(run_with(solutions, "solution") == 0);
	expect_in(output, "quarantined");
	assert(run_with(solutions, "solution list --json") == 0);
	assert(strncmp(output, "{\"solutions\":[{\"name\":", 22) == 0);
	assert(run_with(solutions, "solution start sigma") == 0 && strcmp(output, "sigma: started\n") == 0);
	assert(run_with(solutions, "solution stop sigma --json") == 0);
	assert(strcmp(output, "{\"name\":\"sigma\",\"result\":\"stopped\"}\n") == 0);
	assert(run_with(solutions, "solution reset sigma") == 0 && strcmp(output, "sigma: reset\n") == 0);
	assert(run_with(solutions, "solution output sigma") == 0);
	assert(strcmp(output, "loaded 30 rules\n\tand \\xff \\x1b[2J\n") == 0);
	assert(run_with(solutions, "solution output sigma --json") == 0);
	assert(strcmp(output, "{\"name\":\"sigma\",\"output\":\"loaded 30 rules\\n\\tand \\\\xff \\\\x1b[2J\"}\n") == 0);
}

#define KERNEL "\"kernel\":{\"programs\":14,\"instructions\":3210,\"map_bytes\":1048576,\"vendor_programs\":0,\"content_bytes\":0}"
#define DOCTOR(selftest) DOCTOR_WITH_GATE(selftest, "decides")
#define DOCTOR_WITH_GATE(selftest, gate) \
	"{\"types\":[{\"name\":\"process.exec\",\"level\":\"notify\",\"hook\":\"tp_btf\",\"why\":\"LSM refused\"," \
	"\"selftest\":\"" selftest "\"}],\"gate\":\"" gate "\"," KERNEL "}"

static void well(int fd, const struct wire_request *request)
{
	send_text(fd, WIRE_JSON, DOCTOR("passed"));
	send_end(fd, 0, "");
}

static void ill(int fd, const struct wire_request *request)
{
	send_text(fd, WIRE_JSON, DOCTOR("failed"));
	send_end(fd, 0, "");
}

static void well_without_a_gate(int fd, const struct wire_request *request)
{
	send_text(fd, WIRE_JSON, DOCTOR_WITH_GATE("passed", "disabled"));
	send_end(fd, 0, "");
}

static void doctor_says_whether_anything_is_blocked(void)
{
	assert(run_with(well, "doctor") == 0);
	expect_in(output, "\ngate: decides\n");
	assert(run_with(well_without_a_gate, "doctor") == 0);
	expect_in(output, "\ngate: DISABLED on the kernel's command line: nothing is blocked\n");
}

static void doctor_fails_when_a_selftest_did(void)
{
	assert(run_with(well, "doctor") == 0);
	expect_in(output, "  process.exec  notify  passed     tp_btf  LSM refused\n");
	expect_in(output, "14 programs with 3210 instructions, 1024 KiB of maps;\nof vendors: 0 programs, 0 bytes of content\n");
	assert(run_with(ill, "doctor --json") == 1 && strcmp(output, DOCTOR("failed") "\n") == 0);
}

static void reloads(int fd, const struct wire_request *request)
{
	assert(request->operation == WIRE_RELOAD);
	if (request->flags & WIRE_TOLERATE || strcmp(request->name, "sigma") == 0) {
		send_text(fd, WIRE_JSON, "{\"name\":\"sigma\",\"result\":\"reloaded\",\"reason\":\"\"}");
		send_end(fd, 0, "");
		return;
	}
	send_text(fd, WIRE_JSON, "{\"name\":\"sigma\",\"result\":\"reloaded\",\"reason\":\"\"}");
	send_text(fd, WIRE_JSON, "{\"name\":\"yara\",\"result\":\"refused\",\"reason\":\"a.yml:3: bad\\u001b\\nb.yml:1: worse\"}");
	send_end(fd, -ECANCELED, "not everything was reloaded");
}

static void reload_fails_when_any_was_not_reloaded(void)
{
	assert(run_with(reloads, "reload") == 1);
	assert(strcmp(output, "sigma: reloaded\nyara: refused; the running content stays\n"
			      "    a.yml:3: bad\\x1b\n    b.yml:1: worse\n") == 0);
	expect_in(errors, "not everything was reloaded");
	assert(run_with(reloads, "reload --tolerate --json") == 0);
	assert(strcmp(output, "{\"name\":\"sigma\",\"result\":\"reloaded\",\"reason\":\"\"}\n") == 0);
	assert(run_with(reloads, "reload sigma") == 0);
}

#define REASON(solution, answer, mode, generation) \
	"{\"solution\":\"" solution "\",\"answer\":\"" answer "\",\"us\":205,\"mode\":\"" mode "\"," \
	"\"miss\":\"fail-open\",\"generation\":" generation "}"
#define VERDICT(id, verdict, path, rest) \
	"{\"verdict_id\":" id ",\"time\":\"2024-07-19T04:09:00.000000042Z\",\"act\":\"process.exec\"," \
	"\"path\":\"" path "\",\"pid\":4711,\"verdict\":\"" verdict "\",\"us\":312," rest "}"
#define VERDICT_DENY \
	VERDICT("17", "deny", "/tmp/a b\\u001b", "\"cached\":false,\"reasons\":[" \
		REASON("allowlist", "deny", "enforce", "4") "," REASON("yara", "last-known allow", "shadow", "12") \
		"],\"n_voices\":2")
#define VERDICT_CACHED VERDICT("16", "allow", "/x", "\"cached\":true,\"cached_from\":3,\"reasons\":[],\"n_voices\":0")
#define VERDICT_ODD \
	VERDICT("15", "allow", "/x", "\"cached\":false,\"overridden\":true,\"foreign_ns\":true,\"reasons\":[" \
		REASON("a", "deny", "enforce", "1") "],\"n_voices\":18")
#define VERDICT_ALONE VERDICT("14", "allow", "/x", "\"cached\":false,\"reasons\":[],\"n_voices\":0")

static void verdicts(int fd, const struct wire_request *request)
{
	assert(request->operation == WIRE_WHY);
	if (request->flags == WIRE_BY_ID) {
		assert(request->value == 17);
		send_text(fd, WIRE_JSON, VERDICT_DENY);
	} else if (request->flags == WIRE_BY_PID) {
		assert(request->value == 4711);
		send_text(fd, WIRE_JSON, VERDICT_CACHED);
		send_text(fd, WIRE_JSON, VERDICT_ODD);
		send_text(fd, WIRE_JSON, VERDICT_ALONE);
	}
	send_end(fd, request->flags ? 0 : -ENOENT, request->path);
}

static void why_tells_each_verdict_and_each_reason(void)
{
	assert(run_with(verdicts, "why --id 17") == 0);
	assert(strcmp(output, "2024-07-19 04:09:00 deny process.exec $'/tmp/a b\\033': pid 4711, verdict #17, 312 us\n"
			      "  SOLUTION   ANSWER             US  MODE     MISS       GENERATION\n"
			      "  allowlist  deny              205  enforce  fail-open           4\n"
			      "  yara       last-known allow  205  shadow   fail-open          12\n") == 0);
	assert(run_with(verdicts, "why '#17' --json") == 0 && strcmp(output, VERDICT_DENY "\n") == 0);
	assert(run_with(verdicts, "why 4711") == 0);
	expect_in(output, "allow process.exec /x: pid 4711, verdict #16, 312 us, from the cache (verdict #3)\n"
			  "  the verdict that it came from is not kept any more\n");
	expect_in(output, "verdict #15, 312 us, a denial was overridden: the host needs this file, the path is of "
			  "another mount namespace\n");
	expect_in(output, "\n  and 17 more\n");
	expect_in(output, "verdict #14, 312 us\n  no solution was asked\n");
}

/* The straw answers with the path that it was asked about. */
static void why_asks_about_paths_from_the_root_on_and_follows_no_link(void)
{
	static const struct {
		const char *word, *asked;
	} cases[] = {
		{ "/usr//bin/./x", "ringfort: /usr/bin/x\n" },	   { "/usr/../../x/", "ringfort: /x\n" },
		{ "/", "ringfort: /\n" },	{ "$(printf '/a\\033b')", "ringfort: /a\\x1bb\n" },
	};
	char line[512], expected[256];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(line, sizeof(line), "why %s", cases[i].word);
		assert(run_with(verdicts, line) == 1);
		assert(strcmp(errors, cases[i].asked) == 0);
	}
	assert(chdir(folder) == 0 && symlink("/bin/true", "link") == 0);
	assert(run_with(verdicts, "why ./link") == 1);
	snprintf(expected, sizeof(expected), "ringfort: %s/link\n", folder);
	assert(strcmp(errors, expected) == 0);
	assert(run_with(verdicts, "why ./4711") == 1);
	snprintf(expected, sizeof(expected), "ringfort: %s/4711\n", folder);
	assert(strcmp(errors, expected) == 0);
	assert(unlink("link") == 0 && chdir("/") == 0);
}

#define GATE(open, demoted) GATE_WITH("", open, demoted)
#define GATE_WITH(more, open, demoted) \
	"{" more "\"open\":" open ",\"marks\":7,\"asked\":100,\"at_once\":60,\"expired\":2,\"restarts\":8," \
	"\"since\":\"2024-07-19T04:09:00.000000042Z\",\"solutions\":[{\"name\":\"yara\",\"acts\":[\"process.exec\"," \
	"\"file.open\"],\"mode\":\"enforce\",\"miss\":\"fail-closed\",\"demoted\":" demoted ",\"asked\":15," \
	"\"allowed\":7,\"denied\":4,\"late\":2,\"full\":1,\"gone\":0,\"after\":3,\"wrong\":13,\"self_harm\":6},{\"name\":\"net\"," \
	"\"acts\":[],\"net_rules\":12,\"net_denied\":34,\"net_shadow\":0,\"net_refused\":1},{\"name\":\"old\"," \
	"\"acts\":[],\"mode\":\"shadow\",\"miss\":\"fail-open\",\"demoted\":false,\"asked\":1}]}"

static void send_gate(int fd, const struct wire_request *request, const char *state)
{
	assert(request->operation == WIRE_GATE);
	if (request->value == WIRE_GATE_STATE)
		send_text(fd, WIRE_JSON, state);
	send_end(fd, 0, "");
}

static void gate_decides(int fd, const struct wire_request *request)
{
	send_gate(fd, request, GATE("false", "false"));
}

static void gate_is_open(int fd, const struct wire_request *request)
{
	send_gate(fd, request, GATE("true", "false"));
}

static void gate_is_disabled(int fd, const struct wire_request *request)
{
	send_gate(fd, request, "{\"open\":true,\"disabled\":true,\"marks\":0,\"solutions\":[]}");
}

static void gate_opened_itself(int fd, const struct wire_request *request)
{
	send_gate(fd, request, GATE_WITH("\"canary\":{\"answered\":9,\"late\":3,\"last\":\"2024-07-19T04:09:00.000000042Z\","
					 "\"waited_ms\":1801,\"back_in_ms\":1500},", "true", "false"));
}

static void gate_came_back(int fd, const struct wire_request *request)
{
	send_gate(fd, request, GATE_WITH("\"canary\":{\"answered\":9,\"late\":1,\"last\":\"2024-07-19T04:09:00.000000042Z\","
					 "\"waited_ms\":1801,\"back_in_ms\":0},", "false", "false"));
}

static void gate_status_says_that_it_opened_itself_and_when_it_comes_back(void)
{
	assert(run_with(gate_opened_itself, "gate") == 1);
	assert(strncmp(output, "OPEN: everything is let through; ", 33) == 0);
	expect_in(output, "\nit opened itself 3 times, last 2024-07-19 04:09:00: an opener of our own had waited 1801 ms for its answer; "
			  "it decides again in 2 s, or by 'ringfort gate on'\n");
	assert(run_with(gate_came_back, "gate") == 0);
	expect_in(output, "\nit opened itself 1 time, last 2024-07-19 04:09:00: an opener of our own had waited 1801 ms for its answer; "
			  "since then it decides again\n");
	assert(run_with(gate_decides, "gate") == 0 && !strstr(output, "opened itself"));
}

static void gate_demotes(int fd, const struct wire_request *request)
{
	send_gate(fd, request, GATE("false", "true"));
}

static void gate_refuses(int fd, const struct wire_request *request)
{
	send_gate(fd, request, GATE_WITH("\"refused\":[{\"path\":\"/mnt/\\u001b\",\"why\":\"it waits\"}],", "false",
					 "false"));
}

static void gate_status_fails_when_a_file_system_is_refused(void)
{
	assert(run_with(gate_refuses, "gate") == 1);
	expect_in(output, "\nNOT GUARDED: /mnt/\\x1b: it waits\n");
}

static void gate_status_fails_when_it_is_open_or_somebody_is_demoted(void)
{
	assert(run_with(gate_decides, "gate") == 0);
	assert(strncmp(output, "the gate decides; file systems guarded: 7, restarts: 8; counted since 2024-07-19 "
			       "04:09:00\n", 90) == 0);
	expect_in(output, "\n  100  questions of the kernel\n   60  answered at once");
	expect_in(output, "\n    2  decided by the deadline\n");
	expect_in(output, "  yara      asked  process.exec,file.open  enforce  fail-closed     15        7       4     2     1"
			  "     0      3     13          6\n");
	expect_in(output, "\n  net       rules  -  ");
	expect_in(output, "\n  SOLUTION  NET-RULES  DENIED  IN-SHADOW  REFUSED\n  net              12      34          0        1\n");
	expect_in(output, "  old       left   -                       shadow   fail-open        1 ");
	assert(run_with(gate_decides, "gate status --json") == 0);
	assert(strcmp(output, GATE("false", "false") "\n") == 0);
	assert(run_with(gate_is_disabled, "gate") == 1);
	assert(strncmp(output, "DISABLED on the kernel's command line: everything is let through; ", 66) == 0);
	assert(run_with(gate_is_open, "gate") == 1);
	assert(strncmp(output, "OPEN: everything is let through; ", 33) == 0);
	assert(run_with(gate_demotes, "gate") == 1);
	expect_in(output, "  yara      demoted  process.exec");
}

#define HELD(id, path, rest) \
	"{\"hold_id\":" id ",\"time\":\"2024-07-19T04:09:00.000000042Z\",\"act\":\"process.exec\",\"path\":\"" path "\"," \
	"\"pid\":4711," rest "}"
#define HELD_FIRST \
	HELD("3", "/srv/a\\u001b", "\"foreign_ns\":false,\"left_ms\":61500,\"then\":\"deny\",\"reasons\":[" \
	     REASON("sigma", "allow", "enforce", "1") "," REASON("yara", "late", "enforce", "2") "," \
	     REASON("dark", "late", "shadow", "3") "," REASON("allowlist", "late", "enforce", "4") "]")
#define HELD_SECOND HELD("12", "/x", "\"foreign_ns\":true,\"left_ms\":0,\"then\":\"allow\",\"reasons\":[]")
#define VERDICT_HELD \
	VERDICT("18", "deny", "/srv/a b", "\"cached\":false,\"hold\":{\"id\":3,\"end\":\"operator deny\",\"us\":4260000}," \
		"\"reasons\":[],\"n_voices\":1")

static void holds(int fd, const struct wire_request *request)
{
	if (request->operation == WIRE_WHY || request->value == 3) {
		assert(request->operation == WIRE_WHY || request->flags == WIRE_ALLOW || request->flags == WIRE_DENY);
		send_text(fd, WIRE_JSON, VERDICT_HELD);
	} else if (request->value) {
		send_end(fd, -ENOENT, "nothing is held as 4");
		return;
	} else {
		assert(request->operation == WIRE_HOLD && request->flags == 0);
		send_text(fd, WIRE_JSON, HELD_FIRST);
		send_text(fd, WIRE_JSON, HELD_SECOND);
	}
	send_end(fd, 0, "");
}

static void holds_nobody(int fd, const struct wire_request *request)
{
	send_end(fd, 0, "");
}

static void who_is_held_is_listed_with_who_gave_no_answer(void)
{
	assert(run_with(holds, "hold") == 0);
	assert(strcmp(output, "  ID    LEFT  THEN   NO-ANSWER-OF    PID   ACT           PATH\n"
			      "  3   61.5 s  deny   yara,allowlist  4711  process.exec  /srv/a\\x1b\n"
			      "  12   0.0 s  allow  -               4711  process.exec  /x (of another mount namespace)\n") == 0);
	assert(run_with(holds, "hold list --json") == 0 && strcmp(output, HELD_FIRST "\n" HELD_SECOND "\n") == 0);
	assert(run_with(holds_nobody, "hold list") == 0 && strcmp(output, "nobody is held\n") == 0);
	assert(run_with(holds_nobody, "hold --json") == 0 && output[0] == '\0');
}

static void the_operators_word_about_a_hold_is_told_with_its_verdict(void)
{
	assert(run_with(holds, "hold deny 3") == 0);
	assert(strcmp(output, "denied process.exec '/srv/a b' of pid 4711, verdict #18\n") == 0);
	assert(run_with(holds, "hold allow '#3'") == 0 && strncmp(output, "allowed process.exec ", 21) == 0);
	assert(run_with(holds, "hold deny 3 --json") == 0 && strcmp(output, VERDICT_HELD "\n") == 0);
	assert(run_with(holds, "hold deny 4") == 1 && output[0] == '\0');
	expect_in(errors, "ringfort: nothing is held as 4\n");
	assert(run_with(holds, "why 4711") == 0);
	expect_in(output, "verdict #18, 312 us, held for 4.3 s (#3): operator deny\n");
}

#define CRITICAL_ROW(path, state, ino) \
	"{\"path\":\"" path "\",\"reason\":\"pid 1\",\"state\":\"" state "\",\"error\":\"\",\"dev\":8388609,\"ino\":" ino "}"
#define CRITICAL_SET(rows) "{\"version\":9,\"from\":\"ringfortd\",\"files\":1,\"rows\":[" rows "]}"

static void holds_a_set(int fd, const struct wire_request *request)
{
	assert(request->operation == WIRE_CRITICAL);
	send_text(fd, WIRE_JSON, CRITICAL_SET(CRITICAL_ROW("/bin/a", "matched", "77") "," CRITICAL_ROW("/bin/b", "missing", "0")));
	send_end(fd, 0, "");
}

static void holds_a_set_with_a_strangers_file(int fd, const struct wire_request *request)
{
	send_text(fd, WIRE_JSON, CRITICAL_SET(CRITICAL_ROW("/bin/a", "not root's", "78")));
	send_end(fd, 0, "");
}

static void has_no_gate(int fd, const struct wire_request *request)
{
	send_end(fd, -EOPNOTSUPP, "ringfortd runs without a gate");
}

static void what_the_host_needs_is_told_as_ringfortd_holds_it(void)
{
	assert(run_with(holds_a_set, "critical") == 0);
	expect_in(output, "critical set, version 9: 1 files, as ringfortd holds them\n");
	expect_in(output, "  /bin/a  matched  8:1/77        pid 1\n  /bin/b  missing  -             pid 1\n");
	assert(run_with(holds_a_set_with_a_strangers_file, "critical list") == 1);
	expect_in(output, "  /bin/a  not root's  8:1/78        pid 1\n");
	assert(run_with(holds_a_set_with_a_strangers_file, "critical --json") == 1);
	assert(strcmp(output, CRITICAL_SET(CRITICAL_ROW("/bin/a", "not root's", "78")) "\n") == 0);
}

static void what_the_host_needs_is_looked_for_where_no_gate_can_be_asked(void)
{
	/* Whatever of it somebody may have made writable on this host: that is told, and no failure of ours. */
	assert(run("critical") <= 1 && errors[0] == '\0');
	expect_in(output, "as this host has them now; no gate of a ringfortd could be asked\n");
	expect_in(output, "\n  /bin/sh ");
	expect_in(output, " every program needs the C library\n");
	assert(run_with(has_no_gate, "critical --json") <= 1 && errors[0] == '\0');
	expect_in(output, "\"from\":\"host\"");
	expect_in(output, "{\"path\":\"/bin/sh\",\"reason\":\"services, maintainer scripts and rescue run through it\",\"state\":\"matched\",");
}

static void gate_off_only(int fd, const struct wire_request *request)
{
	assert(request->operation == WIRE_GATE);
	if (request->value == WIRE_GATE_OFF)
		send_end(fd, 0, "");
	else
		send_end(fd, -EOPNOTSUPP, "ringfortd runs without a gate");
}

static void the_gate_is_switched_and_a_refusal_told(void)
{
	assert(run_with(gate_off_only, "gate off") == 0);
	assert(strcmp(output, "the gate lets everything through until 'ringfort gate on'\n") == 0);
	assert(run_with(gate_off_only, "gate off --json") == 0 && strcmp(output, "{\"open\":true}\n") == 0);
	assert(run_with(gate_off_only, "gate on") == 1 && output[0] == '\0');
	expect_in(errors, "ringfort: ringfortd runs without a gate\n");
	assert(run_with(gate_decides, "gate on") == 0 && strcmp(output, "the gate decides\n") == 0);
	assert(run_with(gate_decides, "gate on --json") == 0 && strcmp(output, "{\"open\":false}\n") == 0);
}

/* Read the terminal until part has come, or fail after some seconds. */
static void read_until(int terminal, const char *part)
{
	size_t used = strlen(output);

	while (!strstr(output, part)) {
		ssize_t n = read(terminal, output + used, sizeof(output) - 1 - used);

		if (n <= 0)
			fprintf(stderr, "%s did not come, but: %s\n", part, output);
		assert(n > 0);
		used += (size_t)n;
		output[used] = '\0';
	}
}

static void on_a_terminal_a_footer_keeps_itself_current_and_goes_away(void)
{
	struct winsize size = { .ws_row = 24, .ws_col = 80 };
	pid_t server = start_straw(history), pid;
	int terminal, status;
	ssize_t n;
	size_t used;

	output[0] = '\0';
	pid = forkpty(&terminal, NULL, NULL, &size);
	assert(pid >= 0);
	if (pid == 0) {
		setenv("TERM", "xterm", 1);
		setenv("NO_COLOR", "1", 1);
		alarm(20);
		execl(program, program, "--socket", socket_path, "findings", "-f", NULL);
		_exit(127);
	}
	read_until(terminal, "1234 events | lost 0 | sigma active");
	read_until(terminal, "[sigma]\r\n");
	read_until(terminal, "0 events/s | lost 0 | sigma active\033[0m\033[?7h\r");
	assert(kill(pid, SIGWINCH) == 0);
	usleep(50000);
	/* Ctrl-C, as the terminal sends it. */
	assert(write(terminal, "\x03", 1) == 1);
	used = strlen(output);
	while ((n = read(terminal, output + used, sizeof(output) - 1 - used)) > 0)
		used += (size_t)n;
	output[used] = '\0';
	assert(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
	/* The terminal's echo of Ctrl-C may stand before it, nothing behind it. */
	assert(used > 4 && strcmp(output + used - 4, "\r\033[J") == 0);
	close(terminal);
	stop_straw(server);
}

static void when_the_reader_of_the_pipe_goes_so_do_we(void)
{
	pid_t server = start_straw(history);
	char line[512];

	snprintf(line, sizeof(line), "timeout 10 '%s' --socket '%s' findings -f | head -n 1 >'%s/out'; exit ${PIPESTATUS[0]}",
		 program, socket_path, folder);
	setenv("line", line, 1);
	assert(WEXITSTATUS(system("exec bash -c \"$line\"")) != 124);
	stop_straw(server);
}

static void output_that_cannot_be_written_is_an_error(void)
{
	pid_t server = start_straw(healthy);
	char line[512];

	snprintf(line, sizeof(line), "'%s' --socket '%s' status >/dev/full 2>'%s/err'", program, socket_path, folder);
	assert(WEXITSTATUS(system(line)) == 1);
	stop_straw(server);
	read_back("err", errors, sizeof(errors));
	expect_in(errors, "No space left on device");
}

int main(int argc, char **argv)
{
	assert(argc == 2);
	program = realpath(argv[1], NULL); /* one case asks from another folder */
	assert(program);
	snprintf(folder, sizeof(folder), "/tmp/test-ringfort.XXXXXX");
	assert(mkdtemp(folder));
	chmod(folder, 0755);
	snprintf(socket_path, sizeof(socket_path), "%s/control.sock", folder);
	status_tells_health_by_its_exit_code();
	status_has_a_line_for_a_gate_that_guards();
	no_daemon_is_3_and_says_what_to_do();
	without_permission_is_4_and_says_who_may();
	wrong_calls_are_2_and_name_what_is_wrong();
	help_and_version_go_to_standard_output();
	events_as_json_are_one_object_per_line();
	count_and_timeout_end_events_well();
	only_wanted_types_and_new_events_are_printed_but_every_loss();
	a_daemon_that_breaks_off_or_talks_nonsense_is_told();
	a_refusal_of_the_daemon_is_passed_on();
	findings_are_one_line_each();
	findings_follow_when_asked();
	what_is_asked_of_findings_reaches_the_daemon();
	solutions_are_listed_started_and_heard();
	doctor_says_whether_anything_is_blocked();
	doctor_fails_when_a_selftest_did();
	reload_fails_when_any_was_not_reloaded();
	why_tells_each_verdict_and_each_reason();
	why_asks_about_paths_from_the_root_on_and_follows_no_link();
	gate_status_fails_when_it_is_open_or_somebody_is_demoted();
	gate_status_fails_when_a_file_system_is_refused();
	gate_status_says_that_it_opened_itself_and_when_it_comes_back();
	who_is_held_is_listed_with_who_gave_no_answer();
	the_operators_word_about_a_hold_is_told_with_its_verdict();
	the_gate_is_switched_and_a_refusal_told();
	what_the_host_needs_is_told_as_ringfortd_holds_it();
	what_the_host_needs_is_looked_for_where_no_gate_can_be_asked();
	on_a_terminal_a_footer_keeps_itself_current_and_goes_away();
	when_the_reader_of_the_pipe_goes_so_do_we();
	output_that_cannot_be_written_is_an_error();
	snprintf(output, sizeof(output), "rm -r '%s'", folder);
	return system(output) == 0 ? 0 : 1;
}
