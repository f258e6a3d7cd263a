/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Net gate - our program in the kernel that decides connect, bind and sendto, and its rules.
 *
 *   a solution's bytes -> net-sets (checked) -> net-book (kept) -> net-table (compiled) -> the kernel
 *   a match in the kernel -> numbers, the history of verdicts
 *
 * The program is attached to the root of the cgroups for as long as this lives: when the gate ends, however
 * it ends, nothing is denied until the next one, which begins with the rules that are in the book.  Once it
 * is open it needs no capability: tables are memory that it shares with the kernel.
 *
 * Owned by the gate process, in its thread.  Nothing here waits.
 */
#ifndef RINGFORT_GATE_NET_GATE_H
#define RINGFORT_GATE_NET_GATE_H

#include "gate/history.h"
#include "gate/net-table.h"

#include <stdbool.h>
#include <stdint.h>

struct net_gate;

struct net_gate_options {
	struct history *history; /* the caller's, writable, as long as this lives */
	int book_fd;             /* see net-book.h */
	int denials_fd;          /* map of event/denial.h; -1: nobody is told */
	const char *cgroup_path; /* where cgroup v2 is mounted */
	struct net_protected protect[NET_PROTECTED];
	uint32_t n_protect;
};

/**
 * net_gate_new() - load, attach, let the rules of the book hold
 *
 * Return: 0; -ENOTSUP there is no cgroup v2; -EPERM; or what the kernel said.
 */
int net_gate_new(struct net_gate **ret_net, const struct net_gate_options *options);
struct net_gate *net_gate_free(struct net_gate *net);

/** net_gate_fd() - poll this for POLLIN, then call net_gate_process(), which looks at so much and returns */
int net_gate_fd(const struct net_gate *net);
void net_gate_process(struct net_gate *net);

/** net_gate_up() - a solution that may set rules; those of an earlier life go, unless it fails closed */
void net_gate_up(struct net_gate *net, const struct net_terms *terms);

/**
 * net_gate_down() - it is gone, and its rules with it, unless it fails closed
 * @stopped: by the operator: then they go in any case
 */
void net_gate_down(struct net_gate *net, uint32_t slot, bool stopped);

/** net_gate_take() - its rules, as it wrote them.  Errors of net_sets_replace(): then nothing is changed */
int net_gate_take(struct net_gate *net, uint32_t slot, const void *data, size_t size);

/** net_gate_own() - a process of ours is never denied; or no longer one */
void net_gate_own(struct net_gate *net, uint32_t pid, bool add);

/** net_gate_open() - deny nothing; or decide again */
void net_gate_open(struct net_gate *net, bool open);

#endif
