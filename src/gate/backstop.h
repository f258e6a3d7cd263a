/* SPDX-License-Identifier: Apache-2.0 */
/* Backstop - the gate's side of the memory in event/backstop.h. */
#ifndef RINGFORT_GATE_BACKSTOP_H
#define RINGFORT_GATE_BACKSTOP_H

#include "event/backstop.h"

#include <stdbool.h>

/** backstop_open() - map it; takes no ownership of fd, a BPF map of one element */
int backstop_open(struct backstop **ret_backstop, int fd);
struct backstop *backstop_close(struct backstop *backstop);

/* NULL is allowed in all that follow: then there is no backstop. */

/** backstop_activate() - is there somebody to decide? */
void backstop_activate(struct backstop *backstop, bool active);

/** backstop_guard() - the file system in this place is now that of the device */
void backstop_guard(struct backstop *backstop, uint32_t place, uint64_t dev);

/** backstop_pass() - a file may run: before the kernel hears it */
void backstop_pass(struct backstop *backstop, uint64_t dev, uint64_t ino, uint64_t now_ns);

/**
 * backstop_remember() - the kernel does not ask about it any more in this epoch
 *
 * Return: false when there is no room: then the kernel shall go on asking.
 */
bool backstop_remember(struct backstop *backstop, uint64_t dev, uint64_t ino, uint64_t now_ns);

/** backstop_forget() - the kernel asks again about everything */
void backstop_forget(struct backstop *backstop);

/** backstop_name() - in this place the operator named the file system of the device to be guarded */
void backstop_name(struct backstop *backstop, uint32_t place, uint64_t dev);

/**
 * backstop_police() - what becomes of images that the kernel asks nobody about
 * @says: BACKSTOP_SAYS() of all kinds; 0 nothing
 *
 * Return: false when something else stood there, of ours or somebody's.
 */
bool backstop_police(struct backstop *backstop, uint64_t says, const struct backstop_reach *reach);

uint64_t backstop_unguarded(const struct backstop *backstop);

#endif
