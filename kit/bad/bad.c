/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bad - solutions that misbehave, one mode each, for the conformance kit and the tests of the host.
 *
 *   bad crash | crash-nth N | hang | stop | alloc | fork | close | noise | flood | attack PID...
 *
 * `attack` prints a line "attempt: result" each; anything that succeeded says BREACH.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <poll.h>
#include <ringfort/client.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static struct ringfort_client *client;

static void subscribe(void)
{
	if (ringfort_client_open(&client) < 0 ||
	    ringfort_client_subscribe(client, ringfort_client_granted(client)) < 0)
		_exit(1);
}

static const struct ringfort_event *wait_event(void)
{
	struct pollfd wake = { .fd = ringfort_client_fd(client), .events = POLLIN };
	const struct ringfort_event *event;
	int r;

	while ((r = ringfort_client_next(client, &event)) == 0)
		poll(&wake, 1, -1);
	if (r < 0)
		_exit(0);
	return event;
}

static void bad_crash(char **argv)
{
	abort();
}

static void bad_crash_nth(char **argv)
{
	volatile int *volatile nowhere = NULL;

	subscribe();
	for (int n = atoi(argv[0]); n > 0; n--)
		wait_event();
	/* A real fault: the kernel shields the first process of a namespace from raise(). */
	*nowhere = 1;
}

static void bad_hang(char **argv)
{
	subscribe();
	wait_event();
	for (;;)
		;
}

static void bad_stop(char **argv)
{
	subscribe();
	wait_event();
	raise(SIGSTOP);
	for (;;)
		pause();
}

static void bad_alloc(char **argv)
{
	subscribe();
	for (;;) {
		char *p = malloc(1 << 20);

		if (p)
			memset(p, 1, 1 << 20);
	}
}

static void bad_fork(char **argv)
{
	subscribe();
	for (;;)
		fork();
}

static void bad_close(char **argv)
{
	subscribe();
	syscall(SYS_close_range, 0, ~0u, 0);
	for (;;)
		pause();
}

/* The descriptors that every solution is handed; a bad one looks them up. */
static int ring_fd = -1, mailbox_fd = -1;

static void find_descriptors(void)
{
	const char *channel = getenv("RINGFORT_CHANNEL");

	if (!channel || sscanf(channel, "%d,%d", &ring_fd, &mailbox_fd) != 2)
		_exit(3);
	/* The client closes its own. */
	ring_fd = dup(ring_fd);
	mailbox_fd = dup(mailbox_fd);
	if (ring_fd < 0 || mailbox_fd < 0)
		_exit(4);
}

/* All that is writable and shared: the mailbox. */
static void bad_noise(char **argv)
{
	unsigned int seed = 1;
	unsigned char *map;
	struct stat st;

	find_descriptors();
	subscribe();
	/* So that it is taken for a good one first. */
	ringfort_client_barrier(client, 5000);
	if (fstat(mailbox_fd, &st) < 0)
		_exit(5);
	map = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, mailbox_fd, 0);
	if (map == MAP_FAILED)
		_exit(6);
	for (;;) {
		for (int i = 0; i < 4096; i++)
			map[(size_t)rand_r(&seed) % (size_t)st.st_size] = (unsigned char)rand_r(&seed);
		for (int i = 0; i < 64; i++)
			map[rand_r(&seed) % 512] = (unsigned char)rand_r(&seed);
	}
}

static void bad_flood(char **argv)
{
	const struct ringfort_event *event;

	subscribe();
	event = wait_event();
	for (;;) {
		struct ringfort_finding finding = {
			.size = sizeof(finding),
			.level = RINGFORT_LEVEL_CRITICAL,
			.event = event,
			.rule_id = "flood",
			.title = "flood",
			.count = 1,
		};

		ringfort_client_report(client, &finding);
	}
}

/* ---- attacks: each returns what the call does, not negative for a success ------------------- */

static int victim; /* somebody else's pid */

static int try_shadow(void)
{
	return open("/etc/shadow", O_RDONLY);
}

static int try_passwd(void)
{
	return open("/etc/passwd", O_RDONLY);
}

static int try_proc_mem(void)
{
	return open("/proc/1/mem", O_RDWR);
}

static int try_create(void)
{
	return open("/x", O_CREAT | O_WRONLY, 0600);
}

static int try_write_package(void)
{
	return open("/solution/manifest.yaml", O_WRONLY);
}

static int try_inet(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(80) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return fd < 0 ? fd : connect(fd, (void *)&address, sizeof(address));
}

static int try_unix(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0);
}

static int try_terminate(void)
{
	return kill(victim, SIGTERM);
}

static int try_stop(void)
{
	return kill(victim, SIGSTOP);
}

static int try_read_memory(void)
{
	char byte;
	struct iovec local = { &byte, 1 }, remote = { (void *)0x400000, 1 };

	return (int)syscall(SYS_process_vm_readv, victim, &local, 1, &remote, 1, 0);
}

static int try_attach(void)
{
	return (int)ptrace(PTRACE_ATTACH, victim, NULL, NULL);
}

/* In a pid namespace of its own, everybody is nobody but its own children. */
static int try_everybody(void)
{
	return kill(-1, 0);
}

static int try_write_execute(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? -1 : 0;
}

static int try_root(void)
{
	return setuid(0);
}

static int try_truncate_ring(void)
{
	return ftruncate(ring_fd, 0);
}

static int try_map_ring(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ring_fd, 0);

	return p == MAP_FAILED ? -1 : 0;
}

static int try_reopen_ring(void)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", ring_fd);
	return open(path, O_RDWR);
}

static int try_truncate_mailbox(void)
{
	return ftruncate(mailbox_fd, 0);
}

static int try_bpf(void)
{
	union bpf_attr attr = { .map_type = BPF_MAP_TYPE_ARRAY,
				.key_size = 4,
				.value_size = 4,
				.max_entries = 1 };

	return (int)syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));
}

static int try_uring(void)
{
	char params[256] = { 0 };

	return (int)syscall(SYS_io_uring_setup, 4, params);
}

static int try_userfaultfd(void)
{
	return (int)syscall(SYS_userfaultfd, 1);
}

static int try_traceme(void)
{
	return (int)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static int try_mount(void)
{
	return mount("none", "/", "tmpfs", 0, NULL);
}

static int try_user_namespace(void)
{
	return unshare(CLONE_NEWUSER | CLONE_NEWNS);
}

static int try_chroot(void)
{
	return chroot("/solution");
}

static int try_module(void)
{
	return (int)syscall(SYS_init_module, "", 0, "");
}

static int try_shell(void)
{
	return execl("/bin/sh", "sh", "-c", "true", NULL);
}

struct attempt {
	const char *name;
	int (*call)(void);
};

static const struct attempt on_victim[] = {
	{ "terminate another process", try_terminate },
	{ "stop another process", try_stop },
	{ "read another's memory", try_read_memory },
	{ "attach to another process", try_attach },
};

static const struct attempt on_host[] = {
	{ "open /etc/shadow", try_shadow },
	{ "open /etc/passwd", try_passwd },
	{ "open /proc/1/mem", try_proc_mem },
	{ "create a file", try_create },
	{ "write into the package", try_write_package },
	{ "an inet socket", try_inet },
	{ "a unix socket", try_unix },
	{ "memory to write and execute", try_write_execute },
	{ "become root", try_root },
	{ "truncate the ring", try_truncate_ring },
	{ "map the ring for writing", try_map_ring },
	{ "open the ring for writing", try_reopen_ring },
	{ "truncate the mailbox", try_truncate_mailbox },
	{ "bpf", try_bpf },
	{ "io_uring", try_uring },
	{ "userfaultfd", try_userfaultfd },
	{ "ask to be traced", try_traceme },
	{ "mount", try_mount },
	{ "a user namespace", try_user_namespace },
	{ "chroot", try_chroot },
	{ "load a module", try_module },
	{ "execute a shell", try_shell },
	{ "signal everybody", try_everybody },
};

/* Each in a child: the sandbox kills for some of them. */
static void attempt(const struct attempt *attempt)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		_exit(attempt->call() >= 0 ? 0 : errno);
	if (pid < 0) {
		printf("%s: no child for it\n", attempt->name);
		return;
	}
	waitpid(pid, &status, 0);
	printf("%s: %s\n", attempt->name,
	       WIFSIGNALED(status)	 ? "killed" :
	       WEXITSTATUS(status) == 0 ? "BREACH" :
					  strerror(WEXITSTATUS(status)));
	fflush(stdout);
}

static void bad_attack(char **argv)
{
	find_descriptors();
	subscribe();
	for (size_t i = 0; i < sizeof(on_host) / sizeof(on_host[0]); i++)
		attempt(&on_host[i]);
	for (; *argv; argv++) {
		victim = atoi(*argv);
		for (size_t i = 0; i < sizeof(on_victim) / sizeof(on_victim[0]); i++)
			attempt(&on_victim[i]);
	}
	ringfort_client_say(client, "attacked");
	for (;;)
		wait_event();
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(char **argv);
	} modes[] = { { "crash", bad_crash }, { "crash-nth", bad_crash_nth }, { "hang", bad_hang },
		      { "stop", bad_stop },   { "alloc", bad_alloc },	      { "fork", bad_fork },
		      { "close", bad_close }, { "noise", bad_noise },	      { "flood", bad_flood },
		      { "attack", bad_attack } };

	for (size_t i = 0; argc > 1 && i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strcmp(argv[1], modes[i].name) == 0) {
			modes[i].run(argv + 2);
			return 1;
		}
	fprintf(stderr, "bad: no such mode\n");
	return 2;
}
