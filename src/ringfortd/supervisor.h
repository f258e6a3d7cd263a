/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Supervisor - the state of the supervising process, shared by its files only.
 *
 * role-supervisor.c owns it: roles, signals, the loop; supervisor.c is what the others share.  units.c lets solutions live; content-probe.c
 * tries their content; selftest-run.c starts the marked child; process-watch.c sees who lays hands on our processes.
 */
#ifndef RINGFORT_RINGFORTD_SUPERVISOR_H
#define RINGFORT_RINGFORTD_SUPERVISOR_H

#include "gate/trial.h"
#include "host/cgroup.h"
#include "host/config.h"
#include "host/manifest.h"
#include "host/plan.h"
#include "host/solution.h"
#include "host/spawn.h"
#include "host/throwaway.h"
#include "ringfortd/ask-channel.h"
#include "ringfortd/gate-keeper.h"
#include "ringfortd/message.h"
#include "ringfortd/paths.h"
#include "ringfortd/service.h"

#include <event2/event.h>
#include <stdbool.h>

struct supervisor;

/* A run of a solution's program that only says whether it could load its content. */
struct content_probe {
	struct throwaway run;
	pid_t born; /* 0: none; the gate knows it as ours */
	struct event *ended, *printed; /* NULL: none is under way */
};

/* One solution: what the operator and its package say, its machine, its process. */
struct unit {
	struct supervisor *supervisor;
	uint32_t slot;
	uint32_t class;
	uint64_t run; /* number of its present or last life */
	const struct config_solution *entry; /* NULL: taken by default */
	struct manifest manifest;
	char package[PATH_MAX];
	char unusable[192];   /* why its package cannot be read; then it has no other state */
	char last_fault[96];  /* the reason of its last restart, suspension or degradation */
	uint64_t granted;
	struct solution machine;
	struct cgroup *cgroup;
	struct spawned process;
	pid_t born;             /* 0: none; the gate knows it as ours, from before it executes until it is gone */
	struct ask_channel ask; /* while it runs and may decide */
	int wake;               /* its pipe, to write: of the sensor and the gate */
	uint32_t authorize;     /* acts that it may decide */
	uint32_t net;           /* acts that its rules may decide */
	uint32_t scopes;        /* where it may decide about opens, a bit each */
	bool shadow, fail_closed;
	struct event *ended, *due;
	struct cgroup_usage usage; /* of the last run */
	uint64_t n_oom_kills;
	bool pending; /* something waits in its ring, as control last said */
	uint64_t health_ns; /* when it did */
	struct message_solution told; /* to control, last */
	struct content_probe probe;
};

/* A broadcast ring and the grant that its readers share. */
struct visibility_class {
	uint64_t granted;
	int writer_fd, reader_fd;
};

/* A process of ours as it was when it was looked at last. */
struct watched_process {
	pid_t pid;    /* 0: none */
	pid_t tracer;
	bool stopped;
	int oom_score; /* as it was at first */
};

struct process_watch {
	struct event *timer;
	const char *cgroups; /* where version 2 is mounted, or NULL */
	struct watched_process self, sensor, control, gate, scopes, stops, canary, opener, units[MESSAGE_SLOTS];
};

struct supervisor {
	const struct paths *paths;
	const struct config *config;
	struct cgroup_tree *cgroups;
	struct event_base *base;
	int sensor_fd, control_fd; /* messages */
	pid_t sensor_pid, control_pid;
	struct visibility_class classes[MESSAGE_CLASSES];
	uint32_t n_classes;
	uint32_t host_mnt_ns;
	struct unit *units[MESSAGE_SLOTS];
	uint32_t n_units;
	struct gate_keeper gate;
	struct trial trial; /* of what the gate needs of the kernel */
	struct service service;
	struct process_watch watch;
	pid_t selftest_pid;
	int selftest_go, selftest_result; /* pipes to and from the child */
	struct event *selftest_ended;
	bool ending;
	int result;
};

uint64_t supervisor_now_ns(void);

/** supervisor_end() - leave the loop; the first result counts */
void supervisor_end(struct supervisor *supervisor, int result);
void supervisor_tell_sensor(struct supervisor *supervisor, const struct message *message, const int *fd);
void supervisor_tell_control(struct supervisor *supervisor, const struct message *message,
			     const int *fds, unsigned int n_fds);

/* units-load.c */
int units_first_class(struct supervisor *supervisor); /* before the roles are forked */
int units_load(struct supervisor *supervisor);
/** unit_read_package() - again, when the operator has mended it: unusable[] tells.  0 or -errno */
int unit_read_package(struct unit *unit);

/* units.c */
int unit_init(struct unit *unit);
void units_start(struct supervisor *supervisor);
void units_stop(struct supervisor *supervisor); /* kills all, waits for them, frees */
void unit_input(struct unit *unit, const struct solution_input *input);
void unit_message(struct unit *unit, const struct message *message);
void unit_released(struct unit *unit); /* a child of ours can be buried: this one? */
void unit_harms(struct unit *unit);   /* it would deny what the host needs */
void unit_demoted(struct unit *unit); /* by the gate: it missed too often, or answered nonsense */

#define UNIT_PROBE_FIRST_UID 64 /* users of content probes follow those of the solutions */

/* What the host's plan leaves to us: the library, the environment. */
struct unit_plan {
	struct plan plan;
	const char *environment[7];
	char content[512];
};

/** unit_plan() - of a run, or of a probe of its content.  As plan_fill(). */
int unit_plan(const struct unit *unit, enum plan_purpose purpose, struct unit_plan *plan);

/* content-probe.c */
void content_probe_start(struct unit *unit);
void content_probe_done(struct unit *unit);

/* file-folders.c */
int file_folders_watch(struct supervisor *supervisor); /* when the units are loaded */

/* process-watch.c */
int process_watch_start(struct supervisor *supervisor);
/** process_watch_look() - at all processes of ours, now: the kernel said that one was stopped */
void process_watch_look(struct supervisor *supervisor);

/**
 * supervisor_tell_tamper() - to control, for a finding; what control cannot take now is in our log only
 * tamper_killed() - a process of ours was ended by a signal that we did not send
 */
void supervisor_tell_tamper(struct supervisor *supervisor, const struct message_tamper *tamper);
void tamper_killed(struct supervisor *supervisor, const char *part, pid_t pid, int signal, bool healed);

/* selftest-run.c */
void selftest_run(struct supervisor *supervisor);
void selftest_marked(struct supervisor *supervisor);
void selftest_done(struct supervisor *supervisor);

#endif
