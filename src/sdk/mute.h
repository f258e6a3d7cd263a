/* SPDX-License-Identifier: Apache-2.0 */
/* Mute - what a solution does not want to see; a small list, looked at for each event. */
#ifndef RINGFORT_SDK_MUTE_H
#define RINGFORT_SDK_MUTE_H

#include <ringfort/client.h>
#include <stdbool.h>

#define MUTES_MAX 256
#define MUTE_MAX_VALUE 4095

struct mutes;

struct mutes *mutes_new(void);
struct mutes *mutes_free(struct mutes *mutes);

/** mutes_add() - 0; -EINVAL; -ENOSPC; -ENOMEM.  mutes_remove(): 0 or -ENOENT. */
int mutes_add(struct mutes *mutes, enum ringfort_mute what, const char *value);
int mutes_remove(struct mutes *mutes, enum ringfort_mute what, const char *value);

/** mutes_match() - does any of them fit this event? */
bool mutes_match(const struct mutes *mutes, const struct ringfort_event *event);

#endif
