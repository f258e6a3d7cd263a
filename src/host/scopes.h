/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scopes - where opens are decided: folders and file systems that the operator names.
 *
 * Not where the host itself lives: a solution that denied the C library, a log or the package manager's
 * database could not be told to stop any more.  So no scope is, holds or lies in one of those folders.
 * Of executions that is the critical set's matter; of opens there are too many to name each.
 *
 * Scopes are numbered: those of gate: open, then those of gate: open_filesystems.
 */
#ifndef RINGFORT_HOST_SCOPES_H
#define RINGFORT_HOST_SCOPES_H

#include "host/config.h"

#define SCOPES_MAX 16
#define SCOPES_MUST "be absolute paths, without . and .., and not where the system lives (/usr/local, /home, /srv, " \
		    "/opt, /tmp and /var/www are no such places)"

/** scopes_may_name() - is it a path that may be a scope? */
bool scopes_may_name(const char *path);

/** scopes_system() - the n-th folder of the host's own, or NULL: its file system is no scope either */
const char *scopes_system(uint32_t n);

uint32_t scopes_n(const struct config *config);

/** scopes_path() - of a number below scopes_n() */
const char *scopes_path(const struct config *config, uint32_t scope);

/** scopes_whole() - is it a file system? */
bool scopes_whole(const struct config *config, uint32_t scope);

/** scopes_of() - those in which a solution may take part, a bit each */
uint32_t scopes_of(const struct config *config, const struct config_solution *solution);

/** scopes_acts() - what somebody may be asked about or shown there: 1u << enum ringfort_act */
uint32_t scopes_acts(const struct config *config, uint32_t scope);

/** scopes_unknown() - a scope that a solution names and nobody else does, or NULL */
const char *scopes_unknown(const struct config *config, const struct config_solution *solution);

#endif
