/* SPDX-License-Identifier: Apache-2.0 */
/* Message - fixed structs and descriptors over a socket pair. */
#include "ringfortd/message.h"

#include "base/cleanup.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int message_pair(int ret_ends[2])
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ret_ends) < 0)
		return -errno;
	return 0;
}

int message_send_fd(int end, const struct message *message, const int *fds, unsigned int n_fds)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * MESSAGE_MAX_FDS)] = { 0 };
	struct iovec part = { (void *)message, sizeof(*message) };
	struct msghdr header = { .msg_iov = &part, .msg_iovlen = 1 };

	if (n_fds > MESSAGE_MAX_FDS)
		return -EINVAL;
	if (n_fds) {
		struct cmsghdr *rights = (void *)control;

		header.msg_control = control;
		header.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
		rights->cmsg_level = SOL_SOCKET;
		rights->cmsg_type = SCM_RIGHTS;
		rights->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
		memcpy(CMSG_DATA(rights), fds, sizeof(int) * n_fds);
	}
	if (sendmsg(end, &header, MSG_NOSIGNAL) < 0)
		return -errno;
	return 0;
}

/* Alignment leaves room for one more than we asked for, and the sender may be the attacker's. */
static void take_fds(struct msghdr *header, int ret_fds[MESSAGE_MAX_FDS])
{
	struct cmsghdr *rights = CMSG_FIRSTHDR(header);
	size_t n;

	if (!rights || rights->cmsg_level != SOL_SOCKET || rights->cmsg_type != SCM_RIGHTS)
		return;
	n = (rights->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	for (size_t i = 0; i < n; i++) {
		int fd;

		memcpy(&fd, CMSG_DATA(rights) + i * sizeof(int), sizeof(fd));
		if (i < MESSAGE_MAX_FDS)
			ret_fds[i] = fd;
		else
			close(fd);
	}
}

int message_receive_fd(int end, struct message *ret_message, int ret_fds[MESSAGE_MAX_FDS])
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * MESSAGE_MAX_FDS)];
	struct iovec part = { ret_message, sizeof(*ret_message) };
	struct msghdr header = { .msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control) };
	ssize_t n;

	for (int i = 0; i < MESSAGE_MAX_FDS; i++)
		ret_fds[i] = -1;
	n = recvmsg(end, &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN ? 0 : errno == ECONNRESET ? -EPIPE : -errno;
	if (n == 0)
		return -EPIPE;
	take_fds(&header, ret_fds);
	if ((size_t)n == sizeof(*ret_message))
		return 1;
	for (int i = 0; i < MESSAGE_MAX_FDS; i++)
		ret_fds[i] = close_fd(ret_fds[i]);
	return -EBADMSG;
}
