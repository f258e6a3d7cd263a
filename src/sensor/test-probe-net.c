/* SPDX-License-Identifier: Apache-2.0 */
/* Test probe, net - connect, bind, listen, accept: every field, against what was done. */
#undef NDEBUG
#include "sensor/test-probe-common.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#define NET (TYPE(net_connect) | TYPE(net_bind) | TYPE(net_listen) | TYPE(net_accept))

/* Ports that the kernel chose, told by the child. */
struct ports {
	uint16_t server, client;
};

static struct ports *ports;

static uint16_t port_of(int fd)
{
	struct sockaddr_storage address;
	socklen_t size = sizeof(address);

	if (getsockname(fd, (struct sockaddr *)&address, &size) < 0)
		_exit(98);
	/* At the same place in both families. */
	return ntohs(((struct sockaddr_in *)&address)->sin_port);
}

static void converse(const struct sockaddr *address, socklen_t size)
{
	int server = socket(address->sa_family, SOCK_STREAM, 0);
	int client = socket(address->sa_family, SOCK_STREAM, 0);
	struct sockaddr_storage bound;
	socklen_t bound_size = sizeof(bound);

	if (bind(server, address, size) < 0 || listen(server, 17) < 0 ||
	    getsockname(server, (struct sockaddr *)&bound, &bound_size) < 0 ||
	    connect(client, (struct sockaddr *)&bound, bound_size) < 0 ||
	    accept4(server, NULL, NULL, SOCK_CLOEXEC) < 0)
		_exit(99);
	if (address->sa_family == AF_UNIX)
		return;
	ports->server = port_of(server);
	ports->client = port_of(client);
}

static void act_inet(void *argument)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	converse((struct sockaddr *)&address, sizeof(address));
}

static void act_inet6(void *argument)
{
	struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback };

	converse((struct sockaddr *)&address, sizeof(address));
}

static void assert_addr(const struct probe_record *record, const struct ringfort_addr *addr,
			uint32_t family, const void *ip, uint16_t port)
{
	uint8_t expected[16] = { 0 };

	memcpy(expected, ip, family == AF_INET ? 4 : 16);
	assert_int_equal(addr->family, family);
	assert_int_equal(addr->port, port);
	assert_memory_equal(addr->ip, expected, 16);
	assert_int_equal(addr->path.offset, 0);
}

static void assert_conversation(pid_t pid, uint32_t family, const void *ip)
{
	const struct probe_record *record = the_record(ringfort_type_net_bind, pid, 0);
	const struct ringfort_net_bind *bound = body_of(record);
	const struct ringfort_net_listen *listening;
	const struct ringfort_net_connect *connected;
	const struct ringfort_net_accept *accepted;

	assert_actor(record, pid);
	assert_int_equal(bound->protocol, RINGFORT_PROTOCOL_TCP);
	assert_int_equal(bound->error, 0);
	assert_addr(record, &bound->local, family, ip, ports->server);

	record = the_record(ringfort_type_net_listen, pid, 0);
	listening = body_of(record);
	assert_actor(record, pid);
	assert_int_equal(listening->protocol, RINGFORT_PROTOCOL_TCP);
	assert_int_equal(listening->backlog, 17);
	assert_addr(record, &listening->local, family, ip, ports->server);

	record = the_record(ringfort_type_net_connect, pid, 0);
	connected = body_of(record);
	assert_actor(record, pid);
	assert_int_equal(connected->protocol, RINGFORT_PROTOCOL_TCP);
	assert_int_equal(connected->error, 0);
	assert_addr(record, &connected->local, family, ip, ports->client);
	assert_addr(record, &connected->remote, family, ip, ports->server);

	record = the_record(ringfort_type_net_accept, pid, 0);
	accepted = body_of(record);
	assert_actor(record, pid);
	assert_int_equal(accepted->protocol, RINGFORT_PROTOCOL_TCP);
	assert_addr(record, &accepted->local, family, ip, ports->server);
	assert_addr(record, &accepted->remote, family, ip, ports->client);
}

static void a_conversation_over_ipv4_is_told(void **state)
{
	pid_t pid = perform(NET, act_inet, NULL);
	uint32_t loopback = htonl(INADDR_LOOPBACK);

	assert_int_equal(last_status(), 0);
	assert_conversation(pid, AF_INET, &loopback);
}

static void a_conversation_over_ipv6_is_told(void **state)
{
	pid_t pid = perform(NET, act_inet6, NULL);

	if (WEXITSTATUS(last_status()) == 99)
		skip();
	assert_conversation(pid, AF_INET6, &in6addr_loopback);
}

static void act_failing(void *argument)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				       .sin_port = htons(1) };
	struct sockaddr_in elsewhere = { .sin_family = AF_INET, .sin_addr.s_addr = inet_addr("192.0.2.1"),
					 .sin_port = htons(4242) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 ||
	    bind(fd, (struct sockaddr *)&elsewhere, sizeof(elsewhere)) == 0)
		_exit(99);
	/* No sockets at all. */
	connect(-1, (struct sockaddr *)&address, sizeof(address));
	connect(open("/dev/null", O_RDWR), (struct sockaddr *)&address, sizeof(address));
}

static void failed_attempts_are_told_with_their_address_and_error(void **state)
{
	pid_t pid = perform(NET, act_failing, NULL);
	const struct probe_record *record = the_record(ringfort_type_net_connect, pid, 0);
	const struct ringfort_net_connect *connected = body_of(record);
	uint32_t loopback = htonl(INADDR_LOOPBACK), elsewhere = inet_addr("192.0.2.1");
	const struct ringfort_net_bind *bound;

	assert_int_equal(last_status(), 0);
	assert_int_equal(n_records(ringfort_type_net_connect, pid), 1);
	assert_int_equal(connected->error, ECONNREFUSED);
	assert_addr(record, &connected->remote, AF_INET, &loopback, 1);
	record = the_record(ringfort_type_net_bind, pid, 0);
	bound = body_of(record);
	assert_int_equal(bound->error, EADDRNOTAVAIL);
	assert_addr(record, &bound->local, AF_INET, &elsewhere, 4242);
}

static void act_udp(void *argument)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				       .sin_port = htons(53) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		_exit(99);
	ports->client = port_of(fd);
}

static void a_connected_datagram_socket_is_told(void **state)
{
	pid_t pid = perform(TYPE(net_connect), act_udp, NULL);
	const struct probe_record *record = the_record(ringfort_type_net_connect, pid, 0);
	const struct ringfort_net_connect *connected = body_of(record);
	uint32_t loopback = htonl(INADDR_LOOPBACK);

	assert_int_equal(connected->protocol, RINGFORT_PROTOCOL_UDP);
	assert_addr(record, &connected->local, AF_INET, &loopback, ports->client);
	assert_addr(record, &connected->remote, AF_INET, &loopback, 53);
}

static void act_unix(void *argument)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int length = *(int *)argument;

	if (length)
		memcpy(address.sun_path, "\0ringfort\0probe", (size_t)length);
	else
		strcpy(address.sun_path, "socket");
	converse((struct sockaddr *)&address,
		 (socklen_t)(length ? sizeof(address.sun_family) + (size_t)length : sizeof(address)));
}

static void assert_unix(const struct probe_record *record, const struct ringfort_addr *addr,
			const char *path, size_t length)
{
	assert_int_equal(addr->family, AF_UNIX);
	assert_int_equal(addr->port, 0);
	assert_int_equal(addr->path.length, length);
	assert_memory_equal(text(record, addr->path), path, length);
}

static void assert_unix_conversation(pid_t pid, const char *path, size_t length)
{
	const struct probe_record *record = the_record(ringfort_type_net_bind, pid, 0);
	const struct ringfort_net_bind *bound = body_of(record);
	const struct ringfort_net_listen *listening;
	const struct ringfort_net_connect *connected;
	const struct ringfort_net_accept *accepted;

	assert_unix(record, &bound->local, path, length);
	assert_int_equal(bound->protocol, 0);
	record = the_record(ringfort_type_net_listen, pid, 0);
	listening = body_of(record);
	assert_unix(record, &listening->local, path, length);
	record = the_record(ringfort_type_net_connect, pid, 0);
	connected = body_of(record);
	assert_unix(record, &connected->local, "", 0);
	assert_unix(record, &connected->remote, path, length);
	assert_int_equal(connected->error, 0);
	record = the_record(ringfort_type_net_accept, pid, 0);
	accepted = body_of(record);
	assert_unix(record, &accepted->local, path, length);
	assert_unix(record, &accepted->remote, "", 0);
}

static void unix_sockets_are_told_by_path_and_by_abstract_name(void **state)
{
	int by_path = 0, abstract = 15;
	pid_t pid = perform(NET, act_unix, &by_path);

	assert_int_equal(last_status(), 0);
	assert_unix_conversation(pid, "socket", 6);
	pid = perform(NET, act_unix, &abstract);
	assert_int_equal(last_status(), 0);
	assert_unix_conversation(pid, "@ringfort\0probe", 15);
}

static void act_netlink(void *argument)
{
	struct sockaddr address = { .sa_family = AF_NETLINK };
	char room[12] = { 0 };

	memcpy(room, &address, 2);
	if (bind(socket(AF_NETLINK, SOCK_RAW, 0), (struct sockaddr *)room, sizeof(room)) < 0)
		_exit(99);
}

static void netlink_is_left_out(void **state)
{
	pid_t pid = perform(NET, act_netlink, NULL);

	assert_int_equal(last_status(), 0);
	assert_int_equal(n_records(ringfort_type_net_bind, pid), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_conversation_over_ipv4_is_told),
		cmocka_unit_test(a_conversation_over_ipv6_is_told),
		cmocka_unit_test(failed_attempts_are_told_with_their_address_and_error),
		cmocka_unit_test(a_connected_datagram_socket_is_told),
		cmocka_unit_test(unix_sockets_are_told_by_path_and_by_abstract_name),
		cmocka_unit_test(netlink_is_left_out),
	};

	probe_skip_unless_loadable();
	ports = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return cmocka_run_group_tests(tests, NULL, probe_teardown);
}
