/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Test-payload - the foreign program of test-sandbox: tries one forbidden thing, tells the outcome.
 *
 * argv[1] names the act.  It prints "ok" or the name of the errno, or dies of what it tried.
 */
#include "host/test-payload.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const *given; /* argv from argv[2] on */

static int answer(long r)
{
	printf("%s\n", r >= 0 ? "ok" : strerrorname_np(errno));
	return 0;
}

static int say_hello(void)
{
	printf("hello from pid %d uid %d gid %d groups %d\n", getpid(), getuid(), getgid(),
	       getgroups(0, NULL));
	fprintf(stderr, "to stderr\n");
	return 42;
}

static int say_environment(void)
{
	for (char **at = environ; *at; at++)
		printf("%s\n", *at);
	return 0;
}

static int list_descriptors(void)
{
	for (int fd = 0; fd < 64; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			printf("%d ", fd);
	printf("\n");
	return 0;
}

static int list_folder(void)
{
	DIR *list = opendir(given[0]);
	struct dirent *entry;
	char names[64][256];
	int n = 0;

	if (!list)
		return answer(-1);
	while (n < 64 && (entry = readdir(list)))
		if (entry->d_name[0] != '.')
			snprintf(names[n++], sizeof(names[0]), "%s", entry->d_name);
	qsort(names, (size_t)n, sizeof(names[0]), (int (*)(const void *, const void *))strcmp);
	for (int i = 0; i < n; i++)
		printf("%s ", names[i]);
	printf("\n");
	return 0;
}

static int read_file(void)
{
	char text[64];
	int fd = open(given[0], O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (n < 0)
		return answer(-1);
	text[n] = '\0';
	printf("%s\n", text);
	return 0;
}

static int write_file(void)
{
	return answer(open(given[0], O_WRONLY | O_CREAT, 0600));
}

static int change_mode(void)
{
	return answer(chmod(given[0], 04777));
}

static int lock_descriptor(void)
{
	return answer(flock(3, LOCK_EX | LOCK_NB));
}

static int seal_descriptor(void)
{
	return answer(fcntl(3, F_ADD_SEALS, F_SEAL_WRITE));
}

static int open_socket(void)
{
	return answer(socket(atoi(given[0]), SOCK_STREAM, 0));
}

static int open_socketpair(void)
{
	int pair[2];

	return answer(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
}

static int trace(void)
{
	return answer(ptrace(PTRACE_ATTACH, atoi(given[0]), NULL, NULL));
}

static int send_signal(void)
{
	return answer(kill(atoi(given[0]), SIGKILL));
}

static int send_signal_to_all(void)
{
	return answer(kill(-1, SIGKILL));
}

static int mount_something(void)
{
	return answer(mount("none", "/solution", "tmpfs", 0, NULL));
}

static int unshare_user(void)
{
	return answer(unshare(CLONE_NEWUSER));
}

static int clone_user(void)
{
	return answer(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL));
}

static int become_root(void)
{
	return answer(setuid(0));
}

#define RAW_CALL(name) \
	static int call_##name(void) \
	{ \
		return answer(syscall(SYS_##name, 0, 0, 0, 0, 0, 0)); \
	}

RAW_CALL(io_uring_setup)
RAW_CALL(bpf)
RAW_CALL(userfaultfd)
RAW_CALL(perf_event_open)
RAW_CALL(finit_module)
RAW_CALL(kexec_load)
RAW_CALL(memfd_create)
RAW_CALL(keyctl)

static int punch_hole(void)
{
	void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, 3, 0);

	return answer(memory == MAP_FAILED ? -1 : madvise(memory, 4096, MADV_REMOVE));
}

/* The same numbers with another meaning: x32 on x86, nothing at all elsewhere. */
static int call_other_numbers(void)
{
	return answer(syscall(SYS_getpid | 0x40000000));
}

static int execute_path(void)
{
	char *const arguments[] = { (char *)given[0], "hello", NULL };

	execv(given[0], arguments);
	return answer(-1);
}

/* The very address that the start used: page 0 cannot be had any more. */
static int execute_again(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	uintptr_t address = 16;

	printf("page %s ", page == MAP_FAILED ? strerrorname_np(errno) : "ok");
	__asm__("" : "+r"(address));
	return answer(syscall(SYS_execve, address, NULL, NULL));
}

static int execute_by_descriptor(void)
{
	int fd = open(given[0], O_RDONLY);
	char *const arguments[] = { "x", "hello", NULL };

	syscall(SYS_execveat, fd, "", arguments, environ, AT_EMPTY_PATH);
	return answer(-1);
}

static int map_both(void)
{
	return answer(mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1 : 0);
}

static int map_anonymous_executable(void)
{
	return answer(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			   0) == MAP_FAILED ? -1 : 0);
}

static int protect_executable(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return answer(mprotect(page, 4096, PROT_READ | PROT_EXEC));
}

static int map_file_executable(void)
{
	int fd = open(given[0], O_RDONLY);

	return answer(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) == MAP_FAILED ?
			      -1 : 0);
}

static int fork_without_end(void)
{
	unsigned int n = 0;

	for (;;) {
		pid_t pid = fork();

		if (pid == 0)
			pause();
		if (pid < 0)
			break;
		n++;
	}
	printf("%u %s\n", n, strerrorname_np(errno));
	fflush(stdout);
	/* Stay for the test to look from outside. */
	pause();
	return 0;
}

static void *thread(void *unused)
{
	return unused;
}

static int start_thread(void)
{
	pthread_t id;
	int r = pthread_create(&id, NULL, thread, NULL);

	if (r == 0)
		r = pthread_join(id, NULL);
	errno = r;
	return answer(r ? -1 : 0);
}

static int allocate_without_end(void)
{
	for (;;) {
		char *memory = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (memory == MAP_FAILED)
			return answer(-1);
		memset(memory, 1, 1 << 20);
	}
}

static int allocate(void)
{
	char *memory = malloc((size_t)atoi(given[0]) << 20);

	if (memory)
		memset(memory, 1, (size_t)atoi(given[0]) << 20);
	return answer(memory ? 0 : -1);
}

static int open_without_end(void)
{
	int n = 0;

	while (dup(0) >= 0)
		n++;
	printf("%d %s\n", n + 3, strerrorname_np(errno));
	return 0;
}

static int dump_core(void)
{
	struct rlimit core;

	getrlimit(RLIMIT_CORE, &core);
	printf("%ju %ju\n", (uintmax_t)core.rlim_cur, (uintmax_t)core.rlim_max);
	fflush(stdout);
	/* A fault, not raise(): pid 1 does not get its own signals. */
	return *(volatile int *)(uintptr_t)strlen(given[0]);
}

static int spin(void)
{
	volatile uint64_t n = 0;

	while (n < UINT64_MAX)
		n++;
	return 0;
}

static int sleep_on(void)
{
	printf("asleep\n");
	fflush(stdout);
	while (pause() < 0)
		continue;
	return 0;
}

static int flood_output(void)
{
	while (write(1, "noise noise noise noise noise noise noise noise\n", 48) >= 0)
		continue;
	return 1;
}

static const struct {
	const char *name;
	int (*run)(void);
} acts[] = {
	{ "hello", say_hello },
	{ "environment", say_environment },
	{ "descriptors", list_descriptors },
	{ "list", list_folder },
	{ "read", read_file },
	{ "write", write_file },
	{ "chmod", change_mode },
	{ "flock", lock_descriptor },
	{ "seal", seal_descriptor },
	{ "passed", use_passed_file },
	{ "socket", open_socket },
	{ "socketpair", open_socketpair },
	{ "ptrace", trace },
	{ "kill", send_signal },
	{ "kill-all", send_signal_to_all },
	{ "mount", mount_something },
	{ "unshare", unshare_user },
	{ "clone-user", clone_user },
	{ "setuid", become_root },
	{ "io_uring_setup", call_io_uring_setup },
	{ "bpf", call_bpf },
	{ "userfaultfd", call_userfaultfd },
	{ "perf_event_open", call_perf_event_open },
	{ "finit_module", call_finit_module },
	{ "kexec_load", call_kexec_load },
	{ "memfd_create", call_memfd_create },
	{ "keyctl", call_keyctl },
	{ "punch", punch_hole },
	{ "x32", call_other_numbers },
	{ "exec", execute_path },
	{ "exec-again", execute_again },
	{ "exec-fd", execute_by_descriptor },
	{ "map-wx", map_both },
	{ "map-x", map_anonymous_executable },
	{ "protect-x", protect_executable },
	{ "map-file-x", map_file_executable },
	{ "fork-bomb", fork_without_end },
	{ "thread", start_thread },
	{ "memory-bomb", allocate_without_end },
	{ "allocate", allocate },
	{ "open-bomb", open_without_end },
	{ "core", dump_core },
	{ "spin", spin },
	{ "sleep", sleep_on },
	{ "flood", flood_output },
};

int main(int argc, const char *const argv[])
{
	static const char *const empty[] = { "", NULL };

	given = argc > 2 ? argv + 2 : empty;
	for (size_t i = 0; argc > 1 && i < sizeof(acts) / sizeof(acts[0]); i++)
		if (strcmp(acts[i].name, argv[1]) == 0)
			return acts[i].run();
	printf("unknown act\n");
	return 99;
}
