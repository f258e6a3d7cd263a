/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Judge - solutions that are asked before an act, one manner each, for the conformance kit and the tests of the
 * gate.
 *
 *   judge allow               allows
 *   judge deny                denies
 *   judge deny-suffix=SUFFIX  denies files whose path ends so, allows the others
 *   judge remember            allows, for as long as the file stays as it is
 *   judge remember-suffix=S   as deny-suffix, for as long as the file stays as it is
 *   judge remember-byte=C     denies files whose last byte is C, for as long as the file stays as it is
 *   judge slow=MS             allows after so long
 *   judge exec                lets a child open the path, waits for it, allows
 *   judge execute             lets a child execute the file, waits for it, allows
 *   judge reopen              opens the path itself, allows
 *   judge hoard=N             answers none until it has N, then, a second later, allows all at once
 *
 * and these break the contract:
 *
 *   judge hang                takes requests and never answers
 *   judge crash               dies of the first request
 *   judge brittle             dies of the first request whose deadline is over, allows others
 *   judge crash-lost          dies of the first file that it is shown after others were lost, allows
 *   judge plod=MS             takes so long for each file that it is shown, in the order in which they come, allows
 *   judge flood               answers random ids without end, and allows what it is asked
 *   judge late                denies, 50 ms after the deadline
 *   judge moody=N             remember, now and then after some time, and one in N is late and denied
 *   judge twice               allows, then denies the same request
 *   judge others              denies the ids before and behind, then allows
 *   judge leak                keeps a duplicate of every file, allows
 *   judge then-deny           allows a file to be remembered, denies it when it is asked again
 *   judge lie                 allows and denies in turn, whatever the file
 *   judge pry                 lets a child try what the sandbox kills for, allows
 *
 * Each asks for every act that it is granted, counts events of process.exec beside it, and says each second
 * "ready requests=N events=N kept=N".
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <ringfort/client.h>
#include <ringfort/verdict.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Of Linux, which C99's own headers do not name. */
#ifndef AT_EMPTY_PATH
#define AT_EMPTY_PATH 0x1000
#endif

#define BATCH 64     /* of either kind, then a look at the other */
#define N_KNOWN 4096 /* files that then-deny knows, the oldest are forgotten */
#define LATE_NS 50000000ull
#define BARRIER_MS 20000 /* a busy host is no fault of ours */

static struct ringfort_client *client;

/* What it is, and how: "slow" and "200". */
static const struct manner *manner;
static const char *detail;

static uint64_t n_requests, n_events, n_kept;

static void sleep_ns(uint64_t ns)
{
	struct timespec left = { .tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u) };

	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* No answer is given up: when the mailbox is full it waits. */
static void answer(uint64_t id, enum ringfort_verdict verdict, uint32_t flags)
{
	while (ringfort_client_answer(client, id, verdict, flags) == -EAGAIN)
		sleep_ns(1000000);
}

static void allow(const struct ringfort_request *request)
{
	answer(request->id, RINGFORT_VERDICT_ALLOW, 0);
}

static void deny(const struct ringfort_request *request)
{
	answer(request->id, RINGFORT_VERDICT_DENY, 0);
}

static void deny_suffix(const struct ringfort_request *request)
{
	size_t length = strlen(request->path), end = strlen(detail);

	if (length >= end && strcmp(request->path + length - end, detail) == 0)
		deny(request);
	else
		allow(request);
}

static void remember(const struct ringfort_request *request)
{
	answer(request->id, RINGFORT_VERDICT_ALLOW, RINGFORT_ANSWER_REMEMBER);
}

static void remember_suffix(const struct ringfort_request *request)
{
	size_t length = strlen(request->path), end = strlen(detail);
	int bad = length >= end && strcmp(request->path + length - end, detail) == 0;

	answer(request->id, bad ? RINGFORT_VERDICT_DENY : RINGFORT_VERDICT_ALLOW, RINGFORT_ANSWER_REMEMBER);
}

/* Whoever cannot look denies: a test that sees that has found a fault. */
static void remember_byte(const struct ringfort_request *request)
{
	char byte = *detail;

	if (request->fd >= 0 && pread(request->fd, &byte, 1, (off_t)request->file_size - 1) < 0)
		byte = *detail;
	answer(request->id, byte == *detail ? RINGFORT_VERDICT_DENY : RINGFORT_VERDICT_ALLOW, RINGFORT_ANSWER_REMEMBER);
}

static void slow(const struct ringfort_request *request)
{
	sleep_ns((uint64_t)atoi(detail) * 1000000u);
	allow(request);
}

static void hoard(const struct ringfort_request *request)
{
	static uint64_t ids[1024];
	static size_t n;

	ids[n++] = request->id;
	if (n < (size_t)atoi(detail) && n < sizeof(ids) / sizeof(ids[0]))
		return;
	sleep_ns(1000000000u);
	while (n > 0)
		answer(ids[--n], RINGFORT_VERDICT_ALLOW, 0);
}

/* The child's open is an act of the solution: whoever asks about that as well waits in a circle. */
static void open_in_child(const struct ringfort_request *request)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(open(request->path, O_RDONLY | O_CLOEXEC) < 0);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	allow(request);
}

/* Were this not refused, the question about it would come to us, who wait. */
static void execute_in_child(const struct ringfort_request *request)
{
	static char *const nothing[] = { NULL };
	pid_t pid = fork();

	if (pid == 0) {
		syscall(SYS_execveat, request->fd, "", nothing, nothing, AT_EMPTY_PATH);
		_exit(1);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
	allow(request);
}

static void reopen(const struct ringfort_request *request)
{
	int fd = open(request->path, O_RDONLY | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	allow(request);
}

static void hang(const struct ringfort_request *request)
{
}

static void crash(const struct ringfort_request *request)
{
	volatile int *volatile nowhere = NULL;

	/* A real fault: the kernel shields the first process of a namespace from raise(). */
	*nowhere = 1;
}

static void brittle(const struct ringfort_request *request)
{
	if (request->deadline_ns && now_ns() > request->deadline_ns)
		crash(request);
	allow(request);
}

static void crash_lost(const struct ringfort_request *request)
{
	if (request->flags & RINGFORT_REQUEST_LOST)
		crash(request);
	allow(request);
}

static void plod(const struct ringfort_request *request)
{
	if (request->act == RINGFORT_ACT_MODIFY)
		slow(request);
	else
		allow(request);
}

static void late(const struct ringfort_request *request)
{
	uint64_t until = request->deadline_ns + LATE_NS, now = now_ns();

	if (now < until)
		sleep_ns(until - now);
	deny(request);
}

/* Others go on meanwhile: only who asks for the late one waits. */
static void moody(const struct ringfort_request *request)
{
	static struct {
		uint64_t id, due_ns;
	} put_off[64];
	static unsigned int seed = 1;
	static size_t n;

	for (size_t i = n; i-- > 0;) {
		if (put_off[i].due_ns > now_ns())
			continue;
		answer(put_off[i].id, RINGFORT_VERDICT_DENY, RINGFORT_ANSWER_REMEMBER);
		put_off[i] = put_off[--n];
	}
	if (n < sizeof(put_off) / sizeof(put_off[0]) && rand_r(&seed) % atoi(detail) == 0) {
		put_off[n].id = request->id;
		put_off[n++].due_ns = request->deadline_ns + LATE_NS;
		return;
	}
	if (rand_r(&seed) % 16 == 0)
		sleep_ns((uint64_t)(rand_r(&seed) % 1000000));
	remember(request);
}

static void twice(const struct ringfort_request *request)
{
	uint64_t id = request->id;

	answer(id, RINGFORT_VERDICT_ALLOW, 0);
	answer(id, RINGFORT_VERDICT_DENY, 0);
}

/* With several requests out, a neighbouring id may be its own by right: a test asks one at a time. */
static void others(const struct ringfort_request *request)
{
	uint64_t id = request->id;

	answer(id - 1, RINGFORT_VERDICT_DENY, 0);
	answer(id + 1, RINGFORT_VERDICT_DENY, 0);
	answer(id, RINGFORT_VERDICT_ALLOW, 0);
}

/* Until it has no number left for one more; then requests come without a file. */
static void leak(const struct ringfort_request *request)
{
	if (request->fd >= 0 && dup(request->fd) >= 0)
		n_kept++;
	allow(request);
}

static int is_known(const struct ringfort_request *request)
{
	static struct {
		uint64_t dev, ino;
	} known[N_KNOWN];
	static size_t n_known;

	for (size_t i = 0; i < N_KNOWN && i < n_known; i++)
		if (known[i].dev == request->dev && known[i].ino == request->ino)
			return 1;
	known[n_known % N_KNOWN].dev = request->dev;
	known[n_known % N_KNOWN].ino = request->ino;
	n_known++;
	return 0;
}

static void then_deny(const struct ringfort_request *request)
{
	if (is_known(request))
		deny(request);
	else
		remember(request);
}

static void lie(const struct ringfort_request *request)
{
	if (n_requests % 2)
		allow(request);
	else
		deny(request);
}

static void pry(const struct ringfort_request *request)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	allow(request);
}

static const struct manner {
	const char *name;
	void (*judge)(const struct ringfort_request *request);
	int has_detail;
	int floods;
} manners[] = {
	{ .name = "allow", .judge = allow },
	{ .name = "deny", .judge = deny },
	{ .name = "deny-suffix", .judge = deny_suffix, .has_detail = 1 },
	{ .name = "remember", .judge = remember },
	{ .name = "remember-suffix", .judge = remember_suffix, .has_detail = 1 },
	{ .name = "remember-byte", .judge = remember_byte, .has_detail = 1 },
	{ .name = "slow", .judge = slow, .has_detail = 1 },
	{ .name = "hoard", .judge = hoard, .has_detail = 1 },
	{ .name = "exec", .judge = open_in_child },
	{ .name = "execute", .judge = execute_in_child },
	{ .name = "reopen", .judge = reopen },
	{ .name = "hang", .judge = hang },
	{ .name = "crash", .judge = crash },
	{ .name = "brittle", .judge = brittle },
	{ .name = "crash-lost", .judge = crash_lost },
	{ .name = "plod", .judge = plod, .has_detail = 1 },
	{ .name = "flood", .judge = allow, .floods = 1 },
	{ .name = "late", .judge = late },
	{ .name = "moody", .judge = moody, .has_detail = 1 },
	{ .name = "twice", .judge = twice },
	{ .name = "others", .judge = others },
	{ .name = "leak", .judge = leak },
	{ .name = "then-deny", .judge = then_deny },
	{ .name = "lie", .judge = lie },
	{ .name = "pry", .judge = pry },
};

static const struct manner *find_manner(const char *word)
{
	size_t length = strcspn(word, "=");

	for (size_t i = 0; i < sizeof(manners) / sizeof(manners[0]); i++)
		if (strlen(manners[i].name) == length && strncmp(manners[i].name, word, length) == 0 &&
		    manners[i].has_detail == (word[length] == '='))
			return &manners[i];
	return NULL;
}

/* Fills the mailbox, and leaves it full. */
static void flood(void)
{
	static unsigned int seed = 1;
	uint64_t id;

	do
		id = (uint64_t)rand_r(&seed) << 40 ^ (uint64_t)rand_r(&seed) << 20 ^ (uint64_t)rand_r(&seed);
	while (ringfort_client_answer(client, id, RINGFORT_VERDICT_DENY, 0) == 0);
}

static void say_counts(void)
{
	char line[128];

	snprintf(line, sizeof(line), "ready requests=%llu events=%llu kept=%llu",
		 (unsigned long long)n_requests, (unsigned long long)n_events, (unsigned long long)n_kept);
	ringfort_client_say(client, line);
}

/* 1 there may be more, 0 there were no more, or negative errno. */
static int take_requests(void)
{
	const struct ringfort_request *request;
	int r = 1;

	for (int n = 0; n < BATCH && (r = ringfort_client_next_request(client, &request)) == 1; n++) {
		n_requests++;
		manner->judge(request);
	}
	return r;
}

/* Likewise. */
static int take_events(void)
{
	const struct ringfort_event *event;
	int r = 1;

	for (int n = 0; n < BATCH && (r = ringfort_client_next(client, &event)) == 1; n++)
		n_events += event->type == ringfort_type_process_exec;
	return r;
}

static int loop(void)
{
	struct pollfd wake = { .fd = ringfort_client_fd(client), .events = POLLIN };
	time_t said = 0;

	for (;;) {
		int requests = take_requests(), events = take_events();

		if (requests < 0 || events < 0)
			return requests == -EPIPE || events == -EPIPE ? 0 : 1;
		if (ringfort_client_reload_wanted(client))
			ringfort_client_reload_done(client, NULL);
		if (time(NULL) != said) {
			said = time(NULL);
			say_counts();
		}
		if (manner->floods)
			flood();
		else if (!requests && !events)
			poll(&wake, 1, 100);
	}
}

static int begin(void)
{
	int r;

	r = ringfort_client_open(&client);
	if (r == 0)
		r = ringfort_client_subscribe(client, 1ull << ringfort_type_process_exec);
	/* So that a test which sees it ready knows that the hooks are there. */
	if (r == 0)
		r = ringfort_client_barrier(client, BARRIER_MS);
	if (r == 0 && !ringfort_client_authorizable(client))
		return -EACCES;
	return r < 0 ? r : ringfort_client_authorize(client, ringfort_client_authorizable(client));
}

int main(int argc, char **argv)
{
	int r;

	manner = argc == 2 ? find_manner(argv[1]) : NULL;
	if (!manner) {
		fprintf(stderr, "judge: no such manner\n");
		return 2;
	}
	detail = strchr(argv[1], '=') ? strchr(argv[1], '=') + 1 : "";
	r = begin();
	if (r < 0) {
		fprintf(stderr, "judge: cannot begin: %s\n", strerror(-r));
		return 1;
	}
	r = loop();
	ringfort_client_close(client);
	return r;
}
