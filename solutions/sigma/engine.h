/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Engine - Sigma rules: load them, then ask which of them an event matches.
 *
 * A set of rules (struct sigma_rules) is built once by sigma_rules_load() and not changed after,
 * but for counters and scratch memory inside it: use one set from one thread.  To swap rules,
 * load a new set, then free the old one.
 *
 * Events come from sources (struct sigma_source): combinations of product, category and service
 * that the caller can supply.  For each, the fields and values that its rules name are compiled
 * into one vectorscan database per field; a rule whose log source is none of them is counted as
 * "no source", and not matched.
 *
 * The engine reads rule files and nothing else: no clock, no environment, no logging.  Loading
 * allocates; matching does not (PCRE2, where it is needed, keeps a bounded block per pattern).
 *
 * Functions return 0, or a negative errno; what an operator did wrong in a rule is never an
 * error: it is told to the report callback, and the other rules load.
 */
#ifndef SIGMA_ENGINE_H
#define SIGMA_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sigma_rules;
struct sigma_rule;
struct sigma_placeholders;

/* NULL: the rule must not name one either (product: the rule may leave it out). */
struct sigma_source {
	const char *product;
	const char *category;
	const char *service;
};

enum sigma_verdict {
	SIGMA_LOADED,
	SIGMA_REFUSED,
	SIGMA_NO_SOURCE,
	_SIGMA_VERDICT_N
};

/* What became of one document. */
struct sigma_report {
	const char *file;
	unsigned int line;  /* where the fault is, or where the document begins; 0: the whole file */
	const char *title;  /* or NULL */
	const char *id;     /* or NULL */
	enum sigma_verdict verdict;
	const char *reason; /* NULL when loaded */
};

typedef void (*sigma_report_fn)(const struct sigma_report *report, void *userdata);

struct sigma_options {
	/* NULL: one source that takes every rule, whatever its log source. */
	const struct sigma_source *sources;
	size_t n_sources;

	const char *category; /* only rules of this category; others are "no source" */
	const struct sigma_placeholders *placeholders;
	bool check_only;      /* judge the rules, but do not build what matching needs */

	sigma_report_fn report; /* or NULL */
	void *userdata;
};

/**
 * sigma_rules_load() - read rules from files and folders
 * @ret:     the rules; release with sigma_rules_free()
 * @paths:   files, and folders in which *.yml and *.yaml are looked for, at any depth
 * @n_paths: how many
 * @options: copied where it must last; placeholders are only used during the call
 *
 * Filters (documents with a key `filter') are applied to the rules that they name, wherever in
 * the paths those are.  A path that cannot be read is reported as refused.
 *
 * Return: 0, also when every rule was refused; -ENOMEM; -EINVAL vectorscan failed.
 */
int sigma_rules_load(struct sigma_rules **ret, const char *const *paths, size_t n_paths,
		     const struct sigma_options *options);

/** sigma_rules_load_text() - the same from memory; file names it in reports */
int sigma_rules_load_text(struct sigma_rules **ret, const char *file, const char *text, size_t n,
			  const struct sigma_options *options);

struct sigma_rules *sigma_rules_free(struct sigma_rules *rules); /* returns NULL */
void sigma_rules_freep(struct sigma_rules **rules);

/** sigma_rules_count() - documents with this verdict: the three sum up to all of them */
size_t sigma_rules_count(const struct sigma_rules *rules, enum sigma_verdict verdict);

/** sigma_rules_per_source() - rules that events of this source are matched against */
size_t sigma_rules_per_source(const struct sigma_rules *rules, size_t source);

/* ---- placeholders ----------------------------------------------------------------------- */

/**
 * sigma_placeholders_read() - read values for %name% from YAML text
 * @ret_reason: why it was refused, and where
 *
 * The text is a map from names to a value or a list of values; values are Sigma strings.
 *
 * Return: 0; 1 refused; -ENOMEM.
 */
int sigma_placeholders_read(struct sigma_placeholders **ret, const char *text, size_t n,
			    char *ret_reason, size_t n_reason);
struct sigma_placeholders *sigma_placeholders_free(struct sigma_placeholders *placeholders);
void sigma_placeholders_freep(struct sigma_placeholders **placeholders);

/* ---- events ----------------------------------------------------------------------------- */

enum sigma_value_type {
	SIGMA_ABSENT, /* the field is not there */
	SIGMA_NULL,   /* it is there and has no value */
	SIGMA_STRING, /* bytes; numbers and booleans are given as their text */
	SIGMA_LIST,   /* several strings: any of them may match */
};

struct sigma_string {
	const char *text;
	size_t n;
};

/* Points to the caller's memory, which must last during sigma_match(). */
struct sigma_value {
	enum sigma_value_type type;
	struct sigma_string string;
	const struct sigma_string *list;
	size_t n_list;
};

#define SIGMA_FIELD_UNUSED (-1)
#define SIGMA_MAX_FIELDS 128 /* of one event that sigma_match() looks at */

/**
 * sigma_bind() - find the fields of a kind of event, once, before many events
 * @source:  index into options.sources
 * @names:   n names of fields
 * @ret_ids: n ids for sigma_match(); SIGMA_FIELD_UNUSED: no rule of this source asks for it, so
 *           its value need not even be made (unless sigma_has_keywords())
 */
void sigma_bind(const struct sigma_rules *rules, size_t source, const char *const *names, size_t n,
		int *ret_ids);

/** sigma_has_keywords() - do rules of this source search through all values of an event? */
bool sigma_has_keywords(const struct sigma_rules *rules, size_t source);

/* A match, valid during the callback. */
struct sigma_match {
	const struct sigma_rule *rule;
	const unsigned int *fields; /* indexes into the event's values, of those that matched */
	size_t n_fields;
};

typedef void (*sigma_match_fn)(const struct sigma_match *match, void *userdata);

/**
 * sigma_match() - which rules does the event match?
 * @source: index into options.sources
 * @ids:    from sigma_bind()
 * @values: n of them, one for each id; only the first SIGMA_MAX_FIELDS are looked at
 * @found:  called once per rule, in the order in which they were loaded
 *
 * Allocates nothing.  Not to be called from inside found.
 *
 * Return: the number of rules that match; -EIO when vectorscan failed.
 */
int sigma_match(struct sigma_rules *rules, size_t source, const int *ids,
		const struct sigma_value *values, size_t n, sigma_match_fn found, void *userdata);

struct sigma_counters {
	uint64_t n_events;       /* calls of sigma_match() */
	uint64_t n_candidates;   /* rules evaluated */
	uint64_t n_matches;
	uint64_t n_regex_limits; /* regular expressions stopped by a limit: taken as no match */
};

void sigma_rules_counters(const struct sigma_rules *rules, struct sigma_counters *ret);

/**
 * sigma_scan_only() - scan the values with the same databases and an empty callback
 *
 * For measuring what matching costs beyond that.  Return: the number of hits.
 */
uint64_t sigma_scan_only(struct sigma_rules *rules, size_t source, const int *ids,
			 const struct sigma_value *values, size_t n);

/* ---- a rule ----------------------------------------------------------------------------- */

enum sigma_level {
	SIGMA_LEVEL_INFORMATIONAL,
	SIGMA_LEVEL_LOW,
	SIGMA_LEVEL_MEDIUM,
	SIGMA_LEVEL_HIGH,
	SIGMA_LEVEL_CRITICAL,
	_SIGMA_LEVEL_N
};

/* Strings are NUL-terminated, and NULL where the rule has none.  They live as long as the set. */
struct sigma_rule_info {
	const char *id;
	const char *name;
	const char *title;
	const char *status;
	const char *author;
	const char *file;
	unsigned int line;
	enum sigma_level level; /* medium where the rule has none */
	struct sigma_source source;
	const char *const *references;
	size_t n_references;
	const char *const *tags;
	size_t n_tags;
	size_t index; /* in the order of loading, refused ones left out */
};

const struct sigma_rule_info *sigma_rule_info(const struct sigma_rule *rule);

/** sigma_level_name() - "high" */
const char *sigma_level_name(enum sigma_level level);

#endif
