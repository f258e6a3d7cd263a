/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Superblock - which file systems may be guarded.
 *
 * A question of the kernel opens the file for us, and closing it may flush it: on FUSE and on network file
 * systems both wait for a server, which may be down, or be the attacker.  So those are never guarded, nor an
 * overlay that lies above one.  Even to open a path there could wait: hence a path is judged by the table of
 * mounts alone, and opened only then, without links, which could lead elsewhere.
 *
 * A file system of another user namespace is in no mount table but its own: no path that is judged here
 * leads to one, unless root has moved it in.
 *
 * The layers of an overlay are judged by their paths.  Those of another namespace (in a container) and
 * relative ones cannot be found, and count as good: should one of them wait all the same, the supervisor
 * ends the gate that stands still.
 */
#ifndef RINGFORT_GATE_SUPERBLOCK_H
#define RINGFORT_GATE_SUPERBLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum superblock_answer {
	SUPERBLOCK_GOOD,
	SUPERBLOCK_NO_MOUNT, /* the table leads nowhere, or is none */
	SUPERBLOCK_SERVER,   /* it waits for a server */
	SUPERBLOCK_BEYOND,   /* the path leads over one that does */
	SUPERBLOCK_OVERLAY,  /* it lies above one that does */
	SUPERBLOCK_LINK,     /* the path leads over a symbolic link */
	SUPERBLOCK_MOVED,    /* something else was mounted there meanwhile */
	SUPERBLOCK_UNMOUNTED, /* what was mounted there is gone, and below it lies another file system */
	_SUPERBLOCK_ANSWER_N
};

struct superblock {
	enum superblock_answer answer;
	uint64_t mount; /* id of the mount that the path leads to */
	uint64_t device; /* of its file system, in the kernel's own encoding; 0: none */
	bool is_point;  /* the path is where that is mounted */
	char type[32];  /* of the file system; the one that waits, where the answer is about it */
};

/**
 * superblock_judge() - which mount a path leads to, and whether it may be guarded
 * @table: text of /proc/self/mountinfo; any bytes
 * @path:  absolute, without "." and ".."
 */
struct superblock superblock_judge(const char *table, size_t size, const char *path);

/**
 * superblock_open() - judge a path by the mounts of this process, and open it (O_PATH) where it is good
 * @was_point: something was mounted there before: then what lies below that is not meant
 *
 * Return: 0, the answer is SUPERBLOCK_GOOD and *ret_fd yours; -ELOOP, -EXDEV, ... with another answer;
 *         or the error of the path or the table, with SUPERBLOCK_GOOD.
 */
int superblock_open(const char *path, bool was_point, struct superblock *ret_superblock, int *ret_fd);

/** superblock_why() - an answer for a person, or NULL: "files wait for a server there", ... */
const char *superblock_why(uint32_t answer);

#endif
