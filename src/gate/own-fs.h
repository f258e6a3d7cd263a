/* SPDX-License-Identifier: Apache-2.0 */
/* Own fs - a file system that nobody else sees: what is marked on it is nobody else's matter. */
#ifndef RINGFORT_GATE_OWN_FS_H
#define RINGFORT_GATE_OWN_FS_H

/**
 * own_fs_open() - a tmpfs that is attached to no place, and goes with the last descriptor
 * @ret_root: its root (O_PATH)
 *
 * Return: 0 or a negative errno.
 */
int own_fs_open(int *ret_root);

#endif
