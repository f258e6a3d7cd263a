/* SPDX-License-Identifier: Apache-2.0 */
/* Log - one write(2) per line. */
#include "base/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *log_role = "ringfort";
static enum log_level log_most = LOG_LEVEL_INFO;
static bool log_journal;

void log_open(const char *role, enum log_level most)
{
	log_role = role;
	log_most = most;
	log_journal = getenv("JOURNAL_STREAM") != NULL;
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
	/* Nobody to tell when standard error is gone. */
	if (write(STDERR_FILENO, line, used) < 0)
		return;
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
