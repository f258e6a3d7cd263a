/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verdict - a solution's part in what may happen.
 *
 * Where an operator lets it, a solution is asked before an act: a request has the open file, its
 * identity and a deadline; the solution answers allow or deny, once.  The most restrictive answer of
 * all solutions that enforce is the verdict.  Who does not answer in time is counted, and its miss
 * mode (fail-open, fail-closed) stands for its answer; who misses too often is not asked any more for
 * a while.  No solution learns what another answered, and none is asked about acts of Ringfort itself.
 *
 * What the host needs to live (`ringfort critical list`) is let through at once, unless the operator says
 * otherwise.  A solution is asked about it behind that, as about anything else: to deny it changes nothing
 * and is counted as self-harm.
 *
 * Requests come over the same client as events: ringfort_client_fd() becomes readable for both.  Take
 * requests first, somebody waits for each.  Then take events until there are none, also when none were
 * subscribed: that shows that the solution lives, and the descriptor is readable until then.
 *
 *   while (poll(&fd, 1, -1) >= 0) {
 *           while (ringfort_client_next_request(client, &request) == 1)
 *                   ringfort_client_answer(client, request->id, verdict_of(request), 0);
 *           while (ringfort_client_next(client, &event) == 1)
 *                   look_at(event);
 *   }
 *
 * Do not start programs or wait for other processes before you answer: they might wait for you.
 *
 * Nobody waits for what is shown (RINGFORT_ACT_MODIFY).  Keep it, with a copy of its request, and take the
 * next ones: no more is shown than can be kept, and a request for which somebody waits is never behind it.
 */
#ifndef RINGFORT_VERDICT_H
#define RINGFORT_VERDICT_H

#include <ringfort/client.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What can be asked about; masks of them are 1u << number. */
enum ringfort_act {
	RINGFORT_ACT_EXEC, /* "process.exec": a file is about to be executed, or is the interpreter of one */
	RINGFORT_ACT_OPEN, /* "file.open": a file is about to be opened, in a scope that the operator named */
	RINGFORT_ACT_MODIFY, /* "file.modify": a file in such a scope was closed by who wrote to it.  It is shown, */
			     /* nobody waits and no verdict is looked at; an answer gives its descriptor back */
	_RINGFORT_ACT_N
};

enum ringfort_verdict {
	RINGFORT_VERDICT_ALLOW,
	RINGFORT_VERDICT_DENY,
	_RINGFORT_VERDICT_N
};

/* In ringfort_request.flags. */
#define RINGFORT_REQUEST_FOREIGN_NS (1u << 0) /* the path is of another mount namespace than the host's: */
					      /* believe nothing in it */
#define RINGFORT_REQUEST_LOST (1u << 1) /* file.modify: more was written than could be shown before this one */

/* In the flags of ringfort_client_answer(). */
#define RINGFORT_ANSWER_REMEMBER (1u << 0) /* holds for this very file until it changes or content does */

struct ringfort_request {
	uint32_t size;        /* of this struct, as ringfortd knows it */
	uint32_t act;         /* enum ringfort_act */
	uint64_t id;
	uint64_t deadline_ns; /* CLOCK_MONOTONIC; later answers change nothing; 0: nobody waits */
	uint32_t pid;         /* who acts, as the host counts */
	uint32_t flags;       /* RINGFORT_REQUEST_* */
	uint64_t dev;         /* st_dev in the kernel's encoding (major << 20 | minor), as in events */
	uint64_t ino;
	uint64_t file_size;   /* bytes */
	int64_t ctime_ns;     /* of the last change, ns since 1970 */
	uint32_t mode;        /* st_mode: always a regular file */
	uint32_t uid;         /* owner */
	uint32_t gid;
	int fd;               /* the file, read-only; the client's: closed once it is answered, and before */
			      /* that when 64 later ones are held; -1: not handed over (too many are out, */
			      /* or ringfort_client_without_files()). */
			      /* One open file for all who were asked: use pread(2) or mmap(2), not its offset. */
	const char *path;     /* NUL-terminated, as the opener's mount has it; may be any bytes; */
			      /* " (deleted)" at its end when the file has no name any more */
	uint32_t links;       /* names that the file has; since 0.4 */
	uint32_t reserved;
};

/** ringfort_client_authorizable() - mask (1u << act) of what the operator lets this solution decide */
uint32_t ringfort_client_authorizable(const struct ringfort_client *client);

/**
 * ringfort_client_authorize() - choose the acts to be asked about, from now on
 * @acts: mask, 1u << enum ringfort_act; replaces the last choice; 0 for none
 *
 * Return: 0; -EACCES an act is not granted (nothing is changed); -EAGAIN the mailbox is full.
 */
int ringfort_client_authorize(struct ringfort_client *client, uint32_t acts);

/**
 * ringfort_client_without_files() - be asked without the file
 * @acts: mask, 1u << enum ringfort_act; replaces the last choice; 0, as at the start: with each file
 *
 * For who decides by what the request tells: name, owner, mode, size.  To hand a file over costs both sides some
 * microseconds each time; and who is not given it cannot leak it.  It holds for requests that are made once the
 * gate has heard of it: those that were made before have their file, or have none although it is wanted now.  Where
 * the choice is another one, what was remembered of this solution's answers is forgotten.  Before
 * ringfort_client_authorize() it is only noted; where nothing is granted it does nothing.  Since 0.4.
 *
 * Return: 0; -EAGAIN the mailbox is full, nothing is changed.
 */
int ringfort_client_without_files(struct ringfort_client *client, uint32_t acts);

/**
 * ringfort_client_next_request() - the next request, without waiting
 * @ret_request: valid until the next call of this function; untouched unless 1 is returned
 *
 * Return: 1 a request; 0 none now; -EACCES nothing was granted; -EPIPE ringfortd is gone.
 */
int ringfort_client_next_request(struct ringfort_client *client,
				 const struct ringfort_request **ret_request);

/**
 * ringfort_client_answer() - allow or deny
 * @id:    of the request; any that was not answered yet, so work may be done in any order
 * @flags: RINGFORT_ANSWER_*
 *
 * An answer that comes late, twice, or to a request that never was, is counted against the solution
 * and changes nothing.
 *
 * Return: 0; -EINVAL; -EACCES nothing was granted; -EAGAIN the mailbox is full, nothing was answered.
 */
int ringfort_client_answer(struct ringfort_client *client, uint64_t id, enum ringfort_verdict verdict,
			   uint32_t flags);

#ifdef __cplusplus
}
#endif

#endif
