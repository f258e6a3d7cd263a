/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Role canary - sends the opener out each second, and ends a gate that keeps it.
 *
 * The supervisor sees whether the gate turns; whether it answers, only somebody sees who asks.  So the opener
 * (role-opener.c) opens a file that the gate is asked about, and we look at our clock: late.h tells when it is
 * too late.  Then the gate is killed: the kernel lets everybody through who waits, and the supervisor, who is
 * told first, makes it known and starts another.
 *
 * Once it has begun, this process opens, executes and allocates nothing, so that no gate can keep it; and it
 * waits for nobody, the supervisor included, which a gate might keep.
 */
#include "ringfortd/role.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "gate/history.h"
#include "gate/late.h"
#include "ringfortd/drop.h"
#include "ringfortd/message.h"
#include "ringfortd/role-life.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define EACH_MS 1000

struct canary_watch {
	const struct canary_role *role;
	struct history *history;
	int stat_fd;  /* /proc/PID/stat of the opener */
	int gate;     /* a pidfd; -1: there is none to watch */
	uint64_t life; /* of the gate, its number */
	bool out;     /* the opener */
	bool stray;   /* for a gate that is gone: the next one is not to blame */
	uint64_t out_ms, next_ms; /* when it went; when there is something to do */
	struct late late;
	bool ended;
};

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* In the kernel, where nothing but an answer or its end wakes it.  Where that cannot be told it is taken for it. */
static bool waits(const struct canary_watch *watch)
{
	char text[512], *state;
	ssize_t n = watch->stat_fd < 0 ? -1 : pread(watch->stat_fd, text, sizeof(text) - 1, 0);

	if (n <= 0)
		return true;
	text[n] = '\0';
	/* Its name may have anything in it. */
	state = strrchr(text, ')');
	return !state || strncmp(state, ") D", 3) == 0;
}

/* ---- the opener ------------------------------------------------------------------------------- */

static void send_out(struct canary_watch *watch)
{
	if (send(watch->role->opener_fd, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT) != 1) {
		watch->ended = true;
		return;
	}
	watch->out = true;
	watch->out_ms = now_ms();
	watch->next_ms = watch->out_ms + LATE_LOOK_MS;
	late_begin(&watch->late, history_n_answered(watch->history));
}

static void hear_opener(struct canary_watch *watch)
{
	char word;

	/* The supervisor starts both of us again. */
	if (recv(watch->role->opener_fd, &word, 1, MSG_DONTWAIT) != 1) {
		watch->ended = true;
		return;
	}
	watch->out = watch->stray = false;
	watch->next_ms = watch->out_ms + EACH_MS;
}

/* ---- the gate ----------------------------------------------------------------------------------- */

static void forget_gate(struct canary_watch *watch)
{
	watch->stray = watch->out;
	watch->gate = close_fd(watch->gate);
}

/* First it is told, and then done: when the supervisor hears of the gate's end it knows why. */
static void open_gate(struct canary_watch *watch)
{
	const struct message late = { .kind = MESSAGE_LATE, .value = { now_ms() - watch->out_ms, watch->life } };

	message_send_fd(watch->role->supervisor_fd, &late, NULL, 0);
	syscall(SYS_pidfd_send_signal, watch->gate, SIGKILL, NULL, 0);
	log_error("an opener of ours has waited %llu ms for its answer: the gate is killed, so that nobody waits for it",
		  (unsigned long long)late.value[0]);
	forget_gate(watch);
}

static void look(struct canary_watch *watch)
{
	watch->next_ms += LATE_LOOK_MS;
	if (late_look(&watch->late, waits(watch), history_n_answered(watch->history)))
		open_gate(watch);
}

static void hear_supervisor(struct canary_watch *watch)
{
	int fds[MESSAGE_MAX_FDS];
	struct message message;
	int r;

	while ((r = message_receive_fd(watch->role->supervisor_fd, &message, fds)) > 0) {
		if (message.kind == MESSAGE_CANARY && fds[0] >= 0) {
			forget_gate(watch);
			watch->gate = take_fd(&fds[0]);
			watch->life = message.value[1];
			if (!watch->out)
				watch->next_ms = now_ms();
		}
		for (int i = 0; i < MESSAGE_MAX_FDS; i++)
			close_fd(fds[i]);
	}
	watch->ended |= r < 0;
}

/* ---- the loop ------------------------------------------------------------------------------------- */

static int patience_ms(const struct canary_watch *watch)
{
	uint64_t now = now_ms();

	if (watch->gate < 0 || watch->stray)
		return -1;
	return watch->next_ms > now ? (int)(watch->next_ms - now) : 0;
}

static void turn(struct canary_watch *watch)
{
	struct pollfd sources[] = {
		{ .fd = watch->role->supervisor_fd, .events = POLLIN },
		{ .fd = watch->role->opener_fd, .events = POLLIN },
		{ .fd = watch->gate, .events = POLLIN },
	};

	if (poll(sources, 3, patience_ms(watch)) < 0) {
		watch->ended = errno != EINTR;
		return;
	}
	if (sources[1].revents)
		hear_opener(watch);
	/* It has ended. */
	if (sources[2].revents)
		forget_gate(watch);
	if (sources[0].revents)
		hear_supervisor(watch);
	if (watch->gate < 0 || watch->stray || now_ms() < watch->next_ms)
		return;
	if (watch->out)
		look(watch);
	else
		send_out(watch);
}

static int open_stat(pid_t pid)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static int begin(struct canary_watch *watch)
{
	int r;

	role_take_precedence("canary");
	r = history_open(&watch->history, watch->role->history_fd, false);
	if (r < 0)
		return r;
	watch->stat_fd = open_stat(watch->role->opener_pid);
	if (watch->stat_fd < 0)
		log_warning("cannot see what the opener waits for: %s, ignoring", strerror(errno));
	role_stay_in_memory("canary");
	return drop_canary();
}

int role_canary(const struct canary_role *role)
{
	static struct canary_watch watch;
	int r;

	watch.role = role;
	watch.gate = watch.stat_fd = -1;
	r = begin(&watch);
	if (r < 0) {
		log_error("cannot begin: %s", strerror(-r));
		return 1;
	}
	while (!watch.ended)
		turn(&watch);
	return 0;
}
