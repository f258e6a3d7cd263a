/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Last life - did the daemon before this one end in order?
 *
 * A file in the state folder stands while a daemon lives, and names the boot: one that is still there, of
 * this very boot, belongs to a daemon that was killed, or lost one of its processes.  After a power cut the
 * boot is another, and nothing is said.
 */
#ifndef RINGFORT_RINGFORTD_LAST_LIFE_H
#define RINGFORT_RINGFORTD_LAST_LIFE_H

/** last_life_begin() - 1: the one before ended out of order; 0: it did not; or a negative errno */
int last_life_begin(const char *state);

/** last_life_end() - this one ends in order */
void last_life_end(const char *state);

#endif
