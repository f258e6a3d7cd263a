/* SPDX-License-Identifier: Apache-2.0 */
/* Test-log - lines for a reader who does not read. */
#undef NDEBUG
#include "base/log.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINES 20000

/* The tester's own standard error, for assertions. */
static int saved;

static void log_into(int fd)
{
	assert(dup2(fd, STDERR_FILENO) == STDERR_FILENO);
	close(fd);
	log_open("test", LOG_LEVEL_INFO);
}

static void restore(void)
{
	assert(dup2(saved, STDERR_FILENO) == STDERR_FILENO);
}

/* All that is there now. */
static size_t drain(int fd, char *text, size_t size)
{
	size_t used = 0;
	ssize_t n;

	assert(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
	while (used < size - 1 && (n = read(fd, text + used, size - 1 - used)) > 0)
		used += (size_t)n;
	text[used] = '\0';
	return used;
}

/* More than fits, to whom nobody listens; then he does. */
static void overfill(int reader, int writer)
{
	static char text[8 << 20];
	unsigned long lost;
	size_t n = 0;
	char *line;

	log_into(writer);
	alarm(20);
	for (int i = 0; i < LINES; i++)
		log_info("line %d of the flood", i);
	alarm(0);
	drain(reader, text, sizeof(text));
	assert(strncmp(text, "test: line 0 of the flood\ntest: line 1 of", 41) == 0);
	for (line = strchr(text, '\n'); line; line = strchr(line + 1, '\n'))
		n++;
	assert(n > 100 && n < LINES);
	log_info("after it");
	drain(reader, text, sizeof(text));
	restore();
	assert(strncmp(text, "test: ", 6) == 0);
	lost = strtoul(text + 6, &line, 10);
	assert(lost == LINES - n);
	assert(strcmp(line, " lines were lost here, as nobody read them\ntest: after it\n") == 0);
	close(reader);
}

static void a_full_pipe_makes_nobody_wait_and_what_is_lost_is_counted(void)
{
	int ends[2];

	assert(pipe2(ends, O_CLOEXEC) == 0);
	overfill(ends[0], ends[1]);
}

static void a_full_socket_makes_nobody_wait_and_what_is_lost_is_counted(void)
{
	int ends[2];

	assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
	overfill(ends[0], ends[1]);
}

static void others_who_share_the_pipe_can_still_wait_for_it(void)
{
	int ends[2], other;

	assert(pipe2(ends, O_CLOEXEC) == 0);
	other = dup(ends[1]);
	log_into(ends[1]);
	restore();
	assert((fcntl(other, F_GETFL) & O_NONBLOCK) == 0);
	close(other);
	close(ends[0]);
}

static void a_file_is_appended_to(void)
{
	char path[] = "/tmp/ringfort-log-XXXXXX", text[256];
	int fd = mkostemp(path, O_APPEND | O_CLOEXEC), other = dup(fd);

	log_into(fd);
	assert(write(other, "theirs\n", 7) == 7);
	log_warning("ours %s", log_quote("a\nb"));
	log_debug("too much");
	restore();
	assert(lseek(other, 0, SEEK_SET) == 0);
	drain(other, text, sizeof(text));
	assert(strcmp(text, "theirs\ntest: ours 'a\\x0ab'\n") == 0);
	close(other);
	unlink(path);
}

int main(void)
{
	unsetenv("JOURNAL_STREAM");
	saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
	assert(saved >= 0);
	a_full_pipe_makes_nobody_wait_and_what_is_lost_is_counted();
	a_full_socket_makes_nobody_wait_and_what_is_lost_is_counted();
	others_who_share_the_pipe_can_still_wait_for_it();
	a_file_is_appended_to();
	return 0;
}
