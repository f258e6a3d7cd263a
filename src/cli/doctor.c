/* SPDX-License-Identifier: Apache-2.0 */
/* ringfort doctor - what can be seen on this kernel, proved by a self-test. */
#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/daemon.h"
#include "cli/table.h"
#include "cli/tree.h"

#include <errno.h>
#include <string.h>

/* Every type is performed and awaited: some seconds, more on a busy machine. */
#define ANSWER_WITHIN_S 120

static enum ink level_ink(const char *level)
{
	if (strcmp(level, "unavailable") == 0)
		return INK_RED;
	return strncmp(level, "block", 5) == 0 ? INK_GREEN : INK_PLAIN;
}

static enum ink selftest_ink(const char *selftest)
{
	if (strcmp(selftest, "passed") == 0)
		return INK_GREEN;
	return strcmp(selftest, "failed") == 0 ? INK_RED : INK_YELLOW;
}

static void print_types(const struct screen *screen, const json_t *types)
{
	_cleanup_(table_freep) struct table *table = table_new("TYPE LEVEL SELF-TEST HOOK WHY-NOT-BETTER");

	for (size_t i = 0; i < json_array_size(types); i++) {
		const json_t *type = json_array_get(types, i);
		const char *level = tree_string(type, "level");
		const char *selftest = tree_string(type, "selftest");

		table_cell(table, INK_BOLD, "%s", tree_string(type, "name"));
		table_cell(table, level_ink(level), "%s", level);
		table_cell(table, selftest_ink(selftest), "%s", selftest);
		table_cell(table, INK_PLAIN, "%s", tree_string(type, "hook"));
		table_cell(table, INK_DIM, "%s", tree_string(type, "why"));
	}
	table_print(table, screen);
}

static void print_blocking(const struct screen *screen, const json_t *rows)
{
	_cleanup_(table_freep) struct table *table = table_new("ACT NOW POSSIBLE WHY-NOT-BETTER");

	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i);
		const char *now = tree_string(row, "level"), *possible = tree_string(row, "possible");

		table_cell(table, INK_BOLD, "%s", tree_string(row, "act"));
		table_cell(table, level_ink(now), "%s", now);
		table_cell(table, level_ink(possible), "%s", possible);
		table_cell(table, INK_DIM, "%s", tree_string(row, "why"));
	}
	fputc('\n', screen->file);
	table_print(table, screen);
}

static void print_kernel(const struct screen *screen, const json_t *kernel)
{
	unsigned long long map_bytes = tree_uint(kernel, "map_bytes");

	fprintf(screen->file,
		"\nin the kernel: %llu programs with %llu instructions, %llu KiB of maps;\n"
		"of vendors: %llu programs, %llu bytes of content\n",
		(unsigned long long)tree_uint(kernel, "programs"),
		(unsigned long long)tree_uint(kernel, "instructions"), (map_bytes + 1023) / 1024,
		(unsigned long long)tree_uint(kernel, "vendor_programs"),
		(unsigned long long)tree_uint(kernel, "content_bytes"));
}

/* Whether anything is blocked at all, whatever the table says. */
static void print_gate(const struct screen *screen, const char *state)
{
	static const struct {
		const char *state, *says;
		enum ink ink;
	} states[] = {
		{ "decides", "decides", INK_GREEN },
		{ "none", "none: no file system is guarded, nothing is blocked", INK_PLAIN },
		{ "open", "OPEN by 'ringfort gate off': nothing is blocked", INK_RED },
		{ "late", "OPEN by itself, as it did not answer ('ringfort gate' tells more): nothing is blocked", INK_RED },
		{ "disabled", "DISABLED on the kernel's command line: nothing is blocked", INK_RED },
	};

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		if (strcmp(states[i].state, state) != 0)
			continue;
		fputs("\ngate: ", screen->file);
		screen_ink(screen, states[i].ink);
		fprintf(screen->file, "%s\n", states[i].says);
		screen_ink(screen, INK_PLAIN);
	}
}

static void print_tamper(const struct screen *screen, const json_t *kinds)
{
	_cleanup_(table_freep) struct table *table = table_new("TAMPERING SEEN HEALED COUNT STILL-POSSIBLE");

	for (size_t i = 0; i < json_array_size(kinds); i++) {
		const json_t *kind = json_array_get(kinds, i);
		bool seen = json_is_true(json_object_get(kind, "seen"));
		bool healed = json_is_true(json_object_get(kind, "healed"));
		unsigned long long n = tree_uint(kind, "n_seen");

		table_cell(table, INK_BOLD, "%s", tree_string(kind, "what"));
		table_cell(table, seen ? INK_GREEN : INK_RED, "%s", seen ? "yes" : "no");
		table_cell(table, healed ? INK_GREEN : INK_YELLOW, "%s", healed ? "yes" : "no");
		table_cell(table, n ? INK_RED : INK_PLAIN, "%llu", n);
		table_cell(table, INK_DIM, "%s", tree_string(kind, "why_not"));
	}
	fputc('\n', screen->file);
	table_print(table, screen);
}

static bool any_failed(const json_t *types)
{
	for (size_t i = 0; i < json_array_size(types); i++)
		if (strcmp(tree_string(json_array_get(types, i), "selftest"), "failed") == 0)
			return true;
	return false;
}

static int on_packet(struct cli *cli, const struct packet *packet, void *context)
{
	const json_t *types;
	json_t *report;
	int code;

	if (packet->kind != WIRE_JSON)
		return CLI_OK;
	report = tree_parse(packet->data, packet->size);
	if (!report)
		return daemon_complain(cli->socket, -EBADMSG);
	types = json_object_get(report, "types");
	if (cli->options->given & OPTION_BIT(JSON)) {
		fwrite(packet->data, 1, packet->size, cli->out.file);
		fputc('\n', cli->out.file);
	} else {
		print_types(&cli->out, types);
		print_blocking(&cli->out, json_object_get(report, "blocking"));
		print_gate(&cli->out, tree_string(report, "gate"));
		print_kernel(&cli->out, json_object_get(report, "kernel"));
		print_tamper(&cli->out, json_object_get(report, "tamper"));
	}
	code = any_failed(types) ? CLI_FAILED : CLI_OK;
	json_decref(report);
	return code;
}

int command_doctor(struct cli *cli)
{
	struct wire_request request = { .operation = WIRE_DOCTOR };

	return daemon_ask(cli, request, ANSWER_WITHIN_S, on_packet, NULL);
}
