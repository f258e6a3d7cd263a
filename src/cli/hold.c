/* SPDX-License-Identifier: Apache-2.0 */
/* ringfort hold - who waits for the operator at the gate, and his word about one of them. */
#include "cli/daemon.h"
#include "cli/table.h"
#include "cli/tree.h"

#include "base/cleanup.h"

#include <errno.h>
#include <string.h>

#define ANSWER_WITHIN_S 30

static const struct verb {
	const char *name;
	uint32_t flags;
	const char *done; /* what was done; NULL: the list */
} verbs[] = {
	{ "list", 0, NULL },
	{ "allow", WIRE_ALLOW, "allowed" },
	{ "deny", WIRE_DENY, "denied" },
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

/* For whom it waited in vain: who enforces and has said nothing. */
static void missing_cell(struct table *table, const json_t *reasons)
{
	char text[256] = "";

	for (size_t i = 0; i < json_array_size(reasons); i++) {
		const json_t *reason = json_array_get(reasons, i);
		size_t used = strlen(text);

		if (strcmp(tree_string(reason, "mode"), "enforce") != 0 || strstr(tree_string(reason, "answer"), "allow"))
			continue;
		snprintf(text + used, sizeof(text) - used, "%s%s", used ? "," : "", tree_string(reason, "solution"));
	}
	table_cell(table, INK_BOLD, "%s", text[0] ? text : "-");
}

static void add_row(struct table *table, const json_t *held)
{
	const char *then = tree_string(held, "then");

	table_cell(table, INK_BOLD, "%llu", number(held, "hold_id"));
	table_cell(table, INK_PLAIN, "%.1f s", (double)number(held, "left_ms") / 1e3);
	table_cell(table, strcmp(then, "deny") == 0 ? INK_RED : INK_GREEN, "%s", then);
	missing_cell(table, json_object_get(held, "reasons"));
	table_cell(table, INK_PLAIN, "%llu", number(held, "pid"));
	table_cell(table, INK_PLAIN, "%s", tree_string(held, "act"));
	table_cell(table, INK_PLAIN, "%s%s", tree_string(held, "path"),
		   tree_bool(held, "foreign_ns") ? " (of another mount namespace)" : "");
}

static void print_decided(const struct screen *screen, const json_t *verdict, const char *done)
{
	const char *path = tree_string(verdict, "path");

	fprintf(screen->file, "%s %s ", done, tree_string(verdict, "act"));
	screen_word(screen, path, strlen(path));
	fprintf(screen->file, " of pid %llu, verdict #%llu\n", number(verdict, "pid"), number(verdict, "verdict_id"));
}

struct answer {
	const struct verb *verb;
	struct table *table;
	size_t n_rows;
};

static int on_packet(struct cli *cli, const struct packet *packet, void *context)
{
	struct answer *answer = context;
	json_t *tree;

	if (packet->kind != WIRE_JSON)
		return CLI_OK;
	tree = tree_parse(packet->data, packet->size);
	if (!tree)
		return daemon_complain(cli->socket, -EBADMSG);
	if (cli->options->given & OPTION_BIT(JSON)) {
		fwrite(packet->data, 1, packet->size, cli->out.file);
		fputc('\n', cli->out.file);
	} else if (answer->verb->done) {
		print_decided(&cli->out, tree, answer->verb->done);
	} else {
		add_row(answer->table, tree);
		answer->n_rows++;
	}
	json_decref(tree);
	return CLI_OK;
}

static int ask(struct cli *cli, const struct verb *verb, uint64_t id)
{
	struct wire_request request = { .operation = WIRE_HOLD, .flags = verb->flags, .value = id };
	_cleanup_(table_freep) struct table *table = table_new("ID >LEFT THEN NO-ANSWER-OF PID ACT PATH");
	struct answer answer = { .verb = verb, .table = table };
	int code = daemon_ask(cli, request, ANSWER_WITHIN_S, on_packet, &answer);

	if (code != CLI_OK || verb->done || cli->options->given & OPTION_BIT(JSON))
		return code;
	if (!answer.n_rows)
		fputs("nobody is held\n", cli->out.file);
	table_print(table, &cli->out);
	return code;
}

int command_hold(struct cli *cli)
{
	const struct options *options = cli->options;
	const char *word = options->n_words > 1 ? options->words[1] : "list";
	const char *what = options->n_words > 2 ? options->words[2] : NULL;
	const struct verb *verb = find_verb(word);
	uint64_t id = 0;

	if (!verb)
		return cli_usage("'ringfort hold' knows list, allow and deny, not '%s'", word);
	if (!verb->done && what)
		return cli_usage("'ringfort hold list' has no use for '%s'", what);
	if (verb->done && !what)
		return cli_usage("'ringfort hold %s' needs the ID of who is held; 'ringfort hold' lists them", word);
	if (verb->done && (!parse_number(what + (what[0] == '#'), &id) || id == 0))
		return cli_usage("'%s' is no id of a hold: those are numbers from 1 upwards, as 'ringfort hold' lists them",
				 what);
	return ask(cli, verb, id);
}
