/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench-sigma - what one exec event costs with 50, 500 and all rules
 *
 * The rules are those for executions, of every product, since there are not 500 for Linux; and
 * all Linux rules, first those for executions, then every one whatever its log source, keywords
 * over all values included.
 *
 * Ours against the floor: hs_scan() of the same databases over the same text with a callback
 * that only counts.  Both are measured in turns, so that what disturbs one disturbs the other;
 * told are medians over the rounds, and the interval that holds the median ratio with 95 %.
 * Loading is told apart.  Rules and events come from $RINGFORT_DATA.
 */
#include "tool.h"

#include <errno.h>
#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CATEGORY "process_creation"
#define N_ROUNDS 41
#define ROUND_NS 8000000 /* at least, of each of the two */

struct corpus {
	struct json_event *events;
	size_t n;
	size_t n_bytes;
};

struct result {
	const char *name;
	size_t n_rules;
	double load_ms;
	double ns, floor_ns;
	double ratio, ratio_low, ratio_high;
	double candidates, matches;
};

static char **paths;
static size_t n_paths, n_paths_allocated;

/* Of this thread on a processor: nothing here waits, and others may be at work beside us. */
static double now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void fail(const char *what)
{
	fprintf(stderr, "bench-sigma: %s\n", what);
	exit(2);
}

/* ---- rules ------------------------------------------------------------------------------ */

/* Only rules that are for executions, of whatever product: what an exec event meets. */
static bool is_for_exec(const char *path)
{
	_cleanup_(cleanup_free) char *text = NULL;
	size_t n;

	return tool_read_file(path, &text, &n) == 0 && strstr(text, "category: " CATEGORY);
}

static int add_path(const char *path, const struct stat *status, int type, struct FTW *walk)
{
	const char *dot = strrchr(path, '.');

	if (type != FTW_F || !dot || strcmp(dot, ".yml") || !is_for_exec(path))
		return 0;
	if (grow(&paths, n_paths, &n_paths_allocated) < 0)
		return -1;
	paths[n_paths] = strdup(path);
	return paths[n_paths++] ? 0 : -1;
}

/* A fixed mixture, the same on every machine: by a hash of the file's name. */
static unsigned int mix(const char *path)
{
	unsigned int hash = 2166136261u;

	for (path = strrchr(path, '/'); *path; path++)
		hash = (hash ^ (unsigned char)*path) * 16777619u;
	return hash;
}

static int compare_mixed(const void *a, const void *b)
{
	unsigned int x = mix(*(char *const *)a), y = mix(*(char *const *)b);

	return x < y ? -1 : x > y;
}

static void unpack(const char *archive, const char *folder)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		execlp("tar", "tar", "-C", folder, "-xf", archive, (char *)NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || status)
		fail("tar cannot unpack the rules");
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
	return remove(path);
}

/* ---- events ----------------------------------------------------------------------------- */

static void add_event(struct corpus *corpus, json_t *exec, const char *parent)
{
	struct json_event *event = &corpus->events[corpus->n];
	const char *image = json_string_value(json_object_get(exec, "Image"));
	char reason[200];

	json_object_set_new(exec, "ParentImage", json_string(parent));
	json_object_set_new(exec, "ParentCommandLine", json_string("-bash"));
	json_object_set_new(exec, "User", json_string("root"));
	json_object_set_new(exec, "LogonId", json_integer(3));
	json_object_set_new(exec, "CurrentDirectory", json_string("/root"));
	json_object_set_new(exec, "ProcessId", json_integer(4711));
	json_object_set_new(exec, "ParentProcessId", json_integer(4710));
	json_object_set_new(exec, "StdinType", json_string("tty"));
	if (!image || json_event_set(event, exec, reason, sizeof(reason)))
		fail("the events are not as expected");
	for (size_t i = 0; i < event->n; i++)
		corpus->n_bytes += event->values[i].string.n;
	corpus->n++;
}

static void read_events(struct corpus *corpus, const char *path)
{
	json_error_t error;
	json_t *json = json_load_file(path, 0, &error), *test, *exec;
	size_t i, k, n = 0;

	if (!json)
		fail(error.text);
	json_array_foreach(json_object_get(json, "tests"), i, test)
		n += json_array_size(json_object_get(json_object_get(test, "run"), "exec"));
	corpus->events = calloc(n + 1, sizeof(*corpus->events));
	json_array_foreach(json_object_get(json, "tests"), i, test)
		json_array_foreach(json_object_get(json_object_get(test, "run"), "exec"), k, exec)
			add_event(corpus, exec, i % 2 ? "/usr/bin/bash" : "/usr/bin/dash");
}

/* ---- measuring -------------------------------------------------------------------------- */

static double time_match(struct sigma_rules *rules, struct corpus *corpus, size_t n_times)
{
	double start = now_ns();

	for (size_t k = 0; k < n_times; k++)
		for (size_t i = 0; i < corpus->n; i++)
			sigma_match(rules, 0, corpus->events[i].ids, corpus->events[i].values,
				    corpus->events[i].n, NULL, NULL);
	return (now_ns() - start) / (double)(n_times * corpus->n);
}

static double time_scan(struct sigma_rules *rules, struct corpus *corpus, size_t n_times)
{
	double start = now_ns();

	for (size_t k = 0; k < n_times; k++)
		for (size_t i = 0; i < corpus->n; i++)
			sigma_scan_only(rules, 0, corpus->events[i].ids, corpus->events[i].values,
					corpus->events[i].n);
	return (now_ns() - start) / (double)(n_times * corpus->n);
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(double *values, size_t n)
{
	qsort(values, n, sizeof(*values), compare_doubles);
	return values[n / 2];
}

static void measure(struct result *result, struct sigma_rules *rules, struct corpus *corpus)
{
	double ours[N_ROUNDS], floors[N_ROUNDS], ratios[N_ROUNDS];
	struct sigma_counters counters;
	size_t n_times = 1, half;

	while (time_scan(rules, corpus, n_times) * (double)(n_times * corpus->n) < ROUND_NS)
		n_times *= 2;
	for (size_t i = 0; i < N_ROUNDS; i++) {
		bool first = i % 2;

		if (first)
			ours[i] = time_match(rules, corpus, n_times);
		floors[i] = time_scan(rules, corpus, n_times);
		if (!first)
			ours[i] = time_match(rules, corpus, n_times);
		ratios[i] = ours[i] / floors[i];
	}
	result->ns = median(ours, N_ROUNDS);
	result->floor_ns = median(floors, N_ROUNDS);
	result->ratio = median(ratios, N_ROUNDS);
	half = (size_t)ceil(1.96 * sqrt(N_ROUNDS) / 2);
	result->ratio_low = ratios[N_ROUNDS / 2 - half];
	result->ratio_high = ratios[N_ROUNDS / 2 + half];
	sigma_rules_counters(rules, &counters);
	result->candidates = (double)counters.n_candidates / (double)counters.n_events;
	result->matches = (double)counters.n_matches / (double)counters.n_events;
}

static void bind(struct sigma_rules *rules, struct corpus *corpus)
{
	for (size_t i = 0; i < corpus->n; i++)
		sigma_bind(rules, 0, corpus->events[i].names, corpus->events[i].n,
			   corpus->events[i].ids);
}

static void run(struct result *result, const char *name, struct corpus *corpus,
		const char *const *from, size_t n, const char *category)
{
	_cleanup_(sigma_rules_freep) struct sigma_rules *rules = NULL;
	double start = now_ns();

	result->name = name;
	if (sigma_rules_load(&rules, from, n, &(struct sigma_options){ .category = category }) < 0)
		fail("the rules cannot be loaded");
	result->load_ms = (now_ns() - start) / 1e6;
	result->n_rules = sigma_rules_per_source(rules, 0);
	bind(rules, corpus);
	measure(result, rules, corpus);
}

/* What ten times as many rules cost, in turns, so that both see the same machine. */
static double compare_sizes(struct corpus *corpus, const char *const *from)
{
	double ratios[N_ROUNDS], few, many;
	struct sigma_rules *rules[2] = { NULL, NULL };
	static const size_t n[2] = { 50, 500 };

	for (size_t k = 0; k < 2; k++)
		if (sigma_rules_load(&rules[k], from, n[k], &(struct sigma_options){ 0 }) < 0)
			fail("the rules cannot be loaded");
	for (size_t i = 0; i < N_ROUNDS; i++) {
		bind(rules[0], corpus);
		few = time_match(rules[0], corpus, 32);
		bind(rules[1], corpus);
		many = time_match(rules[1], corpus, 16);
		ratios[i] = many / few;
	}
	sigma_rules_free(rules[0]);
	sigma_rules_free(rules[1]);
	return median(ratios, N_ROUNDS);
}

static void print_table(const struct result *results, size_t n, const struct corpus *corpus,
			double ratio_500_to_50)
{
	printf("%zu exec events of %zu bytes on average; medians of %d rounds in turns\n\n", corpus->n,
	       corpus->n_bytes / corpus->n, N_ROUNDS);
	printf("%-22s %6s %9s %9s %9s %7s %15s %11s %8s\n", "rules of", "rules", "load ms", "ns/event",
	       "floor ns", "ratio", "95 % interval", "candidates", "matches");
	for (size_t i = 0; i < n; i++)
		printf("%-22s %6zu %9.0f %9.0f %9.0f %7.2f   %5.2f to %5.2f %11.2f %8.2f\n",
		       results[i].name, results[i].n_rules, results[i].load_ms, results[i].ns,
		       results[i].floor_ns, results[i].ratio, results[i].ratio_low,
		       results[i].ratio_high, results[i].candidates, results[i].matches);
	printf("\n500 rules cost %.2f times as much as 50\n", ratio_500_to_50);
}

static void print_json(const struct result *results, size_t n, const struct corpus *corpus,
		       double ratio_500_to_50)
{
	json_t *list = json_array(), *top;

	for (size_t i = 0; i < n; i++)
		json_array_append_new(
			list, json_pack("{s:s,s:I,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:f}", "name",
					results[i].name, "rules", (json_int_t)results[i].n_rules,
					"load_ms", results[i].load_ms, "ns_per_event", results[i].ns,
					"floor_ns", results[i].floor_ns, "ratio", results[i].ratio,
					"ratio_low", results[i].ratio_low, "ratio_high",
					results[i].ratio_high, "candidates", results[i].candidates,
					"matches", results[i].matches));
	top = json_pack("{s:s,s:I,s:o,s:f}", "bench", "sigma", "events", (json_int_t)corpus->n,
			"sets", list, "ratio_500_to_50", ratio_500_to_50);
	json_dumpf(top, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(top);
}

int main(int argc, char **argv)
{
	const char *data = getenv("RINGFORT_DATA") ? getenv("RINGFORT_DATA") : "../shared/data";
	bool json = argc > 1 && !strcmp(argv[1], "--json");
	char folder[] = "/tmp/bench-sigma.XXXXXX";
	char archive[4096], linux_rules[4096], events[4096];
	struct corpus corpus = { 0 };
	struct result results[5] = { 0 };
	const char *linux_path = linux_rules;
	double ratio_500_to_50;

	snprintf(archive, sizeof(archive), "%s/sigma-all-other/sigma-rules-not-linux.tar.xz", data);
	snprintf(linux_rules, sizeof(linux_rules), "%s/sigma-linux", data);
	snprintf(events, sizeof(events), "%s/atomics/atomics.json", data);
	if (access(archive, R_OK) || access(events, R_OK)) {
		fprintf(stderr, "bench-sigma: no rules and events in %s: set RINGFORT_DATA\n", data);
		return 77;
	}
	read_events(&corpus, events);
	if (!mkdtemp(folder))
		fail("no temporary folder");
	unpack(archive, folder);
	if (nftw(linux_rules, add_path, 16, FTW_PHYS) || nftw(folder, add_path, 16, FTW_PHYS))
		fail("the rules cannot be listed");
	qsort(paths, n_paths, sizeof(*paths), compare_mixed);

	run(&results[0], "Linux, executions", &corpus, &linux_path, 1, CATEGORY);
	run(&results[1], "Linux, whatever source", &corpus, &linux_path, 1, NULL);
	run(&results[2], "executions, 50", &corpus, (const char *const *)paths, 50, NULL);
	run(&results[3], "executions, 500", &corpus, (const char *const *)paths, 500, NULL);
	run(&results[4], "executions, all", &corpus, (const char *const *)paths, n_paths, NULL);
	ratio_500_to_50 = compare_sizes(&corpus, (const char *const *)paths);
	nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	if (json)
		print_json(results, ARRAY_LENGTH(results), &corpus, ratio_500_to_50);
	else
		print_table(results, ARRAY_LENGTH(results), &corpus, ratio_500_to_50);
	return 0;
}
