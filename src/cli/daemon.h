/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Daemon - one request to ringfortd and its answer, over the control socket.
 *
 * The connection is opened for one request and closed after it.  daemon_open() and
 * daemon_next() return errors; daemon_ask() and daemon_complain() tell the user and return the
 * exit code.
 */
#ifndef RINGFORT_CLI_DAEMON_H
#define RINGFORT_CLI_DAEMON_H

#include "cli/cli.h"
#include "wire/wire.h"

#include <stddef.h>
#include <stdint.h>

struct daemon;

/* What arrived; valid until the next call on this daemon. */
struct packet {
	uint32_t kind; /* enum wire_kind */
	size_t size;
	const void *data;
};

/**
 * daemon_open() - connect and send the request
 *
 * Magic and schema hash are filled in here.  The socket does not block afterwards.
 *
 * Return: 0, or a negative errno.
 */
int daemon_open(const char *socket, struct wire_request request, struct daemon **ret_daemon);

/** daemon_close() - NULL is allowed; returns NULL */
struct daemon *daemon_close(struct daemon *daemon);

static inline void daemon_closep(struct daemon **daemon)
{
	daemon_close(*daemon);
}

/** daemon_fd() - poll it for POLLIN */
int daemon_fd(const struct daemon *daemon);

/** daemon_next() - 1 a packet; -EAGAIN none now; -ECONNRESET ringfortd closed; -EBADMSG */
int daemon_next(struct daemon *daemon, struct packet *ret_packet);

/** daemon_end() - what a WIRE_END says, NUL-terminated, and its result; -EBADMSG */
int daemon_end(const struct packet *packet, const char **ret_text, int *ret_result);

/** daemon_complain() - what an error on this socket means and what to do; enum cli_exit */
int daemon_complain(const char *socket, int error);

/** daemon_refusal() - tell why ringfortd said no, and about what ("" for nothing); enum cli_exit */
int daemon_refusal(const char *name, int result, const char *text);

/**
 * daemon_ask() - a request that has an end
 * @timeout_s: longest silence
 * @packet:    called for every packet before WIRE_END; returns enum cli_exit, the worst is kept
 */
int daemon_ask(struct cli *cli, struct wire_request request, int timeout_s,
	       int (*packet)(struct cli *cli, const struct packet *packet, void *context),
	       void *context);

#endif
