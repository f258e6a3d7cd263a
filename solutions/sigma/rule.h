/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rule - one document of a rule file, checked against Sigma's schema.
 *
 * A rule owns an arena with its strings and its expression, and the compiled regular
 * expressions in it.  A filter is read into the same struct: its expression is what it excludes.
 */
#ifndef SIGMA_RULE_H
#define SIGMA_RULE_H

#include "detection.h"
#include "engine.h"

struct sigma_rule {
	struct sigma_rule_info info;
	struct arena arena;
	struct node *root;
	struct atom *with_regex;
	bool is_filter;
	const char **targets; /* of a filter: ids or names of rules */
	size_t n_targets;
};

/**
 * rule_read() - make a rule or a filter of a document
 * @ret: release with rule_free()
 *
 * The document's memory is not needed afterwards.
 *
 * Return: 0, E_REFUSED, -ENOMEM.
 */
int rule_read(struct sigma_rule **ret, const struct yaml_node *document, const char *file,
	      const struct sigma_placeholders *placeholders, struct refusal *ret_refusal);

struct sigma_rule *rule_free(struct sigma_rule *rule);
void rule_freep(struct sigma_rule **rule);

/**
 * rule_apply_filter() - exclude from a rule what the filter describes
 *
 * The filter must live as long as the rule.
 *
 * Return: 1 applied; 0 it does not name this rule, or is for another log source; -ENOMEM.
 */
int rule_apply_filter(struct sigma_rule *rule, const struct sigma_rule *filter);

#endif
