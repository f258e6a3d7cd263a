/* SPDX-License-Identifier: Apache-2.0 */
/* Trigger, storms - so many acts as fast as they go, each counted by the one who did it. */
#include "trigger.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void tell_storm(const char *types[], const int counts[], int n)
{
	fact_begin();
	for (int i = 0; i < n; i++)
		fact_number(types[i], counts[i]);
	fact_end();
}

/* storm-exec COUNT CALLED: each a child that executes */
static void act_storm_exec(char **argv)
{
	int count = atoi(argument(&argv));
	char *called = (char *)argument(&argv);

	for (int i = 0; i < count; i++) {
		char *args[] = { called, (char *)"landed", NULL };
		pid_t pid = vfork();

		if (pid == 0) {
			execv(called, args);
			_exit(127);
		}
		check(pid);
		check(waitpid(pid, NULL, 0));
	}
	tell_storm((const char *[]){ "process.fork", "process.exec", "process.exit" },
		   (int[]){ count, count, count }, 3);
}

static void act_storm_fork(char **argv)
{
	int count = atoi(argument(&argv));

	for (int i = 0; i < count; i++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(0);
		check(pid);
		check(waitpid(pid, NULL, 0));
	}
	tell_storm((const char *[]){ "process.fork", "process.exit" }, (int[]){ count, count }, 2);
}

/* storm-file COUNT: create, write, close, unlink below the working directory */
static void act_storm_file(char **argv)
{
	int count = atoi(argument(&argv));
	char name[32];

	snprintf(name, sizeof(name), "storm-%d", (int)getpid());
	for (int i = 0; i < count; i++) {
		int fd = (int)check(open(name, O_WRONLY | O_CREAT | O_EXCL, 0600));

		check(write(fd, "x", 1));
		check(close(fd));
		check(unlink(name));
	}
	tell_storm((const char *[]){ "file.open_write", "file.create", "file.unlink" },
		   (int[]){ count, count, count }, 3);
}

static void act_storm_connect(char **argv)
{
	int count = atoi(argument(&argv));
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				       .sin_port = htons(9) };

	for (int i = 0; i < count; i++) {
		int fd = (int)check(socket(AF_INET, SOCK_DGRAM, 0));

		check(connect(fd, (struct sockaddr *)&address, sizeof(address)));
		check(close(fd));
	}
	tell_storm((const char *[]){ "net.connect" }, (int[]){ count }, 1);
}

/* canary PROGRAM: executes it every 100 ms until standard input ends; the times in µs */
static void act_canary(char **argv)
{
	char *called = (char *)argument(&argv), *args[] = { called, NULL };
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	struct timespec begin, end;

	printf("[0");
	do {
		pid_t pid;

		clock_gettime(CLOCK_MONOTONIC, &begin);
		pid = vfork();
		if (pid == 0) {
			execv(called, args);
			_exit(127);
		}
		check(pid);
		check(waitpid(pid, NULL, 0));
		clock_gettime(CLOCK_MONOTONIC, &end);
		printf(",%ld", (end.tv_sec - begin.tv_sec) * 1000000 + (end.tv_nsec - begin.tv_nsec) / 1000);
	} while (poll(&input, 1, 100) == 0);
	puts("]");
}

const struct act storm_acts[] = {
	{ "canary", act_canary },
	{ "storm-exec", act_storm_exec },
	{ "storm-fork", act_storm_fork },
	{ "storm-file", act_storm_file },
	{ "storm-connect", act_storm_connect },
	{ 0 },
};
