/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compare - the readings of a text that are not strings: numbers, addresses, dates.
 *
 * Pure functions over bytes of any origin.
 */
#ifndef SIGMA_COMPARE_H
#define SIGMA_COMPARE_H

#include "../common/util.h"

/** compare_number() - read a decimal number, fraction and exponent allowed, nothing behind it.
 * A long double holds every 64-bit integer exactly. */
bool compare_number(const char *text, size_t n, long double *ret);

struct network {
	unsigned char address[16];
	unsigned int n_bits;
	bool v6;
};

enum network_fault {
	NETWORK_OK,
	NETWORK_NOT_ONE,   /* no address, or the number of bits is wrong */
	NETWORK_HOST_BITS, /* bits behind the prefix are set */
};

enum network_fault network_parse(struct network *ret, const char *text, size_t n);

/** network_has() - is the text an address inside? */
bool network_has(const struct network *network, const char *text, size_t n);

enum date_part {
	DATE_MINUTE,
	DATE_HOUR,
	DATE_DAY,
	DATE_WEEK, /* of ISO 8601 */
	DATE_MONTH,
	DATE_YEAR,
	_DATE_PART_N
};

/** date_part() - take a part from an ISO 8601 date or date and time, as written, no time zones.
 * A part that is not there (the hour of a bare date) is not found.  Return: found. */
bool date_part(const char *text, size_t n, enum date_part part, long *ret);

#endif
