/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Net book - the sets of rules that hold, kept over the lives of the gate.
 *
 * A solution says its rules once; the gate that heard them may be killed.  So they are written into memory
 * that the supervisor keeps and does not read, where the next gate finds them.  Two images: the one that
 * does not hold is filled, then the number of the current one is changed, so that a gate that dies in
 * between leaves the old ones whole.
 */
#ifndef RINGFORT_GATE_NET_BOOK_H
#define RINGFORT_GATE_NET_BOOK_H

#include "gate/net-sets.h"

struct net_book;

/** net_book_create() - a sealed memfd with no rules */
int net_book_create(int *ret_fd);

/** net_book_open() - map it; what is no sets of rules is taken for none.  Takes no ownership of fd */
int net_book_open(struct net_book **ret_book, int fd);
struct net_book *net_book_close(struct net_book *book);

/** net_book_now() - what holds; net_book_next() - what to fill, then net_book_turn() */
const struct net_sets *net_book_now(const struct net_book *book);
struct net_sets *net_book_next(struct net_book *book);
void net_book_turn(struct net_book *book);

#endif
