/* SPDX-License-Identifier: Apache-2.0 */
/* Trigger, network - sockets that are connected, bound, listen and accept. */
#include "trigger.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

struct address {
	union {
		struct sockaddr any;
		struct sockaddr_in ip4;
		struct sockaddr_in6 ip6;
		struct sockaddr_un un;
	};
	socklen_t size;
};

/* FAMILY TEXT: inet, inet6 with a port, unix with a path, a leading @ for an abstract one */
static struct address read_address(char ***argv)
{
	const char *family = argument(argv), *text = argument(argv);
	struct address address = { 0 };

	if (strcmp(family, "unix") == 0) {
		address.un.sun_family = AF_UNIX;
		strncpy(address.un.sun_path, text, sizeof(address.un.sun_path) - 1);
		address.size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(text));
		if (text[0] == '@')
			address.un.sun_path[0] = '\0';
		else
			address.size++;
	} else if (strcmp(family, "inet6") == 0) {
		address.ip6 = (struct sockaddr_in6){ .sin6_family = AF_INET6,
						     .sin6_port = htons((uint16_t)atoi(text)),
						     .sin6_addr = IN6ADDR_LOOPBACK_INIT };
		address.size = sizeof(address.ip6);
	} else {
		address.ip4 = (struct sockaddr_in){ .sin_family = AF_INET,
						    .sin_port = htons((uint16_t)atoi(text)),
						    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
		address.size = sizeof(address.ip4);
	}
	return address;
}

static int port_of(int fd)
{
	struct address address = { .size = sizeof(struct sockaddr_un) };

	check(getsockname(fd, &address.any, &address.size));
	return ntohs(address.any.sa_family == AF_INET6 ? address.ip6.sin6_port :
							 address.ip4.sin_port);
}

/* connect TYPE FAMILY TEXT: stream or dgram; tells the error and the port that we got */
static void act_connect(char **argv)
{
	int type = strcmp(argument(&argv), "dgram") == 0 ? SOCK_DGRAM : SOCK_STREAM;
	struct address address = read_address(&argv);
	int fd = (int)check(socket(address.any.sa_family, type, 0));
	int error = connect(fd, &address.any, address.size) < 0 ? errno : 0;

	fact_begin();
	fact_number("error", error);
	fact_number("port", address.any.sa_family == AF_UNIX ? 0 : port_of(fd));
	fact_end();
}

/* connect-later: a socket that does not wait, to a full or a slow listener */
static void act_connect_later(char **argv)
{
	struct address address = read_address(&argv);
	int fd = (int)check(socket(address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK, 0));
	int error = connect(fd, &address.any, address.size) < 0 ? errno : 0;

	fact_begin();
	fact_number("error", error);
	fact_number("port", port_of(fd));
	fact_end();
}

/* bind TYPE FAMILY TEXT */
static void act_bind(char **argv)
{
	int type = strcmp(argument(&argv), "dgram") == 0 ? SOCK_DGRAM : SOCK_STREAM;
	struct address address = read_address(&argv);
	int fd = (int)check(socket(address.any.sa_family, type, 0));
	int error = bind(fd, &address.any, address.size) < 0 ? errno : 0;

	fact_begin();
	fact_number("error", error);
	fact_number("port", address.any.sa_family == AF_UNIX || error ? 0 : port_of(fd));
	fact_end();
}

/* listen BACKLOG FAMILY TEXT */
static void act_listen(char **argv)
{
	int backlog = atoi(argument(&argv));
	struct address address = read_address(&argv);
	int fd = (int)check(socket(address.any.sa_family, SOCK_STREAM, 0));

	check(bind(fd, &address.any, address.size));
	check(listen(fd, backlog));
	fact_begin();
	fact_number("port", address.any.sa_family == AF_UNIX ? 0 : port_of(fd));
	fact_end();
}

/* accept HOW FAMILY TEXT: accept or accept4; a child connects, from a socket without a name */
static void act_accept(char **argv)
{
	const char *how = argument(&argv);
	struct address address = read_address(&argv);
	struct address peer = { .size = sizeof(struct sockaddr_un) };
	int listener = (int)check(socket(address.any.sa_family, SOCK_STREAM, 0)), fd;
	pid_t pid;

	check(bind(listener, &address.any, address.size));
	check(listen(listener, 1));
	check(getsockname(listener, &address.any, &address.size));
	pid = (pid_t)check(fork());
	if (pid == 0) {
		int client = socket(address.any.sa_family, SOCK_STREAM, 0);

		_exit(connect(client, &address.any, address.size) < 0);
	}
	if (strcmp(how, "accept4") == 0)
		fd = (int)check(accept4(listener, &peer.any, &peer.size, SOCK_CLOEXEC));
	else
		fd = (int)check(accept(listener, &peer.any, &peer.size));
	check(waitpid(pid, NULL, 0));
	fact_begin();
	fact_number("port", address.any.sa_family == AF_UNIX ? 0 : port_of(fd));
	fact_number("remote_port", peer.any.sa_family == AF_INET6 ? ntohs(peer.ip6.sin6_port) :
				   peer.any.sa_family == AF_INET  ? ntohs(peer.ip4.sin_port) :
								    0);
	fact_end();
}

const struct act net_acts[] = {
	{ "connect", act_connect }, { "connect-later", act_connect_later }, { "bind", act_bind },
	{ "listen", act_listen },   { "accept", act_accept },		    { 0 },
};
