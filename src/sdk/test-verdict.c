/* SPDX-License-Identifier: Apache-2.0 */
/* Requests, their files and the answers, over mailboxes, a socket and pipes as ringfortd makes them. */
#undef NDEBUG
#include "sdk/straw.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static unsigned int count_descriptors(void)
{
	DIR *list = opendir("/proc/self/fd");
	unsigned int n = 0;

	assert(list);
	while (readdir(list))
		n++;
	closedir(list);
	return n;
}

/* Waits for the next one. */
static struct ringfort_request await_request(struct straw *f)
{
	const struct ringfort_request *request;
	int r;

	while ((r = ringfort_client_next_request(f->client, &request)) == 0)
		assert(straw_readable(f, 10000));
	assert(r == 1);
	return *request;
}

static int answer(struct straw *f, uint64_t id, enum ringfort_verdict verdict)
{
	return ringfort_client_answer(f->client, id, verdict, 0);
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static bool is_file(int fd, const char *path)
{
	struct stat one, other;

	assert(fstat(fd, &one) == 0 && stat(path, &other) == 0);
	return one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

/* ---- what is granted ------------------------------------------------------------------------ */

static void where_nothing_is_granted_nothing_can_be_authorized(void)
{
	struct straw f = { 0 };

	straw_channel(&f);
	unsetenv(ASK_VARIABLE);
	assert(ringfort_client_open(&f.client) == 0);
	assert(ringfort_client_authorizable(f.client) == 0);
	assert(ringfort_client_authorize(f.client, EXEC) == -EACCES);
	assert(ringfort_client_authorize(f.client, 0) == 0);
	assert(straw_request_now(&f) == -EACCES);
	assert(answer(&f, 1, RINGFORT_VERDICT_ALLOW) == -EACCES);
	ringfort_client_close(f.client);
	ring_writer_close(f.ring);
	close(f.wake_fd);
}

static void who_decides_and_reads_no_events_has_begun_all_the_same(void)
{
	struct mailbox_message message;
	struct mailbox_reader *mailbox;
	struct straw f = { 0 };
	int fd;

	straw_channel(&f);
	unsetenv(ASK_VARIABLE);
	fd = dup(f.inherited[1]);
	assert(mailbox_reader_open(&mailbox, fd) == 0);
	assert(ringfort_client_open(&f.client) == 0);
	assert(mailbox_take(mailbox, &message) == 0);
	assert(ringfort_client_authorize(f.client, 0) == 0);
	assert(mailbox_take(mailbox, &message) == 1);
	assert(message.kind == MAILBOX_SUBSCRIBE && message.size == sizeof(uint64_t));
	assert(*(const uint64_t *)message.data == 0);
	/* Once: what was chosen stays. */
	assert(ringfort_client_authorize(f.client, 0) == 0);
	assert(mailbox_take(mailbox, &message) == 0);
	ringfort_client_close(f.client);
	mailbox_reader_close(mailbox);
	ring_writer_close(f.ring);
	close(f.wake_fd);
	close(fd);
}

static void what_is_not_granted_is_refused_and_changes_nothing(void)
{
	const struct ask_authorize *said;
	struct mailbox_message message;
	struct straw f;

	straw_setup(&f, EXEC);
	assert(ringfort_client_authorizable(f.client) == EXEC);
	assert(ringfort_client_authorize(f.client, EXEC | OPEN) == -EACCES);
	assert(mailbox_take(f.answers, &message) == 0);
	assert(ringfort_client_authorize(f.client, EXEC) == 0);
	said = straw_hear(&f, ASK_AUTHORIZE).data;
	assert(said->acts == EXEC);
	straw_teardown(&f);
}

static void expect_authorized(struct straw *f, uint32_t acts, uint32_t without_files)
{
	const struct ask_authorize *said = straw_hear(f, ASK_AUTHORIZE).data;

	assert(said->acts == acts && said->without_files == without_files);
}

static void which_acts_come_without_a_file_is_told_with_every_choice(void)
{
	struct mailbox_message message;
	struct straw f;

	straw_setup(&f, EXEC | OPEN);
	/* Of nothing that it is asked about there is nothing to tell. */
	assert(ringfort_client_without_files(f.client, EXEC) == 0 && mailbox_take(f.answers, &message) == 0);
	assert(ringfort_client_authorize(f.client, EXEC | OPEN) == 0);
	expect_authorized(&f, EXEC | OPEN, EXEC);
	assert(ringfort_client_without_files(f.client, OPEN) == 0);
	expect_authorized(&f, EXEC | OPEN, OPEN);
	assert(ringfort_client_authorize(f.client, OPEN) == 0);
	expect_authorized(&f, OPEN, OPEN);
	/* What is so already need not be forgotten for. */
	assert(ringfort_client_without_files(f.client, OPEN) == 0 && mailbox_take(f.answers, &message) == 0);
	assert(ringfort_client_without_files(f.client, 0) == 0);
	expect_authorized(&f, OPEN, 0);
	straw_teardown(&f);
}

static void a_variable_that_names_no_descriptors_is_refused(void)
{
	static const char *const texts[] = { "", "1,2,3", "900,901,902,903,1" };
	struct ringfort_client *client;
	struct straw f = { 0 };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		straw_channel(&f);
		setenv(ASK_VARIABLE, texts[i], 1);
		assert(ringfort_client_open(&client) == -ENOTCONN);
		ring_writer_close(f.ring);
		close(f.wake_fd);
	}
}

static void no_descriptor_is_left_to_a_program_that_is_executed(void)
{
	unsigned int before = count_descriptors();
	bool ours[64];
	struct straw f;

	for (int fd = 0; fd < 64; fd++)
		ours[fd] = is_open(fd);
	straw_setup(&f, EXEC);
	ours[f.files_fd] = ours[f.gate_fd] = ours[f.wake_fd] = true;
	for (int fd = 0; fd < 64; fd++)
		assert(ours[fd] || !is_open(fd) || fcntl(fd, F_GETFD) == FD_CLOEXEC);
	assert(is_open(f.inherited[5]) && is_open(f.inherited[6]) && is_open(f.wake.fd));
	straw_teardown(&f);
	assert(count_descriptors() == before);
}

/* ---- requests and answers ------------------------------------------------------------------- */

static void one_without_a_file(struct straw *f)
{
	struct ask_answer heard;

	straw_put_request(f, 5, RINGFORT_REQUEST_FOREIGN_NS);
	straw_wake(f);
	heard = straw_hear_answer(f);
	assert(heard.id == 5 && heard.verdict == RINGFORT_VERDICT_DENY);
	assert(heard.flags == RINGFORT_ANSWER_REMEMBER);
}

static void a_request_arrives_as_it_was_asked_and_its_answer_as_it_was_given(void)
{
	struct ringfort_request request;
	struct straw f;
	pid_t gate;

	straw_setup(&f, OPEN);
	gate = straw_play(&f, one_without_a_file);
	request = await_request(&f);
	assert(request.size == sizeof(request) && request.act == RINGFORT_ACT_OPEN);
	assert(request.id == 5 && request.deadline_ns == 1005 && request.pid == 15);
	assert(request.dev == 11 && request.ino == 12 && request.file_size == 13);
	assert(request.ctime_ns == -14 && request.mode == (S_IFREG | 0755));
	assert(request.uid == 16 && request.gid == 17 && request.links == 18 && request.fd == -1);
	assert(request.flags == RINGFORT_REQUEST_FOREIGN_NS);
	assert(strcmp(request.path, "/bin/x") == 0);
	assert(ringfort_client_answer(f.client, 5, _RINGFORT_VERDICT_N, 0) == -EINVAL);
	assert(ringfort_client_answer(f.client, 5, RINGFORT_VERDICT_DENY, 1u << 1) == -EINVAL);
	assert(ringfort_client_answer(f.client, 5, RINGFORT_VERDICT_DENY,
				      RINGFORT_ANSWER_REMEMBER) == 0);
	straw_played(gate);
	straw_teardown(&f);
}

static void one_with_a_file(struct straw *f)
{
	straw_ask_with_file(f, 1, "/proc/self/exe");
	assert(straw_hear_answer(f).id == 1);
}

static void a_file_can_be_read_until_its_request_is_answered(void)
{
	struct ringfort_request request;
	unsigned int before;
	struct straw f;
	char magic[4];
	pid_t gate;

	straw_setup(&f, OPEN);
	before = count_descriptors();
	gate = straw_play(&f, one_with_a_file);
	request = await_request(&f);
	assert(request.flags == 0 && is_file(request.fd, "/proc/self/exe"));
	assert(pread(request.fd, magic, 4, 0) == 4 && memcmp(magic, "\177ELF", 4) == 0);
	assert(fcntl(request.fd, F_GETFD) == FD_CLOEXEC);
	/* Looking for another one does not close it. */
	assert(straw_request_now(&f) == 0 && is_open(request.fd));
	assert(count_descriptors() == before + 1);
	assert(answer(&f, 1, RINGFORT_VERDICT_ALLOW) == 0);
	assert(count_descriptors() == before);
	straw_played(gate);
	straw_teardown(&f);
}

static void several_at_once(struct straw *f)
{
	straw_ask_with_file(f, 1, "/proc/self/exe");
	straw_ask(f, 2);
	straw_ask_with_file(f, 3, "/dev/null");
	for (uint64_t id = 3; id >= 1; id--)
		assert(straw_hear_answer(f).id == id);
}

static void several_requests_can_be_answered_in_any_order(void)
{
	struct ringfort_request requests[3];
	unsigned int before;
	struct straw f;
	pid_t gate;

	straw_setup(&f, OPEN);
	before = count_descriptors();
	gate = straw_play(&f, several_at_once);
	for (int i = 0; i < 3; i++)
		requests[i] = await_request(&f);
	assert(is_file(requests[0].fd, "/proc/self/exe") && is_file(requests[2].fd, "/dev/null"));
	assert(requests[1].fd == -1);
	assert(answer(&f, 3, RINGFORT_VERDICT_ALLOW) == 0);
	assert(!is_open(requests[2].fd) && is_open(requests[0].fd));
	assert(answer(&f, 2, RINGFORT_VERDICT_ALLOW) == 0);
	assert(answer(&f, 1, RINGFORT_VERDICT_ALLOW) == 0);
	assert(count_descriptors() == before);
	straw_played(gate);
	straw_teardown(&f);
}

static void count_unknown(struct straw *f)
{
	unsigned int n_unknown = 0;

	straw_ask(f, 1);
	for (int i = 0; i < 3; i++)
		n_unknown += straw_hear_answer(f).id != 1;
	assert(n_unknown == 2);
}

static void answers_to_what_was_never_asked_are_the_gates_to_count(void)
{
	struct straw f;
	pid_t gate;

	straw_setup(&f, OPEN);
	gate = straw_play(&f, count_unknown);
	assert(answer(&f, 99, RINGFORT_VERDICT_DENY) == 0);
	assert(await_request(&f).id == 1);
	assert(answer(&f, 1, RINGFORT_VERDICT_ALLOW) == 0);
	assert(answer(&f, 0, RINGFORT_VERDICT_DENY) == 0);
	straw_played(gate);
	straw_teardown(&f);
}

static void a_full_mailbox_answers_nothing_and_keeps_the_file(void)
{
	struct ringfort_request request;
	struct mailbox_message message;
	struct straw f;
	int r;

	straw_setup(&f, OPEN);
	straw_ask_with_file(&f, 1, "/dev/null");
	request = await_request(&f);
	while ((r = answer(&f, 99, RINGFORT_VERDICT_ALLOW)) == 0)
		;
	assert(r == -EAGAIN);
	assert(answer(&f, 1, RINGFORT_VERDICT_DENY) == -EAGAIN && is_open(request.fd));
	/* A shorter message may find room where an answer did not, once. */
	while ((r = ringfort_client_authorize(f.client, OPEN)) == 0)
		;
	assert(r == -EAGAIN);
	while (mailbox_take(f.answers, &message) == 1)
		;
	assert(answer(&f, 1, RINGFORT_VERDICT_DENY) == 0 && !is_open(request.fd));
	assert(mailbox_take(f.answers, &message) == 1);
	assert(((const struct ask_answer *)message.data)->id == 1);
	straw_teardown(&f);
}

static void a_full_pipe_to_the_gate_holds_up_nobody(void)
{
	struct mailbox_message message;
	struct straw f;

	straw_setup(&f, OPEN);
	alarm(20);
	while (write(f.inherited[6], "", 1) == 1)
		;
	assert(errno == EAGAIN);
	assert(answer(&f, 1, RINGFORT_VERDICT_ALLOW) == 0);
	alarm(0);
	assert(mailbox_take(f.answers, &message) == 1);
	straw_teardown(&f);
}

/* ---- quietly -------------------------------------------------------------------------------- */

static bool gate_was_told(struct straw *f)
{
	char bytes[64];
	int flags = fcntl(f->gate_fd, F_GETFL);

	assert(fcntl(f->gate_fd, F_SETFL, flags | O_NONBLOCK) == 0);
	return read(f->gate_fd, bytes, sizeof(bytes)) > 0;
}

static void to_allow_what_was_asked_quietly_wakes_the_gate_only_where_it_is_wanted(void)
{
	struct mailbox_message message;
	struct straw f;

	straw_setup(&f, OPEN);
	for (uint64_t id = 1; id <= 4; id++)
		straw_ask(&f, ASK_QUIET | id);
	for (uint64_t id = 1; id <= 4; id++)
		assert(await_request(&f).id == (ASK_QUIET | id));
	assert(answer(&f, ASK_QUIET | 1, RINGFORT_VERDICT_ALLOW) == 0 && !gate_was_told(&f));
	assert(mailbox_take(f.answers, &message) == 1);
	assert(((const struct ask_answer *)message.data)->id == (ASK_QUIET | 1));
	assert(answer(&f, ASK_QUIET | 2, RINGFORT_VERDICT_DENY) == 0 && gate_was_told(&f));
	mailbox_want(f.answers, 3);
	assert(answer(&f, ASK_QUIET | 4, RINGFORT_VERDICT_ALLOW) == 0 && !gate_was_told(&f));
	assert(answer(&f, ASK_QUIET | 3, RINGFORT_VERDICT_ALLOW) == 0 && gate_was_told(&f));
	/* One that is asked alone. */
	assert(answer(&f, 9, RINGFORT_VERDICT_ALLOW) == 0 && gate_was_told(&f));
	straw_teardown(&f);
}

/* ---- files ---------------------------------------------------------------------------------- */

static void the_file_of_a_request_that_never_came_is_closed(void)
{
	struct ringfort_request request;
	unsigned int before;
	struct straw f;
	int null;

	straw_setup(&f, OPEN);
	before = count_descriptors();
	null = open("/dev/null", O_RDONLY);
	straw_send_fd(&f, 1, null);
	straw_send_fd(&f, 2, null);
	close(null);
	straw_ask_with_file(&f, 3, "/proc/self/exe");
	request = await_request(&f);
	assert(request.id == 3 && is_file(request.fd, "/proc/self/exe"));
	assert(count_descriptors() == before + 1);
	/* Said, and not sent. */
	straw_put_request(&f, 4, ASK_REQUEST_HAS_FILE);
	assert(await_request(&f).fd == -1);
	straw_teardown(&f);
}

static void at_the_limit_of_descriptors_a_request_comes_without_its_file(void)
{
	struct rlimit limit, low;
	struct ringfort_request request;
	struct straw f;
	int lowest;

	straw_setup(&f, OPEN);
	straw_ask_with_file(&f, 1, "/dev/null");
	straw_ask_with_file(&f, 2, "/dev/null");
	lowest = dup(0);
	close(lowest);
	assert(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	low = (struct rlimit){ .rlim_cur = (rlim_t)lowest, .rlim_max = limit.rlim_max };
	assert(setrlimit(RLIMIT_NOFILE, &low) == 0);
	request = await_request(&f);
	assert(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	assert(request.id == 1 && request.fd == -1);
	request = await_request(&f);
	assert(request.id == 2 && is_file(request.fd, "/dev/null"));
	straw_teardown(&f);
}

static void of_more_than_64_unanswered_files_the_oldest_is_closed(void)
{
	struct ringfort_request requests[66];
	unsigned int before;
	struct straw f;

	straw_setup(&f, OPEN);
	before = count_descriptors();
	for (uint64_t i = 0; i < 66; i++) {
		straw_ask_with_file(&f, i + 1, "/dev/null");
		requests[i] = await_request(&f);
		assert(requests[i].fd >= 0);
		/* Neither the oldest nor the last one: what was held before and after it stays. */
		if (i == 10)
			assert(answer(&f, 5, RINGFORT_VERDICT_ALLOW) == 0);
	}
	assert(count_descriptors() == before + 64);
	assert(answer(&f, 1, RINGFORT_VERDICT_ALLOW) == 0);
	assert(count_descriptors() == before + 64);
	for (uint64_t id = 2; id <= 66; id++)
		assert(answer(&f, id, RINGFORT_VERDICT_ALLOW) == 0);
	assert(count_descriptors() == before);
	straw_teardown(&f);
}

static void what_was_shown_can_be_kept_while_questions_behind_it_are_answered(void)
{
	uint64_t n = 0, i = 0;
	struct straw f;

	straw_setup(&f, OPEN);
	while (mailbox_unread(f.requests) < ASK_SHOWN_BYTES)
		straw_ask_with_file(&f, ASK_SHOWN | ++n, "/dev/null");
	straw_ask(&f, 7);
	/* All of it is taken, and counts as unread for the gate, which shows no more. */
	for (uint64_t id = 1; id <= n; id++)
		assert(await_request(&f).id == (ASK_SHOWN | id));
	assert(await_request(&f).id == 7 && straw_request_now(&f) == 0);
	assert(answer(&f, 7, RINGFORT_VERDICT_ALLOW) == 0 && straw_hear_answer(&f).id == 7);
	gate_was_told(&f);
	assert(mailbox_unread(f.requests) >= ASK_SHOWN_BYTES);
	/* Another than the first: that keeps its place. */
	assert(answer(&f, ASK_SHOWN | n, RINGFORT_VERDICT_ALLOW) == 0);
	assert(mailbox_unread(f.requests) >= ASK_SHOWN_BYTES && !gate_was_told(&f));
	while (!gate_was_told(&f))
		assert(answer(&f, ASK_SHOWN | ++i, RINGFORT_VERDICT_ALLOW) == 0);
	assert(mailbox_unread(f.requests) < ASK_SHOWN_BYTES / 2 && i < n - 1);
	while (i < n - 2) {
		assert(answer(&f, ASK_SHOWN | ++i, RINGFORT_VERDICT_ALLOW) == 0);
		assert(!gate_was_told(&f));
	}
	assert(answer(&f, ASK_SHOWN | ++i, RINGFORT_VERDICT_ALLOW) == 0);
	assert(mailbox_unread(f.requests) == 0 && gate_was_told(&f));
	straw_teardown(&f);
}

static void what_is_no_request_is_passed_over(void)
{
	static char path[ASK_MAX_PATH + 1];
	struct ask_request request = { .id = 1 };
	struct ringfort_request got;
	struct straw f;

	memset(path, 'x', sizeof(path));
	straw_setup(&f, OPEN);
	assert(mailbox_put(f.requests, 77, &request, sizeof(request), NULL, 0) == 0);
	assert(mailbox_put(f.requests, ASK_REQUEST, &request, sizeof(request) - 1, NULL, 0) == 0);
	assert(mailbox_put(f.requests, ASK_REQUEST, &request, sizeof(request), path,
			   sizeof(path)) == 0);
	request.id = 2;
	assert(mailbox_put(f.requests, ASK_REQUEST, &request, sizeof(request), path,
			   ASK_MAX_PATH) == 0);
	got = await_request(&f);
	assert(got.id == 2 && strlen(got.path) == ASK_MAX_PATH);
	assert(straw_request_now(&f) == 0);
	straw_teardown(&f);
}

static void the_end_of_ringfortd_is_told(void)
{
	struct straw f;

	straw_setup(&f, OPEN);
	straw_ask(&f, 1);
	ring_writer_end(f.ring);
	assert(straw_request_now(&f) == 1);
	assert(straw_request_now(&f) == -EPIPE);
	straw_teardown(&f);
}

int main(void)
{
	where_nothing_is_granted_nothing_can_be_authorized();
	who_decides_and_reads_no_events_has_begun_all_the_same();
	what_is_not_granted_is_refused_and_changes_nothing();
	which_acts_come_without_a_file_is_told_with_every_choice();
	a_variable_that_names_no_descriptors_is_refused();
	no_descriptor_is_left_to_a_program_that_is_executed();
	a_request_arrives_as_it_was_asked_and_its_answer_as_it_was_given();
	a_file_can_be_read_until_its_request_is_answered();
	several_requests_can_be_answered_in_any_order();
	answers_to_what_was_never_asked_are_the_gates_to_count();
	a_full_mailbox_answers_nothing_and_keeps_the_file();
	a_full_pipe_to_the_gate_holds_up_nobody();
	to_allow_what_was_asked_quietly_wakes_the_gate_only_where_it_is_wanted();
	the_file_of_a_request_that_never_came_is_closed();
	at_the_limit_of_descriptors_a_request_comes_without_its_file();
	of_more_than_64_unanswered_files_the_oldest_is_closed();
	what_was_shown_can_be_kept_while_questions_behind_it_are_answered();
	what_is_no_request_is_passed_over();
	the_end_of_ringfortd_is_told();
	return 0;
}
