/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Responder - the least that a gate could be: the floors of `./bench decision gate`.
 *
 *   responder allow FILE      lets everybody through who executes something on FILE's file system
 *   responder cached FILE     and marks each file, so that the kernel asks about it once
 *   responder mailbox FILE    lets through, each time, once another process has said so
 *   responder allow-opens, cached-opens FILE      the same of whoever opens something
 *
 * The other process is asked over shared memory and a futex, and is passed nothing: neither a file nor a
 * word about it.  Nobody has a deadline, nothing is looked at, counted or kept.
 *
 * Prints "ready" and the pid of the other process, 0 where there is none.  It ends with its parent, and the
 * kernel lets through who waits then.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EVENTS 64

/* Numbers of the last question and of the last answer, a cache line each. */
struct mailbox {
	_Atomic uint32_t asked __attribute__((aligned(64)));
	_Atomic uint32_t answered __attribute__((aligned(64)));
};

struct responder {
	int group;
	uint64_t asked; /* FAN_*_PERM */
	bool cached;
	struct mailbox *mailbox; /* NULL: nobody is asked */
};

static void fail(const char *what)
{
	fprintf(stderr, "responder: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void put(_Atomic uint32_t *word, uint32_t value)
{
	atomic_store_explicit(word, value, memory_order_release);
	syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* Until it is another number. */
static uint32_t wait_for_change(_Atomic uint32_t *word, uint32_t old)
{
	uint32_t now;

	while ((now = atomic_load_explicit(word, memory_order_acquire)) == old)
		syscall(SYS_futex, word, FUTEX_WAIT, old, NULL, NULL, 0);
	return now;
}

static _Noreturn void decide(struct mailbox *mailbox)
{
	uint32_t last = 0;

	for (;;) {
		last = wait_for_change(&mailbox->asked, last);
		put(&mailbox->answered, last);
	}
}

/* Before there is a group: a child that held a copy of it would keep everybody waiting. */
static pid_t start_decider(struct responder *responder)
{
	pid_t pid;

	responder->mailbox = mmap(NULL, sizeof(*responder->mailbox), PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (responder->mailbox == MAP_FAILED)
		fail("mmap");
	pid = fork();
	if (pid < 0)
		fail("fork");
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		decide(responder->mailbox);
	}
	return pid;
}

static void answer(const struct responder *responder, int fd)
{
	const struct fanotify_response response = { .fd = fd, .response = FAN_ALLOW };

	if (responder->mailbox) {
		uint32_t last = atomic_load_explicit(&responder->mailbox->answered, memory_order_relaxed);

		put(&responder->mailbox->asked, last + 1);
		wait_for_change(&responder->mailbox->answered, last);
	}
	if (write(responder->group, &response, sizeof(response)) < 0)
		fail("an answer");
	if (responder->cached)
		fanotify_mark(responder->group, FAN_MARK_ADD | FAN_MARK_IGNORED_MASK, responder->asked, fd, NULL);
	close(fd);
}

static _Noreturn void respond(const struct responder *responder)
{
	static struct fanotify_event_metadata events[EVENTS];

	for (;;) {
		ssize_t n = read(responder->group, events, sizeof(events));
		const struct fanotify_event_metadata *event = events;

		if (n < 0)
			fail("read");
		for (; FAN_EVENT_OK(event, n); event = FAN_EVENT_NEXT(event, n))
			answer(responder, event->fd);
	}
}

static const struct kind {
	const char *name;
	uint64_t asked;
	bool cached, mailbox;
} kinds[] = {
	{ "allow", FAN_OPEN_EXEC_PERM, false, false },
	{ "cached", FAN_OPEN_EXEC_PERM, true, false },
	{ "mailbox", FAN_OPEN_EXEC_PERM, false, true },
	{ "allow-opens", FAN_OPEN_PERM, false, false },
	{ "cached-opens", FAN_OPEN_PERM, true, false },
};

static const struct kind *find_kind(const char *name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	return NULL;
}

int main(int argc, char **argv)
{
	const struct kind *kind = argc == 3 ? find_kind(argv[1]) : NULL;
	struct responder responder = { .group = -1 };
	pid_t decider = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!kind) {
		fprintf(stderr, "usage: responder allow|cached|mailbox|allow-opens|cached-opens FILE\n");
		return 2;
	}
	responder.asked = kind->asked;
	responder.cached = kind->cached;
	if (kind->mailbox)
		decider = start_decider(&responder);
	responder.group = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC | FAN_UNLIMITED_QUEUE, O_RDONLY | O_CLOEXEC);
	if (responder.group < 0)
		fail("fanotify_init");
	if (fanotify_mark(responder.group, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, kind->asked, AT_FDCWD, argv[2]) < 0)
		fail(argv[2]);
	printf("ready %d\n", (int)decider);
	fflush(stdout);
	respond(&responder);
}
