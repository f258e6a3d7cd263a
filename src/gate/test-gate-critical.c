/* SPDX-License-Identifier: Apache-2.0 */
/* Test-gate-critical - what the host needs. */
#undef NDEBUG
#include "gate/scene.h"

#include "ring/mailbox.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void what_the_host_needs_is_denied_by_policy_only(void)
{
	for (int deny_critical = 0; deny_critical <= 1; deny_critical++) {
		struct scene scene;
		struct stat st;
		pid_t pid;

		scene_begin_with(&scene, 5000, deny_critical);
		assert(stat(scene_program, &st) == 0);
		scene_add(&scene, 0, DECISION_ENFORCE, DECISION_FAIL_OPEN);
		scene.critical_ino = st.st_ino;
		pid = scene_execute(scene_program);
		if (deny_critical)
			scene_answer(&scene, 0, scene_await(&scene, 0).id, RINGFORT_VERDICT_DENY);
		assert(scene_outcome(&scene, pid) == (deny_critical ? DENIED : RAN));
		assert(scene_numbers(&scene)->n_critical == (deny_critical ? 0 : 1));
		scene_end(&scene);
	}
}

/* Somebody who takes part, and a file that the host needs. */
static void begin_critical(struct scene *scene, uint32_t deadline_ms)
{
	struct stat st;

	scene_begin_with(scene, deadline_ms, false);
	assert(stat(scene_program, &st) == 0);
	scene->critical_ino = st.st_ino;
	scene_add(scene, 0, DECISION_ENFORCE, DECISION_FAIL_CLOSED);
}

static void settle(struct scene *scene)
{
	while (scene_numbers(scene)->n_pending)
		scene_turn(scene, 100);
}

static void who_would_deny_what_the_host_needs_is_asked_behind_it_and_counted(void)
{
	struct history_entry entry;
	struct ask_request request;
	struct scene scene;

	begin_critical(&scene, 20000);
	scene_add(&scene, 1, DECISION_ENFORCE, DECISION_FAIL_OPEN);
	scene_add(&scene, 2, DECISION_SHADOW, DECISION_FAIL_OPEN);
	/* Nobody has answered yet, and it has run. */
	assert(scene_outcome(&scene, scene_execute(scene_program)) == RAN && scene_numbers(&scene)->n_pending == 1);
	request = scene_await(&scene, 0);
	assert(request.flags & ASK_REQUEST_HAS_FILE && request.ino == scene.critical_ino);
	scene_answer(&scene, 0, request.id, RINGFORT_VERDICT_DENY);
	scene_answer(&scene, 1, scene_await(&scene, 1).id, RINGFORT_VERDICT_ALLOW);
	scene_answer(&scene, 2, scene_await(&scene, 2).id, RINGFORT_VERDICT_DENY);
	settle(&scene);
	entry = scene_last_entry(&scene);
	assert(entry.verdict == RINGFORT_VERDICT_ALLOW && entry.overridden && strcmp(entry.path, scene_program) == 0);
	assert(entry.n_reasons == 3 && entry.reasons[0].answer == DECISION_DENY && entry.us == 0);
	assert(entry.reasons[1].answer == DECISION_ALLOW && entry.reasons[2].answer == DECISION_DENY);
	assert(scene_numbers(&scene)->voices[0].n_self_harm == 1 && scene_numbers(&scene)->voices[1].n_self_harm == 0);
	assert(scene_numbers(&scene)->voices[2].n_self_harm == 1 && scene_numbers(&scene)->voices[0].n_after == 0);
	assert(scene_numbers(&scene)->n_overridden == 1 && scene_numbers(&scene)->n_denied == 0 &&
	       scene_numbers(&scene)->n_decided == 0);
	assert(scene.n_news[GATE_OVERRIDDEN] == 1 && scene.n_news[GATE_SELF_HARM] == 2 && scene.harmful == 2);
	scene_end(&scene);
}

static void what_a_shadow_alone_would_deny_overrides_nothing(void)
{
	struct scene scene;

	begin_critical(&scene, 20000);
	scene_add(&scene, 1, DECISION_SHADOW, DECISION_FAIL_OPEN);
	assert(scene_outcome(&scene, scene_execute(scene_program)) == RAN);
	scene_answer(&scene, 0, scene_await(&scene, 0).id, RINGFORT_VERDICT_ALLOW);
	scene_answer(&scene, 1, scene_await(&scene, 1).id, RINGFORT_VERDICT_DENY);
	settle(&scene);
	assert(!scene_last_entry(&scene).overridden && scene_numbers(&scene)->n_overridden == 0);
	assert(scene_numbers(&scene)->voices[1].n_self_harm == 1 && scene.n_news[GATE_OVERRIDDEN] == 0);
	scene_end(&scene);
}

static void about_what_the_host_needs_is_asked_once_for_each_state_of_the_file_and_of_who_is_asked(void)
{
	struct scene scene;

	begin_critical(&scene, 20000);
	for (int i = 0; i < 20; i++)
		assert(scene_outcome(&scene, scene_execute(scene_program)) == RAN);
	assert(scene_numbers(&scene)->voices[0].n_asked == 1 && scene_numbers(&scene)->n_critical == 20);
	scene_answer(&scene, 0, scene_await(&scene, 0).id, RINGFORT_VERDICT_ALLOW);
	settle(&scene);
	assert(chmod(scene_program, 0700) == 0 && chmod(scene_program, 0755) == 0);
	assert(scene_outcome(&scene, scene_execute(scene_program)) == RAN &&
	       scene_numbers(&scene)->voices[0].n_asked == 2);
	gate_forget(scene.gate);
	for (int i = 0; i < 20; i++)
		assert(scene_outcome(&scene, scene_execute(scene_program)) == RAN);
	assert(scene_numbers(&scene)->voices[0].n_asked == 3);
	scene_end(&scene);
}

static void not_to_answer_about_what_the_host_needs_is_no_fault_nor_to_answer_late(void)
{
	struct scene scene;
	uint64_t id = 0;

	begin_critical(&scene, 50);
	for (int i = 0; i < 2 * VOTER_MISSES; i++) {
		gate_forget(scene.gate);
		assert(scene_outcome(&scene, scene_execute(scene_program)) == RAN);
		id = scene_await(&scene, 0).id;
		settle(&scene);
	}
	assert(scene_last_entry(&scene).reasons[0].answer == DECISION_LATE && !scene_last_entry(&scene).overridden);
	assert(scene_numbers(&scene)->n_expired == 0 && scene_numbers(&scene)->voices[0].n_late == 0);
	/* The first time. */
	scene_answer(&scene, 0, id, RINGFORT_VERDICT_DENY);
	scene_answer(&scene, 0, id, RINGFORT_VERDICT_DENY);
	while (scene_numbers(&scene)->voices[0].n_wrong == 0)
		scene_turn(&scene, 100);
	scene_turn(&scene, 10);
	assert(scene_numbers(&scene)->voices[0].n_wrong == 1 && scene_numbers(&scene)->voices[0].n_self_harm == 0);
	/* It ends with one unanswered. */
	gate_forget(scene.gate);
	assert(scene_outcome(&scene, scene_execute(scene_program)) == RAN);
	gate_voter_down(scene.gate, 0, false);
	assert(scene_numbers(&scene)->voices[0].n_gone == 0 && !scene_numbers(&scene)->voices[0].demoted);
	assert(scene_numbers(&scene)->n_pending == 0 && scene.n_news[GATE_DEMOTED] == 0);
	scene_end(&scene);
}

static void a_full_mailbox_takes_no_question_about_what_the_host_needs_and_that_is_no_fault(void)
{
	char deep[PATH_MAX];
	struct scene scene;
	uint32_t n;

	scene_link_deeply(deep);
	begin_critical(&scene, 30000);
	/* It reads nothing. */
	for (n = 0; scene_numbers(&scene)->voices[0].n_asked == n && n < 1000; n++) {
		gate_forget(scene.gate);
		assert(scene_outcome(&scene, scene_execute(deep)) == RAN);
	}
	assert(n > 10 && scene_numbers(&scene)->voices[0].n_asked == n - 1);
	assert(scene_last_entry(&scene).reasons[0].answer == DECISION_FULL &&
	       scene_numbers(&scene)->voices[0].n_full == 0);
	scene_end(&scene);
	assert(unlink(deep) == 0);
}

/* Anybody can make a namespace, and show what he likes by any path. */
static void a_script_of_the_package_managers_is_none_in_another_mount_namespace_nor_when_it_is_not_roots(void)
{
	char script[80];
	struct scene scene;
	FILE *file;
	pid_t pid;

	snprintf(script, sizeof(script), "%s/postinst", scene_folder);
	file = fopen(script, "w");
	assert(file && fputs("#!/bin/true\n", file) > 0 && fclose(file) == 0 && chmod(script, 0755) == 0);
	scene_begin_with(&scene, 20000, false);
	scene_add(&scene, 0, DECISION_ENFORCE, DECISION_FAIL_OPEN);
	pid = scene_execute_elsewhere(script);
	scene_answer(&scene, 0, scene_await(&scene, 0).id, RINGFORT_VERDICT_DENY);
	assert(scene_outcome(&scene, pid) == DENIED && scene.n_scripts_looked_for == 1 &&
	       scene_numbers(&scene)->n_critical == 0);
	for (int i = 0; i < 2; i++) {
		assert(i ? chown(script, 0, 0) == 0 && chmod(script, 0775) == 0 : chown(script, 1, 0) == 0);
		pid = scene_execute(script);
		scene_answer(&scene, 0, scene_await(&scene, 0).id, RINGFORT_VERDICT_DENY);
		assert(scene_outcome(&scene, pid) == DENIED && scene.n_scripts_looked_for == 1);
	}
	scene_end(&scene);
	assert(unlink(script) == 0);
}

static void all(void)
{
	what_the_host_needs_is_denied_by_policy_only();
	who_would_deny_what_the_host_needs_is_asked_behind_it_and_counted();
	a_script_of_the_package_managers_is_none_in_another_mount_namespace_nor_when_it_is_not_roots();
	what_a_shadow_alone_would_deny_overrides_nothing();
	about_what_the_host_needs_is_asked_once_for_each_state_of_the_file_and_of_who_is_asked();
	not_to_answer_about_what_the_host_needs_is_no_fault_nor_to_answer_late();
	a_full_mailbox_takes_no_question_about_what_the_host_needs_and_that_is_no_fault();
}

int main(void)
{
	return scene_run(all);
}
