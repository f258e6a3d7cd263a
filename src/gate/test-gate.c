/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Test-gate - the whole gate over real executions: a group, a scratch file system, solutions of straw.
 *
 * One process is the gate and its solutions, turn by turn; its children execute.
 */
#undef NDEBUG
#include "gate/gate.h"

#include "gate/backstop.h"
#include "gate/own-fs.h"
#include "ring/mailbox.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RAN 0
#define DENIED 126
#define EXEC (1u << RINGFORT_ACT_EXEC)
#define DEADLINE_MS 150
#define PATIENCE_S 60 /* of the whole test: a hang is a failure */

static char folder[] = "/tmp/ringfort-gate-XXXXXX";
static char program[64];

/* A solution's side of its channel. */
struct straw {
	struct mailbox_reader *requests;
	struct mailbox_writer *answers;
	int files, wake, tell;
};

struct scene {
	struct gate *gate;
	struct history *history;
	struct straw straws[4];
	uint64_t n_news[16];
	uint64_t critical_ino;
	uint32_t harmful; /* slot that was told last */
	uint64_t n_scripts_looked_for;
	uint32_t n_judged, judged_number;
	enum ringfort_verdict judged_verdict; /* of gate_stopped(), the last */
};

/* ---- the scene ----------------------------------------------------------------------------------- */

static bool is_critical(void *userdata, uint64_t dev, uint64_t ino)
{
	struct scene *scene = userdata;

	return ino == scene->critical_ino;
}

static bool is_critical_script(void *userdata, uint64_t dev, const char *path)
{
	struct scene *scene = userdata;

	scene->n_scripts_looked_for++;
	return true;
}

static void told(void *userdata, enum gate_news news, uint32_t slot, const struct history_entry *entry)
{
	struct scene *scene = userdata;

	scene->n_news[news]++;
	if (news == GATE_SELF_HARM)
		scene->harmful = slot;
}

static void judged(void *userdata, uint32_t number, enum ringfort_verdict verdict)
{
	struct scene *scene = userdata;

	scene->n_judged++;
	scene->judged_number = number;
	scene->judged_verdict = verdict;
}

static void guard(struct scene *scene)
{
	int fd = open(folder, O_PATH | O_CLOEXEC);

	assert(gate_guard(scene->gate, 0, folder, fd) == 0);
	close(fd);
}

static void begin_as(struct scene *scene, struct gate_options options)
{
	int writer, reader;

	options.epoch = 1;
	options.is_critical = is_critical;
	options.is_critical_script = is_critical_script;
	options.told = told;
	options.judged = judged;
	options.userdata = scene;
	memset(scene, 0, sizeof(*scene));
	assert(history_create(&writer, &reader) == 0 && history_open(&scene->history, writer, true) == 0);
	close(writer);
	close(reader);
	options.history = scene->history;
	assert(gate_new(&scene->gate, &options) == 0);
	guard(scene);
}

static void begin_with(struct scene *scene, uint32_t deadline_ms, bool deny_critical)
{
	begin_as(scene, (struct gate_options){ .deadline_ms = deadline_ms, .deny_critical = deny_critical });
}

static void begin(struct scene *scene)
{
	begin_with(scene, DEADLINE_MS, false);
}

static void close_straw(struct straw *straw)
{
	mailbox_reader_close(straw->requests);
	mailbox_writer_close(straw->answers);
	close(straw->files);
	close(straw->wake);
	close(straw->tell);
	memset(straw, 0, sizeof(*straw));
}

static void end(struct scene *scene)
{
	for (size_t i = 0; i < sizeof(scene->straws) / sizeof(scene->straws[0]); i++)
		if (scene->straws[i].requests)
			close_straw(&scene->straws[i]);
	assert(!gate_free(scene->gate));
	history_close(scene->history);
}

static const struct history_numbers *numbers(const struct scene *scene)
{
	return history_numbers(scene->history);
}

static void turn(struct scene *scene, int timeout_ms)
{
	assert(gate_process(scene->gate, timeout_ms) == 0);
}

static void say(struct straw *straw, uint32_t kind, const void *data, size_t size)
{
	assert(mailbox_put(straw->answers, kind, data, size, NULL, 0) == 0);
	assert(write(straw->tell, "", 1) == 1 || errno == EAGAIN);
}

/* A solution in this slot, which takes part. */
static void add(struct scene *scene, uint32_t slot, enum decision_mode mode, enum decision_miss miss)
{
	struct voter_terms terms = { .slot = slot, .run = 1, .granted = EXEC, .mode = mode, .miss = miss };
	const struct ask_authorize wanted = { .acts = EXEC };
	struct straw *straw = &scene->straws[slot];
	struct voter_channel channel;
	int pair[2], wake[2], woken[2];

	assert(mailbox_create(&channel.requests) == 0 && mailbox_create(&channel.answers) == 0);
	assert(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
	assert(pipe2(wake, O_NONBLOCK | O_CLOEXEC) == 0 && pipe2(woken, O_NONBLOCK | O_CLOEXEC) == 0);
	assert(mailbox_reader_open(&straw->requests, channel.requests) == 0);
	assert(mailbox_writer_open(&straw->answers, channel.answers) == 0);
	channel.files = pair[0];
	channel.wake = wake[1];
	channel.woken = woken[0];
	straw->files = pair[1];
	straw->wake = wake[0];
	straw->tell = woken[1];
	assert(gate_voter_up(scene->gate, &terms, &channel) == 0);
	say(straw, ASK_AUTHORIZE, &wanted, sizeof(wanted));
	while (numbers(scene)->voices[slot].acts != EXEC)
		turn(scene, 100);
}

static struct ask_request await(struct scene *scene, uint32_t slot)
{
	struct mailbox_message message;
	struct ask_request request;
	int r;

	while ((r = mailbox_take(scene->straws[slot].requests, &message)) == 0)
		turn(scene, 100);
	assert(r == 1 && message.kind == ASK_REQUEST);
	memcpy(&request, message.data, sizeof(request));
	return request;
}

static void answer_as(struct scene *scene, uint32_t slot, uint64_t id, enum ringfort_verdict verdict)
{
	const struct ask_answer said = { .id = id, .verdict = verdict };

	say(&scene->straws[slot], ASK_ANSWER, &said, sizeof(said));
}

/* What the library does where it was asked quietly, allows, and is not wanted. */
static void answer_quietly(struct scene *scene, uint32_t slot, uint64_t id)
{
	const struct ask_answer said = { .id = id, .verdict = RINGFORT_VERDICT_ALLOW };

	assert(id & ASK_QUIET && (id & ~ASK_QUIET) > mailbox_wanted(scene->straws[slot].answers));
	assert(mailbox_put(scene->straws[slot].answers, ASK_ANSWER, &said, sizeof(said), NULL, 0) == 0);
}

/* A child that executes; sessions of their own, as that of a test may be the kernel's. */
static pid_t execute(const char *path)
{
	pid_t pid = fork();

	if (pid == 0) {
		setsid();
		/* Were the group's among them, it would outlive the gate, and wait for itself. */
		close_range(3, ~0u, 0);
		execl(path, path, (char *)NULL);
		_exit(errno == EPERM ? DENIED : 1);
	}
	assert(pid > 0);
	return pid;
}

static bool has_ended(pid_t pid)
{
	siginfo_t info = { 0 };

	assert(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0);
	return info.si_pid == pid;
}

static int outcome(struct scene *scene, pid_t pid)
{
	int status;

	while (!has_ended(pid))
		turn(scene, 5);
	assert(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	return WEXITSTATUS(status);
}

static struct history_entry last_entry(const struct scene *scene)
{
	struct history_entry entry;

	assert(history_find(scene->history, 0, NULL, 0, &entry) == 1);
	return entry;
}

/* ---- at once ------------------------------------------------------------------------------------------ */

static void with_nobody_to_ask_everybody_goes_at_once(void)
{
	struct scene scene;

	begin(&scene);
	assert(outcome(&scene, execute(program)) == RAN);
	assert(numbers(&scene)->n_asked == 1 && numbers(&scene)->n_at_once == 1 && numbers(&scene)->n_marks == 1);
	end(&scene);
}

static void our_own_processes_go_at_once_and_no_longer_when_they_are_forgotten(void)
{
	struct scene scene;
	pid_t pid;

	begin(&scene);
	add(&scene, 0, DECISION_ENFORCE, DECISION_FAIL_CLOSED);
	pid = execute(program);
	/* It waits already, as a question of somebody whom we did not know yet. */
	await(&scene, 0);
	assert(gate_own(scene.gate, (uint32_t)pid, true) == 0);
	assert(outcome(&scene, pid) == RAN && numbers(&scene)->n_decided == 1);
	assert(gate_own(scene.gate, (uint32_t)pid, false) == 0);
	assert(outcome(&scene, execute(program)) == DENIED);
	end(&scene);
}

static void no_more_are_ours_than_there_is_room_for(void)
{
	struct scene scene;

	begin(&scene);
	for (uint32_t pid = 1; pid <= GATE_OWN_MAX; pid++)
		assert(gate_own(scene.gate, 1u << 30 | pid, true) == 0);
	assert(gate_own(scene.gate, 1u << 30, true) == -ENOSPC);
	assert(gate_own(scene.gate, 1u << 30 | 7, true) == 0 && gate_own(scene.gate, 1u << 30 | 7, false) == 0);
	assert(gate_own(scene.gate, 1u << 30, true) == 0);
	end(&scene);
}

static pid_t open_in(int root)
{
	pid_t pid = fork();

	if (pid == 0) {
		int fd;

		setsid();
		/* Told to begin by the end of a stop: its number is known by then. */
		raise(SIGSTOP);
		fd = openat(root, "canary", O_RDONLY);
		_exit(fd < 0 ? 1 : 0);
	}
	assert(pid > 0);
	assert(waitpid(pid, NULL, WUNTRACED) == pid);
	return pid;
}

static void our_opener_is_asked_about_by_each_group_and_counted_apart(void)
{
	const struct gate_scope is = { .scope = 0, .acts = 1u << RINGFORT_ACT_OPEN, .whole = true, .path = folder };
	struct scene scene;
	int root, place;
	pid_t pid;

	assert(own_fs_open(&root) == 0);
	close(openat(root, "canary", O_RDONLY | O_CREAT, 0400));
	begin(&scene);
	add(&scene, 0, DECISION_ENFORCE, DECISION_FAIL_CLOSED);
	pid = open_in(root);
	assert(gate_canary(scene.gate, (uint32_t)pid, root) == 0);
	kill(pid, SIGCONT);
	assert(outcome(&scene, pid) == RAN && numbers(&scene)->n_canary == 1 && numbers(&scene)->n_asked == 0);
	/* A group that comes later has it by the next tick. */
	place = open(folder, O_PATH | O_CLOEXEC);
	assert(gate_scope(scene.gate, &is, place) == 0);
	pid = open_in(root);
	assert(gate_canary(scene.gate, (uint32_t)pid, root) == 0);
	gate_tick(scene.gate);
	kill(pid, SIGCONT);
	assert(outcome(&scene, pid) == RAN && numbers(&scene)->n_canary == 3 && numbers(&scene)->n_asked == 0);
	/* Somebody else with its number would be asked about as anybody. */
	pid = open_in(root);
	kill(pid, SIGCONT);
	assert(outcome(&scene, pid) == RAN && numbers(&scene)->n_canary == 3 && numbers(&scene)->n_asked > 0);
	close(place);
	end(&scene);
	close(root);
}

/* ---- asked -------------------------------------------------------------------------------------------- */

static void a_denial_denies_and_is_kept_with_its_reason(void)
{
	struct history_entry entry;
	struct ask_request request;
	struct scene scene;
	struct stat st;
	pid_t pid;

	begin(&scene);
	add(&scene, 0, DECISION_ENFORCE, DECISION_FAIL_OPEN);
	add(&scene, 3, DECISION_ENFORCE, DECISION_FAIL_OPEN);
	pid = execute(program);
	request = await(&scene, 0);
	assert(stat(program, &st) == 0 && request.ino == st.st_ino && request.pid == (uint32_t)pid);
	assert(request.act == RINGFORT_ACT_EXEC && request.flags & ASK_REQUEST_HAS_FILE);
	/* This test has a mount namespace of its own: not the host's. */
	assert(request.flags & RINGFORT_REQUEST_FOREIGN_NS);
	answer_as(&scene, 0, request.id, RINGFORT_VERDICT_DENY);
	assert(outcome(&scene, pid) == DENIED);
	/* The other one is heard all the same. */
	answer_as(&scene, 3, await(&scene, 3).id, RINGFORT_VERDICT_ALLOW);
	while (numbers(&scene)->n_pending)
		turn(&scene, 100);
	entry = last_entry(&scene);
	assert(entry.verdict == RINGFORT_VERDICT_DENY && entry.pid == (uint32_t)pid && strcmp(entry.path, program) == 0);
	assert(entry.n_reasons == 2 && entry.reasons[0].answer == DECISION_DENY && entry.reasons[1].answer == DECISION_ALLOW);
	assert(numbers(&scene)->n_denied == 1 && numbers(&scene)->voices[3].n_after == 1 && scene.n_news[GATE_DENIED] == 1);
	end(&scene);
}

static void all_must_have_allowed_before_it_runs(void)
{
	struct ask_request requests[2];
	struct scene scene;
	pid_t pid;

	begin_with(&scene, 10000, false);
	add(&scene, 0, DECISION_ENFORCE, DECISION_FAIL_OPEN);
	add(&scene, 1, DECISION_ENFORCE, DECISION_FAIL_OPEN);
	pid = execute(program);
	requests[0] = await(&scene, 0);
	requests[1] = await(&scene, 1);
	assert((requests[0].id & ~ASK_QUIET) == requests[1].id);
	answer_as(&scene, 1, requests[1].id, RINGFORT_VERDICT_ALLOW);
	for (int i = 0; i < 20; i++)
		turn(&scene, 5);
	assert(!has_ended(pid));
	answer_as(&scene, 0, requests[0].id, RINGFORT_VERDICT_ALLOW);
	assert(outcome(&scene, pid) == RAN);
	end(&scene);
}

/* ---- quietly ------------------------------------------------------------------------------------------ */

/* Two or three that enforce, and who executes; all are asked. */
static pid_t begin_quietly(struct scene *scene, uint32_t n, struct ask_request requests[])
{
	pid_t pid;

	begin_with(scene, 2000, false);
	for (uint32_t slot = 0; slot < n; slot++)
		add(scene, slot, DECISION_ENFORCE, DECISION_FAIL_CLOSED);
	pid = execute(program);
	for (uint32_t slot = 0; slot < n; slot++)
		requests[slot] = await(scene, slot);
	return pid;
}

static void of_several_the_last_one_alone_wakes_the_gate_and_the_others_are_heard_with_it(void)
{
	struct ask_request requests[3];
	struct scene scene;
	pid_t pid = begin_quietly(&scene, 3, requests);

	assert(requests[0].id & ASK_QUIET && requests[1].id & ASK_QUIET && !(requests[2].id & ASK_QUIET));
	answer_quietly(&scene, 0, requests[0].id);
	answer_quietly(&scene, 1, requests[1].id);
	answer_as(&scene, 2, requests[2].id, RINGFORT_VERDICT_ALLOW);
	turn(&scene, 1000);
	assert(outcome(&scene, pid) == RAN && last_entry(&scene).n_reasons == 3);
	for (int i = 0; i < 3; i++)
		assert(last_entry(&scene).reasons[i].answer == DECISION_ALLOW);
	assert(mailbox_wanted(scene.straws[0].answers) == 0 && mailbox_wanted(scene.straws[1].answers) == 0);
	end(&scene);
}

static void who_is_missing_behind_the_last_is_wanted_and_wakes_the_gate_again(void)
{
	struct ask_request requests[3];
	struct scene scene;
	pid_t pid = begin_quietly(&scene, 3, requests);

	answer_quietly(&scene, 0, requests[0].id);
	answer_as(&scene, 2, requests[2].id, RINGFORT_VERDICT_ALLOW);
	turn(&scene, 1000);
	assert(numbers(&scene)->voices[0].n_allowed == 1 && mailbox_wanted(scene.straws[0].answers) == 0);
	assert(mailbox_wanted(scene.straws[1].answers) == requests[2].id && !has_ended(pid));
	answer_as(&scene, 1, requests[1].id, RINGFORT_VERDICT_ALLOW);
	assert(outcome(&scene, pid) == RAN);
	end(&scene);
}

static void who_denies_is_heard_at_once_and_the_others_behind_it(void)
{
	struct ask_request requests[3];
	struct scene scene;
	pid_t pid = begin_quietly(&scene, 3, requests);

	answer_as(&scene, 0, requests[0].id, RINGFORT_VERDICT_DENY);
	answer_quietly(&scene, 1, requests[1].id);
	assert(outcome(&scene, pid) == DENIED && last_entry(&scene).us < 1000000);
	while (numbers(&scene)->voices[1].n_after == 0)
		turn(&scene, 100);
	answer_as(&scene, 2, requests[2].id, RINGFORT_VERDICT_ALLOW);
	while (numbers(&scene)->n_pending)
		turn(&scene, 100);
	assert(last_entry(&scene).reasons[1].answer == DECISION_ALLOW && last_entry(&scene).reasons[1].us < 1000000);
	end(&scene);
}

static void who_answers_quietly_is_heard_though_nobody_ever_wakes_the_gate(void)
{
	struct ask_request requests[2];
	struct history_entry entry;
	struct scene scene;
	pid_t pid = begin_quietly(&scene, 2, requests);

	answer_quietly(&scene, 0, requests[0].id);
	assert(outcome(&scene, pid) == DENIED);
	entry = last_entry(&scene);
	assert(entry.reasons[0].answer == DECISION_ALLOW && entry.reasons[0].us < 1000000);
	assert(entry.reasons[1].answer == DECISION_LATE && numbers(&scene)->voices[0].n_wrong == 0);
	end(&scene);
}

static void where_the_last_one_has_gone_the_others_are_heard(void)
{
	struct ask_request requests[2];
	struct scene scene;
	pid_t pid = begin_quietly(&scene, 2, requests);

	answer_quietly(&scene, 0, requests[0].id);
	gate_voter_down(scene.gate, 1, false);
	assert(outcome(&scene, pid) == DENIED && last_entry(&scene).us < 1000000);
	while (numbers(&scene)->n_pending)
		turn(&scene, 100);
	assert(last_entry(&scene).reasons[0].answer == DECISION_ALLOW && last_entry(&scene).reasons[0].us < 1000000);
	assert(last_entry(&scene).reasons[1].answer == DECISION_GONE);
	end(&scene);
}

static void the_deadline_decides_by_the_miss_mode(void)
{
	for (int miss = DECISION_FAIL_OPEN; miss <= DECISION_FAIL_CLOSED; miss++) {
		struct scene scene;

		begin(&scene);
		add(&scene, 0, DECISION_ENFORCE, (enum decision_miss)miss);
		assert(outcome(&scene, execute(program)) == (miss == DECISION_FAIL_OPEN ? RAN : DENIED));
		assert(last_entry(&scene).reasons[0].answer == DECISION_LATE && numbers(&scene)->n_expired == 1);
		assert(last_entry(&scene).us >= DEADLINE_MS * 1000);
		end(&scene);
	}
}

/* In a session of its own, as that of a test may be the kernel's. */
static pid_t somebody(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		setsid();
		pause();
		_exit(0);
	}
	while (getsid(pid) != pid)
		usleep(100);
	return pid;
}

static void stopped(struct scene *scene, uint32_t number, pid_t pid, bool readable)
{
	int fd = open(program, (readable ? O_RDONLY : O_PATH) | O_CLOEXEC);

	scene->n_judged = 0;
	gate_stopped(scene->gate, number, (uint32_t)pid, fd, readable);
}

static void an_image_that_was_stopped_is_decided_as_any_and_told_once_under_its_number(void)
{
	const pid_t pid = somebody();
	struct ask_request request;
	struct scene scene;

	begin(&scene);
	stopped(&scene, 1, pid, true);
	assert(scene.n_judged == 1 && scene.judged_number == 1 && scene.judged_verdict == RINGFORT_VERDICT_ALLOW);
	add(&scene, 0, DECISION_ENFORCE, DECISION_FAIL_CLOSED);
	stopped(&scene, GATE_STOPPED_MOST - 1, pid, true);
	request = await(&scene, 0);
	assert(scene.n_judged == 0 && request.pid == (uint32_t)pid && request.flags & ASK_REQUEST_HAS_FILE);
	answer_as(&scene, 0, request.id, RINGFORT_VERDICT_DENY);
	while (!scene.n_judged)
		turn(&scene, 100);
	assert(scene.judged_number == GATE_STOPPED_MOST - 1 && scene.judged_verdict == RINGFORT_VERDICT_DENY);
	assert(last_entry(&scene).stopped && last_entry(&scene).verdict == RINGFORT_VERDICT_DENY);
	/* Nobody answers. */
	stopped(&scene, 0, pid, true);
	while (!scene.n_judged)
		turn(&scene, 100);
	assert(scene.judged_number == 0 && scene.judged_verdict == RINGFORT_VERDICT_DENY);
	assert(last_entry(&scene).reasons[0].answer == DECISION_LATE);
	/* Nobody can look at it. */
	await(&scene, 0);
	stopped(&scene, 7, pid, false);
	request = await(&scene, 0);
	assert(request.ino != 0 && !(request.flags & ASK_REQUEST_HAS_FILE));
	answer_as(&scene, 0, request.id, RINGFORT_VERDICT_ALLOW);
	while (!scene.n_judged)
		turn(&scene, 100);
	assert(scene.judged_number == 7 && scene.judged_verdict == RINGFORT_VERDICT_ALLOW);
	/* The gate is opened. */
	stopped(&scene, 9, pid, true);
	gate_open(scene.gate, true);
	assert(scene.n_judged == 1 && scene.judged_number == 9 && scene.judged_verdict == RINGFORT_VERDICT_ALLOW);
	stopped(&scene, 10, pid, false);
	assert(scene.n_judged == 1 && scene.judged_verdict == RINGFORT_VERDICT_ALLOW);
	/* The kernel's own questions are as they were. */
	gate_open(scene.gate, false);
	assert(outcome(&scene, execute(program)) == DENIED && !last_entry(&scene).stopped);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	end(&scene);
}

static void nobody_waits_for_a_shadow(void)
{
	struct scene scene;
	struct history_entry entry;

	begin_with(&scene, 10000, false);
	add(&scene, 0, DECISION_SHADOW, DECISION_FAIL_CLOSED);
	assert(outcome(&scene, execute(program)) == RAN);
	answer_as(&scene, 0, await(&scene, 0).id, RINGFORT_VERDICT_DENY);
	while (numbers(&scene)->n_pending)
		turn(&scene, 100);
	entry = last_entry(&scene);
	assert(entry.verdict == RINGFORT_VERDICT_ALLOW && entry.reasons[0].answer == DECISION_DENY && entry.us < 1000000);
	end(&scene);
}

static void more_answers_than_are_looked_at_in_a_turn_are_all_heard(void)
{
	enum { N = VOTER_MESSAGES * 2 + 50 };
	static pid_t pids[N];
	struct scene scene;
	uint64_t ids[N];

	begin_with(&scene, 30000, false);
	add(&scene, 0, DECISION_ENFORCE, DECISION_FAIL_CLOSED);
	for (int i = 0; i < N; i++)
		pids[i] = execute(program);
	for (int i = 0; i < N; i++)
		ids[i] = await(&scene, 0).id;
	for (int i = 0; i < N; i++)
		answer_as(&scene, 0, ids[i], RINGFORT_VERDICT_ALLOW);
	for (int i = 0; i < N; i++)
		assert(outcome(&scene, pids[i]) == RAN);
	assert(numbers(&scene)->n_expired == 0 && numbers(&scene)->voices[0].n_allowed == N);
	end(&scene);
}

static void answers_that_are_none_change_nothing_and_are_counted(void)
{
	struct scene scene;
	uint64_t id;
	pid_t pid;

	begin_with(&scene, 5000, false);
	add(&scene, 0, DECISION_ENFORCE, DECISION_FAIL_OPEN);
	add(&scene, 1, DECISION_ENFORCE, DECISION_FAIL_OPEN);
	gate_voter_down(scene.gate, 1, false);
	close_straw(&scene.straws[1]);
	pid = execute(program);
	id = await(&scene, 0).id;
	add(&scene, 1, DECISION_ENFORCE, DECISION_FAIL_OPEN);
	/* Of one who was not asked; to others; with a verdict that is none; of another kind. */
	answer_as(&scene, 1, id, RINGFORT_VERDICT_DENY);
	answer_as(&scene, 0, id + 1, RINGFORT_VERDICT_DENY);
	answer_as(&scene, 0, 0, RINGFORT_VERDICT_DENY);
	answer_as(&scene, 0, UINT64_MAX, RINGFORT_VERDICT_DENY);
	answer_as(&scene, 0, id, _RINGFORT_VERDICT_N);
	say(&scene.straws[0], ASK_REQUEST, &id, sizeof(id));
	while (numbers(&scene)->voices[0].n_wrong < 5 || numbers(&scene)->voices[1].n_wrong < 1)
		turn(&scene, 100);
	assert(!has_ended(pid));
	answer_as(&scene, 0, id, RINGFORT_VERDICT_ALLOW);
	answer_as(&scene, 0, id, RINGFORT_VERDICT_DENY);
	assert(outcome(&scene, pid) == RAN);
	while (numbers(&scene)->voices[0].n_wrong < 6)
		turn(&scene, 100);
	end(&scene);
}

static void one_that_ends_is_waited_for_by_nobody_but_its_last_words_count(void)
{
	struct scene scene;
	struct ask_request request;
	pid_t pid;

	begin_with(&scene, 20000, false);
	add(&scene, 0, DECISION_ENFORCE, DECISION_FAIL_CLOSED);
	pid = execute(program);
	await(&scene, 0);
	gate_voter_down(scene.gate, 0, false);
	assert(outcome(&scene, pid) == DENIED && last_entry(&scene).reasons[0].answer == DECISION_GONE);
	close_straw(&scene.straws[0]);
	add(&scene, 0, DECISION_ENFORCE, DECISION_FAIL_CLOSED);
	pid = execute(program);
	request = await(&scene, 0);
	answer_as(&scene, 0, request.id, RINGFORT_VERDICT_ALLOW);
	gate_voter_down(scene.gate, 0, false);
	assert(outcome(&scene, pid) == RAN && last_entry(&scene).reasons[0].answer == DECISION_ALLOW);
	end(&scene);
}

static void one_that_misses_too_often_is_not_asked_until_the_operator_says_so(void)
{
	struct scene scene;

	begin_with(&scene, 50, false);
	add(&scene, 0, DECISION_ENFORCE, DECISION_FAIL_CLOSED);
	for (int i = 0; i < VOTER_MISSES; i++)
		assert(outcome(&scene, execute(program)) == DENIED);
	assert(scene.n_news[GATE_DEMOTED] == 1 && numbers(&scene)->voices[0].demoted);
	assert(outcome(&scene, execute(program)) == RAN);
	gate_tick(scene.gate);
	assert(numbers(&scene)->voices[0].demoted);
	gate_voter_reset(scene.gate, 0);
	assert(outcome(&scene, execute(program)) == DENIED);
	end(&scene);
}

static void nobody_waits_for_one_that_is_demoted_and_what_it_says_is_not_heard(void)
{
	struct scene scene;
	pid_t pid;

	begin_with(&scene, 30000, false);
	add(&scene, 0, DECISION_ENFORCE, DECISION_FAIL_OPEN);
	pid = execute(program);
	await(&scene, 0);
	for (uint64_t i = 0; i < VOTER_WRONG; i++)
		answer_as(&scene, 0, 1, RINGFORT_VERDICT_DENY);
	assert(outcome(&scene, pid) == RAN && numbers(&scene)->voices[0].demoted);
	assert(last_entry(&scene).reasons[0].answer == DECISION_GONE);
	answer_as(&scene, 0, 1, RINGFORT_VERDICT_DENY);
	turn(&scene, 50);
	assert(numbers(&scene)->voices[0].n_wrong == VOTER_WRONG);
	gate_voter_reset(scene.gate, 0);
	turn(&scene, 1000);
	assert(numbers(&scene)->voices[0].n_wrong == VOTER_WRONG + 1);
	end(&scene);
}

static void what_the_host_needs_is_denied_by_policy_only(void)
{
	for (int deny_critical = 0; deny_critical <= 1; deny_critical++) {
		struct scene scene;
		struct stat st;
		pid_t pid;

		begin_with(&scene, 5000, deny_critical);
		assert(stat(program, &st) == 0);
		add(&scene, 0, DECISION_ENFORCE, DECISION_FAIL_OPEN);
		scene.critical_ino = st.st_ino;
		pid = execute(program);
		if (deny_critical)
			answer_as(&scene, 0, await(&scene, 0).id, RINGFORT_VERDICT_DENY);
		assert(outcome(&scene, pid) == (deny_critical ? DENIED : RAN));
		assert(numbers(&scene)->n_critical == (deny_critical ? 0 : 1));
		end(&scene);
	}
}

/* Somebody who takes part, and a file that the host needs. */
static void begin_critical(struct scene *scene, uint32_t deadline_ms)
{
	struct stat st;

	begin_with(scene, deadline_ms, false);
	assert(stat(program, &st) == 0);
	scene->critical_ino = st.st_ino;
	add(scene, 0, DECISION_ENFORCE, DECISION_FAIL_CLOSED);
}

static void settle(struct scene *scene)
{
	while (numbers(scene)->n_pending)
		turn(scene, 100);
}

static void who_would_deny_what_the_host_needs_is_asked_behind_it_and_counted(void)
{
	struct history_entry entry;
	struct ask_request request;
	struct scene scene;

	begin_critical(&scene, 20000);
	add(&scene, 1, DECISION_ENFORCE, DECISION_FAIL_OPEN);
	add(&scene, 2, DECISION_SHADOW, DECISION_FAIL_OPEN);
	/* Nobody has answered yet, and it has run. */
	assert(outcome(&scene, execute(program)) == RAN && numbers(&scene)->n_pending == 1);
	request = await(&scene, 0);
	assert(request.flags & ASK_REQUEST_HAS_FILE && request.ino == scene.critical_ino);
	answer_as(&scene, 0, request.id, RINGFORT_VERDICT_DENY);
	answer_as(&scene, 1, await(&scene, 1).id, RINGFORT_VERDICT_ALLOW);
	answer_as(&scene, 2, await(&scene, 2).id, RINGFORT_VERDICT_DENY);
	settle(&scene);
	entry = last_entry(&scene);
	assert(entry.verdict == RINGFORT_VERDICT_ALLOW && entry.overridden && strcmp(entry.path, program) == 0);
	assert(entry.n_reasons == 3 && entry.reasons[0].answer == DECISION_DENY && entry.us == 0);
	assert(entry.reasons[1].answer == DECISION_ALLOW && entry.reasons[2].answer == DECISION_DENY);
	assert(numbers(&scene)->voices[0].n_self_harm == 1 && numbers(&scene)->voices[1].n_self_harm == 0);
	assert(numbers(&scene)->voices[2].n_self_harm == 1 && numbers(&scene)->voices[0].n_after == 0);
	assert(numbers(&scene)->n_overridden == 1 && numbers(&scene)->n_denied == 0 && numbers(&scene)->n_decided == 0);
	assert(scene.n_news[GATE_OVERRIDDEN] == 1 && scene.n_news[GATE_SELF_HARM] == 2 && scene.harmful == 2);
	end(&scene);
}

static void what_a_shadow_alone_would_deny_overrides_nothing(void)
{
	struct scene scene;

	begin_critical(&scene, 20000);
	add(&scene, 1, DECISION_SHADOW, DECISION_FAIL_OPEN);
	assert(outcome(&scene, execute(program)) == RAN);
	answer_as(&scene, 0, await(&scene, 0).id, RINGFORT_VERDICT_ALLOW);
	answer_as(&scene, 1, await(&scene, 1).id, RINGFORT_VERDICT_DENY);
	settle(&scene);
	assert(!last_entry(&scene).overridden && numbers(&scene)->n_overridden == 0);
	assert(numbers(&scene)->voices[1].n_self_harm == 1 && scene.n_news[GATE_OVERRIDDEN] == 0);
	end(&scene);
}

static void about_what_the_host_needs_is_asked_once_for_each_state_of_the_file_and_of_who_is_asked(void)
{
	struct scene scene;

	begin_critical(&scene, 20000);
	for (int i = 0; i < 20; i++)
		assert(outcome(&scene, execute(program)) == RAN);
	assert(numbers(&scene)->voices[0].n_asked == 1 && numbers(&scene)->n_critical == 20);
	answer_as(&scene, 0, await(&scene, 0).id, RINGFORT_VERDICT_ALLOW);
	settle(&scene);
	assert(chmod(program, 0700) == 0 && chmod(program, 0755) == 0);
	assert(outcome(&scene, execute(program)) == RAN && numbers(&scene)->voices[0].n_asked == 2);
	gate_forget(scene.gate);
	for (int i = 0; i < 20; i++)
		assert(outcome(&scene, execute(program)) == RAN);
	assert(numbers(&scene)->voices[0].n_asked == 3);
	end(&scene);
}

static void not_to_answer_about_what_the_host_needs_is_no_fault_nor_to_answer_late(void)
{
	struct scene scene;
	uint64_t id = 0;

	begin_critical(&scene, 50);
	for (int i = 0; i < 2 * VOTER_MISSES; i++) {
		gate_forget(scene.gate);
		assert(outcome(&scene, execute(program)) == RAN);
		id = await(&scene, 0).id;
		settle(&scene);
	}
	assert(last_entry(&scene).reasons[0].answer == DECISION_LATE && !last_entry(&scene).overridden);
	assert(numbers(&scene)->n_expired == 0 && numbers(&scene)->voices[0].n_late == 0);
	/* The first time. */
	answer_as(&scene, 0, id, RINGFORT_VERDICT_DENY);
	answer_as(&scene, 0, id, RINGFORT_VERDICT_DENY);
	while (numbers(&scene)->voices[0].n_wrong == 0)
		turn(&scene, 100);
	turn(&scene, 10);
	assert(numbers(&scene)->voices[0].n_wrong == 1 && numbers(&scene)->voices[0].n_self_harm == 0);
	/* It ends with one unanswered. */
	gate_forget(scene.gate);
	assert(outcome(&scene, execute(program)) == RAN);
	gate_voter_down(scene.gate, 0, false);
	assert(numbers(&scene)->voices[0].n_gone == 0 && !numbers(&scene)->voices[0].demoted);
	assert(numbers(&scene)->n_pending == 0 && scene.n_news[GATE_DEMOTED] == 0);
	end(&scene);
}

/* Its path is about as long as one can be: such questions fill a mailbox soon. */
static void link_deeply(char path[PATH_MAX])
{
	size_t length = (size_t)snprintf(path, PATH_MAX, "%s", folder);

	while (length + 202 < PATH_MAX) {
		length += (size_t)sprintf(path + length, "/%0200d", 0);
		assert(mkdir(path, 0755) == 0 || errno == EEXIST);
	}
	strcpy(path + length, "/x");
	assert(link(program, path) == 0);
}

static void a_full_mailbox_takes_no_question_about_what_the_host_needs_and_that_is_no_fault(void)
{
	char deep[PATH_MAX];
	struct scene scene;
	uint32_t n;

	link_deeply(deep);
	begin_critical(&scene, 30000);
	/* It reads nothing. */
	for (n = 0; numbers(&scene)->voices[0].n_asked == n && n < 1000; n++) {
		gate_forget(scene.gate);
		assert(outcome(&scene, execute(deep)) == RAN);
	}
	assert(n > 10 && numbers(&scene)->voices[0].n_asked == n - 1);
	assert(last_entry(&scene).reasons[0].answer == DECISION_FULL && numbers(&scene)->voices[0].n_full == 0);
	end(&scene);
	assert(unlink(deep) == 0);
}

static void where_the_last_one_has_no_room_the_others_are_wanted_at_once(void)
{
	char deep[PATH_MAX];
	struct scene scene;
	pid_t pids[100];
	uint32_t n = 0;

	link_deeply(deep);
	begin_with(&scene, 20000, false);
	add(&scene, 0, DECISION_ENFORCE, DECISION_FAIL_OPEN);
	add(&scene, 1, DECISION_ENFORCE, DECISION_FAIL_OPEN);
	/* The second one reads nothing. */
	while (numbers(&scene)->voices[1].n_full == 0) {
		uint64_t wanted = mailbox_wanted(scene.straws[0].answers);
		uint64_t id;

		assert(n < 100);
		pids[n] = execute(deep);
		while (numbers(&scene)->n_asked == n)
			turn(&scene, 100);
		n++;
		id = await(&scene, 0).id;
		assert(id & ASK_QUIET && (id & ~ASK_QUIET) > wanted);
		if (numbers(&scene)->voices[1].n_full)
			assert(mailbox_wanted(scene.straws[0].answers) == (id & ~ASK_QUIET));
	}
	gate_open(scene.gate, true);
	for (uint32_t i = 0; i < n; i++)
		assert(outcome(&scene, pids[i]) == RAN);
	end(&scene);
	assert(unlink(deep) == 0);
}

/* The namespace of this test: anybody can make one, and show what he likes by any path. */
static void a_script_of_the_package_managers_is_none_in_another_mount_namespace_nor_when_it_is_not_roots(void)
{
	char script[80];
	struct scene scene;
	FILE *file;
	pid_t pid;

	snprintf(script, sizeof(script), "%s/postinst", folder);
	file = fopen(script, "w");
	assert(file && fputs("#!/bin/true\n", file) > 0 && fclose(file) == 0 && chmod(script, 0755) == 0);
	begin_with(&scene, 20000, false);
	add(&scene, 0, DECISION_ENFORCE, DECISION_FAIL_OPEN);
	pid = execute(script);
	answer_as(&scene, 0, await(&scene, 0).id, RINGFORT_VERDICT_DENY);
	assert(outcome(&scene, pid) == DENIED && scene.n_scripts_looked_for == 1 && numbers(&scene)->n_critical == 0);
	for (int i = 0; i < 2; i++) {
		assert(i ? chown(script, 0, 0) == 0 && chmod(script, 0775) == 0 : chown(script, 1, 0) == 0);
		pid = execute(script);
		answer_as(&scene, 0, await(&scene, 0).id, RINGFORT_VERDICT_DENY);
		assert(outcome(&scene, pid) == DENIED && scene.n_scripts_looked_for == 1);
	}
	end(&scene);
	assert(unlink(script) == 0);
}

/* ---- the operator ----------------------------------------------------------------------------------- */

static void an_open_gate_lets_everybody_go_who_waits_first(void)
{
	struct scene scene;
	pid_t pid;

	begin_with(&scene, 20000, false);
	add(&scene, 0, DECISION_ENFORCE, DECISION_FAIL_CLOSED);
	pid = execute(program);
	await(&scene, 0);
	gate_open(scene.gate, true);
	assert(outcome(&scene, pid) == RAN && numbers(&scene)->open && numbers(&scene)->n_pending == 0);
	assert(last_entry(&scene).overridden);
	assert(outcome(&scene, execute(program)) == RAN);
	gate_open(scene.gate, false);
	pid = execute(program);
	answer_as(&scene, 0, await(&scene, 0).id, RINGFORT_VERDICT_DENY);
	assert(outcome(&scene, pid) == DENIED);
	end(&scene);
}

static void what_is_guarded_and_what_is_refused_is_told(void)
{
	int proc = open("/proc", O_PATH | O_CLOEXEC);
	struct scene scene;

	begin(&scene);
	assert(gate_guard(scene.gate, 1, "/proc", proc) == -EINVAL);
	gate_refuse(scene.gate, 2, "/mnt/share", "it waits");
	assert(gate_guard(scene.gate, GATE_PLACES, "/", proc) == -ERANGE);
	gate_refuse(scene.gate, GATE_PLACES, "/", "too many");
	assert(numbers(&scene)->n_marks == 1);
	assert(strcmp(numbers(&scene)->places[0].path, folder) == 0 && numbers(&scene)->places[0].why[0] == '\0');
	assert(strcmp(numbers(&scene)->places[1].path, "/proc") == 0 && numbers(&scene)->places[1].why[0]);
	assert(strcmp(numbers(&scene)->places[2].why, "it waits") == 0);
	gate_refuse(scene.gate, 0, folder, "it is gone");
	assert(numbers(&scene)->n_marks == 0);
	guard(&scene);
	assert(numbers(&scene)->n_marks == 1 && numbers(&scene)->places[0].why[0] == '\0');
	close(proc);
	end(&scene);
}

/* ---- held for the operator -------------------------------------------------------------------------- */

static void begin_holding(struct scene *scene, uint32_t deadline_ms, uint32_t hold_ms)
{
	begin_as(scene, (struct gate_options){ .deadline_ms = deadline_ms, .hold_ms = hold_ms });
}

/* So many are held at this moment, the one with this id and those behind it. */
static uint32_t count_held(const struct scene *scene, uint64_t after)
{
	struct history_entry entry;
	uint32_t n = 0;

	while (history_next_held(scene->history, after, &entry)) {
		after = entry.hold_id;
		n++;
	}
	return n;
}

static struct history_entry await_held(struct scene *scene, uint64_t after)
{
	struct history_entry entry;

	while (!history_next_held(scene->history, after, &entry))
		turn(scene, 100);
	return entry;
}

static void who_was_not_answered_in_time_is_held_until_the_operator_speaks(void)
{
	for (int verdict = RINGFORT_VERDICT_ALLOW; verdict < _RINGFORT_VERDICT_N; verdict++) {
		struct history_entry held, entry;
		struct scene scene;
		pid_t pid;

		begin_holding(&scene, 50, 60000);
		/* The miss mode would say the other. */
		add(&scene, 0, DECISION_ENFORCE, verdict == RINGFORT_VERDICT_ALLOW ? DECISION_FAIL_CLOSED : DECISION_FAIL_OPEN);
		pid = execute(program);
		held = await_held(&scene, 0);
		assert(held.pid == (uint32_t)pid && strcmp(held.path, program) == 0 && held.hold == HISTORY_HELD);
		assert((int)held.verdict != verdict && held.reasons[0].answer == DECISION_LATE && held.until_ns);
		assert(numbers(&scene)->n_holding == 1 && numbers(&scene)->n_held == 1 && scene.n_news[GATE_HELD] == 1);
		for (int i = 0; i < 20; i++)
			turn(&scene, 5);
		assert(!has_ended(pid) && numbers(&scene)->n_decided == 0 && numbers(&scene)->voices[0].n_late == 1);
		assert(gate_decide_held(scene.gate, held.hold_id + 1, (enum ringfort_verdict)verdict) == -ENOENT);
		assert(gate_decide_held(scene.gate, held.hold_id, (enum ringfort_verdict)verdict) == 0);
		assert(gate_decide_held(scene.gate, held.hold_id, (enum ringfort_verdict)verdict) == -ENOENT);
		assert(outcome(&scene, pid) == (verdict == RINGFORT_VERDICT_ALLOW ? RAN : DENIED));
		assert(history_find_held(scene.history, held.hold_id, &entry) == 1 && (int)entry.verdict == verdict);
		assert(entry.hold == (verdict == RINGFORT_VERDICT_ALLOW ? HISTORY_HELD_ALLOWED : HISTORY_HELD_DENIED));
		assert(entry.held_us >= 100000 && entry.us >= entry.held_us + 50000 && entry.reasons[0].answer == DECISION_LATE);
		assert(count_held(&scene, 0) == 0 && numbers(&scene)->n_holding == 0 && numbers(&scene)->n_pending == 0);
		assert(numbers(&scene)->n_expired == 0);
		end(&scene);
	}
}

static void a_hold_that_runs_out_ends_by_the_miss_mode(void)
{
	for (int miss = DECISION_FAIL_OPEN; miss <= DECISION_FAIL_CLOSED; miss++) {
		struct history_entry entry;
		struct scene scene;

		begin_holding(&scene, 50, 200);
		add(&scene, 0, DECISION_ENFORCE, (enum decision_miss)miss);
		assert(outcome(&scene, execute(program)) == (miss == DECISION_FAIL_OPEN ? RAN : DENIED));
		entry = last_entry(&scene);
		assert(entry.hold == HISTORY_HELD_OUT && entry.hold_id == 1 && entry.held_us >= 200000 && entry.us >= 250000);
		assert(numbers(&scene)->n_expired == 1 && numbers(&scene)->n_held == 1 && count_held(&scene, 0) == 0);
		end(&scene);
	}
}

/* What is executed one by one would wait each time, and so slowly that the misses are never too many. */
static void behind_a_hold_that_ran_out_nobody_is_held_until_the_operator_is_there(void)
{
	struct history_entry held;
	struct scene scene;
	pid_t pids[2];

	begin_holding(&scene, 50, 1000);
	add(&scene, 0, DECISION_ENFORCE, DECISION_FAIL_CLOSED);
	for (int i = 0; i < 2; i++)
		assert(outcome(&scene, execute(program)) == DENIED && numbers(&scene)->n_held == 1);
	assert(last_entry(&scene).hold == HISTORY_NOT_HELD && numbers(&scene)->n_unheld == 1 && numbers(&scene)->n_expired == 2);
	gate_open(scene.gate, false);
	pids[0] = execute(program);
	held = await_held(&scene, 0);
	/* One runs out while he speaks about the other: he is there. */
	for (int i = 0; i < 20; i++)
		turn(&scene, 5);
	pids[1] = execute(program);
	held = await_held(&scene, held.hold_id);
	assert(outcome(&scene, pids[0]) == DENIED && last_entry(&scene).hold == HISTORY_HELD_OUT);
	assert(gate_decide_held(scene.gate, held.hold_id, RINGFORT_VERDICT_ALLOW) == 0 && outcome(&scene, pids[1]) == RAN);
	gate_voter_reset(scene.gate, 0);
	assert(outcome(&scene, execute(program)) == DENIED && numbers(&scene)->n_held == 4 && numbers(&scene)->n_unheld == 1);
	end(&scene);
}

static void what_was_answered_or_denied_or_waits_for_a_shadow_is_not_held(void)
{
	struct scene scene;
	pid_t pid;

	begin_holding(&scene, 100, 60000);
	add(&scene, 0, DECISION_ENFORCE, DECISION_FAIL_OPEN);
	add(&scene, 1, DECISION_SHADOW, DECISION_FAIL_CLOSED);
	pid = execute(program);
	answer_as(&scene, 0, await(&scene, 0).id, RINGFORT_VERDICT_ALLOW);
	assert(outcome(&scene, pid) == RAN);
	add(&scene, 2, DECISION_ENFORCE, DECISION_FAIL_OPEN);
	pid = execute(program);
	answer_as(&scene, 2, await(&scene, 2).id, RINGFORT_VERDICT_DENY);
	assert(outcome(&scene, pid) == DENIED);
	/* Those who were not waited for any more are late. */
	while (numbers(&scene)->n_pending)
		turn(&scene, 100);
	assert(numbers(&scene)->voices[0].n_late == 1 && numbers(&scene)->n_held == 0);
	/* One that ends does not answer either: decided at once, as ever. */
	await(&scene, 0);
	pid = execute(program);
	answer_as(&scene, 0, await(&scene, 0).id, RINGFORT_VERDICT_ALLOW);
	gate_voter_down(scene.gate, 2, false);
	assert(outcome(&scene, pid) == RAN && numbers(&scene)->n_held == 0);
	end(&scene);
}

static void others_are_decided_as_ever_while_somebody_is_held(void)
{
	struct scene scene;
	struct timespec begin_at, now;
	uint64_t held;
	pid_t first, second;

	begin_holding(&scene, 100, 60000);
	add(&scene, 0, DECISION_ENFORCE, DECISION_FAIL_CLOSED);
	first = execute(program);
	await(&scene, 0);
	held = await_held(&scene, 0).hold_id;
	second = execute(program);
	answer_as(&scene, 0, await(&scene, 0).id, RINGFORT_VERDICT_ALLOW);
	assert(outcome(&scene, second) == RAN && !has_ended(first));
	/* The timer stands at the end of the hold, a minute away: a deadline before it is kept all the same. */
	clock_gettime(CLOCK_MONOTONIC, &begin_at);
	second = execute(program);
	await_held(&scene, held);
	clock_gettime(CLOCK_MONOTONIC, &now);
	assert(now.tv_sec - begin_at.tv_sec < 5);
	assert(count_held(&scene, 0) == 2 && gate_decide_held(scene.gate, held, RINGFORT_VERDICT_DENY) == 0);
	assert(outcome(&scene, first) == DENIED && !has_ended(second) && count_held(&scene, 0) == 1);
	assert(gate_decide_held(scene.gate, held + 1, RINGFORT_VERDICT_ALLOW) == 0 && outcome(&scene, second) == RAN);
	end(&scene);
}

static void an_answer_while_it_is_held_is_late_and_changes_nothing(void)
{
	struct scene scene;
	uint64_t id;
	pid_t pid;

	begin_holding(&scene, 50, 400);
	add(&scene, 0, DECISION_ENFORCE, DECISION_FAIL_OPEN);
	pid = execute(program);
	id = await(&scene, 0).id;
	await_held(&scene, 0);
	answer_as(&scene, 0, id, RINGFORT_VERDICT_DENY);
	while (numbers(&scene)->voices[0].n_wrong < 1)
		turn(&scene, 100);
	assert(!has_ended(pid) && outcome(&scene, pid) == RAN && last_entry(&scene).hold == HISTORY_HELD_OUT);
	end(&scene);
}

static void no_more_are_held_than_there_is_room_for_and_that_is_told(void)
{
	enum { N = HISTORY_HOLDS + 6 };
	static pid_t pids[N];
	uint32_t n_ended = 0;
	struct scene scene;

	begin_holding(&scene, 2000, 60000);
	add(&scene, 0, DECISION_ENFORCE, DECISION_FAIL_OPEN);
	for (int i = 0; i < N; i++)
		pids[i] = execute(program);
	while (numbers(&scene)->n_asked < N)
		turn(&scene, 100);
	/* In one turn: behind the fifth it is demoted, and nobody waits for it who is not late yet. */
	nanosleep(&(struct timespec){ .tv_sec = 2, .tv_nsec = 100000000 }, NULL);
	while (numbers(&scene)->n_held + numbers(&scene)->n_unheld < N)
		turn(&scene, 100);
	assert(numbers(&scene)->n_holding == HISTORY_HOLDS && numbers(&scene)->n_unheld == 6);
	assert(numbers(&scene)->n_expired == 6 && count_held(&scene, 0) == HISTORY_HOLDS);
	/* Misses are counted as ever: by now it is not asked any more, and so nobody is held for it. */
	assert(numbers(&scene)->voices[0].demoted && outcome(&scene, execute(program)) == RAN);
	while (n_ended < 6) {
		n_ended = 0;
		turn(&scene, 5);
		for (int i = 0; i < N; i++)
			n_ended += has_ended(pids[i]);
	}
	assert(n_ended == 6);
	/* A place that is free again is used again. */
	assert(gate_decide_held(scene.gate, 7, RINGFORT_VERDICT_DENY) == 0);
	gate_voter_reset(scene.gate, 0);
	execute(program);
	assert(await_held(&scene, HISTORY_HOLDS).hold_id == HISTORY_HOLDS + 1);
	gate_open(scene.gate, true);
	while (waitpid(-1, NULL, 0) > 0)
		;
	end(&scene);
}

static void what_is_critical_is_not_held(void)
{
	struct scene scene;
	struct stat st;

	begin_as(&scene, (struct gate_options){ .deadline_ms = 50, .hold_ms = 60000, .deny_critical = true });
	assert(stat(program, &st) == 0);
	scene.critical_ino = st.st_ino;
	add(&scene, 0, DECISION_ENFORCE, DECISION_FAIL_CLOSED);
	assert(outcome(&scene, execute(program)) == DENIED && numbers(&scene)->n_held == 0 && numbers(&scene)->n_unheld == 0);
	end(&scene);
}

static void an_open_gate_and_one_of_ours_end_a_hold_at_once(void)
{
	struct scene scene;
	pid_t pids[2];

	begin_holding(&scene, 50, 60000);
	add(&scene, 0, DECISION_ENFORCE, DECISION_FAIL_CLOSED);
	for (uint64_t i = 0; i < 2; i++) {
		pids[i] = execute(program);
		assert(await_held(&scene, i).pid == (uint32_t)pids[i]);
	}
	assert(gate_own(scene.gate, (uint32_t)pids[1], true) == 0);
	assert(outcome(&scene, pids[1]) == RAN && !last_entry(&scene).overridden && !has_ended(pids[0]));
	gate_open(scene.gate, true);
	assert(outcome(&scene, pids[0]) == RAN && last_entry(&scene).overridden && last_entry(&scene).hold == HISTORY_HELD_LET_GO);
	assert(numbers(&scene)->n_holding == 0 && count_held(&scene, 0) == 0);
	end(&scene);
}

static void who_is_killed_while_he_is_held_frees_his_place(void)
{
	struct scene scene;
	pid_t pid;

	begin_holding(&scene, 50, 60000);
	add(&scene, 0, DECISION_ENFORCE, DECISION_FAIL_CLOSED);
	pid = execute(program);
	await_held(&scene, 0);
	gate_tick(scene.gate);
	assert(count_held(&scene, 0) == 1);
	kill(pid, SIGKILL);
	assert(waitpid(pid, NULL, 0) == pid);
	gate_tick(scene.gate);
	assert(count_held(&scene, 0) == 0 && last_entry(&scene).hold == HISTORY_HELD_GIVEN_UP);
	assert(numbers(&scene)->n_holding == 0 && numbers(&scene)->n_pending == 0);
	end(&scene);
}

static void the_end_of_the_gate_lets_go_who_is_held_and_the_next_one_knows_of_none(void)
{
	struct gate_options options = { .deadline_ms = 50, .hold_ms = 60000, .epoch = 2 };
	struct scene scene;
	int status;
	pid_t pid;

	begin_holding(&scene, 50, 60000);
	add(&scene, 0, DECISION_ENFORCE, DECISION_FAIL_CLOSED);
	pid = execute(program);
	await_held(&scene, 0);
	assert(!gate_free(scene.gate) && waitpid(pid, &status, 0) == pid && status == 0);
	close_straw(&scene.straws[0]);
	/* As after a kill, which leaves it there. */
	assert(history_hold(scene.history, &(struct history_entry){ .pid = 1 }) == 2 && count_held(&scene, 0) == 1);
	options.history = scene.history;
	assert(gate_new(&scene.gate, &options) == 0 && count_held(&scene, 0) == 0);
	end(&scene);
}

/* ---- too few descriptors -------------------------------------------------------------------------------- */

static rlim_t limit_descriptors(rlim_t n)
{
	struct rlimit files;
	rlim_t before;

	assert(getrlimit(RLIMIT_NOFILE, &files) == 0);
	before = files.rlim_cur;
	files.rlim_cur = n;
	assert(setrlimit(RLIMIT_NOFILE, &files) == 0);
	return before;
}

static void who_finds_no_room_is_decided_by_miss_modes_and_that_is_told(void)
{
	pid_t pids[60];
	struct scene scene;
	rlim_t before;
	int n_full = 0;

	begin_with(&scene, 20000, false);
	add(&scene, 0, DECISION_ENFORCE, DECISION_FAIL_OPEN);
	/* Beside others there is room for 16 to wait. */
	before = limit_descriptors(64 + 5 + 32);
	for (int i = 0; i < 60; i++)
		pids[i] = execute(program);
	while (numbers(&scene)->n_asked < 60)
		turn(&scene, 100);
	assert(numbers(&scene)->n_pending == 16 && numbers(&scene)->voices[0].n_full == 44 && numbers(&scene)->n_overflow == 0);
	assert(last_entry(&scene).reasons[0].answer == DECISION_FULL && !numbers(&scene)->voices[0].demoted);
	/* Less room, and one more who comes: those who wait longest go. */
	limit_descriptors(64 + 5 + 8);
	assert(outcome(&scene, execute(program)) == RAN);
	assert(numbers(&scene)->n_pending <= 4 && numbers(&scene)->n_overflow == 0);
	limit_descriptors(before);
	gate_open(scene.gate, true);
	for (int i = 0; i < 60; i++) {
		n_full += outcome(&scene, pids[i]) == RAN;
	}
	assert(n_full == 60);
	end(&scene);
}

static void where_descriptors_are_short_who_is_held_goes_first(void)
{
	struct scene scene;
	rlim_t before;
	pid_t held, waiting;

	begin_holding(&scene, 300, 60000);
	add(&scene, 0, DECISION_ENFORCE, DECISION_FAIL_CLOSED);
	held = execute(program);
	await(&scene, 0);
	await_held(&scene, 0);
	waiting = execute(program);
	await(&scene, 0);
	/* Beside others there is room for one to wait. */
	before = limit_descriptors(64 + 5 + 2);
	assert(outcome(&scene, execute(program)) == DENIED);
	assert(outcome(&scene, held) == DENIED && !has_ended(waiting) && numbers(&scene)->n_overflow == 0);
	limit_descriptors(before);
	gate_open(scene.gate, true);
	assert(outcome(&scene, waiting) == RAN);
	end(&scene);
}

static void without_any_room_it_cannot_go_on_and_denies_nobody(void)
{
	struct scene scene;
	rlim_t before;
	int status;
	pid_t pid;

	begin_with(&scene, 20000, false);
	add(&scene, 0, DECISION_ENFORCE, DECISION_FAIL_CLOSED);
	before = limit_descriptors(60);
	pid = execute(program);
	assert(gate_process(scene.gate, 10000) == -EMFILE);
	limit_descriptors(before);
	end(&scene);
	/* Its end lets through who waits. */
	assert(waitpid(pid, &status, 0) == pid && status == 0);
}

/* ---- life ------------------------------------------------------------------------------------------------ */

static void the_end_of_the_gate_lets_everybody_go_who_waits(void)
{
	struct scene scene;
	int status;
	pid_t pid;

	begin_with(&scene, 20000, false);
	add(&scene, 0, DECISION_ENFORCE, DECISION_FAIL_CLOSED);
	pid = execute(program);
	await(&scene, 0);
	end(&scene);
	assert(waitpid(pid, &status, 0) == pid && status == 0);
}

static int count_descriptors(void)
{
	int n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* Whether anything can be tried here; a mount namespace of its own, and the scratch file system in it. */
static bool prepare(void)
{
	char command[160];
	int group = fanotify_init(FAN_CLASS_CONTENT, O_RDONLY);

	if (group < 0)
		return false;
	close(group);
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || !mkdtemp(folder))
		return false;
	if (mount("none", folder, "tmpfs", 0, "mode=755") < 0)
		return false;
	snprintf(program, sizeof(program), "%s/program", folder);
	snprintf(command, sizeof(command), "cp /bin/true %s", program);
	return system(command) == 0;
}

/* A new gate maps it before it is told its places: what runs until then runs without a verdict, and is seen. */
static void what_an_earlier_gate_guarded_stays_so_for_the_probe(void)
{
	const uint64_t first = 1ull << 40, second = first + 1; /* of no file system: ours may well be 0:41 */
	struct backstop *backstop;
	struct scene scene;
	int fd = memfd_create("backstop", MFD_CLOEXEC);

	assert(fd >= 0 && ftruncate(fd, sizeof(*backstop)) == 0 && backstop_open(&backstop, fd) == 0);
	backstop_guard(backstop, 0, first);
	backstop_guard(backstop, 1, second);
	begin(&scene);
	assert(gate_backstop(scene.gate, fd) == 0);
	assert(backstop->guarded[0] != first && backstop->guarded[0] != 0);
	assert(backstop->guarded[1] == second);
	end(&scene);
	backstop_close(backstop);
	close(fd);
}

int main(void)
{
	int before;

	if (!prepare()) {
		fprintf(stderr, "needs root and permission events\n");
		return 77;
	}
	signal(SIGPIPE, SIG_IGN);
	signal(SIGIO, SIG_IGN);
	alarm(PATIENCE_S);
	before = count_descriptors();
	with_nobody_to_ask_everybody_goes_at_once();
	our_own_processes_go_at_once_and_no_longer_when_they_are_forgotten();
	no_more_are_ours_than_there_is_room_for();
	our_opener_is_asked_about_by_each_group_and_counted_apart();
	a_denial_denies_and_is_kept_with_its_reason();
	all_must_have_allowed_before_it_runs();
	of_several_the_last_one_alone_wakes_the_gate_and_the_others_are_heard_with_it();
	who_is_missing_behind_the_last_is_wanted_and_wakes_the_gate_again();
	who_denies_is_heard_at_once_and_the_others_behind_it();
	who_answers_quietly_is_heard_though_nobody_ever_wakes_the_gate();
	where_the_last_one_has_gone_the_others_are_heard();
	the_deadline_decides_by_the_miss_mode();
	an_image_that_was_stopped_is_decided_as_any_and_told_once_under_its_number();
	nobody_waits_for_a_shadow();
	more_answers_than_are_looked_at_in_a_turn_are_all_heard();
	answers_that_are_none_change_nothing_and_are_counted();
	one_that_ends_is_waited_for_by_nobody_but_its_last_words_count();
	one_that_misses_too_often_is_not_asked_until_the_operator_says_so();
	nobody_waits_for_one_that_is_demoted_and_what_it_says_is_not_heard();
	what_the_host_needs_is_denied_by_policy_only();
	who_would_deny_what_the_host_needs_is_asked_behind_it_and_counted();
	a_script_of_the_package_managers_is_none_in_another_mount_namespace_nor_when_it_is_not_roots();
	what_a_shadow_alone_would_deny_overrides_nothing();
	about_what_the_host_needs_is_asked_once_for_each_state_of_the_file_and_of_who_is_asked();
	not_to_answer_about_what_the_host_needs_is_no_fault_nor_to_answer_late();
	a_full_mailbox_takes_no_question_about_what_the_host_needs_and_that_is_no_fault();
	where_the_last_one_has_no_room_the_others_are_wanted_at_once();
	an_open_gate_lets_everybody_go_who_waits_first();
	what_is_guarded_and_what_is_refused_is_told();
	what_an_earlier_gate_guarded_stays_so_for_the_probe();
	who_was_not_answered_in_time_is_held_until_the_operator_speaks();
	a_hold_that_runs_out_ends_by_the_miss_mode();
	behind_a_hold_that_ran_out_nobody_is_held_until_the_operator_is_there();
	what_was_answered_or_denied_or_waits_for_a_shadow_is_not_held();
	others_are_decided_as_ever_while_somebody_is_held();
	an_answer_while_it_is_held_is_late_and_changes_nothing();
	no_more_are_held_than_there_is_room_for_and_that_is_told();
	what_is_critical_is_not_held();
	an_open_gate_and_one_of_ours_end_a_hold_at_once();
	who_is_killed_while_he_is_held_frees_his_place();
	the_end_of_the_gate_lets_go_who_is_held_and_the_next_one_knows_of_none();
	who_finds_no_room_is_decided_by_miss_modes_and_that_is_told();
	where_descriptors_are_short_who_is_held_goes_first();
	without_any_room_it_cannot_go_on_and_denies_nobody();
	the_end_of_the_gate_lets_everybody_go_who_waits();
	assert(count_descriptors() == before);
	umount2(folder, MNT_DETACH);
	rmdir(folder);
	return 0;
}
