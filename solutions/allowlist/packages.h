/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packages - which paths installed Debian packages brought.
 *
 * Read from dpkg's lists, /var/lib/dpkg/info/ *.list: one path a line.  A list says /bin/ls where
 * the file is /usr/bin/ls on a system with merged /usr: both are taken for one.  What dpkg-divert has
 * moved, and what maintainers' scripts made, is in no list.
 *
 * A set knows its folders and reads them again when they changed: dpkg renames each list into its
 * place, which sets the folder's time.
 */
#ifndef ALLOWLIST_PACKAGES_H
#define ALLOWLIST_PACKAGES_H

#include "../common/util.h"

#define PACKAGES_MAX_PATHS (2u * 1000 * 1000)
#define PACKAGES_MAX_FOLDERS 16
#define PACKAGES_SUFFIX ".list"

struct packages;

int packages_new(struct packages **ret);
struct packages *packages_free(struct packages *packages);
void packages_freep(struct packages **packages);

/** packages_add_folder() - one that holds lists.  0, -ENOSPC, -ENOMEM. */
int packages_add_folder(struct packages *packages, const char *path);

/** packages_n_folders() - without any, nothing is known of packages */
size_t packages_n_folders(const struct packages *packages);

/**
 * packages_read() - read all lists anew
 *
 * On failure what was known before stays.
 *
 * Return: 0; E_REFUSED there are more than PACKAGES_MAX_PATHS paths; a negative errno.
 */
int packages_read(struct packages *packages);

/** packages_refresh() - packages_read(), when a folder changed since, or it failed.  As packages_read(). */
int packages_refresh(struct packages *packages);

size_t packages_count(const struct packages *packages);

/** packages_has() - did a package bring this path?  Before it says no, it looks whether a folder changed. */
bool packages_has(struct packages *packages, const char *path);

/** packages_are_whole() - was all read the last time?  Else what it has not may be of a package. */
bool packages_are_whole(const struct packages *packages);

#endif
