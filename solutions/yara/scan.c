/* SPDX-License-Identifier: Apache-2.0 */
/* Scan - see scan.h */
#include "scan.h"

#include "rules-internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE (1u << 20) /* between two looks at the clock */
#define MAX_STRINGS 8    /* of one match */
#define MAX_OFFSETS 3    /* of one string */
#define NO_MEMORY "not enough memory"

/* A scan in the making. */
struct work {
	const struct rules *rules;
	const struct subject *subject;
	struct result *result;
	uint8_t *bytes;
	size_t n_bytes;
	uint64_t limit_ns; /* when it must be over; UINT64_MAX: it may take its time */
};

/* ---- the file ----------------------------------------------------------------------------- */

static enum outcome read_pieces(struct work *work, size_t size)
{
	/* One byte more than there should be, to see that it grew. */
	while (work->n_bytes <= size) {
		size_t wanted = size + 1 - work->n_bytes;
		ssize_t got;

		if (monotonic_ns() >= work->limit_ns)
			return OUTCOME_OUT_OF_TIME;
		got = pread(work->subject->fd, work->bytes + work->n_bytes, wanted < PIECE ? wanted : PIECE,
			    (off_t)work->n_bytes);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return OUTCOME_UNREADABLE;
		if (!got)
			break;
		work->n_bytes += (size_t)got;
	}
	work->result->changed = work->n_bytes != size;
	return OUTCOME_SCANNED;
}

static enum outcome read_file(struct work *work)
{
	const struct subject *subject = work->subject;

	if (subject->fd < 0)
		return OUTCOME_NO_FILE;
	if (subject->size > work->rules->policy.max_file_bytes)
		return OUTCOME_TOO_LARGE;
	work->bytes = malloc(subject->size + 1);
	if (!work->bytes) {
		work->result->detail = NO_MEMORY;
		return OUTCOME_FAILED;
	}
	return read_pieces(work, subject->size);
}

/* ---- what rules are told ------------------------------------------------------------------- */

static const char *type_of(const struct work *work)
{
	static const struct {
		const char *magic, *name;
	} types[] = {
		{ "\x7f" "ELF", "ELF" }, { "MZ", "EXE" }, { "%PDF", "PDF" }, { "PK\3\4", "ZIP" }, { "\x1f\x8b", "GZIP" },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(types); i++) {
		size_t n = strlen(types[i].magic);

		if (work->n_bytes >= n && !memcmp(work->bytes, types[i].magic, n))
			return types[i].name;
	}
	return "";
}

static int define(YR_SCANNER *scanner, const struct work *work)
{
	const char *path = work->subject->path, *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path, *dot = strrchr(name, '.');
	const char *filetype = type_of(work);
	char owner[12];

	/* Names of users are not to be had in a sandbox. */
	snprintf(owner, sizeof(owner), "%u", work->subject->uid);
	if (yr_scanner_define_string_variable(scanner, "filepath", path) != ERROR_SUCCESS ||
	    yr_scanner_define_string_variable(scanner, "filename", name) != ERROR_SUCCESS ||
	    yr_scanner_define_string_variable(scanner, "extension", dot ? dot : "") != ERROR_SUCCESS ||
	    yr_scanner_define_string_variable(scanner, "filetype", filetype) != ERROR_SUCCESS ||
	    yr_scanner_define_string_variable(scanner, "owner", work->subject->uid ? owner : "root") !=
		    ERROR_SUCCESS)
		return -ENOMEM;
	return 0;
}

/* ---- matches ------------------------------------------------------------------------------ */

/* Room for text that is cut when it is full. */
struct text {
	char bytes[RESULT_MAX_TEXT];
	size_t n;
};

static void append(struct text *text, const char *separator, int64_t offset, const char *identifier)
{
	int n = snprintf(text->bytes + text->n, sizeof(text->bytes) - text->n, "%s0x%llx:%s", separator,
			 (unsigned long long)offset, identifier);

	if (n > 0 && (size_t)n < sizeof(text->bytes) - text->n)
		text->n += (size_t)n;
	else
		text->bytes[text->n] = 0;
}

static void find_strings(YR_SCAN_CONTEXT *context, const YR_RULE *rule, struct text *ret)
{
	size_t n_strings = 0;
	YR_STRING *string;

	yr_rule_strings_foreach(rule, string) {
		size_t n_offsets = 0;
		YR_MATCH *match;

		yr_string_matches_foreach(context, string, match) {
			if (n_offsets++ == MAX_OFFSETS)
				break;
			append(ret, ret->n ? ", " : "", match->base + match->offset, string->identifier);
		}
		if (n_offsets && ++n_strings == MAX_STRINGS)
			break;
	}
}

static void add_match(YR_SCAN_CONTEXT *context, const struct work *work, const YR_RULE *yara)
{
	const struct rule *rule = &work->rules->rules[yara - context->rules->rules_table];
	struct result *result = work->result;
	bool deny = rule->action == ACTION_DENY;
	enum ringfort_level level = deny && rule->level < RINGFORT_LEVEL_HIGH ? RINGFORT_LEVEL_HIGH : rule->level;
	struct match *match;
	struct text strings = { 0 };
	const char *tag;

	if (rule->action == ACTION_IGNORE)
		return;
	match = result_place(result, deny, level);
	if (!match)
		return;
	find_strings(context, yara, &strings);
	match->rule = result_text(result, yara->identifier);
	match->source = result_text(result, yara->ns->name);
	match->title = result_text(result, rule->title);
	match->author = result_text(result, rule->author);
	match->strings = result_text(result, strings.bytes);
	for (; match->n_references < rule->n_references; match->n_references++)
		match->references[match->n_references] =
			result_text(result, rule->references[match->n_references]);
	yr_rule_tags_foreach(yara, tag)
		if (match->n_tags < RESULT_MAX_TAGS)
			match->tags[match->n_tags++] = result_text(result, tag);
}

static int on_message(YR_SCAN_CONTEXT *context, int message, void *data, void *userdata)
{
	if (message == CALLBACK_MSG_RULE_MATCHING)
		add_match(context, userdata, data);
	return CALLBACK_CONTINUE;
}

/* ---- libyara ------------------------------------------------------------------------------ */

static enum outcome outcome_of(YR_SCANNER *scanner, int error, struct result *result)
{
	YR_RULE *rule;
	char detail[200];

	if (error == ERROR_SUCCESS)
		return OUTCOME_SCANNED;
	if (error == ERROR_SCAN_TIMEOUT)
		return OUTCOME_OUT_OF_TIME;
	if (error == ERROR_INSUFFICIENT_MEMORY) {
		result->detail = NO_MEMORY;
		return OUTCOME_FAILED;
	}
	rule = yr_scanner_last_error_rule(scanner);
	snprintf(detail, sizeof(detail), "error %d of libyara%s%s", error, rule ? ", rule " : "",
		 rule ? rule->identifier : "");
	result->detail = result_text(result, detail);
	return OUTCOME_FAILED;
}

/*
 * A scanner for each file: libyara keeps the entry point of the first that a scanner saw, and what
 * modules found before a fault.
 */
static enum outcome scan_bytes(struct work *work)
{
	enum outcome outcome = OUTCOME_FAILED;
	YR_SCANNER *scanner;
	uint64_t now = monotonic_ns();

	if (now >= work->limit_ns)
		return OUTCOME_OUT_OF_TIME;
	if (yr_scanner_create(work->rules->compiled, &scanner) != ERROR_SUCCESS) {
		work->result->detail = NO_MEMORY;
		return OUTCOME_FAILED;
	}
	yr_scanner_set_callback(scanner, on_message, work);
	/* Fast: of most strings one place is enough, and a file cannot fill our memory with others. */
	yr_scanner_set_flags(scanner, SCAN_FLAGS_FAST_MODE | SCAN_FLAGS_REPORT_RULES_MATCHING);
	/* Where yr_scanner_set_timeout() puts it, who knows seconds only. */
	if (work->limit_ns != UINT64_MAX)
		scanner->timeout = work->limit_ns - now;
	if (!define(scanner, work))
		outcome = outcome_of(scanner, yr_scanner_scan_mem(scanner, work->bytes, work->n_bytes),
				     work->result);
	else
		work->result->detail = NO_MEMORY;
	yr_scanner_destroy(scanner);
	return outcome;
}

/* To tell contents apart, not to withstand who makes two that look alike. */
static uint64_t hash_of(const uint8_t *bytes, size_t n)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < n; i++)
		hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
	return hash;
}

static void set_limit(struct work *work)
{
	uint64_t own_ns = monotonic_ns() + work->rules->policy.max_scan_ns;

	work->limit_ns = UINT64_MAX;
	if (!work->subject->in_time)
		return;
	work->result->cut_short = work->subject->stop_ns < own_ns;
	work->limit_ns = work->result->cut_short ? work->subject->stop_ns : own_ns;
}

struct result *scan(const struct rules *rules, const struct subject *subject)
{
	struct work work = { .rules = rules, .subject = subject, .result = result_new(subject->max_matches) };

	if (!work.result)
		return NULL;
	set_limit(&work);
	work.result->outcome = read_file(&work);
	if (work.result->outcome == OUTCOME_SCANNED)
		work.result->outcome = scan_bytes(&work);
	if (work.result->n_matches)
		work.result->content = hash_of(work.bytes, work.n_bytes);
	free(work.bytes);
	return work.result;
}

/* Anyone may call a file so; the kernel says it of files without a link alone. */
bool path_is_nameless(const char *path, nlink_t n_links)
{
	return !n_links && (has_suffix(path, " (deleted)") || !strncmp(path, "/memfd:", 7));
}
