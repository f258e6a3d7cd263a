/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Net gate - decides connect, bind and datagrams with an address by the rules of solutions.
 *
 * It asks nobody and waits for nothing.  It runs in the process that acts, also for a request of an
 * io_uring.  Nothing of a solution is in here: its rules are numbers in a table that the gate process has
 * checked and compiled (net-table.h).
 */
#include "net-walk.h"

#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <stdbool.h>

#define ALLOW 1
#define DENY 0
#define TRIES 4 /* tables are written far more slowly than they are read */

#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define IPPROTO_UDPLITE 136
#define IPPROTO_MPTCP 262

#define MAPPED 0xffff00000000ull /* ::ffff:0.0.0.0, its low half */
#define LOOPBACK4 0x7f000001u

enum { CONNECT, BIND, SEND };

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 2);
	__type(key, uint32_t);
	__type(value, struct net_table);
} tables SEC(".maps");

/* Processes of Ringfort's own. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 256);
	__type(key, uint32_t);
	__type(value, uint32_t);
} own SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, DENIAL_ENTRIES);
	__type(key, uint64_t);
	__type(value, struct denial);
} denials SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 262144);
} matches SEC(".maps");

uint32_t active; /* table */
uint32_t acts;   /* that any rule is for, of either table while they change */
uint32_t opened; /* 1: the operator lets everything through */
uint64_t n_untold; /* matches that found their ring full */

/* What comes before this in the program is seen by others before what comes behind, and the reverse. */
static __always_inline void fence(void)
{
	uint64_t word = 0;
	volatile uint64_t seen = __sync_lock_test_and_set(&word, 1);

	(void)seen;
}

static long bisect(uint32_t index, void *search)
{
	net_search_step(search);
	return 0;
}

static long step(uint32_t index, void *walk)
{
	return net_walk_step(walk);
}

static long hear(uint32_t party, void *walk)
{
	return net_walk_hear(walk, party);
}

/* What is decided, copied out of a table that may be another by then. */
struct verdict {
	struct net_match match;
	struct denial denial;
};

static __always_inline void copy_match(struct verdict *verdict, const struct net_table *table, uint32_t index)
{
	const struct net_rule *rule = &table->rules[index & (NET_RULES - 1)];

	verdict->match.rule_id = rule->id;
	verdict->match.slot = rule->slot;
	verdict->match.what = rule->what;
}

/* Functions that are not static the verifier looks at once, not wherever they are called. */
__noinline uint32_t find_node(const struct net_act *act, uint32_t which)
{
	struct net_search search = { .table = bpf_map_lookup_elem(&tables, &which), .step = NET_BOUNDS };

	if (!search.table || !act)
		return NET_NONE;
	search.act = *act;
	bpf_loop(NET_BISECTIONS, bisect, &search, 0);
	return net_search_end(&search);
}

/* 0 where the table was written meanwhile. */
__noinline int decide(const struct net_act *act, struct verdict *verdict)
{
	uint32_t which = *(volatile uint32_t *)&active, version;
	struct net_walk walk = { 0 };
	const struct net_table *table = bpf_map_lookup_elem(&tables, &which);

	if (!table || !act || !verdict)
		return 1;
	walk.act = *act;
	verdict->match.what = 0;
	version = *(volatile const uint32_t *)&table->version;
	fence();
	if (version & 1)
		return 0;
	walk.table = table;
	net_walk_begin(&walk, find_node(act, which));
	bpf_loop(NET_STEPS, step, &walk, 0);
	bpf_loop(table->n_parties < NET_PARTIES ? table->n_parties : NET_PARTIES, hear, &walk, 0);
	if (walk.denied != NET_NONE) {
		copy_match(verdict, table, walk.denied);
		__builtin_memcpy(verdict->denial.text, table->text[walk.denied & (NET_RULES - 1)], DENIAL_TEXT);
	} else if (walk.shadow != NET_NONE) {
		copy_match(verdict, table, walk.shadow);
	}
	fence();
	return *(volatile const uint32_t *)&table->version == version;
}

static __always_inline void tell(const struct net_act *act, struct verdict *verdict, uint32_t number)
{
	struct net_match *match = &verdict->match;

	match->time_ns = bpf_ktime_get_ns();
	match->high = act->high;
	match->low = act->low;
	match->port = act->port;
	match->uid = act->uid;
	match->protocol = act->protocol;
	match->act = number;
	match->pid = bpf_get_current_pid_tgid() >> 32;
	if (bpf_ringbuf_output(&matches, match, sizeof(*match), 0))
		__sync_fetch_and_add(&n_untold, 1);
}

static __always_inline void leave_denial(struct bpf_sock_addr *ctx, struct verdict *verdict, uint32_t number)
{
	uint64_t cookie = bpf_get_socket_cookie(ctx);

	verdict->denial.act = number;
	for (uint32_t i = 0; i < DENIAL_TEXT && verdict->denial.text[i]; i++)
		verdict->denial.length = i + 1;
	bpf_map_update_elem(&denials, &cookie, &verdict->denial, BPF_ANY);
}

__noinline int ask(struct bpf_sock_addr *ctx, const struct net_act *act, uint32_t number)
{
	struct verdict verdict = { 0 };
	int whole = 0;

	if (!act)
		return DENY;
	for (int i = 0; i < TRIES && !whole; i++)
		whole = decide(act, &verdict);
	/* Somebody rewrites the tables as fast as we look: a denial that was missed would be worse. */
	if (!whole)
		return DENY;
	if (!verdict.match.what)
		return ALLOW;
	tell(act, &verdict, number);
	if (verdict.match.what & NET_SHADOW)
		return ALLOW;
	leave_denial(ctx, &verdict, number);
	return DENY;
}

static __always_inline uint8_t protocol_of(const struct bpf_sock_addr *ctx)
{
	uint32_t protocol = ctx->protocol;

	if (protocol == IPPROTO_MPTCP)
		return IPPROTO_TCP;
	return protocol == IPPROTO_UDPLITE ? IPPROTO_UDP : protocol;
}

/* Is there anything to decide?  First of all, since most calls end here. */
static __always_inline bool begin(const struct bpf_sock_addr *ctx, struct net_act *act, uint32_t number)
{
	uint32_t tgid = bpf_get_current_pid_tgid() >> 32;

	if (opened || !(acts >> number & 1) || bpf_map_lookup_elem(&own, &tgid))
		return false;
	act->act = 1u << number;
	act->uid = (uint32_t)bpf_get_current_uid_gid();
	act->port = bpf_ntohs((uint16_t)ctx->user_port);
	act->protocol = protocol_of(ctx);
	return true;
}

/* The compiler knows that ask() says 0 or 1; the verifier has to be shown. */
static __always_inline int asked(struct bpf_sock_addr *ctx, const struct net_act *act, uint32_t number)
{
	volatile int verdict = ask(ctx, act, number);

	return verdict == ALLOW ? ALLOW : DENY;
}

/* For others than bind the kernel takes "any" for the host itself. */
static __always_inline int ask4(struct bpf_sock_addr *ctx, struct net_act *act, uint32_t ip, uint32_t number)
{
	if (ip == 0 && number != BIND)
		ip = LOOPBACK4;
	act->family = NET_IP4;
	act->high = 0;
	act->low = MAPPED | ip;
	return asked(ctx, act, number);
}

static __always_inline int ask6(struct bpf_sock_addr *ctx, struct net_act *act, uint64_t high, uint64_t low,
				uint32_t number)
{
	if (high == 0 && low >> 32 == MAPPED >> 32)
		return ask4(ctx, act, (uint32_t)low, number);
	if (high == 0 && low == 0 && number != BIND)
		low = 1;
	act->family = NET_IP6;
	act->high = high;
	act->low = low;
	return asked(ctx, act, number);
}

static __always_inline int on_ip4(struct bpf_sock_addr *ctx, uint32_t number)
{
	struct net_act act = { 0 };

	return begin(ctx, &act, number) ? ask4(ctx, &act, bpf_ntohl(ctx->user_ip4), number) : ALLOW;
}

static __always_inline int on_ip6(struct bpf_sock_addr *ctx, uint32_t number)
{
	struct net_act act = { 0 };
	uint64_t high, low;

	if (!begin(ctx, &act, number))
		return ALLOW;
	high = (uint64_t)bpf_ntohl(ctx->user_ip6[0]) << 32 | bpf_ntohl(ctx->user_ip6[1]);
	low = (uint64_t)bpf_ntohl(ctx->user_ip6[2]) << 32 | bpf_ntohl(ctx->user_ip6[3]);
	/* A socket bound to any IPv6 address is reached over IPv4 as well, unless it was told otherwise. */
	if (number == BIND && high == 0 && low == 0 && ask4(ctx, &act, 0, number) == DENY)
		return DENY;
	return ask6(ctx, &act, high, low, number);
}

SEC("cgroup/connect4")
int net_connect4(struct bpf_sock_addr *ctx)
{
	return on_ip4(ctx, CONNECT);
}

SEC("cgroup/connect6")
int net_connect6(struct bpf_sock_addr *ctx)
{
	return on_ip6(ctx, CONNECT);
}

SEC("cgroup/bind4")
int net_bind4(struct bpf_sock_addr *ctx)
{
	return on_ip4(ctx, BIND);
}

SEC("cgroup/bind6")
int net_bind6(struct bpf_sock_addr *ctx)
{
	return on_ip6(ctx, BIND);
}

SEC("cgroup/sendmsg4")
int net_sendmsg4(struct bpf_sock_addr *ctx)
{
	return on_ip4(ctx, SEND);
}

SEC("cgroup/sendmsg6")
int net_sendmsg6(struct bpf_sock_addr *ctx)
{
	return on_ip6(ctx, SEND);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
