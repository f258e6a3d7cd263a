/* SPDX-License-Identifier: Apache-2.0 */
#undef NDEBUG
#include "base/notify.h"

#include "base/cleanup.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

static char folder[] = "/tmp/ringfort-notify-XXXXXX";

/* What a service manager has: a bound datagram socket, named as in $NOTIFY_SOCKET. */
static int manager(const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = strlen(name);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert(fd >= 0 && length <= sizeof(address.sun_path));
	memcpy(address.sun_path, name, length);
	if (name[0] == '@')
		address.sun_path[0] = '\0';
	assert(bind(fd, (struct sockaddr *)&address,
		    (socklen_t)(sizeof(address) - sizeof(address.sun_path) + length)) == 0);
	assert(setenv("NOTIFY_SOCKET", name, 1) == 0);
	return fd;
}

static const char *heard(int fd)
{
	static char text[256];
	ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

	if (n < 0)
		return "";
	text[n] = '\0';
	return text;
}

static void a_word_arrives_at_a_path(void)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "%s/notify", folder);
	fd = manager(path);
	assert(notify_send("READY=1\nSTATUS=all well") == 1);
	assert(strcmp(heard(fd), "READY=1\nSTATUS=all well") == 0);
	assert(strcmp(heard(fd), "") == 0);
	close(fd);
	assert(notify_send("WATCHDOG=1") == -ECONNREFUSED);
	assert(unlink(path) == 0);
	assert(notify_send("WATCHDOG=1") == -ENOENT);
}

static void a_word_arrives_at_an_abstract_name(void)
{
	char name[64];
	int fd;

	snprintf(name, sizeof(name), "@ringfort-notify-%d", (int)getpid());
	fd = manager(name);
	assert(notify_send("STOPPING=1") == 1);
	assert(strcmp(heard(fd), "STOPPING=1") == 0);
	close(fd);
}

static void an_abstract_name_may_fill_the_address(void)
{
	char name[sizeof(((struct sockaddr_un *)NULL)->sun_path) + 1];
	int fd;

	memset(name, 'r', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	name[0] = '@';
	snprintf(name + 1, 16, "%d", (int)getpid());
	name[strlen(name)] = 'r';
	fd = manager(name);
	assert(notify_send("READY=1") == 1);
	assert(strcmp(heard(fd), "READY=1") == 0);
	close(fd);
	name[0] = '/';
	assert(setenv("NOTIFY_SOCKET", name, 1) == 0);
	assert(notify_send("READY=1") == -ENAMETOOLONG);
}

static void a_manager_that_does_not_read_costs_the_word_and_no_time(void)
{
	char name[64];
	int fd, n = 0, r;

	snprintf(name, sizeof(name), "@ringfort-notify-full-%d", (int)getpid());
	fd = manager(name);
	/* A queue that never fills would be no test: it ends by the alarm of main(). */
	while ((r = notify_send("WATCHDOG=1")) == 1)
		n++;
	assert(r == -EAGAIN && n > 0);
	assert(strcmp(heard(fd), "WATCHDOG=1") == 0);
	assert(notify_send("WATCHDOG=1") == 1);
	close(fd);
}

static void without_a_manager_nothing_is_sent(void)
{
	unsetenv("NOTIFY_SOCKET");
	assert(notify_send("READY=1") == 0);
	setenv("NOTIFY_SOCKET", "", 1);
	assert(notify_send("READY=1") == 0);
}

static void an_address_that_is_none_of_ours_is_refused(void)
{
	static const char *const names[] = { "vsock:2:1234", "relative/path", "@", "/" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert(setenv("NOTIFY_SOCKET", names[i], 1) == 0);
		assert(notify_send("READY=1") == -EAFNOSUPPORT);
	}
}

static void the_watchdog_is_for_the_process_that_it_names(void)
{
	char pid[16];

	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	assert(notify_watchdog_us() == 0);
	setenv("WATCHDOG_USEC", "30000000", 1);
	assert(notify_watchdog_us() == 30000000);
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("WATCHDOG_PID", pid, 1);
	assert(notify_watchdog_us() == 30000000);
	snprintf(pid, sizeof(pid), "%d", (int)getppid());
	setenv("WATCHDOG_PID", pid, 1);
	assert(notify_watchdog_us() == 0);
	setenv("WATCHDOG_PID", "", 1);
	assert(notify_watchdog_us() == 0);
}

static void a_time_that_is_no_number_is_none(void)
{
	static const char *const texts[] = { "", "soon", "-1", " 5", "5s", "99999999999999999999999" };

	unsetenv("WATCHDOG_PID");
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		setenv("WATCHDOG_USEC", texts[i], 1);
		assert(notify_watchdog_us() == 0);
	}
}

int main(void)
{
	assert(mkdtemp(folder));
	alarm(30);
	a_word_arrives_at_a_path();
	a_word_arrives_at_an_abstract_name();
	an_abstract_name_may_fill_the_address();
	a_manager_that_does_not_read_costs_the_word_and_no_time();
	without_a_manager_nothing_is_sent();
	an_address_that_is_none_of_ours_is_refused();
	the_watchdog_is_for_the_process_that_it_names();
	a_time_that_is_no_number_is_none();
	assert(rmdir(folder) == 0);
	return 0;
}
