/* SPDX-License-Identifier: Apache-2.0 */
/* Drop - what a role gives up before it enters its loop. */
#ifndef RINGFORT_RINGFORTD_DROP_H
#define RINGFORT_RINGFORTD_DROP_H

#include <stdint.h>
#include <sys/types.h>

/**
 * drop_sensor() - keep the capabilities that hooks, marks and foreign /proc entries need
 *
 * CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN (cgroup hooks), CAP_SYS_ADMIN (fanotify marks, and BPF
 * where CAP_BPF is not enough), CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH; no new privileges.
 */
int drop_sensor(void);

/**
 * drop_gate() - keep CAP_SYS_ADMIN (fanotify), CAP_DAC_READ_SEARCH and CAP_FOWNER (the kernel opens files
 * in our name), CAP_LEASE (to see writers), CAP_IPC_LOCK (to stay in memory); no new privileges
 */
int drop_gate(void);
int drop_scopes(void); /* folders of whomever can be read, and that is all */
int drop_stops(void);  /* images of whomever can be read (CAP_SYS_PTRACE: by /proc), and processes told to go on, or killed */

int drop_canary(void); /* to stay in memory; a file of one's own, and a process of the same user's, need none */

/** drop_control() - another user, no groups, no capabilities, no new privileges */
int drop_control(uid_t uid, gid_t gid);

/**
 * drop_urgency() - become a batch task (SCHED_BATCH): when it is woken, what runs goes on
 *
 * The events that it reads were made by what runs.  On a busy CPU it waits a tick of the scheduler
 * at most; on an idle one nothing changes.
 */
int drop_urgency(void);

/** host_mount_namespace() - inode of the mount namespace of process 1, or of ours */
uint32_t host_mount_namespace(void);

/** cgroup_unified_path() - where version 2 is mounted, or NULL */
const char *cgroup_unified_path(void);

#endif
