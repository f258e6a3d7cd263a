/* SPDX-License-Identifier: Apache-2.0 */
/* Live - see live.h; what becomes of a verdict's event is in tell.c. */
#include "live.h"

#include "backlog.h"
#include "known.h"
#include "scan.h"
#include "tell.h"
#include "told.h"
#include "verdict.h"
#include "written.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

struct live {
	struct ringfort_client *client;
	struct rules *rules;
	struct known *known;
	struct recent *recent;
	struct backlog *backlog;
	struct written *written;
	struct told_files told;
	/* An answer that did not fit the mailbox. */
	struct {
		bool waits;
		uint64_t id;
		enum ringfort_verdict verdict;
		uint32_t flags;
	} pending;
	struct live_counts counts;
};

static void release(void *verdict)
{
	result_unref(((struct verdict *)verdict)->result);
}

int live_new(struct live **ret, struct ringfort_client *client)
{
	_cleanup_(live_freep) struct live *live = calloc(1, sizeof(*live));
	int r = live ? known_new(&live->known) : -ENOMEM;

	if (!r)
		r = recent_new(&live->recent, sizeof(struct verdict), release);
	if (!r)
		r = backlog_new(&live->backlog);
	if (!r)
		r = written_new(&live->written);
	if (r < 0)
		return r;
	live->client = client;
	*ret = take_ptr(live);
	return 0;
}

struct live *live_free(struct live *live)
{
	if (!live)
		return NULL;
	rules_free(live->rules);
	known_free(live->known);
	recent_free(live->recent);
	backlog_free(live->backlog);
	written_free(live->written);
	free(live);
	return NULL;
}

void live_freep(struct live **live)
{
	live_free(*live);
}

void live_use(struct live *live, struct rules **rules)
{
	rules_free(live->rules);
	live->rules = take_ptr(*rules);
	known_clear(live->known);
}

const struct rules *live_rules(const struct live *live)
{
	return live->rules;
}

struct live_counts live_counts(const struct live *live)
{
	struct live_counts counts = live->counts;

	counts.n_untold += recent_forgotten(live->recent) + written_forgotten(live->written);
	return counts;
}

/* ---- one file ----------------------------------------------------------------------------- */

/* A request, and what is to be known of its file beside it. */
struct question {
	const struct ringfort_request *request;
	const char *path; /* "" when nothing of it can be believed */
	bool unchanged;   /* it still is what the request says */
};

static int64_t realtime_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_REALTIME, &time);
	return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static struct question look_at(const struct ringfort_request *request)
{
	struct question question = { .request = request, .path = request->path };
	struct stat status = { 0 };
	bool is_open = request->fd >= 0 && !fstat(request->fd, &status);

	if (request->flags & RINGFORT_REQUEST_FOREIGN_NS ||
	    path_is_nameless(request->path, is_open ? status.st_nlink : 0))
		question.path = "";
	question.unchanged = is_open && (uint64_t)status.st_size == request->file_size &&
			     (int64_t)status.st_ctim.tv_sec * 1000000000 + status.st_ctim.tv_nsec ==
				     request->ctime_ns;
	return question;
}

/* Whoever can write to a file can change it so that nothing shows: see known.h. */
static bool can_be_known(const struct question *question)
{
	const struct ringfort_request *request = question->request;

	return question->unchanged && request->uid == 0 && !(request->mode & (S_IWGRP | S_IWOTH)) &&
	       realtime_ns() - request->ctime_ns >= LIVE_SETTLED_NS;
}

static struct known_key key_of(const struct live *live, const struct question *question)
{
	const struct ringfort_request *request = question->request;

	return (struct known_key){ .dev = request->dev, .ino = request->ino, .size = request->file_size,
				   .ctime_ns = request->ctime_ns,
				   .path = rules_use_names(live->rules) ? question->path : NULL };
}

/* A result that says nothing of the file alone is not kept: the next time it may be another. */
static bool is_final(const struct result *result)
{
	switch (result->outcome) {
	case OUTCOME_SCANNED:
		return !result->changed;
	case OUTCOME_OUT_OF_TIME:
		/* Else whoever has a file that takes long could keep others from being answered. */
		return !result->cut_short && !result->changed;
	default:
		return false;
	}
}

/* A quarter of the time that is left, for the answer's way and for what libyara does not interrupt. */
static uint64_t stop_before(uint64_t deadline_ns)
{
	uint64_t now = monotonic_ns();

	/* Nobody waits. */
	if (!deadline_ns)
		return UINT64_MAX;
	return deadline_ns > now ? deadline_ns - (deadline_ns - now) / 4 : 0;
}

static struct result *find_or_scan(struct live *live, const struct question *question)
{
	const struct ringfort_request *request = question->request;
	struct known_key key = key_of(live, question);
	bool knowable = can_be_known(question);
	struct result *result = knowable ? known_find(live->known, &key) : NULL;
	struct subject subject = {
		.path = question->path,
		.fd = request->fd,
		.size = request->file_size,
		.uid = request->uid,
		.in_time = true,
		.stop_ns = stop_before(request->deadline_ns),
		.max_matches = RESULT_MAX_MATCHES,
	};

	if (result)
		return result;
	result = scan(live->rules, &subject);
	live->counts.n_scanned += result && result->outcome == OUTCOME_SCANNED;
	if (result && knowable && is_final(result))
		known_put(live->known, &key, result);
	return result;
}

/* ---- answers ------------------------------------------------------------------------------ */

/*
 * May the gate give this answer again without asking, until the file changes?  Not where a name had a part
 * in it.  What becomes a finding is asked about each time: its verdict must be at hand when the event
 * comes.
 */
static bool may_be_remembered(const struct live *live, const struct question *question,
			      const struct result *result)
{
	return !result_is_told(result) && !result->changed && question->unchanged &&
	       !rules_use_names(live->rules);
}

static void note(struct live *live, const struct ringfort_request *request, struct result *result)
{
	struct verdict *verdict;

	if (request->act != RINGFORT_ACT_EXEC) {
		live->counts.n_eventless++;
		return;
	}
	verdict = recent_add(live->recent, request->pid, monotonic_ns());
	verdict->result = result_ref(result);
	verdict->dev = request->dev;
	verdict->ino = request->ino;
	strncpy(verdict->path, request->path, sizeof(verdict->path) - 1);
}

static int send(struct live *live)
{
	int r = ringfort_client_answer(live->client, live->pending.id, live->pending.verdict,
				       live->pending.flags);

	live->pending.waits = r == -EAGAIN;
	return r;
}

static int answer_one(struct live *live, const struct ringfort_request *request)
{
	struct question question = look_at(request);
	_cleanup_(result_unrefp) struct result *result = find_or_scan(live, &question);

	live->counts.n_asked++;
	live->pending.id = request->id;
	live->pending.verdict = result && result->deny ? RINGFORT_VERDICT_DENY : RINGFORT_VERDICT_ALLOW;
	live->pending.flags = result && may_be_remembered(live, &question, result) ?
				      RINGFORT_ANSWER_REMEMBER : 0;
	live->counts.n_denied += live->pending.verdict == RINGFORT_VERDICT_DENY;
	/* Before the answer: the event may be here as soon as it is given. */
	if (!result)
		live->counts.n_untold++;
	else if (result_is_told(result))
		note(live, request, result);
	return send(live);
}

/* Room is made where the client gives us more than it says that it does. */
static int keep(struct live *live, const struct ringfort_request *request)
{
	if (backlog_full(live->backlog))
		live_scan(live);
	backlog_put(live->backlog, request, monotonic_ns());
	return 0;
}

int live_answer(struct live *live)
{
	const struct ringfort_request *request;
	int r = live->pending.waits ? send(live) : 0;

	while (!r) {
		r = ringfort_client_next_request(live->client, &request);
		if (r <= 0)
			break;
		r = request->act == RINGFORT_ACT_MODIFY ? keep(live, request) : answer_one(live, request);
	}
	if (r == -EAGAIN)
		return 1;
	/* Without the operator's grant there is nothing to answer. */
	return r == -EACCES ? 0 : r;
}

/* ---- files that were written to ------------------------------------------------------------ */

/* Nobody's act depends on how it was when it was shown: what counts is how it is. */
static struct ringfort_request as_it_is(const struct ringfort_request *shown)
{
	struct ringfort_request request = *shown;
	struct stat status;

	if (shown->fd < 0 || fstat(shown->fd, &status) < 0)
		return request;
	request.file_size = (uint64_t)status.st_size;
	request.ctime_ns = (int64_t)status.st_ctim.tv_sec * 1000000000 + status.st_ctim.tv_nsec;
	request.mode = status.st_mode;
	request.uid = status.st_uid;
	return request;
}

static bool is_news(struct live *live, const struct ringfort_request *request, const struct result *result)
{
	const struct told_file file = { .dev = request->dev, .ino = request->ino, .size = request->file_size,
					.ctime_ns = request->ctime_ns, .content = result->content };

	if (result_is_told(result))
		return told_is_new(&live->told, &file);
	told_forget(&live->told, &file);
	return false;
}

static void tell_written(struct live *live, const struct ringfort_event *event,
			 const struct verdict *verdict)
{
	live->counts.n_untold += event ? tell(live->client, event, verdict) : 1;
}

static void look_into(struct live *live, const struct ringfort_request *shown, uint64_t shown_ns)
{
	struct ringfort_request request = as_it_is(shown);
	struct question question = look_at(&request);
	_cleanup_(result_unrefp) struct result *result = find_or_scan(live, &question);
	struct verdict verdict = { .head = { .at_ns = shown_ns, .pid = shown->pid }, .dev = shown->dev, .ino = shown->ino,
				   .lost = shown->flags & RINGFORT_REQUEST_LOST, .result = result };
	const struct ringfort_event *event;

	live->counts.n_shown++;
	live->counts.n_lost += verdict.lost;
	strncpy(verdict.path, shown->path, sizeof(verdict.path) - 1);
	if (!result) {
		live->counts.n_untold++;
	} else if (is_news(live, &request, result) || verdict.lost) {
		event = written_verdict(live->written, &verdict);
		if (event)
			tell_written(live, event, &verdict);
	} else {
		written_nothing(live->written, &verdict);
	}
}

bool live_scan(struct live *live)
{
	uint64_t shown_ns;
	const struct ringfort_request *shown = backlog_take(live->backlog, &shown_ns);

	if (!shown)
		return false;
	look_into(live, shown, shown_ns);
	/* It gives the file back; where ringfortd is gone, the loop sees it soon. */
	ringfort_client_answer(live->client, shown->id, RINGFORT_VERDICT_ALLOW, 0);
	return true;
}

/* ---- events ------------------------------------------------------------------------------- */

static void look_at_exec(struct live *live, const struct ringfort_event *event)
{
	struct verdict verdict;

	while (recent_take(live->recent, event->process.pid, event->monotonic_ns, &verdict)) {
		live->counts.n_untold += tell(live->client, event, &verdict);
		result_unref(verdict.result);
	}
}

static void look_at_write(struct live *live, const struct ringfort_event *event)
{
	struct verdict verdict;

	if (!written_event(live->written, event, &verdict))
		return;
	tell_written(live, event, &verdict);
	result_unref(verdict.result);
}

static void look(struct live *live, const struct ringfort_event *event)
{
	if (ringfort_as_process_exec(event))
		look_at_exec(live, event);
	else if (ringfort_as_file_modify(event))
		look_at_write(live, event);
}

static void tell_overdue(struct live *live)
{
	const struct ringfort_event *event;
	struct verdict verdict;

	while (written_overdue(live->written, monotonic_ns(), &verdict, &event)) {
		tell_written(live, event, &verdict);
		result_unref(verdict.result);
	}
}

int live_read(struct live *live)
{
	const struct ringfort_event *event;
	int r = 0;

	tell_overdue(live);
	for (size_t i = 0; i < LIVE_MAX_TURN; i++) {
		r = ringfort_client_next(live->client, &event);
		if (r <= 0)
			return r;
		look(live, event);
	}
	return r;
}
