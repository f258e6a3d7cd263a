/* SPDX-License-Identifier: Apache-2.0 */
/* When - times as people write and read them. */
#include "cli/when.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NS_PER_S 1000000000ull
#define DURATION_MAX_NS (100ull * 366 * 86400 * NS_PER_S)

int duration_parse(const char *text, bool bare_is_seconds, uint64_t *ret_ns)
{
	static const struct {
		const char *suffix;
		double ns;
	} units[] = {
		{ "ms", 1e6 }, { "s", 1e9 }, { "m", 60e9 }, { "min", 60e9 }, { "h", 3600e9 }, { "d", 86400e9 },
	};
	size_t digits = strspn(text, "0123456789.");
	double value, ns = bare_is_seconds ? 1e9 : 0;
	char *end;

	/* strtod() reads more than we want to accept: signs, blanks, hexadecimal, infinity. */
	if (digits == 0 || text[0] == '.')
		return -EINVAL;
	value = strtod(text, &end);
	if (end != text + digits)
		return -EINVAL;
	if (*end) {
		ns = 0;
		for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
			if (strcmp(end, units[i].suffix) == 0)
				ns = units[i].ns;
	}
	if (ns == 0 || value * ns > (double)DURATION_MAX_NS)
		return -EINVAL;
	*ret_ns = (uint64_t)(value * ns);
	return 0;
}

/* Exactly n digits, moving *text behind them; -1 when they are not there. */
static int take_digits(const char **text, int n)
{
	int value = 0;

	for (int i = 0; i < n; i++) {
		char c = (*text)[i];

		if (c < '0' || c > '9')
			return -1;
		value = value * 10 + (c - '0');
	}
	*text += n;
	return value;
}

/* "HH:MM", "HH:MM:SS", "HH:MM:SS.fraction" */
static int take_clock(const char **text, struct tm *tm, uint64_t *ret_fraction_ns)
{
	uint64_t unit = NS_PER_S / 10, fraction = 0;

	tm->tm_hour = take_digits(text, 2);
	if (tm->tm_hour < 0 || tm->tm_hour > 23 || *(*text)++ != ':')
		return -EINVAL;
	tm->tm_min = take_digits(text, 2);
	if (tm->tm_min < 0 || tm->tm_min > 59)
		return -EINVAL;
	if (**text == ':') {
		(*text)++;
		tm->tm_sec = take_digits(text, 2);
		if (tm->tm_sec < 0 || tm->tm_sec > 60)
			return -EINVAL;
		if (**text == '.' && (*text)[1] >= '0' && (*text)[1] <= '9')
			for ((*text)++; **text >= '0' && **text <= '9'; (*text)++, unit /= 10)
				fraction += (uint64_t)(**text - '0') * unit;
	}
	*ret_fraction_ns = fraction;
	return 0;
}

/* "Z", "+02:00", or nothing for local time. */
static int take_zone(const char **text, bool *ret_local, int *ret_offset_s)
{
	int sign = **text == '-' ? -1 : 1, hours, minutes;

	*ret_local = false;
	*ret_offset_s = 0;
	if (**text == '\0') {
		*ret_local = true;
		return 0;
	}
	if (**text == 'Z' || **text == 'z') {
		(*text)++;
		return 0;
	}
	if (**text != '+' && **text != '-')
		return -EINVAL;
	(*text)++;
	hours = take_digits(text, 2);
	if (**text == ':')
		(*text)++;
	minutes = take_digits(text, 2);
	if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59)
		return -EINVAL;
	*ret_offset_s = sign * (hours * 3600 + minutes * 60);
	return 0;
}

static int take_date(const char **text, struct tm *tm)
{
	int year = take_digits(text, 4), month, day;

	if (year < 1970 || *(*text)++ != '-')
		return -EINVAL;
	month = take_digits(text, 2);
	if (month < 1 || month > 12 || *(*text)++ != '-')
		return -EINVAL;
	day = take_digits(text, 2);
	if (day < 1 || day > 31)
		return -EINVAL;
	tm->tm_year = year - 1900;
	tm->tm_mon = month - 1;
	tm->tm_mday = day;
	return 0;
}

static int parse_date(const char *text, uint64_t *ret_ns)
{
	struct tm tm = { .tm_isdst = -1 }, given;
	uint64_t fraction_ns = 0;
	int offset_s = 0;
	bool local = true;
	time_t seconds;

	if (take_date(&text, &tm) < 0)
		return -EINVAL;
	if (*text) {
		if (*text != 'T' && *text != 't' && *text != ' ')
			return -EINVAL;
		text++;
		if (take_clock(&text, &tm, &fraction_ns) < 0 || take_zone(&text, &local, &offset_s) < 0)
			return -EINVAL;
	}
	given = tm;
	seconds = local ? mktime(&tm) : timegm(&tm);
	/* The 31st of June becomes the 1st of July: that was not asked for. */
	if (*text || seconds < 0 || tm.tm_mday != given.tm_mday)
		return -EINVAL;
	if (seconds < offset_s)
		return -EINVAL;
	*ret_ns = (uint64_t)(seconds - offset_s) * NS_PER_S + fraction_ns;
	return 0;
}

static int parse_clock(const char *text, uint64_t now_ns, uint64_t *ret_ns)
{
	time_t now = (time_t)(now_ns / NS_PER_S), seconds;
	uint64_t fraction_ns;
	struct tm tm;

	localtime_r(&now, &tm);
	tm.tm_sec = 0;
	tm.tm_isdst = -1;
	if (take_clock(&text, &tm, &fraction_ns) < 0 || *text)
		return -EINVAL;
	seconds = mktime(&tm);
	if (seconds > now) {
		tm.tm_mday--;
		tm.tm_isdst = -1;
		seconds = mktime(&tm);
	}
	if (seconds < 0)
		return -EINVAL;
	*ret_ns = (uint64_t)seconds * NS_PER_S + fraction_ns;
	return 0;
}

int when_parse(const char *text, uint64_t now_ns, uint64_t *ret_ns)
{
	uint64_t ago_ns;

	if (duration_parse(text, false, &ago_ns) == 0) {
		*ret_ns = ago_ns < now_ns ? now_ns - ago_ns : 1;
		return 0;
	}
	if (strlen(text) >= 3 && text[2] == ':')
		return parse_clock(text, now_ns, ret_ns);
	return parse_date(text, ret_ns);
}

uint64_t when_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t when_monotonic_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

const char *when_clock(uint64_t ns, char buffer[32])
{
	time_t seconds = (time_t)(ns / NS_PER_S);
	struct tm tm;

	localtime_r(&seconds, &tm);
	snprintf(buffer, 32, "%02d:%02d:%02d.%03u", tm.tm_hour, tm.tm_min, tm.tm_sec,
		 (unsigned)(ns % NS_PER_S / 1000000));
	return buffer;
}

const char *when_date(uint64_t ns, char buffer[32])
{
	time_t seconds = (time_t)(ns / NS_PER_S);
	struct tm tm;

	localtime_r(&seconds, &tm);
	if (strftime(buffer, 32, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		buffer[0] = '\0';
	return buffer;
}

const char *when_span(uint64_t seconds, char buffer[32])
{
	unsigned long long s = seconds;

	if (s >= 86400)
		snprintf(buffer, 32, "%llu d %llu h", s / 86400, s % 86400 / 3600);
	else if (s >= 3600)
		snprintf(buffer, 32, "%llu h %llu min", s / 3600, s % 3600 / 60);
	else if (s >= 60)
		snprintf(buffer, 32, "%llu min %llu s", s / 60, s % 60);
	else
		snprintf(buffer, 32, "%llu s", s);
	return buffer;
}
