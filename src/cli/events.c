/* SPDX-License-Identifier: Apache-2.0 */
/* ringfort events - what happens, as it happens. */
#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/daemon.h"
#include "cli/render.h"
#include "cli/schema.h"
#include "cli/stream.h"
#include "event/json.h"

#include <errno.h>
#include <unistd.h>

struct context {
	struct json json;
	char hostname[256];
};

static int print_json(struct cli *cli, const struct ringfort_event *event, struct context *context)
{
	const char *text;

	json_reset(&context->json);
	json_ocsf_event(&context->json, event, context->hostname);
	text = json_text(&context->json);
	if (!text)
		return -ENOMEM;
	fputs(text, cli->out.file);
	fputc('\n', cli->out.file);
	return 1;
}

static int on_packet(struct cli *cli, const struct packet *packet, void *userdata)
{
	const struct options *options = cli->options;
	const struct ringfort_event *event = packet->data;

	if (packet->kind != WIRE_EVENT)
		return 0;
	if (ringfort_event_check(packet->data, (uint32_t)packet->size) < 0)
		return -EBADMSG;
	if (event->time_ns < options->since_ns)
		return 0;
	/* A loss is told whatever was asked for; only what was asked for is counted. */
	if (options->types && !(options->types >> event->type & 1) &&
	    event->type != ringfort_type_stream_loss)
		return 0;
	if (options->given & OPTION_BIT(JSON))
		return print_json(cli, event, userdata);
	render_event(&cli->out, event, options->given & OPTION_BIT(VERBOSE));
	return 1;
}

int command_events(struct cli *cli)
{
	struct wire_request request = { .operation = WIRE_EVENTS, .types = cli->options->types };
	struct context context = { 0 };
	int code;

	if (cli->options->given & OPTION_BIT(SCHEMA)) {
		schema_print(&cli->out, cli->options->given & OPTION_BIT(JSON));
		return CLI_OK;
	}
	if (cli->options->given & OPTION_BIT(SELFTESTS))
		request.flags |= WIRE_SELFTESTS;
	if (gethostname(context.hostname, sizeof(context.hostname) - 1) < 0)
		return daemon_complain("hostname", -errno);
	code = stream_run(cli, request, false, on_packet, &context);
	json_done(&context.json);
	return code;
}
