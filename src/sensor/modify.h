/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Modify - file.modify: files that were open for writing and are closed, told by fanotify.
 *
 * Notification marks on every local file system (mounts.h); nobody ever waits for us.  The
 * kernel names the file by a handle, so that an event in the queue keeps no mount busy (with
 * open files in its place, umount after cp would fail), no path is taken from the namespace of
 * whoever wrote, and no descriptor runs out.  A file system that cannot open its handles again
 * (overlay, some btrfs subvolumes, devtmpfs whose devices would drown all else) gets the
 * ordinary kind of mark, with an open file in each event.
 *
 * The kernel merges events of one file and process that wait in its queue, and says of an
 * overflow only that there was one: it counts as one lost event.  Writes of this very process
 * are left out.
 *
 * Events come as records of the probe's shape with only pid set of the actor.  Lives in the sensor
 * process, in one thread; never logs.
 */
#ifndef RINGFORT_SENSOR_MODIFY_H
#define RINGFORT_SENSOR_MODIFY_H

#include "sensor/bpf/record.h"

#include <stdbool.h>

struct modify;

/** modify_new() - mark what is mounted; host_mnt_ns: inode of the namespace that we see */
int modify_new(struct modify **ret_modify, uint32_t host_mnt_ns);
struct modify *modify_free(struct modify *modify);

/** modify_fd() - readable when there are events, or mounts have changed */
int modify_fd(const struct modify *modify);

/**
 * modify_listen() - become readable when there are events, or do not (as long as somebody collects anyway)
 *
 * A descriptor that is polled costs whoever writes a file the walk to all who wait behind it, each time.
 * It listens from the start.
 */
void modify_listen(struct modify *modify, bool listen);

/**
 * modify_collect() - read what waits, at most some hundred events
 *
 * Forgets what an earlier call collected.  Marks new mounts first, at most 20 times a second.
 *
 * Return: 1 when more may wait, 0 when none does, or a negative errno.
 */
int modify_collect(struct modify *modify, uint64_t now_ns);

/** modify_next() - the record after previous (NULL: the first), or NULL; writable until the next collect */
struct probe_record *modify_next(struct modify *modify, struct probe_record *previous);

/** modify_take_lost() - how many were lost since the last call of this */
uint64_t modify_take_lost(struct modify *modify);

#endif
