/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program in this kernel: a cgroup of the test's own, a child in it that acts, rules that change.
 *
 * Only that cgroup is ruled.  Needs root, cgroup v2 and BPF: where they are missing it says so and is
 * skipped.  With the argument "measure": what a connect costs, by number of rules.
 */
#undef NDEBUG
#include "base/cleanup.h"
#include "gate/net-book.h"
#include "gate/net-gate.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <ringfort/net.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SKIP 77
#define ROUNDS 5000 /* of a measurement */
#define A_ROUND 50
#define CGROUP2_MAGIC 0x63677270
#define CONNECT (1u << RINGFORT_NET_CONNECT)
#define BIND (1u << RINGFORT_NET_BIND)
#define SEND (1u << RINGFORT_NET_SEND)
#define ALL (CONNECT | BIND | SEND)

static char cgroup[128];
static struct net_gate *net;
static struct history *history;
static int book_fd;

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---- the world -------------------------------------------------------------------------------- */

static void remove_cgroup(void)
{
	for (int i = 0; i < 100 && rmdir(cgroup) < 0 && errno == EBUSY; i++)
		usleep(20000);
}

static bool make_cgroup(void)
{
	static const char *const places[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
	struct statfs fs;

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (statfs(places[i], &fs) < 0 || (uint32_t)fs.f_type != CGROUP2_MAGIC)
			continue;
		snprintf(cgroup, sizeof(cgroup), "%s/ringfort-test-net-%d", places[i], getpid());
		return mkdir(cgroup, 0755) == 0;
	}
	return false;
}

static int open_net(void)
{
	struct net_gate_options options = { .history = history, .book_fd = book_fd, .denials_fd = -1,
					    .cgroup_path = cgroup };
	int r;

	options.protect[0] = (struct net_protected){ { AF_INET, 32, { 127, 9, 9, 53 } }, 53, 53, 0 };
	options.n_protect = 1;
	r = net_gate_new(&net, &options);
	if (r == 0)
		net_gate_up(net, &(struct net_terms){ .slot = 4, .run = 1, .granted = ALL, .name = "test" });
	return r;
}

static struct history_voice voice_now(void)
{
	struct history_numbers numbers;

	net_gate_process(net);
	history_read_numbers(history, &numbers);
	return numbers.voices[4];
}

/* Until the kernel has them. */
static void set_rules(const struct ask_net_rule *rules, uint32_t n)
{
	struct pollfd due = { .fd = net_gate_fd(net), .events = POLLIN };
	/* Of two sets with as many rules the number does not tell. */
	uint64_t until = now_ns() + 200000000u;

	assert(net_gate_take(net, 4, rules, n * sizeof(*rules)) == 0);
	while (now_ns() < until || voice_now().n_net_rules != n) {
		assert(now_ns() < until + 5000000000u);
		poll(&due, 1, 20);
		net_gate_process(net);
	}
}

static struct ask_net_rule deny(const char *text)
{
	struct ask_net_rule rule = { .id = 7, .acts = CONNECT, .verdict = RINGFORT_VERDICT_DENY,
				     .uid = RINGFORT_NET_ANY_UID, .port_last = 65535 };
	struct prefix prefix = { 0 };

	assert(!text || prefix_parse(&prefix, text) == 0);
	rule.family = prefix.family;
	rule.prefix = prefix.bits;
	memcpy(rule.ip, prefix.ip, sizeof(rule.ip));
	return rule;
}

/* ---- acts ---------------------------------------------------------------------------------------- */

struct act {
	int type; /* SOCK_STREAM, SOCK_DGRAM */
	int domain; /* of the socket */
	uint32_t act;
	const char *ip;
	uint16_t port;
	uid_t uid;
};

static socklen_t fill(struct sockaddr_storage *address, const struct act *act)
{
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)address;
	struct sockaddr_in *four = (struct sockaddr_in *)address;

	memset(address, 0, sizeof(*address));
	if (act->domain == AF_INET) {
		four->sin_family = AF_INET;
		four->sin_port = htons(act->port);
		assert(inet_pton(AF_INET, act->ip, &four->sin_addr) == 1);
		return sizeof(*four);
	}
	six->sin6_family = AF_INET6;
	six->sin6_port = htons(act->port);
	assert(inet_pton(AF_INET6, act->ip, &six->sin6_addr) == 1);
	return sizeof(*six);
}

static int perform(const struct act *act)
{
	struct sockaddr_storage address;
	socklen_t size = fill(&address, act);
	_cleanup_(closep) int fd = socket(act->domain, act->type | SOCK_CLOEXEC, 0);
	int r;

	if (fd < 0)
		return errno;
	if (act->act == CONNECT)
		r = connect(fd, (struct sockaddr *)&address, size);
	else if (act->act == BIND)
		r = bind(fd, (struct sockaddr *)&address, size);
	else
		r = sendto(fd, "x", 1, 0, (struct sockaddr *)&address, size) < 0 ? -1 : 0;
	return r < 0 ? errno : 0;
}

static void enter_cgroup(void)
{
	char path[160];
	int fd;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
	fd = open(path, O_WRONLY);
	assert(fd >= 0 && write(fd, "0", 1) == 1);
	close(fd);
}

/* In a child: the test itself is a process of Ringfort's own, and outside of the cgroup. */
static bool is_denied(struct act act)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		enter_cgroup();
		if (act.uid)
			assert(setresuid(act.uid, act.uid, act.uid) == 0);
		_exit(perform(&act));
	}
	assert(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	return WEXITSTATUS(status) == EPERM;
}

static struct act tcp(const char *ip, uint16_t port)
{
	return (struct act){ SOCK_STREAM, strchr(ip, ':') ? AF_INET6 : AF_INET, CONNECT, ip, port, 0 };
}

static struct act udp(const char *ip, uint32_t act)
{
	return (struct act){ SOCK_DGRAM, strchr(ip, ':') ? AF_INET6 : AF_INET, act, ip, 9, 0 };
}

static struct act binding(const char *ip, uint16_t port)
{
	return (struct act){ SOCK_STREAM, strchr(ip, ':') ? AF_INET6 : AF_INET, BIND, ip, port, 0 };
}

static struct act by(uid_t uid, struct act act)
{
	act.uid = uid;
	return act;
}

/* ---- sentences ------------------------------------------------------------------------------------- */

static void connects_are_denied_by_prefix_in_both_families(void)
{
	struct ask_net_rule rules[] = { deny("127.9.0.0/16"), deny("::1") };

	assert(!is_denied(tcp("127.9.0.1", 9)) && !is_denied(tcp("::1", 9)));
	set_rules(rules, 2);
	assert(is_denied(tcp("127.9.0.1", 9)) && is_denied(tcp("127.9.255.255", 9)) && !is_denied(tcp("127.8.0.1", 9)));
	assert(is_denied(tcp("::1", 9)) && !is_denied(tcp("::2", 9)));
	assert(is_denied(udp("127.9.0.1", CONNECT)));
	set_rules(NULL, 0);
	assert(!is_denied(tcp("127.9.0.1", 9)) && !is_denied(tcp("::1", 9)));
}

static void an_address_has_no_second_spelling(void)
{
	struct ask_net_rule rules[] = { deny("127.0.0.0/8"), deny("::1") };

	set_rules(rules, 2);
	assert(is_denied(tcp("::ffff:127.0.0.1", 9)));
	assert(is_denied(tcp("0.0.0.0", 9)) && is_denied(tcp("::", 9)) && is_denied(tcp("::ffff:0.0.0.0", 9)));
}

static void protocol_port_and_user_are_looked_at(void)
{
	struct ask_net_rule rule = deny("127.9.0.0/16");

	rule.protocol = IPPROTO_TCP;
	rule.port_first = 100;
	rule.port_last = 102;
	rule.uid = 12345;
	set_rules(&rule, 1);
	assert(is_denied(by(12345, tcp("127.9.0.1", 100))));
	assert(is_denied(by(12345, tcp("127.9.0.1", 102))));
	assert(!is_denied(by(12345, tcp("127.9.0.1", 99))));
	assert(!is_denied(by(12345, tcp("127.9.0.1", 103))));
	assert(!is_denied(by(12346, tcp("127.9.0.1", 100))));
	assert(!is_denied(tcp("127.9.0.1", 100)));
	assert(!is_denied(by(12345, udp("127.9.0.1", CONNECT))));
}

static void datagrams_with_an_address_are_sends(void)
{
	struct ask_net_rule rules[] = { deny("127.9.0.0/16"), deny("::1") };

	rules[0].acts = rules[1].acts = SEND;
	set_rules(rules, 2);
	assert(is_denied(udp("127.9.0.1", SEND)) && !is_denied(udp("127.8.0.1", SEND)) && is_denied(udp("::1", SEND)));
	assert(is_denied(udp("::ffff:127.9.0.1", SEND)));
	assert(!is_denied(tcp("127.9.0.1", 9)) && !is_denied(udp("127.9.0.1", CONNECT)));
}

static void binds_are_denied_and_any_ipv6_is_any_ipv4_too(void)
{
	struct ask_net_rule rules[] = { deny("127.9.0.0/16"), deny("0.0.0.0") };

	rules[0].acts = rules[1].acts = BIND;
	rules[1].port_first = rules[1].port_last = 40123;
	set_rules(rules, 2);
	assert(is_denied(binding("127.9.0.1", 0)) && !is_denied(binding("127.8.0.1", 0)));
	assert(is_denied(binding("0.0.0.0", 40123)));
	assert(is_denied(binding("::", 40123)) && !is_denied(binding("::", 40124)));
	assert(!is_denied(tcp("127.9.0.1", 9)));
}

static void the_operators_word_and_our_own_come_first(void)
{
	struct ask_net_rule rule = deny(NULL);
	pid_t pid;
	int status, ends[2];

	set_rules(&rule, 1);
	assert(is_denied(tcp("127.9.9.53", 52)) && !is_denied(tcp("127.9.9.53", 53)));
	assert(pipe(ends) == 0);
	pid = fork();
	if (pid == 0) {
		char byte;

		enter_cgroup();
		assert(read(ends[0], &byte, 1) == 1);
		_exit(perform(&(struct act){ SOCK_STREAM, AF_INET, CONNECT, "127.9.0.1", 9, 0 }));
	}
	net_gate_own(net, (uint32_t)pid, true);
	assert(write(ends[1], "", 1) == 1);
	assert(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == ECONNREFUSED);
	net_gate_own(net, (uint32_t)pid, false);
	net_gate_open(net, true);
	assert(!is_denied(tcp("127.9.0.1", 9)));
	net_gate_open(net, false);
	assert(is_denied(tcp("127.9.0.1", 9)));
}

static void each_denial_is_counted_and_told(void)
{
	struct ask_net_rule rule = deny("127.9.0.0/16");
	struct history_voice before;
	struct history_entry entry;

	set_rules(&rule, 1);
	before = voice_now();
	sleep(1);
	assert(is_denied(tcp("127.9.0.1", 4711)));
	assert(voice_now().n_net_denied == before.n_net_denied + 1);
	assert(history_find(history, 0, "tcp 127.9.0.1:4711, rule 7", 0, &entry) == 1);
	assert(entry.act == HISTORY_NET_ACT + RINGFORT_NET_CONNECT && entry.verdict == RINGFORT_VERDICT_DENY);
	assert(entry.n_reasons == 1 && entry.reasons[0].slot == 4 && entry.pid > 0);
}

static void the_next_gate_begins_with_the_rules_of_the_last(void)
{
	struct ask_net_rule rule = deny("127.9.0.0/16");

	set_rules(&rule, 1);
	net = net_gate_free(net);
	assert(!is_denied(tcp("127.9.0.1", 9)));
	assert(open_net() == 0);
	assert(is_denied(tcp("127.9.0.1", 9)));
	net_gate_up(net, &(struct net_terms){ .slot = 4, .run = 2, .granted = ALL, .name = "test" });
	usleep(100000);
	net_gate_process(net);
	assert(!is_denied(tcp("127.9.0.1", 9)));
}

static void go(struct net_terms terms, bool stopped, bool still_denied)
{
	struct ask_net_rule rule = deny("127.9.0.0/16");

	net_gate_up(net, &terms);
	set_rules(&rule, 1);
	net_gate_down(net, 4, stopped);
	usleep(100000);
	net_gate_process(net);
	assert(is_denied(tcp("127.9.0.1", 9)) == still_denied);
}

static void rules_go_with_their_solution_unless_it_fails_closed(void)
{
	struct net_terms terms = { .slot = 4, .run = 3, .granted = ALL, .name = "test" };

	go(terms, false, false);
	terms.miss = DECISION_FAIL_CLOSED;
	go(terms, false, true);
	go(terms, true, false);
	terms.miss = DECISION_FAIL_OPEN;
	net_gate_up(net, &terms);
}

/* Both sets deny; a connect that passes has seen none, or a part of one. */
static void no_connect_sees_a_set_that_is_not_whole(void)
{
	static struct ask_net_rule rules[RINGFORT_NET_MAX_RULES];
	uint64_t until = now_ns() + 2000000000u;
	uint32_t n_sets = 0, counts[2], n;
	int ends[2], status;
	pid_t pid;

	for (uint32_t i = 0; i < RINGFORT_NET_MAX_RULES; i++) {
		rules[i] = deny("127.9.0.0/16");
		rules[i].ip[1] = (uint8_t)(i < 512 ? 10 : 9);
		rules[i].acts = ALL;
	}
	set_rules(rules, RINGFORT_NET_MAX_RULES);
	assert(pipe2(ends, O_CLOEXEC) == 0);
	pid = fork();
	if (pid == 0) {
		const struct act act = udp("127.9.0.1", SEND);
		uint32_t seen[2] = { 0 };

		enter_cgroup();
		while (now_ns() < until)
			seen[perform(&act) == EPERM]++;
		assert(write(ends[1], seen, sizeof(seen)) == sizeof(seen));
		_exit(0);
	}
	for (; now_ns() < until - 300000000u; n_sets++) {
		/* One and 1024 rules by turns, at the front and at the end. */
		n = n_sets % 2 ? RINGFORT_NET_MAX_RULES : 1;
		assert(net_gate_take(net, 4, n == 1 ? &rules[512] : rules, n * sizeof(rules[0])) == 0);
		usleep(200);
		net_gate_process(net);
	}
	assert(read(ends[0], counts, sizeof(counts)) == sizeof(counts));
	assert(waitpid(pid, &status, 0) == pid && status == 0);
	printf("%u sends during %u sets: %u passed\n", counts[0] + counts[1], n_sets, counts[0]);
	assert(counts[0] == 0 && counts[1] > 1000 && n_sets > 100);
}

/* ---- what it costs ------------------------------------------------------------------------------------ */

static double measure_ns(void)
{
	struct sockaddr_storage address;
	const struct act act = udp("127.77.0.1", CONNECT);
	socklen_t size = fill(&address, &act);
	int ends[2], status;
	double ns;
	pid_t pid;

	assert(pipe(ends) == 0);
	pid = fork();
	if (pid == 0) {
		double best = 1e9;
		int fd;

		/* First: a socket is of the cgroup that it was made in. */
		enter_cgroup();
		fd = socket(AF_INET, SOCK_DGRAM, 0);
		/* The best of many short rounds: nobody else ran meanwhile. */
		for (int round = 0; round < ROUNDS; round++) {
			uint64_t begin = now_ns();

			for (int i = 0; i < A_ROUND; i++)
				assert(connect(fd, (struct sockaddr *)&address, size) == 0);
			if ((double)(now_ns() - begin) / A_ROUND < best)
				best = (double)(now_ns() - begin) / A_ROUND;
		}
		assert(write(ends[1], &best, sizeof(best)) == sizeof(best));
		_exit(0);
	}
	assert(read(ends[0], &ns, sizeof(ns)) == sizeof(ns));
	assert(waitpid(pid, &status, 0) == pid && status == 0);
	close(ends[0]);
	close(ends[1]);
	return ns;
}

static void measure(void)
{
	static struct ask_net_rule rules[RINGFORT_NET_MAX_RULES];
	static const uint32_t numbers[] = { 0, 1, 10, 100, 1000 };
	double without;

	net = net_gate_free(net);
	without = measure_ns();
	printf("UDP connect without the program: %.0f ns\n", without);
	assert(open_net() == 0);
	for (size_t i = 0; i < 5; i++) {
		for (uint32_t n = 0; n < numbers[i]; n++) {
			rules[n] = deny("198.51.100.0/32");
			rules[n].ip[1] = (uint8_t)(n >> 8);
			rules[n].ip[2] = (uint8_t)n;
		}
		set_rules(rules, numbers[i]);
		printf("%u rules of other addresses: + %.0f ns\n", numbers[i], measure_ns() - without);
		for (uint32_t n = 0; n < numbers[i]; n++) {
			rules[n] = deny("127.77.0.0/16");
			rules[n].port_first = rules[n].port_last = (uint16_t)(1000 + n);
		}
		set_rules(rules, numbers[i]);
		printf("%u rules of this address, of other ports: + %.0f ns\n", numbers[i], measure_ns() - without);
	}
}

static int begin(void)
{
	int writer, reader, r;

	if (geteuid() != 0 || !make_cgroup())
		return -EPERM;
	assert(history_create(&writer, &reader) == 0 && history_open(&history, writer, true) == 0);
	assert(net_book_create(&book_fd) == 0);
	r = open_net();
	if (r < 0)
		remove_cgroup();
	return r;
}

int main(int argc, char **argv)
{
	int r = begin();

	if (r == -EPERM || r == -EOPNOTSUPP || r == -ENOTSUP) {
		printf("skipped: needs root, cgroup v2 and BPF: %s\n", strerror(-r));
		return SKIP;
	}
	assert(r == 0);
	atexit(remove_cgroup);
	if (argc > 1) {
		measure();
	} else {
		connects_are_denied_by_prefix_in_both_families();
		an_address_has_no_second_spelling();
		protocol_port_and_user_are_looked_at();
		datagrams_with_an_address_are_sends();
		binds_are_denied_and_any_ipv6_is_any_ipv4_too();
		the_operators_word_and_our_own_come_first();
		each_denial_is_counted_and_told();
		the_next_gate_begins_with_the_rules_of_the_last();
		rules_go_with_their_solution_unless_it_fails_closed();
		no_connect_sees_a_set_that_is_not_whole();
	}
	net_gate_free(net);
	return 0;
}
