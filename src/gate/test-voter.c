/* SPDX-License-Identifier: Apache-2.0 */
/* Test-voter - one solution's channel with a solution of straw behind it, and its circuit breaker. */
#undef NDEBUG
#include "gate/voter.h"

#include "ring/mailbox.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define SLOT 5
#define EXEC (1u << RINGFORT_ACT_EXEC)
#define SOME_TIME (1000 * VOTER_SECOND)

struct fixture {
	struct voter *voter;
	struct history_voice numbers;
	/* the solution's */
	struct mailbox_reader *requests;
	struct mailbox_writer *answers;
	unsigned char *answers_map;
	size_t answers_size;
	int files, wake, tell;
};

static void map_answers(struct fixture *f, int fd)
{
	struct stat st;

	assert(fstat(fd, &st) == 0);
	f->answers_size = (size_t)st.st_size;
	f->answers_map = mmap(NULL, f->answers_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert(f->answers_map != MAP_FAILED);
}

static void setup_with(struct fixture *f, struct voter_terms terms)
{
	struct voter_channel channel;
	int pair[2], wake[2], woken[2];

	memset(f, 0, sizeof(*f));
	assert(mailbox_create(&channel.requests) == 0 && mailbox_create(&channel.answers) == 0);
	assert(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair) == 0);
	assert(pipe2(wake, O_NONBLOCK) == 0 && pipe2(woken, O_NONBLOCK) == 0);
	assert(mailbox_reader_open(&f->requests, channel.requests) == 0);
	assert(mailbox_writer_open(&f->answers, channel.answers) == 0);
	map_answers(f, channel.answers);
	channel.files = pair[0];
	channel.wake = wake[1];
	channel.woken = woken[0];
	f->files = pair[1];
	f->wake = wake[0];
	f->tell = woken[1];
	assert(voter_open(&f->voter, &terms, &channel, &f->numbers) == 0);
	assert(channel.requests == -1 && channel.woken == -1);
}

static void setup(struct fixture *f)
{
	setup_with(f, (struct voter_terms){ .slot = SLOT, .run = 1, .granted = EXEC });
}

static void teardown(struct fixture *f)
{
	assert(!voter_close(f->voter));
	mailbox_reader_close(f->requests);
	mailbox_writer_close(f->answers);
	munmap(f->answers_map, f->answers_size);
	close(f->files);
	close(f->wake);
	close(f->tell);
}

static void say(struct fixture *f, uint32_t kind, const void *data, size_t size)
{
	assert(mailbox_put(f->answers, kind, data, size, NULL, 0) == 0);
	assert(write(f->tell, "", 1) == 1);
}

static void authorize_without(struct fixture *f, uint32_t acts, uint32_t without_files)
{
	const struct ask_authorize wanted = { .acts = acts, .without_files = without_files };
	struct ask_answer answer;

	say(f, ASK_AUTHORIZE, &wanted, sizeof(wanted));
	assert(voter_take(f->voter, &answer) == VOTER_CHANGED);
}

static void authorize(struct fixture *f, uint32_t acts)
{
	authorize_without(f, acts, 0);
}

static int ask(struct fixture *f, uint64_t id, int fd)
{
	static struct file_path path = { .length = 6, .text = "/bin/x" };
	static const struct file file = { .dev = 1, .ino = 2, .size = 3, .ctime_ns = -4, .mode = S_IFREG, .uid = 7, .gid = 8, .links = 9 };

	return voter_ask(f->voter, &(struct voter_question){ .id = id, .deadline_ns = 99, .pid = 4, .fd = fd,
							     .file = &file, .path = &path });
}

/* ---- the channel ------------------------------------------------------------------------------- */

static void a_question_arrives_whole_with_its_file_and_wakes(void)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	uint64_t id;
	struct iovec part = { &id, sizeof(id) };
	struct msghdr packet = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
	const struct ask_request *request;
	struct mailbox_message message;
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), sent;
	struct stat one, other;
	struct fixture f;
	char byte;

	setup(&f);
	assert(ask(&f, 77, fd) == 0 && f.numbers.n_asked == 1);
	assert(read(f.wake, &byte, 1) == 1);
	assert(mailbox_take(f.requests, &message) == 1 && message.kind == ASK_REQUEST);
	request = message.data;
	assert(message.size == sizeof(*request) + 6 && memcmp(request + 1, "/bin/x", 6) == 0);
	assert(request->id == 77 && request->deadline_ns == 99 && request->dev == 1 && request->ino == 2 && request->file_size == 3);
	assert(request->ctime_ns == -4 && request->pid == 4 && request->uid == 7 && request->gid == 8 && request->links == 9);
	assert(request->flags == ASK_REQUEST_HAS_FILE);
	assert(recvmsg(f.files, &packet, 0) == sizeof(id) && id == 77);
	memcpy(&sent, CMSG_DATA(CMSG_FIRSTHDR(&packet)), sizeof(sent));
	assert(fstat(fd, &one) == 0 && fstat(sent, &other) == 0 && one.st_ino == other.st_ino);
	close(sent);
	close(fd);
	teardown(&f);
}

static uint32_t flags_of_next(struct fixture *f)
{
	struct mailbox_message message;

	assert(mailbox_take(f->requests, &message) == 1);
	return ((const struct ask_request *)message.data)->flags;
}

static void who_wants_no_file_is_sent_none(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct fixture f;
	uint64_t id;

	setup(&f);
	authorize_without(&f, EXEC, EXEC);
	assert(ask(&f, 1, fd) == 0 && flags_of_next(&f) == 0);
	assert(recv(f.files, &id, sizeof(id), MSG_DONTWAIT) < 0 && errno == EAGAIN);
	authorize_without(&f, EXEC, ~EXEC);
	assert(ask(&f, 2, fd) == 0 && flags_of_next(&f) == ASK_REQUEST_HAS_FILE);
	close(fd);
	teardown(&f);
}

static void files_that_nobody_takes_are_not_sent_and_nobody_waits(void)
{
	struct mailbox_message message;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), n_with = 0, n_without = 0;
	struct fixture f;

	setup(&f);
	for (uint64_t id = 1; id <= 1500; id++)
		assert(ask(&f, id, fd) == 0);
	while (mailbox_take(f.requests, &message) == 1)
		if (((const struct ask_request *)message.data)->flags & ASK_REQUEST_HAS_FILE)
			n_with++;
		else
			n_without++;
	assert(n_with > 10 && n_without > 10 && n_with + n_without == 1500);
	close(fd);
	teardown(&f);
}

static void a_mailbox_that_nobody_reads_is_full_at_some_time(void)
{
	struct mailbox_message message;
	struct fixture f;
	uint64_t n = 0;

	setup(&f);
	while (ask(&f, n + 1, -1) == 0)
		n++;
	assert(n > 1000 && n < 10000 && f.numbers.n_asked == n);
	assert(ask(&f, 0, -1) == -EAGAIN && f.numbers.n_asked == n);
	assert(mailbox_take(f.requests, &message) == 1 && ask(&f, n, -1) == 0);
	teardown(&f);
}

static void a_solution_that_has_ended_is_no_fault_of_the_gate(void)
{
	struct fixture f;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	setup(&f);
	close(f.files);
	close(f.wake);
	/* The pipe's end has gone: it cannot be woken, and is not waited for. */
	assert(ask(&f, 1, fd) == -EAGAIN);
	f.files = open("/dev/null", O_RDONLY | O_CLOEXEC);
	f.wake = open("/dev/null", O_RDONLY | O_CLOEXEC);
	close(fd);
	teardown(&f);
}

/* ---- what it says -------------------------------------------------------------------------------- */

static void it_takes_part_in_what_it_asks_for_and_was_granted(void)
{
	struct fixture f;

	setup(&f);
	assert(!voter_takes_part(f.voter, RINGFORT_ACT_EXEC));
	authorize(&f, ~0u);
	assert(voter_takes_part(f.voter, RINGFORT_ACT_EXEC) && !voter_takes_part(f.voter, RINGFORT_ACT_OPEN));
	assert(f.numbers.acts == EXEC);
	authorize(&f, 0);
	assert(!voter_takes_part(f.voter, RINGFORT_ACT_EXEC) && f.numbers.acts == 0);
	teardown(&f);
}

static void each_authorization_is_another_generation_of_its_content(void)
{
	struct fixture f;
	uint32_t before;

	setup(&f);
	before = f.voter->generation;
	authorize(&f, EXEC);
	assert(f.voter->generation == before + 1);
	authorize(&f, EXEC);
	assert(f.voter->generation == before + 2);
	teardown(&f);
	setup_with(&f, (struct voter_terms){ .slot = SLOT, .run = 2, .granted = EXEC });
	assert(f.voter->generation > before + 2);
	teardown(&f);
}

static void what_it_takes_part_in_is_known_to_the_next_gate_and_not_of_its_next_life(void)
{
	struct history_voice kept;
	struct fixture f;

	setup(&f);
	authorize_without(&f, EXEC, EXEC);
	kept = f.numbers;
	teardown(&f);
	for (uint32_t run = 1; run <= 2; run++) {
		struct voter_terms terms = { .slot = SLOT, .run = run, .granted = EXEC };
		struct voter_channel channel = VOTER_NO_CHANNEL;
		struct history_voice numbers = kept;
		struct voter *voter;

		assert(mailbox_create(&channel.requests) == 0 && mailbox_create(&channel.answers) == 0);
		assert(voter_open(&voter, &terms, &channel, &numbers) == 0);
		assert(voter_takes_part(voter, RINGFORT_ACT_EXEC) == (run == 1));
		assert(numbers.without_files == (run == 1 ? EXEC : 0));
		voter_close(voter);
	}
}

static void a_channel_without_mailboxes_is_refused_and_closed(void)
{
	struct voter_channel channel = VOTER_NO_CHANNEL;
	struct history_voice numbers = { 0 };
	struct voter_terms terms = { 0 };
	struct voter *voter;
	int pipes[2];

	assert(pipe2(pipes, O_CLOEXEC) == 0);
	channel.requests = open("/dev/null", O_RDWR | O_CLOEXEC);
	channel.wake = pipes[1];
	channel.woken = pipes[0];
	assert(voter_open(&voter, &terms, &channel, &numbers) == -EPROTO);
	assert(channel.requests == -1 && fcntl(pipes[0], F_GETFD) < 0 && fcntl(pipes[1], F_GETFD) < 0);
}

static void an_answer_is_taken_as_it_is_and_anything_else_is_nonsense(void)
{
	const struct ask_answer said = { .id = 9, .verdict = 1234, .flags = ~0u };
	struct ask_answer got;
	struct fixture f;

	setup(&f);
	assert(voter_take(f.voter, &got) == VOTER_NONE);
	say(&f, ASK_ANSWER, &said, sizeof(said));
	assert(voter_take(f.voter, &got) == VOTER_ANSWER);
	assert(got.id == 9 && got.verdict == 1234 && got.flags == ~0u);
	say(&f, ASK_ANSWER, &said, sizeof(said) - 1);
	assert(voter_take(f.voter, &got) == -EBADMSG);
	say(&f, ASK_AUTHORIZE, &said, sizeof(said));
	assert(voter_take(f.voter, &got) == -EBADMSG);
	say(&f, ASK_REQUEST, &said, sizeof(said));
	assert(voter_take(f.voter, &got) == -EBADMSG);
	say(&f, 0, NULL, 0);
	assert(voter_take(f.voter, &got) == -EBADMSG);
	say(&f, ASK_ANSWER, &said, sizeof(said));
	assert(voter_take(f.voter, &got) == VOTER_ANSWER);
	teardown(&f);
}

/* Any bytes in its half of the shared memory, the positions too: it is read, in so many turns. */
static void hostile_content_of_the_mailbox_ends(void)
{
	struct ask_answer got;
	struct fixture f;

	setup(&f);
	srand(11);
	for (int round = 0; round < 300; round++) {
		int turns = 0;

		for (size_t i = 0; i < f.answers_size; i += round % 2 ? 1 : 64)
			f.answers_map[i] = (unsigned char)(rand() % 4 ? 0 : rand());
		while (voter_take(f.voter, &got) != VOTER_NONE)
			assert(++turns <= (int)(MAILBOX_DATA_BYTES / 8) + 1);
		assert((f.numbers.acts & ~EXEC) == 0);
	}
	teardown(&f);
}

static void a_pipe_that_is_always_full_is_emptied_a_turn_at_a_time(void)
{
	struct fixture f;
	char bytes[65536] = { 0 };
	int before, after;

	setup(&f);
	assert(write(f.tell, bytes, sizeof(bytes)) > VOTER_MESSAGES);
	assert(ioctl(f.voter->channel.woken, FIONREAD, &before) == 0);
	voter_hear(f.voter);
	assert(ioctl(f.voter->channel.woken, FIONREAD, &after) == 0);
	/* Not more than messages are taken: who has written both stays to be looked at. */
	assert(before - after == VOTER_MESSAGES);
	teardown(&f);
}

/* ---- the breaker ----------------------------------------------------------------------------------- */

/* Misses until it is demoted; how many it took. */
static int miss_until_demoted(struct fixture *f, uint64_t now_ns, enum decision_answer how)
{
	for (int n = 1; n <= 100; n++)
		if (voter_missed(f->voter, how, now_ns))
			return n;
	return 0;
}

static void so_many_misses_within_a_window_demote_it_once(void)
{
	struct fixture f;

	setup(&f);
	authorize(&f, EXEC);
	assert(miss_until_demoted(&f, SOME_TIME, DECISION_LATE) == VOTER_MISSES);
	assert(f.numbers.n_late == VOTER_MISSES && f.numbers.demoted == 1);
	assert(!voter_takes_part(f.voter, RINGFORT_ACT_EXEC));
	/* Those that were under way are counted, and nothing else. */
	assert(!voter_missed(f.voter, DECISION_GONE, SOME_TIME) && f.numbers.n_gone == 1);
	assert(miss_until_demoted(&f, SOME_TIME, DECISION_LATE) == 0);
	teardown(&f);
}

static void misses_that_are_far_apart_do_not_add_up(void)
{
	uint64_t now_ns = SOME_TIME;
	struct fixture f;

	setup(&f);
	for (int i = 0; i < 100; i++) {
		assert(!voter_missed(f.voter, DECISION_LATE, now_ns));
		now_ns += VOTER_WINDOW / (VOTER_MISSES - 1) + 1;
	}
	assert(f.numbers.n_late == 100 && !f.numbers.demoted);
	teardown(&f);
}

static void a_full_mailbox_and_misses_in_shadow_are_counted_and_demote_nobody(void)
{
	struct fixture f;

	setup(&f);
	assert(miss_until_demoted(&f, SOME_TIME, DECISION_FULL) == 0 && f.numbers.n_full == 100);
	teardown(&f);
	setup_with(&f, (struct voter_terms){ .slot = SLOT, .run = 1, .granted = EXEC, .mode = DECISION_SHADOW });
	assert(miss_until_demoted(&f, SOME_TIME, DECISION_LATE) == 0 && f.numbers.n_late == 100);
	teardown(&f);
}

static void nonsense_demotes_it_in_shadow_too(void)
{
	struct fixture f;
	int n = 0;

	setup_with(&f, (struct voter_terms){ .slot = SLOT, .run = 1, .granted = EXEC, .mode = DECISION_SHADOW });
	do
		n++;
	while (!voter_wrong(f.voter, SOME_TIME));
	assert(n == VOTER_WRONG && f.numbers.n_wrong == VOTER_WRONG && f.numbers.demoted);
	assert(!voter_wrong(f.voter, SOME_TIME) && f.numbers.n_wrong == VOTER_WRONG + 1);
	teardown(&f);
}

static void it_is_asked_again_when_its_time_is_over_and_not_before(void)
{
	struct fixture f;

	setup(&f);
	authorize(&f, EXEC);
	assert(!voter_readmit(f.voter, SOME_TIME));
	miss_until_demoted(&f, SOME_TIME, DECISION_LATE);
	assert(!voter_readmit(f.voter, SOME_TIME + VOTER_DEMOTED_FIRST - 1));
	assert(!voter_takes_part(f.voter, RINGFORT_ACT_EXEC));
	assert(voter_readmit(f.voter, SOME_TIME + VOTER_DEMOTED_FIRST));
	assert(voter_takes_part(f.voter, RINGFORT_ACT_EXEC) && !f.numbers.demoted);
	assert(!voter_readmit(f.voter, SOME_TIME + VOTER_DEMOTED_FIRST));
	teardown(&f);
}

static void who_is_asked_again_is_on_trial_until_it_answers_or_the_operator_trusts_it(void)
{
	uint64_t now_ns = SOME_TIME;
	struct fixture f;

	setup(&f);
	miss_until_demoted(&f, now_ns, DECISION_LATE);
	now_ns += VOTER_DEMOTED_FIRST;
	assert(voter_readmit(f.voter, now_ns) && miss_until_demoted(&f, now_ns, DECISION_LATE) == 1);
	now_ns += 2 * VOTER_DEMOTED_FIRST;
	assert(voter_readmit(f.voter, now_ns));
	voter_answered(f.voter);
	assert(miss_until_demoted(&f, now_ns, DECISION_LATE) == VOTER_MISSES);
	now_ns += 4 * VOTER_DEMOTED_FIRST;
	assert(voter_readmit(f.voter, now_ns) && miss_until_demoted(&f, now_ns, DECISION_LATE) == 1);
	assert(voter_reset(f.voter) && miss_until_demoted(&f, now_ns, DECISION_LATE) == VOTER_MISSES);
	teardown(&f);
}

/* For how long, each time, when it misses again as soon as it is asked. */
static void each_repetition_doubles_the_time_up_to_a_bound(void)
{
	uint64_t now_ns = SOME_TIME, expected = VOTER_DEMOTED_FIRST;
	struct fixture f;

	setup(&f);
	for (int i = 0; i < 12; i++) {
		assert(miss_until_demoted(&f, now_ns, DECISION_LATE) == (i == 0 ? VOTER_MISSES : 1));
		assert(!voter_readmit(f.voter, now_ns + expected - 1));
		now_ns += expected;
		assert(voter_readmit(f.voter, now_ns));
		expected = 2 * expected < VOTER_DEMOTED_MOST ? 2 * expected : VOTER_DEMOTED_MOST;
	}
	/* After a long time without a fault it begins anew. */
	now_ns += 2 * VOTER_DEMOTED_MOST + 1;
	miss_until_demoted(&f, now_ns, DECISION_LATE);
	assert(voter_readmit(f.voter, now_ns + VOTER_DEMOTED_FIRST));
	teardown(&f);
}

static void the_operator_ends_it_at_once_and_its_past_is_forgotten(void)
{
	struct fixture f;

	setup(&f);
	authorize(&f, EXEC);
	assert(!voter_reset(f.voter));
	for (int i = 0; i < 3; i++) {
		assert(miss_until_demoted(&f, SOME_TIME, DECISION_LATE) == VOTER_MISSES);
		assert(voter_reset(f.voter));
		assert(voter_takes_part(f.voter, RINGFORT_ACT_EXEC) && !f.numbers.demoted);
	}
	assert(miss_until_demoted(&f, SOME_TIME, DECISION_LATE) == VOTER_MISSES);
	assert(voter_readmit(f.voter, SOME_TIME + VOTER_DEMOTED_FIRST));
	teardown(&f);
}

int main(void)
{
	/* As the roles do. */
	signal(SIGPIPE, SIG_IGN);
	a_question_arrives_whole_with_its_file_and_wakes();
	who_wants_no_file_is_sent_none();
	files_that_nobody_takes_are_not_sent_and_nobody_waits();
	a_mailbox_that_nobody_reads_is_full_at_some_time();
	a_solution_that_has_ended_is_no_fault_of_the_gate();
	it_takes_part_in_what_it_asks_for_and_was_granted();
	each_authorization_is_another_generation_of_its_content();
	what_it_takes_part_in_is_known_to_the_next_gate_and_not_of_its_next_life();
	a_channel_without_mailboxes_is_refused_and_closed();
	an_answer_is_taken_as_it_is_and_anything_else_is_nonsense();
	hostile_content_of_the_mailbox_ends();
	a_pipe_that_is_always_full_is_emptied_a_turn_at_a_time();
	so_many_misses_within_a_window_demote_it_once();
	misses_that_are_far_apart_do_not_add_up();
	a_full_mailbox_and_misses_in_shadow_are_counted_and_demote_nobody();
	nonsense_demotes_it_in_shadow_too();
	it_is_asked_again_when_its_time_is_over_and_not_before();
	who_is_asked_again_is_on_trial_until_it_answers_or_the_operator_trusts_it();
	each_repetition_doubles_the_time_up_to_a_bound();
	the_operator_ends_it_at_once_and_its_past_is_forgotten();
	return 0;
}
