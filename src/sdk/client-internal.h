/* SPDX-License-Identifier: Apache-2.0 */
/* Client - what its functions share (folder-internal). */
#ifndef RINGFORT_SDK_CLIENT_INTERNAL_H
#define RINGFORT_SDK_CLIENT_INTERNAL_H

#include <ringfort/client.h>

#include "event/finding.h"
#include "ring/broadcast.h"
#include "ring/mailbox.h"
#include "sdk/mute.h"
#include "sdk/wake.h"

#include <stdbool.h>

struct requests;

struct ringfort_client {
	struct ring_reader *ring;
	struct mailbox_writer *mailbox;
	struct mailbox_progress *progress;
	struct mutes *mutes;
	struct requests *requests; /* NULL: the operator lets it decide nothing */
	struct wake wake;
	unsigned int slot;
	bool subscribed;     /* if only to nothing */
	uint64_t types;
	uint64_t told_lost;  /* of all types, in our progress */
	uint64_t token;      /* of the last barrier: a time, so that no life has one of another */
	uint64_t generation; /* of the content that is loaded */
	_Alignas(8) unsigned char finding[FINDING_MAX_BYTES];
};

/* verdict.c: requests_open() stores NULL where RINGFORT_ASK is not set; NULL is allowed in the others */
int requests_open(struct requests **ret_requests);
struct requests *requests_close(struct requests *requests);
bool requests_waiting(const struct requests *requests);
int requests_renew(struct requests *requests); /* content is new: what was remembered of it is void */
uint32_t requests_net_granted(const struct requests *requests);
int requests_tell(struct requests *requests, uint32_t kind, const void *data, size_t n); /* 0 or -EAGAIN */

#endif
