/* SPDX-License-Identifier: Apache-2.0 */
/* Tell - what was found in a file, and the event that came of it, as findings. */
#ifndef YARA_TELL_H
#define YARA_TELL_H

#include "verdict.h"

#include <ringfort/client.h>

#define TELL_NOT_SCANNED_ID "not-scanned" /* in the place of a rule */

/**
 * tell() - report it, if it is worth it: a finding for each rule, or one that says why it was not scanned
 *
 * It is not when what would have been let pass failed for another reason: then nothing ran.
 * The event is a process.exec or a file.modify.
 *
 * Return: how many findings could not be reported.
 */
size_t tell(struct ringfort_client *client, const struct ringfort_event *event,
	    const struct verdict *verdict);

#endif
