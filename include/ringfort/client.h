/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Client - a solution's connection to ringfortd.
 *
 * ringfortd starts a solution with everything that it needs already open: a read-only view of
 * the broadcast ring of its visibility class, a mailbox to speak through, and a pipe that
 * becomes readable when there is something to read.  A client wraps these.  It starts no
 * threads, has no loop and logs nothing: poll ringfort_client_fd(), then call
 * ringfort_client_next() until it returns 0.  One client per process; use it from one thread.
 *
 * Every function returns 0 or a positive answer, or a negative errno.
 */
#ifndef RINGFORT_CLIENT_H
#define RINGFORT_CLIENT_H

#include <ringfort/event.h>
#include <ringfort/finding.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct ringfort_client;

/**
 * ringfort_client_open() - take over what ringfortd handed to this process
 * @ret_client: where to store the client; untouched on failure
 *
 * Release it with ringfort_client_close().
 *
 * Return: 0; -ENOTCONN this process was not started by ringfortd; -EPROTO ringfortd speaks
 *         another version or another schema; -ENOMEM.
 */
int ringfort_client_open(struct ringfort_client **ret_client);

/** ringfort_client_close() - release everything; NULL is allowed; returns NULL */
struct ringfort_client *ringfort_client_close(struct ringfort_client *client);

/** ringfort_client_fd() - poll this for POLLIN; it stays owned by the client */
int ringfort_client_fd(const struct ringfort_client *client);

/** ringfort_client_granted() - mask (1ull << type) of what this solution may see */
uint64_t ringfort_client_granted(const struct ringfort_client *client);

/**
 * ringfort_client_subscribe() - choose the types to receive, from now on
 * @types: mask, 1ull << ringfort_type_*; replaces the last choice; 0 for none
 *
 * Hooks in the kernel are attached only for what some solution subscribed to; call
 * ringfort_client_barrier() to be sure that they are.  stream.loss always comes.
 *
 * Return: 0; -EACCES a type is not granted (nothing is changed); -EAGAIN the mailbox is full.
 */
int ringfort_client_subscribe(struct ringfort_client *client, uint64_t types);

/* What a mute looks at. */
enum ringfort_mute {
	RINGFORT_MUTE_EXECUTABLE,  /* process.exe is the value */
	RINGFORT_MUTE_PATH_PREFIX, /* a path of the event begins with the value */
	RINGFORT_MUTE_CGROUP,      /* process.cgroup is the value or below it */
	RINGFORT_MUTE_TYPE,        /* the event is of the type that the value names */
};

/**
 * ringfort_client_mute() - do not deliver events that fit
 * @what:  enum ringfort_mute
 * @value: at most 4095 bytes; copied
 *
 * An event that fits any mute is passed over and counted in n_muted.  Paths never fit events
 * that carry RINGFORT_FILE_FOREIGN_NS.  At most 256 mutes.
 *
 * Return: 0, also when it is there already; -EINVAL; -ENOSPC; -ENOMEM.
 */
int ringfort_client_mute(struct ringfort_client *client, enum ringfort_mute what,
			 const char *value);

/** ringfort_client_unmute() - take a mute back.  Return: 0, or -ENOENT. */
int ringfort_client_unmute(struct ringfort_client *client, enum ringfort_mute what,
			   const char *value);

/**
 * ringfort_client_next() - the next event, without waiting
 * @ret_event: valid until the next call on this client; untouched unless 1 is returned
 *
 * Return: 1 an event; 0 none now; -EPIPE ringfortd has ended the stream.
 */
int ringfort_client_next(struct ringfort_client *client, const struct ringfort_event **ret_event);

/**
 * ringfort_client_barrier() - wait until everything that happened before this call is queued
 * @timeout_ms: at least 1
 *
 * When it returns 0, ringfort_client_next() will deliver (or count as lost) every subscribed
 * event whose act was over before the call, and the hooks of the last subscription are attached.
 * file.modify is reported by the kernel when it likes; it alone is not covered.
 *
 * Return: 0; -ETIMEDOUT; -EAGAIN the mailbox is full.
 */
int ringfort_client_barrier(struct ringfort_client *client, unsigned int timeout_ms);

/**
 * ringfort_client_report() - hand a finding to ringfortd
 *
 * Return: 0; -EINVAL a required field is missing or one is over its ceiling (finding.h);
 *         -EAGAIN the mailbox is full: try again after the next event.
 */
int ringfort_client_report(struct ringfort_client *client, const struct ringfort_finding *finding);

/** ringfort_client_say() - one line, at most 512 bytes, for `ringfort solution`.  0 or -EAGAIN. */
int ringfort_client_say(struct ringfort_client *client, const char *line);

/**
 * ringfort_client_reload_wanted() - has the operator asked for new content?
 *
 * ringfortd has already tried the content in a throw-away process.  Load it, then call
 * ringfort_client_reload_done().  Events wait in the ring meanwhile.
 *
 * Return: 1 the folder content/ was replaced; 0 no.
 */
int ringfort_client_reload_wanted(struct ringfort_client *client);

/** ringfort_client_reload_done() - tell how it went: NULL or "" for well, else the reason */
int ringfort_client_reload_done(struct ringfort_client *client, const char *reason);

struct ringfort_statistics {
	uint32_t size; /* set by the caller to sizeof; later versions append */
	uint32_t reserved;
	uint64_t n_delivered[RINGFORT_MAX_TYPES]; /* returned by ringfort_client_next() */
	uint64_t n_lost[RINGFORT_MAX_TYPES];      /* subscribed, and never to be delivered */
	uint64_t n_muted[RINGFORT_MAX_TYPES];     /* passed over by a mute */
	uint64_t n_reported;                      /* findings */
	uint64_t n_refused;                       /* findings that did not fit the mailbox */
};

/** ringfort_client_statistics() - since ringfort_client_open().  0, or -EINVAL for a bad size. */
int ringfort_client_statistics(const struct ringfort_client *client,
			       struct ringfort_statistics *ret_statistics);

#ifdef __cplusplus
}
#endif

#endif
