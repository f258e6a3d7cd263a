/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scan - compare the process table with the machine: at start, and after records were lost.
 *
 * A scan of a machine with 1,000 processes takes some 30 ms, nearly all of it /proc.
 */
#ifndef RINGFORT_SENSOR_SCAN_H
#define RINGFORT_SENSOR_SCAN_H

#include "sensor/probe.h"
#include "sensor/table.h"

/**
 * scan() - take in every process that is not in the table, end those that are gone
 *
 * Attach fork, exec and exit before: what happens during the scan then lies in the stream, which
 * wins.  Processes that are known keep what the stream said of them, unless /proc names
 * another executable: then their exec was lost.
 */
int scan(struct table *table, struct probe *probe, uint32_t host_mnt_ns, uint64_t now_ns);

/** scan_credentials() - read the credentials of all living processes again */
void scan_credentials(struct table *table);

/** scan_selftest() - mark all whose parent is marked */
void scan_selftest(struct table *table);

#endif
