/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control - the state of the control process, shared by its files only.
 *
 * role-control.c owns it and its loop; control.c is what the others share; mailbox-turn.c reads what solutions say; findings.c keeps
 * it; tamper.c and killed.c find for ourselves, file-watch.c sees changes of our files; connection.c, connection-gate.c and
 * connection-hold.c serve the operator; selftest-watch.c proves the types; report.c, report-gate.c and report-tamper.c put it all into JSON.
 */
#ifndef RINGFORT_RINGFORTD_CONTROL_H
#define RINGFORT_RINGFORTD_CONTROL_H

#include "event/finding.h"
#include "event/json.h"
#include "gate/critical.h"
#include "gate/history.h"
#include "ring/broadcast.h"
#include "ring/mailbox.h"
#include "ringfortd/journal.h"
#include "ringfortd/message.h"
#include "ringfortd/page.h"
#include "ringfortd/report-gate.h"
#include "ringfortd/role.h"

#include <event2/event.h>
#include <stdbool.h>

#define CONTROL_CONNECTIONS 32
#define CONTROL_OUTPUT_BYTES 16384

struct connection;

/* So much at once, then so much a second. */
struct control_bucket {
	double tokens;
	uint64_t since_ns; /* 0: full, since it was never asked */
};

/* What the control process knows of one solution. */
struct control_solution {
	bool used; /* the supervisor has told of it */
	struct message_solution view;
	uint32_t class;
	uint64_t run; /* number of this life, the supervisor's */
	struct mailbox_reader *mailbox; /* NULL while it does not run */
	struct ring_reader *ring;       /* of its class: to see how far behind it is */
	int output_fd;
	char output[CONTROL_OUTPUT_BYTES]; /* the last bytes that it printed */
	size_t n_output;
	bool subscribed;
	uint64_t started_token; /* barrier of its first subscription, until it has passed */
	bool subscribing; /* types are not told to the sensor yet */
	bool barring;     /* nor is this barrier */
	uint64_t barrier;
	uint64_t types;
	struct mailbox_progress progress;  /* of this run */
	uint64_t n_delivered, n_lost;      /* of earlier runs */
	struct control_bucket findings, subscriptions;
	uint64_t n_findings, n_dropped, n_noise;
	uint32_t n_dropped_now, n_noise_now; /* of this run */
	bool misbehaves_told;
	uint64_t generation; /* of the content that was asked for */
	char said[513];
};

#define CONTROL_TAMPERS 10 /* kinds, RINGFORT_TAMPER_* */

/* What was done to us. */
struct control_tamper {
	struct control_bucket bucket;
	uint64_t n[CONTROL_TAMPERS], n_healed[CONTROL_TAMPERS];
	uint64_t n_dropped; /* beyond what the bucket lets through: counted, not told */
	uint64_t seq;
};

/* Images that were ended before they ran. */
struct control_killed {
	struct control_bucket bucket;
	uint64_t n_dropped; /* counted, not told */
	uint64_t seq;
};

#define CONTROL_FOLDERS 64

/* Folders whose files are ours. */
struct file_watch {
	int fd; /* inotify, -1: none */
	uint32_t n;
	struct {
		int watch;
		struct message_folder is;
	} folders[CONTROL_FOLDERS];
	struct message_tamper last; /* told last */
	uint64_t last_ns;
};

enum selftest_result { SELFTEST_NOT_RUN, SELFTEST_PASSED, SELFTEST_FAILED };

/* One run of the self-test. */
enum selftest_step {
	SELFTEST_IDLE,
	SELFTEST_ATTACHING, /* the hooks of all types, until the barrier */
	SELFTEST_ACTING,    /* the marked child performs the acts */
	SELFTEST_WAITING,   /* for what the kernel reports late */
};

struct selftest_watch {
	enum selftest_step step;
	struct ring_reader *ring;
	uint64_t token;
	uint64_t performed; /* types whose acts worked */
	uint64_t seen;      /* types that came back, marked */
	uint64_t deadline_ns;
	enum selftest_result results[RINGFORT_MAX_TYPES];
};

struct control {
	const struct control_role *role;
	struct event_base *base;
	struct event *tick;
	uint64_t health_ns; /* when the supervisor was last told how solutions get on */
	uint64_t head;      /* of the ring, at the last tick */
	struct page *page;
	struct history *history; /* of the gate; NULL: there is none */
	struct report_late late; /* the gate, which was ended for it */
	uint64_t again_ns;       /* when the next one begins; long ago: it has */
	struct critical_set critical; /* that the gate was told; version 0: none yet */
	struct ring_reader *barrier_ring; /* of class 0: acknowledgements of our own barriers */
	struct journal *journal;
	struct control_solution solutions[MESSAGE_SLOTS];
	struct connection *connections[CONTROL_CONNECTIONS];
	struct selftest_watch selftest;
	struct control_tamper tamper;
	struct control_killed killed;
	struct file_watch files;
	bool ending; /* the daemon ends in order */
	pid_t supervisor_pid;
	uint64_t token; /* of our last barrier */
	uint64_t ticket;
	uint64_t followed;   /* types that operators follow */
	uint64_t subscribed; /* by us, for operators who follow and for the self-test */
	uint64_t subscribed_token; /* of the barrier behind it */
	uint64_t started_ns;
	uint64_t n_journal_errors; /* findings that are not in the history */
	bool journal_fails;        /* the last one */
	char hostname[65];
	struct json json;
	int result;
};

uint64_t control_now_ns(void);

/** control_end() - leave the loop; with an error say what failed */
void control_end(struct control *control, const char *what, int error);

/**
 * control_tell_supervisor(), control_tell_sensor() - when that fails the role ends
 *
 * Return: false when it is to be said again later, as the other is held up.
 */
bool control_tell_supervisor(struct control *control, const struct message *message);
bool control_tell_sensor(struct control *control, const struct message *message);

/** control_barrier() - ask the sensor to drain; control_passed() tells when it has.  0: try later */
uint64_t control_barrier(struct control *control);
bool control_passed(const struct control *control, uint64_t token);

/** control_subscribe() - what operators follow and the self-test needs, summed; now or by a later tick */
void control_subscribe(struct control *control);

/** control_bucket_take() - rate a second, at most burst at once */
bool control_bucket_take(struct control_bucket *bucket, double rate, double burst);

/** control_late() - how often the gate opened itself, as it is told to the operator now */
struct report_late control_late(const struct control *control);

/** control_by_name() - the solution, or NULL */
struct control_solution *control_by_name(struct control *control, const char *name);
uint32_t control_slot(const struct control *control, const struct control_solution *solution);

/* mailbox-turn.c */
/** mailbox_turn() - so many messages; true when there may be more */
bool mailbox_turn(struct control *control, struct control_solution *solution);
void mailbox_last_turn(struct control *control, struct control_solution *solution);
void mailbox_health(struct control *control, struct control_solution *solution);
/** mailbox_progress() - take over what it says of itself, unless it cannot be true */
void mailbox_progress(struct control *control, struct control_solution *solution);

/* findings.c */
/** findings_keep() - what `solution` says goes to the history and to journald; false: not to the history */
bool findings_keep(struct control *control, const char *solution, const struct ringfort_finding *finding);
/** findings_line_facts() - type and time of a line of the journal; false: not one of ours */
bool findings_line_facts(const char *line, size_t n, uint32_t *ret_type, uint64_t *ret_time_ns);

/* connection.c */
int connection_accept(struct control *control, int fd);
void connections_tick(struct control *control);
void connections_probed(struct control *control, const struct message *message);
void connections_reloaded(struct control *control, uint32_t slot, uint64_t generation,
			  const char *reason);
void connections_done(struct control *control, const struct message *message);
void connections_gone(struct control *control, uint32_t slot);

/* selftest-watch.c */
void selftest_start(struct control *control);
void selftest_performed(struct control *control, uint64_t performed);
void selftest_tick(struct control *control);

/* tamper.c */
/** tamper_tell() - somebody did something to us: a finding of our own, of level high */
void tamper_tell(struct control *control, const struct message_tamper *tamper);

/* killed.c */
/** killed_tell() - the operator's policy ended an image before it ran: a finding of our own */
void killed_tell(struct control *control, const struct message_killed *killed);

/* file-watch.c */
int file_watch_folder(struct control *control, const struct message *message, int *fd);
/** file_watch_turn() - so many of the changes to our files that the kernel has told */
void file_watch_turn(struct control *control);

/* report.c */
void report_status(struct control *control, struct json *json);
void report_doctor(struct control *control, struct json *json);

#endif
