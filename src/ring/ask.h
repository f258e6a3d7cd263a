/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ask - what the gate and one solution say to each other.
 *
 * Two mailboxes, one each way: the gate writes struct ask_request and the path, the solution writes
 * struct ask_answer and struct ask_authorize.  Each side is woken by a byte in a pipe of which it holds
 * the reading end alone: the solution by the one that also tells of news in the ring, the gate by one
 * per solution.  Files travel over a socket of packets, one packet with the request's id and one
 * descriptor, sent before the request that says so; it wakes nobody.
 *
 * Where several solutions must be heard before the gate can allow, all but one are asked quietly: to allow,
 * they leave the answer in their mailbox and the gate sleeps on.  It hears them when the last one wakes it.
 * If one is missing then, the gate leaves the id of that question in the solution's mailbox of answers
 * (mailbox_want()) and looks once more: answers to that one, and to earlier ones, wake it again.  What has
 * not been heard after ASK_QUIET_NS is looked for anyway.  To deny always wakes.
 *
 * The gate believes nothing that the solution writes (see mailbox.h).  As the writer of requests it reads
 * one number that the solution can change, how far it has read: a wrong one costs that solution requests.
 */
#ifndef RINGFORT_RING_ASK_H
#define RINGFORT_RING_ASK_H

#include <stdbool.h>
#include <stdint.h>

/* RINGFORT_ASK="REQUESTS,ANSWERS,FILES,GATE,ACTS,NET": mailbox to read, mailbox to write, socket, pipe to
 * write, masks of acts and of net acts that are granted.  Absent where nothing is. */
#define ASK_VARIABLE "RINGFORT_ASK"
#define ASK_FORMAT "%d,%d,%d,%d,%u,%u"

/* Kinds of messages in either mailbox. */
enum ask_kind {
	ASK_REQUEST = 1, /* gate: struct ask_request, then the path without NUL */
	ASK_ANSWER,      /* solution: struct ask_answer */
	ASK_AUTHORIZE,   /* solution: struct ask_authorize; again when its content is new */
	ASK_NET_RULES,   /* solution: struct ask_net_rule, all that it has, in their order; nothing: none */
};

#define ASK_MAX_PATH 4096u
#define ASK_SHOWN (1ull << 63) /* in ids: nobody waits, an answer is not sent */
#define ASK_QUIET (1ull << 62) /* in ids: to allow wakes nobody, but see below */
/*
 * Of mailbox_unread(): beyond that nothing is shown.  What is shown and not given back counts as unread, so a
 * solution can take all of it and look for questions behind it; hence few enough to hold all their files.
 */
#define ASK_SHOWN_BYTES 3072u
#define ASK_QUIET_NS 1000000ull
#define ASK_REQUEST_HAS_FILE (1u << 31) /* in flags: a descriptor was sent */

struct ask_request {
	uint64_t id;
	uint64_t deadline_ns;
	uint64_t dev, ino, file_size;
	int64_t ctime_ns;
	uint32_t act;
	uint32_t pid;
	uint32_t flags; /* RINGFORT_REQUEST_*, ASK_REQUEST_HAS_FILE */
	uint32_t mode, uid, gid, links;
	uint32_t reserved; /* no padding: that would be bytes of the gate's stack */
};
_Static_assert(sizeof(struct ask_request) == 6 * sizeof(uint64_t) + 8 * sizeof(uint32_t), "no padding");

struct ask_answer {
	uint64_t id;
	uint32_t verdict; /* enum ringfort_verdict */
	uint32_t flags;   /* RINGFORT_ANSWER_* */
};

struct ask_authorize {
	uint32_t acts;
	uint32_t without_files; /* acts of which it does not want the file */
};

/* struct ringfort_net_rule without its size; ask_net_rule_sound() says which bytes are one. */
struct ask_net_rule {
	uint32_t id;
	uint32_t acts;
	uint32_t verdict;
	uint32_t protocol;
	uint32_t family;
	uint8_t ip[16];
	uint32_t prefix;
	uint32_t uid;
	uint16_t port_first, port_last;
	uint32_t reserved;
};

/** ask_net_rule_sound() - is every number of it in range?  Asked by the solution's side and by the gate */
bool ask_net_rule_sound(const struct ask_net_rule *rule);

#endif
