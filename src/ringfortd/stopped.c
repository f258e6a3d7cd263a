/* SPDX-License-Identifier: Apache-2.0 */
/* Stopped - what /proc says of them, and two signals. */
#include "ringfortd/stopped.h"

#include "base/cleanup.h"
#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FIELDS_TO_START 19 /* of /proc/PID/stat, from the state on */

/* What is read of one line of /proc/PID/status; NULL: there is none. */
static const char *line(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at ? at + strlen(name) : NULL;
}

/* Its state, and whether the signal that stops it has still to reach it; '\0': it has gone. */
static char read_state(pid_t pid, bool *ret_pending)
{
	const char *state, *pending;
	char path[64], text[2048];

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	if (fs_read_at(AT_FDCWD, path, text, sizeof(text)) < 0)
		return '\0';
	state = line(text, "\nState:\t");
	pending = line(text, "\nShdPnd:\t");
	if (!state || !pending || *state == 'Z' || *state == 'X')
		return '\0';
	*ret_pending = strtoull(pending, NULL, 16) >> (SIGSTOP - 1) & 1;
	return *state;
}

/*
 * The kernel prints the state first and then what is pending: between the two it may have come to a stop.  One that
 * is frozen besides (a suspend) is told as if it waited for a disk.
 */
enum stopped_state stopped_look(pid_t pid)
{
	for (int i = 0; i < 2; i++) {
		bool pending = false;
		char state = read_state(pid, &pending);

		if (state == '\0')
			return STOPPED_GONE;
		if (state == 'T' || state == 'D' || pending)
			return STOPPED_STILL;
	}
	return STOPPED_TAKEN;
}

bool stopped_is(pid_t pid)
{
	bool pending;

	return read_state(pid, &pending) == 'T';
}

/* In ticks, as /proc tells it; the name before it may hold anything, a parenthesis too.  0: it has gone */
static uint64_t start_of(pid_t pid)
{
	char path[64], text[1024];
	const char *at;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (fs_read_at(AT_FDCWD, path, text, sizeof(text)) < 0)
		return 0;
	at = strrchr(text, ')');
	for (int field = 0; at && field <= FIELDS_TO_START; field++)
		at = strchr(at + 1, ' ');
	return at ? strtoull(at, NULL, 10) : 0;
}

int stopped_open(pid_t pid, uint64_t start_ns)
{
	_cleanup_(closep) int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);

	if (pidfd < 0)
		return -errno;
	if (start_of(pid) != start_ns / (1000000000ull / (uint64_t)sysconf(_SC_CLK_TCK)))
		return -ESRCH;
	return take_fd(&pidfd);
}

/*
 * Its place says first that it goes, and is free at last: what it executes next is no sign that somebody else
 * let it go, and who ends in between leaves one behind that is let go once more.
 */
void stopped_end(struct backstop_stop *stop, int pidfd, enum ringfort_verdict verdict)
{
	__atomic_store_n(&stop->state, BACKSTOP_GOING, __ATOMIC_SEQ_CST);
	if (pidfd >= 0)
		syscall(SYS_pidfd_send_signal, pidfd, verdict == RINGFORT_VERDICT_DENY ? SIGKILL : SIGCONT, NULL, 0);
	__atomic_store_n(&stop->state, BACKSTOP_FREE, __ATOMIC_RELEASE);
}

bool stopped_waits(const struct backstop_stop *stop)
{
	uint64_t state = __atomic_load_n(&stop->state, __ATOMIC_ACQUIRE);

	return state == BACKSTOP_STOPPED || state == BACKSTOP_GOING;
}

uint32_t stopped_let_go_all(struct backstop *backstop)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < BACKSTOP_STOPS; i++) {
		struct backstop_stop *stop = &backstop->stops[i];
		_cleanup_(closep) int pidfd = -1;

		if (!stopped_waits(stop))
			continue;
		pidfd = stopped_open((pid_t)stop->pid, stop->start_ns);
		stopped_end(stop, pidfd, RINGFORT_VERDICT_ALLOW);
		n++;
	}
	return n;
}

void stopped_write(int file, uint32_t place, pid_t pid, uint64_t start_ns)
{
	const struct stopped_entry entry = { .pid = (uint32_t)pid, .start_ns = start_ns };

	/* Without it they are let go all the same, by whoever of us is left. */
	if (pwrite(file, &entry, sizeof(entry), (off_t)(place * sizeof(entry))) < 0)
		return;
}

uint32_t stopped_let_go_left(int file)
{
	struct stopped_entry entries[BACKSTOP_STOPS] = { 0 };
	uint32_t n = 0;

	if (pread(file, entries, sizeof(entries), 0) < 0 || ftruncate(file, 0) < 0)
		return 0;
	for (uint32_t i = 0; i < BACKSTOP_STOPS; i++) {
		_cleanup_(closep) int pidfd = -1;

		if (entries[i].pid == 0 || !stopped_is((pid_t)entries[i].pid))
			continue;
		pidfd = stopped_open((pid_t)entries[i].pid, entries[i].start_ns);
		n += pidfd >= 0 && syscall(SYS_pidfd_send_signal, pidfd, SIGCONT, NULL, 0) == 0;
	}
	return n;
}
