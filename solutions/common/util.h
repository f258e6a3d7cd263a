/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small helpers that every solution of ours may use: release on leaving a scope, an arena for things that
 * die together, growing arrays, refusals of what is in files, and the clock.
 */
#ifndef COMMON_UTIL_H
#define COMMON_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define _cleanup_(f) __attribute__((cleanup(f)))
#define ARRAY_LENGTH(a) (sizeof(a) / sizeof((a)[0]))

void cleanup_free(void *pointer); /* _cleanup_(cleanup_free) char *x */
void cleanup_close(int *fd);      /* _cleanup_(cleanup_close) int fd = -1 */

#define take_ptr(pointer) \
	({ \
		__typeof__(pointer) _taken = (pointer); \
		(pointer) = NULL; \
		_taken; \
	})

static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

/* What a function that reads content answers, besides 0 and a negative errno. */
enum {
	E_REFUSED = 1, /* the input is at fault; a struct refusal says why */
};

/* Why, and on which line of the file (from 1; 0 when there is none). */
struct refusal {
	unsigned int line;
	char reason[240];
};

/** refuse() - note a reason, as one printable line.  Return: always E_REFUSED. */
int refuse(struct refusal *ret, unsigned int line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* An arena: zero-initialised is empty, its memory comes zeroed, and all of it goes at once. */
struct arena {
	struct arena_block *blocks;
};

void *arena_alloc(struct arena *arena, size_t size);
void *arena_alloc_array(struct arena *arena, size_t n, size_t size);
char *arena_strdup(struct arena *arena, const char *text);
char *arena_strndup(struct arena *arena, const char *text, size_t n); /* NUL-terminated */
void arena_done(struct arena *arena);

/**
 * grow() - make room for one more element behind the n that are there
 * @array:       address of the array's pointer
 * @n_allocated: updated
 *
 * Return: 0 or -ENOMEM, with the array untouched.
 */
int grow_bytes(void **array, size_t n, size_t *n_allocated, size_t size);
#define grow(array, n, n_allocated) \
	grow_bytes((void **)(array), (n), (n_allocated), sizeof(**(array)))

bool has_suffix(const char *text, const char *suffix);

/** monotonic_ns() - CLOCK_MONOTONIC, what deadlines and events are counted in */
uint64_t monotonic_ns(void);

#endif
