/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Role - one process of ringfortd each.
 *
 * The supervisor forks the others and hands them what they need; each drops what it does not
 * need before it enters its loop, and returns an exit status when it ends.  A role that cannot
 * go on logs and returns; the supervisor alone decides what follows.
 */
#ifndef RINGFORT_RINGFORTD_ROLE_H
#define RINGFORT_RINGFORTD_ROLE_H

#include "gate/trial.h"
#include "host/config.h"

#include <stdint.h>
#include <sys/types.h>

struct sensor_role {
	int supervisor_fd; /* messages */
	int control_fd;    /* messages */
	int page_fd;       /* numbers, to write */
	int denials_fd;    /* map of event/denial.h, or -1 */
	uint32_t host_mnt_ns; /* inode of the host's mount namespace */
	const struct config *config;
};

/** role_sensor() - owns the probe and the process table, writes the rings */
int role_sensor(const struct sensor_role *role);

struct control_role {
	int supervisor_fd;
	int sensor_fd;
	int page_fd;     /* numbers, to read */
	int ring_fd;     /* of class 0, to read */
	int listen_fd;   /* the control socket, listening */
	int findings_fd; /* folder of the journal */
	int journald_fd; /* connected datagram socket, or -1 */
	int history_fd;  /* of the gate's verdicts, to read; -1: there is no gate */
	uid_t uid;       /* to become */
	gid_t gid;
	int print;       /* findings also to standard output */
	int gate_disabled; /* on the kernel's command line */
	struct trial trial; /* of what the gate needs of the kernel */
	const struct config *config;
};

/** role_control() - reads mailboxes, keeps findings, serves the control socket; unprivileged */
int role_control(const struct control_role *role);

struct gate_role {
	int supervisor_fd; /* messages */
	int history_fd;    /* verdicts and numbers, to write */
	int book_fd;       /* rules about the network (gate/net-book.h); -1: nobody may set any */
	int denials_fd;    /* map of event/denial.h, or -1 */
	uint32_t epoch;    /* number of its life */
	const struct config *config;
};

/** role_gate() - owns the fanotify group: asks solutions, answers the kernel */
int role_gate(const struct gate_role *role);

struct scopes_role {
	int gate_fd; /* messages */
	const struct config *config;
};

/** role_scopes() - walks the folders where opens are decided, and keeps the gate's marks on them current */
int role_scopes(const struct scopes_role *role);

struct stops_role {
	int gate_fd;     /* messages */
	int backstop_fd; /* the sensor's map */
	int ring_fd;     /* readable when an image was stopped */
	int left_fd;     /* file of those who are, for the next daemon (stopped.h) */
	const struct config *config;
};

/* So long an image may be stopped: to be decided about, to be held for the operator, and some more. */
#define STOPS_PATIENCE_MS(config) ((uint64_t)(config)->gate_deadline_ms + (config)->gate_hold_ms + 3000)

/** role_stops() - has images judged that were stopped before their first instruction, and lets them go */
int role_stops(const struct stops_role *role);
#define ROLE_OPENER_FILE "canary" /* below its root */

struct opener_role {
	int canary_fd; /* a byte: go out; the same back: it has */
	int root_fd;   /* of a file system of its own */
};

/** role_opener() - opens its file when it is told to, as one of those who wait for the gate */
int role_opener(const struct opener_role *role);

struct canary_role {
	int supervisor_fd; /* messages */
	int opener_fd;     /* see above */
	pid_t opener_pid;
	int history_fd;    /* of the gate's numbers, to read */
};

/** role_canary() - sends the opener out each second, and ends a gate that does not answer it */
int role_canary(const struct canary_role *role);

/** role_selftest() - performs one act of each type; writes the mask of those that worked to fd */
int role_selftest(int fd);

#endif
