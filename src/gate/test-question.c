/* SPDX-License-Identifier: Apache-2.0 */
/* Test-question - places, ids and the order of deadlines. */
#undef NDEBUG
#include "gate/question.h"

#include <assert.h>
#include <stdlib.h>

static struct questions *new_questions(uint32_t epoch)
{
	struct questions *questions;

	assert(questions_new(&questions, epoch) == 0);
	return questions;
}

static void a_question_begins_empty_and_is_found_by_its_id(void)
{
	struct questions *questions = new_questions(1);
	struct question *question = question_begin(questions);

	assert(question && question->id && question->open && question->fd == -1);
	assert(question->n_voices == 0 && question->path[0] == '\0' && question->memory == FILE_ASK_AGAIN);
	assert(question_find(questions, question->id) == question);
	assert(questions_first(questions) == question && questions_n(questions) == 1);
	assert(!questions_free(questions));
}

static void an_id_that_was_never_given_finds_nothing(void)
{
	struct questions *questions = new_questions(1);
	uint64_t id = question_begin(questions)->id;

	assert(!question_find(questions, 0));
	assert(!question_find(questions, id + 1) && !question_find(questions, id - 1));
	assert(!question_find(questions, id + QUESTION_PLACES) && !question_find(questions, id % QUESTION_PLACES));
	assert(!question_find(questions, UINT64_MAX) && !question_find(questions, QUESTION_PLACES));
	questions_free(questions);
}

static void ids_of_another_life_of_the_gate_fit_none(void)
{
	struct questions *old = new_questions(7), *now = new_questions(8);

	for (int i = 0; i < 1000; i++) {
		uint64_t id = question_begin(old)->id;

		question_begin(now);
		assert(!question_find(now, id));
	}
	questions_free(old);
	questions_free(now);
}

static void what_has_ended_is_still_known_until_its_place_is_used_again(void)
{
	struct questions *questions = new_questions(1);
	struct question *question = question_begin(questions);
	uint64_t id = question->id;

	question_end(questions, question);
	assert(question_find(questions, id) == question && !question->open && questions_n(questions) == 0);
	/* Every other place comes first. */
	for (uint32_t i = 1; i < QUESTION_PLACES; i++)
		assert(question_begin(questions) != question && question_find(questions, id));
	assert(question_begin(questions) == question && !question_find(questions, id));
	questions_free(questions);
}

static void when_all_places_are_taken_there_is_none_until_one_ends(void)
{
	struct questions *questions = new_questions(1);
	struct question *question = NULL;

	for (uint32_t i = 0; i < QUESTION_PLACES; i++) {
		question = question_begin(questions);
		assert(question);
	}
	assert(!question_begin(questions) && questions_n(questions) == QUESTION_PLACES);
	question_end(questions, question);
	assert(question_begin(questions) == question && !question_begin(questions));
	questions_free(questions);
}

static void a_voice_is_found_by_its_slot(void)
{
	struct question question = { .n_voices = 2, .voices = { { .slot = 3 }, { .slot = 0 }, { .slot = 9 } } };

	assert(question_voice(&question, 3) == &question.voices[0]);
	assert(question_voice(&question, 0) == &question.voices[1]);
	assert(!question_voice(&question, 9) && !question_voice(&question, 64));
}

/* The list of open ones, both ways, against what a plain array says. */
static void check_order(struct questions *questions, struct question *const expected[], uint32_t n)
{
	struct question *at = questions_first(questions), *before = NULL;

	for (uint32_t i = 0; i < n; i++) {
		assert(at == expected[i] && at->open && at->earlier == before);
		before = at;
		at = at->later;
	}
	assert(!at && questions_n(questions) == n);
}

static void open_ones_stand_in_the_order_of_asking_whatever_ends_between(void)
{
	struct question *expected[QUESTION_PLACES];
	struct questions *questions = new_questions(1);
	uint32_t n = 0;

	srand(3);
	for (int step = 0; step < 20000; step++) {
		if (n < 50 && rand() % 2) {
			expected[n++] = question_begin(questions);
		} else if (n > 0) {
			uint32_t which = (uint32_t)rand() % n;

			question_end(questions, expected[which]);
			for (uint32_t i = which; i + 1 < n; i++)
				expected[i] = expected[i + 1];
			n--;
		}
		check_order(questions, expected, n);
	}
	questions_free(questions);
}

/* Both lists, and what ends in either, against plain arrays. */
static void who_is_held_leaves_the_list_of_deadlines_for_one_in_the_order_of_ends(void)
{
	struct questions *questions = new_questions(1);
	struct question *of[4], *at;

	for (int i = 0; i < 4; i++)
		of[i] = question_begin(questions);
	of[2]->hold = of[1]->hold = HISTORY_HELD;
	question_hold(questions, of[2]);
	question_hold(questions, of[1]);
	assert(questions_n(questions) == 4 && questions_n_held(questions) == 2);
	at = questions_first(questions);
	assert(at == of[0] && at->later == of[3] && of[3]->earlier == of[0] && !of[3]->later);
	at = questions_first_held(questions);
	assert(at == of[2] && !at->earlier && at->later == of[1] && of[1]->earlier == of[2] && !of[1]->later);
	assert(question_find(questions, of[2]->id) == of[2]);
	question_end(questions, of[2]);
	question_end(questions, of[3]);
	assert(questions_first_held(questions) == of[1] && !of[1]->earlier && questions_n_held(questions) == 1);
	assert(questions_first(questions) == of[0] && !of[0]->later && questions_n(questions) == 2);
	question_end(questions, of[1]);
	question_end(questions, of[0]);
	assert(!questions_first(questions) && !questions_first_held(questions) && questions_n(questions) == 0);
	at = question_begin(questions);
	assert(questions_first(questions) == at && !at->hold);
	questions_free(questions);
}

int main(void)
{
	a_question_begins_empty_and_is_found_by_its_id();
	an_id_that_was_never_given_finds_nothing();
	ids_of_another_life_of_the_gate_fit_none();
	what_has_ended_is_still_known_until_its_place_is_used_again();
	when_all_places_are_taken_there_is_none_until_one_ends();
	a_voice_is_found_by_its_slot();
	open_ones_stand_in_the_order_of_asking_whatever_ends_between();
	who_is_held_leaves_the_list_of_deadlines_for_one_in_the_order_of_ends();
	return 0;
}
