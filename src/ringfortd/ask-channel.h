/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ask channel - the descriptors through which the gate asks one solution (ring/ask.h).
 *
 * The supervisor makes them when the solution is born, and keeps the gate's ends for as long as that
 * lives: a gate that is started again asks through the same.  It reads and maps none of them.
 */
#ifndef RINGFORT_RINGFORTD_ASK_CHANNEL_H
#define RINGFORT_RINGFORTD_ASK_CHANNEL_H

#define ASK_REQUESTS_TARGET 6
#define ASK_ANSWERS_TARGET 7
#define ASK_FILES_TARGET 8
#define ASK_GATE_TARGET 9

struct ask_channel {
	int requests, answers; /* mailboxes: one memory for both sides */
	int files;             /* the gate's end of the socket */
	int woken;             /* the gate's end of its pipe, to read */
	int solution_files;    /* the solution's ends, until it has them */
	int solution_wake;
};

#define ASK_CHANNEL_NONE ((struct ask_channel){ -1, -1, -1, -1, -1, -1 })

/** ask_channel_open() - 0, or a negative errno and nothing is left */
int ask_channel_open(struct ask_channel *ret_channel);

/** ask_channel_born() - the solution has its ends: close ours of them */
void ask_channel_born(struct ask_channel *channel);
void ask_channel_close(struct ask_channel *channel);

#endif
