/* SPDX-License-Identifier: Apache-2.0 */
/* Options - one pass over the arguments, one row per option. */
#include "cli/options.h"

#include "cli/when.h"

#include <errno.h>
#include <ringfort/event.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct option_row option_rows[_OPTION_N] = {
	[OPTION_SOCKET] = { "socket", 0, "PATH", NULL,
			    "control socket (default /run/ringfort/control.sock, or $RINGFORT_SOCKET)" },
	[OPTION_JSON] = { "json", 0, NULL, NULL, "print JSON, for programs" },
	[OPTION_COLOR] = { "color", 0, "WHEN", "auto always never",
			   "auto, always or never; NO_COLOR in the environment means never" },
	[OPTION_HELP] = { "help", 'h', NULL, NULL, "print this help" },
	[OPTION_VERSION] = { "version", 0, NULL, NULL, "print the version" },
	[OPTION_COMPLETION] = { "completion", 0, "SHELL", "bash",
				"print the completions for a shell: bash" },
	[OPTION_FOLLOW] = { "follow", 'f', NULL, NULL, "go on with new ones as they come" },
	[OPTION_COUNT] = { "count", 'n', "N", NULL, "end after N of them" },
	[OPTION_TIMEOUT] = { "timeout", 0, "S", NULL, "end after S seconds (or 500ms, 2m), successfully" },
	[OPTION_SINCE] = { "since", 0, "T", NULL,
			   "not older than T: 5m, 2h, 14:30 or 2024-07-19T04:09:00Z" },
	[OPTION_TYPE] = { "type", 't', "TYPE", NULL,
			  "only this type (process.exec), or all of a kind (process); may be repeated" },
	[OPTION_SELFTESTS] = { "selftests", 0, NULL, NULL, "show the acts of ringfortd's own self-test as well" },
	[OPTION_SCHEMA] = { "schema", 0, NULL, NULL, "print every type and field instead, without the daemon" },
	[OPTION_VERBOSE] = { "verbose", 'v', NULL, NULL, "more about each one" },
	[OPTION_TOLERATE] = { "tolerate", 0, NULL, NULL,
			      "take the content though parts of it were refused" },
	[OPTION_ID] = { "id", 0, NULL, NULL, "the number is the id of a verdict, not of a process" },
};

/* What a parse works on. */
struct parse {
	struct options options;
	uint64_t now_ns;
	char *complaint;
	size_t complaint_size;
};

__attribute__((format(printf, 2, 3))) static int refuse(struct parse *parse, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(parse->complaint, parse->complaint_size, format, args);
	va_end(args);
	return -EINVAL;
}

static size_t smallest(size_t a, size_t b, size_t c)
{
	size_t least = a < b ? a : b;

	return least < c ? least : c;
}

/* Edits from one word to another (Levenshtein); long words are far away. */
static size_t distance(const char *a, size_t n_a, const char *b, size_t n_b)
{
	size_t row[32];

	if (n_a >= 32 || n_b >= 32)
		return 32;
	for (size_t j = 0; j <= n_b; j++)
		row[j] = j;
	for (size_t i = 1; i <= n_a; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= n_b; j++) {
			size_t above = row[j];

			row[j] = smallest(above + 1, row[j - 1] + 1,
					  diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
		}
	}
	return row[n_b];
}

bool parse_number(const char *word, uint64_t *ret_number)
{
	size_t digits = strspn(word, "0123456789");
	unsigned long long number;

	if (digits == 0 || word[digits])
		return false;
	errno = 0;
	number = strtoull(word, NULL, 10);
	if (errno)
		return false;
	*ret_number = number;
	return true;
}

const char *nearest_word(const char *typed, const char *list, char *buffer, size_t size)
{
	size_t n_typed = strlen(typed), best = n_typed / 2 + 1;

	buffer[0] = '\0';
	while (*list) {
		size_t n = strcspn(list, " ");
		size_t far = n_typed >= 3 && n > n_typed && strncmp(list, typed, n_typed) == 0 ?
				     1 :
				     distance(typed, n_typed, list, n);

		if (far < best && n < size) {
			best = far;
			snprintf(buffer, size, "%.*s", (int)n, list);
		}
		list += n + (list[n] == ' ');
	}
	return buffer;
}

static int parse_color(struct parse *parse, const char *value)
{
	static const char *const names[] = { "auto", "always", "never" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(value, names[i]) == 0) {
			parse->options.color = (enum color)i;
			return 0;
		}
	}
	return refuse(parse, "--color: '%s' is neither auto, always nor never", value);
}

static int parse_count(struct parse *parse, const char *value)
{
	uint64_t count;

	if (!parse_number(value, &count) || count == 0)
		return refuse(parse, "--count: '%s' is not a number from 1 upwards", value);
	parse->options.count = count;
	return 0;
}

static int parse_timeout(struct parse *parse, const char *value)
{
	uint64_t ns;

	if (duration_parse(value, true, &ns) < 0 || ns == 0)
		return refuse(parse, "--timeout: '%s' is not a time such as 10, 0.5, 500ms or 2m", value);
	parse->options.timeout_ms = (ns + 999999) / 1000000;
	return 0;
}

static int parse_since(struct parse *parse, const char *value)
{
	if (when_parse(value, parse->now_ns, &parse->options.since_ns) < 0)
		return refuse(parse, "--since: '%s' is not a time such as 5m, 2h, 14:30 or "
			      "2024-07-19T04:09:00Z", value);
	return 0;
}

/* The type, or every type of a kind: "process", "process.", "process.*". */
static uint64_t types_named(const char *name, size_t n)
{
	size_t kind = n;
	uint64_t mask = 0;

	while (kind > 0 && (name[kind - 1] == '*' || name[kind - 1] == '.'))
		kind--;
	for (uint32_t type = 1; type < RINGFORT_MAX_TYPES; type++) {
		const struct ringfort_type_info *info = ringfort_type_info(type);

		if (!info)
			continue;
		if ((strlen(info->name) == n && memcmp(info->name, name, n) == 0) ||
		    (kind && strncmp(info->name, name, kind) == 0 && info->name[kind] == '.'))
			mask |= 1ull << type;
	}
	return mask;
}

static int refuse_type(struct parse *parse, const char *typed)
{
	char names[2048] = "", nearest[64];
	size_t used = 0;

	for (uint32_t type = 1; type < RINGFORT_MAX_TYPES; type++) {
		const struct ringfort_type_info *info = ringfort_type_info(type);

		if (info && used < sizeof(names))
			used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s",
						 used ? " " : "", info->name);
	}
	nearest_word(typed, names, nearest, sizeof(nearest));
	if (nearest[0])
		return refuse(parse, "--type: there is no type '%s'; did you mean %s?", typed, nearest);
	return refuse(parse, "--type: there is no type '%s'; 'ringfort events --schema' lists them", typed);
}

static int parse_type(struct parse *parse, const char *value)
{
	while (*value) {
		size_t n = strcspn(value, ",");
		uint64_t mask = types_named(value, n);
		char typed[64];

		if (!mask) {
			snprintf(typed, sizeof(typed), "%.*s", (int)(n < 63 ? n : 63), value);
			return refuse_type(parse, typed);
		}
		parse->options.types |= mask;
		value += n + (value[n] == ',');
	}
	return parse->options.types ? 0 : refuse(parse, "--type: the name of a type is missing");
}

static int parse_option(struct parse *parse, enum option_id id, const char *value)
{
	parse->options.given |= 1u << id;
	switch (id) {
	case OPTION_SOCKET:
		parse->options.socket = value;
		return value[0] ? 0 : refuse(parse, "--socket: the path is empty");
	case OPTION_COLOR:
		return parse_color(parse, value);
	case OPTION_COMPLETION:
		parse->options.completion = value;
		return 0;
	case OPTION_COUNT:
		return parse_count(parse, value);
	case OPTION_TIMEOUT:
		return parse_timeout(parse, value);
	case OPTION_SINCE:
		return parse_since(parse, value);
	case OPTION_TYPE:
		return parse_type(parse, value);
	default:
		return 0;
	}
}

static int refuse_unknown(struct parse *parse, const char *typed, size_t n)
{
	char name[64], names[512] = "", nearest[64];
	size_t used = 0;

	snprintf(name, sizeof(name), "%.*s", (int)(n < 63 ? n : 63), typed);
	for (size_t i = 0; i < _OPTION_N && used < sizeof(names); i++)
		used += (size_t)snprintf(names + used, sizeof(names) - used, "%s--%s", used ? " " : "",
					 option_rows[i].name);
	nearest_word(name, names, nearest, sizeof(nearest));
	if (nearest[0])
		return refuse(parse, "unknown option '%s'; did you mean %s?", name, nearest);
	return refuse(parse, "unknown option '%s'; see 'ringfort --help'", name);
}

static enum option_id find_long(const char *name, size_t n)
{
	size_t id = 0;

	while (id < _OPTION_N &&
	       (strlen(option_rows[id].name) != n || memcmp(option_rows[id].name, name, n) != 0))
		id++;
	return (enum option_id)id;
}

/* --name, --name=value, --name value.  Return: how many arguments were used, or -EINVAL. */
static int parse_long(struct parse *parse, char **argv)
{
	const char *name = argv[0] + 2;
	size_t n = strcspn(name, "=");
	enum option_id id = find_long(name, n);
	const char *value = name[n] ? name + n + 1 : NULL;
	int used = 1, r;

	if (id == _OPTION_N)
		return refuse_unknown(parse, argv[0], n + 2);
	if (!option_rows[id].argument && value)
		return refuse(parse, "--%s takes no value", option_rows[id].name);
	if (option_rows[id].argument && !value) {
		value = argv[used++];
		if (!value)
			return refuse(parse, "--%s needs a value: --%s %s", option_rows[id].name,
				      option_rows[id].name, option_rows[id].argument);
	}
	r = parse_option(parse, id, value);
	return r < 0 ? r : used;
}

/* -f, -fv, -n5, -n 5 */
static int parse_short(struct parse *parse, char **argv)
{
	for (const char *at = argv[0] + 1; *at; at++) {
		size_t id = 0;
		const char *value = at[1] ? at + 1 : argv[1];
		int used = at[1] ? 1 : 2, r;

		while (id < _OPTION_N && option_rows[id].letter != *at)
			id++;
		if (id == _OPTION_N)
			return refuse_unknown(parse, argv[0], strlen(argv[0]));
		if (option_rows[id].argument && !value)
			return refuse(parse, "-%c needs a value: -%c %s", *at, *at,
				      option_rows[id].argument);
		r = parse_option(parse, (enum option_id)id, value);
		if (r < 0)
			return r;
		if (option_rows[id].argument)
			return used;
	}
	return 1;
}

int options_parse(int argc, char **argv, uint64_t now_ns, struct options *ret_options,
		  char *complaint, size_t complaint_size)
{
	struct parse parse = { .now_ns = now_ns, .complaint = complaint,
			       .complaint_size = complaint_size };
	bool words_only = false;

	for (int i = 1; i < argc;) {
		int used = 1;

		if (!words_only && strcmp(argv[i], "--") == 0)
			words_only = true;
		else if (!words_only && strncmp(argv[i], "--", 2) == 0)
			used = parse_long(&parse, argv + i);
		else if (!words_only && argv[i][0] == '-' && argv[i][1])
			used = parse_short(&parse, argv + i);
		else if (parse.options.n_words == OPTIONS_MAX_WORDS)
			return refuse(&parse, "too many arguments, from '%s' on", argv[i]);
		else
			parse.options.words[parse.options.n_words++] = argv[i];
		if (used < 0)
			return used;
		i += used;
	}
	*ret_options = parse.options;
	return 0;
}

enum option_id options_refused(const struct options *options, uint32_t allowed)
{
	uint32_t refused = options->given & ~allowed;

	return refused ? (enum option_id)__builtin_ctz(refused) : _OPTION_N;
}
