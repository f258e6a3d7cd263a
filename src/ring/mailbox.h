/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mailbox - what one solution says back: messages, and its progress.
 *
 * One shared memory per solution, sized and sealed before it is passed.  The solution may write
 * any byte of it at any time, so the reader (the control process) believes nothing: it keeps its
 * own position, reads every number once, copies a message into private memory before it looks at
 * it, and takes a bounded number a turn.  Nothing here waits, faults or allocates by what the
 * solution wrote.  Nobody is woken: the reader looks at its own pace.
 */
#ifndef RINGFORT_RING_MAILBOX_H
#define RINGFORT_RING_MAILBOX_H

#include <ringfort/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAILBOX_DATA_BYTES (256u * 1024)
#define MAILBOX_MAX_MESSAGE 98304u

enum mailbox_kind {
	MAILBOX_SUBSCRIBE = 1, /* uint64_t mask of types */
	MAILBOX_BARRIER,       /* uint64_t token */
	MAILBOX_FINDING,       /* see event/finding.h */
	MAILBOX_SAY,           /* text, no NUL */
	MAILBOX_RELOADED,      /* uint64_t generation, then the reason as text, empty for well */
};

/* Numbers that the solution keeps current; its own claim. */
struct mailbox_progress {
	uint64_t position; /* in the broadcast ring: read or passed */
	uint64_t n_turns;  /* calls of ringfort_client_next() */
	uint64_t n_reported, n_refused;
	uint64_t n_delivered[RINGFORT_MAX_TYPES];
	uint64_t n_lost[RINGFORT_MAX_TYPES];
	uint64_t n_muted[RINGFORT_MAX_TYPES];
};

/** mailbox_create() - a sealed memfd of the right size */
int mailbox_create(int *ret_fd);

struct mailbox_writer;

/** mailbox_writer_open() - the solution's side; takes no ownership of fd */
int mailbox_writer_open(struct mailbox_writer **ret_writer, int fd);
struct mailbox_writer *mailbox_writer_close(struct mailbox_writer *writer);

/**
 * mailbox_put() - append one message made of two parts (the second may be empty)
 * @kind: enum mailbox_kind, or what the two sides of another mailbox have agreed on
 *
 * Return: 0; -EAGAIN no room now; -EMSGSIZE over MAILBOX_MAX_MESSAGE.
 */
int mailbox_put(struct mailbox_writer *writer, uint32_t kind, const void *first, size_t n_first,
		const void *second, size_t n_second);

/** mailbox_unread() - bytes that the reader let stand, as it says */
uint64_t mailbox_unread(const struct mailbox_writer *writer);

/** mailbox_read() - bytes that it has read since the first, as it says: this grows as long as it works */
uint64_t mailbox_read(const struct mailbox_writer *writer);

/** mailbox_progress_now() - the numbers, to be kept current in place */
struct mailbox_progress *mailbox_progress_now(struct mailbox_writer *writer);

/**
 * mailbox_wanted() - the number that the reader left for us
 *
 * From a solution to the daemon: the generation of the content that it wants loaded.  To the gate: up to which
 * question answers shall wake it.  Looked at behind mailbox_put(): either we see the number here, or the reader,
 * who looks for messages behind mailbox_want(), sees the message.
 */
uint64_t mailbox_wanted(const struct mailbox_writer *writer);

struct mailbox_reader;

/** mailbox_reader_open() - the control process' side; takes no ownership of fd */
int mailbox_reader_open(struct mailbox_reader **ret_reader, int fd);
struct mailbox_reader *mailbox_reader_close(struct mailbox_reader *reader);

struct mailbox_message {
	uint32_t kind; /* any number: check it */
	uint32_t size;
	const void *data; /* 8-byte aligned, the reader's, until the next call */
};

/**
 * mailbox_take() - the next message, in private memory
 *
 * Return: 1 a message; 0 none; -EBADMSG what stood there was no message: all of it is thrown
 *         away and reading goes on behind it.
 */
int mailbox_take(struct mailbox_reader *reader, struct mailbox_message *ret_message);

/** mailbox_waiting() - has anything been written that was not taken? */
bool mailbox_waiting(const struct mailbox_reader *reader);

/** mailbox_position() - of the next message that will be taken */
uint64_t mailbox_position(const struct mailbox_reader *reader);

/**
 * mailbox_hold() - what was taken from this position on is unread still, for the writer
 * @position: UINT64_MAX: all that was taken is read, as it is when nobody calls this
 *
 * So a reader can look at everything, keep some of it for later, and is not sent more than it can keep.
 */
void mailbox_hold(struct mailbox_reader *reader, uint64_t position);

/** mailbox_left() - bytes that are unread for the writer */
uint64_t mailbox_left(const struct mailbox_reader *reader);

/** mailbox_read_progress() - copy the numbers as they stand */
void mailbox_read_progress(const struct mailbox_reader *reader,
			   struct mailbox_progress *ret_progress);

/** mailbox_want() - leave a number for the writer, who looks at it when it likes; see mailbox_wanted() */
void mailbox_want(struct mailbox_reader *reader, uint64_t wanted);

#endif
