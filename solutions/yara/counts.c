/* SPDX-License-Identifier: Apache-2.0 */
/* Counts - see counts.h */
#include "counts.h"

#include <ctype.h>
#include <string.h>
#include <yara.h>

/* ---- trying it out ------------------------------------------------------------------------ */

static int on_nothing(YR_SCAN_CONTEXT *context, int message, void *data, void *userdata)
{
	return CALLBACK_CONTINUE;
}

static bool try_out(void)
{
	static const char rule[] = "rule x { strings: $a = \"aaaa\" condition: #a in (1..9) > 0 }";
	YR_COMPILER *compiler;
	YR_RULES *rules = NULL;
	int error = ERROR_INSUFFICIENT_MEMORY;

	if (yr_compiler_create(&compiler) != ERROR_SUCCESS)
		return false;
	if (!yr_compiler_add_string(compiler, rule, NULL))
		yr_compiler_get_rules(compiler, &rules);
	if (rules) {
		error = yr_rules_scan_mem(rules, (const uint8_t *)" aaaa", 5, 0, on_nothing, NULL, 0);
		yr_rules_destroy(rules);
	}
	yr_compiler_destroy(compiler);
	return error == ERROR_SUCCESS;
}

bool counts_work(void)
{
	static int known = -1;

	if (known < 0)
		known = try_out();
	return known;
}

/* ---- finding them ------------------------------------------------------------------------- */

/* Behind a text or a regular expression that began with this character; it ends on its line. */
static const char *skip_quoted(const char *at, char quote)
{
	while (*at && *at != '\n' && *at != quote)
		at += *at == '\\' && at[1] ? 2 : 1;
	return *at == quote ? at + 1 : at;
}

static const char *skip_comment(const char *at)
{
	const char *end = at[1] == '*' ? strstr(at + 2, "*/") : strchr(at, '\n');

	if (!end)
		return at + strlen(at);
	return at[1] == '*' ? end + 2 : end;
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

static const char *skip_space(const char *at)
{
	while (isspace((unsigned char)*at))
		at++;
	return at;
}

/* From behind the `#' of a count: is it one in a range that begins with other than 0? */
static bool is_in_range(const char *at)
{
	while (is_word(*at))
		at++;
	at = skip_space(at);
	if (strncmp(at, "in", 2) || is_word(at[2]))
		return false;
	at = skip_space(at + 2);
	if (*at != '(')
		return false;
	at = skip_space(at + 1);
	return *at != '0' || strncmp(skip_space(at + 1), "..", 2);
}

static unsigned int line_of(const char *text, const char *place)
{
	unsigned int line = 1;

	for (; text < place; text++)
		line += *text == '\n';
	return line;
}

unsigned int counts_line(const char *text)
{
	const char *at = text;

	while (*at) {
		if (*at == '"')
			at = skip_quoted(at + 1, '"');
		else if (*at == '/' && (at[1] == '/' || at[1] == '*'))
			at = skip_comment(at);
		else if (*at == '/')
			at = skip_quoted(at + 1, '/');
		else if (*at == '#' && is_in_range(at + 1))
			return line_of(text, at);
		else
			at++;
	}
	return 0;
}
