/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Footer - a line at the bottom of the terminal that keeps itself current.
 *
 * It asks ringfortd for its status once a second, over connections of its own that never block,
 * and shows events/s, what was lost and each solution's state.  The cursor stays at the
 * beginning of the footer, so taking it away is "erase to the end of the screen" and nothing
 * of the terminal's state needs to be restored.  Every function takes NULL: no footer.
 * Signals: while it is open SIGINT, SIGTERM and SIGHUP are only noted.
 */
#ifndef RINGFORT_CLI_FOOTER_H
#define RINGFORT_CLI_FOOTER_H

#include "cli/screen.h"

struct footer;

/** footer_open() - NULL when memory ends; screen and socket must outlive it */
struct footer *footer_open(const struct screen *screen, const char *socket);

/** footer_close() - erase it and give the signals back; returns NULL */
struct footer *footer_close(struct footer *footer);

/** footer_fd() - poll for POLLIN, or -1 */
int footer_fd(const struct footer *footer);

/** footer_due_ms() - call footer_turn() after this time at the latest; -1: no need */
int footer_due_ms(const struct footer *footer);

/** footer_turn() - ask, read an answer, draw: whatever is due */
void footer_turn(struct footer *footer);

/** footer_clear() - before lines are printed */
void footer_clear(struct footer *footer);

/** footer_draw() - after lines were printed */
void footer_draw(struct footer *footer);

/** footer_interrupted() - the number of the signal that asks us to end, or 0 */
int footer_interrupted(const struct footer *footer);

#endif
