/* SPDX-License-Identifier: Apache-2.0 */
/* Needed - see needed.h */
#include "needed.h"

#include "text.h"

#include <string.h>

#define UNKNOWN NULL /* of a position: something that is not understood here */

struct search {
	bool caseless;
	char *run, *best;
	size_t n_run, n_best, max;
};

static void end_run(struct search *search)
{
	if (search->n_run > search->n_best) {
		memcpy(search->best, search->run, search->n_run);
		search->n_best = search->n_run;
	}
	search->n_run = 0;
}

/* The characters U+212A and U+017F are k and s to PCRE2 when cases do not matter. */
static void add(struct search *search, char c)
{
	c = text_fold_ascii(c);
	if ((unsigned char)c >= 0x80 || (search->caseless && (c == 'k' || c == 's'))) {
		end_run(search);
		return;
	}
	if (search->n_run == search->max)
		end_run(search);
	search->run[search->n_run++] = c;
}

/* From [ to behind its ].  A ] that comes first is a member; so is all of [:alpha:]. */
static const char *skip_class(const char *p)
{
	p++;
	p += *p == '^';
	p += *p == ']';
	for (; *p && *p != ']'; p++) {
		if (*p == '\\' && p[1] && (p[1] != 'Q' && p[1] != 'E'))
			p++;
		else if (*p == '\\')
			return UNKNOWN;
		else if (*p == '[' && (p[1] == ':' || p[1] == '.' || p[1] == '='))
			return UNKNOWN;
	}
	return *p ? p + 1 : UNKNOWN;
}

/* From ( to behind its ).  What stands inside may be one of several things, or be forbidden. */
static const char *skip_group(const char *p)
{
	size_t depth = 0;

	while (p && *p) {
		if (*p == '\\' && (!p[1] || p[1] == 'Q' || p[1] == 'E'))
			return UNKNOWN;
		if (*p == '[') {
			p = skip_class(p);
			continue;
		}
		if (*p == '(' && (p[1] == '*' || (p[1] == '?' && p[2] != ':')))
			return UNKNOWN;
		depth += *p == '(';
		depth -= *p == ')';
		if (!depth)
			return p + 1;
		p += *p == '\\' ? 2 : 1;
	}
	return UNKNOWN;
}

/* Which braces are a quantifier changes with the version of PCRE2: those that never are one are
 * not understood. */
static const char *skip_quantifier(const char *p)
{
	if (*p != '{')
		return p + 1;
	p += 1 + strspn(p + 1, "0123456789, ");
	return *p == '}' ? p + 1 : UNKNOWN;
}

static bool is_quantifier(const char *p)
{
	return *p == '?' || *p == '*' || *p == '+' || *p == '{';
}

/* Return: behind the escape; those of one letter only, and escaped signs. */
static const char *take_escape(struct search *search, const char *p)
{
	if (strchr("sSdDwWbBAzZnrtfvhHR", p[1])) {
		end_run(search);
		return p[1] ? p + 2 : UNKNOWN;
	}
	if ((p[1] >= '0' && p[1] <= '9') || ((p[1] | 0x20) >= 'a' && (p[1] | 0x20) <= 'z'))
		return UNKNOWN;
	add(search, p[1]);
	return p + 2;
}

/* One item; what may be missing is taken back when the quantifier behind it is seen. */
static const char *take(struct search *search, const char *p)
{
	const char *next = p + 1;
	size_t n_before = search->n_run;

	switch (*p) {
	case '\\':
		next = take_escape(search, p);
		break;
	case '[':
		next = skip_class(p);
		end_run(search);
		break;
	case '(':
		next = skip_group(p);
		end_run(search);
		break;
	case '|':
	case ')':
	case '{':
		return UNKNOWN;
	case '.':
	case '^':
	case '$':
		end_run(search);
		break;
	default:
		add(search, *p);
		break;
	}
	if (!next || !is_quantifier(next))
		return next;
	if (*next != '+' && search->n_run > n_before)
		search->n_run = n_before;
	else if (*next != '+' && search->n_run == 1)
		search->n_run = 0; /* the run before it was full */
	end_run(search);
	while (next && is_quantifier(next))
		next = skip_quantifier(next);
	return next;
}

char *needed_find(struct arena *arena, const char *text, bool caseless, size_t max)
{
	bool option = !strncmp(text, "(?i)", 4);
	struct search search = { .caseless = caseless || option, .max = max };

	search.run = arena_alloc(arena, max + 1);
	search.best = arena_alloc(arena, max + 1);
	if (!search.run || !search.best)
		return NULL;
	text += option ? 4 : 0;
	while (text && *text)
		text = take(&search, text);
	end_run(&search);
	search.best[text ? search.n_best : 0] = 0;
	return search.best;
}
