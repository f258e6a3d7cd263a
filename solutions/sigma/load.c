/* SPDX-License-Identifier: Apache-2.0 */
/* Engine: sets of rules, from files to compiled groups - see engine.h */
#include "group.h"
#include "rule.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_FOLDER_DEPTH 16

struct rule_list {
	struct sigma_rule **entries;
	size_t n, n_allocated;
};

struct sigma_rules {
	struct rule_list rules, filters;
	struct group **groups; /* one per source */
	size_t n_groups;
	hs_scratch_t *scratch;
	size_t n_verdicts[_SIGMA_VERDICT_N];
	struct sigma_counters counters;
};

struct loader {
	struct sigma_rules *rules;
	const struct sigma_options *options;
};

/* ---- verdicts --------------------------------------------------------------------------- */

static void report(struct loader *loader, const char *file, unsigned int line,
		   const struct sigma_rule *rule, enum sigma_verdict verdict, const char *reason)
{
	struct sigma_report report = { .file = file, .line = line, .verdict = verdict,
				       .reason = reason };

	loader->rules->n_verdicts[verdict]++;
	if (!loader->options->report)
		return;
	report.title = rule ? rule->info.title : NULL;
	report.id = rule ? rule->info.id : NULL;
	loader->options->report(&report, loader->options->userdata);
}

static bool same(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

/* Category and service say which records are meant, so they must agree; only the product may be
 * left open by a rule. */
static bool is_from(const struct sigma_source *rule, const struct sigma_source *source)
{
	return same(rule->category, source->category) && same(rule->service, source->service) &&
	       (!rule->product || same(rule->product, source->product));
}

static bool has_source(const struct loader *loader, const struct sigma_rule *rule)
{
	const struct sigma_options *options = loader->options;

	if (options->category && !same(options->category, rule->info.source.category))
		return false;
	if (!options->sources)
		return true;
	for (size_t i = 0; i < options->n_sources; i++)
		if (is_from(&rule->info.source, &options->sources[i]))
			return true;
	return false;
}

static void report_no_source(struct loader *loader, const struct sigma_rule *rule)
{
	const struct sigma_source *source = &rule->info.source;
	char reason[200];

	snprintf(reason, sizeof(reason), "no events for log source product %s, category %s, service %s",
		 source->product ? source->product : "-", source->category ? source->category : "-",
		 source->service ? source->service : "-");
	report(loader, rule->info.file, rule->info.line, rule, SIGMA_NO_SOURCE, reason);
}

/* ---- documents -------------------------------------------------------------------------- */

static const struct sigma_rule *find_id(const struct rule_list *list, const char *id)
{
	for (size_t i = 0; id && i < list->n; i++)
		if (list->entries[i]->info.id && !strcmp(list->entries[i]->info.id, id))
			return list->entries[i];
	return NULL;
}

static int keep(struct rule_list *list, struct sigma_rule **rule)
{
	int r = grow(&list->entries, list->n, &list->n_allocated);

	if (r < 0)
		return r;
	list->entries[list->n++] = take_ptr(*rule);
	return 0;
}

static int load_document(struct loader *loader, const char *file, const struct yaml_node *document)
{
	_cleanup_(rule_freep) struct sigma_rule *rule = NULL;
	struct refusal refusal = { .line = document->line };
	struct sigma_rules *rules = loader->rules;
	const struct sigma_rule *other;
	int r;

	r = rule_read(&rule, document, file, loader->options->placeholders, &refusal);
	if (!r && !rule->is_filter) {
		other = find_id(&rules->rules, rule->info.id);
		if (other)
			r = refuse(&refusal, document->line, "its id is also that of %s:%u",
				   other->info.file, other->info.line);
	}
	if (r < 0)
		return r;
	if (r) {
		report(loader, file, refusal.line, rule, SIGMA_REFUSED, refusal.reason);
		return 0;
	}
	if (rule->is_filter)
		return keep(&rules->filters, &rule); /* its verdict follows when all rules are known */
	if (!has_source(loader, rule)) {
		report_no_source(loader, rule);
		return 0;
	}
	rule->info.index = rules->rules.n;
	report(loader, file, document->line, rule, SIGMA_LOADED, NULL);
	return keep(&rules->rules, &rule);
}

static int load_text(struct loader *loader, const char *file, const char *text, size_t n)
{
	_cleanup_(arena_done) struct arena arena = { 0 };
	struct yaml_documents documents;
	struct refusal refusal = { 0 };
	int broken, r = 0;

	broken = yaml_parse(&arena, text, n, &documents, &refusal);
	if (broken < 0)
		return broken;
	for (size_t i = 0; i < documents.n && !r; i++)
		r = load_document(loader, file, documents.roots[i]);
	if (!r && broken)
		report(loader, file, refusal.line, NULL, SIGMA_REFUSED, refusal.reason);
	return r;
}

/* ---- files ------------------------------------------------------------------------------ */

static int refuse_file(struct loader *loader, const char *path, int error)
{
	char reason[128];

	if (error == ENOMEM)
		return -ENOMEM;
	snprintf(reason, sizeof(reason), "cannot be read: %s", strerror(error));
	report(loader, path, 0, NULL, SIGMA_REFUSED, reason);
	return 0;
}

static int load_file(struct loader *loader, const char *path, int fd)
{
	_cleanup_(cleanup_free) char *text = malloc(YAML_MAX_BYTES + 1);
	size_t n = 0;

	if (!text)
		return -ENOMEM;
	/* One byte more than allowed, so that the parser sees that there is more. */
	while (n <= YAML_MAX_BYTES) {
		ssize_t got = read(fd, text + n, YAML_MAX_BYTES + 1 - n);

		if (got < 0)
			return refuse_file(loader, path, errno);
		if (!got)
			break;
		n += (size_t)got;
	}
	return load_text(loader, path, text, n);
}

static int load_path(struct loader *loader, const char *path, unsigned int depth);

static bool is_rule_name(const char *name)
{
	const char *dot = strrchr(name, '.');

	return name[0] != '.' && dot && (!strcmp(dot, ".yml") || !strcmp(dot, ".yaml"));
}

static bool is_folder(const char *path)
{
	struct stat status;

	return !stat(path, &status) && S_ISDIR(status.st_mode);
}

static int load_folder(struct loader *loader, const char *path, unsigned int depth)
{
	struct dirent **entries;
	int n, r = 0;

	if (depth > MAX_FOLDER_DEPTH)
		return refuse_file(loader, path, ELOOP);
	n = scandir(path, &entries, NULL, alphasort);
	if (n < 0)
		return refuse_file(loader, path, errno);
	for (int i = 0; i < n; i++) {
		_cleanup_(cleanup_free) char *child = NULL;
		const char *name = entries[i]->d_name;

		if (!r && name[0] != '.' && asprintf(&child, "%s/%s", path, name) < 0)
			r = -ENOMEM;
		if (!r && child && (is_rule_name(name) || is_folder(child)))
			r = load_path(loader, child, depth + 1);
		free(entries[i]);
	}
	free(entries);
	return r;
}

static int load_path(struct loader *loader, const char *path, unsigned int depth)
{
	/* Not blocking: the path may be a FIFO. */
	_cleanup_(cleanup_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat status;

	if (fd < 0 || fstat(fd, &status) < 0)
		return refuse_file(loader, path, errno);
	if (S_ISDIR(status.st_mode))
		return load_folder(loader, path, depth);
	if (!S_ISREG(status.st_mode))
		return refuse_file(loader, path, EINVAL);
	return load_file(loader, path, fd);
}

/* ---- filters and groups ----------------------------------------------------------------- */

static int apply_filters(struct loader *loader)
{
	struct sigma_rules *rules = loader->rules;

	for (size_t i = 0; i < rules->filters.n; i++) {
		const struct sigma_rule *filter = rules->filters.entries[i];
		size_t n_applied = 0;

		for (size_t k = 0; k < rules->rules.n; k++) {
			int r = rule_apply_filter(rules->rules.entries[k], filter);

			if (r < 0)
				return r;
			n_applied += (size_t)r;
		}
		report(loader, filter->info.file, filter->info.line, filter,
		       n_applied ? SIGMA_LOADED : SIGMA_NO_SOURCE,
		       n_applied ? NULL : "the filter names no rule that is loaded");
	}
	return 0;
}

static int build_group(struct loader *loader, const struct sigma_source *source,
		       struct group **ret)
{
	struct sigma_rules *rules = loader->rules;
	_cleanup_(cleanup_free) struct sigma_rule **chosen = calloc(rules->rules.n + 1,
								    sizeof(*chosen));
	size_t n = 0;

	if (!chosen)
		return -ENOMEM;
	for (size_t i = 0; i < rules->rules.n; i++)
		if (!source || is_from(&rules->rules.entries[i]->info.source, source))
			chosen[n++] = rules->rules.entries[i];
	return group_new(ret, chosen, n);
}

static int build_groups(struct loader *loader)
{
	const struct sigma_options *options = loader->options;
	struct sigma_rules *rules = loader->rules;
	size_t n = options->sources ? options->n_sources : 1;
	int r = 0;

	rules->groups = calloc(n, sizeof(*rules->groups));
	if (!rules->groups)
		return -ENOMEM;
	for (size_t i = 0; i < n && !r; i++) {
		r = build_group(loader, options->sources ? &options->sources[i] : NULL,
				&rules->groups[i]);
		if (!r)
			rules->n_groups = i + 1;
		if (!r)
			r = group_scan_scratch(rules->groups[i], &rules->scratch);
	}
	/* Allocating for a later database may have moved it. */
	for (size_t i = 0; i < rules->n_groups; i++)
		rules->groups[i]->scratch = rules->scratch;
	return r;
}

static int finish(struct loader *loader)
{
	int r = apply_filters(loader);

	if (!r && !loader->options->check_only)
		r = build_groups(loader);
	return r;
}

/* ---- the interface ---------------------------------------------------------------------- */

int sigma_rules_load(struct sigma_rules **ret, const char *const *paths, size_t n_paths,
		     const struct sigma_options *options)
{
	_cleanup_(sigma_rules_freep) struct sigma_rules *rules = calloc(1, sizeof(*rules));
	struct loader loader = { .rules = rules, .options = options };
	int r = 0;

	if (!rules)
		return -ENOMEM;
	for (size_t i = 0; i < n_paths && !r; i++)
		r = load_path(&loader, paths[i], 0);
	if (!r)
		r = finish(&loader);
	if (r)
		return r;
	*ret = take_ptr(rules);
	return 0;
}

int sigma_rules_load_text(struct sigma_rules **ret, const char *file, const char *text, size_t n,
			  const struct sigma_options *options)
{
	_cleanup_(sigma_rules_freep) struct sigma_rules *rules = calloc(1, sizeof(*rules));
	struct loader loader = { .rules = rules, .options = options };
	int r;

	if (!rules)
		return -ENOMEM;
	r = load_text(&loader, file, text, n);
	if (!r)
		r = finish(&loader);
	if (r)
		return r;
	*ret = take_ptr(rules);
	return 0;
}

static void list_done(struct rule_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		rule_free(list->entries[i]);
	free(list->entries);
}

struct sigma_rules *sigma_rules_free(struct sigma_rules *rules)
{
	if (!rules)
		return NULL;
	for (size_t i = 0; i < rules->n_groups; i++)
		group_free(rules->groups[i]);
	free(rules->groups);
	hs_free_scratch(rules->scratch);
	list_done(&rules->rules);
	list_done(&rules->filters);
	free(rules);
	return NULL;
}

void sigma_rules_freep(struct sigma_rules **rules)
{
	sigma_rules_free(*rules);
}

size_t sigma_rules_count(const struct sigma_rules *rules, enum sigma_verdict verdict)
{
	return rules->n_verdicts[verdict];
}

size_t sigma_rules_per_source(const struct sigma_rules *rules, size_t source)
{
	return source < rules->n_groups ? rules->groups[source]->n_rules : 0;
}

void sigma_bind(const struct sigma_rules *rules, size_t source, const char *const *names, size_t n,
		int *ret_ids)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t field = NO_FIELD;

		if (source < rules->n_groups)
			field = group_find_field(rules->groups[source], names[i], strlen(names[i]));
		ret_ids[i] = field == NO_FIELD ? SIGMA_FIELD_UNUSED : (int)field;
	}
}

bool sigma_has_keywords(const struct sigma_rules *rules, size_t source)
{
	return source < rules->n_groups && rules->groups[source]->has_keywords;
}

int sigma_match(struct sigma_rules *rules, size_t source, const int *ids,
		const struct sigma_value *values, size_t n, sigma_match_fn found, void *userdata)
{
	int r;

	if (source >= rules->n_groups)
		return 0;
	rules->counters.n_events++;
	r = group_match(rules->groups[source], ids, values, n, found, userdata, &rules->counters);
	rules->counters.n_regex_limits += rules->groups[source]->n_regex_limits;
	rules->groups[source]->n_regex_limits = 0;
	return r;
}

void sigma_rules_counters(const struct sigma_rules *rules, struct sigma_counters *ret)
{
	*ret = rules->counters;
}

uint64_t sigma_scan_only(struct sigma_rules *rules, size_t source, const int *ids,
			 const struct sigma_value *values, size_t n)
{
	return source < rules->n_groups ? group_scan_only(rules->groups[source], ids, values, n) : 0;
}
