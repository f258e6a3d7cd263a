/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outside - images that the kernel asks nobody about, and what the operator says becomes of them.
 *
 * The probe ends them before their first instruction (event/backstop.h), the sensor tells control, and that
 * makes it a finding of our own.
 */
#ifndef RINGFORT_RINGFORTD_OUTSIDE_H
#define RINGFORT_RINGFORTD_OUTSIDE_H

#include "ringfortd/message.h"

#include <stdbool.h>

/** outside_kind() - enum backstop_kind, by the flags of a process.exec that has RINGFORT_EXEC_OUTSIDE */
uint32_t outside_kind(uint32_t exec_flags);

/** outside_name() - as the configuration calls a kind; outside_says() - a policy */
const char *outside_name(uint32_t kind);
const char *outside_says(uint32_t policy);

/** outside_can_stop() - processes have the same numbers for us as for the probe: not in a container */
bool outside_can_stop(void);

/** outside_killed() - what the sensor tells of a process.exec whose image was killed */
void outside_killed(struct message_killed *ret_killed, const struct ringfort_event *event);

#endif
