/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Role gate - the kernel's questions on one side, solutions on the other.
 *
 * It holds the only descriptor of the fanotify group and never forks: when it ends, however it ends, the
 * kernel lets everybody through who waits.  It is locked in memory, opens no file once it is in its loop
 * (the files of events are opened by the kernel), and says what there is to say behind the answers.  When
 * it stops turning, the supervisor kills it.
 */
#include "ringfortd/role.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "gate/gate.h"
#include "gate/net-gate.h"
#include "ringfortd/critical-watch.h"
#include "ringfortd/drop.h"
#include "ringfortd/message.h"
#include "ringfortd/net-protect.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define ALIVE_US 250000
#define DESCRIPTORS 8192 /* more than can wait at once: running out of them would deny */

struct gate_loop {
	const struct gate_role *role;
	struct critical_set critical;
	struct gate *gate;
	struct net_gate *net; /* NULL: nobody may set rules, or they cannot be enforced here */
	struct event_base *base;
	int result;
};

static void end(struct gate_loop *loop, const char *what, int error)
{
	if (error)
		log_error("%s: %s", what, strerror(-error));
	loop->result = error ? 1 : 0;
	event_base_loopbreak(loop->base);
}

static bool is_critical(void *userdata, uint64_t dev, uint64_t ino)
{
	struct gate_loop *loop = userdata;

	return critical_has(&loop->critical, dev, ino);
}

static void told(void *userdata, enum gate_news news, uint32_t slot, const struct history_entry *entry)
{
	struct gate_loop *loop = userdata;
	const struct message demoted = { .kind = MESSAGE_DEMOTED, .slot = slot };
	const struct message mounted = { .kind = MESSAGE_MOUNTED };

	switch (news) {
	case GATE_DENIED:
		log_debug("denied pid %u the execution of %s", entry->pid, log_quote(entry->path));
		break;
	case GATE_OVERRIDDEN:
		log_warning("a solution would deny %s, which the host needs: allowed", log_quote(entry->path));
		break;
	case GATE_DEMOTED:
		/* A full socket belongs to a supervisor that is held up; the numbers tell it as well. */
		message_send_fd(loop->role->supervisor_fd, &demoted, NULL, 0);
		break;
	case GATE_MOUNTED:
		message_send_fd(loop->role->supervisor_fd, &mounted, NULL, 0);
		break;
	case GATE_OVERFLOW:
		log_error("the kernel could not ask us: out of memory or descriptors");
		break;
	}
}

/* ---- the supervisor's word ------------------------------------------------------------------ */

static int voter_up(struct gate_loop *loop, const struct message *message, int fds[MESSAGE_MAX_FDS])
{
	struct voter_channel channel = { .requests = take_fd(&fds[0]), .answers = take_fd(&fds[1]),
					 .files = take_fd(&fds[2]), .wake = take_fd(&fds[3]),
					 .woken = take_fd(&fds[4]) };
	const struct voter_terms terms = {
		.slot = message->slot,
		.run = (uint32_t)message->value[0],
		.granted = MESSAGE_TERMS_ACTS(message->value[1]),
		.net = MESSAGE_TERMS_NET(message->value[1]),
		.name = message->text,
		.mode = MESSAGE_TERMS_SHADOW(message->value[1]) ? DECISION_SHADOW : DECISION_ENFORCE,
		.miss = MESSAGE_TERMS_CLOSED(message->value[1]) ? DECISION_FAIL_CLOSED : DECISION_FAIL_OPEN,
	};

	return gate_voter_up(loop->gate, &terms, &channel);
}

static void guard(struct gate_loop *loop, const struct message *message, int fd)
{
	int r = gate_guard(loop->gate, (uint32_t)message->value[0], fd);

	if (r < 0)
		log_error("cannot guard the file system of %s: %s", log_quote(message->text), strerror(-r));
	else
		log_debug("guards executions on the file system of %s", log_quote(message->text));
}

static int dispatch(struct gate_loop *loop, const struct message *message, int fds[MESSAGE_MAX_FDS])
{
	if (message->slot >= MESSAGE_SLOTS)
		return -EBADMSG;
	switch (message->kind) {
	case MESSAGE_VOTER:
		return voter_up(loop, message, fds);
	case MESSAGE_GONE:
		gate_voter_down(loop->gate, message->slot, message->value[0] != 0);
		return 0;
	case MESSAGE_CRITICAL:
		return critical_watch_unpack(fds[0], &loop->critical);
	case MESSAGE_FORGIVE:
		gate_voter_reset(loop->gate, message->slot);
		return 0;
	case MESSAGE_OWN:
		return gate_own(loop->gate, (uint32_t)message->value[0], message->value[1] != 0);
	case MESSAGE_GUARD:
		guard(loop, message, fds[0]);
		return 0;
	case MESSAGE_GATE:
		gate_open(loop->gate, message->value[1] != 0);
		return 0;
	default:
		return -EBADMSG;
	}
}

static void on_supervisor(evutil_socket_t fd, short what, void *userdata)
{
	struct gate_loop *loop = userdata;
	int fds[MESSAGE_MAX_FDS];
	struct message message;
	int r;

	while ((r = message_receive_fd((int)fd, &message, fds)) > 0) {
		r = dispatch(loop, &message, fds);
		for (int i = 0; i < MESSAGE_MAX_FDS; i++)
			close_fd(fds[i]);
		if (r < 0) {
			end(loop, "cannot do what the supervisor asks", r);
			return;
		}
	}
	if (r < 0)
		end(loop, "cannot read messages", r == -EPIPE ? 0 : r);
}

/* ---- the loop --------------------------------------------------------------------------------- */

static void on_gate(evutil_socket_t fd, short what, void *userdata)
{
	struct gate_loop *loop = userdata;
	int r = gate_process(loop->gate);

	if (r < 0)
		end(loop, "cannot read the kernel's questions", r);
}

static void on_alive(evutil_socket_t fd, short what, void *userdata)
{
	const struct message alive = { .kind = MESSAGE_ALIVE };
	struct gate_loop *loop = userdata;

	message_send_fd(loop->role->supervisor_fd, &alive, NULL, 0);
	gate_tick(loop->gate);
}

static int watch(struct gate_loop *loop, int fd, event_callback_fn callback)
{
	struct event *event = event_new(loop->base, fd, EV_READ | EV_PERSIST, callback, loop);

	return event && event_add(event, NULL) == 0 ? 0 : -ENOMEM;
}

static int open_loop(struct gate_loop *loop)
{
	const struct timeval interval = { .tv_usec = ALIVE_US };
	struct event *alive;
	int r;

	loop->base = event_base_new();
	if (!loop->base)
		return -ENOMEM;
	r = watch(loop, gate_fd(loop->gate), on_gate);
	if (r == 0)
		r = watch(loop, loop->role->supervisor_fd, on_supervisor);
	if (r < 0)
		return r;
	alive = event_new(loop->base, -1, EV_PERSIST, on_alive, loop);
	return alive && event_add(alive, &interval) == 0 ? 0 : -ENOMEM;
}

/* Before the first question, what could fail or wait later. */
static void prepare(void)
{
	struct rlimit files;

	/* A writer that meets our look for writers makes the kernel tell us. */
	signal(SIGIO, SIG_IGN);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < DESCRIPTORS) {
		files.rlim_cur = files.rlim_max < DESCRIPTORS ? files.rlim_max : DESCRIPTORS;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	if (mlockall(MCL_CURRENT | MCL_FUTURE) < 0)
		log_warning("cannot lock the gate in memory: %s, ignoring", strerror(errno));
}

/* Without it executions are decided all the same. */
static void open_net(struct gate_loop *loop, struct history *history)
{
	const struct gate_role *role = loop->role;
	struct net_gate_options options = { .history = history, .book_fd = role->book_fd,
					    .denials_fd = role->denials_fd,
					    .cgroup_path = cgroup_unified_path() };
	int r;

	if (role->book_fd < 0)
		return;
	options.n_protect = net_protect_list(options.protect, &role->config->gate_net_protect);
	r = net_gate_new(&loop->net, &options);
	if (r < 0)
		log_error("rules about the network cannot be enforced here: %s", strerror(-r));
}

static int open_gate(struct gate_loop *loop)
{
	const struct gate_role *role = loop->role;
	struct history *history;
	struct gate_options options = {
		.epoch = role->epoch,
		.deadline_ms = role->config->gate_deadline_ms,
		.deny_critical = role->config->gate_deny_critical,
		.is_critical = is_critical,
		.told = told,
		.userdata = loop,
	};
	int r = history_open(&history, role->history_fd, true);

	if (r < 0)
		return r;
	options.history = history;
	history_numbers(history)->n_restarts = role->epoch;
	open_net(loop, history);
	options.net = loop->net;
	return gate_new(&loop->gate, &options);
}

int role_gate(const struct gate_role *role)
{
	static struct gate_loop loop;
	int r;

	loop.role = role;
	prepare();
	r = open_gate(&loop);
	if (r < 0) {
		log_error("there are no permission events here: %s; nothing can be blocked", strerror(-r));
		return 1;
	}
	r = drop_gate();
	if (r == 0)
		r = open_loop(&loop);
	if (r < 0) {
		log_error("cannot begin: %s", strerror(-r));
		return 1;
	}
	event_base_dispatch(loop.base);
	gate_free(loop.gate);
	net_gate_free(loop.net);
	return loop.result;
}
