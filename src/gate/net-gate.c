/* SPDX-License-Identifier: Apache-2.0 */
/* Net gate - loads and attaches the program, publishes tables, hears of matches. */
#include "gate/net-gate.h"

#include "base/cleanup.h"
#include "gate/net-book.h"
#include "net-gate.skel.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <ringfort/net.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

/*
 * Between two tables: the one that is written has not been active for so long, so that whoever still reads
 * it was held up in the midst of a microsecond.  He sees its version change, and looks again.
 */
#define PUBLISH_NS 50000000ull
#define MATCHES_A_TURN 256
#define KEPT_A_SECOND 20 /* in the history: who is denied without end shall not push out all else */
#define TABLES 2

struct net_gate {
	struct net_gate_options options;
	struct history_numbers *numbers;
	struct net_book *book;
	struct net_gate_bpf *bpf;
	struct ring_buffer *matches;
	struct net_table *tables; /* shared with the kernel */
	size_t tables_bytes;
	struct net_terms terms[DECISION_VOICES];
	bool up[DECISION_VOICES];
	bool due;              /* the kernel has older rules than the book */
	uint64_t published_ns;
	uint64_t second_ns;    /* when the window of kept matches began */
	uint32_t n_kept;       /* in it */
	uint32_t n_turn;       /* matches that this turn has heard of */
	int epoll_fd, timer_fd;
};

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

/* ---- rules to the kernel ---------------------------------------------------------------------- */

static void fence(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void store(uint32_t *word, uint32_t value)
{
	__atomic_store_n(word, value, __ATOMIC_SEQ_CST);
}

/* Acts first, so that nobody who should look at the new table passes by it. */
static void publish(struct net_gate *net)
{
	uint32_t next = !net->bpf->bss->active;
	struct net_table *table = &net->tables[next];
	const struct net_sets *sets = net_book_now(net->book);

	store(&table->version, table->version + 1);
	fence();
	net_compile(table, sets, net->options.protect, net->options.n_protect);
	fence();
	store(&table->version, table->version + 1);
	store(&net->bpf->bss->acts, net->bpf->bss->acts | table->acts);
	store(&net->bpf->bss->active, next);
	store(&net->bpf->bss->acts, table->acts);
	net->due = false;
	net->published_ns = clock_ns(CLOCK_MONOTONIC);
	for (uint32_t slot = 0; slot < DECISION_VOICES; slot++)
		net->numbers->voices[slot].n_net_rules = sets->of[slot].n;
}

static void arm_timer(struct net_gate *net, uint64_t at_ns)
{
	const struct itimerspec at = { .it_value = { .tv_sec = (time_t)(at_ns / 1000000000),
						     .tv_nsec = (long)(at_ns % 1000000000) } };

	timerfd_settime(net->timer_fd, TFD_TIMER_ABSTIME, &at, NULL);
}

/* The book has other rules: now, or as soon as a table may be written. */
static void changed(struct net_gate *net)
{
	net_book_turn(net->book);
	if (net->due)
		return;
	net->due = true;
	if (clock_ns(CLOCK_MONOTONIC) - net->published_ns >= PUBLISH_NS)
		publish(net);
	else
		arm_timer(net, net->published_ns + PUBLISH_NS);
}

static void drop(struct net_gate *net, uint32_t slot)
{
	const struct net_sets *sets = net_book_now(net->book);

	if (sets->of[slot].n == 0)
		return;
	net_sets_drop(net_book_next(net->book), sets, slot);
	changed(net);
}

void net_gate_up(struct net_gate *net, const struct net_terms *terms)
{
	const struct net_set *set = &net_book_now(net->book)->of[terms->slot];
	bool stays = set->terms.run == terms->run || terms->miss == DECISION_FAIL_CLOSED;

	net->terms[terms->slot] = *terms;
	net->up[terms->slot] = true;
	if (!stays || !terms->granted)
		drop(net, terms->slot);
}

void net_gate_down(struct net_gate *net, uint32_t slot, bool stopped)
{
	net->up[slot] = false;
	if (stopped || net_book_now(net->book)->of[slot].terms.miss != DECISION_FAIL_CLOSED)
		drop(net, slot);
}

int net_gate_take(struct net_gate *net, uint32_t slot, const void *data, size_t size)
{
	int r;

	if (!net->up[slot] || !net->terms[slot].granted)
		return -EBADMSG;
	r = net_sets_replace(net_book_next(net->book), net_book_now(net->book), &net->terms[slot], data, size);
	if (r < 0)
		net->numbers->voices[slot].n_net_refused++;
	else
		changed(net);
	return r;
}

void net_gate_own(struct net_gate *net, uint32_t pid, bool add)
{
	int map = bpf_map__fd(net->bpf->maps.own);
	uint32_t one = 1;

	/* A full map belongs to more processes of ours than there can be. */
	if (add)
		bpf_map_update_elem(map, &pid, &one, BPF_ANY);
	else
		bpf_map_delete_elem(map, &pid);
}

void net_gate_open(struct net_gate *net, bool open)
{
	store(&net->bpf->bss->opened, open);
}

/* ---- matches ------------------------------------------------------------------------------------ */

static const char *protocol_name(uint8_t protocol)
{
	return protocol == IPPROTO_TCP ? "tcp" : protocol == IPPROTO_UDP ? "udp" : "ip";
}

/* "tcp [::1]:443, rule 7", where other verdicts have a path */
static void describe(char ret_text[HISTORY_PATH], const struct net_match *match)
{
	uint64_t halves[2] = { htobe64(match->high), htobe64(match->low) };
	char address[INET6_ADDRSTRLEN];
	struct in6_addr ip;

	memcpy(&ip, halves, sizeof(ip));
	if (IN6_IS_ADDR_V4MAPPED(&ip)) {
		inet_ntop(AF_INET, &ip.s6_addr[12], address, sizeof(address));
		snprintf(ret_text, HISTORY_PATH, "%s %s:%u, rule %u", protocol_name(match->protocol), address,
			 match->port, match->rule_id);
		return;
	}
	inet_ntop(AF_INET6, &ip, address, sizeof(address));
	snprintf(ret_text, HISTORY_PATH, "%s [%s]:%u, rule %u", protocol_name(match->protocol), address, match->port,
		 match->rule_id);
}

static bool to_be_kept(struct net_gate *net)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC);

	if (now - net->second_ns >= 1000000000ull) {
		net->second_ns = now;
		net->n_kept = 0;
	}
	return net->n_kept < KEPT_A_SECOND && ++net->n_kept;
}

static void keep(struct net_gate *net, const struct net_match *match, bool shadow)
{
	struct history_entry entry = {
		.time_ns = clock_ns(CLOCK_REALTIME),
		.act = HISTORY_NET_ACT + match->act,
		.verdict = shadow ? RINGFORT_VERDICT_ALLOW : RINGFORT_VERDICT_DENY,
		.pid = match->pid,
		.n_reasons = 1,
		.n_voices = 1,
	};

	describe(entry.path, match);
	entry.reasons[0] = (struct decision_voice){ .slot = match->slot,
						    .mode = shadow ? DECISION_SHADOW : DECISION_ENFORCE,
						    .answer = DECISION_DENY };
	history_add(net->options.history, &entry);
}

static int on_match(void *userdata, void *data, size_t size)
{
	struct net_gate *net = userdata;
	const struct net_match *match = data;
	bool shadow = match->what & NET_SHADOW;
	struct history_voice *voice = &net->numbers->voices[match->slot % DECISION_VOICES];

	if (shadow)
		voice->n_net_shadow++;
	else
		voice->n_net_denied++;
	if (to_be_kept(net))
		keep(net, match, shadow);
	return ++net->n_turn >= MATCHES_A_TURN ? -EAGAIN : 0;
}

void net_gate_process(struct net_gate *net)
{
	uint64_t n_expirations;

	net->n_turn = 0;
	ring_buffer__consume(net->matches);
	net->numbers->n_net_untold = net->bpf->bss->n_untold;
	if (read(net->timer_fd, &n_expirations, sizeof(n_expirations)) > 0 && net->due)
		publish(net);
}

int net_gate_fd(const struct net_gate *net)
{
	return net->epoll_fd;
}

/* ---- life ----------------------------------------------------------------------------------------- */

static int map_tables(struct net_gate *net)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *map;

	net->tables_bytes = (TABLES * sizeof(struct net_table) + page - 1) & ~(page - 1);
	map = mmap(NULL, net->tables_bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
		   bpf_map__fd(net->bpf->maps.tables), 0);
	if (map == MAP_FAILED)
		return -errno;
	net->tables = map;
	return 0;
}

static int load(struct net_gate *net)
{
	int r = 0;

	net->bpf = net_gate_bpf__open();
	if (!net->bpf)
		return -errno;
	if (net->options.denials_fd >= 0)
		r = bpf_map__reuse_fd(net->bpf->maps.denials, net->options.denials_fd);
	if (r == 0)
		r = net_gate_bpf__load(net->bpf);
	if (r == 0)
		r = map_tables(net);
	if (r < 0)
		return r;
	net->matches = ring_buffer__new(bpf_map__fd(net->bpf->maps.matches), on_match, net, NULL);
	return net->matches ? 0 : -errno;
}

/* Beside what others have there: each program must allow. */
static int attach(struct net_gate *net)
{
	struct net_gate_bpf *bpf = net->bpf;
	struct {
		struct bpf_program *program;
		struct bpf_link **link;
	} places[] = {
		{ bpf->progs.net_connect4, &bpf->links.net_connect4 },
		{ bpf->progs.net_connect6, &bpf->links.net_connect6 },
		{ bpf->progs.net_bind4, &bpf->links.net_bind4 },
		{ bpf->progs.net_bind6, &bpf->links.net_bind6 },
		{ bpf->progs.net_sendmsg4, &bpf->links.net_sendmsg4 },
		{ bpf->progs.net_sendmsg6, &bpf->links.net_sendmsg6 },
	};
	_cleanup_(closep) int root = -1;

	if (!net->options.cgroup_path)
		return -ENOTSUP;
	root = open(net->options.cgroup_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return -errno;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		*places[i].link = bpf_program__attach_cgroup(places[i].program, root);
		if (!*places[i].link)
			return -errno;
	}
	return 0;
}

static int watch(struct net_gate *net, int fd)
{
	struct epoll_event event = { .events = EPOLLIN };

	return epoll_ctl(net->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static int open_descriptors(struct net_gate *net)
{
	int r;

	net->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	net->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (net->epoll_fd < 0 || net->timer_fd < 0)
		return -errno;
	r = watch(net, net->timer_fd);
	return r < 0 ? r : watch(net, ring_buffer__epoll_fd(net->matches));
}

static void net_gate_freep(struct net_gate **net)
{
	net_gate_free(*net);
}

/* What is in the book holds before the program can be asked, and we ourselves are known to it. */
int net_gate_new(struct net_gate **ret_net, const struct net_gate_options *options)
{
	_cleanup_(net_gate_freep) struct net_gate *net = calloc(1, sizeof(*net));
	int r;

	if (!net)
		return -ENOMEM;
	net->options = *options;
	net->numbers = history_numbers(options->history);
	net->epoll_fd = net->timer_fd = -1;
	r = net_book_open(&net->book, options->book_fd);
	if (r == 0)
		r = load(net);
	if (r == 0)
		r = open_descriptors(net);
	if (r < 0)
		return r;
	net_gate_own(net, (uint32_t)getpid(), true);
	net_gate_own(net, (uint32_t)getppid(), true);
	publish(net);
	r = attach(net);
	if (r < 0)
		return r;
	*ret_net = take_ptr(net);
	return 0;
}

struct net_gate *net_gate_free(struct net_gate *net)
{
	if (!net)
		return NULL;
	ring_buffer__free(net->matches);
	if (net->tables)
		munmap(net->tables, net->tables_bytes);
	net_gate_bpf__destroy(net->bpf);
	close_fd(net->timer_fd);
	close_fd(net->epoll_fd);
	net_book_close(net->book);
	free(net);
	return NULL;
}
