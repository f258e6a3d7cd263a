/* SPDX-License-Identifier: Apache-2.0 */
/* Question - the table of open questions. */
#include "gate/question.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct list {
	struct question *first, *last;
	uint32_t n;
};

struct questions {
	struct question places[QUESTION_PLACES];
	struct question *free_first, *free_last;
	struct list open, held;
	uint64_t n_begun; /* in the upper bits of ids */
};

/* The free ones come round in turn, so that a place keeps what it was about as long as can be. */
static void put_free(struct questions *questions, struct question *question)
{
	question->later = NULL;
	if (questions->free_last)
		questions->free_last->later = question;
	else
		questions->free_first = question;
	questions->free_last = question;
}

static struct question *take_free(struct questions *questions)
{
	struct question *question = questions->free_first;

	if (!question)
		return NULL;
	questions->free_first = question->later;
	if (!questions->free_first)
		questions->free_last = NULL;
	return question;
}

static void append(struct list *list, struct question *question)
{
	question->earlier = list->last;
	question->later = NULL;
	if (list->last)
		list->last->later = question;
	else
		list->first = question;
	list->last = question;
	list->n++;
}

static void unlink_from(struct list *list, struct question *question)
{
	if (question->earlier)
		question->earlier->later = question->later;
	else
		list->first = question->later;
	if (question->later)
		question->later->earlier = question->earlier;
	else
		list->last = question->earlier;
	question->earlier = NULL;
	list->n--;
}

int questions_new(struct questions **ret_questions, uint32_t epoch)
{
	struct questions *questions = calloc(1, sizeof(*questions));

	if (!questions)
		return -ENOMEM;
	questions->n_begun = (uint64_t)epoch << 20;
	for (uint32_t i = 0; i < QUESTION_PLACES; i++) {
		questions->places[i].fd = -1;
		put_free(questions, &questions->places[i]);
	}
	*ret_questions = questions;
	return 0;
}

struct questions *questions_free(struct questions *questions)
{
	free(questions);
	return NULL;
}

struct question *question_begin(struct questions *questions)
{
	struct question *question = take_free(questions);

	if (!question)
		return NULL;
	memset(question, 0, sizeof(*question));
	question->id = ++questions->n_begun * QUESTION_PLACES + (uint64_t)(question - questions->places);
	question->fd = -1;
	question->open = true;
	append(&questions->open, question);
	return question;
}

void question_end(struct questions *questions, struct question *question)
{
	assert(question->open && question->fd < 0);
	question->open = false;
	unlink_from(question->hold ? &questions->held : &questions->open, question);
	put_free(questions, question);
}

void question_hold(struct questions *questions, struct question *question)
{
	assert(question->open && question->hold);
	unlink_from(&questions->open, question);
	append(&questions->held, question);
}

struct question *question_find(struct questions *questions, uint64_t id)
{
	struct question *question = &questions->places[id % QUESTION_PLACES];

	return id && question->id == id ? question : NULL;
}

struct decision_voice *question_voice(struct question *question, uint32_t slot)
{
	for (uint32_t i = 0; i < question->n_voices; i++)
		if (question->voices[i].slot == slot)
			return &question->voices[i];
	return NULL;
}

struct question *questions_first(struct questions *questions)
{
	return questions->open.first;
}

struct question *questions_first_held(struct questions *questions)
{
	return questions->held.first;
}

uint32_t questions_n(const struct questions *questions)
{
	return questions->open.n + questions->held.n;
}

uint32_t questions_n_held(const struct questions *questions)
{
	return questions->held.n;
}
