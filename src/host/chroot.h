/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chroot - make the root that we see the root of a mount namespace of our own.
 *
 * The kernel makes no user namespace for a process that is chrooted (user_namespaces(7)), and the
 * sandbox needs one.  For who is root a chroot is a matter of names only; so a supervisor that was
 * started in one steps into a mount namespace in which this same folder is the real root.
 */
#ifndef RINGFORT_HOST_CHROOT_H
#define RINGFORT_HOST_CHROOT_H

/**
 * host_leave_chroot() - nothing, unless this process is chrooted
 *
 * Call it early, as root, from the only thread: it changes the mount namespace of the process.  New
 * mounts of the host go on to appear in it.
 *
 * Return: 0 it was not chrooted; 1 it was, and is not any more; or a negative errno, after which the
 *         process stands at a root that it should not use: end it.
 */
int host_leave_chroot(void);

#endif
