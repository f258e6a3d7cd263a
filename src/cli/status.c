/* SPDX-License-Identifier: Apache-2.0 */
/* ringfort status - is everything well? */
#include "cli/status.h"

#include "base/cleanup.h"
#include "cli/daemon.h"
#include "cli/table.h"
#include "cli/when.h"

#include <errno.h>
#include <string.h>

#define ANSWER_WITHIN_S 10

static enum ink state_ink(const char *state)
{
	if (strcmp(state, "active") == 0)
		return INK_GREEN;
	if (strcmp(state, "suspended") == 0 || strcmp(state, "quarantined") == 0)
		return INK_RED;
	return INK_YELLOW;
}

/* The reason of the state, and of the restart before it: "proven; before: killed by SIGSEGV". */
static void why_cell(struct table *table, const json_t *solution)
{
	const char *why = tree_string(solution, "why");
	const char *last_fault = tree_string(solution, "last_fault");

	if (last_fault[0] && strcmp(last_fault, why) != 0)
		table_cell(table, INK_PLAIN, "%s; before: %s", why, last_fault);
	else
		table_cell(table, INK_PLAIN, "%s", why);
}

static void number_cell(struct table *table, enum ink ink, uint64_t number)
{
	table_cell(table, ink, "%llu", (unsigned long long)number);
}

static enum ink lost_ink(uint64_t lost)
{
	return lost ? INK_RED : INK_PLAIN;
}

void status_print_solutions(const struct screen *screen, const json_t *solutions)
{
	_cleanup_(table_freep) struct table *table =
		table_new("SOLUTION STATE >PID >RESTARTS >DELIVERED >LOST >FINDINGS WHY");

	for (size_t i = 0; i < json_array_size(solutions); i++) {
		const json_t *solution = json_array_get(solutions, i);
		const char *state = tree_string(solution, "state");
		uint64_t lost = tree_uint(solution, "lost"), pid = tree_uint(solution, "pid");

		table_cell(table, INK_BOLD, "%s", tree_string(solution, "name"));
		table_cell(table, state_ink(state), "%s", state);
		if (pid)
			number_cell(table, INK_PLAIN, pid);
		else
			table_cell(table, INK_PLAIN, "-");
		number_cell(table, INK_PLAIN, tree_uint(solution, "restarts"));
		number_cell(table, INK_PLAIN, tree_uint(solution, "delivered"));
		number_cell(table, lost_ink(lost), lost);
		number_cell(table, INK_PLAIN, tree_uint(solution, "findings"));
		why_cell(table, solution);
	}
	if (json_array_size(solutions) == 0)
		fputs("  no solutions\n", screen->file);
	table_print(table, screen);
}

static void print_types(const struct screen *screen, json_t *types)
{
	_cleanup_(table_freep) struct table *table = table_new("TYPE >PERFORMED >LOST");
	const char *name;
	json_t *type;

	json_object_foreach(types, name, type) {
		uint64_t lost = tree_uint(type, "lost");

		table_cell(table, INK_PLAIN, "%s", name);
		number_cell(table, INK_PLAIN, tree_uint(type, "performed"));
		number_cell(table, lost_ink(lost), lost);
	}
	table_print(table, screen);
}

/* First of all: the one figure that must be 0. */
static void print_lost(const struct screen *screen, const json_t *events)
{
	uint64_t lost = tree_uint(events, "lost"), performed = tree_uint(events, "performed");

	if (lost) {
		screen_ink(screen, INK_RED);
		fprintf(screen->file, "LOST %llu of %llu events\n", (unsigned long long)lost,
			(unsigned long long)performed);
		screen_ink(screen, INK_PLAIN);
	} else {
		fprintf(screen->file, "lost nothing of %llu events\n", (unsigned long long)performed);
	}
}

/* Somebody waits for whoever reads this. */
static void print_holding(const struct screen *screen, uint64_t n)
{
	if (!n)
		return;
	screen_ink(screen, INK_YELLOW);
	fprintf(screen->file, "gate: %llu held for you; 'ringfort hold' lists them\n", (unsigned long long)n);
	screen_ink(screen, INK_PLAIN);
}

/* Nothing where nothing is guarded. */
static void print_gate(const struct screen *screen, const json_t *gate)
{
	if (tree_bool(gate, "disabled")) {
		screen_ink(screen, INK_RED);
		fputs("gate DISABLED on the kernel's command line: everything is let through\n", screen->file);
		screen_ink(screen, INK_PLAIN);
	} else if (tree_bool(gate, "open")) {
		screen_ink(screen, INK_RED);
		fputs("gate OPEN: everything is let through; 'ringfort gate on' decides again\n", screen->file);
		screen_ink(screen, INK_PLAIN);
	} else if (tree_uint(gate, "marks")) {
		fprintf(screen->file,
			"gate: %llu denied, %llu decided by the deadline, %llu waiting; file systems guarded: %llu, "
			"restarts: %llu\n",
			(unsigned long long)tree_uint(gate, "denied"),
			(unsigned long long)tree_uint(gate, "expired"),
			(unsigned long long)tree_uint(gate, "pending"),
			(unsigned long long)tree_uint(gate, "marks"),
			(unsigned long long)tree_uint(gate, "restarts"));
		print_holding(screen, tree_uint(gate, "holding"));
	}
}

static void print_status(const struct screen *screen, const json_t *status)
{
	const json_t *daemon = json_object_get(status, "daemon");
	const json_t *events = json_object_get(status, "events");
	bool healthy = tree_bool(status, "healthy");
	const char *version = tree_string(daemon, "version");
	char span[32];

	print_lost(screen, events);
	fputs("ringfortd ", screen->file);
	screen_text(screen, version, strlen(version));
	fprintf(screen->file, ", pid %llu, up %s: ", (unsigned long long)tree_uint(daemon, "pid"),
		when_span(tree_uint(daemon, "uptime_s"), span));
	screen_ink(screen, healthy ? INK_GREEN : INK_YELLOW);
	fputs(healthy ? "healthy\n" : "degraded\n", screen->file);
	screen_ink(screen, INK_PLAIN);
	print_gate(screen, json_object_get(status, "gate"));
	fputc('\n', screen->file);
	status_print_solutions(screen, json_object_get(status, "solutions"));
	fputc('\n', screen->file);
	print_types(screen, json_object_get(events, "types"));
}

static int on_packet(struct cli *cli, const struct packet *packet, void *context)
{
	json_t *status;
	bool healthy;

	if (packet->kind != WIRE_JSON)
		return CLI_OK;
	status = tree_parse(packet->data, packet->size);
	if (!status)
		return daemon_complain(cli->socket, -EBADMSG);
	if (cli->options->given & OPTION_BIT(JSON)) {
		fwrite(packet->data, 1, packet->size, cli->out.file);
		fputc('\n', cli->out.file);
	} else {
		print_status(&cli->out, status);
	}
	healthy = tree_bool(status, "healthy");
	json_decref(status);
	return healthy ? CLI_OK : CLI_FAILED;
}

int command_status(struct cli *cli)
{
	struct wire_request request = { .operation = WIRE_STATUS };

	return daemon_ask(cli, request, ANSWER_WITHIN_S, on_packet, NULL);
}
