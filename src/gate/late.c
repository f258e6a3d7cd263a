/* SPDX-License-Identifier: Apache-2.0 */
/* Late - does the gate still answer? */
#include "gate/late.h"

void late_begin(struct late *late, uint64_t n_answered)
{
	*late = (struct late){ .n_answered = n_answered };
}

bool late_look(struct late *late, bool waits, uint64_t n_answered)
{
	bool silent = n_answered == late->n_answered;

	late->n_answered = n_answered;
	if (!silent)
		late->n_silent = 0;
	if (!waits)
		return false;
	late->n_silent += silent;
	late->n_in_all++;
	return late->n_silent >= LATE_SILENT || late->n_in_all >= LATE_IN_ALL;
}
