/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding as bytes - how a finding travels through a mailbox, and how it is read there.
 *
 * Encoding is the SDK's; decoding is done by the control process on bytes that a solution wrote,
 * so every number and string is checked.  A decoded finding points into the bytes it came from.
 */
#ifndef RINGFORT_EVENT_FINDING_H
#define RINGFORT_EVENT_FINDING_H

#include <ringfort/finding.h>
#include <stddef.h>
#include <stdint.h>

#define FINDING_MAX_BYTES 98304u
#define FINDING_MAX_STRING 1024u
#define FINDING_MAX_VALUE 4096u
#define FINDING_MAX_REFERENCES 32u
#define FINDING_MAX_TAGS 64u
#define FINDING_MAX_MATCHED 64u

/**
 * finding_encode() - write a finding into buffer
 * @buffer: FINDING_MAX_BYTES bytes, 8-byte aligned
 *
 * Return: bytes used, or -EINVAL.
 */
int finding_encode(const struct ringfort_finding *finding, void *buffer);

/* A finding with room for what its arrays point at. */
struct finding_decoded {
	struct ringfort_finding finding;
	const char *references[FINDING_MAX_REFERENCES];
	const char *tags[FINDING_MAX_TAGS];
	struct ringfort_matched matched[FINDING_MAX_MATCHED];
};

/**
 * finding_decode() - check bytes and point into them
 * @data: size bytes, 8-byte aligned, private to the caller; must outlive *ret_finding
 *
 * Return: 0, or -EBADMSG.
 */
int finding_decode(const void *data, size_t size, struct finding_decoded *ret_finding);

/** finding_level_name() - "informational" ... "critical" */
const char *finding_level_name(enum ringfort_level level);

#endif
