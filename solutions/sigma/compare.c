/* SPDX-License-Identifier: Apache-2.0 */
/* Compare - see compare.h */
#include "compare.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define MAX_NUMBER 64 /* longer texts are not taken for numbers */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

bool compare_number(const char *text, size_t n, long double *ret)
{
	char buffer[MAX_NUMBER + 1];
	size_t digits = 0;
	char *end;

	if (!n || n > MAX_NUMBER)
		return false;
	/* Keep strtold() from what only it takes for a number: blanks, 0x10, inf, nan. */
	for (size_t i = 0; i < n; i++) {
		digits += is_digit(text[i]);
		if (!is_digit(text[i]) && !strchr("+-.eE", text[i] ? text[i] : 'x'))
			return false;
	}
	if (!digits)
		return false;
	memcpy(buffer, text, n);
	buffer[n] = 0;
	*ret = strtold(buffer, &end);
	return end == buffer + n;
}

static bool parse_address(unsigned char *ret, bool *ret_v6, const char *text, size_t n)
{
	char buffer[INET6_ADDRSTRLEN];

	if (!n || n >= sizeof(buffer) || memchr(text, 0, n))
		return false;
	memcpy(buffer, text, n);
	buffer[n] = 0;
	*ret_v6 = memchr(text, ':', n);
	return inet_pton(*ret_v6 ? AF_INET6 : AF_INET, buffer, ret) == 1;
}

static bool parse_bits(const char *text, size_t n, unsigned int max, unsigned int *ret)
{
	*ret = 0;
	if (!n || n > 3)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!is_digit(text[i]))
			return false;
		*ret = *ret * 10 + (unsigned int)(text[i] - '0');
	}
	return *ret <= max;
}

/* Bit i of an address, the first one first. */
static bool bit(const unsigned char *address, unsigned int i)
{
	return address[i / 8] >> (7 - i % 8) & 1;
}

enum network_fault network_parse(struct network *ret, const char *text, size_t n)
{
	const char *slash = memchr(text, '/', n);
	size_t n_address = slash ? (size_t)(slash - text) : n;
	unsigned int n_all;

	memset(ret, 0, sizeof(*ret));
	if (!parse_address(ret->address, &ret->v6, text, n_address))
		return NETWORK_NOT_ONE;
	n_all = ret->v6 ? 128 : 32;
	ret->n_bits = n_all;
	if (slash && !parse_bits(slash + 1, n - n_address - 1, n_all, &ret->n_bits))
		return NETWORK_NOT_ONE;
	for (unsigned int i = ret->n_bits; i < n_all; i++)
		if (bit(ret->address, i))
			return NETWORK_HOST_BITS;
	return NETWORK_OK;
}

bool network_has(const struct network *network, const char *text, size_t n)
{
	unsigned char address[16] = { 0 };
	unsigned int n_whole = network->n_bits / 8, rest = network->n_bits % 8;
	bool v6;

	if (!parse_address(address, &v6, text, n) || v6 != network->v6)
		return false;
	if (memcmp(address, network->address, n_whole))
		return false;
	return !rest || !((address[n_whole] ^ network->address[n_whole]) >> (8 - rest));
}

struct date {
	long year, month, day, hour, minute;
	bool has_time;
};

static bool take_number(const char **p, const char *end, unsigned int n_digits, long *ret)
{
	*ret = 0;
	if (end - *p < (long)n_digits)
		return false;
	for (unsigned int i = 0; i < n_digits; i++, (*p)++) {
		if (!is_digit(**p))
			return false;
		*ret = *ret * 10 + (**p - '0');
	}
	return true;
}

static bool take_sign(const char **p, const char *end, const char *signs)
{
	if (*p == end || !**p || !strchr(signs, **p))
		return false;
	(*p)++;
	return true;
}

static bool is_leap(long year)
{
	return year % 4 == 0 && (year % 100 || year % 400 == 0);
}

static long days_in_month(long year, long month)
{
	static const long days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return days[month - 1] + (month == 2 && is_leap(year));
}

/* Seconds, fractions and the zone may follow; they are no part that anyone asks for. */
static bool parse_date(const char *text, size_t n, struct date *ret)
{
	const char *p = text, *end = text + n;

	memset(ret, 0, sizeof(*ret));
	if (!take_number(&p, end, 4, &ret->year) || !take_sign(&p, end, "-") ||
	    !take_number(&p, end, 2, &ret->month) || !take_sign(&p, end, "-") ||
	    !take_number(&p, end, 2, &ret->day))
		return false;
	if (!ret->year || ret->month < 1 || ret->month > 12 || ret->day < 1 ||
	    ret->day > days_in_month(ret->year, ret->month))
		return false;
	if (p == end)
		return true;
	if (!take_sign(&p, end, "Tt ") || !take_number(&p, end, 2, &ret->hour) ||
	    !take_sign(&p, end, ":") || !take_number(&p, end, 2, &ret->minute))
		return false;
	ret->has_time = true;
	return ret->hour < 24 && ret->minute < 60 && (p == end || (*p && strchr(":Zz+-.", *p)));
}

static long day_of_year(const struct date *date)
{
	long n = date->day;

	for (long month = 1; month < date->month; month++)
		n += days_in_month(date->year, month);
	return n;
}

/* 1 Monday to 7 Sunday; 1 January of year 1 was a Monday. */
static long weekday(long year, long day)
{
	long y = year - 1;

	return (y * 365 + y / 4 - y / 100 + y / 400 + day - 1) % 7 + 1;
}

static long weeks_in_year(long year)
{
	long first = weekday(year, 1);

	return first == 4 || (first == 3 && is_leap(year)) ? 53 : 52;
}

static long iso_week(const struct date *date)
{
	long day = day_of_year(date);
	long week = (day - weekday(date->year, day) + 10) / 7;

	if (week < 1)
		return weeks_in_year(date->year - 1);
	return week > weeks_in_year(date->year) ? 1 : week;
}

bool date_part(const char *text, size_t n, enum date_part part, long *ret)
{
	struct date date;

	if (!parse_date(text, n, &date))
		return false;
	switch (part) {
	case DATE_MINUTE:
		*ret = date.minute;
		return date.has_time;
	case DATE_HOUR:
		*ret = date.hour;
		return date.has_time;
	case DATE_DAY:
		*ret = date.day;
		return true;
	case DATE_WEEK:
		*ret = iso_week(&date);
		return true;
	case DATE_MONTH:
		*ret = date.month;
		return true;
	case DATE_YEAR:
		*ret = date.year;
		return true;
	default:
		return false;
	}
}
