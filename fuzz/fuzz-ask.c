/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz-ask - any bytes as what a solution left for the gate: its mailbox of answers, positions and all.
 *
 * The first byte chooses: messages that are well formed (so that what is in them is tried), or the shared
 * memory itself.  A gate of straw takes them as the gate does: each answer is looked up among questions that
 * are open, and must be one of them, of this solution, and only once.
 */
#undef NDEBUG
#include "gate/question.h"
#include "gate/voter.h"
#include "ring/mailbox.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SLOT 3
#define N_QUESTIONS 8
#define GRANTED (1u << RINGFORT_ACT_EXEC)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct questions *questions;
static uint64_t ids[N_QUESTIONS];

/* Of this solution the even ones, of another the odd ones; the last two have ended. */
static void ask(void)
{
	assert(questions || questions_new(&questions, 0) == 0);
	for (uint32_t i = 0; i < N_QUESTIONS; i++) {
		struct question *question = question_begin(questions);

		ids[i] = question->id;
		question->n_voices = 1;
		question->voices[0].slot = i % 2 ? SLOT + 1 : SLOT;
		if (i >= N_QUESTIONS - 2)
			question_end(questions, question);
	}
}

static void end(void)
{
	for (uint32_t i = 0; i < N_QUESTIONS - 2; i++)
		question_end(questions, question_find(questions, ids[i]));
	assert(questions_n(questions) == 0);
}

/* Ids are never the same again: the smallest numbers stand for those of this round. */
static uint64_t id_of(uint64_t told)
{
	return told < N_QUESTIONS ? ids[told] : told;
}

static void take_answer(const struct ask_answer *told, uint32_t *n_right)
{
	struct question *question = question_find(questions, id_of(told->id));
	struct decision_voice *voice = question ? question_voice(question, SLOT) : NULL;

	if (!voice || !question->open || voice->answer != DECISION_WAITING || told->verdict >= _RINGFORT_VERDICT_N)
		return;
	assert(question->id == id_of(told->id) && voice->slot == SLOT);
	voice->answer = told->verdict == RINGFORT_VERDICT_DENY ? DECISION_DENY : DECISION_ALLOW;
	/* Three are open and this one's. */
	assert(++*n_right <= (N_QUESTIONS - 2) / 2);
	assert(decision_ready(question->voices, question->n_voices));
}

/* Kind, length, bytes; again. */
static void put_messages(int fd, const uint8_t *data, size_t size)
{
	struct mailbox_writer *writer;

	assert(mailbox_writer_open(&writer, fd) == 0);
	while (size >= 2) {
		size_t n = data[1] < size - 2 ? data[1] : size - 2;

		if (mailbox_put(writer, data[0] % 5, data + 2, n, NULL, 0) < 0)
			break;
		data += 2 + n;
		size -= 2 + n;
	}
	mailbox_writer_close(writer);
}

/* The layout is the mailbox's secret; the position stands first and the ring at the end. */
static void put_bytes(int fd, const uint8_t *data, size_t size)
{
	unsigned char *map;
	struct stat st;

	assert(fstat(fd, &st) == 0);
	map = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert(map != MAP_FAILED);
	memcpy(map, data, size < 8 ? size : 8);
	if (size > 8)
		memcpy(map + st.st_size - MAILBOX_DATA_BYTES, data + 8,
		       size - 8 < MAILBOX_DATA_BYTES ? size - 8 : MAILBOX_DATA_BYTES);
	munmap(map, (size_t)st.st_size);
}

static void hear(struct voter *voter)
{
	const struct history_voice *numbers = voter->numbers;
	struct ask_answer told;
	uint32_t n_right = 0;
	int turns = 0, r;

	while ((r = voter_take(voter, &told)) != VOTER_NONE) {
		assert(r == VOTER_ANSWER || r == VOTER_CHANGED || r == VOTER_RULES || r == -EBADMSG);
		/* Each turn gets on by at least a head: noise cannot keep the gate. */
		assert(++turns <= (int)(MAILBOX_DATA_BYTES / 8) + 1);
		assert((numbers->acts & ~GRANTED) == 0);
		if (r == VOTER_ANSWER)
			take_answer(&told, &n_right);
		else if (r == -EBADMSG)
			voter_wrong(voter, 1);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct voter_terms terms = { .slot = SLOT, .run = 1, .granted = GRANTED };
	struct voter_channel channel = VOTER_NO_CHANNEL;
	struct history_voice numbers = { 0 };
	struct voter *voter;

	if (size == 0)
		return 0;
	assert(mailbox_create(&channel.requests) == 0 && mailbox_create(&channel.answers) == 0);
	if (data[0] & 1)
		put_messages(channel.answers, data + 1, size - 1);
	else
		put_bytes(channel.answers, data + 1, size - 1);
	ask();
	assert(voter_open(&voter, &terms, &channel, &numbers) == 0);
	hear(voter);
	voter_close(voter);
	end();
	return 0;
}
