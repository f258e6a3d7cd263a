/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Role stops - has images judged that were stopped before their first instruction.
 *
 *   the probe stops it (event/backstop.h), and wakes us -> we open its image -> the gate decides as about any
 *   execution, with its deadline -> it goes on, or is killed
 *
 * An image is opened on file systems that wait for no server, as that may be the attacker: nothing would end a
 * process that waits for him.  About others solutions are asked without the file.
 *
 * Nobody but its own users waits for us.  When the gate ends we let all go and end as well; what we leave
 * behind, because we were killed, the next of us lets go, or the supervisor, or the next daemon.
 *
 * A stop by a signal holds nobody who expects it: another process of the same user can send SIGCONT, or trace
 * it.  Who was let go by anybody but us is seen within some LOOK_MS, and killed.
 *
 * A parent that waits for stops (su, sudo) stands still with its child, for a shell above to see; where there is
 * none it would for ever.  So a parent that stopped itself behind that of its child is told to go on as well.
 */
#include "ringfortd/role.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "gate/backstop.h"
#include "ringfortd/drop.h"
#include "ringfortd/message.h"
#include "ringfortd/stopped.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#define LOOK_MS 5       /* while there are any, and a fourth of one more for each */
#define IDLE_MS 250
#define PARENTS 256u
#define PARENT_NS 300000000ull
#define NS_PER_MS 1000000ull
/* Not in the headers of Debian 12. */
#ifndef EXFAT_SUPER_MAGIC
#define EXFAT_SUPER_MAGIC 0x2011bab0
#endif
#ifndef UDF_SUPER_MAGIC
#define UDF_SUPER_MAGIC 0x15013346
#endif
#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC 0x58465342
#endif

/* What we know of one; its place in the backstop has the same index. */
struct held {
	uint32_t number;   /* by which the gate knows it; 0: nobody is here */
	int pidfd;
	uint64_t since_ns;
};

/* Who may have stopped because his child did, or be about to. */
struct parent {
	pid_t pid; /* 0: none */
	uint64_t start_ns;
	uint64_t since_ns; /* it is looked at after LOOK_MS, and each time twice as long behind that */
	uint64_t next_ns;
};

struct stops_loop {
	const struct stops_role *role;
	struct backstop *backstop;
	const uint64_t *ring_end;  /* how far the kernel has written */
	uint64_t *ring_read;       /* how far we have read */
	struct held held[BACKSTOP_STOPS];
	struct parent parents[PARENTS];
	uint32_t n_parents; /* ever */
	pid_t supervisor;
	uint64_t patience_ns; /* until a verdict is there */
	uint32_t n_stopped;
	uint32_t n_busy; /* who are looked at */
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

/* ---- its end ------------------------------------------------------------------------------------- */

/* One that executes without end is one. */
static void expect_parent(struct stops_loop *loop, const struct backstop_stop *stop)
{
	const uint64_t now = now_ns();
	struct parent *parent = NULL;

	if (!stop->parent)
		return;
	for (uint32_t i = 0; i < PARENTS && !parent; i++)
		if (loop->parents[i].pid == (pid_t)stop->parent && loop->parents[i].start_ns == stop->parent_start_ns)
			parent = &loop->parents[i];
	if (!parent)
		parent = &loop->parents[loop->n_parents++ % PARENTS];
	*parent = (struct parent){ (pid_t)stop->parent, stop->parent_start_ns, now, now + LOOK_MS * NS_PER_MS };
}

static void end(struct stops_loop *loop, uint32_t i, enum ringfort_verdict verdict)
{
	struct backstop_stop *stop = &loop->backstop->stops[i];

	expect_parent(loop, stop);
	if (verdict == RINGFORT_VERDICT_DENY && loop->held[i].pidfd >= 0)
		__atomic_fetch_add(&loop->backstop->n_denied[stop->kind % BACKSTOP_KINDS], 1, __ATOMIC_RELAXED);
	stopped_end(stop, loop->held[i].pidfd, verdict);
	stopped_write(loop->role->left_fd, i, 0, 0);
	close_fd(loop->held[i].pidfd);
	loop->held[i] = (struct held){ .pidfd = -1 };
}

/* It may have executed such an image itself: then it does not stand still for its child. */
static bool waits_itself(const struct stops_loop *loop, pid_t pid)
{
	for (uint32_t i = 0; i < BACKSTOP_STOPS; i++)
		if (loop->backstop->stops[i].pid == (uint32_t)pid && stopped_waits(&loop->backstop->stops[i]))
			return true;
	return false;
}

/* It is told to go on once. */
static void look_at_parent(struct stops_loop *loop, struct parent *parent, uint64_t now)
{
	_cleanup_(closep) int pidfd = -1;

	if (parent->pid == 0)
		return;
	loop->n_busy++;
	if (now < parent->next_ns)
		return;
	parent->next_ns = now + (now - parent->since_ns);
	if (stopped_is(parent->pid) && !waits_itself(loop, parent->pid)) {
		pidfd = stopped_open(parent->pid, parent->start_ns);
		if (pidfd >= 0)
			syscall(SYS_pidfd_send_signal, pidfd, SIGCONT, NULL, 0);
	} else if (now - parent->since_ns < PARENT_NS) {
		return;
	}
	parent->pid = 0;
}

/* ---- its question -------------------------------------------------------------------------------- */

/* Disks of the host, and memory. */
static bool waits_for_nobody(int image)
{
	static const uint32_t magics[] = {
		BTRFS_SUPER_MAGIC, EROFS_SUPER_MAGIC_V1, EXT4_SUPER_MAGIC, F2FS_SUPER_MAGIC, ISOFS_SUPER_MAGIC, MSDOS_SUPER_MAGIC,
		RAMFS_MAGIC, SQUASHFS_MAGIC, TMPFS_MAGIC, UDF_SUPER_MAGIC, XFS_SUPER_MAGIC, EXFAT_SUPER_MAGIC,
	};
	struct statfs fs;

	for (size_t i = 0; fstatfs(image, &fs) == 0 && i < sizeof(magics) / sizeof(magics[0]); i++)
		if ((uint32_t)fs.f_type == magics[i])
			return true;
	return false;
}

/*
 * By the kernel's own link: it is the very file that was loaded, and to take hold of it asks no file system.
 *
 * Return: a descriptor to read it or, with *ret_error, one of O_PATH; or a negative errno
 */
static int open_image(pid_t pid, int *ret_error)
{
	_cleanup_(closep) int image = -1;
	char path[32];
	int fd = -1;

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	image = open(path, O_PATH | O_CLOEXEC);
	if (image < 0)
		return -errno;
	*ret_error = -EREMOTE;
	if (waits_for_nobody(image)) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", image);
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOATIME);
		*ret_error = fd < 0 ? -errno : 0;
	}
	return fd < 0 ? take_fd(&image) : fd;
}

static int ask(const struct stops_loop *loop, uint32_t i)
{
	const uint32_t pid = loop->backstop->stops[i].pid;
	struct message message = { .kind = MESSAGE_STOPPED, .value = { loop->held[i].number, pid } };
	_cleanup_(closep) int image = open_image((pid_t)pid, &message.result);

	return image < 0 ? image : message_send_fd(loop->role->gate_fd, &message, &image, 1);
}

static void begin(struct stops_loop *loop, uint32_t i)
{
	const struct backstop_stop *stop = &loop->backstop->stops[i];
	struct held *held = &loop->held[i];
	int r;

	stopped_write(loop->role->left_fd, i, (pid_t)stop->pid, stop->start_ns);
	/* Its lowest part is its place, the rest tells a late verdict from its own; the gate takes 30 bits. */
	held->number = (++loop->n_stopped % (1u << 23) + 1) * BACKSTOP_STOPS + i;
	held->since_ns = now_ns();
	held->pidfd = r = stopped_open((pid_t)stop->pid, stop->start_ns);
	if (r >= 0)
		r = ask(loop, i);
	if (r >= 0)
		return;
	if (held->pidfd >= 0)
		log_error("cannot have the image of process %u judged, which was stopped: %s; it goes on", stop->pid, strerror(-r));
	end(loop, i, RINGFORT_VERDICT_ALLOW);
}

static void tend(struct stops_loop *loop, uint32_t i, uint64_t now)
{
	const struct backstop_stop *stop = &loop->backstop->stops[i];
	enum stopped_state state = stopped_look((pid_t)stop->pid);

	/* Its number may be another's by now. */
	if (state == STOPPED_GONE || syscall(SYS_pidfd_send_signal, loop->held[i].pidfd, 0, NULL, 0) < 0) {
		end(loop, i, RINGFORT_VERDICT_ALLOW);
	} else if (state == STOPPED_TAKEN) {
		log_warning("process %u was let go by somebody else before its image was judged: killed", stop->pid);
		end(loop, i, RINGFORT_VERDICT_DENY);
	} else if (now - loop->held[i].since_ns > loop->patience_ns) {
		log_error("no verdict came about process %u, which was stopped: it goes on", stop->pid);
		end(loop, i, RINGFORT_VERDICT_ALLOW);
	}
}

static void look(struct stops_loop *loop)
{
	uint64_t now = now_ns();

	loop->n_busy = 0;
	for (uint32_t i = 0; i < BACKSTOP_STOPS; i++) {
		if (loop->held[i].number)
			tend(loop, i, now);
		else if (stopped_waits(&loop->backstop->stops[i]))
			begin(loop, i);
		loop->n_busy += loop->held[i].number != 0;
	}
	for (uint32_t i = 0; i < PARENTS; i++)
		look_at_parent(loop, &loop->parents[i], now);
}

/* ---- the loop ------------------------------------------------------------------------------------ */

/* False: the gate has gone. */
static bool hear_gate(struct stops_loop *loop)
{
	int fds[MESSAGE_MAX_FDS];
	struct message message;
	int r;

	while ((r = message_receive_fd(loop->role->gate_fd, &message, fds)) > 0) {
		const uint32_t number = (uint32_t)message.value[0], i = number % BACKSTOP_STOPS;

		for (int fd = 0; fd < MESSAGE_MAX_FDS; fd++)
			close_fd(fds[fd]);
		/* It may have been let go or have ended meanwhile. */
		if (message.kind == MESSAGE_JUDGED && number && loop->held[i].number == number)
			end(loop, i, message.value[1] == RINGFORT_VERDICT_DENY ? RINGFORT_VERDICT_DENY :
										 RINGFORT_VERDICT_ALLOW);
	}
	return r == 0;
}

/* What it says stands in the backstop. */
static void read_ring(struct stops_loop *loop)
{
	__atomic_store_n(loop->ring_read, __atomic_load_n(loop->ring_end, __ATOMIC_ACQUIRE), __ATOMIC_RELEASE);
}

static void run(struct stops_loop *loop)
{
	struct pollfd fds[] = { { .fd = loop->role->gate_fd, .events = POLLIN },
				{ .fd = loop->role->ring_fd, .events = POLLIN } };

	for (;;) {
		poll(fds, 2, loop->n_busy ? LOOK_MS + (int)loop->n_busy / 4 : IDLE_MS);
		read_ring(loop);
		/* A verdict before a look: who was let go by it was let go by us. */
		if (!hear_gate(loop))
			return;
		look(loop);
	}
}

/* Those who were about to be judged, and whoever was stopped since.  Parents that stop behind that are not seen. */
static void finish(struct stops_loop *loop)
{
	/* Nobody is left to say it: the supervisor went first. */
	if (getppid() != loop->supervisor)
		__atomic_store_n(&loop->backstop->says, 0, __ATOMIC_RELEASE);
	for (uint32_t i = 0; i < BACKSTOP_STOPS; i++)
		if (loop->held[i].number)
			end(loop, i, RINGFORT_VERDICT_ALLOW);
	stopped_let_go_all(loop->backstop);
	for (int waited = 0; waited < (int)(PARENT_NS / NS_PER_MS); waited += LOOK_MS) {
		for (uint32_t i = 0; i < PARENTS; i++)
			look_at_parent(loop, &loop->parents[i], now_ns());
		stopped_let_go_all(loop->backstop);
		usleep(LOOK_MS * 1000);
	}
}

static int open_ring(struct stops_loop *loop)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);

	loop->ring_read = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, loop->role->ring_fd, 0);
	if (loop->ring_read == MAP_FAILED)
		return -errno;
	loop->ring_end = mmap(NULL, page, PROT_READ, MAP_SHARED, loop->role->ring_fd, (off_t)page);
	return loop->ring_end == MAP_FAILED ? -errno : 0;
}

int role_stops(const struct stops_role *role)
{
	static struct stops_loop loop;
	int r;

	loop.role = role;
	loop.supervisor = getppid();
	loop.patience_ns = STOPS_PATIENCE_MS(role->config) * NS_PER_MS;
	for (uint32_t i = 0; i < BACKSTOP_STOPS; i++)
		loop.held[i].pidfd = -1;
	r = backstop_open(&loop.backstop, role->backstop_fd);
	if (r == 0)
		r = open_ring(&loop);
	if (r == 0)
		r = drop_stops();
	if (r < 0) {
		log_error("cannot begin: %s; what was stopped goes on", strerror(-r));
		return 1;
	}
	/* They waited for one who is gone. */
	stopped_let_go_all(loop.backstop);
	run(&loop);
	finish(&loop);
	return 0;
}
