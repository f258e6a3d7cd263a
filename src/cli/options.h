/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options - the arguments of `ringfort`, by one table.
 *
 * An option means the same for every subcommand that takes it, and may stand before or behind
 * the subcommand's name.  Parsing does no I/O: a refusal is a sentence for the user.
 */
#ifndef RINGFORT_CLI_OPTIONS_H
#define RINGFORT_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_id {
	OPTION_SOCKET,
	OPTION_JSON,
	OPTION_COLOR,
	OPTION_HELP,
	OPTION_VERSION,
	OPTION_COMPLETION,
	OPTION_FOLLOW,
	OPTION_COUNT,
	OPTION_TIMEOUT,
	OPTION_SINCE,
	OPTION_TYPE,
	OPTION_SELFTESTS,
	OPTION_SCHEMA,
	OPTION_VERBOSE,
	OPTION_TOLERATE,
	OPTION_ID,
	_OPTION_N
};

#define OPTION_BIT(id) (1u << OPTION_##id)
#define OPTIONS_GLOBAL \
	(OPTION_BIT(SOCKET) | OPTION_BIT(JSON) | OPTION_BIT(COLOR) | OPTION_BIT(HELP) | \
	 OPTION_BIT(VERSION))

struct option_row {
	const char *name;     /* without the dashes */
	char letter;          /* or '\0' */
	const char *argument; /* how the help calls it; NULL: takes none */
	const char *choices;  /* for completion: words with blanks between them, or NULL */
	const char *help;
};

extern const struct option_row option_rows[_OPTION_N];

enum color { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

#define OPTIONS_MAX_WORDS 8

struct options {
	uint32_t given; /* mask of OPTION_BIT() */
	const char *socket;
	const char *completion;
	enum color color;
	uint64_t count;      /* 0: no end */
	uint64_t timeout_ms; /* 0: no end */
	uint64_t since_ns;   /* CLOCK_REALTIME; 0: all */
	uint64_t types;      /* mask, 0: all */
	unsigned n_words;    /* the subcommand's name is the first */
	const char *words[OPTIONS_MAX_WORDS];
};

/**
 * options_parse() - read the arguments
 * @now_ns:    CLOCK_REALTIME, what "5m" ago is counted from
 * @complaint: on failure, why, in one sentence without newline
 *
 * Return: 0, or -EINVAL.
 */
int options_parse(int argc, char **argv, uint64_t now_ns, struct options *ret_options,
		  char *complaint, size_t complaint_size);

/** options_refused() - first option that was given and is not in allowed, or _OPTION_N */
enum option_id options_refused(const struct options *options, uint32_t allowed);

/** parse_number() - digits only, and not more than fit: true */
bool parse_number(const char *word, uint64_t *ret_number);

/** nearest_word() - the word of a blank-separated list that was probably meant, or "" */
const char *nearest_word(const char *typed, const char *list, char *buffer, size_t size);

#endif
