/* SPDX-License-Identifier: Apache-2.0 */
/* Test-decision - every combination of up to three voices against an oracle, and sentences. */
#undef NDEBUG
#include "gate/decision.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define MAX_VOICES 3
#define VOICES_OF_ONE (_DECISION_MODE_N * _DECISION_MISS_N * _DECISION_ANSWER_N * 2)

/* ---- the oracle: the rules once more, as a table and sets of letters ------------------------- */

/* By miss mode; a column per answer in the order of the enum: ? waits, + allows, - denies. */
static const char *const means[_DECISION_MISS_N] = {
	[DECISION_FAIL_OPEN] = "?+-+-+++",
	[DECISION_FAIL_CLOSED] = "?+-+----",
};

/* Who may be remembered, in the same columns: those who answered just now. */
static const char answers_of_now[] = ".yy.....";

struct expected {
	bool ready;
	struct decision decision;
};

static struct expected oracle(const struct decision_voice *voices, uint32_t n, bool critical,
			      bool deny_critical)
{
	char heard[MAX_VOICES + 1] = "", kept[MAX_VOICES + 1] = "";
	struct expected expected = { 0 };
	bool sentence;

	for (uint32_t i = 0; i < n; i++) {
		if (voices[i].mode == DECISION_SHADOW)
			continue;
		strncat(heard, &means[voices[i].miss][voices[i].answer], 1);
		strcat(kept, voices[i].remember && answers_of_now[voices[i].answer] == 'y' ? "y" : "n");
	}
	sentence = strchr(heard, '-') != NULL;
	expected.ready = sentence || !strchr(heard, '?');
	expected.decision.verdict = RINGFORT_VERDICT_ALLOW;
	if (sentence && critical && !deny_critical)
		expected.decision.overridden = true;
	else if (sentence)
		expected.decision.verdict = RINGFORT_VERDICT_DENY;
	if (strlen(kept) > 0 && !strchr(kept, 'n') && !expected.decision.overridden)
		expected.decision.remember = true;
	return expected;
}

/* ---- all combinations ------------------------------------------------------------------------ */

static uint32_t digit(uint32_t *number, uint32_t base)
{
	uint32_t digit = *number % base;

	*number /= base;
	return digit;
}

/* The combination with this number; Return: false when there is none any more. */
static bool combination(uint32_t number, uint32_t n, struct decision_voice *ret_voices)
{
	for (uint32_t i = 0; i < n; i++)
		ret_voices[i] = (struct decision_voice){
			.slot = (uint8_t)i,
			.mode = (uint8_t)digit(&number, _DECISION_MODE_N),
			.miss = (uint8_t)digit(&number, _DECISION_MISS_N),
			.answer = (uint8_t)digit(&number, _DECISION_ANSWER_N),
			.remember = (uint8_t)digit(&number, 2),
		};
	return number == 0;
}

static void assert_same(struct decision a, struct decision b)
{
	assert(a.verdict == b.verdict && a.overridden == b.overridden && a.remember == b.remember);
}

static void every_combination_of_three_voices_is_decided_as_the_oracle_says(void)
{
	struct decision_voice voices[MAX_VOICES];
	uint32_t n_seen = 0, n_denied = 0, n_overridden = 0;

	for (uint32_t n = 0; n <= MAX_VOICES; n++)
		for (uint32_t number = 0; combination(number, n, voices); number++)
			for (uint32_t host = 0; host < 4; host++) {
				struct expected expected = oracle(voices, n, host & 1, host & 2);

				assert(decision_ready(voices, n) == expected.ready);
				assert_same(decision_make(voices, n, host & 1, host & 2), expected.decision);
				n_seen++;
				n_denied += expected.decision.verdict == RINGFORT_VERDICT_DENY;
				n_overridden += expected.decision.overridden;
			}
	printf("%u combinations, %u of them denied, %u overridden\n", n_seen, n_denied, n_overridden);
	assert(n_seen == 4 * (1 + VOICES_OF_ONE + VOICES_OF_ONE * VOICES_OF_ONE +
			      VOICES_OF_ONE * VOICES_OF_ONE * VOICES_OF_ONE));
	assert(n_denied > 0 && n_overridden > 0);
}

/* Whatever those who still wait will say: a verdict that could be given early stays the same. */
static void a_verdict_given_early_is_the_one_that_would_have_been_given_late(void)
{
	struct decision_voice voices[MAX_VOICES];
	uint32_t n_early = 0;

	for (uint32_t number = 0; combination(number, MAX_VOICES, voices); number++) {
		struct decision early = decision_make(voices, MAX_VOICES, false, false);

		if (!decision_ready(voices, MAX_VOICES))
			continue;
		for (uint32_t i = 0; i < MAX_VOICES; i++) {
			struct decision_voice kept = voices[i];

			if (kept.answer != DECISION_WAITING)
				continue;
			for (voices[i].answer = 0; voices[i].answer < _DECISION_ANSWER_N; voices[i].answer++) {
				assert(decision_ready(voices, MAX_VOICES));
				assert(decision_make(voices, MAX_VOICES, false, false).verdict == early.verdict);
				n_early++;
			}
			voices[i] = kept;
		}
	}
	assert(n_early > 0);
}

static void after_the_deadline_every_combination_is_ready_and_only_who_waited_is_late(void)
{
	struct decision_voice voices[MAX_VOICES], before[MAX_VOICES];

	for (uint32_t number = 0; combination(number, MAX_VOICES, voices); number++) {
		uint32_t n_late = 0;

		memcpy(before, voices, sizeof(before));
		for (uint32_t i = 0; i < MAX_VOICES; i++)
			if (before[i].answer == DECISION_WAITING) {
				before[i].answer = DECISION_LATE;
				n_late++;
			}
		assert(decision_expire(voices, MAX_VOICES) == n_late);
		assert(memcmp(voices, before, sizeof(before)) == 0);
		assert(decision_ready(voices, MAX_VOICES));
		assert(decision_expire(voices, MAX_VOICES) == 0);
	}
}

/* ---- sentences --------------------------------------------------------------------------------- */

static const struct decision_voice allows = { .answer = DECISION_ALLOW, .remember = 1 };
static const struct decision_voice denies = { .answer = DECISION_DENY, .remember = 1 };
static const struct decision_voice waits = { .answer = DECISION_WAITING };

/* Copies of the voices given, in a row. */
#define ROW(...) ((const struct decision_voice[]){ __VA_ARGS__ })
#define COUNT(...) (sizeof((struct decision_voice[]){ __VA_ARGS__ }) / sizeof(struct decision_voice))
#define READY(...) decision_ready(ROW(__VA_ARGS__), COUNT(__VA_ARGS__))
#define MAKE(...) decision_make(ROW(__VA_ARGS__), COUNT(__VA_ARGS__), false, false)

static struct decision_voice in_shadow(struct decision_voice voice)
{
	voice.mode = DECISION_SHADOW;
	return voice;
}

static struct decision_voice missed(enum decision_answer how, enum decision_miss miss)
{
	return (struct decision_voice){ .answer = (uint8_t)how, .miss = (uint8_t)miss };
}

static void nobody_to_ask_is_ready_allows_and_remembers_nothing(void)
{
	struct decision decision = decision_make(NULL, 0, false, false);

	assert(decision_ready(NULL, 0));
	assert(decision.verdict == RINGFORT_VERDICT_ALLOW && !decision.overridden && !decision.remember);
	assert(READY(in_shadow(waits)) && !MAKE(in_shadow(allows)).remember);
}

static void one_denial_among_allows_denies(void)
{
	assert(MAKE(allows, denies, allows).verdict == RINGFORT_VERDICT_DENY);
	assert(MAKE(allows, allows, allows).verdict == RINGFORT_VERDICT_ALLOW);
}

static void a_denial_is_ready_while_others_are_waited_for(void)
{
	assert(READY(waits, denies, waits));
	assert(MAKE(waits, denies, waits).verdict == RINGFORT_VERDICT_DENY);
	assert(!READY(waits, allows));
}

static void nobody_waits_for_shadow_and_its_denial_is_not_applied(void)
{
	assert(READY(allows, in_shadow(waits)) && !READY(waits, in_shadow(denies)));
	assert(MAKE(allows, in_shadow(denies)).verdict == RINGFORT_VERDICT_ALLOW);
	assert(MAKE(allows, in_shadow(missed(DECISION_GONE, DECISION_FAIL_CLOSED))).verdict ==
	       RINGFORT_VERDICT_ALLOW);
}

static void a_miss_is_what_the_operator_said_it_is(void)
{
	for (uint32_t how = DECISION_LATE; how <= DECISION_GONE; how++) {
		struct decision_voice open = missed(how, DECISION_FAIL_OPEN);
		struct decision_voice closed = missed(how, DECISION_FAIL_CLOSED);

		assert(READY(open) && MAKE(open).verdict == RINGFORT_VERDICT_ALLOW);
		assert(!READY(open, waits));
		/* fail-closed: nothing that the others say can help any more */
		assert(READY(closed, waits) && MAKE(closed, allows).verdict == RINGFORT_VERDICT_DENY);
	}
}

static void an_answer_of_older_content_counts_as_one(void)
{
	struct decision_voice old_deny = missed(DECISION_LAST_KNOWN_DENY, DECISION_FAIL_OPEN);
	struct decision_voice old_allow = missed(DECISION_LAST_KNOWN_ALLOW, DECISION_FAIL_CLOSED);

	assert(READY(old_deny, waits) && MAKE(old_deny).verdict == RINGFORT_VERDICT_DENY);
	assert(READY(old_allow) && MAKE(old_allow).verdict == RINGFORT_VERDICT_ALLOW);
}

static void what_the_host_needs_is_not_denied_unless_the_operator_lets_it(void)
{
	struct decision decision = decision_make(ROW(allows, denies), 2, true, false);

	assert(decision.verdict == RINGFORT_VERDICT_ALLOW && decision.overridden && !decision.remember);
	decision = decision_make(ROW(allows, denies), 2, true, true);
	assert(decision.verdict == RINGFORT_VERDICT_DENY && !decision.overridden);
	decision = decision_make(ROW(allows, in_shadow(denies)), 2, true, false);
	assert(decision.verdict == RINGFORT_VERDICT_ALLOW && !decision.overridden);
}

static void only_what_all_said_just_now_is_remembered(void)
{
	struct decision_voice once = allows;
	struct decision_voice old = missed(DECISION_LAST_KNOWN_ALLOW, DECISION_FAIL_OPEN);

	once.remember = 0;
	old.remember = 1;
	assert(MAKE(allows, allows).remember && MAKE(denies).remember);
	assert(MAKE(allows, in_shadow(once)).remember);
	assert(!MAKE(allows, once).remember && !MAKE(allows, old).remember);
	assert(!MAKE(denies, waits).remember);
	assert(!MAKE(allows, missed(DECISION_LATE, DECISION_FAIL_OPEN)).remember);
}

static void a_full_table_of_voices_is_decided(void)
{
	struct decision_voice voices[DECISION_VOICES];

	for (uint32_t i = 0; i < DECISION_VOICES; i++)
		voices[i] = allows;
	assert(decision_make(voices, DECISION_VOICES, false, false).remember);
	voices[DECISION_VOICES - 1] = denies;
	assert(decision_make(voices, DECISION_VOICES, false, false).verdict == RINGFORT_VERDICT_DENY);
}

static void everything_has_a_name_and_nothing_else_has(void)
{
	const char *(*const functions[])(uint32_t) = { decision_answer_name, decision_mode_name,
						       decision_miss_name, decision_verdict_name };
	const uint32_t counts[] = { _DECISION_ANSWER_N, _DECISION_MODE_N, _DECISION_MISS_N,
				    _RINGFORT_VERDICT_N };

	for (size_t f = 0; f < 4; f++) {
		for (uint32_t i = 0; i < counts[f]; i++) {
			assert(functions[f](i) && functions[f](i)[0]);
			for (uint32_t j = 0; j < i; j++)
				assert(strcmp(functions[f](i), functions[f](j)) != 0);
		}
		assert(!functions[f](counts[f]) && !functions[f](UINT32_MAX));
	}
	assert(strcmp(decision_answer_name(DECISION_LAST_KNOWN_DENY), "last-known deny") == 0);
	assert(strcmp(decision_miss_name(DECISION_FAIL_CLOSED), "fail-closed") == 0);
	assert(strcmp(decision_mode_name(DECISION_SHADOW), "shadow") == 0);
	assert(strcmp(decision_verdict_name(RINGFORT_VERDICT_DENY), "deny") == 0);
}

int main(void)
{
	every_combination_of_three_voices_is_decided_as_the_oracle_says();
	a_verdict_given_early_is_the_one_that_would_have_been_given_late();
	after_the_deadline_every_combination_is_ready_and_only_who_waited_is_late();
	nobody_to_ask_is_ready_allows_and_remembers_nothing();
	one_denial_among_allows_denies();
	a_denial_is_ready_while_others_are_waited_for();
	nobody_waits_for_shadow_and_its_denial_is_not_applied();
	a_miss_is_what_the_operator_said_it_is();
	an_answer_of_older_content_counts_as_one();
	what_the_host_needs_is_not_denied_unless_the_operator_lets_it();
	only_what_all_said_just_now_is_remembered();
	a_full_table_of_voices_is_decided();
	everything_has_a_name_and_nothing_else_has();
	return 0;
}
