/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bad - solutions that misbehave, one mode each, for the tests of the host.
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
#include <sys/stat.h>
#include <sys/syscall.h>
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

/* Every mapping that is writable and shared: the mailbox. */
static void bad_noise(char **argv)
{
	unsigned int seed = 1;
	struct stat st;
	unsigned char *map;

	subscribe();
	if (fstat(4, &st) < 0)
		return;
	map = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, 4, 0);
	if (map == MAP_FAILED)
		return;
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

static void say(const char *attempt, int succeeded)
{
	printf("%s: %s\n", attempt, succeeded ? "BREACH" : strerror(errno));
	fflush(stdout);
}

/* A call that ends the caller is tried in a child. */
static void say_child(const char *attempt, int (*call)(void))
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		_exit(call() >= 0 ? 0 : 1);
	if (pid < 0) {
		say(attempt, 0);
		return;
	}
	waitpid(pid, &status, 0);
	printf("%s: %s\n", attempt,
	       WIFEXITED(status) && WEXITSTATUS(status) == 0 ? "BREACH" :
	       WIFSIGNALED(status)                           ? "killed" :
							       "refused");
	fflush(stdout);
}

static int call_bpf(void)
{
	union bpf_attr attr = { .map_type = BPF_MAP_TYPE_ARRAY,
				.key_size = 4,
				.value_size = 4,
				.max_entries = 1 };

	return (int)syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));
}

static int call_uring(void)
{
	char params[256] = { 0 };

	return (int)syscall(SYS_io_uring_setup, 4, params);
}

static int call_userfaultfd(void)
{
	return (int)syscall(SYS_userfaultfd, 1);
}

static int call_ptrace(void)
{
	return (int)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static int call_mount(void)
{
	return mount("none", "/", "tmpfs", 0, NULL);
}

static int call_shell(void)
{
	return execl("/bin/sh", "sh", "-c", "true", NULL);
}

static void bad_attack(char **argv)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(80) };
	void *p;
	int fd;

	subscribe();
	say("open /etc/shadow", open("/etc/shadow", O_RDONLY) >= 0);
	say("open /etc/passwd", open("/etc/passwd", O_RDONLY) >= 0);
	say("open /proc/1/mem", open("/proc/1/mem", O_RDWR) >= 0);
	say("create a file", open("/x", O_CREAT | O_WRONLY, 0600) >= 0);
	say("write into the package", open("/solution/manifest.yaml", O_WRONLY) >= 0);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	say("an inet socket", fd >= 0 && connect(fd, (void *)&address, sizeof(address)) == 0);
	say("a unix socket", socket(AF_UNIX, SOCK_STREAM, 0) >= 0);
	for (; *argv; argv++) {
		say("signal another process", kill(atoi(*argv), SIGTERM) == 0);
		say("stop another process", kill(atoi(*argv), SIGSTOP) == 0);
		say("read another's memory", syscall(SYS_process_vm_readv, atoi(*argv), NULL, 0, NULL, 0, 0) >= 0);
	}
	say("signal everybody", kill(-1, 0) == 0);
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	say("memory to write and execute", p != MAP_FAILED);
	say("become root", setuid(0) == 0);
	say("truncate the ring", ftruncate(3, 0) == 0);
	say("map the ring for writing",
	    mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, 3, 0) != MAP_FAILED);
	say("truncate the mailbox", ftruncate(4, 0) == 0);
	say_child("bpf", call_bpf);
	say_child("io_uring", call_uring);
	say_child("userfaultfd", call_userfaultfd);
	say_child("ptrace", call_ptrace);
	say_child("mount", call_mount);
	say_child("execute a shell", call_shell);
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
