/* SPDX-License-Identifier: Apache-2.0 */
/* Verdict - requests of the gate with their files, and the answers. */
#include <ringfort/verdict.h>

#include "base/cleanup.h"
#include "ring/ask.h"
#include "sdk/client-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define MAX_HELD 64 /* said in verdict.h */

struct held_file {
	uint64_t id;
	uint64_t position; /* of its request, in the mailbox */
	int fd;
};

struct requests {
	struct mailbox_reader *asked;
	struct mailbox_writer *answers;
	int files_fd;
	int gate_fd;
	uint32_t granted;
	uint32_t net_granted;
	uint32_t acts; /* that we asked for */
	uint32_t without_files;
	uint32_t n_held;
	struct held_file held[MAX_HELD]; /* of what is not answered yet; the oldest first */
	uint64_t position; /* of what was taken last */
	struct ringfort_request request;
	char path[ASK_MAX_PATH + 1];
};

struct requests *requests_close(struct requests *requests)
{
	if (requests) {
		for (uint32_t i = 0; i < requests->n_held; i++)
			close(requests->held[i].fd);
		mailbox_reader_close(requests->asked);
		mailbox_writer_close(requests->answers);
		close_fd(requests->files_fd);
		close_fd(requests->gate_fd);
		free(requests);
	}
	return NULL;
}

static void requests_closep(struct requests **requests)
{
	requests_close(*requests);
}

/* The numbers in RINGFORT_ASK; the descriptors become ours. */
static int read_ask(const char *text, int *ret_asked, int *ret_answers, struct requests *requests)
{
	int asked, answers, files, gate;
	uint32_t granted, net_granted;

	if (sscanf(text, ASK_FORMAT, &asked, &answers, &files, &gate, &granted, &net_granted) != 6)
		return -ENOTCONN;
	if (fcntl(asked, F_SETFD, FD_CLOEXEC) < 0 || fcntl(answers, F_SETFD, FD_CLOEXEC) < 0 ||
	    fcntl(files, F_SETFD, FD_CLOEXEC) < 0 || fcntl(gate, F_SETFD, FD_CLOEXEC) < 0 ||
	    fcntl(gate, F_SETFL, O_NONBLOCK) < 0)
		return -ENOTCONN;
	*ret_asked = asked;
	*ret_answers = answers;
	requests->files_fd = files;
	requests->gate_fd = gate;
	requests->granted = granted;
	requests->net_granted = net_granted;
	return 0;
}

int requests_open(struct requests **ret_requests)
{
	_cleanup_(requests_closep) struct requests *requests = NULL;
	const char *text = getenv(ASK_VARIABLE);
	_cleanup_(closep) int asked = -1;
	_cleanup_(closep) int answers = -1;
	int r;

	if (!text) {
		*ret_requests = NULL;
		return 0;
	}
	requests = calloc(1, sizeof(*requests));
	if (!requests)
		return -ENOMEM;
	requests->files_fd = requests->gate_fd = -1;
	r = read_ask(text, &asked, &answers, requests);
	if (r < 0)
		return r;
	r = mailbox_reader_open(&requests->asked, asked);
	if (r < 0)
		return r;
	r = mailbox_writer_open(&requests->answers, answers);
	if (r < 0)
		return r;
	*ret_requests = take_ptr(requests);
	return 0;
}

bool requests_waiting(const struct requests *requests)
{
	return requests && mailbox_waiting(requests->asked);
}

/* ---- files ---------------------------------------------------------------------------------- */

/* What was shown first and is not given back: from there on the gate takes the mailbox for unread. */
static void hold_shown(struct requests *requests)
{
	for (uint32_t i = 0; i < requests->n_held; i++)
		if (requests->held[i].id & ASK_SHOWN) {
			mailbox_hold(requests->asked, requests->held[i].position);
			return;
		}
	mailbox_hold(requests->asked, UINT64_MAX);
}

static void drop_held(struct requests *requests, uint32_t i)
{
	close(requests->held[i].fd);
	requests->n_held--;
	memmove(&requests->held[i], &requests->held[i + 1],
		(requests->n_held - i) * sizeof(requests->held[0]));
}

static void hold(struct requests *requests, uint64_t id, int fd)
{
	if (requests->n_held == MAX_HELD)
		drop_held(requests, 0);
	requests->held[requests->n_held++] = (struct held_file){ .id = id, .position = requests->position, .fd = fd };
	hold_shown(requests);
}

static void release(struct requests *requests, uint64_t id)
{
	for (uint32_t i = 0; i < requests->n_held; i++) {
		if (requests->held[i].id == id) {
			drop_held(requests, i);
			return;
		}
	}
}

/* One packet.  *ret_fd stays -1 where we have as many open as we may: the kernel then keeps the file. */
static int recv_fd(int socket, uint64_t *ret_id, int *ret_fd)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
	struct iovec id = { .iov_base = ret_id, .iov_len = sizeof(*ret_id) };
	struct msghdr packet = {
		.msg_iov = &id,
		.msg_iovlen = 1,
		.msg_control = control,
		/* Not CMSG_SPACE(): its padding has room for a second descriptor. */
		.msg_controllen = CMSG_LEN(sizeof(int)),
	};
	ssize_t n = recvmsg(socket, &packet, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	const struct cmsghdr *rights;

	if (n < 0)
		return -errno;
	rights = CMSG_FIRSTHDR(&packet);
	if (rights && rights->cmsg_level == SOL_SOCKET && rights->cmsg_type == SCM_RIGHTS)
		memcpy(ret_fd, CMSG_DATA(rights), sizeof(*ret_fd));
	return n == sizeof(*ret_id) ? 0 : -EBADMSG;
}

/* The file that was sent with this id, or -1.  Packets before it belong to requests that never came. */
static int recv_fd_of(int socket, uint64_t wanted)
{
	for (;;) {
		_cleanup_(closep) int fd = -1;
		uint64_t id;

		if (recv_fd(socket, &id, &fd) < 0)
			return -1;
		if (id == wanted)
			return take_fd(&fd);
	}
}

/* ---- requests and answers ------------------------------------------------------------------- */

/* False where it is no request that we know. */
static bool read_request(struct requests *requests, const struct mailbox_message *message)
{
	const struct ask_request *ask = message->data;
	size_t length = message->size - sizeof(*ask);
	int fd = -1;

	if (message->kind != ASK_REQUEST || message->size < sizeof(*ask) || length > ASK_MAX_PATH)
		return false;
	if (ask->flags & ASK_REQUEST_HAS_FILE)
		fd = recv_fd_of(requests->files_fd, ask->id);
	if (fd >= 0)
		hold(requests, ask->id, fd);
	memcpy(requests->path, ask + 1, length);
	requests->path[length] = '\0';
	requests->request = (struct ringfort_request){
		.size = sizeof(requests->request),
		.act = ask->act,
		.id = ask->id,
		.deadline_ns = ask->deadline_ns,
		.pid = ask->pid,
		.flags = ask->flags & ~ASK_REQUEST_HAS_FILE,
		.dev = ask->dev,
		.ino = ask->ino,
		.file_size = ask->file_size,
		.ctime_ns = ask->ctime_ns,
		.mode = ask->mode,
		.uid = ask->uid,
		.gid = ask->gid,
		.links = ask->links,
		.fd = fd,
		.path = requests->path,
	};
	return true;
}

/*
 * A pipe that is full wakes the gate all the same.  Where the gate has gone, a solution is not killed by
 * SIGPIPE: it is pid 1 of its namespace.
 */
static int wake_gate(struct requests *requests)
{
	return write(requests->gate_fd, "", 1) < 0 && errno != EAGAIN ? -EPIPE : 0;
}

int requests_tell(struct requests *requests, uint32_t kind, const void *data, size_t n)
{
	int r = mailbox_put(requests->answers, kind, data, n, NULL, 0);

	if (r == 0)
		wake_gate(requests);
	return r;
}

/*
 * Nobody waits for an answer, but the gate shows no more than can be held.  So that it need not look each
 * time, it does when half of that is given back, and when all is.
 */
static int give_back(struct requests *requests, uint64_t id)
{
	uint64_t before = mailbox_left(requests->asked), left;

	release(requests, id);
	hold_shown(requests);
	left = mailbox_left(requests->asked);
	if (left && (left >= ASK_SHOWN_BYTES / 2 || before < ASK_SHOWN_BYTES / 2))
		return 0;
	return wake_gate(requests);
}

/* The gate hears it with the others'.  Our answer is in the mailbox already: if it is wanted, one of us sees the other. */
static bool may_stay_quiet(const struct requests *requests, const struct ask_answer *answer)
{
	if (!(answer->id & ASK_QUIET) || answer->verdict != RINGFORT_VERDICT_ALLOW)
		return false;
	return (answer->id & ~ASK_QUIET) > mailbox_wanted(requests->answers);
}

static int put_answer(struct requests *requests, const struct ask_answer *answer)
{
	int r = mailbox_put(requests->answers, ASK_ANSWER, answer, sizeof(*answer), NULL, 0);

	if (r == 0 && !may_stay_quiet(requests, answer))
		wake_gate(requests);
	return r;
}

uint32_t requests_net_granted(const struct requests *requests)
{
	return requests ? requests->net_granted : 0;
}

_public_ uint32_t ringfort_client_authorizable(const struct ringfort_client *client)
{
	return client->requests ? client->requests->granted : 0;
}

static int authorize(struct requests *requests, uint32_t acts, uint32_t without_files)
{
	const struct ask_authorize message = { .acts = acts, .without_files = without_files };
	int r = requests_tell(requests, ASK_AUTHORIZE, &message, sizeof(message));

	if (r == 0) {
		requests->acts = acts;
		requests->without_files = without_files;
	}
	return r;
}

/* The gate then forgets what it remembered of us. */
int requests_renew(struct requests *requests)
{
	return requests && requests->acts ? authorize(requests, requests->acts, requests->without_files) : 0;
}

_public_ int ringfort_client_authorize(struct ringfort_client *client, uint32_t acts)
{
	int r = 0;

	if (acts & ~ringfort_client_authorizable(client))
		return -EACCES;
	/* A first choice among events, even of none, is what shows ringfortd that a solution has begun. */
	if (!client->subscribed)
		r = ringfort_client_subscribe(client, 0);
	if (r < 0)
		return r;
	return client->requests ? authorize(client->requests, acts, client->requests->without_files) : 0;
}

_public_ int ringfort_client_without_files(struct ringfort_client *client, uint32_t acts)
{
	struct requests *requests = client->requests;

	if (!requests || acts == requests->without_files)
		return 0;
	if (requests->acts)
		return authorize(requests, requests->acts, acts);
	requests->without_files = acts;
	return 0;
}

static int take(struct requests *requests, struct mailbox_message *ret_message)
{
	requests->position = mailbox_position(requests->asked);
	return mailbox_take(requests->asked, ret_message);
}

_public_ int ringfort_client_next_request(struct ringfort_client *client,
					  const struct ringfort_request **ret_request)
{
	struct requests *requests = client->requests;
	struct mailbox_message message;
	int r;

	if (!requests)
		return -EACCES;
	while ((r = take(requests, &message)) != 0) {
		if (r < 0 || !read_request(requests, &message))
			continue;
		*ret_request = &requests->request;
		return 1;
	}
	/* What comes from here on has its byte in the pipe still: only ringfort_client_next() drains. */
	wake_disarm(&client->wake);
	return ring_reader_ended(client->ring) ? -EPIPE : 0;
}

_public_ int ringfort_client_answer(struct ringfort_client *client, uint64_t id,
				    enum ringfort_verdict verdict, uint32_t flags)
{
	const struct ask_answer answer = { .id = id, .verdict = (uint32_t)verdict, .flags = flags };
	int r;

	if (!client->requests)
		return -EACCES;
	if (answer.verdict >= _RINGFORT_VERDICT_N || flags & ~RINGFORT_ANSWER_REMEMBER)
		return -EINVAL;
	if (id & ASK_SHOWN)
		return give_back(client->requests, id);
	r = put_answer(client->requests, &answer);
	if (r == 0)
		release(client->requests, id);
	return r;
}
