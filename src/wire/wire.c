/* SPDX-License-Identifier: Apache-2.0 */
/* Wire - packets over the control socket. */
#include "wire/wire.h"

#include "base/cleanup.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

int wire_connect(const char *path, int *ret_fd)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_(closep) int fd = -1;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	*ret_fd = take_fd(&fd);
	return 0;
}

int wire_send(int fd, enum wire_kind kind, const void *data, size_t size)
{
	struct wire_frame frame = { .kind = kind, .size = (uint32_t)size };
	struct iovec parts[2] = { { &frame, sizeof(frame) }, { (void *)data, size } };
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };

	if (size > WIRE_MAX_FRAME - sizeof(frame))
		return -EMSGSIZE;
	if (sendmsg(fd, &message, MSG_NOSIGNAL) < 0)
		return -errno;
	return 0;
}

int wire_receive(int fd, void *buffer, const struct wire_frame **ret_frame, const void **ret_data)
{
	const struct wire_frame *frame = buffer;
	ssize_t n = recv(fd, buffer, WIRE_MAX_FRAME, 0);

	if (n < 0)
		return -errno;
	if (n == 0)
		return 0;
	if ((size_t)n < sizeof(*frame) || frame->size != (size_t)n - sizeof(*frame))
		return -EBADMSG;
	*ret_frame = frame;
	*ret_data = frame + 1;
	return 1;
}
