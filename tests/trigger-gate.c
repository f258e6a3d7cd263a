/* SPDX-License-Identifier: Apache-2.0 */
/* Trigger, gate - executions in a crowd, and by the thousand, each outcome counted by the one who acts. */
#include "trigger.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_WRONG 1000 /* outcomes that are told one by one */
#define DENIED 126

static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000ll + now.tv_nsec / 1000;
}

/* One of the crowd: when the pipe is closed, all go. */
static _Noreturn void stand_in_crowd(int go, char *called)
{
	char *args[] = { called, (char *)"landed", NULL };
	char byte;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (read(go, &byte, 1) == 0)
		execv(called, args);
	_exit(errno == EPERM ? DENIED : 127);
}

/* crowd COUNT CALLED: so many processes, or as many as there may be, that execute at once */
static void act_crowd(char **argv)
{
	int count = atoi(argument(&argv)), n = 0, ran = 0, denied = 0, go[2], status;
	char *called = (char *)argument(&argv);
	int64_t begin;

	check(pipe(go));
	for (; n < count; n++) {
		pid_t pid = fork();

		if (pid < 0)
			break;
		if (pid == 0) {
			close(go[1]);
			stand_in_crowd(go[0], called);
		}
	}
	begin = now_us();
	close(go[1]);
	for (int i = 0; i < n; i++) {
		check(waitpid(-1, &status, 0));
		ran += WIFEXITED(status) && WEXITSTATUS(status) == 0;
		denied += WIFEXITED(status) && WEXITSTATUS(status) == DENIED;
	}
	fact_begin();
	fact_number("n", n);
	fact_number("ran", ran);
	fact_number("denied", denied);
	fact_number("us", now_us() - begin);
	fact_end();
}

/* True: it was executed. */
static bool execute(char *called)
{
	char *args[] = { called, (char *)"landed", NULL };
	volatile int error = 0;
	pid_t pid = vfork();

	if (pid == 0) {
		execv(called, args);
		error = errno;
		_exit(DENIED);
	}
	check(pid);
	check(waitpid(pid, NULL, 0));
	if (error && error != EPERM) {
		errno = error;
		check(-1);
	}
	return !error;
}

/*
 * decisions COUNT SECONDS GOOD BAD: executes one of them in turn, until so many or so long.
 *
 * A good one that was denied and a bad one that ran are told with their times, in µs of the monotonic
 * clock, as "good 10 20".
 */
static void act_decisions(char **argv)
{
	long count = atol(argument(&argv)), seconds = atol(argument(&argv)), n = 0, n_wrong = 0;
	char *called[] = { (char *)argument(&argv), (char *)argument(&argv) };
	static char texts[MAX_WRONG][64], *wrong[MAX_WRONG + 1];
	int64_t start = now_us(), longest = 0;

	for (; n < count && now_us() - start < seconds * 1000000; n++) {
		bool bad = n & 1;
		int64_t begin = now_us(), end;
		bool ran = execute(called[bad]);

		end = now_us();
		longest = end - begin > longest ? end - begin : longest;
		if (ran != bad)
			continue;
		if (n_wrong < MAX_WRONG) {
			snprintf(texts[n_wrong], sizeof(texts[0]), "%s %lld %lld", bad ? "bad" : "good", (long long)begin,
				 (long long)end);
			wrong[n_wrong] = texts[n_wrong];
		}
		n_wrong++;
	}
	fact_begin();
	fact_number("n", n);
	fact_number("n_wrong", n_wrong);
	fact_number("longest_us", longest);
	fact_list("wrong", wrong);
	fact_end();
}

const struct act gate_acts[] = {
	{ "crowd", act_crowd },
	{ "decisions", act_decisions },
	{ 0 },
};
