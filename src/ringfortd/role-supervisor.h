/* SPDX-License-Identifier: Apache-2.0 */
/* Role supervisor - starts first, dies last; owns the other roles and the solutions. */
#ifndef RINGFORT_RINGFORTD_ROLE_SUPERVISOR_H
#define RINGFORT_RINGFORTD_ROLE_SUPERVISOR_H

#include "host/config.h"
#include "ringfortd/paths.h"

/** role_supervisor() - run until a signal or a fault; leaves nothing behind.  An exit status. */
int role_supervisor(const struct paths *paths, const struct config *config);

#endif
