/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When - times as people write and read them.
 *
 * Nanoseconds of CLOCK_REALTIME inside; local time where a person writes no zone.
 */
#ifndef RINGFORT_CLI_WHEN_H
#define RINGFORT_CLI_WHEN_H

#include <stdbool.h>
#include <stdint.h>

/**
 * duration_parse() - "500ms", "1.5s", "5m", "2h", "1d"
 * @bare_is_seconds: allow "10" for ten seconds
 *
 * Return: 0, or -EINVAL.
 */
int duration_parse(const char *text, bool bare_is_seconds, uint64_t *ret_ns);

/**
 * when_parse() - a point in time
 *
 * A duration is that long before now; "14:30" or "14:30:05" is the last time the local clock
 * showed it; "2024-07-19", "2024-07-19 04:09" and RFC 3339 ("2024-07-19T04:09:00.5+02:00",
 * "...Z") are themselves, in local time where no zone is given.
 *
 * Return: 0, or -EINVAL.
 */
int when_parse(const char *text, uint64_t now_ns, uint64_t *ret_ns);

uint64_t when_now(void);

/** when_monotonic_ms() - CLOCK_MONOTONIC, for deadlines */
uint64_t when_monotonic_ms(void);

/** when_clock() - "14:30:05.123", local */
const char *when_clock(uint64_t ns, char buffer[32]);

/** when_date() - "2024-07-19 14:30:05", local */
const char *when_date(uint64_t ns, char buffer[32]);

/** when_span() - "2 d 3 h", "5 min 2 s": a number of seconds for a person */
const char *when_span(uint64_t seconds, char buffer[32]);

#endif
