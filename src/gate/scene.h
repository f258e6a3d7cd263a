/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scene - what tests of the whole gate stand in: a group, a scratch file system, solutions of straw.
 *
 * One process is the gate and its solutions, turn by turn; its children execute.  assert() is left in: include
 * it with NDEBUG undefined.
 */
#ifndef RINGFORT_GATE_SCENE_H
#define RINGFORT_GATE_SCENE_H

#include "gate/gate.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define RAN 0
#define DENIED 126
#define EXEC (1u << RINGFORT_ACT_EXEC)
#define DEADLINE_MS 150

struct mailbox_reader;
struct mailbox_writer;

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

/* The scratch file system, which is guarded, and a program on it that does nothing. */
extern char scene_folder[];
extern char scene_program[64];

/** scene_run() - the tests of one program, in namespaces of their own (test-alone.h).  Return: its exit status, 77 to skip */
int scene_run(void (*tests)(void));

/** scene_begin_as() - a gate with these options, and its file system guarded */
void scene_begin_as(struct scene *scene, struct gate_options options);
void scene_begin_with(struct scene *scene, uint32_t deadline_ms, bool deny_critical);
void scene_begin(struct scene *scene);
void scene_begin_holding(struct scene *scene, uint32_t deadline_ms, uint32_t hold_ms);

/** scene_end() - all of it ends */
void scene_end(struct scene *scene);

/** scene_numbers() - as the operator sees them */
const struct history_numbers *scene_numbers(const struct scene *scene);

/** scene_turn() - one of the gate */
void scene_turn(struct scene *scene, int timeout_ms);

/** scene_say() - as the library does, with its byte */
void scene_say(struct straw *straw, uint32_t kind, const void *data, size_t size);

/** scene_add() - a solution in this slot, which takes part in executions */
void scene_add(struct scene *scene, uint32_t slot, enum decision_mode mode, enum decision_miss miss);

/** scene_await() - what that solution is asked next */
struct ask_request scene_await(struct scene *scene, uint32_t slot);

/** scene_await_held() - who is held, behind that id */
struct history_entry scene_await_held(struct scene *scene, uint64_t after);

/** scene_answer() - and the gate is woken */
void scene_answer(struct scene *scene, uint32_t slot, uint64_t id, enum ringfort_verdict verdict);

/** scene_answer_quietly() - what the library does where it was asked quietly, allows, and is not wanted */
void scene_answer_quietly(struct scene *scene, uint32_t slot, uint64_t id);

/** scene_execute() - a child */
pid_t scene_execute(const char *path);

/** scene_execute_elsewhere() - a child, in a mount namespace that is not the host's (here: of process 1) */
pid_t scene_execute_elsewhere(const char *path);

/** scene_has_ended() - it may be waited for */
bool scene_has_ended(pid_t pid);

/** scene_outcome() - RAN or DENIED, once it has ended */
int scene_outcome(struct scene *scene, pid_t pid);

/** scene_last_entry() - of the history */
struct history_entry scene_last_entry(const struct scene *scene);

/** scene_link_deeply() - a name of the program that is about as long as one can be: such questions fill a mailbox soon */
void scene_link_deeply(char path[PATH_MAX]);

/** scene_guard() - its file system, as the supervisor says it */
void scene_guard(struct scene *scene);

/** scene_close_straw() - it ends, and says nothing more */
void scene_close_straw(struct straw *straw);

#endif
