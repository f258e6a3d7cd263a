/* SPDX-License-Identifier: Apache-2.0 */
/* ringfort why - what was decided about a file or a process, by whom and for which reasons. */
#include "cli/daemon.h"
#include "cli/table.h"
#include "cli/tree.h"
#include "cli/when.h"

#include "base/cleanup.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_WITHIN_S 10

static enum ink answer_ink(const char *answer)
{
	if (strstr(answer, "deny"))
		return INK_RED;
	return strstr(answer, "allow") ? INK_GREEN : INK_YELLOW;
}

static void put_text(const struct screen *screen, const char *text)
{
	screen_text(screen, text, strlen(text));
}

static void print_hold(const struct screen *screen, const json_t *hold)
{
	if (!json_is_object(hold))
		return;
	fprintf(screen->file, ", held for %.1f s (#%llu): ", (double)tree_uint(hold, "us") / 1e6,
		(unsigned long long)tree_uint(hold, "id"));
	put_text(screen, tree_string(hold, "end"));
}

/* 2024-07-19 04:09:00 deny process.exec /tmp/x: pid 4711, verdict #17, 312 us */
static void print_head(const struct screen *screen, const json_t *entry)
{
	const char *verdict = tree_string(entry, "verdict"), *path = tree_string(entry, "path");
	uint64_t time_ns;
	char date[32];

	if (when_parse(tree_string(entry, "time"), 0, &time_ns) < 0)
		time_ns = 0;
	fprintf(screen->file, "%s ", when_date(time_ns, date));
	screen_ink(screen, answer_ink(verdict));
	put_text(screen, verdict);
	screen_ink(screen, INK_PLAIN);
	fputc(' ', screen->file);
	put_text(screen, tree_string(entry, "act"));
	fputc(' ', screen->file);
	screen_word(screen, path, strlen(path));
	fprintf(screen->file, ": pid %llu, verdict #%llu, %llu us",
		(unsigned long long)tree_uint(entry, "pid"), (unsigned long long)tree_uint(entry, "verdict_id"),
		(unsigned long long)tree_uint(entry, "us"));
	if (tree_bool(entry, "cached"))
		fprintf(screen->file, ", from the cache (verdict #%llu)",
			(unsigned long long)tree_uint(entry, "cached_from"));
	print_hold(screen, json_object_get(entry, "hold"));
	if (tree_bool(entry, "overridden"))
		fputs(", a denial was overridden: the host needs this file", screen->file);
	if (tree_bool(entry, "stopped"))
		fputs(", its process was stopped before its first instruction", screen->file);
	if (tree_bool(entry, "foreign_ns"))
		fputs(", the path is of another mount namespace", screen->file);
	fputc('\n', screen->file);
}

static void print_reasons(const struct screen *screen, const json_t *entry)
{
	_cleanup_(table_freep) struct table *table = table_new("SOLUTION ANSWER >US MODE MISS >GENERATION");
	const json_t *reasons = json_object_get(entry, "reasons");
	size_t n = json_array_size(reasons);
	uint64_t n_voices = tree_uint(entry, "n_voices");

	for (size_t i = 0; i < n; i++) {
		const json_t *reason = json_array_get(reasons, i);
		const char *answer = tree_string(reason, "answer");

		table_cell(table, INK_BOLD, "%s", tree_string(reason, "solution"));
		table_cell(table, answer_ink(answer), "%s", answer);
		table_cell(table, INK_PLAIN, "%llu", (unsigned long long)tree_uint(reason, "us"));
		table_cell(table, INK_PLAIN, "%s", tree_string(reason, "mode"));
		table_cell(table, INK_PLAIN, "%s", tree_string(reason, "miss"));
		table_cell(table, INK_PLAIN, "%llu", (unsigned long long)tree_uint(reason, "generation"));
	}
	table_print(table, screen);
	if (n_voices > n)
		fprintf(screen->file, "  and %llu more\n", (unsigned long long)(n_voices - n));
	else if (n == 0 && tree_bool(entry, "cached"))
		fputs("  the verdict that it came from is not kept any more\n", screen->file);
	else if (n == 0)
		fputs("  no solution was asked\n", screen->file);
}

static int on_packet(struct cli *cli, const struct packet *packet, void *context)
{
	json_t *entry;

	if (packet->kind != WIRE_JSON)
		return CLI_OK;
	entry = tree_parse(packet->data, packet->size);
	if (!entry)
		return daemon_complain(cli->socket, -EBADMSG);
	if (cli->options->given & OPTION_BIT(JSON)) {
		fwrite(packet->data, 1, packet->size, cli->out.file);
		fputc('\n', cli->out.file);
	} else {
		print_head(&cli->out, entry);
		print_reasons(&cli->out, entry);
	}
	json_decref(entry);
	return CLI_OK;
}

/* Append one component of a path; "." and "" add nothing, ".." takes the last one away. */
static int add_component(char path[WIRE_PATH_MAX], const char *component, size_t n)
{
	size_t used = strlen(path);

	if (n == 0 || (n == 1 && component[0] == '.'))
		return 0;
	if (n == 2 && memcmp(component, "..", 2) == 0) {
		char *slash = strrchr(path, '/');

		if (slash)
			*slash = '\0';
		return 0;
	}
	if (used + 1 + n >= WIRE_PATH_MAX)
		return -ENAMETOOLONG;
	path[used] = '/';
	memcpy(path + used + 1, component, n);
	path[used + 1 + n] = '\0';
	return 0;
}

/*
 * The name from the root on.  Links are not followed: what was decided is kept under the name that it had
 * then, and the file may be gone.
 */
static int make_absolute(const char *word, char path[WIRE_PATH_MAX])
{
	char folder[PATH_MAX] = "";
	const char *const parts[] = { folder, word };

	path[0] = '\0';
	if (word[0] != '/' && !getcwd(folder, sizeof(folder)))
		return -errno;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		for (const char *at = parts[i]; *at;) {
			size_t n = strcspn(at, "/");

			if (add_component(path, at, n) < 0)
				return -ENAMETOOLONG;
			at += n + (at[n] == '/');
		}
	}
	if (!path[0])
		strcpy(path, "/");
	return 0;
}

static int parse_subject(const struct options *options, struct wire_request *request)
{
	const char *word = options->words[1];
	bool hash = word[0] == '#', id = hash || options->given & OPTION_BIT(ID);
	int r;

	if (id && (!parse_number(word + hash, &request->value) || request->value == 0))
		return cli_usage("'%s' is no id of a verdict: those are numbers from 1 upwards", word);
	if (id) {
		request->flags = WIRE_BY_ID;
		return CLI_OK;
	}
	if (word[strspn(word, "0123456789")] == '\0') {
		if (!parse_number(word, &request->value) || request->value == 0 || request->value > INT_MAX)
			return cli_usage("there can be no process %s; if it is a verdict, say --id, if a file, "
					 "./%s", word, word);
		request->flags = WIRE_BY_PID;
		return CLI_OK;
	}
	r = make_absolute(word, request->path);
	if (r < 0)
		return cli_usage("%s: '%s' cannot be the path of a file", strerror(-r), word);
	return CLI_OK;
}

int command_why(struct cli *cli)
{
	struct wire_request request = { .operation = WIRE_WHY };
	int code;

	if (cli->options->n_words < 2 || !cli->options->words[1][0])
		return cli_usage("'ringfort why' needs the PATH of a file, a PID, or the id of a verdict with --id");
	code = parse_subject(cli->options, &request);
	if (code != CLI_OK)
		return code;
	return daemon_ask(cli, request, ANSWER_WITHIN_S, on_packet, NULL);
}
