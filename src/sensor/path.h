/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Path - what the bytes of a probe's path stand for.
 *
 * The probe walks a path from its leaf upwards and writes it so; here it is turned round.  Where
 * a call gave a path below a walked folder, both are joined.
 *
 * What is done to the string of a call is only what cannot make it name another file: "//" and
 * "/." go, and so does a "/" at the end; ".." right below a walked folder goes with the folder's
 * last name, for that folder is real and its parent is what stands before it.  A ".." after a
 * name of the call stays, since that name may be a symbolic link.
 *
 * Pure; no allocation.
 */
#ifndef RINGFORT_SENSOR_PATH_H
#define RINGFORT_SENSOR_PATH_H

#include <stdint.h>

/** path_bound() - room that path_turn() needs at most for length bytes, the closing NUL included */
static inline uint32_t path_bound(uint32_t length)
{
	return length + 3;
}

/**
 * path_turn() - write the path, NUL-terminated, to out
 * @quality: RINGFORT_QUALITY_*
 * @flags:   PROBE_FILE_* in the file's flags
 *
 * Return: its length.
 */
uint32_t path_turn(const char *bytes, uint32_t length, uint32_t quality, uint32_t flags, char *out);

#endif
