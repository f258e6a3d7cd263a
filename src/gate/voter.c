/* SPDX-License-Identifier: Apache-2.0 */
/* Voter - one solution's channel at the gate, and its circuit breaker. */
#include "gate/voter.h"

#include "base/cleanup.h"
#include "ring/mailbox.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define ALL_ACTS ((1u << _RINGFORT_ACT_N) - 1)

static void voter_closep(struct voter **voter)
{
	voter_close(*voter);
}

static struct voter_channel take_channel(struct voter_channel *channel)
{
	struct voter_channel taken = *channel;

	*channel = VOTER_NO_CHANNEL;
	return taken;
}

int voter_open(struct voter **ret_voter, const struct voter_terms *terms, struct voter_channel *channel,
	       struct history_voice *numbers)
{
	struct voter_channel taken = take_channel(channel);
	_cleanup_(voter_closep) struct voter *voter = calloc(1, sizeof(*voter));
	int r;

	if (!voter) {
		close_fd(taken.requests);
		close_fd(taken.answers);
		close_fd(taken.files);
		close_fd(taken.wake);
		close_fd(taken.woken);
		return -ENOMEM;
	}
	voter->terms = *terms;
	voter->channel = taken;
	voter->numbers = numbers;
	voter->generation = terms->run << 16;
	r = mailbox_writer_open(&voter->requests, taken.requests);
	if (r == 0)
		r = mailbox_reader_open(&voter->answers, taken.answers);
	if (r < 0)
		return r;
	/* It has said so to an earlier gate, and knows of no other. */
	numbers->acts = numbers->run == terms->run ? numbers->acts & terms->granted : 0;
	numbers->without_files = numbers->run == terms->run ? numbers->without_files : 0;
	numbers->run = terms->run;
	numbers->mode = terms->mode;
	numbers->miss = terms->miss;
	numbers->demoted = 0;
	*ret_voter = take_ptr(voter);
	return 0;
}

struct voter *voter_close(struct voter *voter)
{
	if (!voter)
		return NULL;
	mailbox_writer_close(voter->requests);
	mailbox_reader_close(voter->answers);
	close_fd(voter->channel.requests);
	close_fd(voter->channel.answers);
	close_fd(voter->channel.files);
	close_fd(voter->channel.wake);
	close_fd(voter->channel.woken);
	free(voter);
	return NULL;
}

bool voter_takes_part(const struct voter *voter, uint32_t act)
{
	return voter->numbers->acts & 1u << act && !voter->demoted;
}

/* ---- asking --------------------------------------------------------------------------------- */

/* One packet: the number of the request, the file beside it.  It is not what wakes the solution. */
static bool send_file(int socket, uint64_t id, int fd)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec part = { .iov_base = &id, .iov_len = sizeof(id) };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1,
				  .msg_control = &control, .msg_controllen = sizeof(control.bytes) };
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);

	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(head), &fd, sizeof(fd));
	return sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)sizeof(id);
}

int voter_ask(struct voter *voter, const struct voter_question *question)
{
	const struct file *file = question->file;
	struct ask_request request = {
		.id = question->id, .deadline_ns = question->deadline_ns, .act = question->act,
		.pid = question->pid, .flags = question->flags, .dev = file->dev, .ino = file->ino,
		.file_size = file->size, .ctime_ns = file->ctime_ns, .mode = file->mode, .uid = file->uid,
		.gid = file->gid, .links = file->links,
	};
	bool wants_file = question->fd >= 0 && !(voter->numbers->without_files & 1u << question->act);
	int r;

	/* First: when the request is seen, the file is there. */
	if (wants_file && send_file(voter->channel.files, question->id, question->fd))
		request.flags |= ASK_REQUEST_HAS_FILE;
	r = mailbox_put(voter->requests, ASK_REQUEST, &request, sizeof(request), question->path->text,
			question->path->length);
	if (r < 0)
		return -EAGAIN;
	if (question->id & ASK_SHOWN)
		voter->numbers->n_shown++;
	else
		voter->numbers->n_asked++;
	/* A full pipe says "look" already. */
	if (write(voter->channel.wake, "", 1) < 0 && errno != EAGAIN)
		return -EAGAIN;
	return 0;
}

void voter_want(struct voter *voter, uint64_t id)
{
	if (id <= voter->wanted)
		return;
	voter->wanted = id;
	mailbox_want(voter->answers, id);
}

bool voter_has_room(const struct voter *voter)
{
	return mailbox_unread(voter->requests) < ASK_SHOWN_BYTES;
}

uint64_t voter_given_back(const struct voter *voter)
{
	return mailbox_read(voter->requests);
}

/* ---- hearing -------------------------------------------------------------------------------- */

void voter_hear(struct voter *voter)
{
	char bytes[VOTER_MESSAGES];

	/*
	 * Once: who writes without end is looked at again when its turn comes.  And no more bytes than
	 * messages are taken in a turn: for each that stays there stays a byte, so that it is looked at.
	 */
	if (read(voter->channel.woken, bytes, sizeof(bytes)) < 0)
		return;
}

static int authorize(struct voter *voter, const struct mailbox_message *message)
{
	const struct ask_authorize *wanted = message->data;

	if (message->size != sizeof(*wanted))
		return -EBADMSG;
	voter->numbers->acts = wanted->acts & voter->terms.granted & ALL_ACTS;
	voter->numbers->without_files = wanted->without_files & ALL_ACTS;
	voter->generation++;
	return VOTER_CHANGED;
}

int voter_take(struct voter *voter, struct ask_answer *ret_answer)
{
	struct mailbox_message message;
	int r = mailbox_take(voter->answers, &message);

	if (r <= 0)
		return r;
	if (message.kind == ASK_AUTHORIZE)
		return authorize(voter, &message);
	if (message.kind == ASK_NET_RULES) {
		voter->rules = message.data;
		voter->rules_bytes = message.size;
		return VOTER_RULES;
	}
	if (message.kind != ASK_ANSWER || message.size != sizeof(*ret_answer))
		return -EBADMSG;
	memcpy(ret_answer, message.data, sizeof(*ret_answer));
	ret_answer->id &= ~ASK_QUIET;
	return VOTER_ANSWER;
}

/* ---- the breaker ------------------------------------------------------------------------------ */

static void begin_window(struct voter *voter, uint64_t now_ns)
{
	if (now_ns - voter->window_ns < VOTER_WINDOW)
		return;
	voter->window_ns = now_ns;
	voter->n_misses = voter->n_wrong = 0;
}

static bool demote(struct voter *voter, uint64_t now_ns)
{
	/* A long time without a fault: the next one begins anew. */
	if (now_ns - voter->demoted_until_ns > 2 * VOTER_DEMOTED_MOST)
		voter->demoted_ns = 0;
	voter->demoted_ns = voter->demoted_ns ? 2 * voter->demoted_ns : VOTER_DEMOTED_FIRST;
	if (voter->demoted_ns > VOTER_DEMOTED_MOST)
		voter->demoted_ns = VOTER_DEMOTED_MOST;
	voter->demoted_until_ns = now_ns + voter->demoted_ns;
	voter->n_misses = voter->n_wrong = 0;
	voter->demoted = true;
	voter->numbers->demoted = 1;
	return true;
}

static void count_miss(struct history_voice *numbers, enum decision_answer how)
{
	if (how == DECISION_FULL)
		numbers->n_full++;
	else if (how == DECISION_GONE)
		numbers->n_gone++;
	else
		numbers->n_late++;
}

void voter_answered(struct voter *voter)
{
	voter->on_trial = false;
}

bool voter_missed(struct voter *voter, enum decision_answer how, uint64_t now_ns)
{
	count_miss(voter->numbers, how);
	if (how == DECISION_FULL || voter->terms.mode == DECISION_SHADOW || voter->demoted)
		return false;
	begin_window(voter, now_ns);
	return ++voter->n_misses >= (voter->on_trial ? 1 : VOTER_MISSES) && demote(voter, now_ns);
}

bool voter_wrong(struct voter *voter, uint64_t now_ns)
{
	voter->numbers->n_wrong++;
	if (voter->demoted)
		return false;
	begin_window(voter, now_ns);
	return ++voter->n_wrong >= VOTER_WRONG && demote(voter, now_ns);
}

static bool readmit(struct voter *voter)
{
	bool was = voter->demoted;

	voter->numbers->demoted = voter->demoted = false;
	return was;
}

bool voter_readmit(struct voter *voter, uint64_t now_ns)
{
	if (now_ns < voter->demoted_until_ns || !readmit(voter))
		return false;
	voter->on_trial = true;
	return true;
}

bool voter_reset(struct voter *voter)
{
	voter->n_misses = voter->n_wrong = 0;
	voter->on_trial = false;
	voter->demoted_until_ns = voter->demoted_ns = 0;
	return readmit(voter);
}
