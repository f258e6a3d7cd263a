/* SPDX-License-Identifier: Apache-2.0 */
/* Small helpers of our solutions. */
#include "util.h"

#include <errno.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The first block is small, as some have an arena for each of many results; each next one is twice as large. */
#define LEAST_BLOCK 1000
#define MOST_BLOCK 65536

struct arena_block {
	struct arena_block *next;
	size_t n_used;
	size_t size;
	max_align_t data[];
};

void cleanup_free(void *pointer)
{
	free(*(void **)pointer);
}

void cleanup_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

int refuse(struct refusal *ret, unsigned int line, const char *format, ...)
{
	va_list arguments;

	ret->line = line;
	va_start(arguments, format);
	vsnprintf(ret->reason, sizeof(ret->reason), format, arguments);
	va_end(arguments);

	/* Parts of a reason are quoted from the content: a reason stays one printable line. */
	for (char *c = ret->reason; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	return E_REFUSED;
}

static size_t size_of_next(const struct arena_block *block, size_t wanted)
{
	size_t size = block ? 2 * block->size : LEAST_BLOCK;

	if (size > MOST_BLOCK)
		size = MOST_BLOCK;
	return wanted > size / 4 ? wanted : size;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	struct arena_block *block = arena->blocks;
	void *memory;

	if (size > SIZE_MAX / 2)
		return NULL;
	size = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	if (!block || block->size - block->n_used < size) {
		size_t room = size_of_next(block, size);

		block = calloc(1, sizeof(*block) + room);
		if (!block)
			return NULL;
		block->size = room;
		block->next = arena->blocks;
		arena->blocks = block;
	}
	memory = (char *)block->data + block->n_used;
	block->n_used += size;
	return memory;
}

void *arena_alloc_array(struct arena *arena, size_t n, size_t size)
{
	if (size && n > SIZE_MAX / 2 / size)
		return NULL;
	return arena_alloc(arena, n * size);
}

char *arena_strdup(struct arena *arena, const char *text)
{
	return arena_strndup(arena, text, strlen(text));
}

char *arena_strndup(struct arena *arena, const char *text, size_t n)
{
	char *copy = arena_alloc(arena, n + 1);

	if (copy)
		memcpy(copy, text, n);
	return copy;
}

void arena_done(struct arena *arena)
{
	struct arena_block *block = arena->blocks;

	while (block) {
		struct arena_block *next = block->next;

		free(block);
		block = next;
	}
	arena->blocks = NULL;
}

int grow_bytes(void **array, size_t n, size_t *n_allocated, size_t size)
{
	size_t wanted;
	void *grown;

	if (n < *n_allocated)
		return 0;
	wanted = *n_allocated ? *n_allocated * 2 : 8;
	grown = reallocarray(*array, wanted, size);
	if (!grown)
		return -ENOMEM;
	*array = grown;
	*n_allocated = wanted;
	return 0;
}

bool has_suffix(const char *text, const char *suffix)
{
	size_t n = strlen(text), n_suffix = strlen(suffix);

	return n >= n_suffix && !strcmp(text + n - n_suffix, suffix);
}

uint64_t monotonic_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}
