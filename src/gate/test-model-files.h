/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Model files - real file systems full of small files, what can be done to these at random, and what the model of
 * the cache has to know of their inodes.
 *
 * Three file systems in a mount namespace of the test's own: ext4 on a loop device above a memfd, a tmpfs, and an
 * overlay whose folders lie on the ext4.  Nothing of them outlives the test, however it ends.
 *
 * The first byte of a file is its letter, and a verdict is a function of letter, mode and owner.  All of a
 * file's other bytes are printable, so that the kernel looks for no module when it is asked to execute one.
 *
 * The model says of an inode of the disk whether the kernel may have a mark for it, never too seldom, and
 * whether it has been changed since in one of the ways that drop no mark (docs/blocking.md, "What is
 * remembered").  One thread.
 */
#ifndef RINGFORT_GATE_TEST_MODEL_FILES_H
#define RINGFORT_GATE_TEST_MODEL_FILES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define FILES_NAMES 480u
#define FILES_HOLDS 6u  /* writers that stay */
#define FILES_BINDS 4u  /* files that another one is mounted over */
#define FILES_PATH 96u
#define FILES_INODES 65536u /* more than the disk has */

enum files_place { FILES_DISK, FILES_TMPFS, FILES_OVERLAY, _FILES_PLACE_N };

struct files_inode {
	bool marked;  /* the kernel may have been told not to ask about it, ... */
	bool changed; /* ... and it has been changed since, in a way that drops no mark */
	bool touched; /* changed in any way since files_untouch() */
	uint32_t n_writers;
};

struct files_name {
	enum files_place place;
	char path[FILES_PATH];
};

/* A writer: a descriptor, or a mapping, of which the descriptor is only to read. */
struct files_hold {
	int fd;
	char *map;
	uint32_t name; /* that it was opened by */
	struct files_inode *inode; /* NULL: not of the disk */
};

struct files {
	char folder[FILES_PATH];
	char mounts[_FILES_PLACE_N][FILES_PATH];
	struct files_name names[FILES_NAMES];
	struct files_inode inodes[FILES_INODES];
	struct files_hold holds[FILES_HOLDS];
	uint32_t n_holds;
	uint32_t binds[FILES_BINDS]; /* names */
	uint32_t n_binds;
	bool may_zero; /* files may begin with a byte that is not printable */
	dev_t disk, tmpfs;
	int loop;
	uint64_t n_done[32]; /* by the row of the table of acts */
};

/* What a judge can know of a file. */
struct files_look {
	char letter;
	mode_t mode;
	uid_t uid;
	struct files_inode *inode; /* NULL: not of the disk */
	bool is_layered; /* on the overlay */
};

/** files_random() - below n; the sequence follows from files_seed() */
void files_seed(uint64_t seed);
uint32_t files_random(uint32_t n);

/** files_make() - in the folder, which exists.  Return: NULL, or why it cannot be */
const char *files_make(struct files *files, const char *folder);
void files_end(struct files *files);

/** files_look() - as everybody would see it now */
struct files_look files_look(struct files *files, const char *path);

/**
 * files_act() - something to a name, chosen at random
 *
 * *ret_other: another name that it is about as well, or the same.
 *
 * Return: the act's name; NULL: the kernel refused it, or there was nothing to do.
 */
const char *files_act(struct files *files, uint32_t name, uint32_t *ret_other);

/** files_hold() - a writer that stays by this name; false: there are enough */
bool files_hold(struct files *files, uint32_t name);

/** files_last_store() - a writer that stayed by this name changes the letter and goes.  False: there is none */
bool files_last_store(struct files *files, uint32_t name);

/**
 * files_swap() - the disk is unmounted, the letters of some files are changed on the device, and it is mounted
 * again: another file system with the same numbers and times
 */
#define FILES_SWAPPED 24u
void files_swap(struct files *files, const uint32_t names[FILES_SWAPPED]);

/** files_unbind() - no file is mounted over another */
void files_unbind(struct files *files);

/** files_unmark() - the kernel was told to ask about everything */
void files_unmark(struct files *files);

/** files_told() - every act with how often it was done; a name is NULL behind the last */
const char *files_told(const struct files *files, uint32_t row, uint64_t *ret_n);

#endif
