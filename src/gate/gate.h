/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gate - from the kernel's question to the answer.
 *
 *   fan_read -> ours, the kernel's, nobody to ask?            -> allow, at once
 *            -> critical?                                     -> likewise; behind that they are asked all the same
 *            -> the same file as before?                      -> as before (cache.h)
 *            -> every solution that takes part is asked       -> question.h
 *   no answer in time, and the operator wants to be asked -> held, so long and no longer
 *   answers, deadlines -> decision_make -> fan_answer -> then: remember, history, numbers
 *
 * Nothing on this way opens a file, forks, logs, resolves a name, allocates or waits: each turn looks at
 * so much and no more.  One owner, one thread: the gate process.
 */
#ifndef RINGFORT_GATE_GATE_H
#define RINGFORT_GATE_GATE_H

#include "gate/history.h"
#include "gate/voter.h"

#include <stdbool.h>
#include <stdint.h>

#define GATE_PLACES HISTORY_PLACES /* file systems that are named to be guarded */
#define GATE_SCOPES HISTORY_SCOPES /* folders and file systems that are named for opens */
#define GATE_OWN_MAX 160 /* processes that are answered at once */

struct gate;

/* What is told behind an answer. */
enum gate_news {
	GATE_DENIED,     /* entry */
	GATE_OVERRIDDEN, /* entry: somebody denied what the host needs */
	GATE_SELF_HARM,  /* slot: who, in shadow too */
	GATE_DEMOTED,    /* slot: the circuit breaker of a solution opened */
	GATE_HELD,       /* entry: it waits for the operator; verdict: what follows without him */
	GATE_OVERFLOW,   /* the kernel's queue was full, or it could not open a file (and denied it) */
	GATE_UNMARKED,   /* slot: the place, or GATE_PLACES and the scope, whose mark somebody had taken away */
	GATE_MOUNTED,    /* the host's mounts changed: gate_guard() again */
	GATE_UNSCOPED,   /* gate_scope() again, and folders: a solution came that shall be shown what is written, or */
			 /* marks were taken away */
};

struct gate_options {
	struct history *history; /* the caller's, writable, as long as the gate lives */
	struct net_gate *net;    /* the caller's, likewise; NULL: nobody's rules decide about the network */
	const char *mounts;      /* the host's table; NULL: MOUNTS_OF_HOST */
	uint32_t epoch;          /* grows from one life of the gate to the next */
	uint32_t deadline_ms;
	uint32_t soft_ms;        /* from then on a last known verdict will do; 0: never */
	uint32_t hold_ms;        /* who was not answered by the deadline waits so long for the operator; 0: never */
	bool deny_critical;
	bool (*is_critical)(void *userdata, uint64_t dev, uint64_t ino);
	bool (*is_critical_script)(void *userdata, uint64_t dev, const char *path); /* NULL: none is */
	void (*told)(void *userdata, enum gate_news news, uint32_t slot, const struct history_entry *entry);
	void (*judged)(void *userdata, uint32_t number, enum ringfort_verdict verdict); /* of gate_stopped() */
	void *userdata;
};

/** gate_new() - with its group, and nothing guarded.  Errors of fan_open(), -ENOMEM */
int gate_new(struct gate **ret_gate, const struct gate_options *options);

/** gate_free() - who waits is let through */
struct gate *gate_free(struct gate *gate);

/** gate_watch() - the caller's descriptor, for which gate_process() ends its waiting.  0 or a negative errno */
int gate_watch(struct gate *gate, int fd);

/**
 * gate_process() - wait until there is something to do, at most so long, and do it
 *
 * It waits itself, in one place for all: a loop around it would cost each decision two system calls more
 * every time that it is woken.
 *
 * Return: 0; 1 the caller's descriptor is readable; or a negative errno: it cannot go on.
 */
int gate_process(struct gate *gate, int timeout_ms);

/** gate_tick() - call it a few times a second: sees mounts come and go, asks solutions again */
void gate_tick(struct gate *gate);

/**
 * gate_guard() - decide executions on the file system that holds `file`, a descriptor (O_PATH)
 * @place: below GATE_PLACES; another file system in the same place is guarded beside the first, whose mark
 *         goes with it
 * @path:  as it is told to the operator
 *
 * Said again and again, it sees whether the mark was taken away: GATE_UNMARKED is told, and it is there again.
 */
int gate_guard(struct gate *gate, uint32_t place, const char *path, int file);

/** gate_backstop() - from now on tell the probe what may run; fd stays the caller's */
int gate_backstop(struct gate *gate, int fd);

/** gate_refuse() - it is named, and not guarded: to be told with the reason (superblock.h) */
void gate_refuse(struct gate *gate, uint32_t place, const char *path, const char *why);

/**
 * gate_scope() - decide opens below a folder, or on a whole file system
 * @scope: below GATE_SCOPES
 * @acts:  1u << enum ringfort_act: RINGFORT_ACT_OPEN, RINGFORT_ACT_MODIFY or both, as anybody may take part
 * @whole: the file system that holds `file`; else this folder, and others by gate_scope_folder()
 *
 * Said again, its folders are counted anew.  0 or a negative errno, also told to the operator.
 */
struct gate_scope {
	uint32_t scope, acts;
	bool whole;
	const char *path;
};
int gate_scope(struct gate *gate, const struct gate_scope *scope, int file);

/** gate_scope_folder() - one folder more of a scope that is there; the mark lasts as long as the folder */
int gate_scope_folder(struct gate *gate, uint32_t scope, int folder);

/** gate_scope_still() - does it still have the marks that gate_scope() and gate_scope_folder() set?  Else GATE_UNMARKED */
int gate_scope_still(struct gate *gate, uint32_t scope, int file);

/** gate_scope_left() - a folder was moved out of a scope, or into another: its mark goes.  0 or a negative errno */
int gate_scope_left(struct gate *gate, uint32_t scope, int folder);

/** gate_scope_refuse() - it is named, and not guarded, or not all of it: to be told with the reason */
void gate_scope_refuse(struct gate *gate, uint32_t scope, const char *path, const char *why);

/**
 * gate_own() - a process of ours (its session too) is answered at once, also if it waits already; or no
 * longer.  0 or -ENOSPC
 */
int gate_own(struct gate *gate, uint32_t pid, bool add);

/**
 * gate_canary() - a process of ours opens a file on a file system of ours, to see whether we answer
 * @pid:  who; what it opens there is answered at once, by each group that decides, and counted apart
 * @root: of the file system, which nobody else may see; stays the caller's
 *
 * 0 or a negative errno: nobody is asked there.
 */
int gate_canary(struct gate *gate, uint32_t pid, int root);

/** gate_voter_up() - a solution to ask; replaces the one in its slot.  The channel is taken over */
int gate_voter_up(struct gate *gate, const struct voter_terms *terms, struct voter_channel *channel);
void gate_voter_down(struct gate *gate, uint32_t slot, bool stopped); /* stopped: by the operator */
void gate_voter_reset(struct gate *gate, uint32_t slot);

/** gate_open() - let everything through, who waits first; or decide again */
void gate_open(struct gate *gate, bool open);

/**
 * gate_stopped() - decide about an image that is loaded, whose process was stopped before its first instruction
 * @number: the caller's, below GATE_STOPPED_MOST; options.judged is told the verdict under it, once, perhaps at once
 * @fd:     the image, taken over
 * @readable: false: fd is O_PATH: it is asked about without the file
 */
#define GATE_STOPPED_MOST (1u << 30)
void gate_stopped(struct gate *gate, uint32_t number, uint32_t pid, int fd, bool readable);

/** gate_decide_held() - the operator's word about who is held under that id.  0 or -ENOENT */
int gate_decide_held(struct gate *gate, uint64_t hold_id, enum ringfort_verdict verdict);

/** gate_forget() - nothing that was remembered holds any longer */
void gate_forget(struct gate *gate);

#endif
