/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scope folders - the folders of all scopes that are watched, by inotify watch.
 *
 * One that is moved keeps its watch, and the kernel tells nobody where it is now: so each is kept with the kernel's
 * own handle of it, and not with a descriptor, which would keep its file system mounted.
 */
#ifndef RINGFORT_RINGFORTD_SCOPE_FOLDERS_H
#define RINGFORT_RINGFORTD_SCOPE_FOLDERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct file_handle;

struct scope_folder {
	int watch;
	uint32_t scope;
	uint32_t round; /* of walks: in which it was found last */
	uint64_t dev, ino;
	char *path; /* below the scope; "" for itself */
	struct file_handle *handle; /* NULL: its file system has none */
};

/* Zero: none. */
struct scope_folders {
	void *tree;
	uint32_t n;
};

/** scope_folders_find() - or NULL; valid until it is forgotten */
const struct scope_folder *scope_folders_find(const struct scope_folders *folders, int watch);

/** scope_folders_forget() - also of a watch that is unknown */
void scope_folders_forget(struct scope_folders *folders, int watch);

/**
 * scope_folders_keep() - it was found in this round of walks; one that was moved is known already, by another path
 * @fd: the folder; stays the caller's
 *
 * Return: 0 or -ENOMEM.
 */
int scope_folders_keep(struct scope_folders *folders, int watch, uint32_t scope, uint32_t round, const char *path, int fd);

/**
 * scope_folders_select() - the watches of those that are wanted
 * @ret_watches: the caller's, to free()
 *
 * Return: how many; fewer than there are where memory is short.
 */
size_t scope_folders_select(const struct scope_folders *folders,
			    bool (*is_wanted)(void *userdata, const struct scope_folder *folder), void *userdata,
			    int **ret_watches);

/** scope_folder_open() - wherever it is now; root: any descriptor on its file system.  -1: it has gone, or has no handle */
int scope_folder_open(const struct scope_folder *folder, int root);

#endif
