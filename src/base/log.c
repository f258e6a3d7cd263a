/* SPDX-License-Identifier: Apache-2.0 */
/* Log - one write(2) per line, which never waits. */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *log_role = "ringfort";
static enum log_level log_most = LOG_LEVEL_INFO;
static bool log_journal;
static unsigned long log_n_lost; /* lines for which there was no room */

/*
 * A pipe is opened anew, for an open file of our own: O_NONBLOCK on the one that we inherited would be
 * everybody's who shares it.
 */
static void open_own_pipe(void)
{
	struct stat st;
	int fd;

	if (fstat(STDERR_FILENO, &st) < 0 || !S_ISFIFO(st.st_mode))
		return;
	fd = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return;
	dup2(fd, STDERR_FILENO);
	close(fd);
}

void log_open(const char *role, enum log_level most)
{
	log_role = role;
	log_most = most;
	log_journal = getenv("JOURNAL_STREAM") != NULL;
	open_own_pipe();
}

/* False: there was no room for it.  When standard error is gone there is nobody to tell. */
static bool put(const char *line, size_t n)
{
	struct pollfd error = { .fd = STDERR_FILENO, .events = POLLOUT };

	if (send(STDERR_FILENO, line, n, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return true;
	if (errno != ENOTSOCK)
		return errno != EAGAIN;
	if (poll(&error, 1, 0) == 0)
		return false;
	return write(STDERR_FILENO, line, n) >= 0 || errno != EAGAIN;
}

static void put_line(const char *line, size_t n)
{
	char text[128];
	int lost;

	if (log_n_lost) {
		lost = snprintf(text, sizeof(text), "%s%.32s: %lu lines were lost here, as nobody read them\n",
				log_journal ? "<4>" : "", log_role, log_n_lost);
		if (!put(text, (size_t)lost)) {
			log_n_lost++;
			return;
		}
		log_n_lost = 0;
	}
	if (!put(line, n))
		log_n_lost++;
}

void log_line(enum log_level level, const char *format, ...)
{
	char line[1024];
	size_t used = 0;
	va_list args;
	int n;

	if (level > log_most)
		return;
	if (log_journal)
		used = (size_t)snprintf(line, sizeof(line), "<%d>", (int)level);
	used += (size_t)snprintf(line + used, sizeof(line) - used, "%s: ", log_role);
	va_start(args, format);
	n = vsnprintf(line + used, sizeof(line) - used - 1, format, args);
	va_end(args);
	if (n < 0)
		return;
	used += (size_t)n;
	if (used > sizeof(line) - 2)
		used = sizeof(line) - 2;
	line[used++] = '\n';
	put_line(line, used);
}

const char *log_quote_into(char *buffer, size_t size, const char *text)
{
	static const char hex[] = "0123456789abcdef";
	size_t used = 0;

	buffer[used++] = '\'';
	for (; *text && used + 6 < size; text++) {
		unsigned char c = (unsigned char)*text;

		if (c >= ' ' && c < 0x7f && c != '\'' && c != '\\') {
			buffer[used++] = (char)c;
			continue;
		}
		buffer[used++] = '\\';
		buffer[used++] = 'x';
		buffer[used++] = hex[c >> 4];
		buffer[used++] = hex[c & 15];
	}
	buffer[used++] = '\'';
	buffer[used] = '\0';
	return buffer;
}
