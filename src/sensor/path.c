/* SPDX-License-Identifier: Apache-2.0 */
/* Path - what the bytes of a probe's path stand for. */
#include "sensor/path.h"

#include "sensor/bpf/record.h"

#include <stdbool.h>
#include <string.h>

/* "bin\0usr\0" -> "/usr/bin"; the root has no names and gives "" */
static uint32_t turn_names(const char *bytes, uint32_t length, char *out)
{
	uint32_t end = length, used = 0;

	while (end > 0) {
		const char *nul;
		uint32_t begin;

		if (bytes[end - 1] == '\0') {
			end--;
			continue;
		}
		nul = memrchr(bytes, '\0', end);
		begin = nul ? (uint32_t)(nul - bytes) + 1 : 0;
		out[used++] = '/';
		memcpy(out + used, bytes + begin, end - begin);
		used += end - begin;
		end = begin;
	}
	return used;
}

/* Where the empty name stands that closes the folder's names; length when there is none. */
static uint32_t folder_end(const char *bytes, uint32_t length)
{
	uint32_t at = 0;

	while (at < length && bytes[at] != '\0') {
		const char *nul = memchr(bytes + at, '\0', length - at);

		if (!nul)
			return length;
		at = (uint32_t)(nul - bytes) + 1;
	}
	return at;
}

/* Append the names of a call's string to the folder that stands in out. */
static uint32_t append_call(const char *call, uint32_t length, char *out, uint32_t used)
{
	const char *end = call + length;
	bool below_walked = true;

	while (call < end) {
		const char *slash = memchr(call, '/', (size_t)(end - call));
		size_t n = (size_t)((slash ? slash : end) - call);

		if (n == 2 && call[0] == '.' && call[1] == '.' && below_walked) {
			const char *last = used ? memrchr(out, '/', used) : NULL;

			used = last ? (uint32_t)(last - out) : 0;
		} else if (n > 0 && !(n == 1 && call[0] == '.')) {
			out[used++] = '/';
			memcpy(out + used, call, n);
			used += (uint32_t)n;
			below_walked = false;
		}
		call += n + 1;
	}
	return used;
}

uint32_t path_turn(const char *bytes, uint32_t length, uint32_t quality, uint32_t flags, char *out)
{
	bool walked = flags & (PROBE_FILE_REVERSED | PROBE_FILE_RELATIVE);
	uint32_t used = 0, call = 0;

	if (walked) {
		call = flags & PROBE_FILE_RELATIVE ? folder_end(bytes, length) : length;
		used = turn_names(bytes, call, out);
		if (call < length)
			call++;
	}
	length = call + (uint32_t)strnlen(bytes + call, length - call);
	if (length > call && bytes[call] == '/')
		used = 0;

	/* Resolved by the kernel, or a relative string of which no folder is known: as it is. */
	if (!walked && (length == 0 || bytes[0] != '/' || quality == RINGFORT_QUALITY_RESOLVED)) {
		memcpy(out, bytes, length);
		out[length] = '\0';
		return length;
	}
	used = append_call(bytes + call, length - call, out, used);
	if (used == 0)
		out[used++] = '/';
	out[used] = '\0';
	return used;
}
