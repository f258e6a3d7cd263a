/* SPDX-License-Identifier: Apache-2.0 */
/* ringfort solution - list, start and stop solutions, see what they print. */
#include "cli/daemon.h"
#include "cli/status.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_WITHIN_S 30

static const struct verb {
	const char *name;
	enum wire_operation operation;
	const char *done; /* what is said when it worked; NULL: the answer speaks for itself */
} verbs[] = {
	{ "list", WIRE_STATUS, NULL },
	{ "start", WIRE_START, "started" },
	{ "stop", WIRE_STOP, "stopped" },
	{ "reset", WIRE_RESET, "reset" },
	{ "output", WIRE_OUTPUT, NULL },
};

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

static void put_json(struct cli *cli, const json_t *tree)
{
	json_dumpf(tree, cli->out.file, JSON_COMPACT);
	fputc('\n', cli->out.file);
}

static int on_list(struct cli *cli, const struct packet *packet, void *context)
{
	const json_t *solutions;
	json_t *status;

	if (packet->kind != WIRE_JSON)
		return CLI_OK;
	status = tree_parse(packet->data, packet->size);
	solutions = json_object_get(status, "solutions");
	if (!json_is_array(solutions)) {
		json_decref(status);
		return daemon_complain(cli->socket, -EBADMSG);
	}
	if (cli->options->given & OPTION_BIT(JSON)) {
		json_t *answer = json_pack("{sO}", "solutions", solutions);

		put_json(cli, answer);
		json_decref(answer);
	} else {
		status_print_solutions(&cli->out, solutions);
	}
	json_decref(status);
	return CLI_OK;
}

/* Bytes that a solution printed, as JSON: what is not UTF-8 is escaped as for a terminal. */
static json_t *text_to_json(const char *bytes, size_t n)
{
	struct screen screen = { .utf8 = true };
	char *text = NULL;
	size_t size;
	json_t *string;

	screen.file = open_memstream(&text, &size);
	if (!screen.file)
		return NULL;
	screen_lines(&screen, bytes, n);
	fclose(screen.file);
	string = json_stringn(text, size);
	free(text);
	return string;
}

static int on_output(struct cli *cli, const struct packet *packet, void *context)
{
	const char *bytes = packet->data;

	if (packet->kind != WIRE_TEXT)
		return CLI_OK;
	if (cli->options->given & OPTION_BIT(JSON)) {
		json_t *answer = json_pack("{ssso}", "name", cli->options->words[2], "output",
					   text_to_json(bytes, packet->size));

		put_json(cli, answer);
		json_decref(answer);
		return CLI_OK;
	}
	screen_lines(&cli->out, bytes, packet->size);
	if (packet->size && bytes[packet->size - 1] != '\n')
		fputc('\n', cli->out.file);
	return CLI_OK;
}

static void tell_done(struct cli *cli, const struct verb *verb, const char *name)
{
	if (cli->options->given & OPTION_BIT(JSON)) {
		json_t *answer = json_pack("{ssss}", "name", name, "result", verb->done);

		put_json(cli, answer);
		json_decref(answer);
		return;
	}
	screen_text(&cli->out, name, strlen(name));
	fprintf(cli->out.file, ": %s\n", verb->done);
}

int command_solution(struct cli *cli)
{
	const struct options *options = cli->options;
	const char *word = options->n_words > 1 ? options->words[1] : "list";
	const char *name = options->n_words > 2 ? options->words[2] : NULL;
	const struct verb *verb = find_verb(word);
	struct wire_request request = { 0 };
	char nearest[64];
	int code;

	if (!verb) {
		nearest_word(word, "list start stop reset output", nearest, sizeof(nearest));
		return cli_usage("'ringfort solution' knows list, start, stop, reset and output, not '%s'%s%s%s",
				 word, nearest[0] ? "; did you mean '" : "", nearest, nearest[0] ? "'?" : "");
	}
	if (verb->operation == WIRE_STATUS && name)
		return cli_usage("'ringfort solution list' has no use for '%s'", name);
	if (verb->operation != WIRE_STATUS && !name)
		return cli_usage("'ringfort solution %s' needs the NAME of a solution; 'ringfort solution list' "
				 "lists them", word);
	request.operation = verb->operation;
	if (name && strlen(name) >= sizeof(request.name))
		return cli_usage("'%s' is no name of a solution: those have at most %zu bytes", name,
				 sizeof(request.name) - 1);
	strcpy(request.name, name ? name : "");
	code = daemon_ask(cli, request, ANSWER_WITHIN_S,
			  verb->operation == WIRE_STATUS ? on_list : on_output, NULL);
	if (code == CLI_OK && verb->done)
		tell_done(cli, verb, name);
	return code;
}
