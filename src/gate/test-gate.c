/* SPDX-License-Identifier: Apache-2.0 */
/* Test-gate - who is asked, who is heard, what is answered; its life. */
#undef NDEBUG
#include "gate/scene.h"

#include "gate/backstop.h"
#include "gate/own-fs.h"
#include "ring/mailbox.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- at once ------------------------------------------------------------------------------------------ */

static void with_nobody_to_ask_everybody_goes_at_once(void)
{
	struct scene scene;

	scene_begin(&scene);
	assert(scene_outcome(&scene, scene_execute(scene_program)) == RAN);
	assert(scene_numbers(&scene)->n_asked == 1 && scene_numbers(&scene)->n_at_once == 1 &&
	       scene_numbers(&scene)->n_marks == 1);
	scene_end(&scene);
}

static void our_own_processes_go_at_once_and_no_longer_when_they_are_forgotten(void)
{
	struct scene scene;
	pid_t pid;

	scene_begin(&scene);
	scene_add(&scene, 0, DECISION_ENFORCE, DECISION_FAIL_CLOSED);
	pid = scene_execute(scene_program);
	/* It waits already, as a question of somebody whom we did not know yet. */
	scene_await(&scene, 0);
	assert(gate_own(scene.gate, (uint32_t)pid, true) == 0);
	assert(scene_outcome(&scene, pid) == RAN && scene_numbers(&scene)->n_decided == 1);
	assert(gate_own(scene.gate, (uint32_t)pid, false) == 0);
	assert(scene_outcome(&scene, scene_execute(scene_program)) == DENIED);
	scene_end(&scene);
}

static void no_more_are_ours_than_there_is_room_for(void)
{
	struct scene scene;

	scene_begin(&scene);
	for (uint32_t pid = 1; pid <= GATE_OWN_MAX; pid++)
		assert(gate_own(scene.gate, 1u << 30 | pid, true) == 0);
	assert(gate_own(scene.gate, 1u << 30, true) == -ENOSPC);
	assert(gate_own(scene.gate, 1u << 30 | 7, true) == 0 && gate_own(scene.gate, 1u << 30 | 7, false) == 0);
	assert(gate_own(scene.gate, 1u << 30, true) == 0);
	scene_end(&scene);
}

static pid_t open_in(int root)
{
	pid_t pid = fork();

	if (pid == 0) {
		int fd;

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
	const struct gate_scope is = { .scope = 0, .acts = 1u << RINGFORT_ACT_OPEN, .whole = true, .path = scene_folder };
	struct scene scene;
	int root, place;
	pid_t pid;

	assert(own_fs_open(&root) == 0);
	close(openat(root, "canary", O_RDONLY | O_CREAT, 0400));
	scene_begin(&scene);
	scene_add(&scene, 0, DECISION_ENFORCE, DECISION_FAIL_CLOSED);
	pid = open_in(root);
	assert(gate_canary(scene.gate, (uint32_t)pid, root) == 0);
	kill(pid, SIGCONT);
	assert(scene_outcome(&scene, pid) == RAN && scene_numbers(&scene)->n_canary == 1 &&
	       scene_numbers(&scene)->n_asked == 0);
	/* A group that comes later has it by the next tick. */
	place = open(scene_folder, O_PATH | O_CLOEXEC);
	assert(gate_scope(scene.gate, &is, place) == 0);
	pid = open_in(root);
	assert(gate_canary(scene.gate, (uint32_t)pid, root) == 0);
	gate_tick(scene.gate);
	kill(pid, SIGCONT);
	assert(scene_outcome(&scene, pid) == RAN && scene_numbers(&scene)->n_canary == 3 &&
	       scene_numbers(&scene)->n_asked == 0);
	/* Somebody else with its number would be asked about as anybody. */
	pid = open_in(root);
	kill(pid, SIGCONT);
	assert(scene_outcome(&scene, pid) == RAN && scene_numbers(&scene)->n_canary == 3 &&
	       scene_numbers(&scene)->n_asked > 0);
	close(place);
	scene_end(&scene);
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

	scene_begin(&scene);
	scene_add(&scene, 0, DECISION_ENFORCE, DECISION_FAIL_OPEN);
	scene_add(&scene, 3, DECISION_ENFORCE, DECISION_FAIL_OPEN);
	pid = scene_execute(scene_program);
	request = scene_await(&scene, 0);
	assert(stat(scene_program, &st) == 0 && request.ino == st.st_ino && request.pid == (uint32_t)pid);
	assert(request.act == RINGFORT_ACT_EXEC && request.flags & ASK_REQUEST_HAS_FILE);
	assert(!(request.flags & RINGFORT_REQUEST_FOREIGN_NS));
	scene_answer(&scene, 0, request.id, RINGFORT_VERDICT_DENY);
	assert(scene_outcome(&scene, pid) == DENIED);
	/* The other one is heard all the same. */
	scene_answer(&scene, 3, scene_await(&scene, 3).id, RINGFORT_VERDICT_ALLOW);
	while (scene_numbers(&scene)->n_pending)
		scene_turn(&scene, 100);
	entry = scene_last_entry(&scene);
	assert(entry.verdict == RINGFORT_VERDICT_DENY && entry.pid == (uint32_t)pid &&
	       strcmp(entry.path, scene_program) == 0);
	assert(entry.n_reasons == 2 && entry.reasons[0].answer == DECISION_DENY &&
	       entry.reasons[1].answer == DECISION_ALLOW);
	assert(scene_numbers(&scene)->n_denied == 1 && scene_numbers(&scene)->voices[3].n_after == 1 &&
	       scene.n_news[GATE_DENIED] == 1);
	scene_end(&scene);
}

static void a_path_of_another_mount_namespace_is_told_as_foreign(void)
{
	struct ask_request request;
	struct scene scene;
	pid_t pid;

	scene_begin(&scene);
	scene_add(&scene, 0, DECISION_ENFORCE, DECISION_FAIL_OPEN);
	pid = scene_execute_elsewhere(scene_program);
	request = scene_await(&scene, 0);
	assert(request.flags & RINGFORT_REQUEST_FOREIGN_NS);
	scene_answer(&scene, 0, request.id, RINGFORT_VERDICT_DENY);
	assert(scene_outcome(&scene, pid) == DENIED && scene_last_entry(&scene).foreign_ns);
	scene_end(&scene);
}

static void all_must_have_allowed_before_it_runs(void)
{
	struct ask_request requests[2];
	struct scene scene;
	pid_t pid;

	scene_begin_with(&scene, 10000, false);
	scene_add(&scene, 0, DECISION_ENFORCE, DECISION_FAIL_OPEN);
	scene_add(&scene, 1, DECISION_ENFORCE, DECISION_FAIL_OPEN);
	pid = scene_execute(scene_program);
	requests[0] = scene_await(&scene, 0);
	requests[1] = scene_await(&scene, 1);
	assert((requests[0].id & ~ASK_QUIET) == requests[1].id);
	scene_answer(&scene, 1, requests[1].id, RINGFORT_VERDICT_ALLOW);
	for (int i = 0; i < 20; i++)
		scene_turn(&scene, 5);
	assert(!scene_has_ended(pid));
	scene_answer(&scene, 0, requests[0].id, RINGFORT_VERDICT_ALLOW);
	assert(scene_outcome(&scene, pid) == RAN);
	scene_end(&scene);
}

/* ---- quietly ------------------------------------------------------------------------------------------ */

/* Two or three that enforce, and who executes; all are asked. */
static pid_t begin_quietly(struct scene *scene, uint32_t n, struct ask_request requests[])
{
	pid_t pid;

	scene_begin_with(scene, 2000, false);
	for (uint32_t slot = 0; slot < n; slot++)
		scene_add(scene, slot, DECISION_ENFORCE, DECISION_FAIL_CLOSED);
	pid = scene_execute(scene_program);
	for (uint32_t slot = 0; slot < n; slot++)
		requests[slot] = scene_await(scene, slot);
	return pid;
}

static void of_several_the_last_one_alone_wakes_the_gate_and_the_others_are_heard_with_it(void)
{
	struct ask_request requests[3];
	struct scene scene;
	pid_t pid = begin_quietly(&scene, 3, requests);

	assert(requests[0].id & ASK_QUIET && requests[1].id & ASK_QUIET && !(requests[2].id & ASK_QUIET));
	scene_answer_quietly(&scene, 0, requests[0].id);
	scene_answer_quietly(&scene, 1, requests[1].id);
	scene_answer(&scene, 2, requests[2].id, RINGFORT_VERDICT_ALLOW);
	scene_turn(&scene, 1000);
	assert(scene_outcome(&scene, pid) == RAN && scene_last_entry(&scene).n_reasons == 3);
	for (int i = 0; i < 3; i++)
		assert(scene_last_entry(&scene).reasons[i].answer == DECISION_ALLOW);
	assert(mailbox_wanted(scene.straws[0].answers) == 0 && mailbox_wanted(scene.straws[1].answers) == 0);
	scene_end(&scene);
}

static void who_is_missing_behind_the_last_is_wanted_and_wakes_the_gate_again(void)
{
	struct ask_request requests[3];
	struct scene scene;
	pid_t pid = begin_quietly(&scene, 3, requests);

	scene_answer_quietly(&scene, 0, requests[0].id);
	scene_answer(&scene, 2, requests[2].id, RINGFORT_VERDICT_ALLOW);
	scene_turn(&scene, 1000);
	assert(scene_numbers(&scene)->voices[0].n_allowed == 1 && mailbox_wanted(scene.straws[0].answers) == 0);
	assert(mailbox_wanted(scene.straws[1].answers) == requests[2].id && !scene_has_ended(pid));
	scene_answer(&scene, 1, requests[1].id, RINGFORT_VERDICT_ALLOW);
	assert(scene_outcome(&scene, pid) == RAN);
	scene_end(&scene);
}

static void who_denies_is_heard_at_once_and_the_others_behind_it(void)
{
	struct ask_request requests[3];
	struct scene scene;
	pid_t pid = begin_quietly(&scene, 3, requests);

	scene_answer(&scene, 0, requests[0].id, RINGFORT_VERDICT_DENY);
	scene_answer_quietly(&scene, 1, requests[1].id);
	assert(scene_outcome(&scene, pid) == DENIED && scene_last_entry(&scene).us < 1000000);
	while (scene_numbers(&scene)->voices[1].n_after == 0)
		scene_turn(&scene, 100);
	scene_answer(&scene, 2, requests[2].id, RINGFORT_VERDICT_ALLOW);
	while (scene_numbers(&scene)->n_pending)
		scene_turn(&scene, 100);
	assert(scene_last_entry(&scene).reasons[1].answer == DECISION_ALLOW &&
	       scene_last_entry(&scene).reasons[1].us < 1000000);
	scene_end(&scene);
}

static void who_answers_quietly_is_heard_though_nobody_ever_wakes_the_gate(void)
{
	struct ask_request requests[2];
	struct history_entry entry;
	struct scene scene;
	pid_t pid = begin_quietly(&scene, 2, requests);

	scene_answer_quietly(&scene, 0, requests[0].id);
	assert(scene_outcome(&scene, pid) == DENIED);
	entry = scene_last_entry(&scene);
	assert(entry.reasons[0].answer == DECISION_ALLOW && entry.reasons[0].us < 1000000);
	assert(entry.reasons[1].answer == DECISION_LATE && scene_numbers(&scene)->voices[0].n_wrong == 0);
	scene_end(&scene);
}

static void where_the_last_one_has_gone_the_others_are_heard(void)
{
	struct ask_request requests[2];
	struct scene scene;
	pid_t pid = begin_quietly(&scene, 2, requests);

	scene_answer_quietly(&scene, 0, requests[0].id);
	gate_voter_down(scene.gate, 1, false);
	assert(scene_outcome(&scene, pid) == DENIED && scene_last_entry(&scene).us < 1000000);
	while (scene_numbers(&scene)->n_pending)
		scene_turn(&scene, 100);
	assert(scene_last_entry(&scene).reasons[0].answer == DECISION_ALLOW &&
	       scene_last_entry(&scene).reasons[0].us < 1000000);
	assert(scene_last_entry(&scene).reasons[1].answer == DECISION_GONE);
	scene_end(&scene);
}

static void the_deadline_decides_by_the_miss_mode(void)
{
	for (int miss = DECISION_FAIL_OPEN; miss <= DECISION_FAIL_CLOSED; miss++) {
		struct scene scene;

		scene_begin(&scene);
		scene_add(&scene, 0, DECISION_ENFORCE, (enum decision_miss)miss);
		assert(scene_outcome(&scene, scene_execute(scene_program)) == (miss == DECISION_FAIL_OPEN ? RAN : DENIED));
		assert(scene_last_entry(&scene).reasons[0].answer == DECISION_LATE &&
		       scene_numbers(&scene)->n_expired == 1);
		assert(scene_last_entry(&scene).us >= DEADLINE_MS * 1000);
		scene_end(&scene);
	}
}

static pid_t somebody(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		pause();
		_exit(0);
	}
	assert(pid > 0);
	return pid;
}

static void stopped(struct scene *scene, uint32_t number, pid_t pid, bool readable)
{
	int fd = open(scene_program, (readable ? O_RDONLY : O_PATH) | O_CLOEXEC);

	scene->n_judged = 0;
	gate_stopped(scene->gate, number, (uint32_t)pid, fd, readable);
}

static void an_image_that_was_stopped_is_decided_as_any_and_told_once_under_its_number(void)
{
	const pid_t pid = somebody();
	struct ask_request request;
	struct scene scene;

	scene_begin(&scene);
	stopped(&scene, 1, pid, true);
	assert(scene.n_judged == 1 && scene.judged_number == 1 && scene.judged_verdict == RINGFORT_VERDICT_ALLOW);
	scene_add(&scene, 0, DECISION_ENFORCE, DECISION_FAIL_CLOSED);
	stopped(&scene, GATE_STOPPED_MOST - 1, pid, true);
	request = scene_await(&scene, 0);
	assert(scene.n_judged == 0 && request.pid == (uint32_t)pid && request.flags & ASK_REQUEST_HAS_FILE);
	scene_answer(&scene, 0, request.id, RINGFORT_VERDICT_DENY);
	while (!scene.n_judged)
		scene_turn(&scene, 100);
	assert(scene.judged_number == GATE_STOPPED_MOST - 1 && scene.judged_verdict == RINGFORT_VERDICT_DENY);
	assert(scene_last_entry(&scene).stopped && scene_last_entry(&scene).verdict == RINGFORT_VERDICT_DENY);
	/* Nobody answers. */
	stopped(&scene, 0, pid, true);
	while (!scene.n_judged)
		scene_turn(&scene, 100);
	assert(scene.judged_number == 0 && scene.judged_verdict == RINGFORT_VERDICT_DENY);
	assert(scene_last_entry(&scene).reasons[0].answer == DECISION_LATE);
	/* Nobody can look at it. */
	scene_await(&scene, 0);
	stopped(&scene, 7, pid, false);
	request = scene_await(&scene, 0);
	assert(request.ino != 0 && !(request.flags & ASK_REQUEST_HAS_FILE));
	scene_answer(&scene, 0, request.id, RINGFORT_VERDICT_ALLOW);
	while (!scene.n_judged)
		scene_turn(&scene, 100);
	assert(scene.judged_number == 7 && scene.judged_verdict == RINGFORT_VERDICT_ALLOW);
	/* The gate is opened. */
	stopped(&scene, 9, pid, true);
	gate_open(scene.gate, true);
	assert(scene.n_judged == 1 && scene.judged_number == 9 && scene.judged_verdict == RINGFORT_VERDICT_ALLOW);
	stopped(&scene, 10, pid, false);
	assert(scene.n_judged == 1 && scene.judged_verdict == RINGFORT_VERDICT_ALLOW);
	/* The kernel's own questions are as they were. */
	gate_open(scene.gate, false);
	assert(scene_outcome(&scene, scene_execute(scene_program)) == DENIED && !scene_last_entry(&scene).stopped);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	scene_end(&scene);
}

static void nobody_waits_for_a_shadow(void)
{
	struct scene scene;
	struct history_entry entry;

	scene_begin_with(&scene, 10000, false);
	scene_add(&scene, 0, DECISION_SHADOW, DECISION_FAIL_CLOSED);
	assert(scene_outcome(&scene, scene_execute(scene_program)) == RAN);
	scene_answer(&scene, 0, scene_await(&scene, 0).id, RINGFORT_VERDICT_DENY);
	while (scene_numbers(&scene)->n_pending)
		scene_turn(&scene, 100);
	entry = scene_last_entry(&scene);
	assert(entry.verdict == RINGFORT_VERDICT_ALLOW && entry.reasons[0].answer == DECISION_DENY && entry.us < 1000000);
	scene_end(&scene);
}

static void more_answers_than_are_looked_at_in_a_turn_are_all_heard(void)
{
	enum { N = VOTER_MESSAGES * 2 + 50 };
	static pid_t pids[N];
	struct scene scene;
	uint64_t ids[N];

	scene_begin_with(&scene, 30000, false);
	scene_add(&scene, 0, DECISION_ENFORCE, DECISION_FAIL_CLOSED);
	for (int i = 0; i < N; i++)
		pids[i] = scene_execute(scene_program);
	for (int i = 0; i < N; i++)
		ids[i] = scene_await(&scene, 0).id;
	for (int i = 0; i < N; i++)
		scene_answer(&scene, 0, ids[i], RINGFORT_VERDICT_ALLOW);
	for (int i = 0; i < N; i++)
		assert(scene_outcome(&scene, pids[i]) == RAN);
	assert(scene_numbers(&scene)->n_expired == 0 && scene_numbers(&scene)->voices[0].n_allowed == N);
	scene_end(&scene);
}

static void answers_that_are_none_change_nothing_and_are_counted(void)
{
	struct scene scene;
	uint64_t id;
	pid_t pid;

	scene_begin_with(&scene, 5000, false);
	scene_add(&scene, 0, DECISION_ENFORCE, DECISION_FAIL_OPEN);
	scene_add(&scene, 1, DECISION_ENFORCE, DECISION_FAIL_OPEN);
	gate_voter_down(scene.gate, 1, false);
	scene_close_straw(&scene.straws[1]);
	pid = scene_execute(scene_program);
	id = scene_await(&scene, 0).id;
	scene_add(&scene, 1, DECISION_ENFORCE, DECISION_FAIL_OPEN);
	/* Of one who was not asked; to others; with a verdict that is none; of another kind. */
	scene_answer(&scene, 1, id, RINGFORT_VERDICT_DENY);
	scene_answer(&scene, 0, id + 1, RINGFORT_VERDICT_DENY);
	scene_answer(&scene, 0, 0, RINGFORT_VERDICT_DENY);
	scene_answer(&scene, 0, UINT64_MAX, RINGFORT_VERDICT_DENY);
	scene_answer(&scene, 0, id, _RINGFORT_VERDICT_N);
	scene_say(&scene.straws[0], ASK_REQUEST, &id, sizeof(id));
	while (scene_numbers(&scene)->voices[0].n_wrong < 5 || scene_numbers(&scene)->voices[1].n_wrong < 1)
		scene_turn(&scene, 100);
	assert(!scene_has_ended(pid));
	scene_answer(&scene, 0, id, RINGFORT_VERDICT_ALLOW);
	scene_answer(&scene, 0, id, RINGFORT_VERDICT_DENY);
	assert(scene_outcome(&scene, pid) == RAN);
	while (scene_numbers(&scene)->voices[0].n_wrong < 6)
		scene_turn(&scene, 100);
	scene_end(&scene);
}

static void one_that_ends_is_waited_for_by_nobody_but_its_last_words_count(void)
{
	struct scene scene;
	struct ask_request request;
	pid_t pid;

	scene_begin_with(&scene, 20000, false);
	scene_add(&scene, 0, DECISION_ENFORCE, DECISION_FAIL_CLOSED);
	pid = scene_execute(scene_program);
	scene_await(&scene, 0);
	gate_voter_down(scene.gate, 0, false);
	assert(scene_outcome(&scene, pid) == DENIED && scene_last_entry(&scene).reasons[0].answer == DECISION_GONE);
	scene_close_straw(&scene.straws[0]);
	scene_add(&scene, 0, DECISION_ENFORCE, DECISION_FAIL_CLOSED);
	pid = scene_execute(scene_program);
	request = scene_await(&scene, 0);
	scene_answer(&scene, 0, request.id, RINGFORT_VERDICT_ALLOW);
	gate_voter_down(scene.gate, 0, false);
	assert(scene_outcome(&scene, pid) == RAN && scene_last_entry(&scene).reasons[0].answer == DECISION_ALLOW);
	scene_end(&scene);
}

static void one_that_misses_too_often_is_not_asked_until_the_operator_says_so(void)
{
	struct scene scene;

	scene_begin_with(&scene, 50, false);
	scene_add(&scene, 0, DECISION_ENFORCE, DECISION_FAIL_CLOSED);
	for (int i = 0; i < VOTER_MISSES; i++)
		assert(scene_outcome(&scene, scene_execute(scene_program)) == DENIED);
	assert(scene.n_news[GATE_DEMOTED] == 1 && scene_numbers(&scene)->voices[0].demoted);
	assert(scene_outcome(&scene, scene_execute(scene_program)) == RAN);
	gate_tick(scene.gate);
	assert(scene_numbers(&scene)->voices[0].demoted);
	gate_voter_reset(scene.gate, 0);
	assert(scene_outcome(&scene, scene_execute(scene_program)) == DENIED);
	scene_end(&scene);
}

static void nobody_waits_for_one_that_is_demoted_and_what_it_says_is_not_heard(void)
{
	struct scene scene;
	pid_t pid;

	scene_begin_with(&scene, 30000, false);
	scene_add(&scene, 0, DECISION_ENFORCE, DECISION_FAIL_OPEN);
	pid = scene_execute(scene_program);
	scene_await(&scene, 0);
	for (uint64_t i = 0; i < VOTER_WRONG; i++)
		scene_answer(&scene, 0, 1, RINGFORT_VERDICT_DENY);
	assert(scene_outcome(&scene, pid) == RAN && scene_numbers(&scene)->voices[0].demoted);
	assert(scene_last_entry(&scene).reasons[0].answer == DECISION_GONE);
	scene_answer(&scene, 0, 1, RINGFORT_VERDICT_DENY);
	scene_turn(&scene, 50);
	assert(scene_numbers(&scene)->voices[0].n_wrong == VOTER_WRONG);
	gate_voter_reset(scene.gate, 0);
	scene_turn(&scene, 1000);
	assert(scene_numbers(&scene)->voices[0].n_wrong == VOTER_WRONG + 1);
	scene_end(&scene);
}

static void where_the_last_one_has_no_room_the_others_are_wanted_at_once(void)
{
	char deep[PATH_MAX];
	struct scene scene;
	pid_t pids[100];
	uint32_t n = 0;

	scene_link_deeply(deep);
	scene_begin_with(&scene, 20000, false);
	scene_add(&scene, 0, DECISION_ENFORCE, DECISION_FAIL_OPEN);
	scene_add(&scene, 1, DECISION_ENFORCE, DECISION_FAIL_OPEN);
	/* The second one reads nothing. */
	while (scene_numbers(&scene)->voices[1].n_full == 0) {
		uint64_t wanted = mailbox_wanted(scene.straws[0].answers);
		uint64_t id;

		assert(n < 100);
		pids[n] = scene_execute(deep);
		while (scene_numbers(&scene)->n_asked == n)
			scene_turn(&scene, 100);
		n++;
		id = scene_await(&scene, 0).id;
		assert(id & ASK_QUIET && (id & ~ASK_QUIET) > wanted);
		if (scene_numbers(&scene)->voices[1].n_full)
			assert(mailbox_wanted(scene.straws[0].answers) == (id & ~ASK_QUIET));
	}
	gate_open(scene.gate, true);
	for (uint32_t i = 0; i < n; i++)
		assert(scene_outcome(&scene, pids[i]) == RAN);
	scene_end(&scene);
	assert(unlink(deep) == 0);
}

/* ---- the operator ----------------------------------------------------------------------------------- */

static void an_open_gate_lets_everybody_go_who_waits_first(void)
{
	struct scene scene;
	pid_t pid;

	scene_begin_with(&scene, 20000, false);
	scene_add(&scene, 0, DECISION_ENFORCE, DECISION_FAIL_CLOSED);
	pid = scene_execute(scene_program);
	scene_await(&scene, 0);
	gate_open(scene.gate, true);
	assert(scene_outcome(&scene, pid) == RAN && scene_numbers(&scene)->open && scene_numbers(&scene)->n_pending == 0);
	assert(scene_last_entry(&scene).overridden);
	assert(scene_outcome(&scene, scene_execute(scene_program)) == RAN);
	gate_open(scene.gate, false);
	pid = scene_execute(scene_program);
	scene_answer(&scene, 0, scene_await(&scene, 0).id, RINGFORT_VERDICT_DENY);
	assert(scene_outcome(&scene, pid) == DENIED);
	scene_end(&scene);
}

static void what_is_guarded_and_what_is_refused_is_told(void)
{
	int proc = open("/proc", O_PATH | O_CLOEXEC);
	struct scene scene;

	scene_begin(&scene);
	assert(gate_guard(scene.gate, 1, "/proc", proc) == -EINVAL);
	gate_refuse(scene.gate, 2, "/mnt/share", "it waits");
	assert(gate_guard(scene.gate, GATE_PLACES, "/", proc) == -ERANGE);
	gate_refuse(scene.gate, GATE_PLACES, "/", "too many");
	assert(scene_numbers(&scene)->n_marks == 1);
	assert(strcmp(scene_numbers(&scene)->places[0].path, scene_folder) == 0 &&
	       scene_numbers(&scene)->places[0].why[0] == '\0');
	assert(strcmp(scene_numbers(&scene)->places[1].path, "/proc") == 0 && scene_numbers(&scene)->places[1].why[0]);
	assert(strcmp(scene_numbers(&scene)->places[2].why, "it waits") == 0);
	gate_refuse(scene.gate, 0, scene_folder, "it is gone");
	assert(scene_numbers(&scene)->n_marks == 0);
	scene_guard(&scene);
	assert(scene_numbers(&scene)->n_marks == 1 && scene_numbers(&scene)->places[0].why[0] == '\0');
	close(proc);
	scene_end(&scene);
}

/* ---- life ------------------------------------------------------------------------------------------------ */

static void the_end_of_the_gate_lets_everybody_go_who_waits(void)
{
	struct scene scene;
	int status;
	pid_t pid;

	scene_begin_with(&scene, 20000, false);
	scene_add(&scene, 0, DECISION_ENFORCE, DECISION_FAIL_CLOSED);
	pid = scene_execute(scene_program);
	scene_await(&scene, 0);
	scene_end(&scene);
	assert(waitpid(pid, &status, 0) == pid && status == 0);
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
	scene_begin(&scene);
	assert(gate_backstop(scene.gate, fd) == 0);
	assert(backstop->guarded[0] != first && backstop->guarded[0] != 0);
	assert(backstop->guarded[1] == second);
	scene_end(&scene);
	backstop_close(backstop);
	close(fd);
}

static void all(void)
{
	with_nobody_to_ask_everybody_goes_at_once();
	our_own_processes_go_at_once_and_no_longer_when_they_are_forgotten();
	no_more_are_ours_than_there_is_room_for();
	our_opener_is_asked_about_by_each_group_and_counted_apart();
	a_denial_denies_and_is_kept_with_its_reason();
	a_path_of_another_mount_namespace_is_told_as_foreign();
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
	where_the_last_one_has_no_room_the_others_are_wanted_at_once();
	an_open_gate_lets_everybody_go_who_waits_first();
	what_is_guarded_and_what_is_refused_is_told();
	what_an_earlier_gate_guarded_stays_so_for_the_probe();
	the_end_of_the_gate_lets_everybody_go_who_waits();
}

int main(void)
{
	return scene_run(all);
}
