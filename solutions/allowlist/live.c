/* SPDX-License-Identifier: Apache-2.0 */
/* Live - see live.h; what becomes of a verdict's event is in tell.c. */
#include "live.h"

#include "judge.h"
#include "tell.h"
#include "verdict.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define BEFORE_NS UINT64_C(1000000000) /* the gate has heard by then which files we want */

struct live {
	struct ringfort_client *client;
	struct policy *policy;
	struct policy *before; /* read no files, and there may be requests without them; or NULL */
	uint64_t before_ends_ns;
	struct recent *recent;
	/* An answer that did not fit the mailbox. */
	struct {
		bool waits;
		uint64_t id;
		enum ringfort_verdict verdict;
		uint32_t flags;
	} pending;
	struct live_counts counts;
};

int live_new(struct live **ret, struct ringfort_client *client)
{
	struct live *live = calloc(1, sizeof(*live));
	int r = live ? recent_new(&live->recent, sizeof(struct verdict), NULL) : -ENOMEM;

	if (r < 0) {
		free(live);
		return r;
	}
	live->client = client;
	*ret = live;
	return 0;
}

struct live *live_free(struct live *live)
{
	if (!live)
		return NULL;
	policy_free(live->policy);
	policy_free(live->before);
	recent_free(live->recent);
	free(live);
	return NULL;
}

void live_freep(struct live **live)
{
	live_free(*live);
}

/* Where the mailbox is full it is asked for again, before the next answers. */
static void choose_files(struct live *live)
{
	ringfort_client_without_files(live->client, policy_reads_files(live->policy) ? 0 : 1u << RINGFORT_ACT_EXEC);
}

void live_use(struct live *live, struct policy **policy)
{
	if (!policy_reads_files(*policy)) {
		live->before = policy_free(live->before);
	} else if (live->policy && !policy_reads_files(live->policy)) {
		policy_free(live->before);
		live->before = take_ptr(live->policy);
		live->before_ends_ns = monotonic_ns() + BEFORE_NS;
	}
	policy_free(live->policy);
	live->policy = take_ptr(*policy);
	choose_files(live);
}

struct policy *live_policy(const struct live *live)
{
	return live->policy;
}

struct live_counts live_counts(const struct live *live)
{
	struct live_counts counts = live->counts;

	counts.n_untold += recent_forgotten(live->recent);
	return counts;
}

/* ---- answers ------------------------------------------------------------------------------ */

/*
 * May the gate give this answer again without asking, until the file changes?  Where the name had a
 * part in it, only if nobody but root can give the file another one without changing it: a new link
 * and a rename change it, and a file of root's that none else can write is nobody's to exploit when a
 * folder above it moves.  What becomes a finding is asked about each time: its verdict must be at
 * hand when the event comes.
 */
static bool may_be_remembered(const struct ringfort_request *request,
			      const struct judgement *judgement)
{
	if (judgement_is_told(judgement) || request->flags & RINGFORT_REQUEST_FOREIGN_NS)
		return false;
	if (judgement->hashing != HASHING_NOT_NEEDED && judgement->hashing != HASHING_DONE)
		return false;
	return !judgement->by_name ||
	       (request->uid == 0 && !(request->mode & (S_IWGRP | S_IWOTH)) && request->links == 1);
}

static void note(struct live *live, const struct ringfort_request *request,
		 const struct judgement *judgement)
{
	struct verdict *verdict = recent_add(live->recent, request->pid, monotonic_ns());

	verdict->dev = request->dev;
	verdict->ino = request->ino;
	verdict->action = judgement->action;
	verdict->denied = judgement->deny;
	verdict->hashing = judgement->hashing;
	verdict->digest = judgement->digest;
	strncpy(verdict->path, request->path, sizeof(verdict->path) - 1);
	strcpy(verdict->rule_id, judgement->rule ? judgement->rule->id : POLICY_DEFAULT_ID);
	if (judgement->rule)
		strcpy(verdict->reason, judgement->rule->reason);
}

static int send(struct live *live)
{
	int r = ringfort_client_answer(live->client, live->pending.id, live->pending.verdict,
				       live->pending.flags);

	live->pending.waits = r == -EAGAIN;
	return r;
}

/* Where the file would have decided, and was asked about when nobody wanted it, the policy before does. */
static struct judgement decide(struct live *live, const struct subject *subject)
{
	struct judgement judgement = judge(live->policy, subject);

	if (live->before && (subject->fd >= 0 || monotonic_ns() > live->before_ends_ns))
		live->before = policy_free(live->before);
	return live->before && judgement.hashing == HASHING_NO_FILE ? judge(live->before, subject) : judgement;
}

static int answer_one(struct live *live, const struct ringfort_request *request)
{
	struct subject subject = {
		.path = request->path,
		.fd = request->fd,
		.size = request->file_size,
		.mode = request->mode,
		.uid = request->uid,
		.nameless = path_is_nameless(request->path, request->links),
		.foreign_ns = request->flags & RINGFORT_REQUEST_FOREIGN_NS,
	};
	struct judgement judgement = decide(live, &subject);

	live->counts.n_asked++;
	live->counts.n_denied += judgement.deny;
	/* Before the answer: the event may be here as soon as it is given. */
	if (judgement_is_told(&judgement))
		note(live, request, &judgement);
	live->pending.id = request->id;
	live->pending.verdict = judgement.deny ? RINGFORT_VERDICT_DENY : RINGFORT_VERDICT_ALLOW;
	live->pending.flags = may_be_remembered(request, &judgement) ?
				      RINGFORT_ANSWER_REMEMBER : 0;
	return send(live);
}

int live_answer(struct live *live)
{
	const struct ringfort_request *request;
	int r = live->pending.waits ? send(live) : 0;

	choose_files(live);
	while (!r) {
		r = ringfort_client_next_request(live->client, &request);
		if (r <= 0)
			break;
		r = answer_one(live, request);
	}
	if (r == -EAGAIN)
		return 1;
	/* Without the operator's grant there is nothing to answer. */
	return r == -EACCES ? 0 : r;
}

/* ---- events ------------------------------------------------------------------------------- */

static void look(struct live *live, const struct ringfort_event *event)
{
	const struct ringfort_process_exec *exec = ringfort_as_process_exec(event);
	struct verdict verdict;

	if (!exec)
		return;
	while (recent_take(live->recent, event->process.pid, event->monotonic_ns, &verdict))
		if (tell(live->client, event, &verdict) < 0)
			live->counts.n_untold++;
}

int live_read(struct live *live)
{
	const struct ringfort_event *event;
	int r = 0;

	for (size_t i = 0; i < LIVE_MAX_TURN; i++) {
		r = ringfort_client_next(live->client, &event);
		if (r <= 0)
			return r;
		look(live, event);
	}
	return r;
}
