/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Channel - what a solution inherits: three descriptors, named in its environment.
 *
 * RINGFORT_CHANNEL="RING,MAILBOX,WAKE,SLOT": the broadcast ring (read-only), the mailbox, the
 * read end of the pipe that gets a byte when the ring has news, and the solution's number.
 */
#ifndef RINGFORT_RING_CHANNEL_H
#define RINGFORT_RING_CHANNEL_H

#define CHANNEL_VARIABLE "RINGFORT_CHANNEL"
#define CHANNEL_FORMAT "%d,%d,%d,%u"

#endif
