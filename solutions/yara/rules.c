/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules - see rules.h
 *
 * A compiler of libyara is of no use after the first fault.  So each file is first compiled alone, which
 * tells whether it is good, and then all good ones together, so that one pass over a file finds the strings
 * of all of them.
 */
#include "counts.h"
#include "rules-internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_MAX_FILE_BYTES (64u << 20)
#define DEFAULT_MAX_SCAN_NS (500u * 1000000)
/* Where the module `magic' looks by itself is not there in a sandbox. */
#define MAGIC_FILE "/usr/lib/file/magic.mgc"

static const char *const by_name[] = RULES_BY_NAME;
static const char *const by_file[] = RULES_BY_FILE;

/* ---- one file ----------------------------------------------------------------------------- */

static void free_compiler(YR_COMPILER **compiler)
{
	if (*compiler)
		yr_compiler_destroy(*compiler);
}

/* The first fault; those behind it often come from it. */
static void on_message(int level, const char *file, int line, const YR_RULE *rule, const char *message,
		       void *userdata)
{
	struct refusal *refusal = userdata;

	if (level == YARA_ERROR_LEVEL_ERROR && !*refusal->reason)
		refuse(refusal, line > 0 ? (unsigned int)line : 0, "%s", message);
}

static int define(YR_COMPILER *compiler, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (yr_compiler_define_string_variable(compiler, names[i], "") != ERROR_SUCCESS)
			return -ENOMEM;
	return 0;
}

static int new_compiler(YR_COMPILER **ret, bool with_names, struct refusal *refusal)
{
	_cleanup_(free_compiler) YR_COMPILER *compiler = NULL;
	int r;

	if (yr_compiler_create(&compiler) != ERROR_SUCCESS)
		return -ENOMEM;
	yr_compiler_set_callback(compiler, on_message, refusal);
	/* Without one, an include is a fault in its line. */
	yr_compiler_set_include_callback(compiler, NULL, NULL, NULL);
	r = define(compiler, by_file, ARRAY_LENGTH(by_file));
	if (!r && with_names)
		r = define(compiler, by_name, ARRAY_LENGTH(by_name));
	if (!r)
		*ret = take_ptr(compiler);
	return r;
}

static unsigned int last_line(const char *text)
{
	unsigned int line = 1;

	for (; *text; text++)
		line += *text == '\n' && text[1];
	return line;
}

static int add(YR_COMPILER *compiler, const struct source *source, struct refusal *refusal)
{
	*refusal = (struct refusal){ 0 };
	if (!yr_compiler_add_string(compiler, source->text, source->path))
		return 0;
	/* Not every fault comes with a message, nor with a line: the end of the file has none. */
	if (!*refusal->reason)
		return refuse(refusal, 0, "libyara cannot compile it");
	if (!refusal->line)
		refusal->line = last_line(source->text);
	return E_REFUSED;
}

static int on_nothing(YR_SCAN_CONTEXT *context, int message, void *data, void *userdata)
{
	return CALLBACK_CONTINUE;
}

/* A rule that makes scans fail would take all others with it. */
static int check_counts(const struct source *source, struct refusal *refusal)
{
	unsigned int line = counts_work() ? 0 : counts_line(source->text);

	return line ? refuse(refusal, line, "libyara fails at counts in a range that does not begin with 0") : 0;
}

/* As would a module that cannot work here. */
static int try_scan(YR_RULES *compiled, struct refusal *refusal)
{
	YR_SCANNER *scanner;
	int error;

	if (yr_scanner_create(compiled, &scanner) != ERROR_SUCCESS)
		return -ENOMEM;
	yr_scanner_set_callback(scanner, on_nothing, NULL);
	error = yr_scanner_scan_mem(scanner, (const uint8_t *)"", 1);
	yr_scanner_destroy(scanner);
	return error == ERROR_SUCCESS ? 0 : refuse(refusal, 0, "no file can be scanned with it: error %d of libyara",
						   error);
}

static int check_wishes(YR_RULES *compiled, struct refusal *refusal)
{
	YR_RULE *rule;

	yr_rules_foreach(compiled, rule)
		if (!rule_wish(rule))
			return refuse(refusal, 0, "rule `%s': meta `ringfort' is one of deny, report, ignore",
				      rule->identifier);
	return 0;
}

static int try_compile(const struct source *source, bool with_names, struct refusal *refusal)
{
	_cleanup_(free_compiler) YR_COMPILER *compiler = NULL;
	YR_RULES *compiled;
	int r = new_compiler(&compiler, with_names, refusal);

	if (!r)
		r = add(compiler, source, refusal);
	if (r)
		return r;
	if (yr_compiler_get_rules(compiler, &compiled) != ERROR_SUCCESS)
		return -ENOMEM;
	r = check_wishes(compiled, refusal);
	if (!r)
		r = check_counts(source, refusal);
	if (!r)
		r = try_scan(compiled, refusal);
	yr_rules_destroy(compiled);
	return r;
}

static void drop(struct source *source, const struct refusal *refusal, struct report *report)
{
	report_refusal(report, source->path, refusal);
	free(take_ptr(source->text));
}

/* libyara does not tell which variables are used: whether it compiles without them does. */
static int try_source(struct source *source, struct report *report)
{
	struct refusal refusal = { 0 };
	int r = try_compile(source, false, &refusal);

	if (r > 0) {
		source->uses_names = true;
		refusal = (struct refusal){ 0 };
		r = try_compile(source, true, &refusal);
	}
	if (r > 0)
		drop(source, &refusal, report);
	return r < 0 ? r : 0;
}

/* ---- all of them -------------------------------------------------------------------------- */

static void pause_loading(const struct rules_loading *loading)
{
	if (loading->pause)
		loading->pause(loading->userdata);
}

/* Return: 0; E_REFUSED one that is good alone is not among the others, and was dropped; -ENOMEM. */
static int compile(struct rules *rules, struct rules_loading *loading)
{
	_cleanup_(free_compiler) YR_COMPILER *compiler = NULL;
	struct refusal refusal;
	int r = new_compiler(&compiler, true, &refusal);

	for (size_t i = 0; !r && i < rules->n_sources; i++) {
		struct source *source = &rules->sources[i];

		if (!source->text)
			continue;
		r = add(compiler, source, &refusal);
		if (r > 0)
			drop(source, &refusal, &loading->report);
		pause_loading(loading);
	}
	if (r)
		return r;
	return yr_compiler_get_rules(compiler, &rules->compiled) == ERROR_SUCCESS ? 0 : -ENOMEM;
}

static int describe(struct rules *rules, struct report *report)
{
	YR_RULES *compiled = rules->compiled;

	policy_finish(&rules->policy, report);
	rules->rules = calloc(compiled->num_rules + 1, sizeof(*rules->rules));
	if (!rules->rules)
		return -ENOMEM;
	rules->n_rules = compiled->num_rules;
	for (size_t i = 0; i < rules->n_rules; i++) {
		const YR_RULE *rule = &compiled->rules_table[i];

		rule_describe(&rules->rules[i], rule);
		rules->rules[i].action = policy_decide(&rules->policy, rule->identifier, rule->tags,
						       rule_wish(rule));
		rules->n_denying += rules->rules[i].action == ACTION_DENY;
	}
	policy_refuse_unused(&rules->policy, report);
	return 0;
}

static int finish(struct rules *rules, struct rules_loading *loading)
{
	int r = 0;

	for (size_t i = 0; i < rules->n_sources && !r; i++) {
		r = try_source(&rules->sources[i], &loading->report);
		pause_loading(loading);
	}
	if (!r)
		do
			r = compile(rules, loading);
		while (r > 0);
	for (size_t i = 0; i < rules->n_sources; i++) {
		rules->uses_names |= rules->sources[i].text && rules->sources[i].uses_names;
		free(take_ptr(rules->sources[i].text));
	}
	if (!r)
		r = describe(rules, &loading->report);
	rules->n_refused = loading->report.n;
	return r;
}

static int rules_new(struct rules **ret)
{
	struct rules *rules = calloc(1, sizeof(*rules));

	if (!rules)
		return -ENOMEM;
	if (yr_initialize() != ERROR_SUCCESS) {
		free(rules);
		return -ENOMEM;
	}
	/* Of matches their places are told, not their bytes: with these a file could make us hungry. */
	yr_set_configuration_uint32(YR_CONFIG_MAX_MATCH_DATA, 0);
	if (!access(MAGIC_FILE, R_OK))
		setenv("MAGIC", MAGIC_FILE, 0);
	rules->policy.max_file_bytes = DEFAULT_MAX_FILE_BYTES;
	rules->policy.max_scan_ns = DEFAULT_MAX_SCAN_NS;
	*ret = rules;
	return 0;
}

int rules_load(struct rules **ret, const char *const *paths, size_t n_paths, struct rules_loading *loading)
{
	_cleanup_(rules_freep) struct rules *rules = NULL;
	struct refusal refusal;
	int r = rules_new(&rules);

	for (size_t i = 0; i < n_paths && !r; i++)
		r = sources_read(rules, paths[i], &loading->report);
	if (!r && !rules->n_sources && !loading->report.n) {
		refuse(&refusal, 0, "there is no *.yar and no *.yara here");
		report_refusal(&loading->report, n_paths ? paths[0] : "", &refusal);
	}
	if (!r)
		r = finish(rules, loading);
	if (r < 0)
		return r;
	*ret = take_ptr(rules);
	return 0;
}

int rules_load_text(struct rules **ret, const char *text, const char *policy, struct rules_loading *loading)
{
	_cleanup_(rules_freep) struct rules *rules = NULL;
	int r = rules_new(&rules);

	if (!r)
		r = sources_add(rules, "r.yar", text, strlen(text), &loading->report);
	if (!r && policy)
		r = sources_add(rules, "p.yaml", policy, strlen(policy), &loading->report);
	if (!r)
		r = finish(rules, loading);
	if (r < 0)
		return r;
	*ret = take_ptr(rules);
	return 0;
}

struct rules *rules_free(struct rules *rules)
{
	if (!rules)
		return NULL;
	if (rules->compiled)
		yr_rules_destroy(rules->compiled);
	for (size_t i = 0; i < rules->n_sources; i++)
		free(rules->sources[i].text);
	free(rules->sources);
	free(rules->rules);
	policy_done(&rules->policy);
	arena_done(&rules->arena);
	free(rules);
	yr_finalize();
	return NULL;
}

void rules_freep(struct rules **rules)
{
	rules_free(*rules);
}

size_t rules_count(const struct rules *rules)
{
	return rules->n_rules;
}

size_t rules_count_denying(const struct rules *rules)
{
	return rules->n_denying;
}

size_t rules_refused(const struct rules *rules)
{
	return rules->n_refused;
}

bool rules_use_names(const struct rules *rules)
{
	return rules->uses_names;
}
