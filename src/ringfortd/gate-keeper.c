/* SPDX-License-Identifier: Apache-2.0 */
/* Gate keeper - the lives of the gate process. */
#include "ringfortd/gate-keeper.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "event/denial.h"
#include "gate/gate.h"
#include "gate/history.h"
#include "gate/net-book.h"
#include "gate/superblock.h"
#include "host/scopes.h"
#include "ringfortd/boot-line.h"
#include "ringfortd/outside.h"
#include "ringfortd/process-state.h"
#include "ringfortd/role-life.h"
#include "ringfortd/role.h"
#include "ringfortd/supervisor.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define WATCH_US 500000
#define SILENCE_NS 3000000000ull /* without a sign of life: killed */
#define SHORT_LIFE_NS 1000000000ull
#define MAX_FAILED 3
#define SEND_BUFFER 4194304

#define LATE_FIRST_NS 1000000000ull /* from the second time on the next one waits: so long, twice as long, ... */
#define LATE_MOST_NS 60000000000ull
#define LATE_FORGET_NS 600000000000ull /* without one that was late */

#define HEARD_NS 600000000ull    /* one that was silent for longer is told nothing that can wait */

static void start_gate(struct gate_keeper *keeper);
static bool police(struct gate_keeper *keeper);

static bool wanted(const struct gate_keeper *keeper)
{
	const struct config *config = keeper->supervisor->config;

	return !keeper->disabled && config->gate_enabled &&
	       (config->gate_exec.n > 0 || config_rules_net(config) || config_outside(config) ||
		scope_keeper_wanted(keeper->supervisor));
}

void gate_keeper_kill(struct gate_keeper *keeper)
{
	if (keeper->pid <= 0)
		return;
	keeper->condemned = true;
	kill(keeper->pid, SIGKILL);
}

/* A full socket belongs to a gate that is held up: the watch ends it, and the next one is told everything. */
static void tell(struct gate_keeper *keeper, const struct message *message, const int *fds, unsigned int n_fds)
{
	int r = keeper->fd < 0 ? 0 : message_send_fd(keeper->fd, message, fds, n_fds);

	if (r == -EAGAIN && keeper->pid > 0) {
		log_error("the gate does not read what it is told: killed");
		gate_keeper_kill(keeper);
	}
}

/* ---- beside the gate ------------------------------------------------------------------------------ */

int gate_keeper_spawn(struct gate_keeper *keeper, int (*run)(const struct supervisor *supervisor, int fd), pid_t *ret_pid)
{
	int ends[2];
	pid_t pid;

	if (message_pair(ends) < 0)
		return -1;
	pid = fork();
	if (pid == 0)
		_exit(run(keeper->supervisor, ends[1]));
	close(ends[1]);
	if (pid < 0)
		return close_fd(ends[0]);
	gate_keeper_own(keeper, pid, true);
	*ret_pid = pid;
	return ends[0];
}

/* ---- what a new gate is told -------------------------------------------------------------------- */

void gate_keeper_own(struct gate_keeper *keeper, pid_t pid, bool alive)
{
	const struct message own = { .kind = MESSAGE_OWN, .value = { (uint64_t)pid, alive } };

	if (pid > 0)
		tell(keeper, &own, NULL, 0);
}

void gate_keeper_voter(struct gate_keeper *keeper, const struct unit *unit)
{
	const struct ask_channel *ask = &unit->ask;
	const struct message gone = { .kind = MESSAGE_GONE, .slot = unit->slot, .value = { !unit->machine.wanted } };
	struct message voter = {
		.kind = MESSAGE_VOTER,
		.slot = unit->slot,
		.value = { unit->run, MESSAGE_TERMS(unit->authorize, unit->net, unit->scopes, unit->shadow, unit->fail_closed) },
	};

	snprintf(voter.text, sizeof(voter.text), "%s", unit->manifest.name);
	if (ask->requests < 0)
		tell(keeper, &gone, NULL, 0);
	else
		tell(keeper, &voter,
		     (int[]){ ask->requests, ask->answers, ask->files, unit->wake, ask->woken }, 5);
	/* Whether any of them fails closed is in it. */
	police(keeper);
}

/* Said again and again, it is complained about once. */
static void complain(struct gate_keeper *keeper, uint32_t place, const char *path,
		     const struct superblock *superblock, int result)
{
	uint32_t bit = 1u << place % 32;
	bool good = superblock->answer == SUPERBLOCK_GOOD && result >= 0;

	if (good || keeper->complained & bit) {
		keeper->complained = good ? keeper->complained & ~bit : keeper->complained;
		return;
	}
	keeper->complained |= bit;
	if (superblock->answer != SUPERBLOCK_GOOD)
		log_error("does not guard %s (%s): %s", log_quote(path), log_quote(superblock->type),
			  superblock_why(superblock->answer));
	else
		log_error("cannot guard %s: %s", log_quote(path), strerror(-result));
}

/* What is not known for certain stays as it was: images on it could be killed for being elsewhere. */
static void name_place(struct gate_keeper *keeper, uint32_t place, const struct superblock *superblock)
{
	if (superblock->answer == SUPERBLOCK_GOOD && superblock->device)
		keeper->named[place] = superblock->device;
	else if (superblock->answer != SUPERBLOCK_GOOD && superblock->answer != SUPERBLOCK_NO_MOUNT &&
		 superblock->answer != SUPERBLOCK_MOVED)
		keeper->named[place] = 0;
	backstop_name(keeper->backstop, place, keeper->named[place]);
}

static void tell_guard(struct gate_keeper *keeper, uint32_t place)
{
	const char *path = keeper->supervisor->config->gate_exec.text[place];
	struct message guard = { .kind = MESSAGE_GUARD, .value = { place } };
	_cleanup_(closep) int fd = -1;
	struct superblock superblock;

	/* The one that was meant may be unmounted: the one below it, perhaps the root's, never was. */
	guard.result = superblock_open(path, keeper->points >> place & 1, &superblock, &fd);
	keeper->points |= (uint32_t)(guard.result == 0 && superblock.is_point) << place;
	guard.value[1] = superblock.answer;
	name_place(keeper, place, &superblock);
	complain(keeper, place, path, &superblock, guard.result);
	snprintf(guard.text, sizeof(guard.text), "%s", path);
	tell(keeper, &guard, &fd, fd >= 0);
}

static void tell_guards(struct gate_keeper *keeper)
{
	for (uint32_t i = 0; i < keeper->supervisor->config->gate_exec.n; i++)
		tell_guard(keeper, i);
}

static void tell_critical(struct gate_keeper *keeper)
{
	_cleanup_(closep) int fd = critical_watch_pack(&keeper->critical);
	const struct message critical = { .kind = MESSAGE_CRITICAL };

	if (fd < 0) {
		log_error("cannot tell the gate what is critical: %s", strerror(-fd));
		return;
	}
	tell(keeper, &critical, &fd, 1);
	supervisor_tell_control(keeper->supervisor, &critical, &fd, 1);
}

/* Our number where all processes have theirs; 0 in a container, where it is somebody else's. */
static uint64_t host_pid(void)
{
	return outside_can_stop() ? (uint64_t)getpid() : 0;
}

/* Would any of those who decide deny what he cannot look at? */
static bool is_closed(const struct supervisor *supervisor)
{
	for (uint32_t i = 0; i < supervisor->n_units; i++) {
		const struct unit *unit = supervisor->units[i];

		if (unit->ask.requests >= 0 && unit->authorize & 1u << RINGFORT_ACT_EXEC && unit->fail_closed && !unit->shadow)
			return true;
	}
	return false;
}

/* What is stopped needs somebody who lets it go: while there is nobody it is only reported. */
static uint64_t says_now(const struct gate_keeper *keeper)
{
	uint64_t says = keeper->open ? 0 : config_outside(keeper->supervisor->config);

	for (uint32_t kind = 0; kind < _BACKSTOP_KIND_N && !stop_keeper_stops(keeper->supervisor); kind++)
		if (BACKSTOP_SAID(says, kind) == BACKSTOP_STOP)
			says ^= BACKSTOP_SAYS(kind, BACKSTOP_STOP ^ BACKSTOP_REPORT);
	return says;
}

/* False: somebody had written something else there. */
static bool police(struct gate_keeper *keeper)
{
	const struct config *config = keeper->supervisor->config;
	const struct backstop_reach reach = {
		.uid_first = config->gate_outside_uid_first,
		.uid_last = (uint64_t)config->gate_outside_uid_first + config->gate_outside_uid_count - 1,
		.supervisor = host_pid(),
		.closed = is_closed(keeper->supervisor),
	};

	/* What is guarded is known before the rest is outside: who wrote the one may have written the other. */
	for (uint32_t place = 0; place < BACKSTOP_PLACES; place++)
		backstop_name(keeper->backstop, place, keeper->named[place]);
	return backstop_police(keeper->backstop, says_now(keeper), &reach);
}

static void keep_policy(struct gate_keeper *keeper)
{
	const struct message_tamper tamper = { .what = RINGFORT_TAMPER_MAP_CHANGED, .healed = true, .part = "sensor",
		.detail = "what becomes of images that the kernel asks nobody about was written by somebody else" };

	if (!police(keeper))
		supervisor_tell_tamper(keeper->supervisor, &tamper);
}

static void tell_backstop(struct gate_keeper *keeper)
{
	const struct message backstop = { .kind = MESSAGE_BACKSTOP };

	if (keeper->backstop_fd >= 0)
		tell(keeper, &backstop, &keeper->backstop_fd, 1);
}

/* Beside the gate, not in it: an image may wait for its server. */
static void tell_stops(struct gate_keeper *keeper)
{
	_cleanup_(closep) int fd = stop_keeper_start(keeper->supervisor);
	const struct message stops = { .kind = MESSAGE_STOPS };

	if (fd < 0)
		return;
	tell(keeper, &stops, &fd, 1);
	police(keeper);
}

void gate_keeper_backstop(struct gate_keeper *keeper, int fds[2])
{
	int r;

	if (keeper->history_writer < 0 || keeper->backstop_fd >= 0)
		return;
	r = backstop_open(&keeper->backstop, fds[0]);
	if (r < 0) {
		log_error("cannot map the backstop: %s", strerror(-r));
		return;
	}
	keeper->backstop_fd = take_fd(&fds[0]);
	keeper->stops_fd = take_fd(&fds[1]);
	tell_backstop(keeper);
	tell_guards(keeper);
	if (keeper->pid > 0)
		tell_stops(keeper);
	police(keeper);
}

static void tell_own_unit(struct gate_keeper *keeper, const struct unit *unit)
{
	gate_keeper_own(keeper, unit->born, true);
	gate_keeper_own(keeper, unit->probe.born, true);
}

/* Beside the gate, not in it: a walk waits for disks. */
static void tell_scopes(struct gate_keeper *keeper)
{
	_cleanup_(closep) int fd = scope_keeper_start(keeper->supervisor);
	const struct message scopes = { .kind = MESSAGE_SCOPES };

	if (fd >= 0)
		tell(keeper, &scopes, &fd, 1);
}

/* Its own processes first: then nothing of ours waits for a verdict about itself. */
static void tell_all(struct gate_keeper *keeper)
{
	struct supervisor *supervisor = keeper->supervisor;
	const struct message open = { .kind = MESSAGE_GATE, .value = { 0, keeper->open } };

	gate_keeper_own(keeper, getpid(), true);
	gate_keeper_own(keeper, supervisor->sensor_pid, true);
	gate_keeper_own(keeper, supervisor->control_pid, true);
	for (uint32_t i = 0; i < supervisor->n_units; i++)
		tell_own_unit(keeper, supervisor->units[i]);
	tell_critical(keeper);
	tell(keeper, &open, NULL, 0);
	/* Who is gone as well: rules of his may be in the book. */
	for (uint32_t i = 0; i < supervisor->n_units; i++)
		gate_keeper_voter(keeper, supervisor->units[i]);
	/* Behind those who decide: with nobody there it would take the gap for a time without a gate.  Before
	 * the first question. */
	tell_backstop(keeper);
	tell_guards(keeper);
	tell_scopes(keeper);
	tell_stops(keeper);
}

/* ---- its lives ------------------------------------------------------------------------------------ */

/* Or by a later look of the watch, where it is to wait. */
static void begin_next(struct gate_keeper *keeper)
{
	if (supervisor_now_ns() >= keeper->again_ns)
		start_gate(keeper);
}

static uint64_t back_off_ns(uint32_t n_late)
{
	uint64_t ns = n_late < 2 ? 0 : n_late > 16 ? LATE_MOST_NS : LATE_FIRST_NS << (n_late - 2);

	return ns < LATE_MOST_NS ? ns : LATE_MOST_NS;
}

static void tell_late(const struct gate_keeper *keeper, uint64_t waited_ms, uint64_t pause_ms)
{
	const struct message late = { .kind = MESSAGE_LATE, .value = { waited_ms, pause_ms } };
	struct message_tamper tamper = { .what = RINGFORT_TAMPER_LATE, .healed = pause_ms == 0,
					 .pid = (uint32_t)keeper->pid, .part = "gate" };
	char next[48] = "at once";

	if (pause_ms)
		snprintf(next, sizeof(next), "in %llu s", (unsigned long long)pause_ms / 1000);
	snprintf(tamper.detail, sizeof(tamper.detail), "an opener of our own waited %llu ms for its answer: the gate was ended, "
		 "so everything is let through; the next one begins %s", (unsigned long long)waited_ms, next);
	supervisor_tell_control(keeper->supervisor, &late, NULL, 0);
	supervisor_tell_tamper(keeper->supervisor, &tamper);
}

void gate_keeper_late(struct gate_keeper *keeper, uint64_t waited_ms, uint64_t life)
{
	uint64_t now_ns = supervisor_now_ns(), pause_ns;

	if (keeper->pid <= 0 || life != keeper->n_lives)
		return;
	keeper->n_late = now_ns - keeper->late_ns < LATE_FORGET_NS ? keeper->n_late + 1 : 1;
	keeper->late_ns = now_ns;
	pause_ns = back_off_ns(keeper->n_late);
	keeper->again_ns = now_ns + pause_ns;
	/* By us: but then nobody who traces it can keep it either. */
	gate_keeper_kill(keeper);
	tell_late(keeper, waited_ms, pause_ns / 1000000);
}

static void forget_gate(struct gate_keeper *keeper);

/* Its descriptors are closed, so nobody waits for it any more: the next one may begin. */
static void abandon(struct gate_keeper *keeper)
{
	if (waitpid(keeper->pid, NULL, WNOHANG) != keeper->pid)
		keeper->held = keeper->pid;
	forget_gate(keeper);
	begin_next(keeper);
}

static void tell_unmarked(const struct gate_keeper *keeper, uint64_t place)
{
	const struct config *config = keeper->supervisor->config;
	struct message_tamper tamper = { .what = RINGFORT_TAMPER_MARK_REMOVED, .healed = true,
					 .pid = (uint32_t)keeper->pid, .part = "gate",
					 .detail = "its mark was removed from the file system; it was set again" };

	if (place < config->gate_exec.n)
		snprintf(tamper.path, sizeof(tamper.path), "%s", config->gate_exec.text[place]);
	else if (place >= GATE_PLACES && place - GATE_PLACES < scopes_n(config))
		snprintf(tamper.path, sizeof(tamper.path), "%s", scopes_path(config, (uint32_t)(place - GATE_PLACES)));
	else
		return;
	if (place >= GATE_PLACES)
		snprintf(tamper.detail, sizeof(tamper.detail), "marks of a scope of opens were removed; they are set again");
	supervisor_tell_tamper(keeper->supervisor, &tamper);
}

static void on_heard(evutil_socket_t fd, short what, void *userdata)
{
	struct gate_keeper *keeper = userdata;
	int fds[MESSAGE_MAX_FDS];
	struct message message;
	int r;

	while ((r = message_receive_fd((int)fd, &message, fds)) > 0) {
		for (int i = 0; i < MESSAGE_MAX_FDS; i++)
			close_fd(fds[i]);
		keeper->alive_ns = supervisor_now_ns();
		if (message.kind == MESSAGE_MOUNTED)
			tell_guards(keeper);
		else if (message.kind == MESSAGE_DEMOTED && message.slot < keeper->supervisor->n_units)
			unit_demoted(keeper->supervisor->units[message.slot]);
		else if (message.kind == MESSAGE_HARMS && message.slot < keeper->supervisor->n_units)
			unit_harms(keeper->supervisor->units[message.slot]);
		else if (message.kind == MESSAGE_UNMARKED)
			tell_unmarked(keeper, message.value[0]);
	}
	if (r == 0)
		return;
	/* Its end is SIGCHLD's matter; until then its socket would be readable again and again. */
	event_del(keeper->heard);
	/* But who traces it keeps that signal from us. */
	if (keeper->condemned)
		abandon(keeper);
}

/* What can change behind its back: packages, and its marks, which it looks for when it is told again. */
static void keep_current(struct gate_keeper *keeper)
{
	if (critical_watch_stale(&keeper->critical)) {
		critical_watch_load(&keeper->critical, keeper->supervisor);
		tell_critical(keeper);
	}
	tell_guards(keeper);
	tell_scopes(keeper);
	tell_stops(keeper);
}

static bool is_dead(pid_t pid)
{
	struct process_state state;

	return process_state_read(pid, &state) == -ESRCH;
}

static void on_watch(evutil_socket_t fd, short what, void *userdata)
{
	struct gate_keeper *keeper = userdata;
	uint64_t silence_ns = supervisor_now_ns() - keeper->alive_ns;

	keep_policy(keeper);
	stop_keeper_watch(keeper->supervisor);
	/* One that we find dead may be of its doing. */
	canary_keeper_hear(keeper->supervisor);
	canary_keeper_start(keeper->supervisor);
	if (keeper->pid > 0 && silence_ns > HEARD_NS && is_dead(keeper->pid)) {
		abandon(keeper);
	} else if (keeper->pid > 0 && silence_ns > SILENCE_NS) {
		gate_keeper_kill(keeper);
		log_error("the gate was silent for %.1f s: killed, so that nobody waits for it",
			  (double)silence_ns / 1e9);
		keeper->alive_ns = supervisor_now_ns();
	} else if (keeper->pid == 0 && !keeper->supervisor->ending && keeper->n_failed < MAX_FAILED) {
		begin_next(keeper);
	} else if (keeper->pid > 0 && silence_ns < HEARD_NS) {
		keep_current(keeper);
	}
}

static int run_gate(const struct gate_keeper *keeper, int fd)
{
	struct gate_role role = { .supervisor_fd = fd,
				  .history_fd = keeper->history_writer,
				  .book_fd = keeper->book,
				  .denials_fd = keeper->denials,
				  .epoch = keeper->n_lives,
				  .config = keeper->supervisor->config };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	role_begin("gate", role.config);
	role_keep_only((int[]){ role.supervisor_fd, role.history_fd, role.book_fd, role.denials_fd }, 4);
	return role_gate(&role);
}

static int listen_to(struct gate_keeper *keeper)
{
	keeper->heard = event_new(keeper->supervisor->base, keeper->fd, EV_READ | EV_PERSIST, on_heard, keeper);
	return keeper->heard && event_add(keeper->heard, NULL) == 0 ? 0 : -ENOMEM;
}

static void start_gate(struct gate_keeper *keeper)
{
	int ends[2];
	pid_t pid;

	if (message_pair(ends) < 0)
		return;
	/* All that it is told at once shall fit: a gate whose socket is full is taken for one that stands still. */
	setsockopt(ends[0], SOL_SOCKET, SO_SNDBUFFORCE, &(int){ SEND_BUFFER }, sizeof(int));
	critical_watch_load(&keeper->critical, keeper->supervisor);
	keeper->n_lives++;
	pid = fork();
	if (pid == 0)
		_exit(run_gate(keeper, ends[1]));
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return;
	}
	keeper->pid = pid;
	keeper->condemned = false;
	keeper->fd = ends[0];
	keeper->born_ns = keeper->alive_ns = supervisor_now_ns();
	if (listen_to(keeper) < 0)
		gate_keeper_kill(keeper);
	tell_all(keeper);
	canary_keeper_gate(keeper->supervisor);
}

static void forget_gate(struct gate_keeper *keeper)
{
	if (keeper->heard)
		event_free(keeper->heard);
	keeper->heard = NULL;
	keeper->fd = close_fd(keeper->fd);
	keeper->pid = 0;
	scope_keeper_end(&keeper->scopes);
	keeper->stops.gate_gone = true;
	/* It lets all go now: nobody new is stopped. */
	if (!keeper->supervisor->ending)
		police(keeper);
}

void gate_keeper_ended(struct gate_keeper *keeper)
{
	uint64_t lived_ns = supervisor_now_ns() - keeper->born_ns;
	const pid_t pid = keeper->pid;
	bool ours;
	int status;

	/* Was it the canary's act? */
	canary_keeper_hear(keeper->supervisor);
	canary_keeper_ended(keeper->supervisor);
	ours = keeper->condemned;
	/* It was the last life's, perhaps: then the gate waits for the next. */
	if (scope_keeper_ended(keeper->supervisor) && keeper->pid > 0 && !keeper->supervisor->ending)
		tell_scopes(keeper);
	if (stop_keeper_ended(keeper->supervisor) && keeper->pid > 0 && !keeper->supervisor->ending) {
		tell_stops(keeper);
		police(keeper);
	}
	if (keeper->held > 0 && waitpid(keeper->held, NULL, WNOHANG) == keeper->held)
		keeper->held = 0;
	if (pid <= 0 || waitpid(pid, &status, WNOHANG) != pid)
		return;
	forget_gate(keeper);
	/* What its kernel marks remembered went with it: from here on an execution is one without a verdict. */
	backstop_forget(keeper->backstop);
	if (keeper->supervisor->ending)
		return;
	/* A kill is somebody's act; an exit of its own, so early, is this kernel's answer. */
	keeper->n_failed = WIFEXITED(status) && lived_ns < SHORT_LIFE_NS ? keeper->n_failed + 1 : 0;
	if (keeper->n_failed >= MAX_FAILED) {
		log_error("the gate cannot start here: nothing is blocked");
		return;
	}
	log_error("the gate ended (status %#x) after %.1f s: nobody waits, nothing is blocked until the next one",
		  status, (double)lived_ns / 1e9);
	begin_next(keeper);
	if (WIFSIGNALED(status) && !ours)
		tamper_killed(keeper->supervisor, "gate", pid, WTERMSIG(status), keeper->pid > 0);
}

/* Both the gate's program and the sensor's take it by this descriptor.  Without it events tell no rule. */
static int create_denials(void)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_LRU_HASH, "denials", sizeof(uint64_t), sizeof(struct denial),
				DENIAL_ENTRIES, NULL);

	if (fd < 0)
		log_warning("events cannot tell which rule denied them: %s, ignoring", strerror(errno));
	return fd < 0 ? -1 : fd;
}

int gate_keeper_open(struct gate_keeper *keeper, struct supervisor *supervisor)
{
	int r;

	keeper->supervisor = supervisor;
	keeper->fd = keeper->history_writer = keeper->history_reader = keeper->backstop_fd = -1;
	keeper->stops_fd = -1;
	keeper->book = keeper->denials = -1;
	keeper->disabled = boot_line_read();
	if (keeper->disabled)
		log_warning("the gate is disabled on the kernel's command line (" BOOT_LINE_WORD
			    "): nothing is blocked until a boot without it");
	if (!wanted(keeper))
		return 0;
	r = history_create(&keeper->history_writer, &keeper->history_reader);
	if (r < 0 || !config_rules_net(supervisor->config))
		return r;
	keeper->denials = create_denials();
	return net_book_create(&keeper->book);
}

void gate_keeper_start(struct gate_keeper *keeper)
{
	const struct timeval interval = { .tv_usec = WATCH_US };

	if (!wanted(keeper))
		return;
	keeper->watch = event_new(keeper->supervisor->base, -1, EV_PERSIST, on_watch, keeper);
	if (!keeper->watch || event_add(keeper->watch, &interval) < 0) {
		log_error("nobody can watch the gate: it is not started");
		return;
	}
	start_gate(keeper);
	canary_keeper_start(keeper->supervisor);
}

/* The operator does not wait until it comes back by itself. */
static void end_pause(struct gate_keeper *keeper)
{
	const struct message earlier = { .kind = MESSAGE_LATE };

	if (supervisor_now_ns() >= keeper->again_ns)
		return;
	keeper->again_ns = 0;
	supervisor_tell_control(keeper->supervisor, &earlier, NULL, 0);
}

void gate_keeper_message(struct gate_keeper *keeper, const struct message *message)
{
	struct message done = { .kind = MESSAGE_DONE, .value = { message->value[0] } };

	if (keeper->history_writer < 0) {
		done.result = -ENOTSUP;
		snprintf(done.text, sizeof(done.text), "there is no gate: no file system is guarded (gate: exec: in the configuration), "
			 "no scope of opens is named, no solution may rule the network, nothing becomes of what is outside (gate: outside:)");
	} else {
		keeper->open = message->value[1] != 0;
		police(keeper);
		log_warning("the operator %s the gate", keeper->open ? "opened" : "closed");
		tell(keeper, message, NULL, 0);
		if (!keeper->open)
			end_pause(keeper);
	}
	supervisor_tell_control(keeper->supervisor, &done, NULL, 0);
}

void gate_keeper_hold(struct gate_keeper *keeper, const struct message *message)
{
	const struct message hold = { .kind = MESSAGE_HOLD, .value = { message->value[0], message->value[1] != 0 } };

	log_warning("the operator %s what is held as %llu", hold.value[1] ? "denies" : "allows",
		    (unsigned long long)hold.value[0]);
	tell(keeper, &hold, NULL, 0);
}

void gate_keeper_forgive(struct gate_keeper *keeper, uint32_t slot)
{
	const struct message forgive = { .kind = MESSAGE_FORGIVE, .slot = slot };

	tell(keeper, &forgive, NULL, 0);
}

void gate_keeper_close(struct gate_keeper *keeper)
{
	pid_t pid = keeper->pid;

	/* The daemon ends before it was opened. */
	if (!keeper->supervisor)
		return;
	if (keeper->watch)
		event_free(keeper->watch);
	keeper->watch = NULL;
	/* First: nobody is stopped any more when those who are are let go. */
	backstop_police(keeper->backstop, 0, &(struct backstop_reach){ 0 });
	forget_gate(keeper);
	role_end(pid);
	canary_keeper_close(&keeper->canary);
	backstop_activate(keeper->backstop, false);
	stop_keeper_close(keeper->supervisor);
	keeper->backstop = backstop_close(keeper->backstop);
	keeper->backstop_fd = close_fd(keeper->backstop_fd);
	keeper->stops_fd = close_fd(keeper->stops_fd);
	keeper->history_writer = close_fd(keeper->history_writer);
	keeper->history_reader = close_fd(keeper->history_reader);
	keeper->book = close_fd(keeper->book);
	keeper->denials = close_fd(keeper->denials);
}
