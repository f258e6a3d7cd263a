/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wake - the one descriptor that is readable while any source has news.
 *
 * The sensor and the gate write into one pipe, and its bytes do not tell whose they are: who empties it
 * may take a byte that was meant for the other source.  So whoever empties it looks at both sources
 * afterwards, and arms the wake when the other one has something; an armed wake is readable until it is
 * disarmed.  That takes a second descriptor, hence epoll over two; with one source the pipe will do.
 */
#ifndef RINGFORT_SDK_WAKE_H
#define RINGFORT_SDK_WAKE_H

#include <stdbool.h>

struct wake {
	int pipe;
	int again; /* readable while armed */
	int both;  /* epoll over the two */
	bool armed;
};

#define WAKE_NONE ((struct wake){ .pipe = -1, .again = -1, .both = -1 })

/** wake_share() - more than one source from now on.  Return: 0, or a negative errno */
int wake_share(struct wake *wake);
void wake_done(struct wake *wake);

/** wake_fd() - the descriptor to poll */
int wake_fd(const struct wake *wake);

/** wake_drain() - empty the pipe: look at every source afterwards */
void wake_drain(struct wake *wake);

/** wake_arm() - stay readable until wake_disarm(); only when shared */
void wake_arm(struct wake *wake);
void wake_disarm(struct wake *wake);

#endif
