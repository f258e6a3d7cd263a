/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Latency - how long somebody waits who executes a file.
 *
 *   latency FILE N CPU     N times, bound to this processor
 *
 * The kernel is asked whether FILE may be executed (AT_EXECVE_CHECK, Linux 6.14): that opens it as an
 * execution does, with all that this asks, and runs nothing.  An older kernel executes it: the time of a
 * whole process then, from posix_spawn() to waitpid().
 *
 * Prints one line of JSON: how, and nanoseconds at the median, at 99 and 99.9 percent, the least and most.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef AT_EXECVE_CHECK
#define AT_EXECVE_CHECK 0x10000
#endif
#define WARM_UP 200 /* that are not counted */
#define MAX_N 1000000

static void fail(const char *what)
{
	fprintf(stderr, "latency: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int check(const char *path)
{
	char *const nothing[] = { (char *)path, NULL };

	return (int)syscall(SYS_execveat, AT_FDCWD, path, nothing, nothing + 1, AT_EXECVE_CHECK);
}

static void execute(const char *path)
{
	char *const argv[] = { (char *)path, NULL };
	pid_t pid;
	int status;

	if (posix_spawn(&pid, path, NULL, NULL, argv, environ) != 0)
		fail("posix_spawn");
	if (waitpid(pid, &status, 0) != pid || status != 0)
		fail("waitpid");
}

static uint64_t once(const char *path, bool checks)
{
	uint64_t begun = now_ns();

	if (!checks)
		execute(path);
	else if (check(path) < 0)
		fail(path);
	return now_ns() - begun;
}

static void bind_to(int cpu)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus) < 0)
		fail("sched_setaffinity");
}

static int by_size(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return left < right ? -1 : left > right;
}

static void print(bool checks, uint64_t *ns, size_t n)
{
	qsort(ns, n, sizeof(*ns), by_size);
	printf("{\"how\": \"%s\", \"n\": %zu, \"min\": %llu, \"p50\": %llu, \"p99\": %llu, \"p99.9\": %llu, \"max\": %llu}\n",
	       checks ? "check" : "execute", n, (unsigned long long)ns[0], (unsigned long long)ns[n / 2],
	       (unsigned long long)ns[n * 99 / 100], (unsigned long long)ns[n * 999 / 1000],
	       (unsigned long long)ns[n - 1]);
}

int main(int argc, char **argv)
{
	size_t n = argc == 4 ? strtoul(argv[2], NULL, 10) : 0;
	bool checks;
	uint64_t *ns;

	if (n < 1 || n > MAX_N) {
		fprintf(stderr, "usage: latency FILE N CPU\n");
		return 2;
	}
	bind_to(atoi(argv[3]));
	ns = calloc(n, sizeof(*ns));
	if (!ns)
		fail("calloc");
	checks = check(argv[1]) == 0;
	if (!checks && errno != EINVAL)
		fail(argv[1]);
	for (size_t i = 0; i < WARM_UP; i++)
		once(argv[1], checks);
	for (size_t i = 0; i < n; i++)
		ns[i] = once(argv[1], checks);
	print(checks, ns, n);
	return 0;
}
