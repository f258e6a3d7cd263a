/* SPDX-License-Identifier: Apache-2.0 */
/* Rules, internal - shared by rules*.c, sources.c and scan.c alone. */
#ifndef YARA_RULES_INTERNAL_H
#define YARA_RULES_INTERNAL_H

#include "result.h"
#include "rules.h"

#include <yara.h>

/* What a match of a rule means; texts are libyara's and live as long as the rules. */
struct rule {
	enum action action;
	enum ringfort_level level;
	const char *title;
	const char *author;
	const char *references[RESULT_MAX_REFERENCES];
	uint32_t n_references;
};

/* A file of rules. */
struct source {
	const char *path;
	char *text; /* NUL-terminated; NULL once it is refused, or compiled */
	bool uses_names;
};

struct rules {
	struct arena arena;
	YR_RULES *compiled;
	struct rule *rules; /* one for each of libyara's, in the same order */
	size_t n_rules, n_denying, n_refused;
	bool uses_names;
	struct policy policy;

	struct source *sources;
	size_t n_sources, n_sources_allocated, n_bytes;
};

/* In sources.c: find and read the files.  0, also when some are refused; -ENOMEM. */
int sources_read(struct rules *rules, const char *path, struct report *report);
int sources_add(struct rules *rules, const char *path, const char *text, size_t n,
		struct report *report);

/** rule_describe() - in rule.c: what its metas and tags say, all but the action */
void rule_describe(struct rule *ret, const YR_RULE *rule);

/** rule_wish() - what the rule asks for itself; ACTION_NONE: something that is not known */
enum action rule_wish(const YR_RULE *rule);

#endif
