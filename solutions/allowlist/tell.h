/* SPDX-License-Identifier: Apache-2.0 */
/* Tell - a verdict and the event that came of it, as a finding. */
#ifndef ALLOWLIST_TELL_H
#define ALLOWLIST_TELL_H

#include "verdict.h"

#include <ringfort/client.h>

/**
 * tell() - report it, if it is worth it
 *
 * It is not when what the policy would have let pass failed for another reason: then nothing ran.
 * The event is a process.exec.
 *
 * Return: 0; a negative errno of ringfort_client_report().
 */
int tell(struct ringfort_client *client, const struct ringfort_event *event,
	 const struct verdict *verdict);

#endif
