/* SPDX-License-Identifier: Apache-2.0 */
/*
 * History - the last verdicts with their reasons, in memory that the control process reads.
 *
 * The gate writes, after it has answered; control has a read-only descriptor and answers `ringfort why`
 * from it without asking the gate anything.  A ring of HISTORY_ENTRIES: the oldest is overwritten.  An
 * entry that is overwritten while it is copied is not returned (a version before and behind it).
 *
 * The page in front has the gate's numbers; behind it is who is held for the operator at this moment.
 */
#ifndef RINGFORT_GATE_HISTORY_H
#define RINGFORT_GATE_HISTORY_H

#include "gate/decision.h"

#include <stdbool.h>
#include <stdint.h>

#define HISTORY_ENTRIES 4096u
#define HISTORY_PATH 512u    /* the end of a longer path is kept, behind "..." */
#define HISTORY_REASONS 16u  /* more voices are counted only */
#define HISTORY_PLACES 32u   /* file systems that are named to be guarded */
#define HISTORY_HOLDS 64u    /* acts that can be held for the operator at once */
#define HISTORY_SCOPES 16u   /* folders and file systems where opens are decided */
#define HISTORY_NET_ACT 16u  /* acts from here on: this + enum ringfort_net_act; path then tells the address */

/* What became of an act that was held for the operator. */
enum history_hold {
	HISTORY_NOT_HELD,
	HISTORY_HELD,          /* it still is */
	HISTORY_HELD_ALLOWED,  /* by the operator */
	HISTORY_HELD_DENIED,   /* likewise */
	HISTORY_HELD_OUT,      /* its time, or the room for it, ran out: the miss modes decided */
	HISTORY_HELD_LET_GO,   /* the gate was opened, or it is one of our own */
	HISTORY_HELD_GIVEN_UP, /* who waited has gone */
	_HISTORY_HOLD_N
};

struct history_entry {
	uint64_t id;         /* verdict id, from 1; 0: none */
	uint64_t time_ns;    /* CLOCK_REALTIME of the question */
	uint64_t dev, ino;
	uint32_t act;        /* enum ringfort_act, or from HISTORY_NET_ACT on */
	uint32_t verdict;    /* enum ringfort_verdict */
	uint32_t pid;
	uint32_t us;         /* from reading the event to the answer */
	uint8_t cached;      /* nobody was asked: an earlier verdict held (its id in cached_from) */
	uint8_t overridden;
	uint8_t foreign_ns;
	uint8_t n_reasons;   /* in reasons */
	uint8_t stopped;     /* the image was loaded, and its process stopped: the kernel did not ask */
	uint32_t n_voices;   /* in all */
	uint64_t cached_from;
	uint32_t hold;       /* enum history_hold */
	uint32_t held_us;    /* of us */
	uint64_t hold_id;    /* from 1; 0: never held */
	uint64_t until_ns;   /* of one that is held: CLOCK_MONOTONIC of its end; verdict is what the miss modes would say */
	char path[HISTORY_PATH];
	struct decision_voice reasons[HISTORY_REASONS];
};

struct history_voice {
	uint64_t n_asked, n_allowed, n_denied;
	uint64_t n_late, n_full, n_gone; /* misses */
	uint64_t n_after;    /* answers that came when the verdict was already given, in time: no fault */
	uint64_t n_wrong;    /* late, double, for another's request or for none, or no answer at all */
	uint64_t n_self_harm; /* of its denials: of what the host needs, let through all the same */
	uint32_t acts;       /* that it takes part in now */
	uint32_t without_files; /* acts of which it does not want the file */
	uint32_t mode;       /* enum decision_mode */
	uint32_t miss;       /* enum decision_miss */
	uint32_t demoted;    /* 1: its circuit breaker is open, it is not asked */
	uint32_t run;        /* number of its life: `acts` hold for that, over restarts of the gate */
	uint32_t n_net_rules;  /* that hold in the kernel */
	uint64_t n_net_denied; /* by them */
	uint64_t n_net_shadow; /* that they would have denied */
	uint64_t n_net_refused; /* sets of rules that were none, or too many */
	uint64_t n_shown;    /* files that were written to */
	uint64_t n_unshown;  /* times that such files could not be shown: it was not there, or stood still */
};

/* A folder or file system that the operator named for opens. */
struct history_scope {
	char path[HISTORY_PATH]; /* "": none */
	char why[96];            /* why it is not guarded; "": it is */
	uint32_t whole;          /* 1: a file system */
	uint32_t n_folders;      /* that have a mark */
};

/* A file system that the operator named. */
struct history_place {
	char path[HISTORY_PATH]; /* "": none */
	char why[96];            /* why it is not guarded; "": it is */
};

struct history_numbers {
	uint64_t n_asked;    /* permission events read */
	uint64_t n_at_once;  /* our own, the kernel's, or nobody to ask */
	uint64_t n_critical; /* of those: of the critical set */
	uint64_t n_cached;
	uint64_t n_decided;  /* by asking solutions */
	uint64_t n_denied;
	uint64_t n_overridden;
	uint64_t n_expired;  /* decided by the deadline, or by the end of a hold */
	uint64_t n_held;     /* held for the operator */
	uint64_t n_unheld;   /* not held, as too many were or nobody ended the last hold: decided by the deadline */
	uint64_t n_overflow; /* the kernel's queue was full */
	uint64_t n_unguarded; /* images on guarded file systems that began to run without a verdict */
	uint64_t n_canary;   /* our opener was answered: in none of the others */
	uint64_t n_unanswered; /* the kernel did not take our answer: the opener had gone */
	uint64_t since_ns;   /* CLOCK_REALTIME of its start */
	uint32_t open;       /* 1: the gate was told to let everything through */
	uint32_t n_pending;
	uint32_t n_holding;  /* of these: held now */
	uint32_t n_marks;    /* file systems that are guarded */
	uint32_t n_restarts; /* of the gate */
	struct history_place places[HISTORY_PLACES];
	struct history_scope scopes[HISTORY_SCOPES];
	uint64_t n_net_untold; /* denied by net rules, and counted for no solution: more than we could read */
	struct history_voice voices[DECISION_VOICES]; /* by slot */
};

struct history;

/** history_path() - a path as entries keep it: the end of one that is too long, behind "..." */
void history_path(char ret_path[HISTORY_PATH], const char *path);

/** history_create() - a sealed memfd: one descriptor to write, one that can only read */
int history_create(int *ret_writer, int *ret_reader);

/**
 * history_open() - map it; writable for the gate.  Takes no ownership of fd.
 *
 * Return: 0; -EPROTO this is no history of ours; -EACCES writable through the reader; -errno.
 */
int history_open(struct history **ret_history, int fd, bool writable);
struct history *history_close(struct history *history);

/** history_next_id() - the id that the next history_add() gives: goes on over restarts of the gate */
uint64_t history_next_id(const struct history *history);

/** history_add() - gate: keep a copy of an entry, with the next id.  Return: the id */
uint64_t history_add(struct history *history, const struct history_entry *entry);

/** history_replace() - gate: more is known of entry->id, if it is there still */
void history_replace(struct history *history, const struct history_entry *entry);

/** history_hold() - gate: an act waits for the operator, with the next id of such.  Return: the id, 0: too many do */
uint64_t history_hold(struct history *history, const struct history_entry *entry);

/** history_unhold() - gate: it does no longer; first history_add() what became of it */
void history_unhold(struct history *history, uint64_t hold_id);

/** history_unhold_all() - gate: nor do those of an earlier life */
void history_unhold_all(struct history *history);

/** history_numbers() - gate: the numbers, to be kept current in place */
struct history_numbers *history_numbers(struct history *history);

/** history_read_numbers() - control: copy them as they stand */
void history_read_numbers(const struct history *history, struct history_numbers *ret_numbers);

/** history_n_answered() - canary: questions that were answered until now, but for its own */
uint64_t history_n_answered(const struct history *history);

/** history_get() - control: a verdict by its id.  Return: 1; 0 none, or overwritten */
int history_get(const struct history *history, uint64_t id, struct history_entry *ret_entry);

/**
 * history_find() - control: the newest entry before `before` that fits
 * @before: an id, 0 for the newest of all
 * @path:   NULL, or the whole path; one that is too long is compared as entries keep it
 * @pid:    0, or who acted
 *
 * Return: 1; 0 none.
 */
int history_find(const struct history *history, uint64_t before, const char *path, uint32_t pid,
		 struct history_entry *ret_entry);

/** history_next_held() - control: of those who are held now, the one with the smallest hold_id above `after`.  1; 0 none */
int history_next_held(const struct history *history, uint64_t after, struct history_entry *ret_entry);

/** history_find_held() - control: the verdict about what was held under this id.  1; 0 none yet, or none any more */
int history_find_held(const struct history *history, uint64_t hold_id, struct history_entry *ret_entry);

#endif
