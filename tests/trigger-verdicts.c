/* SPDX-License-Identifier: Apache-2.0 */
/* Trigger, verdicts - executions whose right outcome is known, of files that change what it is. */
#include "trigger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define USER 12345
#define MAX_TARGETS 32
#define CHANGE 64 /* one in so many executions of a turncoat it changes before */
#define GOOD '+'
#define BAD '!'

/* A program; its last byte, behind all that is executed, says what is right. */
struct target {
	char path[256];
	char letter;
	bool changes;
};

static struct target targets[MAX_TARGETS];
static int n_targets;
static char *program;
static size_t program_bytes;
static uint64_t state = 88172645463325252ull;

static uint32_t any(uint32_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 33) % n;
}

static int64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * 1000000000ll + now.tv_nsec;
}

static void read_program(const char *path)
{
	int fd = (int)check(open(path, O_RDONLY | O_CLOEXEC));
	struct stat st;

	check(fstat(fd, &st));
	program_bytes = (size_t)st.st_size;
	program = malloc(program_bytes);
	if (!program || read(fd, program, program_bytes) != st.st_size)
		check(-1);
	close(fd);
}

static void make_file(const char *path, char letter, uid_t owner)
{
	int fd = (int)check(open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755));

	if (write(fd, program, program_bytes) != (ssize_t)program_bytes || write(fd, &letter, 1) != 1)
		check(-1);
	check(fchown(fd, owner, owner));
	check(close(fd));
}

static void make_target(const char *folder, const char *kind, char letter, uid_t owner)
{
	struct target *target = &targets[n_targets++];

	snprintf(target->path, sizeof(target->path), "%s/%s-%d-%u", folder, kind, (int)getpid(), owner);
	target->letter = letter;
	target->changes = strcmp(kind, "turncoat") == 0;
	make_file(target->path, letter, owner);
}

static void make_targets(const char *folder)
{
	for (uid_t owner = 0; owner <= USER; owner += USER) {
		make_target(folder, "good", GOOD, owner);
		make_target(folder, "bad", BAD, owner);
		make_target(folder, "turncoat", GOOD, owner);
	}
}

/* In place, through a mapping (never root's own: see docs/blocking.md), or another file in its place. */
static void turn(struct target *target)
{
	char letter = target->letter == GOOD ? BAD : GOOD, other[300];
	uint32_t way = any(3);
	struct stat st;
	char *map;
	int fd;

	check(stat(target->path, &st));
	target->letter = letter;
	if (way == 0) {
		snprintf(other, sizeof(other), "%s.new", target->path);
		make_file(other, letter, st.st_uid);
		check(rename(other, target->path));
		return;
	}
	fd = (int)check(open(target->path, O_RDWR | O_CLOEXEC));
	if (way == 1 || st.st_uid == 0) {
		check(pwrite(fd, &letter, 1, (off_t)program_bytes));
	} else {
		map = mmap(NULL, program_bytes + 1, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		check(map == MAP_FAILED ? -1 : 0);
		map[program_bytes] = letter;
		munmap(map, program_bytes + 1);
	}
	close(fd);
}

/* True: it was executed. */
static bool execute(const char *path, pid_t *ret_pid)
{
	char *args[] = { (char *)path, NULL };
	volatile int error = 0;
	pid_t pid = vfork();

	if (pid == 0) {
		execv(path, args);
		error = errno;
		_exit(1);
	}
	check(pid);
	check(waitpid(pid, NULL, 0));
	if (error && error != EPERM) {
		errno = error;
		check(-1);
	}
	*ret_pid = pid;
	return !error;
}

/* Told at once, and nothing more is done until the test has looked for the reason. */
static void tell_wrong(const struct target *target, pid_t pid, int64_t begin_ns)
{
	char line[16];

	printf("wrong %d %lld %lld %c %s\n", (int)pid, (long long)begin_ns, (long long)clock_ns(CLOCK_REALTIME),
	       target->letter, target->path);
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		exit(0);
}

/*
 * verdicts COUNT SECONDS PROGRAM FOLDER...: executes good files, bad ones, and turncoats that become the other
 * now and then, at random, until so many or so long.
 *
 * A good one that was denied and a bad one that ran are told as "wrong PID BEGIN END LETTER PATH", the times in ns
 * of the real-time clock; then it waits for a line.
 */
static void act_verdicts(char **argv)
{
	long count = atol(argument(&argv)), n = 0, n_ran = 0, n_wrong = 0;
	int64_t seconds = atol(argument(&argv)), begin = clock_ns(CLOCK_MONOTONIC), longest = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	state += (uint64_t)getpid() << 32;
	read_program(argument(&argv));
	while (*argv && n_targets + 6 <= MAX_TARGETS)
		make_targets(*argv++);
	for (; n < count && clock_ns(CLOCK_MONOTONIC) - begin < seconds * 1000000000; n++) {
		struct target *target = &targets[any((uint32_t)n_targets)];
		int64_t real_ns, from;
		pid_t pid;
		bool ran;

		if (target->changes && any(CHANGE) == 0)
			turn(target);
		real_ns = clock_ns(CLOCK_REALTIME);
		from = clock_ns(CLOCK_MONOTONIC);
		ran = execute(target->path, &pid);
		from = clock_ns(CLOCK_MONOTONIC) - from;
		longest = from > longest ? from : longest;
		n_ran += ran;
		if (ran == (target->letter == GOOD))
			continue;
		n_wrong++;
		tell_wrong(target, pid, real_ns);
	}
	fact_begin();
	fact_number("n", n);
	fact_number("ran", n_ran);
	fact_number("wrong", n_wrong);
	fact_number("longest_us", longest / 1000);
	fact_end();
}

const struct act verdict_acts[] = {
	{ "verdicts", act_verdicts },
	{ 0 },
};
