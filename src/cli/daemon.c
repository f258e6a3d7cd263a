/* SPDX-License-Identifier: Apache-2.0 */
/* Daemon - one request to ringfortd and its answer. */
#include "cli/daemon.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct daemon {
	int fd;
	char *text; /* what came in parts so far */
	size_t n_text;
	_Alignas(8) unsigned char buffer[WIRE_MAX_FRAME];
};

int daemon_open(const char *socket, struct wire_request request, struct daemon **ret_daemon)
{
	_cleanup_(daemon_closep) struct daemon *daemon = NULL;
	int r;

	request.magic = WIRE_MAGIC;
	request.schema_hash = ringfort_schema_hash();
	daemon = malloc(sizeof(*daemon));
	if (!daemon)
		return -ENOMEM;
	daemon->fd = -1;
	daemon->text = NULL;
	daemon->n_text = 0;
	r = wire_connect(socket, &daemon->fd);
	if (r < 0)
		return r;
	if (send(daemon->fd, &request, sizeof(request), MSG_NOSIGNAL) < 0)
		return -errno;
	r = fcntl(daemon->fd, F_GETFL);
	if (r < 0 || fcntl(daemon->fd, F_SETFL, r | O_NONBLOCK) < 0)
		return -errno;
	*ret_daemon = take_ptr(daemon);
	return 0;
}

struct daemon *daemon_close(struct daemon *daemon)
{
	if (daemon) {
		close_fd(daemon->fd);
		free(daemon->text);
	}
	free(daemon);
	return NULL;
}

int daemon_fd(const struct daemon *daemon)
{
	return daemon->fd;
}

static int add_part(struct daemon *daemon, const void *data, size_t size)
{
	char *text;

	if (size > WIRE_MAX_TEXT - daemon->n_text)
		return -EBADMSG;
	text = realloc(daemon->text, daemon->n_text + size + 1);
	if (!text)
		return -ENOMEM;
	memcpy(text + daemon->n_text, data, size);
	daemon->text = text;
	daemon->n_text += size;
	return 0;
}

int daemon_next(struct daemon *daemon, struct packet *ret_packet)
{
	const struct wire_frame *frame;
	const void *data;
	int r;

	for (;;) {
		r = wire_receive(daemon->fd, daemon->buffer, &frame, &data);
		if (r <= 0)
			return r == 0 ? -ECONNRESET : r;
		if (frame->kind != WIRE_PART && !daemon->n_text)
			break;
		if (frame->kind != WIRE_PART && frame->kind != WIRE_JSON)
			return -EBADMSG;
		r = add_part(daemon, data, frame->size);
		if (r < 0)
			return r;
		if (frame->kind == WIRE_PART)
			continue;
		*ret_packet = (struct packet){ .kind = frame->kind, .size = (uint32_t)daemon->n_text,
					       .data = daemon->text };
		daemon->n_text = 0;
		return 1;
	}
	*ret_packet = (struct packet){ .kind = frame->kind, .size = frame->size, .data = data };
	return 1;
}

int daemon_end(const struct packet *packet, const char **ret_text, int *ret_result)
{
	const struct wire_end *end = packet->data;

	if (packet->size != sizeof(*end) || end->result > 0 ||
	    !memchr(end->text, '\0', sizeof(end->text)))
		return -EBADMSG;
	*ret_text = end->text;
	*ret_result = end->result;
	return 0;
}

int daemon_complain(const char *socket, int error)
{
	switch (error) {
	case -ENOENT:
	case -ENOTDIR:
	case -ECONNREFUSED:
		cli_error("nobody listens at %s: is ringfortd running? Start it with 'ringfortd' as root, "
			  "or name its socket with --socket", socket);
		return CLI_NOT_RUNNING;
	case -EACCES:
	case -EPERM:
		cli_error("no permission to use %s: run this as root or as a member of the group ringfort",
			  socket);
		return CLI_NO_PERMISSION;
	case -ENAMETOOLONG:
		cli_error("%s: the path of a socket has at most 107 bytes; name a shorter one with --socket",
			  socket);
		return CLI_FAILED;
	case -ECONNRESET:
	case -EPIPE:
		cli_error("ringfortd at %s closed the connection before its answer was complete; its log "
			  "says why", socket);
		return CLI_FAILED;
	case -EPROTOTYPE:
	case -EBADMSG:
		cli_error("what listens at %s does not speak as this ringfort (%s) does: are both of one "
			  "version?", socket, RINGFORT_VERSION);
		return CLI_FAILED;
	case -ETIMEDOUT:
		cli_error("ringfortd at %s does not answer; its log may say why", socket);
		return CLI_FAILED;
	default:
		cli_error("%s: %s", socket, strerror(-error));
		return CLI_FAILED;
	}
}

int daemon_refusal(const char *name, int result, const char *text)
{
	cli_error("%s%s%s", name, name[0] ? ": " : "", text[0] ? text : strerror(-result));
	return result == -EACCES || result == -EPERM ? CLI_NO_PERMISSION : CLI_FAILED;
}

/* 1 a packet, or a negative errno. */
static int wait_packet(struct daemon *daemon, int timeout_s, struct packet *ret_packet)
{
	for (;;) {
		struct pollfd pollfd = { .fd = daemon->fd, .events = POLLIN };
		int r = daemon_next(daemon, ret_packet);

		if (r != -EAGAIN)
			return r;
		r = poll(&pollfd, 1, timeout_s * 1000);
		if (r == 0)
			return -ETIMEDOUT;
		if (r < 0 && errno != EINTR)
			return -errno;
	}
}

int daemon_ask(struct cli *cli, struct wire_request request, int timeout_s,
	       int (*packet)(struct cli *cli, const struct packet *packet, void *context),
	       void *context)
{
	_cleanup_(daemon_closep) struct daemon *daemon = NULL;
	int worst = CLI_OK, result, r;
	struct packet got;
	const char *text;

	r = daemon_open(cli->socket, request, &daemon);
	if (r < 0)
		return daemon_complain(cli->socket, r);
	for (;;) {
		int code;

		r = wait_packet(daemon, timeout_s, &got);
		if (r < 0)
			return daemon_complain(cli->socket, r);
		if (got.kind == WIRE_END)
			break;
		code = packet(cli, &got, context);
		worst = code > worst ? code : worst;
	}
	r = daemon_end(&got, &text, &result);
	if (r < 0)
		return daemon_complain(cli->socket, r);
	return result < 0 ? daemon_refusal(request.name, result, text) : worst;
}
