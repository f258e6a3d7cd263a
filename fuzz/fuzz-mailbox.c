/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz-mailbox - any bytes as what a solution left in its mailbox.
 *
 * The first byte chooses: the shared memory itself (position, then the bytes of the ring), or one
 * message as the bytes of a finding, which is where a solution can say most.  What is taken for a
 * finding must bear to be written as JSON.
 */
#undef NDEBUG
#include "event/finding.h"
#include "event/json.h"
#include "ring/mailbox.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_finding(const void *bytes, size_t size)
{
	static struct finding_decoded decoded;
	static struct json json;

	if (finding_decode(bytes, size, &decoded) < 0)
		return;
	json_reset(&json);
	json_ocsf_event(&json, decoded.finding.event, "host");
	assert(json_text(&json));
	for (uint32_t i = 0; i < decoded.finding.n_matched; i++)
		assert(strlen(decoded.finding.matched[i].value) <= FINDING_MAX_VALUE);
}

static void one_finding(const uint8_t *data, size_t size)
{
	static _Alignas(8) unsigned char message[MAILBOX_MAX_MESSAGE];

	if (size > sizeof(message))
		return;
	memcpy(message, data, size);
	read_finding(message, size);
}

/* The layout is the mailbox's secret; the position stands first and the ring at the end. */
static void whole_mailbox(const uint8_t *data, size_t size)
{
	struct mailbox_message message;
	struct mailbox_progress progress;
	struct mailbox_reader *reader;
	unsigned char *map;
	struct stat st;
	int fd, turns = 0, r;

	assert(mailbox_create(&fd) == 0 && fstat(fd, &st) == 0);
	map = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert(map != MAP_FAILED);
	memcpy(map, data, size < 8 ? size : 8);
	if (size > 8)
		memcpy(map + st.st_size - MAILBOX_DATA_BYTES, data + 8,
		       size - 8 < MAILBOX_DATA_BYTES ? size - 8 : MAILBOX_DATA_BYTES);
	assert(mailbox_reader_open(&reader, fd) == 0);
	while ((r = mailbox_take(reader, &message)) != 0) {
		assert(r == 1 || r == -EBADMSG);
		/* Each turn gets on by at least a head: noise cannot keep the reader. */
		assert(++turns <= (int)(MAILBOX_DATA_BYTES / 8) + 1);
		if (r == 1 && message.kind == MAILBOX_FINDING)
			read_finding(message.data, message.size);
	}
	mailbox_read_progress(reader, &progress);
	mailbox_reader_close(reader);
	munmap(map, (size_t)st.st_size);
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] & 1)
		one_finding(data + 1, size - 1);
	else
		whole_mailbox(data + 1, size - 1);
	return 0;
}
