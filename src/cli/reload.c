/* SPDX-License-Identifier: Apache-2.0 */
/* ringfort reload - give solutions their new content. */
#include "cli/cli.h"
#include "cli/daemon.h"
#include "cli/tree.h"

#include <errno.h>
#include <string.h>

/* New content is tried in a process of its own first; compiling some thousand rules takes time. */
#define ANSWER_WITHIN_S 180

/* A reason may have many lines: each is shown, indented. */
static void put_reason(const struct screen *screen, const char *reason)
{
	while (*reason) {
		size_t n = strcspn(reason, "\n");

		fputs("    ", screen->file);
		screen_text(screen, reason, n);
		fputc('\n', screen->file);
		reason += n + (reason[n] == '\n');
	}
}

static int on_packet(struct cli *cli, const struct packet *packet, void *context)
{
	const char *name, *result;
	json_t *answer;
	bool reloaded;

	if (packet->kind != WIRE_JSON)
		return CLI_OK;
	answer = tree_parse(packet->data, packet->size);
	if (!answer)
		return daemon_complain(cli->socket, -EBADMSG);
	name = tree_string(answer, "name");
	result = tree_string(answer, "result");
	reloaded = strcmp(result, "reloaded") == 0;
	if (cli->options->given & OPTION_BIT(JSON)) {
		fwrite(packet->data, 1, packet->size, cli->out.file);
		fputc('\n', cli->out.file);
	} else {
		screen_ink(&cli->out, INK_BOLD);
		screen_text(&cli->out, name, strlen(name));
		screen_ink(&cli->out, reloaded ? INK_GREEN : INK_RED);
		fputs(": ", cli->out.file);
		screen_text(&cli->out, result, strlen(result));
		screen_ink(&cli->out, INK_PLAIN);
		fputs(reloaded ? "\n" : "; the running content stays\n", cli->out.file);
		put_reason(&cli->out, tree_string(answer, "reason"));
	}
	fflush(cli->out.file);
	json_decref(answer);
	return reloaded ? CLI_OK : CLI_FAILED;
}

int command_reload(struct cli *cli)
{
	const char *name = cli->options->n_words > 1 ? cli->options->words[1] : "";
	struct wire_request request = { .operation = WIRE_RELOAD };

	if (strlen(name) >= sizeof(request.name))
		return cli_usage("'%s' is no name of a solution: those have at most %zu bytes", name,
				 sizeof(request.name) - 1);
	strcpy(request.name, name);
	if (cli->options->given & OPTION_BIT(TOLERATE))
		request.flags |= WIRE_TOLERATE;
	return daemon_ask(cli, request, ANSWER_WITHIN_S, on_packet, NULL);
}
