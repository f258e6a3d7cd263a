/* SPDX-License-Identifier: Apache-2.0 */
/* Scene - a gate with solutions of straw, one process, turn by turn. */
#undef NDEBUG
#include "gate/scene.h"

#include "gate/test-alone.h"
#include "ring/mailbox.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_S 60 /* of the whole test: a hang is a failure */

char scene_folder[] = "/tmp/ringfort-gate-XXXXXX";
char scene_program[64];

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

void scene_guard(struct scene *scene)
{
	int fd = open(scene_folder, O_PATH | O_CLOEXEC);

	assert(gate_guard(scene->gate, 0, scene_folder, fd) == 0);
	close(fd);
}

void scene_begin_as(struct scene *scene, struct gate_options options)
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
	scene_guard(scene);
}

void scene_begin_with(struct scene *scene, uint32_t deadline_ms, bool deny_critical)
{
	scene_begin_as(scene, (struct gate_options){ .deadline_ms = deadline_ms, .deny_critical = deny_critical });
}

void scene_begin(struct scene *scene)
{
	scene_begin_with(scene, DEADLINE_MS, false);
}

void scene_close_straw(struct straw *straw)
{
	mailbox_reader_close(straw->requests);
	mailbox_writer_close(straw->answers);
	close(straw->files);
	close(straw->wake);
	close(straw->tell);
	memset(straw, 0, sizeof(*straw));
}

void scene_end(struct scene *scene)
{
	for (size_t i = 0; i < sizeof(scene->straws) / sizeof(scene->straws[0]); i++)
		if (scene->straws[i].requests)
			scene_close_straw(&scene->straws[i]);
	assert(!gate_free(scene->gate));
	history_close(scene->history);
}

const struct history_numbers *scene_numbers(const struct scene *scene)
{
	return history_numbers(scene->history);
}

void scene_turn(struct scene *scene, int timeout_ms)
{
	assert(gate_process(scene->gate, timeout_ms) == 0);
}

void scene_say(struct straw *straw, uint32_t kind, const void *data, size_t size)
{
	assert(mailbox_put(straw->answers, kind, data, size, NULL, 0) == 0);
	assert(write(straw->tell, "", 1) == 1 || errno == EAGAIN);
}

/* A solution in this slot, which takes part. */
void scene_add(struct scene *scene, uint32_t slot, enum decision_mode mode, enum decision_miss miss)
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
	scene_say(straw, ASK_AUTHORIZE, &wanted, sizeof(wanted));
	while (scene_numbers(scene)->voices[slot].acts != EXEC)
		scene_turn(scene, 100);
}

struct ask_request scene_await(struct scene *scene, uint32_t slot)
{
	struct mailbox_message message;
	struct ask_request request;
	int r;

	while ((r = mailbox_take(scene->straws[slot].requests, &message)) == 0)
		scene_turn(scene, 100);
	assert(r == 1 && message.kind == ASK_REQUEST);
	memcpy(&request, message.data, sizeof(request));
	return request;
}

void scene_answer(struct scene *scene, uint32_t slot, uint64_t id, enum ringfort_verdict verdict)
{
	const struct ask_answer said = { .id = id, .verdict = verdict };

	scene_say(&scene->straws[slot], ASK_ANSWER, &said, sizeof(said));
}

/* What the library does where it was asked quietly, allows, and is not wanted. */
void scene_answer_quietly(struct scene *scene, uint32_t slot, uint64_t id)
{
	const struct ask_answer said = { .id = id, .verdict = RINGFORT_VERDICT_ALLOW };

	assert(id & ASK_QUIET && (id & ~ASK_QUIET) > mailbox_wanted(scene->straws[slot].answers));
	assert(mailbox_put(scene->straws[slot].answers, ASK_ANSWER, &said, sizeof(said), NULL, 0) == 0);
}

static pid_t execute(const char *path, bool elsewhere)
{
	pid_t pid = fork();

	if (pid == 0) {
		/* Were the group's among them, it would outlive the gate, and wait for itself. */
		close_range(3, ~0u, 0);
		if (elsewhere && unshare(CLONE_NEWNS) < 0)
			_exit(1);
		execl(path, path, (char *)NULL);
		_exit(errno == EPERM ? DENIED : 1);
	}
	assert(pid > 0);
	return pid;
}

pid_t scene_execute(const char *path)
{
	return execute(path, false);
}

pid_t scene_execute_elsewhere(const char *path)
{
	return execute(path, true);
}

bool scene_has_ended(pid_t pid)
{
	siginfo_t info = { 0 };

	assert(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0);
	return info.si_pid == pid;
}

int scene_outcome(struct scene *scene, pid_t pid)
{
	int status;

	while (!scene_has_ended(pid))
		scene_turn(scene, 5);
	assert(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	return WEXITSTATUS(status);
}

struct history_entry scene_last_entry(const struct scene *scene)
{
	struct history_entry entry;

	assert(history_find(scene->history, 0, NULL, 0, &entry) == 1);
	return entry;
}

void scene_begin_holding(struct scene *scene, uint32_t deadline_ms, uint32_t hold_ms)
{
	scene_begin_as(scene, (struct gate_options){ .deadline_ms = deadline_ms, .hold_ms = hold_ms });
}

struct history_entry scene_await_held(struct scene *scene, uint64_t after)
{
	struct history_entry entry;

	while (!history_next_held(scene->history, after, &entry))
		scene_turn(scene, 100);
	return entry;
}

/* Its path is about as long as one can be: such questions fill a mailbox soon. */
void scene_link_deeply(char path[PATH_MAX])
{
	size_t length = (size_t)snprintf(path, PATH_MAX, "%s", scene_folder);

	while (length + 202 < PATH_MAX) {
		length += (size_t)sprintf(path + length, "/%0200d", 0);
		assert(mkdir(path, 0755) == 0 || errno == EEXIST);
	}
	strcpy(path + length, "/x");
	assert(link(scene_program, path) == 0);
}

/* ---- all of it ------------------------------------------------------------------------------------ */

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
	if (!alone_begin(scene_folder))
		return false;
	snprintf(scene_program, sizeof(scene_program), "%s/program", scene_folder);
	snprintf(command, sizeof(command), "cp /bin/true %s", scene_program);
	return system(command) == 0;
}

int scene_run(void (*tests)(void))
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
	tests();
	assert(count_descriptors() == before);
	return 0;
}
