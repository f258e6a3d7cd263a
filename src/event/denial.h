/* SPDX-License-Identifier: Apache-2.0 OR BSD-2-Clause OR GPL-2.0-only */
/*
 * Denial - what the gate's program in the kernel leaves for the sensor's: which rule refused a socket.
 *
 * One map, by the cookie of the socket, made by the supervisor and given to both.  The gate's program
 * writes when it denies; the probe, which sees the same call fail a moment later, takes it out.  The oldest
 * are forgotten when nobody takes them.
 *
 * Shared with programs in the kernel, so it includes no more than <stdint.h>.
 */
#ifndef RINGFORT_EVENT_DENIAL_H
#define RINGFORT_EVENT_DENIAL_H

#include <stdint.h>

#define DENIAL_ENTRIES 1024u
#define DENIAL_TEXT 48u /* "solution:rule": 32 bytes of a name, a colon, ten digits, NUL */

struct denial {
	uint32_t act;    /* enum ringfort_net_act */
	uint32_t length; /* of text */
	char text[DENIAL_TEXT];
};

#endif
