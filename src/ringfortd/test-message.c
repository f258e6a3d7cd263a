/* SPDX-License-Identifier: Apache-2.0 */
/* Message - what a peer that keeps no rules may send. */
#include "base/cleanup.h"
#include "ringfortd/message.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FDS_TOO_MANY (MESSAGE_MAX_FDS + 1)

/* As message_send_fd(), without its bound. */
static void send_raw(int end, size_t size, const int *fds, size_t n_fds)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * FDS_TOO_MANY)] = { 0 };
	static struct message message;
	struct iovec part = { &message, size };
	struct msghdr header = { .msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = CMSG_SPACE(sizeof(int) * n_fds) };
	struct cmsghdr *rights = (void *)control;

	rights->cmsg_level = SOL_SOCKET;
	rights->cmsg_type = SCM_RIGHTS;
	rights->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
	memcpy(CMSG_DATA(rights), fds, sizeof(int) * n_fds);
	assert(sendmsg(end, &header, 0) == (ssize_t)size);
}

static int lowest_free(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	close(fd);
	return fd;
}

static void more_descriptors_than_there_are_places_are_closed(void)
{
	int ends[2], fds[FDS_TOO_MANY], got[FDS_TOO_MANY], free_before;
	struct message message;

	assert(message_pair(ends) == 0);
	for (int i = 0; i < FDS_TOO_MANY; i++)
		fds[i] = 0;
	got[MESSAGE_MAX_FDS] = -77;
	free_before = lowest_free();
	send_raw(ends[0], sizeof(message), fds, FDS_TOO_MANY);
	assert(message_receive_fd(ends[1], &message, got) == 1);
	assert(got[MESSAGE_MAX_FDS] == -77);
	for (int i = 0; i < MESSAGE_MAX_FDS; i++)
		close_fd(got[i]);
	assert(lowest_free() == free_before);
	close(ends[0]);
	close(ends[1]);
}

static void descriptors_of_a_message_of_the_wrong_size_are_closed(void)
{
	int ends[2], got[MESSAGE_MAX_FDS], fds[2] = { 0, 0 }, free_before;
	struct message message;

	assert(message_pair(ends) == 0);
	free_before = lowest_free();
	send_raw(ends[0], 8, fds, 2);
	assert(message_receive_fd(ends[1], &message, got) == -EBADMSG);
	assert(lowest_free() == free_before);
	close(ends[0]);
	assert(message_receive_fd(ends[1], &message, got) == -EPIPE);
	close(ends[1]);
}

int main(void)
{
	more_descriptors_than_there_are_places_are_closed();
	descriptors_of_a_message_of_the_wrong_size_are_closed();
	return 0;
}
