/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Test-cache-model - whatever is done to files: a verdict that was remembered is the one that asking would give.
 *
 *   test-cache-model [ACTS [SECONDS [SEED]]]
 *
 * One process is the gate and its two judges, turn by turn; another executes.  The first judge decides by the
 * letter of a file, read through the descriptor that it was given, the second by mode and owner.  Both say
 * "remember".  The oracle asks each time: it looks at the file by its path, and applies the judges' rules of now.
 * Before and behind every act on a file the outcome of an execution is compared with it.  Often an act comes
 * while the question is out: after the judges have read, before they answer.
 *
 * What root can do all the same is no stale verdict, but nothing more than that: the kernel did not ask, there was
 * a moment since which its mark may stand, and behind that root changed the file as docs/blocking.md says.  An
 * execution that the kernel did not ask about without such a mark is a failure also where its outcome is right.
 */
#undef NDEBUG
#include "gate/gate.h"

#include "gate/test-alone.h"
#include "gate/test-model-files.h"
#include "ring/mailbox.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ACTS 4000
#define SECONDS 20
#define ENOUGH 4000  /* acts, by which each kind must have come */
#define N_JUDGES 2
#define EXEC (1u << RINGFORT_ACT_EXEC)
#define DEADLINE_MS 20000
#define PATIENCE_S 30 /* of one execution */
#define SETTLED_US 60000 /* file.c: until then a change may look like none */
#define N_LOG 48      /* that is told of a failure */
/* Linux 6.14: all that the kernel asks before an execution, without one. */
#ifndef AT_EXECVE_CHECK
#define AT_EXECVE_CHECK 0x10000
#endif

enum judge { BY_LETTER, BY_ATTRIBUTES };

/* How a file is executed. */
enum way {
	WAY_CHECK,
	WAY_CHECK_OPEN, /* through a descriptor */
	WAY_EXEC,       /* ends with ENOEXEC at its latest: the files are no programs */
	WAY_EXEC_OPEN,
	_WAY_N
};

struct order {
	uint32_t way;
	char path[FILES_PATH];
};

/* A solution's side of its channel. */
struct straw {
	struct mailbox_reader *requests;
	struct mailbox_writer *answers;
	int files, wake, tell;
	uint32_t rule;
};

/* What the solutions have read and not answered yet. */
struct pending {
	bool is_there;
	uint64_t id;
	enum ringfort_verdict verdict;
};

struct model {
	struct files files;
	struct gate *gate;
	struct history *history;
	struct straw straws[N_JUDGES];
	struct pending pending[N_JUDGES];
	const char *during; /* what was done while the question was out */
	bool may_act;       /* something is to be done then, ... */
	bool may_leave;     /* or that a writer leaves, ... */
	uint32_t acted;     /* ... to this name */
	uint32_t other;     /* name that it was about as well */
	uint64_t n_forgotten; /* times that all that was remembered became void */
	int executor;
	bool has_check;
	bool mounted; /* it was told so, and has not been told the places since */
	bool open;
	uint32_t life;
	uint64_t n_acts, n_executions, n_unasked, n_table, n_denied, n_during, n_excused;
	char log[N_LOG][160];
	uint64_t n_logged;
};

static struct model model;
static char folder[] = "/tmp/ringfort-model-XXXXXX";

/* ---- what is told of a failure ---------------------------------------------------------------------------- */

__attribute__((format(printf, 1, 2))) static void note(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(model.log[model.n_logged++ % N_LOG], sizeof(model.log[0]), format, arguments);
	va_end(arguments);
}

static _Noreturn void fail(const char *why)
{
	for (uint64_t i = model.n_logged > N_LOG ? model.n_logged - N_LOG : 0; i < model.n_logged; i++)
		fprintf(stderr, "%s\n", model.log[i % N_LOG]);
	fprintf(stderr, "%s, after %llu acts\n", why, (unsigned long long)model.n_acts);
	abort();
}

/* ---- rules ----------------------------------------------------------------------------------------------- */

static enum ringfort_verdict judge(enum judge which, uint32_t rule, char letter, mode_t mode, uid_t uid)
{
	bool denies = which == BY_LETTER ? (uint32_t)letter % 4 == rule % 4 :
					   (mode & 022 || uid != 0) == (rule % 2) && mode % 8 != 5;

	return denies ? RINGFORT_VERDICT_DENY : RINGFORT_VERDICT_ALLOW;
}

static bool oracle_denies(const struct files_look *look)
{
	for (uint32_t i = 0; i < N_JUDGES; i++)
		if (judge((enum judge)i, model.straws[i].rule, look->letter, look->mode, look->uid) ==
		    RINGFORT_VERDICT_DENY)
			return true;
	return false;
}

/* ---- the gate --------------------------------------------------------------------------------------------- */

static const struct history_numbers *numbers(void)
{
	return history_numbers(model.history);
}

static void forgotten(void)
{
	model.n_forgotten++;
	files_unmark(&model.files);
}

static void told(void *userdata, enum gate_news news, uint32_t slot, const struct history_entry *entry)
{
	if (news == GATE_MOUNTED)
		model.mounted = true;
}

static void guard(void)
{
	model.mounted = false;
	for (uint32_t place = 0; place < _FILES_PLACE_N; place++) {
		const char *path = model.files.mounts[place];
		int fd = open(path, O_PATH | O_CLOEXEC);

		assert(fd >= 0 && gate_guard(model.gate, place, path, fd) == 0);
		close(fd);
	}
}

/* As its process does a few times a second. */
static void tick(void)
{
	gate_tick(model.gate);
	if (model.mounted)
		guard();
}

static void begin_gate(void)
{
	struct gate_options options = { .history = model.history, .epoch = ++model.life, .deadline_ms = DEADLINE_MS,
					.told = told };

	assert(gate_new(&model.gate, &options) == 0);
	assert(gate_watch(model.gate, model.executor) == 0);
	guard();
	forgotten();
}

/* ---- judges ---------------------------------------------------------------------------------------------- */

static void say(struct straw *straw, uint32_t kind, const void *data, size_t size)
{
	assert(mailbox_put(straw->answers, kind, data, size, NULL, 0) == 0);
	assert(write(straw->tell, "", 1) == 1 || errno == EAGAIN);
}

static void authorize(struct straw *straw)
{
	const struct ask_authorize wanted = { .acts = EXEC };

	say(straw, ASK_AUTHORIZE, &wanted, sizeof(wanted));
}

static void close_straw(struct straw *straw)
{
	mailbox_reader_close(straw->requests);
	mailbox_writer_close(straw->answers);
	close(straw->files);
	close(straw->wake);
	close(straw->tell);
}

static void open_straw(uint32_t slot)
{
	struct voter_terms terms = { .slot = slot, .run = 1, .granted = EXEC, .miss = DECISION_FAIL_CLOSED };
	struct straw *straw = &model.straws[slot];
	struct voter_channel channel;
	int pair[2], wake[2], woken[2];

	assert(mailbox_create(&channel.requests) == 0 && mailbox_create(&channel.answers) == 0);
	assert(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
	assert(pipe2(wake, O_NONBLOCK | O_CLOEXEC) == 0 && pipe2(woken, O_NONBLOCK | O_CLOEXEC) == 0);
	assert(mailbox_reader_open(&straw->requests, channel.requests) == 0);
	assert(mailbox_writer_open(&straw->answers, channel.answers) == 0);
	channel.files = pair[0];
	channel.wake = wake[1];
	channel.woken = woken[0];
	straw->files = pair[1];
	straw->wake = wake[0];
	straw->tell = woken[1];
	assert(gate_voter_up(model.gate, &terms, &channel) == 0);
	authorize(straw);
	do
		assert(gate_process(model.gate, 100) >= 0);
	while (numbers()->voices[slot].acts != EXEC);
	forgotten();
}

static int take_file(struct straw *straw)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	uint64_t id;
	struct iovec part = { .iov_base = &id, .iov_len = sizeof(id) };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1,
				  .msg_control = &control, .msg_controllen = sizeof(control.bytes) };
	int fd;

	assert(recvmsg(straw->files, &message, MSG_CMSG_CLOEXEC) == sizeof(id) && message.msg_controllen > 0);
	memcpy(&fd, CMSG_DATA(&control.head), sizeof(fd));
	return fd;
}

/* The next request, and what this judge thinks of it. */
static void read_request(uint32_t slot)
{
	struct straw *straw = &model.straws[slot];
	struct mailbox_message message;
	struct ask_request request;
	char letter = 'A';
	int fd;

	if (model.pending[slot].is_there || mailbox_take(straw->requests, &message) != 1)
		return;
	memcpy(&request, message.data, sizeof(request));
	assert(message.kind == ASK_REQUEST && request.flags & ASK_REQUEST_HAS_FILE);
	fd = take_file(straw);
	assert(pread(fd, &letter, 1, 0) >= 0);
	close(fd);
	model.pending[slot] = (struct pending){ .is_there = true, .id = request.id,
						.verdict = judge((enum judge)slot, straw->rule, letter,
								 request.mode, request.uid) };
}

/* Other content: another rule, which it says by authorizing again. */
static void change_rule(uint32_t slot)
{
	model.straws[slot].rule = files_random(4);
	authorize(&model.straws[slot]);
	forgotten();
}

static void act_now(uint32_t name)
{
	uint32_t slot = files_random(N_JUDGES);

	model.during = NULL;
	if (!model.may_leave && files_random(8) == 0) {
		change_rule(slot);
		model.during = "other content";
	} else if ((model.may_leave || files_random(2)) && files_last_store(&model.files, name))
		model.during = "a last store";
	else if (!model.may_leave)
		model.during = files_act(&model.files, name, &model.other);
	model.n_during += model.during != NULL;
}

/* When all have read, something may happen; then they answer. */
static void serve_judges(void)
{
	for (uint32_t slot = 0; slot < N_JUDGES; slot++)
		read_request(slot);
	for (uint32_t slot = 0; slot < N_JUDGES; slot++)
		if (!model.pending[slot].is_there)
			return;
	if (model.may_act)
		act_now(model.acted);
	model.may_act = false;
	for (uint32_t slot = 0; slot < N_JUDGES; slot++) {
		const struct ask_answer said = { .id = model.pending[slot].id, .verdict = model.pending[slot].verdict,
						 .flags = RINGFORT_ANSWER_REMEMBER };

		say(&model.straws[slot], ASK_ANSWER, &said, sizeof(said));
		model.pending[slot].is_there = false;
	}
}

/* ---- executions ------------------------------------------------------------------------------------------- */

static int execute(const struct order *order)
{
	static char *const nothing[] = { NULL };
	char *args[] = { (char *)order->path, NULL };
	bool open_first = order->way == WAY_CHECK_OPEN || order->way == WAY_EXEC_OPEN;
	int flags = order->way == WAY_CHECK || order->way == WAY_CHECK_OPEN ? AT_EXECVE_CHECK : 0, fd, r;

	if (!open_first)
		return syscall(SYS_execveat, AT_FDCWD, order->path, args, nothing, flags) < 0 ? errno : 0;
	fd = open(order->path, O_PATH | O_CLOEXEC);
	assert(fd >= 0);
	r = syscall(SYS_execveat, fd, "", args, nothing, flags | AT_EMPTY_PATH) < 0 ? errno : 0;
	close(fd);
	return r;
}

static _Noreturn void executor(int fd)
{
	struct order order;
	int error;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (recv(fd, &order, sizeof(order), 0) == sizeof(order)) {
		error = execute(&order);
		if (send(fd, &error, sizeof(error), 0) < 0)
			break;
	}
	_exit(0);
}

/* Before there is a gate: a copy of its group would outlive it, and wait for itself. */
static void begin_executor(void)
{
	int pair[2];
	pid_t pid;

	assert(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
	pid = fork();
	assert(pid >= 0);
	if (pid == 0) {
		close(pair[0]);
		executor(pair[1]);
	}
	close(pair[1]);
	model.executor = pair[0];
}

static int order(uint32_t name, enum way way)
{
	struct order wanted = { .way = way };
	int error, r;

	memcpy(wanted.path, model.files.names[name].path, FILES_PATH);
	assert(send(model.executor, &wanted, sizeof(wanted), 0) == sizeof(wanted));
	alarm(PATIENCE_S);
	if (!model.gate)
		r = 1;
	else
		while ((r = gate_process(model.gate, 1000)) == 0)
			serve_judges();
	assert(r == 1 && recv(model.executor, &error, sizeof(error), 0) == sizeof(error));
	if (error != 0 && error != ENOEXEC && error != ETXTBSY && error != EPERM) {
		note("%s: %s", wanted.path, strerror(error));
		fail("an outcome that is none");
	}
	return error;
}

static enum way any_way(char letter)
{
	uint32_t n = letter < ' ' ? WAY_EXEC : _WAY_N;

	return (enum way)(model.has_check ? files_random(n) : WAY_EXEC + files_random(_WAY_N - WAY_EXEC));
}

/* ---- the comparison ----------------------------------------------------------------------------------------- */

/* The kernel may have a mark from now on: never when it has not, rather too often. */
static void asked(struct files_look *look, bool denied, uint64_t n_forgotten)
{
	struct files_inode *inode = look->inode;

	if (!inode)
		return;
	if (!inode->touched)
		inode->marked = inode->changed = false;
	if (!denied && look->uid == 0 && !(look->mode & 022) && inode->n_writers == 0 && !inode->touched &&
	    n_forgotten == model.n_forgotten)
		inode->marked = true;
}

static void unasked(const struct files_look *look, bool right)
{
	model.n_unasked++;
	if (!look->inode || !look->inode->marked)
		fail("the kernel did not ask, and nothing allows it not to");
	if (!right && !look->inode->changed)
		fail("stale, in the kernel");
	model.n_excused += !right;
}

/* One execution, and all that is to be said of it. */
static void compare(uint32_t name, bool act_meanwhile)
{
	uint64_t n_asked = numbers()->n_asked, n_table = numbers()->n_cached;
	struct files_look look = files_look(&model.files, model.files.names[name].path);
	bool wanted = !model.open && oracle_denies(&look), denied;
	uint64_t n_forgotten = model.n_forgotten;
	enum way way = any_way(look.letter);

	/* An execution on an overlay may be asked about twice, of both layers, and the second answer is another then. */
	model.may_act = act_meanwhile && !look.is_layered;
	model.acted = model.other = name;
	model.during = NULL;
	if (look.inode)
		look.inode->touched = false;
	denied = order(name, way) == EPERM;
	model.may_act = false;
	model.n_executions++;
	model.n_denied += denied;
	note("%s (letter %d, mode %o, owner %u; rules %u %u) by way %d: %s, expected %s; asked %llu, table %llu; during %s",
	     model.files.names[name].path, look.letter, look.mode, look.uid, model.straws[0].rule, model.straws[1].rule,
	     way, denied ? "denied" : "allowed", wanted ? "denied" : "allowed",
	     (unsigned long long)(numbers()->n_asked - n_asked),
	     (unsigned long long)(numbers()->n_cached - n_table), model.during ? model.during : "nothing");
	if (numbers()->n_asked == n_asked)
		unasked(&look, denied == wanted);
	else if (denied != wanted)
		fail(numbers()->n_cached > n_table ? "stale, in the table" : "wrong, and it was asked");
	else if (numbers()->n_cached == n_table && !model.open)
		asked(&look, denied, n_forgotten);
	if (numbers()->n_cached == n_table)
		return;
	model.n_table++;
	if (look.inode ? look.inode->n_writers > 0 :
			 numbers()->n_asked - n_asked == numbers()->n_cached - n_table)
		fail("from the table, where nothing may be kept");
}

/* ---- acts on the gate ----------------------------------------------------------------------------------------- */

static void restart_judge(void)
{
	uint32_t slot = files_random(N_JUDGES);

	gate_voter_down(model.gate, slot, false);
	close_straw(&model.straws[slot]);
	model.straws[slot].rule = files_random(4);
	open_straw(slot);
}

static void restart_gate(void)
{
	for (uint32_t slot = 0; slot < N_JUDGES; slot++)
		close_straw(&model.straws[slot]);
	gate_free(model.gate);
	begin_gate();
	for (uint32_t slot = 0; slot < N_JUDGES; slot++)
		open_straw(slot);
}

static void new_content(void)
{
	change_rule(files_random(N_JUDGES));
	assert(gate_process(model.gate, 0) == 0);
}

static void open_and_close(void)
{
	model.open = true;
	gate_open(model.gate, true);
	forgotten();
	compare(files_random(FILES_NAMES), false);
	gate_open(model.gate, false);
	model.open = false;
}

/* What was remembered of files that have the same number, size and times as those that come. */
static void swap_disk(void)
{
	uint32_t names[FILES_SWAPPED];

	files_unbind(&model.files);
	tick();
	for (uint32_t i = 0; i < FILES_SWAPPED; i++) {
		names[i] = files_random(FILES_NAMES);
		compare(names[i], false);
	}
	files_swap(&model.files, names);
	tick();
	for (uint32_t i = 0; i < FILES_SWAPPED; i++)
		compare(names[i], false);
}

/* The times of the file are those of long ago, and nobody has it open any more when the answer comes. */
static void leave_while_asked(void)
{
	uint32_t name = files_random(FILES_NAMES);

	if (!files_hold(&model.files, name))
		return;
	usleep(SETTLED_US);
	model.may_leave = true;
	compare(name, true);
	model.may_leave = false;
	compare(name, false);
}

static struct {
	const char *name;
	void (*act)(void);
	uint32_t weight; /* in 4096 */
	uint64_t n_done;
} gate_acts[] = {
	{ "other content", new_content, 24, 0 },
	{ "a judge's restart", restart_judge, 8, 0 },
	{ "the gate's restart", restart_gate, 8, 0 },
	{ "open and closed", open_and_close, 8, 0 },
	{ "the disk swapped", swap_disk, 8, 0 },
	{ "a writer left while it was asked", leave_while_asked, 16, 0 },
};

#define N_GATE_ACTS (sizeof(gate_acts) / sizeof(gate_acts[0]))

static const char *act_on_gate(void)
{
	uint32_t at = files_random(4096);

	for (size_t i = 0; i < N_GATE_ACTS; i++) {
		if (at < gate_acts[i].weight) {
			gate_acts[i].act();
			gate_acts[i].n_done++;
			return gate_acts[i].name;
		}
		at -= gate_acts[i].weight;
	}
	return NULL;
}

/* ---- at random --------------------------------------------------------------------------------------------- */

/* Those that somebody writes to are looked at more often. */
static uint32_t any_name(void)
{
	uint32_t i = files_random(FILES_HOLDS);

	return i < model.files.n_holds && files_random(8) == 0 ? model.files.holds[i].name : files_random(FILES_NAMES);
}

/* To the gate or to a file; then what was remembered of it has to be right. */
static void act_once(uint32_t name)
{
	uint32_t other = name;
	const char *done = act_on_gate();

	if (!done)
		done = files_act(&model.files, name, &other);
	if (!done)
		return;
	model.n_acts++;
	note("%s: %s", model.files.names[name].path, done);
	tick();
	if (other != name)
		compare(other, false);
}

static void step(void)
{
	uint32_t name = any_name(), other;

	/* It is remembered, as far as it may be. */
	for (uint32_t n = files_random(4); n > 0; n--)
		compare(name, false);
	/* What changed just now is not kept: there has to be something that happens to others while they are asked. */
	if (files_random(4))
		act_once(name);
	compare(name, files_random(3) == 0);
	if (!model.during)
		return;
	other = model.other;
	tick();
	compare(name, false);
	if (other != name)
		compare(other, false);
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void tell(double took)
{
	uint64_t n;

	printf("%llu acts, %llu of them while a question was out; %llu executions in %.1f s, %llu denied\n",
	       (unsigned long long)(model.n_acts + model.n_during), (unsigned long long)model.n_during,
	       (unsigned long long)model.n_executions, took, (unsigned long long)model.n_denied);
	printf("not asked by the kernel %llu, from the table %llu; stale 0; by what root can do all the same %llu\n",
	       (unsigned long long)model.n_unasked, (unsigned long long)model.n_table, (unsigned long long)model.n_excused);
	for (uint32_t row = 0; files_told(&model.files, row, &n); row++)
		printf("%s%s %llu", row ? ", " : "", files_told(&model.files, row, &n), (unsigned long long)n);
	for (size_t i = 0; i < N_GATE_ACTS; i++)
		printf(", %s %llu", gate_acts[i].name, (unsigned long long)gate_acts[i].n_done);
	printf("\n");
}

/* Or it has shown nothing.  A host that is too busy for this many acts shows what it can. */
static void require_all_was_tried(void)
{
	uint64_t n;

	if (model.n_unasked < model.n_acts / 50 || model.n_table < model.n_acts / 50 || model.n_denied < model.n_acts / 10)
		fail("too little was remembered");
	if (model.n_acts < ENOUGH)
		return;
	for (uint32_t row = 0; files_told(&model.files, row, &n); row++)
		if (n == 0 && (model.files.may_zero || strcmp(files_told(&model.files, row, &n), "punch a hole") != 0))
			fail(files_told(&model.files, row, &n));
	for (size_t i = 0; i < N_GATE_ACTS; i++)
		if (gate_acts[i].n_done == 0)
			fail(gate_acts[i].name);
}

/* NULL, or why nothing can be tried here. */
static const char *prepare(void)
{
	int group = fanotify_init(FAN_CLASS_CONTENT, O_RDONLY), writer, reader;
	const char *why;

	if (group < 0)
		return "needs root and permission events";
	close(group);
	if (!alone_begin(folder))
		return "needs namespaces of its own";
	why = files_make(&model.files, folder);
	if (why)
		return why;
	begin_executor();
	assert(history_create(&writer, &reader) == 0 && history_open(&model.history, writer, true) == 0);
	model.has_check = order(0, WAY_CHECK) == 0;
	model.files.may_zero = model.has_check;
	begin_gate();
	for (uint32_t slot = 0; slot < N_JUDGES; slot++)
		open_straw(slot);
	return NULL;
}

int main(int argc, char **argv)
{
	uint64_t most = argc > 1 ? strtoull(argv[1], NULL, 10) : ACTS;
	uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 10) : (uint64_t)time(NULL);
	double begin, limit = argc > 2 ? atof(argv[2]) : SECONDS;
	const char *why;

	files_seed(seed);
	note("seed %llu", (unsigned long long)seed);
	fprintf(stderr, "seed %llu\n", (unsigned long long)seed);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGIO, SIG_IGN);
	why = prepare();
	if (why) {
		fprintf(stderr, "%s\n", why);
		return 77;
	}
	begin = seconds();
	while (model.n_acts + model.n_during < most && seconds() - begin < limit)
		step();
	alarm(0);
	tell(seconds() - begin);
	require_all_was_tried();
	gate_free(model.gate);
	files_end(&model.files);
	return 0;
}
