/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cleanup - release what a scope owns when it is left, whichever way.
 *
 * _cleanup_(closep) int fd = -1;   ...   return take_fd(&fd);
 */
#ifndef RINGFORT_BASE_CLEANUP_H
#define RINGFORT_BASE_CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(f) __attribute__((cleanup(f)))
#define _public_ __attribute__((visibility("default")))

/* The value, and NULL or -1 left behind: the caller owns it now. */
#define take_ptr(p) \
	({ \
		__typeof__(p) *_from = &(p); \
		__typeof__(p) _taken = *_from; \
		*_from = NULL; \
		_taken; \
	})

static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

static inline void freep(void *p)
{
	free(*(void **)p);
}

static inline void closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

/* close(), and -1 to store in the variable that held it */
static inline int close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
	return -1;
}

static inline void fclosep(FILE **file)
{
	if (*file)
		fclose(*file);
}

#endif
