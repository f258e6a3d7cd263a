/* SPDX-License-Identifier: Apache-2.0 */
/* Straw - the other side of a client that authorizes. */
#undef NDEBUG
#include "sdk/straw.h"

#include "ring/channel.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

void straw_wake(struct straw *f)
{
	assert(write(f->wake_fd, "", 1) == 1);
}

void straw_send_fd(struct straw *f, uint64_t id, int fd)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec part = { &id, sizeof(id) };
	struct msghdr packet = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *rights = CMSG_FIRSTHDR(&packet);

	rights->cmsg_level = SOL_SOCKET;
	rights->cmsg_type = SCM_RIGHTS;
	rights->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(rights), &fd, sizeof(fd));
	assert(sendmsg(f->files_fd, &packet, 0) == sizeof(id));
}

void straw_put_request(struct straw *f, uint64_t id, uint32_t flags)
{
	const struct ask_request request = {
		.id = id,
		.deadline_ns = 1000 + id,
		.dev = 11,
		.ino = 12,
		.file_size = 13,
		.ctime_ns = -14,
		.act = RINGFORT_ACT_OPEN,
		.pid = 15,
		.flags = flags,
		.mode = S_IFREG | 0755,
		.uid = 16,
		.gid = 17,
		.links = 18,
	};

	assert(mailbox_put(f->requests, ASK_REQUEST, &request, sizeof(request), "/bin/x", 6) == 0);
}

void straw_ask(struct straw *f, uint64_t id)
{
	straw_put_request(f, id, 0);
	straw_wake(f);
}

void straw_ask_with_file(struct straw *f, uint64_t id, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert(fd >= 0);
	straw_send_fd(f, id, fd);
	close(fd);
	straw_put_request(f, id, ASK_REQUEST_HAS_FILE);
	straw_wake(f);
}

/* What the solution says next; waits for its byte in the gate's pipe. */
struct mailbox_message straw_hear(struct straw *f, uint32_t kind)
{
	struct pollfd gate = { .fd = f->gate_fd, .events = POLLIN };
	struct mailbox_message message;
	char byte;

	assert(poll(&gate, 1, 10000) == 1);
	assert(read(f->gate_fd, &byte, 1) == 1);
	assert(mailbox_take(f->answers, &message) == 1);
	assert(message.kind == kind);
	return message;
}

struct ask_answer straw_hear_answer(struct straw *f)
{
	struct mailbox_message message = straw_hear(f, ASK_ANSWER);
	struct ask_answer answer;

	assert(message.size == sizeof(answer));
	memcpy(&answer, message.data, sizeof(answer));
	return answer;
}

void straw_publish(struct straw *f)
{
	static _Alignas(64) unsigned char memory[sizeof(struct ringfort_event) +
						 sizeof(struct ringfort_file_unlink)];
	struct ringfort_event *event = (void *)memory;

	event->size = sizeof(memory);
	event->type = ringfort_type_file_unlink;
	event->seq = ++f->n_events;
	ring_writer_append(f->ring, event);
	straw_wake(f);
}

/* ---- what both hold -------------------------------------------------------------------------- */

void straw_channel(struct straw *f)
{
	int writer, mailbox, pipes[2];
	char text[64];

	assert(ring_create(RING_MIN_BYTES, BIT(file_unlink) | BIT(stream_loss), &writer,
			   &f->inherited[0]) == 0);
	assert(ring_writer_open(&f->ring, writer) == 0);
	close(writer);
	assert(mailbox_create(&mailbox) == 0);
	f->inherited[1] = mailbox;
	assert(pipe2(pipes, O_NONBLOCK) == 0);
	f->inherited[2] = pipes[0];
	f->wake_fd = pipes[1];
	snprintf(text, sizeof(text), CHANNEL_FORMAT, f->inherited[0], f->inherited[1],
		 f->inherited[2], 7u);
	assert(setenv(CHANNEL_VARIABLE, text, 1) == 0);
}

static void straw_asks(struct straw *f, uint32_t granted)
{
	int pair[2], pipes[2];
	char text[64];

	assert(mailbox_create(&f->inherited[3]) == 0);
	assert(mailbox_writer_open(&f->requests, f->inherited[3]) == 0);
	assert(mailbox_create(&f->inherited[4]) == 0);
	assert(mailbox_reader_open(&f->answers, f->inherited[4]) == 0);
	assert(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
	f->files_fd = pair[0];
	f->inherited[5] = pair[1];
	assert(pipe(pipes) == 0);
	f->gate_fd = pipes[0];
	f->inherited[6] = pipes[1];
	snprintf(text, sizeof(text), ASK_FORMAT, f->inherited[3], f->inherited[4], f->inherited[5],
		 f->inherited[6], granted, f->net_granted);
	assert(setenv(ASK_VARIABLE, text, 1) == 0);
}

void straw_setup(struct straw *f, uint32_t granted)
{
	straw_setup_net(f, granted, 0);
}

void straw_setup_net(struct straw *f, uint32_t granted, uint32_t net_granted)
{
	memset(f, 0, sizeof(*f));
	f->net_granted = net_granted;
	straw_channel(f);
	straw_asks(f, granted);
	assert(ringfort_client_open(&f->client) == 0);
	assert(ringfort_client_subscribe(f->client, BIT(file_unlink)) == 0);
	f->wake = (struct pollfd){ .fd = ringfort_client_fd(f->client), .events = POLLIN };
}

void straw_teardown(struct straw *f)
{
	assert(ringfort_client_close(f->client) == NULL);
	ring_writer_close(f->ring);
	mailbox_writer_close(f->requests);
	mailbox_reader_close(f->answers);
	close(f->files_fd);
	close(f->gate_fd);
	close(f->wake_fd);
}

/* The gate's script runs in a process of its own, and its assertions count as ours. */
pid_t straw_play(struct straw *f, void (*script)(struct straw *f))
{
	pid_t pid = fork();

	assert(pid >= 0);
	if (pid == 0) {
		alarm(50);
		script(f);
		_exit(0);
	}
	return pid;
}

void straw_played(pid_t pid)
{
	int status;

	assert(waitpid(pid, &status, 0) == pid);
	assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* ---- the solution --------------------------------------------------------------------------- */

bool straw_readable(struct straw *f, int timeout_ms)
{
	return poll(&f->wake, 1, timeout_ms) == 1;
}

int straw_request_now(struct straw *f)
{
	const struct ringfort_request *request;

	return ringfort_client_next_request(f->client, &request);
}

int straw_event_now(struct straw *f)
{
	const struct ringfort_event *event;

	return ringfort_client_next(f->client, &event);
}
