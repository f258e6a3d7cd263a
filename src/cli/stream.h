/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stream - follow what ringfortd sends, for `events` and `findings`.
 *
 * One loop: packets as they come, flushed per batch; the end by --count, by --timeout, by the
 * daemon, or because nobody reads our output any more.  With a footer the loop also keeps that
 * current and gives the terminal back on Ctrl-C.
 */
#ifndef RINGFORT_CLI_STREAM_H
#define RINGFORT_CLI_STREAM_H

#include "cli/cli.h"
#include "cli/daemon.h"

/**
 * stream_run() - send the request and follow its answer
 * @footer: keep a line at the bottom of the terminal
 * @packet: prints one packet; 1 counts for --count, 0 does not, -EBADMSG it makes no sense
 *
 * Return: enum cli_exit.
 */
int stream_run(struct cli *cli, struct wire_request request, bool footer,
	       int (*packet)(struct cli *cli, const struct packet *packet, void *context),
	       void *context);

#endif
