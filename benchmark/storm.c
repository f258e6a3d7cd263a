/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Storm - one kind of act as fast as it goes, counted by whoever performs it.
 *
 *   storm WORKLOAD FOLDER (--ops N | --seconds S)
 *
 * Prints one line of JSON: operations, wall and processor seconds (ours and our children's, which
 * include what hooks do inline) of the timed part, and under "performed" every act of the whole
 * run, preparation included, by the name of its event type.  No event is read to learn that.
 *
 * FOLDER holds the program `true` and is used for files; they are removed at the end.
 */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define N_FILES 5000
#define MAX_WORKERS 2
#define ALL_AT_ONCE 64 /* operations between looks at the clock, of cheap workloads */

enum act { ACT_EXEC, ACT_FORK, ACT_EXIT, ACT_OPEN_WRITE, ACT_CREATE, ACT_UNLINK, ACT_CONNECT,
	   ACT_BIND, ACT_LISTEN, ACT_ACCEPT, _ACT_N };

static const char *const act_names[_ACT_N] = {
	"process.exec", "process.fork", "process.exit", "file.open_write", "file.create",
	"file.unlink", "net.connect", "net.bind", "net.listen", "net.accept",
};

/* In memory that the workers share: each counts in its own. */
struct tally {
	uint64_t n_ops;
	uint64_t acts[_ACT_N];
} __attribute__((aligned(64)));

struct storm {
	struct tally *tally;
	char folder[256];
	char true_path[300];
	char path[300];
	int listener;
	struct sockaddr_in address;
};

struct workload {
	const char *name;
	uint32_t n_workers;
	uint32_t per_look;
	void (*prepare)(struct storm *storm);
	void (*perform)(struct storm *storm, uint64_t i);
	void (*clean)(struct storm *storm);
};

static void fail(const char *what)
{
	fprintf(stderr, "storm: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void did(struct storm *storm, enum act act)
{
	storm->tally->acts[act]++;
}

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double cpu_s(void)
{
	double sum = 0;

	for (int who = 0; who < 2; who++) {
		struct rusage usage;

		getrusage(who ? RUSAGE_CHILDREN : RUSAGE_SELF, &usage);
		sum += (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6;
		sum += (double)usage.ru_stime.tv_sec + (double)usage.ru_stime.tv_usec / 1e6;
	}
	return sum;
}

/* ---- processes ------------------------------------------------------------------------------ */

static void perform_exec(struct storm *storm, uint64_t i)
{
	char *const argv[] = { storm->true_path, "--storm", NULL };
	pid_t pid;
	int status;

	if (posix_spawn(&pid, storm->true_path, NULL, NULL, argv, environ) != 0)
		fail("posix_spawn");
	if (waitpid(pid, &status, 0) != pid || status != 0)
		fail("waitpid");
	did(storm, ACT_FORK);
	did(storm, ACT_EXEC);
	did(storm, ACT_EXIT);
}

static void perform_fork(struct storm *storm, uint64_t i)
{
	pid_t pid = fork();

	if (pid < 0)
		fail("fork");
	if (pid == 0)
		_exit(0);
	if (waitpid(pid, NULL, 0) != pid)
		fail("waitpid");
	did(storm, ACT_FORK);
	did(storm, ACT_EXIT);
}

/* ---- files ---------------------------------------------------------------------------------- */

static const char *file_path(struct storm *storm, uint64_t i)
{
	snprintf(storm->path, sizeof(storm->path), "%s/file-%llu", storm->folder,
		 (unsigned long long)i);
	return storm->path;
}

static void make_file(struct storm *storm, const char *path, size_t size)
{
	static const char bytes[1024];
	int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, bytes, size) != (ssize_t)size || close(fd) < 0)
		fail(path);
	did(storm, ACT_CREATE);
	did(storm, ACT_OPEN_WRITE);
}

static void remove_file(struct storm *storm, const char *path)
{
	if (unlink(path) < 0)
		fail(path);
	did(storm, ACT_UNLINK);
}

static void prepare_files(struct storm *storm)
{
	for (uint64_t i = 0; i < N_FILES; i++)
		make_file(storm, file_path(storm, i), 512);
}

static void clean_files(struct storm *storm)
{
	for (uint64_t i = 0; i < N_FILES; i++)
		remove_file(storm, file_path(storm, i));
}

static void open_read(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		fail(path);
	close(fd);
}

static void perform_nothing(struct storm *storm, uint64_t i)
{
}

/* And what can be remembered of them is, by whoever decides about opens. */
static void prepare_opened_files(struct storm *storm)
{
	prepare_files(storm);
	for (uint64_t i = 0; i < 2 * N_FILES; i++)
		open_read(file_path(storm, i % N_FILES));
}

static void perform_open(struct storm *storm, uint64_t i)
{
	open_read(file_path(storm, i % N_FILES));
}

static void perform_open1(struct storm *storm, uint64_t i)
{
	open_read(storm->true_path);
}

static void perform_write(struct storm *storm, uint64_t i)
{
	const char *path = file_path(storm, i);

	make_file(storm, path, 1024);
	remove_file(storm, path);
}

/* ---- sockets -------------------------------------------------------------------------------- */

static void prepare_connect(struct storm *storm)
{
	socklen_t length = sizeof(storm->address);

	storm->address = (struct sockaddr_in){ .sin_family = AF_INET,
					       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	storm->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (storm->listener < 0 ||
	    bind(storm->listener, (struct sockaddr *)&storm->address, length) < 0 ||
	    listen(storm->listener, 16) < 0 ||
	    getsockname(storm->listener, (struct sockaddr *)&storm->address, &length) < 0)
		fail("listener");
	did(storm, ACT_BIND);
	did(storm, ACT_LISTEN);
}

/* The connection is reset, so that no port waits for its time to pass. */
static void perform_connect(struct storm *storm, uint64_t i)
{
	const struct linger reset = { .l_onoff = 1 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), peer;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)) < 0 ||
	    connect(fd, (struct sockaddr *)&storm->address, sizeof(storm->address)) < 0)
		fail("connect");
	peer = accept4(storm->listener, NULL, NULL, SOCK_CLOEXEC);
	if (peer < 0)
		fail("accept4");
	close(fd);
	close(peer);
	did(storm, ACT_CONNECT);
	did(storm, ACT_ACCEPT);
}

/* ---- running -------------------------------------------------------------------------------- */

static const struct workload workloads[] = {
	{ "exec", 1, 1, NULL, perform_exec, NULL },
	{ "exec2", 2, 1, NULL, perform_exec, NULL },
	{ "fork", 1, 1, NULL, perform_fork, NULL },
	{ "open", 1, ALL_AT_ONCE, prepare_files, perform_open, clean_files },
	/* The storm open in three, so that what the making costs others is not that of the opens. */
	{ "make-files", 1, 1, prepare_opened_files, perform_nothing, NULL },
	{ "reopen", 1, ALL_AT_ONCE, NULL, perform_open, NULL },
	{ "remove-files", 1, 1, NULL, perform_nothing, clean_files },
	{ "open1", 1, ALL_AT_ONCE, NULL, perform_open1, NULL },
	{ "write", 1, ALL_AT_ONCE, NULL, perform_write, NULL },
	{ "connect", 1, ALL_AT_ONCE, prepare_connect, perform_connect, NULL },
};

static const struct workload *find_workload(const char *name)
{
	for (size_t i = 0; i < sizeof(workloads) / sizeof(workloads[0]); i++)
		if (strcmp(workloads[i].name, name) == 0)
			return &workloads[i];
	fprintf(stderr, "storm: there is no workload '%s'\n", name);
	exit(2);
}

/* first: workers of one folder use different file names */
static void work(struct storm *storm, const struct workload *workload, uint64_t n_ops,
		 double end_s)
{
	uint64_t i = 0;

	/* Once at least: on a busy machine the time may be over before we begin. */
	do {
		for (uint32_t n = 0; n < workload->per_look && (!n_ops || i < n_ops); n++)
			workload->perform(storm, i++);
	} while (n_ops ? i < n_ops : now_s() < end_s);
	storm->tally->n_ops += i;
}

static void work_apart(struct storm *storm, const struct workload *workload, uint64_t n_ops,
		       double end_s)
{
	struct tally *tallies = storm->tally;
	pid_t pids[MAX_WORKERS];

	for (uint32_t n = 0; n < workload->n_workers; n++) {
		pids[n] = fork();
		if (pids[n] < 0)
			fail("fork");
		if (pids[n] == 0) {
			storm->tally = &tallies[1 + n];
			work(storm, workload, n_ops, end_s);
			_exit(0);
		}
		did(storm, ACT_FORK);
		did(storm, ACT_EXIT);
	}
	for (uint32_t n = 0; n < workload->n_workers; n++) {
		int status;

		if (waitpid(pids[n], &status, 0) != pids[n] || status != 0)
			fail("a worker");
	}
}

static void print(const struct tally *tallies, double seconds, double cpu)
{
	struct tally sum = { 0 };
	const char *comma = "";

	for (size_t i = 0; i <= MAX_WORKERS; i++) {
		sum.n_ops += tallies[i].n_ops;
		for (size_t act = 0; act < _ACT_N; act++)
			sum.acts[act] += tallies[i].acts[act];
	}
	/* This program began and is about to end. */
	sum.acts[ACT_EXEC]++;
	sum.acts[ACT_EXIT]++;
	printf("{\"ops\": %llu, \"seconds\": %.6f, \"cpu_s\": %.6f, \"performed\": {",
	       (unsigned long long)sum.n_ops, seconds, cpu);
	for (size_t act = 0; act < _ACT_N; act++) {
		if (!sum.acts[act])
			continue;
		printf("%s\"%s\": %llu", comma, act_names[act], (unsigned long long)sum.acts[act]);
		comma = ", ";
	}
	printf("}}\n");
}

int main(int argc, char **argv)
{
	const struct workload *workload;
	struct storm storm = { .listener = -1 };
	double begun_s, begun_cpu_s, seconds, limit_s = 0;
	uint64_t n_ops = 0;

	if (argc != 5 || (strcmp(argv[3], "--ops") && strcmp(argv[3], "--seconds"))) {
		fprintf(stderr, "usage: storm WORKLOAD FOLDER (--ops N | --seconds S)\n");
		return 2;
	}
	workload = find_workload(argv[1]);
	snprintf(storm.folder, sizeof(storm.folder), "%s", argv[2]);
	snprintf(storm.true_path, sizeof(storm.true_path), "%s/true", storm.folder);
	if (strcmp(argv[3], "--ops") == 0)
		n_ops = strtoull(argv[4], NULL, 10);
	else
		limit_s = strtod(argv[4], NULL);
	storm.tally = mmap(NULL, (1 + MAX_WORKERS) * sizeof(struct tally), PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (storm.tally == MAP_FAILED)
		fail("mmap");
	if (workload->prepare)
		workload->prepare(&storm);
	begun_s = now_s();
	begun_cpu_s = cpu_s();
	if (workload->n_workers > 1)
		work_apart(&storm, workload, n_ops, begun_s + limit_s);
	else
		work(&storm, workload, n_ops, begun_s + limit_s);
	seconds = now_s() - begun_s;
	begun_cpu_s = cpu_s() - begun_cpu_s;
	if (workload->clean)
		workload->clean(&storm);
	print(storm.tally, seconds, begun_cpu_s);
	return 0;
}
