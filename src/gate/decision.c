/* SPDX-License-Identifier: Apache-2.0 */
/* Decision - one verdict from what each solution answered, or did not. */
#include "gate/decision.h"

#include <assert.h>
#include <stddef.h>

/* What a voice comes to, whichever way it came to it. */
enum stand {
	STAND_WAITING,
	STAND_ALLOW,
	STAND_DENY,
};

static enum stand stand_of(const struct decision_voice *voice)
{
	assert(voice->answer < _DECISION_ANSWER_N && voice->miss < _DECISION_MISS_N);
	switch ((enum decision_answer)voice->answer) {
	case DECISION_ALLOW:
	case DECISION_LAST_KNOWN_ALLOW:
		return STAND_ALLOW;
	case DECISION_DENY:
	case DECISION_LAST_KNOWN_DENY:
		return STAND_DENY;
	case DECISION_LATE:
	case DECISION_FULL:
	case DECISION_GONE:
		return voice->miss == DECISION_FAIL_CLOSED ? STAND_DENY : STAND_ALLOW;
	case DECISION_WAITING:
	case _DECISION_ANSWER_N:
		break;
	}
	return STAND_WAITING;
}

/* Only what was said about this very file under this very content may be kept. */
static bool said_to_remember(const struct decision_voice *voice)
{
	return voice->remember &&
	       (voice->answer == DECISION_ALLOW || voice->answer == DECISION_DENY);
}

static bool enforces(const struct decision_voice *voice)
{
	assert(voice->mode < _DECISION_MODE_N);
	return voice->mode == DECISION_ENFORCE;
}

bool decision_ready(const struct decision_voice *voices, uint32_t n_voices)
{
	bool waiting = false;

	for (uint32_t i = 0; i < n_voices; i++) {
		if (!enforces(&voices[i]))
			continue;
		if (stand_of(&voices[i]) == STAND_DENY)
			return true;
		waiting |= stand_of(&voices[i]) == STAND_WAITING;
	}
	return !waiting;
}

uint32_t decision_expire(struct decision_voice *voices, uint32_t n_voices)
{
	uint32_t n_late = 0;

	for (uint32_t i = 0; i < n_voices; i++) {
		if (voices[i].answer != DECISION_WAITING)
			continue;
		voices[i].answer = DECISION_LATE;
		n_late++;
	}
	return n_late;
}

struct decision decision_make(const struct decision_voice *voices, uint32_t n_voices, bool critical,
			      bool deny_critical)
{
	bool denied = false, all_said = true;
	uint32_t n_enforcing = 0;
	struct decision decision;

	for (uint32_t i = 0; i < n_voices; i++) {
		if (!enforces(&voices[i]))
			continue;
		n_enforcing++;
		denied |= stand_of(&voices[i]) == STAND_DENY;
		all_said &= said_to_remember(&voices[i]);
	}
	decision.overridden = denied && critical && !deny_critical;
	decision.verdict = denied && !decision.overridden ? RINGFORT_VERDICT_DENY : RINGFORT_VERDICT_ALLOW;
	decision.remember = n_enforcing > 0 && all_said && !decision.overridden;
	return decision;
}

static const char *name_of(const char *const *names, uint32_t n_names, uint32_t number)
{
	return number < n_names ? names[number] : NULL;
}

const char *decision_answer_name(uint32_t answer)
{
	static const char *const names[_DECISION_ANSWER_N] = {
		[DECISION_WAITING] = "waiting",
		[DECISION_ALLOW] = "allow",
		[DECISION_DENY] = "deny",
		[DECISION_LAST_KNOWN_ALLOW] = "last-known allow",
		[DECISION_LAST_KNOWN_DENY] = "last-known deny",
		[DECISION_LATE] = "late",
		[DECISION_FULL] = "full",
		[DECISION_GONE] = "gone",
	};

	return name_of(names, _DECISION_ANSWER_N, answer);
}

const char *decision_mode_name(uint32_t mode)
{
	static const char *const names[_DECISION_MODE_N] = {
		[DECISION_ENFORCE] = "enforce",
		[DECISION_SHADOW] = "shadow",
	};

	return name_of(names, _DECISION_MODE_N, mode);
}

const char *decision_miss_name(uint32_t miss)
{
	static const char *const names[_DECISION_MISS_N] = {
		[DECISION_FAIL_OPEN] = "fail-open",
		[DECISION_FAIL_CLOSED] = "fail-closed",
	};

	return name_of(names, _DECISION_MISS_N, miss);
}

const char *decision_verdict_name(uint32_t verdict)
{
	static const char *const names[_RINGFORT_VERDICT_N] = {
		[RINGFORT_VERDICT_ALLOW] = "allow",
		[RINGFORT_VERDICT_DENY] = "deny",
	};

	return name_of(names, _RINGFORT_VERDICT_N, verdict);
}
