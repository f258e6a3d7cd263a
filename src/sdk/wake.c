/* SPDX-License-Identifier: Apache-2.0 */
/* Wake - a pipe, and where it has two sources a way to be readable without a byte in it. */
#include "sdk/wake.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

int wake_share(struct wake *wake)
{
	struct epoll_event readable = { .events = EPOLLIN };
	_cleanup_(closep) int again = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	_cleanup_(closep) int both = epoll_create1(EPOLL_CLOEXEC);

	if (again < 0 || both < 0)
		return -errno;
	if (epoll_ctl(both, EPOLL_CTL_ADD, wake->pipe, &readable) < 0 ||
	    epoll_ctl(both, EPOLL_CTL_ADD, again, &readable) < 0)
		return -errno;
	wake->again = take_fd(&again);
	wake->both = take_fd(&both);
	return 0;
}

void wake_done(struct wake *wake)
{
	wake->pipe = close_fd(wake->pipe);
	wake->again = close_fd(wake->again);
	wake->both = close_fd(wake->both);
}

int wake_fd(const struct wake *wake)
{
	return wake->both >= 0 ? wake->both : wake->pipe;
}

void wake_drain(struct wake *wake)
{
	char bytes[256];

	while (read(wake->pipe, bytes, sizeof(bytes)) == (ssize_t)sizeof(bytes))
		;
}

void wake_arm(struct wake *wake)
{
	if (!wake->armed)
		wake->armed = eventfd_write(wake->again, 1) == 0;
}

void wake_disarm(struct wake *wake)
{
	eventfd_t count;

	if (wake->armed)
		wake->armed = eventfd_read(wake->again, &count) < 0;
}
