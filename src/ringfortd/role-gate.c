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
#include "gate/superblock.h"
#include "ringfortd/critical-watch.h"
#include "ringfortd/drop.h"
#include "ringfortd/message.h"
#include "ringfortd/net-protect.h"
#include "ringfortd/role-life.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#define ALIVE_MS 250
#define HARM_MS 1000 /* what would be denied of the critical set is told so often at most, and counted */
#define SCOPES_A_TURN 32 /* folders that are marked */
#define STOPPED_A_TURN 16 /* images that are asked about */
#define DESCRIPTORS 8192 /* more than can wait at once: running out of them would deny */

struct gate_loop {
	const struct gate_role *role;
	struct critical_set critical;
	struct gate *gate;
	struct net_gate *net; /* NULL: nobody may set rules, or they cannot be enforced here */
	uint64_t n_overflow;
	uint64_t alive_ms; /* when we last said that we are */
	uint64_t overridden_ms, harm_ms[MESSAGE_SLOTS]; /* when each was told last */
	int scopes_fd;     /* messages, or -1 */
	int stops_fd;      /* likewise */
	uint32_t refused;  /* places that the kernel does not mark, a bit each: said once */
	bool ended;
	int result;
};

static void end(struct gate_loop *loop, const char *what, int error)
{
	if (error)
		log_error("%s: %s", what, strerror(-error));
	loop->result = error ? 1 : 0;
	loop->ended = true;
}

static bool is_critical(void *userdata, uint64_t dev, uint64_t ino)
{
	struct gate_loop *loop = userdata;

	return critical_has(&loop->critical, dev, ino);
}

static bool is_critical_script(void *userdata, uint64_t dev, const char *path)
{
	struct gate_loop *loop = userdata;

	return critical_has_script(&loop->critical, dev, path);
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* One that denies everything denies the whole critical set: what is between is counted only. */
static bool is_due(uint64_t *last_ms)
{
	uint64_t now = now_ms();

	if (*last_ms && now - *last_ms < HARM_MS)
		return false;
	*last_ms = now;
	return true;
}

static void told(void *userdata, enum gate_news news, uint32_t slot, const struct history_entry *entry)
{
	struct gate_loop *loop = userdata;
	const struct message harms = { .kind = MESSAGE_HARMS, .slot = slot };
	const struct message demoted = { .kind = MESSAGE_DEMOTED, .slot = slot };
	const struct message mounted = { .kind = MESSAGE_MOUNTED };
	const struct message again = { .kind = MESSAGE_SCOPES_AGAIN };
	const struct message unmarked = { .kind = MESSAGE_UNMARKED, .value = { slot } };

	switch (news) {
	case GATE_DENIED:
		log_debug("denied pid %u the execution of %s", entry->pid, log_quote(entry->path));
		break;
	case GATE_OVERRIDDEN:
		if (is_due(&loop->overridden_ms))
			log_warning("a solution would deny %s, which the host needs: allowed", log_quote(entry->path));
		break;
	case GATE_SELF_HARM:
		if (is_due(&loop->harm_ms[slot]))
			message_send_fd(loop->role->supervisor_fd, &harms, NULL, 0);
		break;
	case GATE_HELD:
		log_warning("pid %u is held at %s, as it was not answered in time: 'ringfort hold allow %llu' or 'deny' "
			    "decides, or else it is %s", entry->pid, log_quote(entry->path),
			    (unsigned long long)entry->hold_id,
			    entry->verdict == RINGFORT_VERDICT_DENY ? "denied" : "allowed");
		break;
	case GATE_DEMOTED:
		/* A full socket belongs to a supervisor that is held up; the numbers tell it as well. */
		message_send_fd(loop->role->supervisor_fd, &demoted, NULL, 0);
		break;
	case GATE_UNMARKED:
		message_send_fd(loop->role->supervisor_fd, &unmarked, NULL, 0);
		break;
	case GATE_UNSCOPED:
		if (loop->scopes_fd >= 0)
			message_send_fd(loop->scopes_fd, &again, NULL, 0);
		break;
	case GATE_MOUNTED:
		message_send_fd(loop->role->supervisor_fd, &mounted, NULL, 0);
		break;
	case GATE_OVERFLOW:
		/* Others may cause it as often as they like: the log tells each time that it has doubled. */
		loop->n_overflow++;
		if ((loop->n_overflow & (loop->n_overflow - 1)) == 0)
			log_error("the kernel could not ask us (%llu times now): a file did not open, or we are short of "
				  "memory; it denied by itself", (unsigned long long)loop->n_overflow);
		break;
	}
}

/* A full socket belongs to one that is held up: it lets go by itself who waits too long. */
static void judged(void *userdata, uint32_t number, enum ringfort_verdict verdict)
{
	const struct gate_loop *loop = userdata;
	const struct message message = { .kind = MESSAGE_JUDGED, .value = { number, verdict } };

	if (loop->stops_fd >= 0)
		message_send_fd(loop->stops_fd, &message, NULL, 0);
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
		.scopes = MESSAGE_TERMS_SCOPES(message->value[1]),
		.name = message->text,
		.mode = MESSAGE_TERMS_SHADOW(message->value[1]) ? DECISION_SHADOW : DECISION_ENFORCE,
		.miss = MESSAGE_TERMS_CLOSED(message->value[1]) ? DECISION_FAIL_CLOSED : DECISION_FAIL_OPEN,
	};

	return gate_voter_up(loop->gate, &terms, &channel);
}

static void guard(struct gate_loop *loop, const struct message *message, int fd)
{
	uint32_t place = (uint32_t)message->value[0], bit = 1u << place % 32;
	const char *why = message->value[1] ? superblock_why((uint32_t)message->value[1]) : strerror(-message->result);
	int r;

	if (message->result < 0) {
		gate_refuse(loop->gate, place, message->text, why ? why : "");
		return;
	}
	r = gate_guard(loop->gate, place, message->text, fd);
	if (r < 0 && !(loop->refused & bit))
		log_error("cannot guard the file system of %s: %s", log_quote(message->text), strerror(-r));
	loop->refused = r < 0 ? loop->refused | bit : loop->refused & ~bit;
}

/* The last one has ended, or will. */
static int scopes_up(struct gate_loop *loop, int *fd)
{
	close_fd(loop->scopes_fd);
	loop->scopes_fd = take_fd(fd);
	return gate_watch(loop->gate, loop->scopes_fd);
}

static int stops_up(struct gate_loop *loop, int *fd)
{
	close_fd(loop->stops_fd);
	loop->stops_fd = take_fd(fd);
	return gate_watch(loop->gate, loop->stops_fd);
}

/* Without it the supervisor alone sees whether we turn. */
static void canary(struct gate_loop *loop, const struct message *message, int root)
{
	int r = root < 0 ? -EBADF : gate_canary(loop->gate, (uint32_t)message->value[0], root);

	if (r < 0)
		log_error("our own opener cannot be asked about: %s, ignoring", strerror(-r));
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
	case MESSAGE_BACKSTOP:
		return gate_backstop(loop->gate, fds[0]);
	case MESSAGE_SCOPES:
		return scopes_up(loop, &fds[0]);
	case MESSAGE_STOPS:
		return stops_up(loop, &fds[0]);
	case MESSAGE_FORGIVE:
		gate_voter_reset(loop->gate, message->slot);
		return 0;
	case MESSAGE_OWN:
		return gate_own(loop->gate, (uint32_t)message->value[0], message->value[1] != 0);
	case MESSAGE_CANARY:
		canary(loop, message, fds[0]);
		return 0;
	case MESSAGE_GUARD:
		guard(loop, message, fds[0]);
		return 0;
	case MESSAGE_GATE:
		gate_open(loop->gate, message->value[1] != 0);
		return 0;
	case MESSAGE_HOLD:
		/* It may have ended meanwhile: the history tells. */
		gate_decide_held(loop->gate, message->value[0],
				 message->value[1] ? RINGFORT_VERDICT_DENY : RINGFORT_VERDICT_ALLOW);
		return 0;
	default:
		return -EBADMSG;
	}
}

static void hear_supervisor(struct gate_loop *loop)
{
	int fds[MESSAGE_MAX_FDS];
	struct message message;
	int r;

	while ((r = message_receive_fd(loop->role->supervisor_fd, &message, fds)) > 0) {
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

/* ---- scopes ----------------------------------------------------------------------------------- */

static void scope(struct gate_loop *loop, const struct message_scope *scope, int fd)
{
	const struct gate_scope is = { .scope = scope->scope, .acts = scope->acts, .whole = scope->whole != 0,
				       .path = scope->path };
	int r = fd < 0 ? 0 : gate_scope(loop->gate, &is, fd);

	if (r < 0)
		log_error("cannot guard opens in %s: %s", log_quote(scope->path), strerror(-r));
	if (fd < 0)
		gate_scope_refuse(loop->gate, scope->scope, scope->path, scope->why);
}

/* So much a turn, openers wait: what is left keeps the socket readable. */
static void hear_scopes(struct gate_loop *loop)
{
	int fds[MESSAGE_MAX_FDS];
	struct message message;
	int r = 0;

	for (int i = 0; i < SCOPES_A_TURN; i++) {
		r = message_receive_fd(loop->scopes_fd, &message, fds);
		if (r <= 0)
			break;
		if (message.kind == MESSAGE_SCOPE)
			scope(loop, &message.scope, fds[0]);
		else if (message.kind == MESSAGE_SCOPE_FOLDER && fds[0] >= 0)
			gate_scope_folder(loop->gate, (uint32_t)message.value[0], fds[0]);
		else if (message.kind == MESSAGE_SCOPE_STILL && fds[0] >= 0)
			gate_scope_still(loop->gate, (uint32_t)message.value[0], fds[0]);
		else if (message.kind == MESSAGE_SCOPE_LEFT && fds[0] >= 0)
			gate_scope_left(loop->gate, (uint32_t)message.value[0], fds[0]);
		for (int fd = 0; fd < MESSAGE_MAX_FDS; fd++)
			close_fd(fds[fd]);
	}
	/* The supervisor starts another. */
	if (r < 0)
		loop->scopes_fd = close_fd(loop->scopes_fd);
}

/* ---- images that run already --------------------------------------------------------------------- */

static void hear_stops(struct gate_loop *loop)
{
	int fds[MESSAGE_MAX_FDS];
	struct message message;
	int r = 0;

	for (int i = 0; i < STOPPED_A_TURN; i++) {
		r = message_receive_fd(loop->stops_fd, &message, fds);
		if (r <= 0)
			break;
		if (message.kind == MESSAGE_STOPPED && message.value[0] < GATE_STOPPED_MOST && fds[0] >= 0)
			gate_stopped(loop->gate, (uint32_t)message.value[0], (uint32_t)message.value[1], take_fd(&fds[0]),
				     message.result == 0);
		for (int fd = 0; fd < MESSAGE_MAX_FDS; fd++)
			close_fd(fds[fd]);
	}
	if (r < 0)
		loop->stops_fd = close_fd(loop->stops_fd);
}

/* ---- the loop --------------------------------------------------------------------------------- */

static void say_alive(struct gate_loop *loop)
{
	const struct message alive = { .kind = MESSAGE_ALIVE };
	uint64_t now = now_ms();

	if (now - loop->alive_ms < ALIVE_MS)
		return;
	loop->alive_ms = now;
	message_send_fd(loop->role->supervisor_fd, &alive, NULL, 0);
	gate_tick(loop->gate);
}

/* The gate waits for all of us: see gate_process(). */
static void run(struct gate_loop *loop)
{
	while (!loop->ended) {
		int r = gate_process(loop->gate, ALIVE_MS);

		if (r < 0)
			end(loop, "cannot read the kernel's questions", r);
		else if (r > 0) {
			hear_supervisor(loop);
			if (loop->scopes_fd >= 0)
				hear_scopes(loop);
			if (loop->stops_fd >= 0)
				hear_stops(loop);
		}
		say_alive(loop);
	}
}

/*
 * Before the first question, what could fail or wait later.
 *
 * Everybody who executes waits for us.  With a share like any other's, a crowd of them would keep us from
 * the processor until we count as dead, and so open the gate.  And the kernel wakes everybody who waits at
 * each answer: as long as we go first, they are awake already when the next one is given.
 */
static void prepare(void)
{
	struct rlimit files;

	role_take_precedence("gate");
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

/* Where process 1's namespace cannot be told ours counts as the host's, as it does for events (drop.h). */
static const char *host_mounts(void)
{
	struct stat st;

	return stat("/proc/1/ns/mnt", &st) == 0 ? NULL : "/proc/self/mountinfo";
}

static int open_gate(struct gate_loop *loop)
{
	const struct gate_role *role = loop->role;
	struct history *history;
	struct gate_options options = {
		.mounts = host_mounts(),
		.epoch = role->epoch,
		.deadline_ms = role->config->gate_deadline_ms,
		.soft_ms = role->config->gate_soft_deadline_ms,
		.hold_ms = role->config->gate_hold_ms,
		.deny_critical = role->config->gate_deny_critical,
		.is_critical = is_critical,
		.is_critical_script = is_critical_script,
		.told = told,
		.judged = judged,
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
	loop.scopes_fd = loop.stops_fd = -1;
	prepare();
	r = open_gate(&loop);
	if (r < 0) {
		log_error("there are no permission events here: %s; nothing can be blocked", strerror(-r));
		return 1;
	}
	r = drop_gate();
	if (r == 0)
		r = gate_watch(loop.gate, role->supervisor_fd);
	if (r < 0) {
		log_error("cannot begin: %s", strerror(-r));
		return 1;
	}
	run(&loop);
	gate_free(loop.gate);
	net_gate_free(loop.net);
	return loop.result;
}
