/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Procfs - what /proc says of a process whose exec we did not see.
 *
 * For processes that were there before us, and for those whose records were lost.  What is read
 * here was true a moment ago; the stream of the probe comes after it and wins.
 */
#ifndef RINGFORT_SENSOR_PROCFS_H
#define RINGFORT_SENSOR_PROCFS_H

#include "sensor/table.h"

/**
 * procfs_fill() - give a process of the table its image and credentials
 *
 * Return: 0, -ESRCH when the process is gone (or another one has its pid), or a negative errno.
 */
int procfs_fill(struct table *table, struct process *process);

/** procfs_runs_another() - does /proc name another executable than the process' image? */
bool procfs_runs_another(const struct process *process);

/** procfs_fill_credentials() - only these; they are left as they are on failure */
int procfs_fill_credentials(struct process *process);

#endif
