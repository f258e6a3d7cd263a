/* SPDX-License-Identifier: Apache-2.0 */
/* Stream - follow what ringfortd sends. */
#include "cli/stream.h"

#include "base/cleanup.h"
#include "cli/footer.h"
#include "cli/when.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

struct stream {
	struct cli *cli;
	struct daemon *daemon;
	struct footer *footer;
	int (*packet)(struct cli *cli, const struct packet *packet, void *context);
	void *context;
	uint64_t n_printed;
	uint64_t deadline_ms; /* 0: none */
	bool over;
	int code;
};

static void stream_end(struct stream *stream, int code)
{
	stream->over = true;
	stream->code = code;
}

/* What this very client missed, on standard error: standard output is for what happened. */
static int tell_lost(const struct packet *packet)
{
	const struct wire_lost *lost = packet->data;
	char names[2048] = "";
	uint64_t total = 0;
	size_t used = 0;

	if (packet->size != sizeof(*lost))
		return -EBADMSG;
	for (uint32_t type = 0; type < RINGFORT_MAX_TYPES; type++) {
		const struct ringfort_type_info *info = ringfort_type_info(type);

		if (lost->n_lost[type] == 0 || used >= sizeof(names))
			continue;
		total += lost->n_lost[type];
		used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%llu %s", used ? ", " : "",
					 (unsigned long long)lost->n_lost[type],
					 info ? info->name : "of unknown type");
	}
	cli_error("lost %llu events before they reached this command: %s", (unsigned long long)total,
		  names);
	return 0;
}

static void handle_end(struct stream *stream, const struct packet *packet)
{
	const char *text;
	int result;

	if (daemon_end(packet, &text, &result) < 0)
		stream_end(stream, daemon_complain(stream->cli->socket, -EBADMSG));
	else if (result < 0)
		stream_end(stream, daemon_refusal("", result, text));
	else
		stream_end(stream, CLI_OK);
}

static void handle_packet(struct stream *stream, const struct packet *packet)
{
	uint64_t count = stream->cli->options->count;
	int r = 0;

	switch (packet->kind) {
	case WIRE_END:
		handle_end(stream, packet);
		return;
	case WIRE_LOST:
		fflush(stream->cli->out.file);
		r = tell_lost(packet);
		break;
	case WIRE_CAUGHT_UP:
		break;
	default:
		r = stream->packet(stream->cli, packet, stream->context);
	}
	if (r < 0)
		stream_end(stream, daemon_complain(stream->cli->socket, r));
	else if (r > 0 && ++stream->n_printed == count)
		stream_end(stream, CLI_OK);
}

/* All that is there now; a footer is taken away before the first line and comes back after. */
static void drain(struct stream *stream)
{
	struct packet packet;
	int r = daemon_next(stream->daemon, &packet);

	if (r == -EAGAIN)
		return;
	footer_clear(stream->footer);
	for (; r == 1 && !stream->over; r = stream->over ? 0 : daemon_next(stream->daemon, &packet))
		handle_packet(stream, &packet);
	if (r == -ECONNRESET && !stream->over) {
		fflush(stream->cli->out.file);
		cli_error("ringfortd has closed %s; the stream ends here", stream->cli->socket);
		stream_end(stream, CLI_NOT_RUNNING);
	} else if (r < 0 && r != -EAGAIN && !stream->over) {
		stream_end(stream, daemon_complain(stream->cli->socket, r));
	}
	if (fflush(stream->cli->out.file) != 0 && !stream->over)
		stream_end(stream, CLI_FAILED);
	if (!stream->over)
		footer_draw(stream->footer);
}

static int wait_ms(const struct stream *stream)
{
	int footer_ms = footer_due_ms(stream->footer);
	uint64_t now = when_monotonic_ms();
	int ms = -1;

	if (stream->deadline_ms) {
		uint64_t left = stream->deadline_ms > now ? stream->deadline_ms - now : 0;

		ms = left < 3600000 ? (int)left : 3600000;
	}
	return footer_ms >= 0 && (ms < 0 || footer_ms < ms) ? footer_ms : ms;
}

static void stream_turn(struct stream *stream)
{
	struct pollfd fds[3] = {
		{ .fd = daemon_fd(stream->daemon), .events = POLLIN },
		{ .fd = footer_fd(stream->footer), .events = POLLIN },
		/* No events: only POLLERR, when the reader of a pipe has gone. */
		{ .fd = fileno(stream->cli->out.file) },
	};

	if (poll(fds, 3, wait_ms(stream)) < 0 && errno != EINTR) {
		stream_end(stream, daemon_complain(stream->cli->socket, -errno));
		return;
	}
	if (footer_interrupted(stream->footer) || fds[2].revents & POLLERR) {
		stream_end(stream, CLI_OK);
		return;
	}
	footer_turn(stream->footer);
	if (fds[0].revents)
		drain(stream);
	if (stream->deadline_ms && when_monotonic_ms() >= stream->deadline_ms && !stream->over)
		stream_end(stream, CLI_OK);
}

int stream_run(struct cli *cli, struct wire_request request, bool footer,
	       int (*packet)(struct cli *cli, const struct packet *packet, void *context),
	       void *context)
{
	_cleanup_(daemon_closep) struct daemon *daemon = NULL;
	struct stream stream = { .cli = cli, .packet = packet, .context = context };
	int r, number;

	r = daemon_open(cli->socket, request, &daemon);
	if (r < 0)
		return daemon_complain(cli->socket, r);
	stream.daemon = daemon;
	if (cli->options->timeout_ms)
		stream.deadline_ms = when_monotonic_ms() + cli->options->timeout_ms;
	if (footer)
		stream.footer = footer_open(&cli->out, cli->socket);
	while (!stream.over)
		stream_turn(&stream);
	number = footer_interrupted(stream.footer);
	footer_close(stream.footer);
	/* The shell that started us is to know that Ctrl-C ended us. */
	if (number) {
		fflush(cli->out.file);
		signal(number, SIG_DFL);
		raise(number);
	}
	return stream.code;
}
