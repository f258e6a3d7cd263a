/* SPDX-License-Identifier: Apache-2.0 */
/* ringfort critical - what this host needs to live: as ringfortd holds it, or as it is found now. */
#include "cli/daemon.h"
#include "cli/table.h"
#include "cli/tree.h"

#include "base/cleanup.h"
#include "gate/critical.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#define ANSWER_WITHIN_MS 10000
#define HOST "host"

/* ---- from the host --------------------------------------------------------------------------------- */

static json_t *row_of(const struct critical_entry *entry)
{
	return json_pack("{ssssssss sI sI sb}", "path", entry->path, "reason", entry->reason, "state",
			 critical_state_name(entry->state), "error", entry->error ? strerror(entry->error) : "", "dev",
			 (json_int_t)entry->dev, "ino", (json_int_t)entry->ino, "scripts", (int)entry->scripts);
}

/* In the very form in which ringfortd tells it. */
static json_t *look(void)
{
	static struct critical_set set;
	json_t *rows = json_array();

	/* Cannot fail: there are no rows but its own. */
	critical_load(&set, NULL, 0);
	for (uint32_t i = 0; i < set.n_entries; i++)
		json_array_append_new(rows, row_of(&set.entries[i]));
	return json_pack("{sI ss sI so}", "version", (json_int_t)set.version, "from", HOST, "files",
			 (json_int_t)set.n_files, "rows", rows);
}

/* ---- from ringfortd ---------------------------------------------------------------------------------- */

/* Its next packet, or false: it has none in time. */
static bool next_packet(struct daemon *daemon, struct packet *packet)
{
	struct pollfd readable = { .fd = daemon_fd(daemon), .events = POLLIN };
	int r;

	while ((r = daemon_next(daemon, packet)) == -EAGAIN)
		if (poll(&readable, 1, ANSWER_WITHIN_MS) <= 0)
			return false;
	return r == 1;
}

/* NULL, silently, when it is not there, may not be asked, is of another version or has no gate. */
static json_t *ask(const struct cli *cli)
{
	_cleanup_(daemon_closep) struct daemon *daemon = NULL;
	struct wire_request request = { .operation = WIRE_CRITICAL };
	struct packet packet;

	if (daemon_open(cli->socket, request, &daemon) < 0)
		return NULL;
	if (!next_packet(daemon, &packet) || packet.kind != WIRE_JSON)
		return NULL;
	return tree_parse(packet.data, packet.size);
}

/* ---- told ------------------------------------------------------------------------------------------------ */

static bool has_state(const json_t *row, uint32_t state)
{
	return strcmp(tree_string(row, "state"), critical_state_name(state)) == 0;
}

static bool is_refused(const json_t *row)
{
	return !has_state(row, CRITICAL_MATCHED) && !has_state(row, CRITICAL_MISSING);
}

static void print_head(const struct screen *screen, const json_t *set)
{
	bool host = strcmp(tree_string(set, "from"), HOST) == 0;

	fprintf(screen->file, "critical set, version %llu: %llu files, %s\n\n",
		(unsigned long long)tree_uint(set, "version"), (unsigned long long)tree_uint(set, "files"),
		host ? "as this host has them now; no gate of a ringfortd could be asked" : "as ringfortd holds them");
}

static void state_cell(struct table *table, const json_t *row)
{
	const char *error = tree_string(row, "error");
	enum ink ink = is_refused(row) ? INK_RED : has_state(row, CRITICAL_MISSING) ? INK_DIM : INK_GREEN;

	table_cell(table, ink, "%s%s%s", tree_string(row, "state"), error[0] ? ": " : "", error);
}

static void file_cell(struct table *table, const json_t *row)
{
	uint64_t dev = tree_uint(row, "dev"), ino = tree_uint(row, "ino");

	if (ino)
		table_cell(table, INK_PLAIN, "%u:%u/%llu", (unsigned int)(dev >> 20), (unsigned int)(dev & 0xfffff),
			   (unsigned long long)ino);
	else
		table_cell(table, INK_DIM, "-");
}

static void print_rows(const struct screen *screen, const json_t *rows)
{
	_cleanup_(table_freep) struct table *table = table_new("PATH STATE DEVICE/INODE REASON");

	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i);

		table_cell(table, INK_BOLD, "%s%s", tree_string(row, "path"), tree_bool(row, "scripts") ? "/ (scripts)" : "");
		state_cell(table, row);
		file_cell(table, row);
		table_cell(table, INK_PLAIN, "%s", tree_string(row, "reason"));
	}
	table_print(table, screen);
}

static int tell(struct cli *cli, const json_t *set)
{
	const json_t *rows = json_object_get(set, "rows");

	if (cli->options->given & OPTION_BIT(JSON)) {
		json_dumpf(set, cli->out.file, JSON_COMPACT);
		fputc('\n', cli->out.file);
	} else {
		print_head(&cli->out, set);
		print_rows(&cli->out, rows);
	}
	for (size_t i = 0; i < json_array_size(rows); i++)
		if (is_refused(json_array_get(rows, i)))
			return CLI_FAILED;
	return CLI_OK;
}

int command_critical(struct cli *cli)
{
	const char *word = cli->options->n_words > 1 ? cli->options->words[1] : "list";
	json_t *set;
	int code;

	if (strcmp(word, "list") != 0)
		return cli_usage("'ringfort critical' knows list, not '%s'", word);
	set = ask(cli);
	if (!set)
		set = look();
	if (!set)
		return daemon_complain(cli->socket, -ENOMEM);
	code = tell(cli, set);
	json_decref(set);
	return code;
}
