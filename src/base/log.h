/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log - lines for the operator, on standard error.
 *
 * Only roles and programs log; libraries return errors.  A line goes out with one write(2), as
 * "<3>role: text" when the service manager reads it (JOURNAL_STREAM), else "role: text".  Bytes
 * that others chose (paths, command lines) go through log_quote().
 *
 * It never waits: who reads our lines may himself be waiting for us.  Lines for which there is no room
 * are counted, and the next line that goes out is preceded by their number.
 */
#ifndef RINGFORT_BASE_LOG_H
#define RINGFORT_BASE_LOG_H

#include <stddef.h>

enum log_level { LOG_LEVEL_ERROR = 3, LOG_LEVEL_WARNING = 4, LOG_LEVEL_INFO = 6, LOG_LEVEL_DEBUG = 7 };

/** log_open() - name of this process in its lines, and the least urgent level that is written */
void log_open(const char *role, enum log_level most);

void log_line(enum log_level level, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* Text made safe to print, in ticks; lives until the end of the statement's block. */
#define log_quote(text) (log_quote_into((char[256]){ 0 }, 256, (text)))
const char *log_quote_into(char *buffer, size_t size, const char *text);

#endif
