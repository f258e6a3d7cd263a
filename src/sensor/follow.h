/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Follow - keep the process table as the probe's records tell, and find who they are about.
 *
 * The stream is the truth: an entry that the scan of /proc made is completed by it, never the
 * other way round.  A process whose fork was lost is taken in when it acts, with what /proc
 * still says, so often per second as follow_refill() allows.
 */
#ifndef RINGFORT_SENSOR_FOLLOW_H
#define RINGFORT_SENSOR_FOLLOW_H

#include "sensor/bpf/record.h"
#include "sensor/table.h"

struct follow;

/* Who a record is about; NULL where the table does not know.  Good until the next record. */
struct followed {
	struct process *process;
	struct process *parent;
	struct process *other;      /* the target of process.ptrace */
	struct credentials before;  /* process.setid; ids are UINT32_MAX when unknown */
	bool unchanged;             /* a process.setid that changed nothing */
};

/** follow_new() - the table stays the caller's */
int follow_new(struct follow **ret_follow, struct table *table);
struct follow *follow_free(struct follow *follow);

/** follow_record() - a record that assemble_check() has passed */
void follow_record(struct follow *follow, const struct probe_record *record,
		   struct followed *ret_followed);

/** follow_refill() - allow so many readings of /proc until the next call */
void follow_refill(struct follow *follow, uint32_t n);

#endif
