/* SPDX-License-Identifier: Apache-2.0 */
/* Result - see result.h */
#include "result.h"

#include <stdlib.h>
#include <string.h>

struct result *result_new(size_t max_matches)
{
	struct result *result = calloc(1, sizeof(*result));

	if (!result)
		return NULL;
	result->n_users = 1;
	result->detail = "";
	result->max_matches = max_matches;
	return result;
}

struct result *result_ref(struct result *result)
{
	result->n_users++;
	return result;
}

struct result *result_unref(struct result *result)
{
	if (!result || --result->n_users)
		return NULL;
	free(result->matches);
	arena_done(&result->arena);
	free(result);
	return NULL;
}

void result_unrefp(struct result **result)
{
	result_unref(*result);
}

static bool outweighs(const struct match *match, bool deny, enum ringfort_level level)
{
	return match->deny != deny ? match->deny : match->level >= level;
}

struct match *result_place(struct result *result, bool deny, enum ringfort_level level)
{
	size_t at = 0;

	result->deny |= deny;
	while (at < result->n_matches && outweighs(&result->matches[at], deny, level))
		at++;
	if (at == result->max_matches) {
		result->n_more++;
		return NULL;
	}
	if (result->n_matches == result->max_matches) {
		result->n_more++;
		result->n_matches--;
	} else {
		struct match *grown = reallocarray(result->matches, result->n_matches + 1, sizeof(*grown));

		if (!grown) {
			result->n_more++;
			return NULL;
		}
		result->matches = grown;
	}
	memmove(&result->matches[at + 1], &result->matches[at],
		(result->n_matches - at) * sizeof(*result->matches));
	result->n_matches++;
	result->matches[at] = (struct match){ .deny = deny, .level = level };
	return &result->matches[at];
}

/* Not in the middle of a character of UTF-8. */
static size_t cut(const char *text)
{
	size_t n = strnlen(text, RESULT_MAX_TEXT);

	while (n && ((unsigned char)text[n] & 0xc0) == 0x80)
		n--;
	return n;
}

const char *result_text(struct result *result, const char *text)
{
	const char *copy = arena_strndup(&result->arena, text, cut(text));

	return copy ? copy : "";
}

bool result_is_told(const struct result *result)
{
	return result->n_matches || result->n_more || result->outcome != OUTCOME_SCANNED;
}

const char *outcome_text(enum outcome outcome)
{
	static const char *const texts[_OUTCOME_N] = {
		[OUTCOME_SCANNED] = "",
		[OUTCOME_TOO_LARGE] = "it is larger than max_file_mb",
		[OUTCOME_OUT_OF_TIME] = "there was not enough time",
		[OUTCOME_NO_FILE] = "the file was not handed over",
		[OUTCOME_UNREADABLE] = "it cannot be read",
		[OUTCOME_FAILED] = "libyara gave up",
	};

	return texts[outcome];
}

const char *level_name(enum ringfort_level level)
{
	static const char *const names[_RINGFORT_LEVEL_N] = { "informational", "low", "medium", "high",
							      "critical" };

	return names[level];
}
