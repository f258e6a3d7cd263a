/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz-control - any packets at the control socket, against the code that serves it.
 *
 * The input is cut into packets: a length of two bytes before each.  The supervisor and the sensor
 * are played here; the journal, the ring and the history of verdicts are real.
 */
#undef NDEBUG
#include "base/log.h"
#include "ringfortd/control.h"
#include "wire/wire.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TURNS 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct control control;
static struct config config;
static struct control_role role;
static int supervisor_end, sensor_end;
static struct ring_writer *ring;

/* Two verdicts of one file, the second from the cache; and one act that is held. */
static void set_up_history(void)
{
	struct history_entry entry = { .time_ns = 1, .pid = 42, .verdict = RINGFORT_VERDICT_DENY, .path = "/bin/x",
				       .n_reasons = 1, .n_voices = 1 };
	struct history *writable;
	int writer;

	assert(history_create(&writer, &role.history_fd) == 0);
	assert(history_open(&writable, writer, true) == 0);
	entry.reasons[0].answer = DECISION_DENY;
	entry.cached_from = history_add(writable, &entry);
	entry.cached = 1;
	history_add(writable, &entry);
	entry.hold = HISTORY_HELD;
	assert(history_hold(writable, &entry) == 1);
	assert(history_open(&control.history, role.history_fd, false) == 0);
}

static void set_up(void)
{
	char folder[] = "/tmp/fuzz-control.XXXXXX";
	int ends[2], writer, page;

	log_open("fuzz", LOG_LEVEL_ERROR);
	assert(message_pair(ends) == 0);
	role.supervisor_fd = ends[0];
	supervisor_end = ends[1];
	assert(message_pair(ends) == 0);
	role.sensor_fd = ends[0];
	sensor_end = ends[1];
	role.journald_fd = -1;
	assert(ring_create(RING_MIN_BYTES, ~0ull, &writer, &role.ring_fd) == 0);
	assert(ring_writer_open(&ring, writer) == 0);
	assert(page_create(&page, &role.page_fd) == 0);
	assert(mkdtemp(folder));
	role.findings_fd = open(folder, O_RDONLY | O_DIRECTORY);
	config_default(&config);
	role.config = &config;
	control.role = &role;
	control.base = event_base_new();
	assert(page_open(&control.page, role.page_fd, 0) == 0);
	assert(ring_reader_open(&control.barrier_ring, role.ring_fd) == 0);
	assert(journal_open(&control.journal, role.findings_fd, 1 << 20, 2) == 0);
	assert(journal_append(control.journal, "{}", 2) == 0);
	set_up_history();
	assert(unlinkat(role.findings_fd, "findings-00000001.jsonl", 0) == 0 && rmdir(folder) == 0);
	control.solutions[0].used = true;
	strcpy(control.solutions[0].view.name, "sigma");
	strcpy(control.solutions[0].view.state, "active");
}

static void as_supervisor(void)
{
	int fds[MESSAGE_MAX_FDS];
	struct message message;

	while (message_receive_fd(supervisor_end, &message, fds) == 1) {
		message.result = (int32_t)message.slot % 3 - 1;
		if (message.kind == MESSAGE_PROBE)
			connections_probed(&control, &message);
		else if (message.kind == MESSAGE_COMMAND || message.kind == MESSAGE_GATE)
			connections_done(&control, &message);
		else if (message.kind == MESSAGE_SELFTEST)
			selftest_performed(&control, ~0ull);
	}
}

static void as_sensor(void)
{
	int fds[MESSAGE_MAX_FDS];
	struct message message;

	while (message_receive_fd(sensor_end, &message, fds) == 1)
		if (message.kind == MESSAGE_BARRIER)
			ring_writer_barrier(ring, message.slot, message.value[0]);
}

static void serve(int client)
{
	static _Alignas(8) unsigned char frame[WIRE_MAX_FRAME];

	event_base_loop(control.base, EVLOOP_NONBLOCK);
	selftest_tick(&control);
	connections_tick(&control);
	while (recv(client, frame, sizeof(frame), MSG_DONTWAIT) > 0)
		;
	as_supervisor();
	as_sensor();
}

/*
 * A hash of zero stands for the right one, which no fuzzer would find; what is missing of the path
 * for zeros, so that seeds are small.
 */
static bool send_packet(int client, const uint8_t *data, size_t n)
{
	struct wire_request request = { 0 };

	if (n >= offsetof(struct wire_request, path) && n <= sizeof(request)) {
		memcpy(&request, data, n);
		if (!request.schema_hash)
			request.schema_hash = ringfort_schema_hash();
		data = (const uint8_t *)&request;
		n = sizeof(request);
	}
	return send(client, data, n, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int ends[2];

	if (!control.base)
		set_up();
	assert(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
	assert(connection_accept(&control, ends[0]) == 0);
	while (size >= 2) {
		size_t n = (size_t)data[0] << 8 | data[1];

		data += 2;
		size -= 2;
		n = n < size ? n : size;
		if (!send_packet(ends[1], data, n))
			break;
		data += n;
		size -= n;
		serve(ends[1]);
	}
	for (int i = 0; i < TURNS; i++)
		serve(ends[1]);
	close(ends[1]);
	serve(ends[0]);
	/* The client is gone: so is all that was kept for it. */
	for (int i = 0; i < CONTROL_CONNECTIONS; i++)
		assert(!control.connections[i]);
	return 0;
}
