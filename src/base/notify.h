/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Notify - words to the service manager (sd_notify(3)), without a library of its.
 *
 * A datagram to the socket that $NOTIFY_SOCKET names, a path or, with '@', an abstract name.  The socket
 * is opened for each word: a manager that was started again has bound a new one.  Nothing here waits: a
 * manager that does not read costs it the word.  Nothing here logs.
 */
#ifndef RINGFORT_BASE_NOTIFY_H
#define RINGFORT_BASE_NOTIFY_H

#include <stdint.h>

/**
 * notify_send() - "READY=1", "WATCHDOG=1"; several are lines of one text
 *
 * Return: 1 told; 0 nobody asked to be told; -EAFNOSUPPORT a kind of address that we do not speak;
 *         -EAGAIN its queue is full; or what the kernel said.
 */
int notify_send(const char *text);

/**
 * notify_watchdog_us() - within how many microseconds "WATCHDOG=1" has to come, again and again
 *
 * Return: 0 when nobody waits for it, or not from this process.
 */
uint64_t notify_watchdog_us(void);

#endif
