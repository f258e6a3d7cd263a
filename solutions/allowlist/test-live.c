/* SPDX-License-Identifier: Apache-2.0 */
/* Test-live - from requests to answers, and from events to findings; the client is ours */
#include "live.h"
#include "test-support.h"
#include "verdict.h"

#include <errno.h>
#include <sys/mman.h>

/* ---- the client --------------------------------------------------------------------------- */

/* Only the pointer to it is passed around. */
struct ringfort_client {
	struct ringfort_request requests[16];
	size_t n_requests, n_taken;
	int next_answers; /* of ringfort_client_next_request(), when there is none */
	size_t n_room;    /* answers that fit */
	char answers[512]; /* "7:deny 8:allow,remember " */
	const struct ringfort_event *events[200];
	size_t n_events, n_read;
	int report_answers;
	char findings[2048]; /* "rule level title|field=value|...\n" */
	uint32_t without_files;
	int without_answers;
};

int ringfort_client_without_files(struct ringfort_client *client, uint32_t acts)
{
	if (!client->without_answers)
		client->without_files = acts;
	return client->without_answers;
}

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

struct setup {
	struct ringfort_client client;
	struct live *live;
	int fd; /* of a file with "abc" in it that has one name */
	char path[64];
};

static void set_up(struct setup *setup, const char *text)
{
	struct policy *policy = load_good(text);

	memset(setup, 0, sizeof(*setup));
	setup->client.n_room = 100;
	snprintf(setup->path, sizeof(setup->path), "/tmp/ringfort-allowlist-XXXXXX");
	setup->fd = mkstemp(setup->path);
	assert_true(setup->fd >= 0);
	assert_int_equal(write(setup->fd, "abc", 3), 3);
	assert_int_equal(live_new(&setup->live, &setup->client), 0);
	live_use(setup->live, &policy);
}

static void take_down(struct setup *setup)
{
	live_free(setup->live);
	close(setup->fd);
	unlink(setup->path);
}

/* A file of root's that only root can write, about to be executed by process 42. */
static struct ringfort_request *ask(struct setup *setup, const char *path)
{
	struct ringfort_request *request = &setup->client.requests[setup->client.n_requests++];

	*request = (struct ringfort_request){ .size = sizeof(*request), .id = setup->client.n_requests,
					      .pid = 42, .dev = 1, .ino = 2, .file_size = 3,
					      .mode = S_IFREG | 0755, .links = 1, .fd = setup->fd, .path = path };
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

static void requests_are_answered_by_the_policy(void **state)
{
	struct setup setup;

	set_up(&setup, "rules:\n  - {id: a, action: deny, path: /opt/bad}\n  - {id: b, action: allow, path: /opt/}\n");
	ask(&setup, "/opt/bad");
	ask(&setup, "/opt/good");
	ask(&setup, "/srv/other");
	assert_string_equal(answers(&setup), "1:deny 2:allow,remember 3:allow ");
	assert_string_equal(answers(&setup), "");
	assert_int_equal(live_counts(setup.live).n_asked, 3);
	assert_int_equal(live_counts(setup.live).n_denied, 1);
	take_down(&setup);
}

static void an_answer_is_remembered_only_where_it_must_stay_true(void **state)
{
	struct setup setup;

	set_up(&setup, "rules:\n  - {id: a, action: audit, path: /srv/}\n  - {id: b, action: allow, path: /, foreign_ns: true}\n");
	ask(&setup, "/opt/x");
	ask(&setup, "/opt/x")->flags = RINGFORT_REQUEST_FOREIGN_NS;
	ask(&setup, "/opt/x")->uid = 1000;
	ask(&setup, "/opt/x")->mode |= S_IWGRP;
	/* a second name, under which the rule may be another */
	ask(&setup, "/opt/x")->links = 2;
	ask(&setup, "/srv/x");
	assert_string_equal(answers(&setup), "1:allow,remember 2:allow 3:allow 4:allow 5:allow 6:allow ");
	take_down(&setup);

	/* whoever owns it, whatever it is called */
	set_up(&setup, "rules:\n  - {id: a, action: allow, sha256: ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad}\n");
	ask(&setup, "/opt/x")->uid = 1000;
	ask(&setup, "/opt/x")->flags = RINGFORT_REQUEST_FOREIGN_NS;
	assert_string_equal(answers(&setup), "1:allow,remember 2:allow ");
	take_down(&setup);

	/* not hashed this time, perhaps the next */
	set_up(&setup, "rules:\n  - {id: a, action: allow, owner: root}\n  - {id: b, action: deny, sha256: ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad}\n");
	ask(&setup, "/opt/x")->fd = -1;
	assert_string_equal(answers(&setup), "1:allow ");
	take_down(&setup);
}

#define EXEC (1u << RINGFORT_ACT_EXEC)
#define BY_NAME "rules:\n  - {id: a, action: deny, path: /opt/old}\n"
#define BY_CONTENT "rules:\n  - {id: c, action: deny, path: /opt/new}\n  - {id: b, action: deny, sha256: ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad}\n"

static void use(struct setup *setup, const char *text)
{
	struct policy *policy = load_good(text);

	live_use(setup->live, &policy);
}

static void files_are_wanted_where_the_policy_reads_them_and_what_came_without_is_decided_as_before(void **state)
{
	struct setup setup;

	set_up(&setup, BY_NAME);
	assert_int_equal(setup.client.without_files, EXEC);
	use(&setup, BY_CONTENT);
	assert_int_equal(setup.client.without_files, 0);
	/* Asked when nobody wanted files, and then not any more. */
	ask(&setup, "/opt/new")->fd = -1;
	ask(&setup, "/opt/old")->fd = -1;
	ask(&setup, "/opt/old");
	ask(&setup, "/opt/old")->fd = -1;
	assert_string_equal(answers(&setup), "1:deny 2:deny 3:deny 4:allow ");
	use(&setup, BY_NAME);
	ask(&setup, "/opt/x");
	assert_int_equal(setup.client.without_files, EXEC);
	assert_string_equal(answers(&setup), "5:allow ");
	take_down(&setup);
}

static void without_files_a_policy_that_reads_them_holds_after_a_second_all_the_same(void **state)
{
	struct setup setup;

	set_up(&setup, BY_NAME);
	use(&setup, BY_CONTENT);
	usleep(1010000);
	ask(&setup, "/opt/old")->fd = -1;
	assert_string_equal(answers(&setup), "1:allow ");
	take_down(&setup);
}

static void where_the_mailbox_is_full_files_are_asked_for_again(void **state)
{
	struct setup setup;

	set_up(&setup, BY_NAME);
	setup.client.without_answers = -EAGAIN;
	use(&setup, BY_CONTENT);
	assert_string_equal(answers(&setup), "");
	assert_int_equal(setup.client.without_files, EXEC);
	setup.client.without_answers = 0;
	assert_string_equal(answers(&setup), "");
	assert_int_equal(setup.client.without_files, 0);
	take_down(&setup);
}

static void no_request_is_taken_before_the_last_is_answered(void **state)
{
	struct setup setup;

	set_up(&setup, "mode: lockdown\nrules: []\n");
	ask(&setup, "/opt/x");
	ask(&setup, "/opt/y");
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

	set_up(&setup, "rules: []\n");
	setup.client.next_answers = -EACCES;
	assert_int_equal(live_answer(setup.live), 0);
	setup.client.next_answers = -EPIPE;
	assert_int_equal(live_answer(setup.live), -EPIPE);
	take_down(&setup);
}

static void a_name_that_looks_deleted_escapes_no_rule(void **state)
{
	struct setup setup;

	set_up(&setup, "rules:\n  - {id: a, action: deny, path: /opt/}\n");
	ask(&setup, "/opt/x (deleted)");
	assert_string_equal(answers(&setup), "1:deny ");
	ask(&setup, "/opt/x (deleted)")->links = 0;
	assert_string_equal(answers(&setup), "2:allow ");
	take_down(&setup);
}

/* ---- findings ----------------------------------------------------------------------------- */

static void a_denied_execution_is_told_when_its_event_comes(void **state)
{
	struct setup setup;
	struct record record;

	set_up(&setup, "rules:\n  - {id: a, action: deny, path: /opt/, reason: out of here}\n");
	ask(&setup, "/opt/x");
	assert_string_equal(answers(&setup), "1:deny ");
	/* a failed attempt has no file to go by */
	record = exec_event(0, EPERM);
	assert_string_equal(findings(&setup, &record),
			    "a 3 Execution that the policy denies|file=/opt/x|outcome=refused|reason=out of here\n");
	assert_string_equal(findings(&setup, &record), "");

	/* somebody else's denial */
	record = exec_event(0, EPERM);
	assert_string_equal(findings(&setup, &record), "");

	/* overruled, or in shadow */
	ask(&setup, "/opt/x");
	answers(&setup);
	record = exec_event(2, 0);
	assert_string_equal(findings(&setup, &record),
			    "a 3 Execution that the policy denies|file=/opt/x|outcome=executed|reason=out of here\n");
	take_down(&setup);
}

static void what_no_rule_allows_is_told_in_either_mode(void **state)
{
	struct setup setup;
	struct record record;

	set_up(&setup, "rules: []\n");
	ask(&setup, "/opt/x");
	assert_string_equal(answers(&setup), "1:allow ");
	record = exec_event(2, 0);
	assert_string_equal(findings(&setup, &record),
			    "not-allowed 1 Execution that no rule allows|file=/opt/x|outcome=executed\n");
	take_down(&setup);

	set_up(&setup, "mode: lockdown\nrules: []\n");
	ask(&setup, "/opt/x");
	assert_string_equal(answers(&setup), "1:deny ");
	record = exec_event(0, EPERM);
	assert_string_equal(findings(&setup, &record),
			    "not-allowed 3 Execution denied: no rule allows it|file=/opt/x|outcome=refused\n");
	take_down(&setup);
}

static void an_audited_execution_is_told_when_it_ran(void **state)
{
	struct setup setup;
	struct record record;

	set_up(&setup, "rules:\n  - {id: a, action: audit, sha256: ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad}\n"
		       "  - {id: b, action: allow, path: /lib/}\n");
	ask(&setup, "/opt/x");
	answers(&setup);
	record = exec_event(2, 0);
	assert_string_equal(findings(&setup, &record),
			    "a 2 Execution that the policy audits|file=/opt/x|outcome=executed|sha256="
			    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n");
	/* denied by another solution, or no program at all */
	ask(&setup, "/opt/x");
	answers(&setup);
	record = exec_event(0, EPERM);
	assert_string_equal(findings(&setup, &record), "");
	ask(&setup, "/opt/x");
	answers(&setup);
	record = exec_event(0, ENOEXEC);
	assert_string_equal(findings(&setup, &record), "");
	record = exec_event(2, 0);
	assert_string_equal(findings(&setup, &record), "");
	/* what a rule allows is nothing to tell */
	ask(&setup, "/lib/x")->fd = -1;
	answers(&setup);
	record = exec_event(2, 0);
	assert_string_equal(findings(&setup, &record), "");
	take_down(&setup);
}

static void each_file_of_one_attempt_is_told(void **state)
{
	struct setup setup;
	struct record record;

	set_up(&setup, "rules:\n  - {id: a, action: audit, path: /}\n");
	ask(&setup, "/opt/script")->ino = 7;
	ask(&setup, "/opt/shell");
	ask(&setup, "/lib/ld.so")->ino = 8;
	ask(&setup, "/opt/another")->pid = 43;
	answers(&setup);
	record = exec_event(2, 0);
	record.exec.script = (struct ringfort_file){ .dev = 1, .ino = 7 };
	assert_string_equal(findings(&setup, &record),
			    "a 2 Execution that the policy audits|file=/opt/script|outcome=executed\n"
			    "a 2 Execution that the policy audits|file=/opt/shell|outcome=executed\n"
			    "a 2 Execution that the policy audits|file=/lib/ld.so|outcome=loaded\n");
	record.event.process.pid = 43;
	assert_string_equal(findings(&setup, &record),
			    "a 2 Execution that the policy audits|file=/opt/another|outcome=executed\n");
	take_down(&setup);
}

static void an_earlier_event_does_not_take_a_later_verdict(void **state)
{
	struct record before = exec_event(2, 0), after, old;
	struct setup setup;

	set_up(&setup, "rules:\n  - {id: a, action: audit, path: /}\n");
	usleep(1000);
	ask(&setup, "/opt/x");
	answers(&setup);
	assert_string_equal(findings(&setup, &before), "");
	after = exec_event(2, 0);
	assert_string_equal(findings(&setup, &after),
			    "a 2 Execution that the policy audits|file=/opt/x|outcome=executed\n");
	/* only asked about, and long ago */
	ask(&setup, "/opt/x");
	answers(&setup);
	old = exec_event(2, 0);
	old.event.monotonic_ns += (RECENT_SECONDS + 1) * UINT64_C(1000000000);
	assert_string_equal(findings(&setup, &old), "");
	take_down(&setup);
}

static void a_verdict_outlives_its_policy(void **state)
{
	struct policy *policy = load_good("rules: []\n");
	struct setup setup;
	struct record record;

	set_up(&setup, "rules:\n  - {id: a, action: deny, path: /opt/, reason: r}\n");
	ask(&setup, "/opt/x");
	answers(&setup);
	live_use(setup.live, &policy);
	assert_null(policy);
	record = exec_event(0, EPERM);
	assert_string_equal(findings(&setup, &record),
			    "a 3 Execution that the policy denies|file=/opt/x|outcome=refused|reason=r\n");
	take_down(&setup);
}

static void acts_of_the_selftest_and_other_types_are_no_findings(void **state)
{
	struct setup setup;
	struct record record;

	set_up(&setup, "rules:\n  - {id: a, action: audit, path: /}\n");
	ask(&setup, "/opt/x");
	answers(&setup);
	record = exec_event(2, 0);
	record.event.type = ringfort_type_process_exit;
	assert_string_equal(findings(&setup, &record), "");
	record.event.type = ringfort_type_process_exec;
	record.event.flags = RINGFORT_FLAG_SELFTEST;
	assert_string_equal(findings(&setup, &record), "");
	take_down(&setup);
}

static void what_could_not_be_told_is_counted(void **state)
{
	struct setup setup;
	struct record record;

	set_up(&setup, "rules:\n  - {id: a, action: audit, path: /}\n");
	ask(&setup, "/opt/x");
	answers(&setup);
	setup.client.report_answers = -EAGAIN;
	record = exec_event(2, 0);
	assert_string_equal(findings(&setup, &record), "");
	assert_int_equal(live_counts(setup.live).n_untold, 1);
	/* more verdicts of one process than there are places */
	setup.client.report_answers = 0;
	for (size_t i = 0; i < RECENT_PLACES + 3; i++)
		ask(&setup, "/opt/x");
	answers(&setup);
	assert_int_equal(live_counts(setup.live).n_untold, 4);
	take_down(&setup);
}

static void events_are_read_in_turns(void **state)
{
	struct record record = exec_event(2, 0);
	struct setup setup;

	set_up(&setup, "rules: []\n");
	for (size_t i = 0; i < LIVE_MAX_TURN + 1; i++)
		setup.client.events[setup.client.n_events++] = &record.event;
	assert_int_equal(live_read(setup.live), 1);
	assert_int_equal(setup.client.n_read, LIVE_MAX_TURN);
	assert_int_equal(live_read(setup.live), 0);
	take_down(&setup);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_answered_by_the_policy),
		cmocka_unit_test(an_answer_is_remembered_only_where_it_must_stay_true),
		cmocka_unit_test(files_are_wanted_where_the_policy_reads_them_and_what_came_without_is_decided_as_before),
		cmocka_unit_test(without_files_a_policy_that_reads_them_holds_after_a_second_all_the_same),
		cmocka_unit_test(where_the_mailbox_is_full_files_are_asked_for_again),
		cmocka_unit_test(no_request_is_taken_before_the_last_is_answered),
		cmocka_unit_test(without_a_grant_there_is_nothing_to_answer_and_an_end_is_told),
		cmocka_unit_test(a_name_that_looks_deleted_escapes_no_rule),
		cmocka_unit_test(a_denied_execution_is_told_when_its_event_comes),
		cmocka_unit_test(what_no_rule_allows_is_told_in_either_mode),
		cmocka_unit_test(an_audited_execution_is_told_when_it_ran),
		cmocka_unit_test(each_file_of_one_attempt_is_told),
		cmocka_unit_test(an_earlier_event_does_not_take_a_later_verdict),
		cmocka_unit_test(a_verdict_outlives_its_policy),
		cmocka_unit_test(acts_of_the_selftest_and_other_types_are_no_findings),
		cmocka_unit_test(what_could_not_be_told_is_counted),
		cmocka_unit_test(events_are_read_in_turns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
