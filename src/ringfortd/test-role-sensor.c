/* SPDX-License-Identifier: Apache-2.0 */
/* Role sensor - what it lets its two peers ask for; the control process may be an attacker. */
#include "base/cleanup.h"
#include "host/config.h"
#include "ring/broadcast.h"
#include "ringfortd/drop.h"
#include "ringfortd/message.h"
#include "ringfortd/page.h"
#include "ringfortd/role.h"

#include <assert.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_MS 10000

struct fixture {
	struct page *page;
	int supervisor, control; /* our ends */
	int ring_writer, ring_reader;
	pid_t pid;
};

/* The next message; false: the other end is gone. */
static bool answered(int fd, uint32_t kind)
{
	struct pollfd news = { .fd = fd, .events = POLLIN };
	int fds[MESSAGE_MAX_FDS];
	struct message message;

	assert(poll(&news, 1, PATIENCE_MS) == 1);
	if (message_receive_fd(fd, &message, fds) != 1)
		return false;
	assert(message.kind == kind && (fds[0] >= 0) == (kind == MESSAGE_BACKSTOP));
	close_fd(fds[0]);
	return true;
}

static void setup(struct fixture *f)
{
	static struct config config;
	int to_sensor[2], between[2], page_writer, page_reader;
	struct message ring = { .kind = MESSAGE_RING };

	config_default(&config);
	assert(message_pair(to_sensor) == 0 && message_pair(between) == 0);
	assert(page_create(&page_writer, &page_reader) == 0);
	assert(ring_create(RING_MIN_BYTES, ~0ull, &f->ring_writer, &f->ring_reader) == 0);
	f->pid = fork();
	assert(f->pid >= 0);
	if (f->pid == 0) {
		struct sensor_role role = { .supervisor_fd = to_sensor[1],
					    .control_fd = between[1],
					    .page_fd = page_writer,
					    .host_mnt_ns = host_mount_namespace(),
					    .config = &config };

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		signal(SIGPIPE, SIG_IGN);
		close(to_sensor[0]);
		close(between[0]);
		_exit(role_sensor(&role));
	}
	close(to_sensor[1]);
	close(between[1]);
	close(page_writer);
	assert(page_open(&f->page, page_reader, 0) == 0);
	close(page_reader);
	f->supervisor = to_sensor[0];
	f->control = between[0];
	assert(message_send_fd(f->supervisor, &ring, &f->ring_writer, 1) == 0);
	/* As soon as the probe is loaded. */
	assert(answered(f->supervisor, MESSAGE_BACKSTOP));
}

/* Its exit status once both sockets are closed, or it went by itself. */
static int finish(struct fixture *f)
{
	int status;

	close_fd(f->supervisor);
	close_fd(f->control);
	close(f->ring_writer);
	close(f->ring_reader);
	assert(waitpid(f->pid, &status, 0) == f->pid);
	assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* All that was said before is done: the ring's barrier tells. */
static void settle(struct fixture *f)
{
	static uint64_t token;
	struct message barrier = { .kind = MESSAGE_BARRIER, .slot = MESSAGE_CONTROL_SLOT };
	struct ring_reader *reader;

	barrier.value[0] = ++token;
	assert(ring_reader_open(&reader, f->ring_reader) == 0);
	assert(message_send_fd(f->control, &barrier, NULL, 0) == 0);
	for (int waited = 0; ring_reader_barrier(reader, MESSAGE_CONTROL_SLOT) != token; waited++) {
		assert(waited < PATIENCE_MS);
		usleep(1000);
	}
	ring_reader_close(reader);
}

static uint64_t subscribed(struct fixture *f)
{
	static struct page_numbers numbers;

	settle(f);
	page_read(f->page, &numbers);
	return numbers.subscribed;
}

static void only_the_supervisor_marks_a_process_or_hands_over_rings_and_pipes(void)
{
	static const uint32_t kinds[] = { MESSAGE_MARK, MESSAGE_RING, MESSAGE_WAKE, MESSAGE_GONE };
	struct fixture f;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct message message = { .kind = kinds[i], .slot = 1, .class = 1 };

		message.value[0] = (uint64_t)getpid();
		setup(&f);
		settle(&f);
		assert(message_send_fd(f.control, &message, &f.ring_writer, 1) == 0);
		/* It ends, and says nothing. */
		assert(!answered(f.supervisor, MESSAGE_MARK));
		assert(finish(&f) == 1);
	}
	setup(&f);
	assert(message_send_fd(f.supervisor, &(struct message){ .kind = MESSAGE_MARK }, NULL, 0) == 0);
	assert(answered(f.supervisor, MESSAGE_MARK));
	assert(finish(&f) == 0);
}

static void what_a_solution_asked_before_its_end_does_not_outlive_it(void)
{
	struct message wake = { .kind = MESSAGE_WAKE, .slot = 3, .value = { 1 } };
	struct message gone = { .kind = MESSAGE_GONE, .slot = 3 };
	struct message subscribe = { .kind = MESSAGE_SUBSCRIBE, .slot = 3 };
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	struct fixture f;

	subscribe.value[0] = 1ull << ringfort_type_process_exec;
	subscribe.value[1] = 1;
	setup(&f);
	assert(message_send_fd(f.supervisor, &wake, &null, 1) == 0);
	assert(message_send_fd(f.control, &subscribe, NULL, 0) == 0);
	assert(subscribed(&f) == subscribe.value[0]);
	assert(message_send_fd(f.supervisor, &gone, NULL, 0) == 0);
	assert(message_send_fd(f.control, &subscribe, NULL, 0) == 0);
	assert(subscribed(&f) == 0);
	/* Its next life begins without, and with what it asks itself. */
	wake.value[0] = 2;
	assert(message_send_fd(f.supervisor, &wake, &null, 1) == 0);
	assert(message_send_fd(f.control, &subscribe, NULL, 0) == 0);
	assert(subscribed(&f) == 0);
	subscribe.value[1] = 2;
	assert(message_send_fd(f.control, &subscribe, NULL, 0) == 0);
	assert(subscribed(&f) == subscribe.value[0]);
	assert(finish(&f) == 0);
	close(null);
}

/* The sensor is held up while both sockets fill: the end of one life, then all of the next. */
static void a_restart_does_not_cost_the_new_life_its_subscription(void)
{
	struct message wake = { .kind = MESSAGE_WAKE, .slot = 3, .value = { 1 } };
	struct message gone = { .kind = MESSAGE_GONE, .slot = 3 };
	struct message subscribe = { .kind = MESSAGE_SUBSCRIBE, .slot = 3, .value = { 2, 1 } };
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	struct fixture f;

	subscribe.value[0] = 1ull << ringfort_type_process_exec;
	setup(&f);
	assert(message_send_fd(f.supervisor, &wake, &null, 1) == 0);
	settle(&f);
	kill(f.pid, SIGSTOP);
	/* The control socket is ready first: it is looked at first. */
	assert(message_send_fd(f.control, &subscribe, NULL, 0) == 0);
	assert(message_send_fd(f.supervisor, &gone, NULL, 0) == 0);
	wake.value[0] = subscribe.value[1] = 2;
	assert(message_send_fd(f.supervisor, &wake, &null, 1) == 0);
	assert(message_send_fd(f.control, &subscribe, NULL, 0) == 0);
	kill(f.pid, SIGCONT);
	assert(subscribed(&f) == subscribe.value[0]);
	assert(finish(&f) == 0);
	close(null);
}

static void the_end_wakes_who_waits_for_events(void)
{
	struct message wake = { .kind = MESSAGE_WAKE, .slot = 3, .value = { 1 } };
	struct fixture f;
	int ends[2];
	char byte;

	assert(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
	setup(&f);
	assert(message_send_fd(f.supervisor, &wake, &ends[1], 1) == 0);
	settle(&f);
	assert(finish(&f) == 0);
	assert(read(ends[0], &byte, 1) == 1);
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	if (geteuid() != 0) {
		puts("needs root");
		return 77;
	}
	only_the_supervisor_marks_a_process_or_hands_over_rings_and_pipes();
	what_a_solution_asked_before_its_end_does_not_outlive_it();
	a_restart_does_not_cost_the_new_life_its_subscription();
	the_end_wakes_who_waits_for_events();
	return 0;
}
