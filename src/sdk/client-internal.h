/* SPDX-License-Identifier: Apache-2.0 */
/* Client - what its functions share (folder-internal). */
#ifndef RINGFORT_SDK_CLIENT_INTERNAL_H
#define RINGFORT_SDK_CLIENT_INTERNAL_H

#include <ringfort/client.h>

#include "event/finding.h"
#include "ring/broadcast.h"
#include "ring/mailbox.h"
#include "sdk/mute.h"

struct ringfort_client {
	struct ring_reader *ring;
	struct mailbox_writer *mailbox;
	struct mailbox_progress *progress;
	struct mutes *mutes;
	int wake_fd;
	unsigned int slot;
	uint64_t types;      /* subscribed */
	uint64_t told_lost;  /* of all types, in our progress */
	uint64_t token;      /* of the last barrier */
	uint64_t generation; /* of the content that is loaded */
	_Alignas(8) unsigned char finding[FINDING_MAX_BYTES];
};

#endif
