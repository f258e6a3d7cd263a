/* SPDX-License-Identifier: Apache-2.0 */
/* Connection-gate, -hold - what an operator hears about verdicts and holds, and what the supervisor hears from him. */
#undef NDEBUG
#include "base/log.h"
#include "ringfortd/control.h"
#include "wire/wire.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct control control;
static struct control_role role;
static struct history *gate; /* the gate's side of what control reads */
static struct config config;
static int supervisor_end;
static enum history_hold gate_says; /* how the gate ends a hold when it is told the operator's word */
static char answer[65536]; /* the JSON lines of the last one */
static struct wire_end end;

static void set_up(void)
{
	int ends[2], writer, reader;

	log_open("test", LOG_LEVEL_ERROR);
	assert(message_pair(ends) == 0);
	role.supervisor_fd = ends[0];
	supervisor_end = ends[1];
	role.sensor_fd = role.journald_fd = -1;
	assert(page_create(&writer, &reader) == 0 && page_open(&control.page, reader, 0) == 0);
	close(writer);
	close(reader);
	role.config = &config;
	control.role = &role;
	control.base = event_base_new();
	assert(history_create(&writer, &reader) == 0);
	assert(history_open(&gate, writer, true) == 0);
	assert(history_open(&control.history, reader, false) == 0);
	control.solutions[3].used = true;
	strcpy(control.solutions[3].view.name, "allowlist");
}

static uint64_t decide(const char *path, uint32_t pid)
{
	struct history_entry entry = { .pid = pid, .verdict = RINGFORT_VERDICT_DENY, .n_reasons = 1, .n_voices = 1 };

	history_path(entry.path, path);
	entry.reasons[0].slot = 3;
	entry.reasons[0].answer = DECISION_DENY;
	return history_add(gate, &entry);
}

static uint64_t hold(const char *path, uint32_t pid)
{
	struct history_entry entry = { .pid = pid, .hold = HISTORY_HELD, .until_ns = UINT64_MAX, .n_reasons = 1,
				       .n_voices = 1 };

	history_path(entry.path, path);
	entry.reasons[0].slot = 3;
	entry.reasons[0].answer = DECISION_LATE;
	return history_hold(gate, &entry);
}

static void end_hold(uint64_t id, enum history_hold how)
{
	struct history_entry entry = { .hold_id = id, .hold = how };

	entry.verdict = how == HISTORY_HELD_DENIED ? RINGFORT_VERDICT_DENY : RINGFORT_VERDICT_ALLOW;
	history_add(gate, &entry);
	history_unhold(gate, id);
}

/* The supervisor carries out what it is told, and says so.  Return: 0 nothing was said, or value[1] + 1 */
static uint64_t as_supervisor(void)
{
	int fds[MESSAGE_MAX_FDS];
	struct message message;

	if (message_receive_fd(supervisor_end, &message, fds) != 1)
		return 0;
	if (message.kind == MESSAGE_HOLD) {
		if (gate_says)
			end_hold(message.value[0], gate_says);
		connections_tick(&control);
		return message.value[1] + 1;
	}
	assert(message.kind == MESSAGE_GATE && message.value[0]);
	message.kind = MESSAGE_DONE;
	message.result = -EIO;
	strcpy(message.text, "the gate does not answer");
	connections_done(&control, &message);
	return message.value[1] + 1;
}

static void take_answer(int client)
{
	static _Alignas(8) unsigned char buffer[WIRE_MAX_FRAME];
	const struct wire_frame *frame;
	const void *data;
	size_t used = 0;

	answer[0] = '\0';
	while (wire_receive(client, buffer, &frame, &data) == 1) {
		if (frame->kind == WIRE_END) {
			assert(frame->size == sizeof(end));
			memcpy(&end, data, sizeof(end));
			return;
		}
		assert(frame->kind == WIRE_JSON && used + frame->size + 2 < sizeof(answer));
		used += (size_t)snprintf(answer + used, sizeof(answer) - used, "%.*s\n", (int)frame->size,
					 (const char *)data);
	}
	assert(false);
}

/* Ask; the answer is in answer and end.  Return: as as_supervisor() */
static uint64_t ask(struct wire_request request)
{
	uint64_t told;
	int ends[2];

	request.magic = WIRE_MAGIC;
	request.schema_hash = ringfort_schema_hash();
	assert(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
	assert(connection_accept(&control, ends[0]) == 0);
	assert(send(ends[1], &request, sizeof(request), 0) == sizeof(request));
	event_base_loop(control.base, EVLOOP_NONBLOCK);
	connections_tick(&control);
	told = as_supervisor();
	take_answer(ends[1]);
	close(ends[1]);
	event_base_loop(control.base, EVLOOP_NONBLOCK);
	assert(!control.connections[0]);
	return told;
}

static void why_path(const char *path)
{
	struct wire_request request = { .operation = WIRE_WHY };

	memccpy(request.path, path, '\0', sizeof(request.path));
	ask(request);
}

static void why_value(uint32_t flags, uint64_t value)
{
	ask((struct wire_request){ .operation = WIRE_WHY, .flags = flags, .value = value });
}

static size_t count_lines(void)
{
	size_t n = 0;

	for (const char *at = answer; *at; at++)
		n += *at == '\n';
	return n;
}

static void expect_first(uint64_t id)
{
	char head[64];

	snprintf(head, sizeof(head), "{\"verdict_id\":%llu,", (unsigned long long)id);
	assert(strncmp(answer, head, strlen(head)) == 0 && end.result == 0);
}

static void a_verdict_is_found_by_its_id_its_process_and_its_whole_path(void)
{
	uint64_t first = decide("/bin/x", 42), second = decide("/bin/x", 43), third = decide("/bin/xy", 42);

	why_value(WIRE_BY_ID, first);
	expect_first(first);
	assert(count_lines() == 1 && strstr(answer, "{\"solution\":\"allowlist\",\"answer\":\"deny\","));
	why_value(WIRE_BY_PID, 42);
	expect_first(third);
	assert(count_lines() == 2);
	why_path("/bin/x");
	expect_first(second);
	assert(count_lines() == 2);
}

static void the_newest_twenty_are_told_first(void)
{
	uint64_t last = 0;

	for (int i = 0; i < WIRE_WHY_MAX + 5; i++)
		last = decide("/bin/often", 7);
	why_path("/bin/often");
	expect_first(last);
	assert(count_lines() == WIRE_WHY_MAX);
}

static void a_path_longer_than_is_kept_is_found(void)
{
	char path[2000];

	memset(path, 'l', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	decide(path, 8);
	why_path(path);
	assert(end.result == 0 && count_lines() == 1);
}

static void what_is_not_known_is_told_with_what_is_kept(void)
{
	char path[WIRE_PATH_MAX];

	why_path("/bin/never");
	assert(end.result == -ENOENT && answer[0] == '\0');
	assert(strcmp(end.text, "nothing about '/bin/never'; the last 4096 verdicts are kept") == 0);
	why_value(WIRE_BY_ID, 1000000);
	assert(end.result == -ENOENT && strstr(end.text, "nothing about verdict #1000000; "));
	why_value(WIRE_BY_PID, 99);
	assert(end.result == -ENOENT && strstr(end.text, "nothing about process 99; "));
	memset(path, 'm', sizeof(path));
	path[sizeof(path) - 2] = 'e';
	path[sizeof(path) - 1] = '\0';
	why_path(path);
	assert(end.result == -ENOENT && strstr(end.text, "nothing about '...mmm"));
	assert(strstr(end.text, "me'; the last 4096 verdicts are kept"));
}

static void questions_about_nothing_are_refused(void)
{
	why_path("");
	assert(end.result == -EINVAL);
	why_value(WIRE_BY_ID, 0);
	assert(end.result == -EINVAL);
	why_value(WIRE_BY_PID, 1ull << 32 | 42);
	assert(end.result == -EINVAL);
	why_value(WIRE_BY_ID | WIRE_BY_PID, 1);
	assert(end.result == -EINVAL);
	ask((struct wire_request){ .operation = WIRE_GATE, .value = _WIRE_GATE_N });
	assert(end.result == -EINVAL);
}

/* A client that breaks the rules of its fields. */
static void a_path_without_an_end_is_read_no_further(void)
{
	struct wire_request request = { .operation = WIRE_WHY };

	memset(request.path, '/', sizeof(request.path));
	ask(request);
	assert(end.result == -ENOENT);
}

static void the_state_of_the_gate_is_told(void)
{
	struct history_numbers *numbers = history_numbers(gate);

	numbers->n_marks = 5;
	numbers->voices[3].acts = 1u << RINGFORT_ACT_EXEC;
	assert(ask((struct wire_request){ .operation = WIRE_GATE, .value = WIRE_GATE_STATE }) == 0);
	assert(end.result == 0 && count_lines() == 1);
	assert(strstr(answer, "{\"open\":false,\"marks\":5,") && strstr(answer, "{\"name\":\"allowlist\",\"acts\":["));
}

static void what_the_host_needs_is_told_once_the_supervisor_has_said_it(void)
{
	assert(ask((struct wire_request){ .operation = WIRE_CRITICAL }) == 0);
	assert(end.result == -EOPNOTSUPP && strstr(end.text, "without a gate") && answer[0] == '\0');
	assert(critical_load(&control.critical, NULL, 0) == 0);
	assert(ask((struct wire_request){ .operation = WIRE_CRITICAL }) == 0);
	assert(end.result == 0 && count_lines() == 1 && strstr(answer, "{\"path\":\"/bin/sh\",\"reason\":\""));
	assert(strstr(answer, "\"from\":\"ringfortd\",\"files\":"));
}

static void on_and_off_go_to_the_supervisor_and_its_answer_comes_back(void)
{
	assert(ask((struct wire_request){ .operation = WIRE_GATE, .value = WIRE_GATE_OFF }) == 1 + 1);
	assert(end.result == -EIO && strcmp(end.text, "the gate does not answer") == 0);
	assert(ask((struct wire_request){ .operation = WIRE_GATE, .value = WIRE_GATE_ON }) == 0 + 1);
}

static uint64_t decide_hold(uint32_t flags, uint64_t id, enum history_hold says)
{
	gate_says = says;
	return ask((struct wire_request){ .operation = WIRE_HOLD, .flags = flags, .value = id });
}

static void who_is_held_is_listed_oldest_first(void)
{
	assert(ask((struct wire_request){ .operation = WIRE_HOLD }) == 0);
	assert(end.result == 0 && answer[0] == '\0');
	for (uint32_t i = 1; i <= HISTORY_HOLDS; i++)
		assert(hold("/bin/held", 1000 + i) == i);
	assert(ask((struct wire_request){ .operation = WIRE_HOLD }) == 0);
	assert(end.result == 0 && count_lines() == HISTORY_HOLDS);
	assert(strncmp(answer, "{\"hold_id\":1,", 13) == 0 && strstr(answer, "\"solution\":\"allowlist\",\"answer\":\"late\""));
	history_unhold_all(gate);
}

static void the_operators_word_goes_to_the_gate_and_the_verdict_comes_back(void)
{
	uint64_t id = hold("/bin/held", 42);

	assert(decide_hold(WIRE_ALLOW, id, HISTORY_HELD_ALLOWED) == 0 + 1);
	assert(end.result == 0 && count_lines() == 1 && strstr(answer, "\"verdict\":\"allow\""));
	assert(strstr(answer, "\"end\":\"operator allow\""));
	id = hold("/bin/held", 42);
	assert(decide_hold(WIRE_DENY, id, HISTORY_HELD_DENIED) == 1 + 1);
	assert(end.result == 0 && strstr(answer, "\"verdict\":\"deny\"") && strstr(answer, "\"end\":\"operator deny\""));
}

static void a_hold_that_ended_otherwise_is_not_told_as_the_operators(void)
{
	uint64_t id = hold("/bin/held", 42);

	/* While his word was on its way. */
	assert(decide_hold(WIRE_DENY, id, HISTORY_HELD_OUT) == 1 + 1);
	assert(end.result == -ECANCELED && answer[0] == '\0' && strstr(end.text, "has ended before (ran out): verdict #"));
	/* Before he said anything: the gate is told nothing. */
	assert(decide_hold(WIRE_ALLOW, id, HISTORY_HELD_ALLOWED) == 0 && end.result == -ECANCELED);
	assert(decide_hold(WIRE_ALLOW, id + 1, HISTORY_HELD_ALLOWED) == 0);
	assert(end.result == -ENOENT && strstr(end.text, "nothing is held as "));
	/* One that waits again, under an id of its own. */
	assert(hold("/bin/held", 42) == id + 1);
	assert(decide_hold(WIRE_ALLOW, id, HISTORY_HELD_ALLOWED) == 0 && end.result == -ECANCELED);
	history_unhold_all(gate);
}

static void words_about_nothing_and_both_words_at_once_are_refused(void)
{
	uint64_t id = hold("/bin/held", 42);

	assert(decide_hold(WIRE_ALLOW, 0, HISTORY_HELD_ALLOWED) == 0 && end.result == -EINVAL);
	assert(decide_hold(WIRE_ALLOW | WIRE_DENY, id, HISTORY_HELD_ALLOWED) == 0 && end.result == -EINVAL);
	assert(decide_hold(WIRE_DENY, UINT64_MAX, HISTORY_HELD_DENIED) == 0 && end.result == -ENOENT);
	history_unhold_all(gate);
}

static void without_a_gate_that_is_said(void)
{
	control.history = history_close(control.history);
	why_path("/bin/x");
	assert(end.result == -EOPNOTSUPP && strstr(end.text, "without a gate"));
	assert(decide_hold(WIRE_ALLOW, 1, HISTORY_HELD_ALLOWED) == 0 && end.result == -EOPNOTSUPP);
	assert(decide_hold(0, 0, HISTORY_HELD_ALLOWED) == 0 && end.result == -EOPNOTSUPP);
	for (uint64_t value = 0; value < _WIRE_GATE_N; value++) {
		assert(ask((struct wire_request){ .operation = WIRE_GATE, .value = value }) == 0);
		assert(end.result == -EOPNOTSUPP && strstr(end.text, "without a gate"));
	}
}

static void a_gate_that_the_boot_line_disabled_is_open_and_stays_so(void)
{
	role.gate_disabled = 1;
	assert(ask((struct wire_request){ .operation = WIRE_GATE, .value = WIRE_GATE_STATE }) == 0);
	assert(end.result == 0 && strstr(answer, "{\"open\":true,\"disabled\":true,\"marks\":0,"));
	assert(ask((struct wire_request){ .operation = WIRE_GATE, .value = WIRE_GATE_ON }) == 0);
	assert(end.result == -EPERM && strstr(end.text, "ringfort.disable"));
	assert(ask((struct wire_request){ .operation = WIRE_GATE, .value = WIRE_GATE_OFF }) == 0);
	assert(end.result == 0);
	why_path("/bin/x");
	assert(end.result == -EPERM && strstr(end.text, "ringfort.disable"));
	role.gate_disabled = 0;
}

int main(void)
{
	set_up();
	a_verdict_is_found_by_its_id_its_process_and_its_whole_path();
	the_newest_twenty_are_told_first();
	a_path_longer_than_is_kept_is_found();
	what_is_not_known_is_told_with_what_is_kept();
	questions_about_nothing_are_refused();
	a_path_without_an_end_is_read_no_further();
	the_state_of_the_gate_is_told();
	what_the_host_needs_is_told_once_the_supervisor_has_said_it();
	on_and_off_go_to_the_supervisor_and_its_answer_comes_back();
	who_is_held_is_listed_oldest_first();
	the_operators_word_goes_to_the_gate_and_the_verdict_comes_back();
	a_hold_that_ended_otherwise_is_not_told_as_the_operators();
	words_about_nothing_and_both_words_at_once_are_refused();
	without_a_gate_that_is_said();
	a_gate_that_the_boot_line_disabled_is_open_and_stays_so();
	event_base_free(control.base);
	json_done(&control.json);
	return 0;
}
