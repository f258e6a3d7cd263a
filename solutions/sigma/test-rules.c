/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Test-rules - every bundled rule finds what it must, and leaves alone what it must not
 *
 * test-rules FOLDER TABLE
 */
#include "mapping-sources.h"
#include "test-support.h"
#include "yaml-tree.h"

#define MAX_RULES 1024

struct found {
	const char *wanted;
	bool wanted_found;
	struct {
		char id[64];
		enum sigma_live_source source;
	} rules[MAX_RULES];
	size_t n_rules;
};

static void on_report(const struct sigma_report *report, void *userdata)
{
	struct found *found = userdata;

	if (report->verdict != SIGMA_LOADED || !report->id) {
		fprintf(stderr, "%s:%u: %s\n", report->file, report->line,
			report->reason ? report->reason : "the rule has no id");
		exit(1);
	}
	assert(found->n_rules < MAX_RULES);
	snprintf(found->rules[found->n_rules++].id, 64, "%s", report->id);
}

static void on_match(const struct sigma_match *match, void *userdata)
{
	struct found *found = userdata;

	found->wanted_found |= !strcmp(sigma_rule_info(match->rule)->id, found->wanted);
}

/* An event of the table is tried at every source: a rule is loaded for one of them. */
static bool finds(struct sigma_rules *rules, struct found *found, const struct yaml_node *event)
{
	struct sigma_value values[32] = { 0 };
	struct sigma_string lists[32][16];
	const char *names[32];
	int ids[32];
	size_t n = 0;

	for (const struct yaml_node *field = event->first; field; field = field->next, n++) {
		names[n] = field->key;
		values[n].type = field->kind == YAML_LIST ? SIGMA_LIST : SIGMA_STRING;
		values[n].string = (struct sigma_string){ field->text, field->length };
		values[n].list = lists[n];
		for (const struct yaml_node *one = field->first; one; one = one->next)
			lists[n][values[n].n_list++] = (struct sigma_string){ one->text, one->length };
	}
	found->wanted_found = false;
	for (size_t source = 0; source < SIGMA_N_LIVE_SOURCES; source++) {
		sigma_bind(rules, source, names, n, ids);
		assert(sigma_match(rules, source, ids, values, n, on_match, found) >= 0);
	}
	return found->wanted_found;
}

static size_t run_list(struct sigma_rules *rules, struct found *found, const struct yaml_node *entry,
		       const char *key, bool expected)
{
	const struct yaml_node *events = yaml_get(entry, key);
	size_t n_failed = 0;

	if (!events || events->kind != YAML_LIST || !events->first) {
		fprintf(stderr, "rule %s has no events under `%s'\n", found->wanted, key);
		return 1;
	}
	for (const struct yaml_node *event = events->first; event; event = event->next) {
		if (finds(rules, found, event) == expected)
			continue;
		fprintf(stderr, "line %u: rule %s must %sfind this\n", event->line, found->wanted,
			expected ? "" : "not ");
		n_failed++;
	}
	return n_failed;
}

static size_t run_table(struct sigma_rules *rules, struct found *found,
			const struct yaml_node *table)
{
	size_t n_failed = 0, i;

	for (i = 0; i < found->n_rules; i++) {
		const struct yaml_node *entry = table->first;

		while (entry && strcmp(yaml_get(entry, "rule")->text, found->rules[i].id))
			entry = entry->next;
		if (!entry) {
			fprintf(stderr, "rule %s is not in the table\n", found->rules[i].id);
			n_failed++;
			continue;
		}
		found->wanted = found->rules[i].id;
		n_failed += run_list(rules, found, entry, "found", true);
		n_failed += run_list(rules, found, entry, "not_found", false);
	}
	return n_failed;
}

int main(int argc, char **argv)
{
	_cleanup_(sigma_rules_freep) struct sigma_rules *rules = NULL;
	_cleanup_(arena_done) struct arena arena = { 0 };
	static struct found found;
	static char text[YAML_MAX_BYTES];
	struct yaml_documents documents;
	struct refusal refusal = { 0 };
	FILE *file;
	size_t n, n_failed;

	assert(argc == 3);
	assert(!sigma_rules_load(&rules, (const char *const[]){ argv[1] }, 1,
				 &(struct sigma_options){ .sources = sigma_live_sources,
							  .n_sources = SIGMA_N_LIVE_SOURCES,
							  .report = on_report,
							  .userdata = &found }));
	file = fopen(argv[2], "re");
	assert(file);
	n = fread(text, 1, sizeof(text), file);
	fclose(file);
	if (yaml_parse(&arena, text, n, &documents, &refusal)) {
		fprintf(stderr, "%s:%u: %s\n", argv[2], refusal.line, refusal.reason);
		return 1;
	}
	n_failed = run_table(rules, &found, documents.roots[0]);
	printf("%zu rules, %zu failed\n", found.n_rules, n_failed);
	return n_failed || found.n_rules < 30;
}
