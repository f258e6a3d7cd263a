/* SPDX-License-Identifier: Apache-2.0 */
/* ringfort gate - does it decide, what has it decided; let everything through, decide again. */
#include "cli/daemon.h"
#include "cli/table.h"
#include "cli/tree.h"
#include "cli/when.h"

#include "base/cleanup.h"

#include <errno.h>
#include <string.h>

#define ANSWER_WITHIN_S 30

static const struct verb {
	const char *name;
	enum wire_gate value;
	const char *done; /* what is said when it worked; NULL: the answer speaks for itself */
} verbs[] = {
	{ "status", WIRE_GATE_STATE, NULL },
	{ "on", WIRE_GATE_ON, "the gate decides" },
	{ "off", WIRE_GATE_OFF, "the gate lets everything through until 'ringfort gate on'" },
};

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

static unsigned long long number(const json_t *object, const char *name)
{
	return tree_uint(object, name);
}

/* Only where it ever opened itself. */
static void print_late(const struct screen *screen, const json_t *canary)
{
	unsigned long long n = number(canary, "late"), back_in_ms = number(canary, "back_in_ms");
	uint64_t last_ns;
	char date[32];

	if (!n)
		return;
	screen_ink(screen, INK_RED);
	fprintf(screen->file, "it opened itself %llu time%s", n, n == 1 ? "" : "s");
	screen_ink(screen, INK_PLAIN);
	if (when_parse(tree_string(canary, "last"), 0, &last_ns) == 0)
		fprintf(screen->file, ", last %s", when_date(last_ns, date));
	fprintf(screen->file, ": an opener of our own had waited %llu ms for its answer; ", number(canary, "waited_ms"));
	if (back_in_ms)
		fprintf(screen->file, "it decides again in %llu s, or by 'ringfort gate on'\n\n", (back_in_ms + 999) / 1000);
	else
		fputs("since then it decides again\n\n", screen->file);
}

static void print_head(const struct screen *screen, const json_t *gate)
{
	bool open = tree_bool(gate, "open"), disabled = tree_bool(gate, "disabled");
	uint64_t since_ns;
	char date[32];

	screen_ink(screen, open ? INK_RED : INK_PLAIN);
	fputs(disabled ? "DISABLED on the kernel's command line: everything is let through" :
	      open     ? "OPEN: everything is let through" :
			 "the gate decides", screen->file);
	screen_ink(screen, INK_PLAIN);
	fprintf(screen->file, "; file systems guarded: %llu, restarts: %llu", number(gate, "marks"),
		number(gate, "restarts"));
	if (when_parse(tree_string(gate, "since"), 0, &since_ns) == 0)
		fprintf(screen->file, "; counted since %s", when_date(since_ns, date));
	fputs("\n\n", screen->file);
}

static void print_refused(const struct screen *screen, const json_t *refused)
{
	for (size_t i = 0; i < json_array_size(refused); i++) {
		const json_t *place = json_array_get(refused, i);
		const char *path = tree_string(place, "path");

		screen_ink(screen, INK_RED);
		fputs("NOT GUARDED: ", screen->file);
		screen_ink(screen, INK_PLAIN);
		screen_text(screen, path, strlen(path));
		fprintf(screen->file, ": %s\n", tree_string(place, "why"));
	}
	if (json_array_size(refused) > 0)
		fputc('\n', screen->file);
}

/* Only where any is named. */
static void print_scopes(const struct screen *screen, const json_t *scopes)
{
	for (size_t i = 0; i < json_array_size(scopes); i++) {
		const json_t *scope = json_array_get(scopes, i);
		const char *path = tree_string(scope, "path"), *why = tree_string(scope, "why");
		unsigned long long n_folders = number(scope, "folders");

		screen_ink(screen, why[0] ? INK_RED : INK_PLAIN);
		fputs(why[0] ? "opens NOT GUARDED: " : "opens: ", screen->file);
		screen_ink(screen, INK_PLAIN);
		screen_text(screen, path, strlen(path));
		if (tree_bool(scope, "filesystem"))
			fputs(", the whole file system", screen->file);
		else
			fprintf(screen->file, ", %llu folder%s", n_folders, n_folders == 1 ? "" : "s");
		fprintf(screen->file, "%s%s\n", why[0] ? ": " : "", why);
	}
	if (json_array_size(scopes) > 0)
		fputc('\n', screen->file);
}

static void print_numbers(const struct screen *screen, const json_t *gate)
{
	static const struct {
		const char *name, *says;
		enum ink ink; /* when it is not 0 */
	} rows[] = {
		{ "asked", "questions of the kernel", INK_PLAIN },
		{ "at_once", "answered at once: our own, the kernel's, or nobody to ask", INK_PLAIN },
		{ "critical", "of those, what the host needs to live", INK_PLAIN },
		{ "cached", "answered as before", INK_PLAIN },
		{ "decided", "decided by solutions", INK_PLAIN },
		{ "denied", "denied", INK_YELLOW },
		{ "overridden", "denials overridden: the host needs the file", INK_YELLOW },
		{ "expired", "decided by the deadline", INK_RED },
		{ "held", "held for the operator", INK_PLAIN },
		{ "unheld", "not held: too many were, or he did not speak about the last one", INK_YELLOW },
		{ "overflow", "not asked: a file did not open, or memory was short", INK_RED },
		{ "unguarded", "ran without a verdict", INK_RED },
		{ "unanswered", "given up by who asked", INK_PLAIN },
		{ "net_untold", "denied by network rules, and counted for no solution", INK_RED },
		{ "pending", "waiting now", INK_PLAIN },
		{ "holding", "of those, held: 'ringfort hold' lists them", INK_YELLOW },
	};
	_cleanup_(table_freep) struct table *table = table_new(">N WHAT");

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned long long n = number(gate, rows[i].name);

		table_cell(table, n ? rows[i].ink : INK_PLAIN, "%llu", n);
		table_cell(table, INK_PLAIN, "%s", rows[i].says);
	}
	table_print(table, screen);
	fputc('\n', screen->file);
}

/* Only kinds that something becomes of. */
static void print_outside(const struct screen *screen, const json_t *outside)
{
	static const struct {
		const char *name, *says;
	} kinds[] = {
		{ "memfd", "in memory (memfd)" },
		{ "user_mount", "on file systems that were mounted in a user namespace" },
		{ "elsewhere", "on file systems that are not guarded, and not what root alone could make" },
	};
	_cleanup_(table_freep) struct table *table = table_new("OUTSIDE >SEEN >KILLED >STOPPED >DENIED >UNJUDGED WHAT");
	size_t n_rows = 0;
	bool stops = false;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const json_t *kind = json_object_get(outside, kinds[i].name);
		const char *policy = tree_string(kind, "policy");
		bool kill = strcmp(policy, "kill") == 0, stop = strcmp(policy, "stop") == 0;
		bool can = kill ? tree_bool(outside, "can_kill") : !stop || tree_bool(outside, "can_stop");

		if (!kill && !stop && strcmp(policy, "report") != 0)
			continue;
		n_rows++;
		stops |= stop;
		table_cell(table, can ? INK_PLAIN : INK_RED, "%s", policy);
		table_cell(table, INK_PLAIN, "%llu", number(kind, "seen"));
		table_cell(table, number(kind, "killed") ? INK_YELLOW : INK_PLAIN, "%llu", number(kind, "killed"));
		table_cell(table, INK_PLAIN, "%llu", number(kind, "stopped"));
		table_cell(table, number(kind, "denied") ? INK_YELLOW : INK_PLAIN, "%llu", number(kind, "denied"));
		table_cell(table, number(kind, "unjudged") ? INK_RED : INK_PLAIN, "%llu", number(kind, "unjudged"));
		table_cell(table, INK_PLAIN, "%s", kinds[i].says);
	}
	if (!n_rows)
		return;
	table_print(table, screen);
	if (!tree_bool(outside, "can_kill"))
		fputs("this kernel lets nobody be killed before he runs: they are only counted\n", screen->file);
	else if (stops && !tree_bool(outside, "can_stop"))
		fputs("in a container nobody is stopped: they are only counted\n", screen->file);
	fputc('\n', screen->file);
}

static void state_cell(struct table *table, const json_t *solution)
{
	if (tree_bool(solution, "demoted"))
		table_cell(table, INK_RED, "demoted");
	else if (json_array_size(json_object_get(solution, "acts")) == 0 && number(solution, "net_rules"))
		table_cell(table, INK_GREEN, "rules");
	else if (json_array_size(json_object_get(solution, "acts")) == 0)
		table_cell(table, INK_DIM, "left");
	else
		table_cell(table, INK_GREEN, "asked");
}

static void acts_cell(struct table *table, const json_t *acts)
{
	char text[128] = "";

	for (size_t i = 0; i < json_array_size(acts); i++) {
		const char *act = json_string_value(json_array_get(acts, i));
		size_t used = strlen(text);

		snprintf(text + used, sizeof(text) - used, "%s%s", used ? "," : "", act ? act : "");
	}
	table_cell(table, INK_PLAIN, "%s", text[0] ? text : "-");
}

static void print_solutions(const struct screen *screen, const json_t *solutions)
{
	static const struct {
		const char *name;
		enum ink ink;
	} counts[] = {
		{ "asked", INK_PLAIN }, { "allowed", INK_PLAIN }, { "denied", INK_YELLOW }, { "late", INK_RED },
		{ "full", INK_RED },	{ "gone", INK_RED },	  { "after", INK_PLAIN },   { "wrong", INK_RED },
		{ "self_harm", INK_RED },
	};
	_cleanup_(table_freep) struct table *table = table_new(
		"SOLUTION STATE ACTS MODE MISS >ASKED >ALLOWED >DENIED >LATE >FULL >GONE >AFTER >WRONG >SELF-HARM");

	for (size_t i = 0; i < json_array_size(solutions); i++) {
		const json_t *solution = json_array_get(solutions, i);

		table_cell(table, INK_BOLD, "%s", tree_string(solution, "name"));
		state_cell(table, solution);
		acts_cell(table, json_object_get(solution, "acts"));
		table_cell(table, INK_PLAIN, "%s", tree_string(solution, "mode"));
		table_cell(table, INK_PLAIN, "%s", tree_string(solution, "miss"));
		for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++) {
			unsigned long long n = number(solution, counts[c].name);

			table_cell(table, n ? counts[c].ink : INK_PLAIN, "%llu", n);
		}
	}
	if (json_array_size(solutions) == 0)
		fputs("  no solution takes part\n", screen->file);
	table_print(table, screen);
}

/* Only where there are any. */
static void print_shown(const struct screen *screen, const json_t *solutions)
{
	_cleanup_(table_freep) struct table *table = table_new("SOLUTION >SHOWN >NOT-SHOWN");
	size_t n_rows = 0;

	for (size_t i = 0; i < json_array_size(solutions); i++) {
		const json_t *solution = json_array_get(solutions, i);
		unsigned long long unshown = number(solution, "unshown");

		if (!number(solution, "shown") && !unshown)
			continue;
		n_rows++;
		table_cell(table, INK_BOLD, "%s", tree_string(solution, "name"));
		table_cell(table, INK_PLAIN, "%llu", number(solution, "shown"));
		table_cell(table, unshown ? INK_RED : INK_PLAIN, "%llu", unshown);
	}
	if (!n_rows)
		return;
	fputc('\n', screen->file);
	table_print(table, screen);
}

/* Only where there are any. */
static void print_net(const struct screen *screen, const json_t *solutions)
{
	static const char *const counts[] = { "net_rules", "net_denied", "net_shadow", "net_refused" };
	_cleanup_(table_freep) struct table *table = table_new("SOLUTION >NET-RULES >DENIED >IN-SHADOW >REFUSED");
	size_t n_rows = 0;

	for (size_t i = 0; i < json_array_size(solutions); i++) {
		const json_t *solution = json_array_get(solutions, i);
		unsigned long long sum = 0;

		for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++)
			sum += number(solution, counts[c]);
		if (!sum)
			continue;
		n_rows++;
		table_cell(table, INK_BOLD, "%s", tree_string(solution, "name"));
		for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++)
			table_cell(table, INK_PLAIN, "%llu", number(solution, counts[c]));
	}
	if (!n_rows)
		return;
	fputc('\n', screen->file);
	table_print(table, screen);
}

static bool all_well(const json_t *gate)
{
	const json_t *solutions = json_object_get(gate, "solutions"), *scopes = json_object_get(gate, "scopes");

	for (size_t i = 0; i < json_array_size(solutions); i++)
		if (tree_bool(json_array_get(solutions, i), "demoted"))
			return false;
	for (size_t i = 0; i < json_array_size(scopes); i++)
		if (tree_string(json_array_get(scopes, i), "why")[0])
			return false;
	return !tree_bool(gate, "open") && json_array_size(json_object_get(gate, "refused")) == 0;
}

static int on_packet(struct cli *cli, const struct packet *packet, void *context)
{
	json_t *gate;
	int code;

	if (packet->kind != WIRE_JSON)
		return CLI_OK;
	gate = tree_parse(packet->data, packet->size);
	if (!gate)
		return daemon_complain(cli->socket, -EBADMSG);
	if (cli->options->given & OPTION_BIT(JSON)) {
		fwrite(packet->data, 1, packet->size, cli->out.file);
		fputc('\n', cli->out.file);
	} else {
		print_head(&cli->out, gate);
		print_late(&cli->out, json_object_get(gate, "canary"));
		print_refused(&cli->out, json_object_get(gate, "refused"));
		print_scopes(&cli->out, json_object_get(gate, "scopes"));
		print_numbers(&cli->out, gate);
		print_outside(&cli->out, json_object_get(gate, "outside"));
		print_solutions(&cli->out, json_object_get(gate, "solutions"));
		print_shown(&cli->out, json_object_get(gate, "solutions"));
		print_net(&cli->out, json_object_get(gate, "solutions"));
	}
	code = all_well(gate) ? CLI_OK : CLI_FAILED;
	json_decref(gate);
	return code;
}

static void tell_done(struct cli *cli, const struct verb *verb)
{
	if (cli->options->given & OPTION_BIT(JSON))
		fprintf(cli->out.file, "{\"open\":%s}\n", verb->value == WIRE_GATE_OFF ? "true" : "false");
	else
		fprintf(cli->out.file, "%s\n", verb->done);
}

int command_gate(struct cli *cli)
{
	const char *word = cli->options->n_words > 1 ? cli->options->words[1] : "status";
	struct wire_request request = { .operation = WIRE_GATE };
	const struct verb *verb = find_verb(word);
	int code;

	if (!verb)
		return cli_usage("'ringfort gate' knows status, on and off, not '%s'", word);
	request.value = verb->value;
	code = daemon_ask(cli, request, ANSWER_WITHIN_S, on_packet, NULL);
	if (code == CLI_OK && verb->done)
		tell_done(cli, verb);
	return code;
}
