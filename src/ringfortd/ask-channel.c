/* SPDX-License-Identifier: Apache-2.0 */
/* Ask channel - made, handed over, closed. */
#include "ringfortd/ask-channel.h"

#include "base/cleanup.h"
#include "ring/mailbox.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

static int open_socket(struct ask_channel *channel)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
		return -errno;
	channel->files = ends[0];
	channel->solution_files = ends[1];
	/* One way only: what the solution would send, nobody could read. */
	return shutdown(channel->files, SHUT_RD) < 0 ? -errno : 0;
}

/* A pipe, not an eventfd: each end has its own flags, so that a full one makes nobody wait. */
static int open_pipe(struct ask_channel *channel)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	channel->woken = ends[0];
	channel->solution_wake = ends[1];
	return 0;
}

int ask_channel_open(struct ask_channel *ret_channel)
{
	struct ask_channel channel = ASK_CHANNEL_NONE;
	int r = mailbox_create(&channel.requests);

	if (r == 0)
		r = mailbox_create(&channel.answers);
	if (r == 0)
		r = open_socket(&channel);
	if (r == 0)
		r = open_pipe(&channel);
	if (r < 0) {
		ask_channel_close(&channel);
		return r;
	}
	*ret_channel = channel;
	return 0;
}

void ask_channel_born(struct ask_channel *channel)
{
	channel->solution_files = close_fd(channel->solution_files);
	channel->solution_wake = close_fd(channel->solution_wake);
}

void ask_channel_close(struct ask_channel *channel)
{
	ask_channel_born(channel);
	channel->requests = close_fd(channel->requests);
	channel->answers = close_fd(channel->answers);
	channel->files = close_fd(channel->files);
	channel->woken = close_fd(channel->woken);
}
