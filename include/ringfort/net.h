/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Net - a solution's rules of what may be connected, bound and sent to.
 *
 * Nobody is asked about a connection: where an operator lets it, a solution sets rules, and a program of
 * Ringfort in the kernel decides by them, at once and for every process of the host, whatever became of
 * the solution meanwhile.  Rules are looked at in their order, the first that fits is the solution's
 * answer; where none fits it allows.  The most restrictive answer of all solutions is the verdict: what is
 * denied fails with EPERM.  Rules of a solution in shadow are counted and deny nothing.
 *
 * What a rule is compared with:
 *   - the address that the program gave.  For connect and send 0.0.0.0 and :: mean the loopback, as they do
 *     in the kernel, and ::ffff:192.0.2.1 is the IPv4 address 192.0.2.1.  To bind :: is to bind 0.0.0.0 as
 *     well, so rules of both families hold
 *   - the user that acts (the real uid), not the one who made the socket
 *   - for send: datagrams with an address of their own.  What a connected socket sends was decided when
 *     it was connected
 *
 * Raw and packet sockets, UNIX sockets and connections that the host accepts are not decided here.
 * Ringfort's own processes are never denied, nor is what the operator protects (gate: net_protect).
 */
#ifndef RINGFORT_NET_H
#define RINGFORT_NET_H

#include <ringfort/verdict.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * What rules are for; masks of them are 1u << number.  These are no enum ringfort_act: nobody is asked
 * about them, so they have no requests, no deadlines and no miss, and no mask may hold both.
 */
enum ringfort_net_act {
	RINGFORT_NET_CONNECT, /* "net.connect" */
	RINGFORT_NET_BIND,    /* "net.bind" */
	RINGFORT_NET_SEND,    /* "net.send": a datagram to an address, on a socket that is not connected */
	_RINGFORT_NET_ACT_N
};

#define RINGFORT_NET_MAX_RULES 1024u /* of one solution; all 31 that may have any: 1984 */
#define RINGFORT_NET_ANY_UID UINT32_MAX

struct ringfort_net_rule {
	uint32_t size;       /* of this struct, as the solution knows it; later versions append */
	uint32_t id;         /* the solution's own number: events and `ringfort why` tell it */
	uint32_t acts;       /* mask, 1u << enum ringfort_net_act; not 0 */
	uint32_t verdict;    /* enum ringfort_verdict */
	uint32_t protocol;   /* 0 any, IPPROTO_TCP (MPTCP too), IPPROTO_UDP (UDP-Lite too) */
	uint32_t family;     /* AF_INET, AF_INET6; AF_UNSPEC both, with prefix 0 */
	uint8_t ip[16];      /* IPv4 in the first four bytes; bits behind the prefix are 0 */
	uint32_t prefix;     /* bits of ip that count: up to 32 or 128 */
	uint32_t uid;        /* who acts, or RINGFORT_NET_ANY_UID */
	uint16_t port_first; /* host order; 0 to 65535: any */
	uint16_t port_last;
	uint32_t reserved;   /* 0 */
};

/** ringfort_client_net_granted() - mask (1u << act) of what the operator lets this solution's rules decide */
uint32_t ringfort_client_net_granted(const struct ringfort_client *client);

/**
 * ringfort_client_net_set() - replace all rules of this solution at once
 * @rules: n of them, an array; each has the same size
 * @n:     at most RINGFORT_NET_MAX_RULES; 0: none
 *
 * Every act is decided by the old rules or by the new, never by a part of them or by none.  The new hold
 * within a quarter of a second; `ringfort gate status` shows how many do.  Where the rules of all solutions
 * together are too many, the old ones stay and the operator is told.
 *
 * When the solution ends its rules end, unless its miss mode is fail-closed: then they hold until it sets
 * others or the operator stops it.
 *
 * Return: 0; -EINVAL a rule is none; -EACCES an act is not granted; -E2BIG; -ENOMEM; -EAGAIN the
 *         mailbox is full.  On failure nothing is changed.
 */
int ringfort_client_net_set(struct ringfort_client *client, const struct ringfort_net_rule *rules, uint32_t n);

#ifdef __cplusplus
}
#endif

#endif
