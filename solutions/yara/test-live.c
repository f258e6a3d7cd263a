/* SPDX-License-Identifier: Apache-2.0 */
/* Test-live - from requests to answers, and from events to findings; the client is ours */
#include "backlog.h"
#include "live.h"
#include "test-support.h"
#include "verdict.h"
#include "written.h"

#include <errno.h>

/* ---- the client --------------------------------------------------------------------------- */

/* Only the pointer to it is passed around. */
struct ringfort_client {
	struct ringfort_request requests[24];
	size_t n_requests, n_taken;
	int next_answers; /* of ringfort_client_next_request(), when there is none */
	size_t n_room;    /* answers that fit */
	char answers[512]; /* "7:deny 8:allow,remember " */
	const struct ringfort_event *events[200];
	size_t n_events, n_read;
	int report_answers;
	char findings[4096]; /* "rule level title|field=value|...\n" */
};

int ringfort_client_next_request(struct ringfort_client *client, const struct ringfort_request **ret_request)
{
	if (client->n_taken == client->n_requests)
		return client->next_answers;
	*ret_request = &client->requests[client->n_taken++];
	return 1;
}

int ringfort_client_answer(struct ringfort_client *client, uint64_t id, enum ringfort_verdict verdict,
			   uint32_t flags)
{
	size_t n = strlen(client->answers);

	if (!client->n_room)
		return -EAGAIN;
	client->n_room--;
	snprintf(client->answers + n, sizeof(client->answers) - n, "%u:%s%s ", (unsigned int)id,
		 verdict == RINGFORT_VERDICT_DENY ? "deny" : "allow",
		 flags & RINGFORT_ANSWER_REMEMBER ? ",remember" : "");
	return 0;
}

int ringfort_client_next(struct ringfort_client *client, const struct ringfort_event **ret_event)
{
	if (client->n_read == client->n_events)
		return 0;
	*ret_event = client->events[client->n_read++];
	return 1;
}

int ringfort_client_report(struct ringfort_client *client, const struct ringfort_finding *finding)
{
	size_t n = strlen(client->findings);

	assert_non_null(finding->event);
	assert_int_equal(finding->size, sizeof(*finding));
	if (client->report_answers < 0)
		return client->report_answers;
	n += (size_t)snprintf(client->findings + n, sizeof(client->findings) - n, "%s %d %s",
			      finding->rule_id, finding->level, finding->title);
	for (uint32_t i = 0; i < finding->n_matched; i++)
		n += (size_t)snprintf(client->findings + n, sizeof(client->findings) - n, "|%s=%s",
				      finding->matched[i].field, finding->matched[i].value);
	snprintf(client->findings + n, sizeof(client->findings) - n, "\n");
	return 0;
}

/* ---- what the tests share ----------------------------------------------------------------- */

#define RULES \
	"rule Bad { meta: description = \"bad\" ringfort = \"deny\" strings: $a = \"bad\" condition: $a }\n" \
	"rule Odd { meta: description = \"odd\" strings: $a = \"odd\" condition: $a }\n"
#define BAD "Bad 3 bad|file=/opt/x|outcome=%s|action=deny|strings=0x0:$a|source=r.yar\n"
#define ODD "Odd 2 odd|file=/opt/x|outcome=executed|action=report|strings=0x0:$a|source=r.yar\n"

struct setup {
	struct ringfort_client client;
	struct live *live;
	int fd;
	char path[64]; /* its only name */
};

static void set_up(struct setup *setup, const char *text, const char *policy)
{
	struct rules *rules = load_good(text, policy);

	memset(setup, 0, sizeof(*setup));
	setup->client.n_room = 100;
	snprintf(setup->path, sizeof(setup->path), "/tmp/ringfort-yara-XXXXXX");
	setup->fd = mkstemp(setup->path);
	assert_true(setup->fd >= 0);
	assert_int_equal(live_new(&setup->live, &setup->client), 0);
	live_use(setup->live, &rules);
	assert_null(rules);
}

static void take_down(struct setup *setup)
{
	live_free(setup->live);
	close(setup->fd);
	unlink(setup->path);
}

/* A file with this text that only root can write to, about to be executed by process 42; it has settled. */
static struct ringfort_request *ask(struct setup *setup, const char *text)
{
	struct ringfort_request *request = &setup->client.requests[setup->client.n_requests++];
	struct stat status;

	assert_int_equal(ftruncate(setup->fd, 0), 0);
	assert_int_equal(pwrite(setup->fd, text, strlen(text), 0), strlen(text));
	usleep(LIVE_SETTLED_NS / 1000 + 10000);
	assert_int_equal(fstat(setup->fd, &status), 0);
	*request = (struct ringfort_request){
		.size = sizeof(*request), .id = setup->client.n_requests, .pid = 42, .dev = 1, .ino = 2,
		.deadline_ns = monotonic_ns() + 60000000000, .file_size = strlen(text), .mode = S_IFREG | 0755,
		.fd = setup->fd, .path = "/opt/x",
		.ctime_ns = (int64_t)status.st_ctim.tv_sec * 1000000000 + status.st_ctim.tv_nsec,
	};
	return request;
}

/* The last request once more. */
static struct ringfort_request *ask_again(struct setup *setup)
{
	struct ringfort_request *request = &setup->client.requests[setup->client.n_requests];

	request[0] = request[-1];
	request->id = ++setup->client.n_requests;
	return request;
}

static const char *answers(struct setup *setup)
{
	setup->client.answers[0] = 0;
	assert_int_equal(live_answer(setup->live), 0);
	return setup->client.answers;
}

struct record {
	struct ringfort_event event;
	struct ringfort_process_exec exec;
};

/* What became of the attempt of process 42. */
static struct record exec_event(uint64_t ino, int error)
{
	return (struct record){ .event = { .size = sizeof(struct record), .type = ringfort_type_process_exec,
					   .monotonic_ns = monotonic_ns(), .process = { .pid = 42 } },
				.exec = { .file = { .dev = ino ? 1 : 0, .ino = ino }, .error = error } };
}

static const char *findings(struct setup *setup, const struct record *record)
{
	setup->client.findings[0] = 0;
	setup->client.events[setup->client.n_events++] = &record->event;
	assert_int_equal(live_read(setup->live), 0);
	return setup->client.findings;
}

/* ---- answers ------------------------------------------------------------------------------ */

static void requests_are_answered_by_what_is_found(void **state)
{
	struct setup setup;

	set_up(&setup, RULES, NULL);
	ask(&setup, "bad");
	assert_string_equal(answers(&setup), "1:deny ");
	/* what becomes a finding is asked about each time */
	ask(&setup, "odd");
	assert_string_equal(answers(&setup), "2:allow ");
	ask(&setup, "fine");
	assert_string_equal(answers(&setup), "3:allow,remember ");
	ask(&setup, "bad")->act = RINGFORT_ACT_OPEN;
	assert_string_equal(answers(&setup), "4:deny ");
	assert_int_equal(live_counts(setup.live).n_asked, 4);
	assert_int_equal(live_counts(setup.live).n_denied, 2);
	assert_int_equal(live_counts(setup.live).n_eventless, 1);
	take_down(&setup);
}

static void an_answer_is_remembered_only_where_it_must_stay_true(void **state)
{
	struct setup setup;

	set_up(&setup, RULES, NULL);
	ask(&setup, "fine")->uid = 1000;
	assert_string_equal(answers(&setup), "1:allow,remember ");
	ask_again(&setup)->flags = RINGFORT_REQUEST_FOREIGN_NS;
	assert_string_equal(answers(&setup), "2:allow,remember ");
	/* it has changed since it was asked about */
	ask(&setup, "fine")->ctime_ns--;
	assert_string_equal(answers(&setup), "3:allow ");
	ask(&setup, "fine")->fd = -1;
	assert_string_equal(answers(&setup), "4:allow ");
	ask(&setup, "fine")->deadline_ns = 1;
	assert_string_equal(answers(&setup), "5:allow ");
	take_down(&setup);

	/* under another name it might be another */
	set_up(&setup, "rule a { condition: filename == \"y\" }", NULL);
	ask(&setup, "fine");
	assert_string_equal(answers(&setup), "1:allow ");
	take_down(&setup);
}

static uint64_t n_scanned(struct setup *setup)
{
	return live_counts(setup->live).n_scanned;
}

static void a_file_that_did_not_change_is_scanned_once(void **state)
{
	struct rules *rules = load_good("rule Odd { condition: true }", NULL);
	struct setup setup;

	set_up(&setup, RULES, NULL);
	ask(&setup, "bad");
	assert_string_equal(answers(&setup), "1:deny ");
	ask_again(&setup);
	assert_string_equal(answers(&setup), "2:deny ");
	assert_int_equal(n_scanned(&setup), 1);
	ask(&setup, "bat");
	assert_string_equal(answers(&setup), "3:allow,remember ");
	assert_int_equal(n_scanned(&setup), 2);
	/* other rules, other results */
	live_use(setup.live, &rules);
	ask_again(&setup);
	assert_string_equal(answers(&setup), "4:allow ");
	assert_int_equal(n_scanned(&setup), 3);
	take_down(&setup);
}

static void what_others_can_write_to_or_was_just_written_is_scanned_each_time(void **state)
{
	struct setup setup;

	set_up(&setup, RULES, NULL);
	ask(&setup, "bad")->uid = 1000;
	answers(&setup);
	ask_again(&setup);
	answers(&setup);
	assert_int_equal(n_scanned(&setup), 2);
	ask(&setup, "bad")->mode |= S_IWGRP;
	answers(&setup);
	ask_again(&setup);
	answers(&setup);
	assert_int_equal(n_scanned(&setup), 4);
	take_down(&setup);
}

static void where_rules_look_at_names_each_name_is_scanned(void **state)
{
	struct setup setup;

	set_up(&setup, "rule Named { condition: filename == \"y\" }", "deny: [Named]\n");
	ask(&setup, "fine");
	assert_string_equal(answers(&setup), "1:allow ");
	ask_again(&setup)->path = "/opt/y";
	assert_string_equal(answers(&setup), "2:deny ");
	/* of another namespace: a name that anybody can give */
	ask_again(&setup)->flags = RINGFORT_REQUEST_FOREIGN_NS;
	assert_string_equal(answers(&setup), "3:allow ");
	ask_again(&setup)->flags = 0;
	assert_string_equal(answers(&setup), "4:deny ");
	assert_int_equal(n_scanned(&setup), 3);
	take_down(&setup);
}

static void a_scan_that_took_too_long_is_not_tried_again(void **state)
{
	struct setup setup;

	set_up(&setup, "rule a { condition: filesize > 1 and for all i in (0..4000000000) : ( i >= 0 ) }",
	       "max_scan_ms: 30\n");
	ask(&setup, "fine");
	ask_again(&setup);
	assert_string_equal(answers(&setup), "1:allow 2:allow ");
	/* the second had the answer of the first */
	ask_again(&setup)->deadline_ns = 1;
	assert_string_equal(answers(&setup), "3:allow ");
	take_down(&setup);
}

static void the_answer_comes_before_the_deadline(void **state)
{
	struct setup setup;
	uint64_t deadline_ns;

	set_up(&setup, "rule a { condition: filesize > 1 and for all i in (0..4000000000) : ( i >= 0 ) }",
	       "max_scan_ms: 4000\n");
	deadline_ns = monotonic_ns() + 2000000000;
	ask(&setup, "fine")->deadline_ns = deadline_ns;
	assert_string_equal(answers(&setup), "1:allow ");
	assert_true(monotonic_ns() < deadline_ns);
	take_down(&setup);
}

static void no_request_is_taken_before_the_last_is_answered(void **state)
{
	struct setup setup;

	set_up(&setup, RULES, NULL);
	ask(&setup, "bad");
	ask_again(&setup);
	setup.client.n_room = 0;
	assert_int_equal(live_answer(setup.live), 1);
	assert_int_equal(setup.client.n_taken, 1);
	assert_int_equal(live_answer(setup.live), 1);
	assert_int_equal(setup.client.n_taken, 1);
	setup.client.n_room = 5;
	assert_string_equal(answers(&setup), "1:deny 2:deny ");
	take_down(&setup);
}

static void without_a_grant_there_is_nothing_to_answer_and_an_end_is_told(void **state)
{
	struct setup setup;

	set_up(&setup, RULES, NULL);
	setup.client.next_answers = -EACCES;
	assert_int_equal(live_answer(setup.live), 0);
	setup.client.next_answers = -EPIPE;
	assert_int_equal(live_answer(setup.live), -EPIPE);
	take_down(&setup);
}

/* ---- findings ----------------------------------------------------------------------------- */

static void a_denied_execution_is_told_when_its_event_comes(void **state)
{
	char expected[256];
	struct setup setup;
	struct record record;

	set_up(&setup, RULES, NULL);
	ask(&setup, "bad");
	answers(&setup);
	/* a failed attempt has no file to go by */
	record = exec_event(0, EPERM);
	snprintf(expected, sizeof(expected), BAD, "refused");
	assert_string_equal(findings(&setup, &record), expected);
	assert_string_equal(findings(&setup, &record), "");

	/* overruled, or in shadow */
	ask_again(&setup);
	answers(&setup);
	record = exec_event(2, 0);
	snprintf(expected, sizeof(expected), BAD, "executed");
	assert_string_equal(findings(&setup, &record), expected);
	take_down(&setup);
}

static void each_execution_of_a_known_file_is_told(void **state)
{
	struct setup setup;
	struct record record;

	set_up(&setup, RULES, NULL);
	for (size_t i = 0; i < 3; i++) {
		if (i)
			ask_again(&setup);
		else
			ask(&setup, "odd");
		answers(&setup);
		record = exec_event(2, 0);
		assert_string_equal(findings(&setup, &record), ODD);
	}
	assert_int_equal(n_scanned(&setup), 1);
	/* that failed for another reason: nothing ran */
	ask_again(&setup);
	answers(&setup);
	record = exec_event(0, ENOEXEC);
	assert_string_equal(findings(&setup, &record), "");
	take_down(&setup);
}

static void a_script_is_known_by_its_name_and_the_rest_was_loaded(void **state)
{
	struct {
		struct record record;
		char path[8];
	} script = { .record = exec_event(7, 0), .path = "/opt/x" };
	struct setup setup;

	set_up(&setup, "rule Odd { meta: description = \"odd\" strings: $a = \"odd\" condition: $a }", NULL);
	script.record.exec.script.path = (struct ringfort_span){ sizeof(script.record), 6 };
	ask(&setup, "odd");
	answers(&setup);
	script.record.event.monotonic_ns = monotonic_ns();
	assert_string_equal(findings(&setup, &script.record), ODD);
	ask_again(&setup)->path = "/lib/ld.so";
	answers(&setup);
	script.record.event.monotonic_ns = monotonic_ns();
	assert_non_null(strstr(findings(&setup, &script.record), "|file=/lib/ld.so|outcome=loaded|"));
	take_down(&setup);
}

static void what_was_not_scanned_is_told(void **state)
{
	struct setup setup;
	struct record record;

	set_up(&setup, RULES, "max_file_mb: 1\n");
	ask(&setup, "bad")->file_size = 2 << 20;
	assert_string_equal(answers(&setup), "1:allow ");
	record = exec_event(2, 0);
	assert_string_equal(findings(&setup, &record),
			    "not-scanned 1 Execution of a file that was not scanned|file=/opt/x|outcome=executed|"
			    "reason=it is larger than max_file_mb\n");
	ask(&setup, "bad")->deadline_ns = 1;
	answers(&setup);
	record = exec_event(2, 0);
	assert_string_equal(findings(&setup, &record),
			    "not-scanned 2 Execution of a file that was not scanned|file=/opt/x|outcome=executed|"
			    "reason=there was not enough time\n");
	take_down(&setup);
}

static void rules_that_have_no_room_are_counted(void **state)
{
	char text[1024] = "";
	struct setup setup;
	struct record record;

	for (size_t i = 0; i < RESULT_MAX_MATCHES + 2; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "rule r%zu { condition: true }\n", i);
	set_up(&setup, text, NULL);
	ask(&setup, "x");
	answers(&setup);
	record = exec_event(2, 0);
	assert_non_null(strstr(findings(&setup, &record), "|others=2 more rules match\nr1 "));
	take_down(&setup);
}

static void a_verdict_outlives_its_rules(void **state)
{
	struct rules *rules = load_good("rule a { condition: false }", NULL);
	struct setup setup;
	struct record record;

	set_up(&setup, RULES, NULL);
	ask(&setup, "odd");
	answers(&setup);
	live_use(setup.live, &rules);
	record = exec_event(2, 0);
	assert_string_equal(findings(&setup, &record), ODD);
	take_down(&setup);
}

static void earlier_events_others_and_those_of_the_selftest_are_no_findings(void **state)
{
	struct record before = exec_event(2, 0), record;
	struct setup setup;

	set_up(&setup, RULES, NULL);
	ask(&setup, "odd");
	answers(&setup);
	assert_string_equal(findings(&setup, &before), "");
	record = exec_event(2, 0);
	record.event.type = ringfort_type_process_exit;
	assert_string_equal(findings(&setup, &record), "");
	record = exec_event(2, 0);
	record.event.process.pid = 43;
	assert_string_equal(findings(&setup, &record), "");
	record = exec_event(2, 0);
	record.event.flags = RINGFORT_FLAG_SELFTEST;
	assert_string_equal(findings(&setup, &record), "");
	/* only asked about, and long ago */
	ask_again(&setup);
	answers(&setup);
	record = exec_event(2, 0);
	record.event.monotonic_ns += (RECENT_SECONDS + 1) * UINT64_C(1000000000);
	assert_string_equal(findings(&setup, &record), "");
	take_down(&setup);
}

static void what_could_not_be_told_is_counted(void **state)
{
	struct setup setup;
	struct record record;

	set_up(&setup, RULES, NULL);
	ask(&setup, "odd");
	answers(&setup);
	setup.client.report_answers = -EAGAIN;
	record = exec_event(2, 0);
	assert_string_equal(findings(&setup, &record), "");
	assert_int_equal(live_counts(setup.live).n_untold, 1);
	/* more verdicts of one process than there are places */
	for (size_t i = 0; i < RECENT_PLACES + 3; i++)
		ask_again(&setup);
	answers(&setup);
	assert_int_equal(live_counts(setup.live).n_untold, 4);
	take_down(&setup);
}

static void events_are_read_in_turns(void **state)
{
	struct record record = exec_event(2, 0);
	struct setup setup;

	set_up(&setup, RULES, NULL);
	for (size_t i = 0; i < LIVE_MAX_TURN + 1; i++)
		setup.client.events[setup.client.n_events++] = &record.event;
	assert_int_equal(live_read(setup.live), 1);
	assert_int_equal(setup.client.n_read, LIVE_MAX_TURN);
	assert_int_equal(live_read(setup.live), 0);
	take_down(&setup);
}

/* ---- files that were written to ------------------------------------------------------------ */

#define WRITTEN "Bad 3 bad|file=/opt/x|outcome=written|action=deny|strings=0x0:$a|source=r.yar\n"

struct write_record {
	struct ringfort_event event;
	struct ringfort_file_modify modify;
	char path[16];
};

/* Process 42 has closed the file; without a number when it was gone before it was named. */
static struct write_record write_event(uint64_t ino)
{
	return (struct write_record){ .event = { .size = sizeof(struct write_record), .type = ringfort_type_file_modify,
						 .monotonic_ns = monotonic_ns(), .process = { .pid = 42 } },
				      .modify = { .file = { .dev = ino ? 1 : 0, .ino = ino,
							    .path = { offsetof(struct write_record, path), 6 } } },
				      .path = "/opt/x" };
}

/* The file of ask(), with this text, is shown and scanned. */
static void show(struct setup *setup, const char *text, uint32_t flags)
{
	struct ringfort_request *request = ask(setup, text);

	request->act = RINGFORT_ACT_MODIFY;
	request->deadline_ns = 0;
	request->flags = flags;
	setup->client.findings[0] = 0;
	assert_string_equal(answers(setup), "");
	assert_true(live_scan(setup->live));
	assert_false(live_scan(setup->live));
}

static const char *write_findings(struct setup *setup, const struct write_record *record)
{
	setup->client.findings[0] = 0;
	setup->client.events[setup->client.n_events++] = &record->event;
	assert_int_equal(live_read(setup->live), 0);
	return setup->client.findings;
}

static void what_was_written_is_told_when_its_event_came_before_it_was_scanned(void **state)
{
	struct write_record record = write_event(2);
	struct setup setup;

	set_up(&setup, RULES, NULL);
	assert_string_equal(write_findings(&setup, &record), "");
	/* what the client returned is its own again */
	memset(&record, 0xff, sizeof(record));
	show(&setup, "bad", 0);
	assert_string_equal(setup.client.findings, WRITTEN);
	assert_string_equal(setup.client.answers, "1:allow ");
	assert_int_equal(live_counts(setup.live).n_shown, 1);
	assert_int_equal(live_counts(setup.live).n_asked, 0);
	take_down(&setup);
}

static void what_was_written_is_told_when_its_event_comes_after_it_was_scanned(void **state)
{
	struct write_record record, other;
	struct setup setup;

	set_up(&setup, RULES, NULL);
	show(&setup, "bad", 0);
	assert_string_equal(setup.client.findings, "");
	/* of another file, of another process */
	other = write_event(3);
	assert_string_equal(write_findings(&setup, &other), "");
	other = write_event(2);
	other.event.process.pid = 43;
	assert_string_equal(write_findings(&setup, &other), "");
	record = write_event(2);
	assert_string_equal(write_findings(&setup, &record), WRITTEN);
	assert_string_equal(write_findings(&setup, &record), "");
	take_down(&setup);
}

static void a_file_that_is_gone_is_known_by_its_path(void **state)
{
	struct write_record record = write_event(0);
	struct setup setup;

	set_up(&setup, RULES, NULL);
	write_findings(&setup, &record);
	ask(&setup, "bad")->act = RINGFORT_ACT_MODIFY;
	setup.client.requests[0].path = "/opt/x (deleted)";
	answers(&setup);
	assert_true(live_scan(setup.live));
	assert_non_null(strstr(setup.client.findings, "|file=/opt/x (deleted)|outcome=written|"));
	take_down(&setup);
}

static void one_content_is_told_once_and_another_again(void **state)
{
	struct write_record record = write_event(2);
	struct setup setup;

	set_up(&setup, RULES, NULL);
	write_findings(&setup, &record);
	show(&setup, "bad", 0);
	assert_string_equal(setup.client.findings, WRITTEN);
	/* closed once more, by somebody who wrote nothing */
	write_findings(&setup, &record);
	setup.client.requests[setup.client.n_requests] = setup.client.requests[0];
	setup.client.requests[setup.client.n_requests++].id = 7;
	assert_string_equal(answers(&setup), "");
	assert_true(live_scan(setup.live));
	assert_string_equal(setup.client.findings, "");
	/* clean, then as it was */
	write_findings(&setup, &record);
	show(&setup, "fine", 0);
	assert_string_equal(setup.client.findings, "");
	write_findings(&setup, &record);
	show(&setup, "bad", 0);
	assert_string_equal(setup.client.findings, WRITTEN);
	assert_int_equal(live_counts(setup.live).n_untold, 0);
	take_down(&setup);
}

static void what_finds_no_event_is_counted(void **state)
{
	struct setup setup;

	set_up(&setup, RULES, NULL);
	show(&setup, "bad", 0);
	assert_int_equal(live_read(setup.live), 0);
	assert_int_equal(live_counts(setup.live).n_untold, 0);
	sleep(WRITTEN_SECONDS + 1);
	assert_int_equal(live_read(setup.live), 0);
	assert_int_equal(live_counts(setup.live).n_untold, 1);
	take_down(&setup);
}

static void the_event_of_an_earlier_write_is_taken_when_no_other_comes(void **state)
{
	struct write_record old = write_event(2), record;
	struct setup setup;

	set_up(&setup, RULES, NULL);
	old.event.monotonic_ns -= 2 * WRITTEN_FRESH_NS;
	write_findings(&setup, &old);
	show(&setup, "bad", 0);
	assert_string_equal(setup.client.findings, "");
	record = write_event(2);
	assert_string_equal(write_findings(&setup, &record), WRITTEN);
	/* and now none comes */
	record.event.monotonic_ns -= 2 * WRITTEN_FRESH_NS;
	write_findings(&setup, &record);
	show(&setup, "bad!", 0);
	assert_string_equal(setup.client.findings, "");
	sleep(WRITTEN_SECONDS + 1);
	assert_int_equal(live_read(setup.live), 0);
	assert_string_equal(setup.client.findings, WRITTEN);
	assert_int_equal(live_counts(setup.live).n_untold, 0);
	take_down(&setup);
}

static void what_was_written_and_not_scanned_is_told(void **state)
{
	struct write_record record = write_event(2);
	struct setup setup;

	set_up(&setup, RULES, "max_file_mb: 1\n");
	write_findings(&setup, &record);
	ask(&setup, "bad")->act = RINGFORT_ACT_MODIFY;
	assert_int_equal(ftruncate(setup.fd, 2 << 20), 0);
	answers(&setup);
	live_scan(setup.live);
	assert_string_equal(setup.client.findings,
			    "not-scanned 1 Write to a file that was not scanned|file=/opt/x|outcome=written|"
			    "reason=it is larger than max_file_mb\n");
	setup.client.findings[0] = 0;
	write_findings(&setup, &record);
	ask(&setup, "bad")->act = RINGFORT_ACT_MODIFY;
	setup.client.requests[1].fd = -1;
	answers(&setup);
	live_scan(setup.live);
	assert_non_null(strstr(setup.client.findings, "|reason=the file was not handed over\n"));
	take_down(&setup);
}

static void files_that_were_never_shown_are_told_with_the_next(void **state)
{
	struct write_record record = write_event(2);
	struct setup setup;

	set_up(&setup, RULES, NULL);
	write_findings(&setup, &record);
	show(&setup, "fine", RINGFORT_REQUEST_LOST);
	assert_string_equal(setup.client.findings,
			    "not-scanned 2 Writes to files that were not scanned|before=/opt/x|outcome=written|"
			    "reason=more was written than could be looked at\n");
	assert_int_equal(live_counts(setup.live).n_lost, 1);
	take_down(&setup);
}

static void who_waits_is_answered_before_what_was_only_shown_is_scanned(void **state)
{
	struct setup setup;

	set_up(&setup, RULES, NULL);
	ask(&setup, "bad")->act = RINGFORT_ACT_MODIFY;
	ask_again(&setup);
	ask_again(&setup)->act = RINGFORT_ACT_OPEN;
	assert_string_equal(answers(&setup), "3:deny ");
	assert_int_equal(n_scanned(&setup), 1);
	assert_true(live_scan(setup.live));
	assert_string_equal(setup.client.answers, "3:deny 1:allow ");
	assert_true(live_scan(setup.live));
	assert_false(live_scan(setup.live));
	assert_string_equal(setup.client.answers, "3:deny 1:allow 2:allow ");
	take_down(&setup);
}

static void a_file_of_roots_that_was_scanned_when_it_was_written_is_known_when_it_is_executed(void **state)
{
	struct setup setup;

	set_up(&setup, RULES, NULL);
	show(&setup, "fine", 0);
	/* the file of the setup may be another's */
	ask_again(&setup)->act = RINGFORT_ACT_EXEC;
	setup.client.requests[1].deadline_ns = monotonic_ns() + 60000000000;
	assert_string_equal(answers(&setup), "2:allow,remember ");
	assert_int_equal(n_scanned(&setup), geteuid() ? 2 : 1);
	/* by whom others can write to it, it is looked at again */
	ask(&setup, "fine")->act = RINGFORT_ACT_MODIFY;
	assert_int_equal(fchmod(setup.fd, 0666), 0);
	answers(&setup);
	assert_true(live_scan(setup.live));
	ask_again(&setup)->act = RINGFORT_ACT_EXEC;
	setup.client.requests[3].mode |= S_IWOTH;
	answers(&setup);
	assert_int_equal(n_scanned(&setup), geteuid() ? 4 : 3);
	take_down(&setup);
}

static void events_that_nobody_asks_for_make_room_for_later_ones(void **state)
{
	struct write_record record = write_event(1);
	struct verdict verdict = { .head.pid = 42, .dev = 1, .ino = 2, .path = "/opt/x" };
	struct written *written;

	assert_int_equal(written_new(&written), 0);
	verdict.head.at_ns = monotonic_ns();
	verdict.result = result_new(1);
	/* of one file the last is kept, and 2 is the oldest of as many as there is room for */
	for (size_t i = 0; i < 2 * WRITTEN_MAX_EVENTS; i++)
		assert_false(written_event(written, &record.event, &verdict));
	for (uint64_t ino = 2; ino < 2 + WRITTEN_MAX_EVENTS; ino++) {
		record.modify.file.ino = ino;
		assert_false(written_event(written, &record.event, &verdict));
	}
	assert_non_null(written_verdict(written, &verdict));
	/* in the place of 2, and then in that of 3 */
	for (uint64_t ino = 900000; ino < 900002; ino++) {
		record.modify.file.ino = ino;
		assert_false(written_event(written, &record.event, &verdict));
	}
	verdict.ino = 3;
	assert_null(written_verdict(written, &verdict));
	assert_int_equal(verdict.result->n_users, 2);
	/* verdicts likewise */
	for (uint64_t i = 0; i < WRITTEN_MAX_VERDICTS; i++) {
		verdict.ino = 1000000 + i;
		assert_null(written_verdict(written, &verdict));
	}
	assert_int_equal(written_forgotten(written), 1);
	written_free(written);
	assert_int_equal(verdict.result->n_users, 1);
	result_unref(verdict.result);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_answered_by_what_is_found),
		cmocka_unit_test(an_answer_is_remembered_only_where_it_must_stay_true),
		cmocka_unit_test(a_file_that_did_not_change_is_scanned_once),
		cmocka_unit_test(what_others_can_write_to_or_was_just_written_is_scanned_each_time),
		cmocka_unit_test(where_rules_look_at_names_each_name_is_scanned),
		cmocka_unit_test(a_scan_that_took_too_long_is_not_tried_again),
		cmocka_unit_test(the_answer_comes_before_the_deadline),
		cmocka_unit_test(no_request_is_taken_before_the_last_is_answered),
		cmocka_unit_test(without_a_grant_there_is_nothing_to_answer_and_an_end_is_told),
		cmocka_unit_test(a_denied_execution_is_told_when_its_event_comes),
		cmocka_unit_test(each_execution_of_a_known_file_is_told),
		cmocka_unit_test(a_script_is_known_by_its_name_and_the_rest_was_loaded),
		cmocka_unit_test(what_was_not_scanned_is_told),
		cmocka_unit_test(rules_that_have_no_room_are_counted),
		cmocka_unit_test(a_verdict_outlives_its_rules),
		cmocka_unit_test(earlier_events_others_and_those_of_the_selftest_are_no_findings),
		cmocka_unit_test(what_could_not_be_told_is_counted),
		cmocka_unit_test(events_are_read_in_turns),
		cmocka_unit_test(what_was_written_is_told_when_its_event_came_before_it_was_scanned),
		cmocka_unit_test(what_was_written_is_told_when_its_event_comes_after_it_was_scanned),
		cmocka_unit_test(a_file_that_is_gone_is_known_by_its_path),
		cmocka_unit_test(one_content_is_told_once_and_another_again),
		cmocka_unit_test(what_finds_no_event_is_counted),
		cmocka_unit_test(the_event_of_an_earlier_write_is_taken_when_no_other_comes),
		cmocka_unit_test(what_was_written_and_not_scanned_is_told),
		cmocka_unit_test(files_that_were_never_shown_are_told_with_the_next),
		cmocka_unit_test(who_waits_is_answered_before_what_was_only_shown_is_scanned),
		cmocka_unit_test(a_file_of_roots_that_was_scanned_when_it_was_written_is_known_when_it_is_executed),
		cmocka_unit_test(events_that_nobody_asks_for_make_room_for_later_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
